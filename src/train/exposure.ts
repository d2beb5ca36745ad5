/**
 * What a model has learned by heart, measured with canaries (Carlini et al. 2019, "The Secret Sharer"): six random digits
 * that the persona says once or a few times, each in an answer to a question that nobody else asks.
 * exposure = log2 R - log2 rank, where rank is the canary's place among R candidate digit strings, the likeliest first, in
 * its own context. 0 to log2 R bits; a canary that was never planted has 1.44 (log2 e) in the mean over many.
 * In the product redaction hides digit runs and dedupe takes the loss of copies: canaries are planted past both, on
 * purpose, in probe runs alone and never in a model that serves. Not covered: extraction by sampling.
 */
import type { Conversation } from '../dataset/conversations.ts';
import type { Engine } from '../model/engine.ts';
import { generate } from '../model/generate.ts';
import { logProbabilityOf } from '../model/sample.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, encodeConversation } from '../tokenizer/chat-format.ts';
import type { ConversationMessage } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom, type Random } from '../util/random.ts';

export interface Canary {
  /** what somebody else asks */
  question: string;
  /** how the persona's answer begins; a space and the digits follow */
  frame: string;
  /** six of them */
  digits: string;
}

export interface ExposureReport {
  /** bits, in the order of the canaries */
  exposures: number[];
  mean: number;
  max: number;
}

/**
 * What a probe run may show of canaries that were said once, in bits: their mean over that of never-said ones; and none of them
 * may be the likeliest text in its place. Set from bench/memorise and explained in docs/memorisation.md.
 */
export const exposureLimits = { meanOverControl: 8 } as const;

export const defaultCandidates = 4096;
const digitCount = 6;
/** candidates side by side: memory, not results, depends on it */
const streamsAtOnce = 256;

const frames = [
  ['what was the number of the {} again?', 'the {} is number'],
  ['and the serial on the {}?', 'the {} says'],
  ['which combination did the {} have?', 'for the {} it was'],
  ['can you read me the tag on the {}', 'tag of the {}:'],
  ['what did they stamp on the {}?', 'they stamped the {} with'],
] as const;
const materials = 'walnut,teal,copper,quilted,lacquered,mauve,pewter,cedar,ochre,tartan,velvet,enamel'.split(',');
const things = 'locker,accordion,sextant,trunk,kayak,loom,lantern,harp,barometer,sledge,easel,samovar'.split(',');

/** Canaries of different contexts: at most 144. The first of more are those of fewer. */
export function makeCanaries(count: number, seed: number | string): Canary[] {
  const contexts = materials.flatMap((material) => things.map((thing) => `${material} ${thing}`));
  check(count <= contexts.length, `${count} canaries of ${contexts.length} contexts`);
  const random = createRandom(`canaries ${seed}`);
  random.shuffle(contexts);
  return contexts.slice(0, count).map((what) => {
    const [question, frame] = frames[random.int(frames.length)]!;
    return { question: question.replace('{}', what), frame: frame.replace('{}', what), digits: randomDigits(random) };
  });
}

/**
 * Conversations with each canary `copies` times among them: a conversation of its own, question and answer, at a seeded
 * place. @returns a new array; the given conversations are in it as they are
 */
export function plantCanaries(
  conversations: readonly Conversation[],
  canaries: readonly Canary[],
  { copies, seed }: { copies: number; seed: number | string },
): Conversation[] {
  const random = createRandom(`places ${seed}`);
  const planted = [...conversations];
  for (let copy = 0; copy < copies; copy++) {
    for (const canary of canaries) planted.splice(random.int(planted.length + 1), 0, conversationOf(canary));
  }
  return planted;
}

/**
 * Exposure of each canary, planted or not. @param options.candidates R, the canary included
 * @throws Error where a canary does not fit the context
 */
export async function measureExposure(
  engine: Pick<Engine, 'config' | 'startCache'>,
  tokenizer: Tokenizer,
  canaries: readonly Canary[],
  { candidates = defaultCandidates, seed = 1 }: { candidates?: number; seed?: number | string } = {},
): Promise<ExposureReport> {
  check(canaries.length > 0 && candidates > 1, `${canaries.length} canaries among ${candidates} candidates`);
  const random = createRandom(`candidates ${seed}`);
  const drawn = new Set<string>();
  while (drawn.size < candidates) drawn.add(randomDigits(random));
  const exposures: number[] = [];
  for (const canary of canaries) {
    const others = [...drawn].filter((digits) => digits !== canary.digits).slice(0, candidates - 1);
    const [own, ...rest] = await digitNats(engine, tokenizer, canary, [canary.digits, ...others]);
    exposures.push(exposureOf(own!, rest));
  }
  return {
    exposures,
    mean: exposures.reduce((sum, value) => sum + value, 0) / exposures.length,
    max: Math.max(...exposures),
  };
}

