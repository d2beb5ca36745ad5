/**
 * One cell of adaptation.ts: a base learns from so many of a persona's messages in one way, and what comes of it: bits per
 * byte on the test, how near sampled replies are in manner, what was learned by heart, and the time it took.
 * Text is trained on as it stands, digits too, so the canaries go past redaction on purpose.
 */
import { isScored, type Conversation } from '../../src/dataset/conversations.ts';
import type { LlamaFolder } from '../../src/checkpoint/folder.ts';
import type { Engine } from '../../src/model/engine.ts';
import { compose } from '../../src/reply/compose.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import type { Tokenizer } from '../../src/tokenizer/bpe.ts';
import { modelConfig } from '../../src/model/sizes.ts';
import { givesGreedily, makeCanaries, measureExposure, plantCanaries } from '../../src/train/exposure.ts';
import { waysFor, type Recipe } from '../../src/train/recipe.ts';
import { styleDistance, type StyleDistance, type Turn } from '../../src/train/style.ts';
import {
  modelSizes,
  type BackendName,
  type ConversationMessage,
  type ModelConfig,
  type ModelSize,
} from '../../src/types.ts';
import { check } from '../../src/util/errors.ts';
import { createRandom } from '../../src/util/random.ts';
import { sizeOf, type Chat } from '../chats.ts';
import { learn, rounded, type Learned, type Variant } from '../learn.ts';

export interface Way {
  name: string;
  /** whose text is learned from, and with how much context: as the product's way of this name (train/recipe.ts) */
  as: 'gentle' | 'strong';
  lora?: { rank: number; alpha: number };
}

export const ways: readonly Way[] = [
  { name: 'full', as: 'gentle' },
  { name: 'full-strong', as: 'strong' },
  { name: 'lora8', as: 'gentle', lora: { rank: 8, alpha: 16 } },
  { name: 'lora8-strong', as: 'strong', lora: { rank: 8, alpha: 16 } },
  { name: 'lora32', as: 'gentle', lora: { rank: 32, alpha: 64 } },
];

export interface CellOptions {
  chat: Chat;
  base: Pick<LlamaFolder, 'config' | 'weights' | 'tokenizerJson'>;
  size: ModelSize;
  way: Way;
  /** several: each is tried, and the best on validation counts; empty: the way's own */
  rates: readonly number[];
  recipe?: Partial<Recipe>;
  /** contexts that are answered */
  replies: number;
  /** of each kind: planted once, four times, never */
  canaries: number;
  candidates: number;
  backend: BackendName;
  threads?: number;
  seed: number;
}

interface Spread {
  mean: number;
  max: number;
  /** canaries that the likeliest text gives */
  given: number;
}

export interface Cell {
  learningRate: number;
  rates: { learningRate: number; validationBits: number }[];
  testBits: number;
  validationBits: number;
  style: StyleDistance;
  exposure: { once: Spread; fourTimes: Spread; never: Spread };
  /** 1: the run with canaries is also the one whose bits, style and time these are */
  runs: 1 | 2;
  seconds: number;
  passes: number;
  steps: number;
}

const validationShare = 0.05;
const copiesOf = { once: 1, fourTimes: 4 } as const;
/**
 * Up to this share of the persona's messages the canaries cannot be seen in bits per byte (they are in nobody's test), so
 * one run serves both; above, the canaries have a run of their own.
 */
const unseenShare = 0.01;
const sampling = { temperature: 0.8, topK: 0, topP: 0.95, repetitionPenalty: 1 };
/** LoRA likes about ten times the rate of all weights (Schulman et al. 2025, "LoRA Without Regret"), and AdamW. */
const loraRecipe = { optimizer: 'adamw', learningRate: 2e-3 } as const;

/** The size whose shape this is. @param where for errors */
export function sizeOfConfig(config: ModelConfig, where: string): ModelSize {
  const size = modelSizes.find((name) => {
    const { layers, width } = modelConfig(name, config.vocabSize);
    return layers === config.layers && width === config.width;
  });
  check(size, `${where}: ${config.layers} layers of ${config.width}, which is no size of ours`);
  return size;
}

/**
 * The chat with so many of the persona's messages to learn from, the first of the training part; the last 5 % of them to
 * validate by. The test stays.
 */
export function cutTo(chat: Chat, messages: number): Chat {
  const before = [...chat.train, ...chat.validation];
  const { personaMessages } = sizeOf(before);
  check(
    personaMessages >= messages,
    `${chat.name} has ${personaMessages} persona messages before its test, not ${messages}`,
  );
  const [all] = cutAfter(before, messages);
  const [train, validation] = cutAfter(all, Math.round(messages * (1 - validationShare)));
  return { ...chat, train, validation };
}

/** @returns what is said up to the persona's message of this number, and the rest; a conversation may be in both */
function cutAfter(conversations: readonly Conversation[], messages: number): [Conversation[], Conversation[]] {
  const [first, rest]: [Conversation[], Conversation[]] = [[], []];
  let scored = 0;
  for (const conversation of conversations) {
    let at = 0;
    while (at < conversation.messages.length && scored < messages) {
      if (isScored(conversation.messages[at]!, conversation)) scored++;
      at++;
    }
    const part = (from: number, to?: number): Conversation => ({
      ...conversation,
      messages: conversation.messages.slice(from, to),
    });
    if (at > 0) first.push(part(0, at));
    if (at < conversation.messages.length) rest.push(part(at));
  }
  return [first, rest];
}

