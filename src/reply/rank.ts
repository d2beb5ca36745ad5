/**
 * Which of several candidates for a reply is the best. Those of a bad shape go; the others are ranked by two things, each
 * standardised over the candidates, with equal weight:
 * - information: how much likelier the context makes the text, log p(text | context) - log p(text). It is the "anti-language
 *   model" objective of Li et al. 2016 (A Diversity-Promoting Objective Function for Neural Conversation Models, MMI-antiLM
 *   with lambda 1); likelihood alone puts the short and bland first;
 * - agreement: mean word F1 with the other candidates, which is minimum Bayes risk under the network's own samples (Kumar &
 *   Byrne 2004; Eikema & Aziz 2020); a sample that went astray shares little with the others.
 * Chosen among other scores by bench/reply-rank.ts. One with a word that nobody wrote (unknown-words.ts) goes behind all without,
 * whatever its score. Not covered: whether a reply may be sent (guard.ts).
 */
import type { Engine } from '../model/engine.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, type Bubble } from '../tokenizer/chat-format.ts';
import type { TokenBatch } from '../types.ts';

/** A candidate as it was sampled. */
export interface Draft {
  /** of its random stream; with it and one candidate asked for, `compose` gives this one again */
  seed: number;
  /** ids of its whole bubbles */
  ids: readonly number[];
  /** of each id after the context, natural logarithm */
  logProbabilities: readonly number[];
  bubbles: Bubble[];
}

export interface RankedReply {
  seed: number;
  /** one to four, none empty */
  bubbles: Bubble[];
  /** nats that the context adds to the log-probability of the text */
  information: number;
  /** mean word F1 with the other candidates, 0 to 1 */
  agreement: number;
  /** what the order goes by; means nothing beyond this request */
  score: number;
  /** words that nobody wrote: then it stands behind those without */
  unknownWords: string[];
}

type Scoring = Pick<Engine, 'config' | 'tokenLosses'>;

/** Candidates scored in one batch: memory, not results, depends on it. */
const batchRows = 16;

/**
 * Drops what is empty, repeats itself, or says the same as another, and puts the best first; equals stay in order.
 * @param drafts of one prompt
 * @param unknownWords of a text; default: every word is known
 */
export async function rank(
  engine: Scoring,
  tokenizer: Tokenizer,
  drafts: readonly Draft[],
  unknownWords: (text: string) => string[] = () => [],
): Promise<RankedReply[]> {
  const { bos, persona, isMark } = chatIds(tokenizer);
  const usable = withoutDoubles(drafts.filter(({ bubbles }) => bubbles.length > 0 && !repeatsItself(bubbles)));
  const alone = await textLogProbabilities(
    engine,
    tokenizer,
    [bos, persona],
    usable.map(({ ids }) => ids),
  );
  const information = usable.map(({ ids, logProbabilities }, i) => {
    const inContext = logProbabilities.reduce((sum, nats, at) => (isMark(ids[at]!) ? sum : sum + nats), 0);
    return inContext - alone[i]!;
  });
  const agreement = agreements(usable.map(({ bubbles }) => bubbles.flatMap(({ text }) => wordsOf(text))));
  const parts = [standardised(information), standardised(agreement)];
  return usable
    .map(({ seed, bubbles }, i) => ({
      seed,
      bubbles,
      information: information[i]!,
      agreement: agreement[i]!,
      score: parts.reduce((sum, part) => sum + part[i]!, 0),
      unknownWords: unknownWords(bubbles.map(({ text }) => text).join('\n')),
    }))
    .sort((a, b) => Number(a.unknownWords.length > 0) - Number(b.unknownWords.length > 0) || b.score - a.score);
}

/** Of each text the mean word F1 with the others; 0 where there is no other. */
export function agreements(texts: readonly (readonly string[])[]): number[] {
  const others = Math.max(1, texts.length - 1);
  return texts.map((words, i) => {
    let sum = 0;
    for (const [j, other] of texts.entries()) if (j !== i) sum += wordF1(words, other);
    return sum / others;
  });
}

/** Harmonic mean of precision and recall of the words, each counted as often as it stands in both; 0 for two empty texts. */
export function wordF1(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of a) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    common++;
    left.set(word, count - 1);
  }
  return common === 0 ? 0 : (2 * common) / (a.length + b.length);
}

/** Mean 0, standard deviation 1; all 0 where the values are the same. */
export function standardised(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (deviation === 0 ? 0 : (value - mean) / deviation));
}

function withoutDoubles(drafts: readonly Draft[]): Draft[] {
  const seen = new Set<string>();
  return drafts.filter(({ bubbles }) => {
    const text = JSON.stringify(bubbles.map((bubble) => bubble.text));
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

/**
 * What small networks fall into and people hardly write: the same bubble twice in one turn, or a phrase of two to eight
 * words said twice running. One word over and over ("no no no") is fine.
 */
export function repeatsItself(bubbles: readonly Pick<Bubble, 'text'>[]): boolean {
  const texts = bubbles.map(({ text }) => wordsOf(text));
  const spoken = texts.map((words) => words.join(' ')).filter((text) => text !== '');
  return new Set(spoken).size < spoken.length || texts.some(hasRunningPhrase);
}

const longestPhrase = 8;

function hasRunningPhrase(words: readonly string[]): boolean {
  for (let length = 2; length <= longestPhrase; length++) {
    for (let at = 0; at + 2 * length <= words.length; at++) {
      const phrase = words.slice(at, at + length);
      const isOneWord = new Set(phrase).size === 1;
      if (!isOneWord && phrase.every((word, i) => word === words[at + length + i])) return true;
    }
  }
  return false;
}

/** Words in lower case. */
export const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’]\p{L}+)*/gu) ?? [];

/**
 * Natural logarithm of the probability of each reply's text after a prompt, under the plain model. Text is words,
 * `<|msg|>` and `<|end|>`; gap and quote marks are read but cost nothing. What does not fit the context is left out.
 * @param promptIds ids up to `<|persona|>`
 * @param replies ids of each reply
 */
export async function textLogProbabilities(
  engine: Scoring,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  replies: readonly (readonly number[])[],
): Promise<number[]> {
  const { isMark } = chatIds(tokenizer);
  const sums: number[] = [];
  for (let from = 0; from < replies.length; from += batchRows) {
    const rows = replies.slice(from, from + batchRows);
    const batch = teacherForced(promptIds, rows, isMark, engine.config.contextLength);
    const losses = await engine.tokenLosses(batch);
    for (let row = 0; row < rows.length; row++) {
      let sum = 0;
      for (const nats of losses.subarray(row * batch.length, (row + 1) * batch.length)) sum -= nats;
      sums.push(sum);
    }
  }
  return sums;
}

/** Rows of prompt and reply, padded to one length; targets are the reply's ids that are no marks. */
function teacherForced(
  promptIds: readonly number[],
  replies: readonly (readonly number[])[],
  isMark: (id: number) => boolean,
  contextLength: number,
): TokenBatch {
  const longest = Math.max(...replies.map((ids) => ids.length));
  const length = Math.min(contextLength, promptIds.length + longest - 1);
  const inputs = new Int32Array(replies.length * length);
  const targets = new Int32Array(replies.length * length).fill(-1);
  replies.forEach((ids, row) => {
    const all = [...promptIds, ...ids].slice(0, length + 1);
    inputs.set(all.slice(0, -1), row * length);
    for (let at = promptIds.length; at < all.length; at++) {
      if (!isMark(all[at]!)) targets[row * length + at - 1] = all[at]!;
    }
  });
  return { inputs, targets, batchSize: replies.length, length };
}
