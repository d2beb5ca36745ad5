import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeBatches, type TokenRow } from '../../src/train/batches.ts';

/** A row whose inputs are `id, 0, 0...` so that it can be found again. */
const row = (id: number, length: number, target = 1): TokenRow => ({
  inputs: Int32Array.from({ length }, (_, i) => (i === 0 ? id : 0)),
  targets: Int32Array.from({ length }, (_, i) => (i === length - 1 ? target : -1)),
});
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });
const idsOf = (batches: ReturnType<typeof makeBatches>): number[] =>
  batches.flatMap((b) => Array.from({ length: b.batchSize }, (_, r) => b.inputs[r * b.length]!));

describe('makeBatches', () => {
  test('every row stands in one batch, whole and padded with no target; batches keep to their size', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 200 }), fc.integer(), (sizes, batchTokens, seed) => {
        const rows = sizes.map((n, i) => row(i + 1, n));
        const batches = makeBatches(rows, { batchTokens, seed });
        expect(idsOf(batches).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i + 1));
        for (const { inputs, targets, batchSize, length, tokens } of batches) {
          expect([inputs.length, targets.length]).toEqual([batchSize * length, batchSize * length]);
          expect(inputs.length <= batchTokens || batchSize === 1).toBe(true);
          let real = 0;
          for (let r = 0; r < batchSize; r++) {
            const size = sizes[inputs[r * length]! - 1]!;
            real += size;
            expect(targets.slice(r * length, (r + 1) * length).findIndex((t) => t === 1)).toBe(size - 1);
            expect(targets.slice(r * length, (r + 1) * length).filter((t) => t >= 0)).toHaveLength(1);
          }
          expect(tokens).toBe(real);
        }
      }),
    );
  });

  test('rows without a target are left out', () => {
    const rows = [row(1, 5), row(2, 5, -1), row(3, 7, -1), row(4, 7)];
    expect(idsOf(makeBatches(rows, { batchTokens: 100 }))).toEqual([1, 4]);
    expect(makeBatches([row(1, 3, -1)], { batchTokens: 100 })).toEqual([]);
    expect(makeBatches([], { batchTokens: 100, seed: 1 })).toEqual([]);
  });

  test('rows of like length share a batch', () => {
    const rows = [row(1, 40), row(2, 4), row(3, 39), row(4, 5)];
    const batches = makeBatches(rows, { batchTokens: 80 });
    expect(batches.map((b) => b.length)).toEqual([5, 40]);
  });

  test('the seed decides the order, and nothing else', () => {
    const rows = Array.from({ length: 50 }, (_, i) => row(i + 1, 10 + (i % 3)));
    const shuffled = (seed: number | string): number[] => idsOf(makeBatches(rows, { batchTokens: 64, seed }));
    expect(shuffled('a epoch 1')).toEqual(shuffled('a epoch 1'));
    expect(shuffled('a epoch 1')).not.toEqual(shuffled('a epoch 2'));
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 200 }), fc.integer(), (sizes, batchTokens, seed) => {
        const all = sizes.map((n, i) => row(i + 1, n));
        expect(makeBatches(all, { batchTokens, seed })).toHaveLength(makeBatches(all, { batchTokens }).length);
      }),
    );
  });
});
