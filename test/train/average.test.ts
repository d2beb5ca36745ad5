import { describe, expect, test } from 'vitest';
import { addToAverage, mixWeights, type WeightAverage } from '../../src/train/average.ts';
import type { Weights } from '../../src/types.ts';

const weights = (...numbers: number[]): Weights =>
  new Map([['w', { shape: [numbers.length], data: Float32Array.from(numbers) }]]);
const averageOf = (values: readonly number[], span: number): number => {
  let average: WeightAverage | null = null;
  for (const value of values) average = addToAverage(average, weights(value, -value), span);
  const { data } = average!.weights.get('w')!;
  expect(data[1]).toBeCloseTo(-data[0]!, 5);
  expect(average!.count).toBe(values.length);
  return data[0]!;
};

describe('addToAverage', () => {
  test('over half of the run it is the plain mean', () => {
    expect(averageOf([1, 2, 3, 10], 0.5)).toBeCloseTo(4, 5);
  });

  test('its mean age is the share of the run that was asked for, however long the run', () => {
    for (const count of [200, 2000]) {
      const steps = Array.from({ length: count }, (_, i) => i / (count - 1)); // each value is its own time
      for (const span of [0.05, 0.1, 0.25]) expect(1 - averageOf(steps, span)).toBeCloseTo(span, 1.5);
    }
  });

  test('the first weights are copied, not kept', () => {
    const first = weights(1);
    const average = addToAverage(null, first, 0.1);
    first.get('w')!.data[0] = 9;
    expect(average.weights.get('w')!.data[0]).toBe(1);
  });

  test('refuses a span that means nothing, and weights of another network', () => {
    expect(() => addToAverage(null, weights(1), 0)).toThrow('share of 0');
    expect(() => addToAverage(null, weights(1), 0.6)).toThrow('share of 0.6');
    expect(() => addToAverage(addToAverage(null, weights(1), 0.1), weights(1, 2), 0.1)).toThrow('no average for w');
  });
});

test('mixWeights: between two networks, and neither is changed', () => {
  const [own, other] = [weights(1, 2), weights(3, -2)];
  expect([...mixWeights(own, other, 0.25).get('w')!.data]).toEqual([1.5, 1]);
  expect([...own.get('w')!.data, ...other.get('w')!.data]).toEqual([1, 2, 3, -2]);
  expect(() => mixWeights(own, weights(1), 0.5)).toThrow('nothing to mix with w');
});
