/**
 * A prompt -> candidates for the persona's next turn, best first. Without a budget, the same engine, weights, prompt, seed and sampling give
 * the same candidates, and each can be made again alone from its own seed. Not covered: whether one may be sent (guard.ts).
 */
import type { Engine } from '../model/engine.ts';
import { generateCandidates } from '../model/generate.ts';
import { parameterCount } from '../model/sizes.ts';
import { chatIds, decodeReply, type Bubble, type ChatIds } from '../tokenizer/chat-format.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import type { BackendName, ModelConfig, SamplingOptions } from '../types.ts';
import { rank, type Draft, type RankedReply } from './rank.ts';

/** More messages in a row than this are a flood, whatever the persona's habit. */
const maxBubbles = 4;
/** Longer than any reply that the guard lets pass (500 characters). */
export const defaultMaxNewTokens = 200;
/** Most candidates for one reply; a request uses up to so many seeds from its own on. */
export const maxCandidates = 16;
/** Fewest: the guard refuses some. */
const minCandidates = 4;
/** Fewest that are finished where a budget is used up. */
const fewestOnBusy = 3;
/** Ids of a usual reply: what a budget is shared out by. */
const usualTokens = 30;
/**
 * Weights times candidates that two cores compute for a reply of 30 tokens in about half a second, by the rates of
 * bench/results/generate.json (`bench/reply-rank.ts --latency` measures it).
 */
const affordableWeights = 170e6;

/** What a chat shows as a box or not at all: control characters but tab and newline, and bytes that were no UTF-8. */
const unprintable = /(?![\t\n])\p{Cc}|\uFFFD/gu;

export interface ComposeOptions {
  /** of the first candidate; the next ones count up from it */
  seed: number;
  sampling: SamplingOptions;
  maxNewTokens?: number;
  /** how many are sampled; default: what this network can do in time (`affordableCandidates`) */
  candidates?: number;
  /** time for sampling: on a busy machine fewer of them are finished. Default: none, and the same request has one answer */
  budgetMs?: number;
  /** as `rank` takes it */
  unknownWords?: (text: string) => string[];
}

/** @returns different candidates of up to four bubbles each, best first; none where the model has nothing whole to say */
export async function compose(
  engine: Engine,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  options: ComposeOptions,
): Promise<RankedReply[]> {
  const drafts = await draftReplies(engine, tokenizer, promptIds, options);
  return await rank(engine, tokenizer, drafts, options.unknownWords);
}

/** The same as they were sampled: in the order of their seeds, none left out. A draft that was cut off does not end in `<|end|>`. */
export async function draftReplies(
  engine: Engine,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  { seed, sampling, maxNewTokens = defaultMaxNewTokens, candidates, budgetMs }: ComposeOptions,
): Promise<Draft[]> {
  const count = candidates ?? affordableCandidates(engine);
  const seeds = Array.from({ length: count }, (_, i) => seed + i);
  const special = chatIds(tokenizer);
  const { end, bannedInReplies: banned } = special;
  const budget = budgetMs === undefined ? {} : { budget: { ms: budgetMs, tokens: usualTokens, atLeast: fewestOnBusy } };
  const options = { sampling, banned, stop: [end], maxNewTokens, ...budget };
  const drawn = await generateCandidates(engine, promptIds, seeds, options);
  return drawn.flatMap((candidate, i) => {
    if (candidate.isGivenUp === true) return [];
    const ids = wholeBubbles(candidate.ids, special);
    const logProbabilities = candidate.logProbabilities.slice(0, ids.length);
    return [{ seed: seeds[i]!, ids, logProbabilities, bubbles: tidyBubbles(decodeReply(ids, tokenizer)) }];
  });
}

/** How many candidates a network samples for a reply in time: fewer of a large one, 16 on a GPU. */
export function affordableCandidates({ backend, config }: { backend: BackendName; config: ModelConfig }): number {
  if (backend === 'cuda' || backend === 'webgpu') return maxCandidates;
  return Math.max(minCandidates, Math.min(maxCandidates, Math.floor(affordableWeights / parameterCount(config))));
}

/** Without the last bubble where length cut it off. */
function wholeBubbles(ids: readonly number[], { end, msg }: ChatIds): readonly number[] {
  return ids.at(-1) === end ? ids : ids.slice(0, ids.lastIndexOf(msg) + 1);
}

function tidyBubbles(bubbles: readonly Bubble[]): Bubble[] {
  return bubbles
    .map((bubble) => ({ ...bubble, text: bubble.text.replaceAll(unprintable, '').trim() }))
    .filter(({ text }) => text !== '')
    .slice(0, maxBubbles);
}
