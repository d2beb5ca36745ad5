/**
 * A prompt -> the persona's next turn as bubbles. The same engine, weights, prompt, seed and sampling give the same
 * bubbles. Not covered: whether they may be sent (guard.ts), and choosing among several (the bot asks with more seeds).
 */
import type { Engine } from '../model/engine.ts';
import { generate } from '../model/generate.ts';
import { chatIds, decodeReply, type Bubble, type ChatIds } from '../tokenizer/chat-format.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import type { SamplingOptions } from '../types.ts';
import { createRandom } from '../util/random.ts';

/** More messages in a row than this are a flood, whatever the persona's habit. */
const maxBubbles = 4;
/** Longer than any reply that the guard lets pass (500 characters). */
export const defaultMaxNewTokens = 200;

/** What a chat shows as a box or not at all: control characters but tab and newline, and bytes that were no UTF-8. */
const unprintable = /(?![\t\n])\p{Cc}|\uFFFD/gu;

export interface ComposeOptions {
  seed: number;
  sampling: SamplingOptions;
  maxNewTokens?: number;
}

/** @returns up to four bubbles, none empty; no bubble when the model stays silent */
export async function compose(
  engine: Engine,
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  { seed, sampling, maxNewTokens = defaultMaxNewTokens }: ComposeOptions,
): Promise<Bubble[]> {
  const random = createRandom(seed);
  const special = chatIds(tokenizer);
  const { end, bannedInReplies: banned } = special;
  const ids = await generate(engine, promptIds, { sampling, banned, stop: [end], maxNewTokens, random });
  return tidyBubbles(decodeReply(wholeBubbles(ids, special), tokenizer));
}

/** Without the last bubble where length cut it off, unless it is the only one. */
function wholeBubbles(ids: readonly number[], { end, msg }: ChatIds): readonly number[] {
  if (ids.at(-1) === end) return ids;
  const lastWhole = ids.lastIndexOf(msg);
  return lastWhole === -1 ? ids : ids.slice(0, lastWhole);
}

function tidyBubbles(bubbles: readonly Bubble[]): Bubble[] {
  return bubbles
    .map((bubble) => ({ ...bubble, text: bubble.text.replaceAll(unprintable, '').trim() }))
    .filter(({ text }) => text !== '')
    .slice(0, maxBubbles);
}
