/** Sampling as properties over random logits. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleToken } from '../../src/model/sample.ts';
import type { SamplingOptions } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';

const plain: SamplingOptions = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
const none: ReadonlySet<number> = new Set();
const logitsOf = (size = 20): fc.Arbitrary<Float32Array> =>
  fc
    .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: size })
    .map((xs) => Float32Array.from(xs));
const options: fc.Arbitrary<SamplingOptions> = fc.record({
  temperature: fc.double({ min: 0.1, max: 3, noNaN: true }),
  topK: fc.nat(25),
  topP: fc.double({ min: 0, max: 1, noNaN: true }),
  repetitionPenalty: fc.double({ min: 1, max: 2, noNaN: true }),
});

const shares = (logits: ArrayLike<number>, temperature = 1): number[] => {
  const top = Math.max(...Array.from(logits));
  const weights = Array.from(logits, (x) => Math.exp((x - top) / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / sum);
};

describe('sampleToken', () => {
  test('gives an id, the same for the same seed, and leaves the logits alone', () => {
    fc.assert(
      fc.property(logitsOf(), options, fc.integer(), (logits, sampling, seed) => {
        const copy = logits.slice();
        const id = sampleToken(logits, [0, 1], sampling, none, createRandom(seed));
        expect(Number.isInteger(id) && id >= 0 && id < logits.length).toBe(true);
        expect(sampleToken(logits, [0, 1], sampling, none, createRandom(seed))).toBe(id);
        expect(logits).toEqual(copy);
      }),
    );
  });

  test('never a banned id, whatever the options', () => {
    fc.assert(
      fc.property(logitsOf(), options, fc.array(fc.nat(19)), fc.integer(), (logits, sampling, ids, seed) => {
        const banned = new Set(ids.filter((id) => id > 0 && id < logits.length));
        for (const temperature of [0, sampling.temperature]) {
          expect(banned.has(sampleToken(logits, [], { ...sampling, temperature }, banned, createRandom(seed)))).toBe(
            false,
          );
        }
      }),
    );
  });

  test('top-k draws among the k most likely', () => {
    fc.assert(
      fc.property(logitsOf(), fc.integer({ min: 1, max: 6 }), fc.integer(), (logits, topK, seed) => {
        const id = sampleToken(logits, [], { ...plain, topK }, none, createRandom(seed));
        expect([...logits].filter((x) => x > logits[id]!).length).toBeLessThan(topK);
      }),
    );
  });

  test('top-p draws from the smallest set of likeliest ids that reaches p', () => {
    fc.assert(
      fc.property(logitsOf(), fc.double({ min: 0, max: 1, noNaN: true }), fc.integer(), (logits, topP, seed) => {
        const id = sampleToken(logits, [], { ...plain, topP }, none, createRandom(seed));
        const p = shares(logits);
        const moreLikely = p.filter((x) => x > p[id]!).reduce((a, b) => a + b, 0);
        expect(moreLikely).toBeLessThanOrEqual(topP + 1e-6);
      }),
    );
  });

  test('top-k comes first and top-p works on what it left', () => {
    const logits = Float32Array.from([0.4, 0.3, 0.2, 0.1].map(Math.log));
    // the two that top-k leaves have 4/7 and 3/7: 0.55 of them is the first alone; of all four it would take two
    const drawn = new Set(
      Array.from({ length: 200 }, (_, seed) =>
        sampleToken(logits, [], { ...plain, topK: 2, topP: 0.55 }, none, createRandom(seed)),
      ),
    );
    expect([...drawn]).toEqual([0]);
  });

  test('temperature 0 is the most likely id, the lowest among equals, and needs no chance', () => {
    const noChance = { ...createRandom(1), next: () => expect.fail('greedy asked for chance') };
    expect(sampleToken(Float32Array.of(1, 5, 2, 5), [], { ...plain, temperature: 0 }, none, noChance)).toBe(1);
  });

  test('draws follow the softmax at the temperature', () => {
    const logits = Float32Array.of(1, 0, 2, -1);
    const random = createRandom('frequencies');
    for (const temperature of [0.5, 1, 2]) {
      const counts = [0, 0, 0, 0];
      const draws = 20_000;
      for (let i = 0; i < draws; i++) counts[sampleToken(logits, [], { ...plain, temperature }, none, random)]! += 1;
      shares(logits, temperature).forEach((p, id) => {
        expect(Math.abs(counts[id]! / draws - p)).toBeLessThan(0.015); // four standard deviations
      });
    }
  });

  test('the penalty makes what was said less likely, on both sides of zero, once an id', () => {
    const greedy = { ...plain, temperature: 0, repetitionPenalty: 2 };
    expect(sampleToken(Float32Array.of(3, 2, -9), [0], greedy, none, createRandom(1))).toBe(1); // 3 / 2 < 2
    expect(sampleToken(Float32Array.of(3, 1.4, -9), [0, 0, 0], greedy, none, createRandom(1))).toBe(0); // 1.5, not 0.375
    expect(sampleToken(Float32Array.of(-1, -1.5, -9), [0], greedy, none, createRandom(1))).toBe(1); // -1 * 2 < -1.5
  });

  test('an id that may not be, and logits that are no numbers, are errors', () => {
    expect(() => sampleToken(Float32Array.of(1, 2), [], plain, new Set([0, 1]), createRandom(1))).toThrow(
      'every id is banned',
    );
    expect(() => sampleToken(Float32Array.of(1, NaN), [], plain, none, createRandom(1))).toThrow(
      'a logit is not a number',
    );
  });
});