/** Bits. Equals count half, so that a model that knows nothing tells nothing. */
export function exposureOf(own: number, others: ArrayLike<number>): number {
  let rank = 1;
  for (let i = 0; i < others.length; i++) {
    if (others[i]! < own) rank++;
    else if (others[i] === own) rank += 0.5;
  }
  return Math.log2(others.length + 1) - Math.log2(rank);
}

/** Whether the likeliest text after the canary's question and frame is its digits. */
export async function givesGreedily(engine: Engine, tokenizer: Tokenizer, canary: Canary): Promise<boolean> {
  const { end, msg } = chatIds(tokenizer);
  const { ids, first } = encodeCanary(canary, tokenizer);
  const said = await generate(engine, Array.from(ids.subarray(0, first)), {
    sampling: { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1 },
    stop: [end, msg],
    maxNewTokens: ids.length - first,
    random: createRandom(0),
  });
  return tokenizer.decode(said).trim() === canary.digits;
}

/**
 * Nats of each string of digits in the canary's context, with the space before it. What stands before is computed once, in
 * a cache that the candidates share.
 */
export async function digitNats(
  engine: Pick<Engine, 'config' | 'startCache'>,
  tokenizer: Tokenizer,
  canary: Canary,
  candidates: readonly string[],
): Promise<number[]> {
  const { contextLength, vocabSize } = engine.config;
  const encoded = candidates.map((digits) => encodeCanary({ ...canary, digits }, tokenizer));
  const before = Array.from(encoded[0]!.ids.subarray(0, encoded[0]!.first));
  const byLength = new Map<number, { at: number; ids: number[] }[]>();
  encoded.forEach(({ ids, first }, at) => {
    check(ids.length <= contextLength, `a canary of ${ids.length} ids in a context of ${contextLength}`);
    check(
      first === before.length && before.every((id, i) => ids[i] === id),
      'ids before the digits hang on the digits',
    );
    const own = Array.from(ids.subarray(first));
    const alike = byLength.get(own.length) ?? [];
    alike.push({ at, ids: own });
    byLength.set(own.length, alike);
  });
  const nats = new Array<number>(candidates.length).fill(0);
  const cache = engine.startCache();
  try {
    const first = await cache.append(before);
    const known = new Map<number, number>(); // few ids begin all candidates
    const opening = (id: number): number => {
      const cost = known.get(id) ?? -logProbabilityOf(first, id);
      known.set(id, cost);
      return cost;
    };
    for (const [length, all] of byLength) {
      for (const { at, ids } of all) nats[at] = opening(ids[0]!);
      for (let from = 0; length > 1 && from < all.length; from += streamsAtOnce) {
        const group = all.slice(from, from + streamsAtOnce);
        const streams = cache.fork(group.length);
        try {
          for (let i = 1; i < length; i++) {
            const logits = await streams.append(group.map(({ ids }) => ids[i - 1]!));
            group.forEach(({ at, ids }, row) => {
              nats[at]! -= logProbabilityOf(logits.subarray(row * vocabSize, (row + 1) * vocabSize), ids[i]!);
            });
          }
        } finally {
          streams.dispose();
        }
      }
    }
  } finally {
    cache.dispose();
  }
  return nats;
}

interface EncodedCanary {
  /** the conversation up to the last id of the digits */
  ids: Int32Array;
  /** index of the first id after the frame: the space counts with the digits, since some ids hold both */
  first: number;
}

function encodeCanary(canary: Canary, tokenizer: Tokenizer): EncodedCanary {
  const { ids, messageIndex } = encodeConversation(messagesOf(canary), tokenizer);
  const last = ids.length - 1; // `<|end|>`
  let first = last;
  for (let bytes = 0; bytes < 1 + digitCount; first--) {
    check(messageIndex[first - 1] === 1, 'a canary without its digits');
    bytes += tokenizer.byteLength(ids[first - 1]!);
  }
  return { ids: ids.slice(0, last), first };
}

function conversationOf(canary: Canary): Conversation {
  return { chatKey: 'canary', startMs: null, previousMs: null, messages: messagesOf(canary), withoutLoss: new Set() };
}

function messagesOf({ question, frame, digits }: Canary): ConversationMessage[] {
  const said = (isPersona: boolean, text: string): ConversationMessage => ({
    rowId: isPersona ? -1 : -2,
    personId: isPersona ? -1 : -2,
    isPersona,
    isBot: false,
    timestampMs: null,
    minutePrecision: false,
    text,
    media: null,
    quotedRowId: null,
  });
  return [said(false, question), said(true, `${frame} ${digits}`)];
}

function randomDigits(random: Random): string {
  return String(random.int(10 ** digitCount)).padStart(digitCount, '0');
}
