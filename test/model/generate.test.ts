/** Generation on a tiny real engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/model/engine.ts';
import { generate, generateCandidates } from '../../src/model/generate.ts';
import type { CandidateOptions, GenerateOptions } from '../../src/model/generate.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { logProbabilityOf } from '../../src/model/sample.ts';
import { createRandom } from '../../src/util/random.ts';
import { tinyConfig } from './helpers.ts';

const cycle = [4, 9, 2, 7, 30];
let engine: Engine;

/** An engine that knows one thing: the cycle goes on. */
beforeAll(async () => {
  engine = await createEngine({ backend: 'cpu', config: tinyConfig, seed: 3 });
  const inputs = Int32Array.from({ length: 5 * 11 }, (_, i) => cycle[((i % 11) + Math.floor(i / 11)) % 5]!);
  const targets = inputs.map((id) => cycle[(cycle.indexOf(id) + 1) % 5]!);
  const step = {
    optimizer: 'adamw' as const,
    learningRate: 0.01,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.95,
    clipNorm: 1,
    dropout: 0,
    seed: 1,
  };
  for (let i = 0; i < 60; i++) await engine.trainStep([{ inputs, targets, batchSize: 5, length: 11 }], step);
});

afterAll(() => {
  engine.dispose();
});

const options = (extra: Partial<GenerateOptions> = {}): GenerateOptions => ({
  sampling: { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1 },
  banned: new Set(),
  stop: [],
  maxNewTokens: 6,
  random: createRandom(1),
  ...extra,
});

describe('generate', () => {
  test('goes on with what was learned, for as many ids as asked', async () => {
    expect(await generate(engine, [4, 9], options())).toEqual([2, 7, 30, 4, 9, 2]);
    expect(await generate(engine, [4, 9], options({ maxNewTokens: 0 }))).toEqual([]);
  });

  test('ends with the stop id', async () => {
    expect(await generate(engine, [4, 9], options({ stop: [30, 7] }))).toEqual([2, 7]);
  });

  test('ends where the context is full, also with a prompt that fills it', async () => {
    expect(await generate(engine, Array<number>(10).fill(4), options())).toHaveLength(3);
    expect(await generate(engine, Array<number>(12).fill(4), options())).toHaveLength(1);
    await expect(generate(engine, Array<number>(13).fill(4), options())).rejects.toThrow(
      'a prompt of 13 ids for a context of 12',
    );
    await expect(generate(engine, [], options())).rejects.toThrow('a prompt of 0 ids');
  });

  test('draws no banned id', async () => {
    const ids = await generate(engine, [4, 9], options({ banned: new Set([2]) }));
    expect(ids).not.toContain(2);
  });

  test('the same seed gives the same text, other seeds other texts', async () => {
    const hot = (seed: number): Promise<number[]> =>
      generate(
        engine,
        [4],
        options({ sampling: { temperature: 3, topK: 0, topP: 1, repetitionPenalty: 1 }, random: createRandom(seed) }),
      );
    expect(await hot(1)).toEqual(await hot(1));
    expect(new Set((await Promise.all([1, 2, 3, 4].map(hot))).map(String)).size).toBeGreaterThan(1);
  });

  test('an aborted signal ends it with its reason, and no tensor stays', async () => {
    const before = engine.numTensors();
    await expect(
      generate(engine, [4], options({ signal: AbortSignal.abort(new Error('owner typed')) })),
    ).rejects.toThrow('owner typed');
    const controller = new AbortController();
    const random = { ...createRandom(1), next: () => (controller.abort(new Error('half way')), 0.5) };
    const sampling = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
    await expect(generate(engine, [4], options({ signal: controller.signal, random, sampling }))).rejects.toThrow(
      'half way',
    );
    await generate(engine, [4, 9], options());
    expect(engine.numTensors()).toBe(before);
  });
});