/** @param options.chat as `cutTo` gives it */
export async function measureCell(options: CellOptions): Promise<Cell> {
  const { chat, way, backend, threads, seed, canaries: count } = options;
  const recipe: Partial<Recipe> = { ...(way.lora === undefined ? {} : loraRecipe), ...options.recipe };
  const asProduct = waysFor(options.size, { fromScratch: false }).find(({ name }) => name === way.as)!;
  const usual = { ...asProduct.recipe, ...recipe }.learningRate;
  const rates = options.rates.length === 0 ? [usual] : options.rates;
  const canaries = makeCanaries(3 * count, seed);
  const [once, fourTimes, never] = [0, 1, 2].map((kind) => canaries.slice(kind * count, (kind + 1) * count)) as [
    typeof canaries,
    typeof canaries,
    typeof canaries,
  ];
  const plantedOnce = plantCanaries(chat.train, once, { copies: copiesOf.once, seed });
  const planted = { ...chat, train: plantCanaries(plantedOnce, fourTimes, { copies: copiesOf.fourTimes, seed }) };
  const own = sizeOf(chat.train).personaMessages;
  const plantedMessages = count * (copiesOf.once + copiesOf.fourTimes);
  const isOneRun = plantedMessages <= own * unseenShare && rates.length === 1;

  const run = async (from: Chat, learningRate: number, after: (e: Engine, t: Tokenizer) => Promise<void>) => {
    const variant: Variant = {
      name: way.name,
      size: options.size,
      base: options.base,
      recipe: { ...recipe, learningRate },
      way: asProduct,
      seed,
      ...(way.lora === undefined ? {} : { lora: way.lora }),
    };
    return await learn(from, variant, backend, threads, after);
  };
  let exposure: Cell['exposure'] | undefined;
  const expose = async (engine: Engine, tokenizer: Tokenizer): Promise<void> => {
    const spreadOf = async (of: typeof canaries): Promise<Spread> => {
      const { mean, max } = await measureExposure(engine, tokenizer, of, { candidates: options.candidates, seed });
      let given = 0;
      for (const canary of of) if (await givesGreedily(engine, tokenizer, canary)) given++;
      return { mean: rounded(mean), max: rounded(max), given };
    };
    exposure = { once: await spreadOf(once), fourTimes: await spreadOf(fourTimes), never: await spreadOf(never) };
  };

  const tried: { learningRate: number; learned: Learned; style: StyleDistance }[] = [];
  for (const learningRate of rates) {
    let style: StyleDistance | undefined;
    const learned = await run(isOneRun ? planted : chat, learningRate, async (engine, tokenizer) => {
      style = await styleOf(engine, tokenizer, chat, options);
      if (isOneRun) await expose(engine, tokenizer);
    });
    tried.push({ learningRate, learned, style: style! });
  }
  const best = tried.reduce((a, b) => (b.learned.validationBits < a.learned.validationBits ? b : a));
  if (!isOneRun) await run({ ...planted, test: [] }, best.learningRate, expose); // its bits are nobody's concern
  const { testBits, validationBits, seconds, passes, steps } = best.learned;
  return {
    learningRate: best.learningRate,
    rates: tried.map(({ learningRate, learned }) => ({ learningRate, validationBits: learned.validationBits })),
    testBits,
    validationBits,
    style: roundedStyle(best.style),
    exposure: exposure!,
    runs: isOneRun ? 1 : 2,
    seconds,
    passes,
    steps,
  };
}

export interface Context {
  before: ConversationMessage[];
  /** what the persona answered */
  turn: ConversationMessage[];
  /** its texts */
  real: Turn;
}

/** Turns of the persona that answer somebody, and what was said before each. */
export function contextsOf(conversations: readonly Conversation[]): Context[] {
  return conversations.flatMap(({ messages }) => {
    const contexts: Context[] = [];
    messages.forEach((message, at) => {
      if (!message.isPersona || at === 0 || messages[at - 1]!.isPersona) return;
      const rest = messages.slice(at).findIndex(({ isPersona }) => !isPersona);
      const turn = messages.slice(at, rest === -1 ? undefined : at + rest);
      contexts.push({ before: messages.slice(0, at), turn, real: turn.map(({ text }) => text) });
    });
    return contexts;
  });
}

/** Sampled replies beside the real ones in the same contexts of the test. */
export async function styleOf(
  engine: Engine,
  tokenizer: Tokenizer,
  chat: Chat,
  { replies, seed }: Pick<CellOptions, 'replies' | 'seed'>,
): Promise<StyleDistance> {
  const contexts = createRandom(`contexts ${seed}`).shuffle(contextsOf(chat.test)).slice(0, replies);
  check(contexts.length > 0, `${chat.name}: the persona answers nobody in its test`);
  const sampled: Turn[] = [];
  for (const { before } of contexts) {
    const { ids } = buildPrompt(before, tokenizer, { contextLength: engine.config.contextLength });
    const one = { seed: seed * 1e6 + sampled.length, sampling, candidates: 1 };
    const [reply] = await compose(engine, tokenizer, ids, one);
    sampled.push(reply?.bubbles.map(({ text }) => text) ?? []);
  }
  return styleDistance(
    contexts.map(({ real }) => real),
    sampled,
  );
}

/** What the person's own replies differ by from one part of the chat to another: nobody comes nearer. */
export function styleFloor(chat: Chat, { replies, seed }: Pick<CellOptions, 'replies' | 'seed'>): StyleDistance {
  const some = (from: readonly Conversation[]): Turn[] =>
    createRandom(`contexts ${seed}`)
      .shuffle(contextsOf(from))
      .slice(0, replies)
      .map(({ real }) => real);
  return roundedStyle(styleDistance(some(chat.test), some(chat.train)));
}

export function roundedStyle({ distance, parts }: StyleDistance): StyleDistance {
  const entries = Object.entries(parts).map(([name, value]) => [name, rounded(value as number)]);
  return { distance: rounded(distance), parts: Object.fromEntries(entries) as StyleDistance['parts'] };
}
