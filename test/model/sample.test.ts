/** Sampling as properties over random logits. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logProbabilityOf, sampleToken, type Restrictions } from '../../src/model/sample.ts';
import type { SamplingOptions } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';

const plain: SamplingOptions = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
const none: Restrictions = {};
const logitsOf = (size = 20): fc.Arbitrary<Float32Array> =>
  fc
    .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: size })
    .map((xs) => Float32Array.from(xs));
const options: fc.Arbitrary<SamplingOptions> = fc.record({
  temperature: fc.double({ min: 0.1, max: 3, noNaN: true }),
  topK: fc.nat(25),
  topP: fc.double({ min: 0, max: 1, noNaN: true }),
  minP: fc.double({ min: 0, max: 1, noNaN: true }),
  repetitionPenalty: fc.double({ min: 1, max: 2, noNaN: true }),
});

const shares = (logits: ArrayLike<number>, temperature = 1): number[] => {
  const top = Math.max(...Array.from(logits));
  const weights = Array.from(logits, (x) => Math.exp((x - top) / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / sum);
};

/** The distribution that the options define: each step as Hugging Face `generate` describes it, on plain numbers. */
function defined(
  logits: Float32Array,
  generated: readonly number[],
  { temperature, topK, topP, minP = 0, repetitionPenalty }: SamplingOptions,
  { banned = new Set(), logitBias = new Map() }: Restrictions,
): number[] {
  let scores = Array.from(logits, (x, id) => Math.fround(x + (logitBias.get(id) ?? 0)));
  scores = scores.map((x, id) => {
    if (!generated.includes(id)) return x;
    return Math.fround(x > 0 ? x / repetitionPenalty : x * repetitionPenalty);
  });
  scores = scores.map((x, id) => (banned.has(id) ? -Infinity : x));
  let ids = [...scores.keys()].filter((id) => scores[id]! > -Infinity);
  ids.sort((a, b) => scores[b]! - scores[a]! || a - b);
  if (topK > 0) ids = ids.slice(0, topK);
  const weight = (id: number): number => Math.exp((scores[id]! - scores[ids[0]!]!) / temperature);
  const total = (some: number[]): number => some.reduce((sum, id) => sum + weight(id), 0);
  if (topP < 1) {
    const all = total(ids);
    const beginnings = ids.map((_, i) => ids.slice(0, i + 1));
    ids = beginnings.find((some) => total(some) >= topP * all) ?? ids;
  }
  ids = ids.filter((id, i) => i === 0 || weight(id) >= minP);
  const sum = total(ids);
  return scores.map((_, id) => (ids.includes(id) ? weight(id) / sum : 0));
}

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
          expect(
            banned.has(sampleToken(logits, [], { ...sampling, temperature }, { banned }, createRandom(seed))),
          ).toBe(false);
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

  test('min-p draws among ids with that part of the likeliest probability, after the temperature', () => {
    fc.assert(
      fc.property(
        logitsOf(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.2, max: 3, noNaN: true }),
        fc.integer(),
        (logits, minP, temperature, seed) => {
          const id = sampleToken(logits, [], { ...plain, minP, temperature }, none, createRandom(seed));
          const p = shares(logits, temperature);
          expect(p[id]! / Math.max(...p)).toBeGreaterThanOrEqual(minP * (1 - 1e-9));
        },
      ),
    );
    // at temperature 2 the second of 0.8 and 0.2 has half of the first's probability
    const logits = Float32Array.from([0.8, 0.2].map(Math.log));
    const drawn = (minP: number): number =>
      new Set(
        Array.from({ length: 100 }, (_, seed) =>
          sampleToken(logits, [], { ...plain, temperature: 2, minP }, none, createRandom(seed)),
        ),
      ).size;
    expect([drawn(0.49), drawn(0.51)]).toEqual([2, 1]);
  });

  test('every option together is what the definitions say, number by number', () => {
    const restrictions = fc.record({
      banned: fc.array(fc.integer({ min: 1, max: 19 })).map((ids) => new Set(ids)),
      logitBias: fc
        .array(fc.tuple(fc.nat(19), fc.constantFrom(-Infinity, -2, 0.5, 3)))
        .map((pairs) => new Map(pairs.filter(([id, bias]) => id > 0 || bias > -9))),
    });
    fc.assert(
      fc.property(logitsOf(), options, restrictions, fc.array(fc.nat(1)), (logits, sampling, given, generated) => {
        const inside = <T>(id: number, value: T): [number, T][] => (id < logits.length ? [[id, value]] : []);
        const limits: Restrictions = {
          banned: new Set([...given.banned].filter((id) => id < logits.length)),
          logitBias: new Map([...given.logitBias].flatMap(([id, bias]) => inside(id, bias))),
        };
        const expected = defined(logits, generated, sampling, limits);
        // evenly spread chances: each id comes as often as its probability says, give or take one at either end
        const draws = 64;
        const counts = expected.map(() => 0);
        for (let i = 0; i < draws; i++) {
          const chance = { ...createRandom(1), next: () => (i + 0.5) / draws };
          counts[sampleToken(logits, generated, sampling, limits, chance)]! += 1;
        }
        counts.forEach((count, id) => {
          expect(Math.abs(count - expected[id]! * draws), `id ${id}`).toBeLessThan(1.01);
          if (expected[id] === 0) expect(count).toBe(0);
        });
      }),
    );
  });

  test('a large vocabulary is sampled as a small one is, with more of it kept than is sorted by insertion too', () => {
    const logits = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i * 12.9898) * 6);
    for (const sampling of [
      { ...plain, topK: 40 },
      { ...plain, topK: 300 },
      { ...plain, topP: 0.9 },
      { ...plain, topP: 0.999, minP: 0.01 },
      { ...plain, topK: 40, topP: 0.5, minP: 0.2 },
      plain,
    ]) {
      const expected = defined(logits, [], sampling, none);
      for (let seed = 0; seed < 50; seed++) {
        expect(expected[sampleToken(logits, [], sampling, none, createRandom(seed))]).toBeGreaterThan(0);
      }
    }
  });

  test('a bias moves an id up, down or out, before the penalty sees it', () => {
    const greedy = { ...plain, temperature: 0 };
    const logits = Float32Array.of(2, 1, 0);
    const best = (bias: [number, number][], options = greedy): number =>
      sampleToken(logits, [2], options, { logitBias: new Map(bias) }, createRandom(1));
    expect(best([])).toBe(0);
    expect(best([[1, 1.5]])).toBe(1);
    expect(best([[0, -Infinity]])).toBe(1);
    expect(best([[2, 3]])).toBe(2);
    expect(best([[2, 3]], { ...greedy, repetitionPenalty: 2 })).toBe(0); // (0 + 3) / 2 < 2
    expect(logits).toEqual(Float32Array.of(2, 1, 0));
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
    expect(() => sampleToken(Float32Array.of(1, 2), [], plain, { banned: new Set([0, 1]) }, createRandom(1))).toThrow(
      'every id is banned',
    );
    expect(() => sampleToken(Float32Array.of(1, NaN), [], plain, none, createRandom(1))).toThrow(
      'a logit is not a number',
    );
  });
});

test('the log-probability of an id is that of the softmax, also for huge logits', () => {
  fc.assert(
    fc.property(logitsOf(), fc.nat(1), (logits, id) => {
      expect(logProbabilityOf(logits, id)).toBeCloseTo(Math.log(shares(logits)[id]!), 9);
    }),
  );
  expect(logProbabilityOf(Float32Array.of(1000, 990), 1)).toBeCloseTo(-10 - Math.log1p(Math.exp(-10)), 9);
});
