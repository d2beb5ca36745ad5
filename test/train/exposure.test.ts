/** Canaries: where they are planted, what exposure is, and that a model that learned one by heart is told from one that did not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupConversations, isScored, type Conversation } from '../../src/dataset/conversations.ts';
import { toRows } from '../../src/dataset/rows.ts';
import type { Engine } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import {
  digitNats,
  exposureOf,
  givesGreedily,
  makeCanaries,
  measureExposure,
  plantCanaries,
  type Canary,
} from '../../src/train/exposure.ts';
import { train } from '../../src/train/loop.ts';
import { tinyConfig } from '../model/helpers.ts';
import { message, tinyTokenizer } from '../tokenizer/examples.ts';
import { recipe } from './examples.ts';

const config = { ...tinyConfig, vocabSize: tinyTokenizer.vocabSize, contextLength: 96, width: 32, hiddenWidth: 64 };
const chat: Conversation[] = Array.from({ length: 20 }, (_, i) =>
  groupConversations({
    chatKey: `c${i}`,
    messages: [
      message({ rowId: 1, text: 'hey are you coming' }),
      message({ rowId: 2, isPersona: true, text: `ok ${i}` }),
    ],
  }),
).flat();
const textsOf = (conversations: readonly Conversation[]): string[] =>
  conversations.flatMap(({ messages }) => messages.map(({ text }) => text));

describe('makeCanaries', () => {
  test('six digits each, no context twice, the same for the same seed', () => {
    const canaries = makeCanaries(30, 7);
    expect(canaries.every(({ digits }) => /^\d{6}$/.test(digits))).toBe(true);
    expect(new Set(canaries.map(({ frame }) => frame)).size).toBe(30);
    expect(new Set(canaries.map(({ digits }) => digits)).size).toBe(30);
    expect(makeCanaries(10, 7)).toEqual(canaries.slice(0, 10));
    expect(makeCanaries(30, 8)).not.toEqual(canaries);
    expect(() => makeCanaries(145, 1)).toThrow('145 canaries of 144 contexts');
  });
});

describe('plantCanaries', () => {
  const canaries = makeCanaries(3, 1);
  const planted = plantCanaries(chat, canaries, { copies: 4, seed: 1 });

  test('each is an answer of the persona that counts, as often as said, and the rest stays in order', () => {
    expect(planted.length).toBe(chat.length + 12);
    expect(planted.filter((conversation) => chat.includes(conversation))).toEqual(chat);
    for (const { question, frame, digits } of canaries) {
      const own = planted.filter(({ messages }) => messages[1]!.text === `${frame} ${digits}`);
      expect(own.length).toBe(4);
      expect(own[0]!.messages[0]!.text).toBe(question);
      expect(own[0]!.messages.map((m) => isScored(m, own[0]!))).toEqual([false, true]);
    }
  });

  test('places hang on the seed, and are not all in a row', () => {
    expect(textsOf(plantCanaries(chat, canaries, { copies: 4, seed: 1 }))).toEqual(textsOf(planted));
    expect(textsOf(plantCanaries(chat, canaries, { copies: 4, seed: 2 }))).not.toEqual(textsOf(planted));
    const places = planted.flatMap((conversation, at) => (chat.includes(conversation) ? [] : [at]));
    expect(places.at(-1)! - places[0]!).toBeGreaterThan(16);
  });
});

describe('exposureOf', () => {
  test('bits from the rank', () => {
    const others = Float64Array.from({ length: 4095 }, (_, i) => i + 1);
    expect(exposureOf(0, others)).toBe(12);
    expect(exposureOf(1.5, others)).toBe(11);
    expect(exposureOf(5000, others)).toBe(0);
    expect(exposureOf(1, new Float64Array(4095).fill(1))).toBeCloseTo(1, 3);
  });
});

describe('measureExposure', () => {
  const [canary, ...controls] = makeCanaries(11, 3) as [Canary, ...Canary[]];
  let engine: Engine;

  beforeAll(async () => {
    engine = await createEngine({ backend: 'simd', config, seed: 1, threads: 1 });
    const planted = plantCanaries(chat, [canary], { copies: 16, seed: 1 });
    const encoded = planted.map((c) => encodeConversation(c.messages, tinyTokenizer, { ...c, lossOn: 'everyone' }));
    await train(engine, {
      ...recipe,
      rows: toRows(encoded, config.contextLength),
      validationRows: [],
      epochs: 12,
      batchTokens: 192,
      dropout: 0,
      seed: 1,
    });
  });
  afterAll(() => engine.dispose());

  test('a canary learned by heart is first of all, and greedy text gives it', async () => {
    const { exposures, mean, max } = await measureExposure(engine, tinyTokenizer, [canary], { candidates: 1024 });
    expect(exposures[0]).toBeGreaterThan(9);
    expect([mean, max]).toEqual([exposures[0], exposures[0]]);
    expect(await givesGreedily(engine, tinyTokenizer, canary)).toBe(true);
    expect(await givesGreedily(engine, tinyTokenizer, { ...canary, digits: '000000' })).toBe(false);
  });

  test('canaries that were never planted have the exposure of chance', async () => {
    const { exposures, mean, max } = await measureExposure(engine, tinyTokenizer, controls, { candidates: 256 });
    expect(exposures.length).toBe(10);
    // 1.44 bits in the mean over many, with a deviation of 1.44 each: three deviations of ten
    expect(mean).toBeGreaterThan(0.2);
    expect(mean).toBeLessThan(2.9);
    expect(max).toBe(Math.max(...exposures));
  });

  test('the digits cost what the teacher-forced losses of them add up to, however many ids they are', async () => {
    const digits = ['000000', '123456', '111111', canary.digits, '000111', '908172'];
    const lengths = digits.map((each) => tinyTokenizer.encode(` ${each}`).length);
    const nats = await digitNats(engine, tinyTokenizer, canary, digits);
    for (const [at, each] of digits.entries()) {
      const [planted] = plantCanaries([], [{ ...canary, digits: each }], { copies: 1, seed: 1 });
      const { ids } = encodeConversation(planted!.messages, tinyTokenizer);
      const inputs = ids.slice(0, -1);
      const from = ids.length - 1 - lengths[at]!; // the last id ends the turn
      const targets = ids.slice(1).map((id, i) => (i + 1 >= from && i + 2 < ids.length ? id : -1));
      const losses = await engine.tokenLosses({ inputs, targets, batchSize: 1, length: inputs.length });
      expect(nats[at]).toBeCloseTo(
        losses.reduce((sum, loss) => sum + loss, 0),
        3,
      );
    }
    expect(new Set(lengths).size).toBeGreaterThan(1);
  });

  test('a canary longer than the context is refused', async () => {
    const short = { config: { ...config, contextLength: 8 }, startCache: () => engine.startCache() };
    await expect(measureExposure(short, tinyTokenizer, [canary])).rejects.toThrow('in a context of 8');
  });
});
