import { describe, expect, test } from 'vitest';
import type { PaddedBatch, TokenRow } from '../../src/train/batches.ts';
import { createPlan } from '../../src/train/plan.ts';

/** Rows of four ids, all of them the row's number. */
const rowsFrom = (first: number, count: number): TokenRow[] =>
  Array.from({ length: count }, (_, i) => ({
    inputs: Int32Array.of(0, 0, 0, 0).fill(first + i),
    targets: Int32Array.of(1, 1, 1, 1),
  }));
const idsOf = (batches: readonly PaddedBatch[]): number[] =>
  batches.flatMap(({ inputs, batchSize, length }) => Array.from({ length: batchSize }, (_, r) => inputs[r * length]!));
const size = { batchTokens: 8, accumulation: 1, seed: 1 };

describe('createPlan', () => {
  test('each pass holds every row once, in an order of its own that the seed decides', () => {
    const rows = rowsFrom(0, 10);
    const plan = createPlan({ ...size, rows });
    expect(plan.stepsPerEpoch).toBe(5);
    const pass = (at: number, of = plan): number[] =>
      [0, 1, 2, 3, 4].flatMap((step) => idsOf(of.batchesOf(at * 5 + step)));
    for (const epoch of [0, 1, 2]) expect(pass(epoch).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(pass(0)).not.toEqual(pass(1));
    expect(pass(1)).toEqual(pass(1, createPlan({ ...size, rows })));
    expect(pass(1)).not.toEqual(pass(1, createPlan({ ...size, rows, seed: 2 })));
  });

  test('a step may be asked for out of order: after a restart it is the same', () => {
    const rows = rowsFrom(0, 23);
    const mix = { rows: rowsFrom(100, 9), share: 0.3 };
    const options = { batchTokens: 16, accumulation: 2, seed: 5, rows, mix };
    const straight = createPlan(options);
    const inOrder = Array.from({ length: 40 }, (_, step) => idsOf(straight.batchesOf(step)));
    for (const step of [39, 7, 8, 21, 0]) expect(idsOf(createPlan(options).batchesOf(step))).toEqual(inOrder[step]);
  });

  test('accumulation: a step is made of several batches with its ids shared among them', () => {
    const plan = createPlan({ ...size, rows: rowsFrom(0, 11), batchTokens: 16, accumulation: 4 });
    expect(plan.stepsPerEpoch).toBe(3);
    const steps = [0, 1, 2].map((step) => plan.batchesOf(step));
    expect(steps.map((batches) => batches.length)).toEqual([4, 4, 3]);
    for (const batch of steps.flat()) expect([batch.batchSize, batch.length]).toEqual([1, 4]);
    expect(steps.flatMap(idsOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, i) => i));
  });

  test('other text makes its share of the batches, and all of it comes by in turn', () => {
    const mix = { rows: rowsFrom(100, 10), share: 0.4 };
    const plan = createPlan({ ...size, rows: rowsFrom(0, 12), mix });
    expect(plan.stepsPerEpoch).toBe(10); // 6 batches of its own and 4 of the 5 that the text makes
    const passes = [0, 1, 2, 3, 4].map((pass) =>
      Array.from({ length: 10 }, (_, step) => idsOf(plan.batchesOf(pass * 10 + step))),
    );
    for (const pass of passes) {
      expect(pass.filter((ids) => ids.every((id) => id >= 100))).toHaveLength(4);
      expect(
        pass
          .flat()
          .filter((id) => id < 100)
          .sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 12 }, (_, i) => i));
      // between the others, not after them
      expect(pass.slice(0, 6).some((ids) => ids[0]! >= 100)).toBe(true);
    }
    const seen = new Map<number, number>();
    for (const id of passes.flat(2).filter((id) => id >= 100)) seen.set(id, (seen.get(id) ?? 0) + 1);
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 100 + i));
    expect(new Set(seen.values())).toEqual(new Set([4])); // 5 passes of 4 batches = 4 rounds of 5 batches
  });

  test('refuses what cannot be planned', () => {
    const silent = [{ inputs: [1, 2], targets: [-1, -1] }];
    expect(() => createPlan({ ...size, rows: silent })).toThrow('none of 1 training rows has a target');
    expect(() => createPlan({ ...size, rows: rowsFrom(0, 1), mix: { rows: silent, share: 0.5 } })).toThrow(
      'none of 1 rows of other text has a target',
    );
    expect(() => createPlan({ ...size, rows: rowsFrom(0, 1), mix: { rows: rowsFrom(1, 1), share: 1 } })).toThrow(
      'a share of 1',
    );
    expect(() => createPlan({ ...size, rows: rowsFrom(0, 1), accumulation: 0 })).toThrow('steps of 0 batches');
  });
});
