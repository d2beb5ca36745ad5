/** Intervals beside values that others computed, and how often they hold what they should. */
import { describe, expect, test } from 'vitest';
import { bootstrap, wilson } from '../../src/util/intervals.ts';
import { createRandom } from '../../src/util/random.ts';

describe('wilson', () => {
  // R 4.2: binom::binom.confint(x, n, methods = "wilson")
  test.each([
    [0, 10, 0, 0.2775],
    [5, 10, 0.2366, 0.7634],
    [10, 10, 0.7225, 1],
    [81, 263, 0.2553, 0.3662], // Newcombe 1998, table I
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i', (successes, trials, low, high) => {
    const found = wilson(successes, trials);
    expect(found.low).toBeCloseTo(low, 4);
    expect(found.high).toBeCloseTo(high, 4);
  });

  test('nothing tried: everything is possible', () => expect(wilson(0, 0)).toEqual({ low: 0, high: 1 }));
  test('more successes than trials are refused', () => expect(() => wilson(3, 2)).toThrow('3 of 2'));
});

describe('bootstrap', () => {
  const mean = (values: readonly number[]) => (indices: Int32Array) =>
    indices.reduce((sum, i) => sum + values[i]!, 0) / indices.length;

  test('holds the mean of a normal about as often as it says', () => {
    const random = createRandom('bootstrap test');
    let held = 0;
    const trials = 200;
    for (let i = 0; i < trials; i++) {
      const values = Array.from({ length: 60 }, () => 5 + random.normal());
      const { low, high } = bootstrap(values.length, mean(values), { seed: i, resamples: 400 })!;
      if (low <= 5 && high >= 5) held++;
    }
    expect(held / trials).toBeGreaterThan(0.89);
    expect(held / trials).toBeLessThan(0.99);
  });

  test('the same seed gives the same interval, another seed another', () => {
    const values = [1, 2, 3, 4, 10];
    const of = (seed: number) => bootstrap(5, mean(values), { seed, resamples: 50 });
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });

  test('one item, or no finite value: no interval', () => {
    expect(bootstrap(1, () => 1, { seed: 1 })).toBeUndefined();
    expect(bootstrap(5, () => NaN, { seed: 1 })).toBeUndefined();
  });
});
