/** The paired bootstrap: what must hold for any conversations, and how often its interval holds the truth. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compare, fewestConversations, lowerBound, relativeLoss, type Pair } from '../../src/nightly/bootstrap.ts';
import { allowedLoss } from '../../src/nightly/gate.ts';
import { createRandom } from '../../src/util/random.ts';

const cost = fc.double({ min: 0.5, max: 1e5, noNaN: true });
const costs = fc.array(cost, { minLength: fewestConversations, maxLength: 60 });
const scaled = (others: readonly number[], by: number): Pair[] => others.map((other) => ({ run: other * by, other }));
const runs = { numRuns: 60 };

describe('for any conversations', () => {
  test('a model against itself: nothing but 0', () => {
    fc.assert(
      fc.property(costs, fc.integer(), (others, seed) => {
        const { mean, low, high, upper } = compare(scaled(others, 1), { seed, resamples: 200 });
        expect([mean, low, high, upper]).toEqual([0, 0, 0, 0]);
      }),
      runs,
    );
  });

  test('two models that differ by chance alone: the interval holds the mean', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cost, cost), { minLength: 10, maxLength: 60 }), fc.integer(), (given, seed) => {
        const pairs = given.map(([run, other]) => ({ run, other }));
        const swapped = pairs.map(({ run, other }) => ({ run: other, other: run }));
        const there = compare([...pairs, ...swapped], { seed, resamples: 400 });
        expect(there.mean).toBeCloseTo(0, 9);
        expect(there.low!).toBeLessThanOrEqual(1e-9);
        expect(there.high!).toBeGreaterThanOrEqual(-1e-9);
      }),
      runs,
    );
  });

  test('a uniformly better one is below the limit, a uniformly worse one above', () => {
    fc.assert(
      fc.property(costs, fc.double({ min: 0.02, max: 0.9, noNaN: true }), fc.integer(), (others, by, seed) => {
        const better = compare(scaled(others, 1 - by), { seed, resamples: 200 });
        expect(better.mean).toBeLessThan(0);
        expect(better.upper!).toBeLessThan(allowedLoss);
        const worse = compare(scaled(others, 1 + by), { seed, resamples: 200 });
        expect(worse.mean).toBeGreaterThan(0);
        expect(worse.upper!).toBeGreaterThan(allowedLoss);
        expect(lowerBound(scaled(others, 1 + by), 0.05, seed)).toBeGreaterThan(0);
      }),
      runs,
    );
  });

  test('the same seed gives the same bounds, and bounds are in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ run: cost, other: cost }), { minLength: 10, maxLength: 40 }),
        fc.integer(),
        (pairs, seed) => {
          const found = compare(pairs, { seed, resamples: 300 });
          expect(compare(pairs, { seed, resamples: 300 })).toEqual(found);
          expect(found.low!).toBeLessThanOrEqual(found.upper!);
          expect(found.upper!).toBeLessThanOrEqual(found.high!);
        },
      ),
      runs,
    );
  });
});

test('few conversations: the mean alone', () => {
  const pairs = scaled([10, 20, 30], 1.5);
  expect(compare(pairs, { seed: 1 })).toEqual({
    conversations: 3,
    mean: relativeLoss(pairs),
    low: null,
    high: null,
    upper: null,
    resamples: 0,
  });
});

test('the 95 % interval holds the truth about as often as it says', () => {
  // 300 worlds in which the run costs 3 % more in truth; percentile intervals are a little narrow for 40 conversations
  let held = 0;
  for (let world = 0; world < 300; world++) {
    const random = createRandom(`world ${world}`);
    const pairs = Array.from({ length: 40 }, () => {
      const other = 100 + 400 * random.next();
      return { run: other * 1.03 + 10 * random.normal(), other };
    });
    const { low, high } = compare(pairs, { seed: world, resamples: 400 });
    if (low! <= 0.03 && high! >= 0.03) held++;
  }
  expect(held / 300).toBeGreaterThan(0.89);
  expect(held / 300).toBeLessThan(0.99);
});
