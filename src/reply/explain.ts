/**
 * A reply with everything behind it, for the playground: every candidate that was drawn with its scores, those that the
 * ranking leaves out with why, and how likely the network found each id of one of them. The candidates are those of
 * `compose` for the same request. Not covered: which may be said (guard.ts), and what was disliked (disliked.ts).
 */
import type { Engine } from '../model/engine.ts';
import { drawChances, logProbabilityOf } from '../model/sample.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, specialTokens } from '../tokenizer/chat-format.ts';
import type { BackendName, ConversationMessage, SamplingOptions } from '../types.ts';
import { draftReplies, type ComposeOptions } from './compose.ts';
import { rank, repeatsItself, type Draft } from './rank.ts';

/** A question to exactly one run. */
export interface ExplainRequest {
  runId: string;
  /** messages of one chat, newest last */
  context: readonly ConversationMessage[];
  /** of the first candidate; the next ones count up from it */
  seed: number;
  sampling: SamplingOptions;
}

/** Why the ranking does not take a candidate into account. */
export type LeftOutReason = 'empty' | 'repeats itself' | 'the same again';

export interface ExplainedCandidate {
  seed: number;
  /** bubbles as they would be sent */
  bubbles: string[];
  /** ids of its whole bubbles, `<|end|>` with them */
  ids: number[];
  /** null where it was left out: then nothing was computed of it */
  scores: { information: number; agreement: number; score: number } | null;
  leftOut: LeftOutReason | null;
  /** words that nobody wrote: then it stands behind those without */
  unknownWords: string[];
}

export interface Explained {
  runId: string;
  backend: BackendName;
  /** best first, then those that were left out, by their seeds */
  candidates: ExplainedCandidate[];
  /** ids of the prompt */
  promptTokens: number;
  /** 99th percentile of the persona's message length, in UTF-16 code units */
  personaP99Chars: number;
  latencyMs: number;
}

/** How likely each id of a candidate was, drawn for the same request. */
export interface TraceRequest extends Omit<ExplainRequest, 'seed'> {
  ids: readonly number[];
}

export interface TracedToken {
  /** what it says, or the name of a special token; '' where it goes on with a character that the id before began */
  text: string;
  isSpecial: boolean;
  /** of the plain model: temperature 1, nothing banned */
  probability: number;
  /** as it was drawn, after temperature, top-k, top-p, min-p and penalty; 0: only by a rounding */
  drawn: number;
  /** the likeliest other ids under the plain model, likeliest first; `drawn` 0: the settings cut it off */
  others: { text: string; isSpecial: boolean; probability: number; drawn: number }[];
}

/** Alternatives of each id. */
const othersShown = 5;

export async function explainReplies(
  engine: Engine,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  { seed, sampling, unknownWords }: Pick<ComposeOptions, 'seed' | 'sampling' | 'unknownWords'>,
): Promise<ExplainedCandidate[]> {
  const drafts = await draftReplies(engine, tokenizer, promptIds, { seed, sampling });
  const draftOf = new Map(drafts.map((draft) => [draft.seed, draft]));
  const ranked = await rank(engine, tokenizer, drafts, unknownWords);
  const chosen = new Set(ranked.map((reply) => reply.seed));
  return [
    ...ranked.map(({ information, agreement, score, unknownWords: unknown, ...reply }) => ({
      ...shown(draftOf.get(reply.seed)!),
      scores: { information, agreement, score },
      leftOut: null,
      unknownWords: unknown,
    })),
    ...drafts
      .filter((draft) => !chosen.has(draft.seed))
      .map((draft) => ({ ...shown(draft), scores: null, leftOut: whyLeftOut(draft), unknownWords: [] })),
  ];
}

const shown = ({ seed, bubbles, ids }: Draft): Pick<ExplainedCandidate, 'seed' | 'bubbles' | 'ids'> => ({
  seed,
  bubbles: bubbles.map(({ text }) => text),
  ids: [...ids],
});

/** In the order in which `rank` asks. */
function whyLeftOut({ bubbles }: Draft): LeftOutReason {
  if (bubbles.length === 0) return 'empty';
  return repeatsItself(bubbles) ? 'repeats itself' : 'the same again';
}

/** Goes through the reply id by id, as it was drawn. */
export async function traceReply(
  engine: Engine,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  { ids, sampling }: Pick<TraceRequest, 'ids' | 'sampling'>,
): Promise<TracedToken[]> {
  const special = chatIds(tokenizer);
  const text = speller(tokenizer);
  const cache = engine.startCache();
  const tokens: TracedToken[] = [];
  try {
    let next: readonly number[] = promptIds;
    for (const [at, id] of ids.entries()) {
      if (cache.length + next.length > engine.config.contextLength) break;
      const logits = await cache.append(next);
      const drawn = drawChances(logits, ids.slice(0, at), sampling, { banned: special.bannedInReplies });
      const about = (of: number) => ({
        text: text([of]),
        isSpecial: tokenizer.isSpecial(of),
        probability: Math.exp(logProbabilityOf(logits, of)),
        drawn: drawn.get(of) ?? 0,
      });
      tokens.push({ ...about(id), others: likeliest(logits, id).map(about) });
      next = [id];
    }
  } finally {
    cache.dispose();
  }
  joinCharacters(tokens, ids, tokenizer, text);
  return tokens;
}

/** The likeliest ids but this one. */
function likeliest(logits: Float32Array, but: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (id === but) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--;
    if (at < othersShown) best.splice(at, 0, id);
    if (best.length > othersShown) best.pop();
  }
  return best;
}

function speller(tokenizer: Tokenizer): (ids: readonly number[]) => string {
  const nameOf = new Map(specialTokens.map((name) => [tokenizer.specialId(name), name]));
  return (ids) => (ids.length === 1 ? nameOf.get(ids[0]!) : undefined) ?? tokenizer.decode(ids);
}

/** Longest run of ids that is one character, should its bytes never become one. */
const maxPieces = 16;

/** An id may be a part of a character: then the first of them says it whole, and the others nothing. */
function joinCharacters(
  tokens: TracedToken[],
  ids: readonly number[],
  tokenizer: Tokenizer,
  text: (ids: readonly number[]) => string,
): void {
  for (let at = 0; at < tokens.length;) {
    let end = at + 1;
    while (
      tokens[at]!.text.includes('\ufffd') &&
      end - at < maxPieces &&
      end < tokens.length &&
      !tokenizer.isSpecial(ids[end]!)
    ) {
      tokens[end]!.text = '';
      tokens[at]!.text = text(ids.slice(at, ++end));
    }
    at = end;
  }
}