describe('generateCandidates', () => {
  const hot = { temperature: 1.5, topK: 0, topP: 1, repetitionPenalty: 1 };
  const candidates = (count: number, { seed = 1, ...extra }: Partial<CandidateOptions> & { seed?: number } = {}) =>
    generateCandidates(
      engine,
      [4, 9],
      Array.from({ length: count }, (_, i) => 100 * seed + i),
      { sampling: hot, stop: [], maxNewTokens: 8, ...extra },
    );
  const texts = async (count: number, extra: Parameters<typeof candidates>[1] = {}): Promise<string[]> =>
    (await candidates(count, extra)).map(({ ids }) => ids.join(' '));

  test('without time only as many as are owed are finished, the same ones; with enough time all', async () => {
    const whole = await candidates(5);
    const hurried = await candidates(5, { budget: { ms: 0, tokens: 8, atLeast: 2 } });
    expect(hurried.slice(0, 2)).toEqual(whole.slice(0, 2));
    expect(hurried.slice(2).every(({ ids, isGivenUp }) => isGivenUp === true && ids.length < 8)).toBe(true);
    const calm = await candidates(5, { budget: { ms: Number.POSITIVE_INFINITY, tokens: 8, atLeast: 2 } });
    expect(calm).toEqual(whole);
  });

  test('a seed gives the same candidate however many there are, whenever the others end, and alone', async () => {
    const five = await texts(5);
    expect(new Set(five).size).toBeGreaterThan(1);
    for (const count of [1, 2, 3]) expect(await texts(count)).toEqual(five.slice(0, count));
    expect(await texts(5)).toEqual(five);
    expect(await texts(5, { seed: 2 })).not.toEqual(five);
    for (const i of [0, 3]) {
      const alone = options({ sampling: hot, maxNewTokens: 8, random: createRandom(100 + i) });
      expect((await generate(engine, [4, 9], alone)).join(' ')).toBe(five[i]);
    }
    // an id that ends some of them: those that go on are not moved by it
    const stop = [9];
    const ended = await texts(5, { stop });
    const cut = five.map((text) => /^.*?\b9\b/.exec(text)?.[0] ?? text);
    expect(ended).toEqual(cut);
    expect(new Set(cut.map((text) => text.length)).size).toBeGreaterThan(1);
  });

  test('greedy candidates are all what one text is', async () => {
    const sampling = { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1 };
    const one = await generate(engine, [4, 9], options({ maxNewTokens: 8 }));
    expect(await texts(3, { sampling })).toEqual([one, one, one].map((ids) => ids.join(' ')));
  });

  test('the log-probabilities are those of the ids under the plain model', async () => {
    const banned = new Set([2]);
    for (const { ids, logProbabilities } of await candidates(3, { banned, maxNewTokens: 4 })) {
      expect(ids).not.toContain(2);
      const cache = engine.startCache();
      let logits = await cache.append([4, 9]);
      expect(logProbabilities).toHaveLength(ids.length);
      for (const [at, id] of ids.entries()) {
        expect(logProbabilities[at]).toBeCloseTo(logProbabilityOf(logits, id), 4);
        logits = await cache.append([id]);
      }
      cache.dispose();
    }
  });

  test('ends at the wished length and where the context is full', async () => {
    expect((await candidates(2, { maxNewTokens: 0 })).map(({ ids }) => ids)).toEqual([[], []]);
    expect((await candidates(2, { maxNewTokens: 1 })).map(({ ids }) => ids.length)).toEqual([1, 1]);
    expect((await candidates(2, { maxNewTokens: 99 })).map(({ ids }) => ids.length)).toEqual([11, 11]);
    await expect(candidates(0)).rejects.toThrow('no seed for a candidate');
  });

  test('an aborted signal ends it between two steps with its reason, and no tensor stays', async () => {
    const before = engine.numTensors();
    await expect(candidates(2, { signal: AbortSignal.abort(new Error('owner typed')) })).rejects.toThrow('owner typed');
    const controller = new AbortController();
    const running = candidates(3, { signal: controller.signal, maxNewTokens: 9 });
    setTimeout(() => controller.abort(new Error('half way')), 0);
    await expect(running).rejects.toThrow('half way');
    for (let seed = 0; seed < 50; seed++) await candidates(3, { stop: [9, 7], seed });
    expect(engine.numTensors()).toBe(before);
  });
});
