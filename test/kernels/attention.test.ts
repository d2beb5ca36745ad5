import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals, usePools, worst } from './helpers.ts';
import { type AttentionShape, attention, decodeAttention, numericGradient } from './reference.ts';

const { onEveryPool } = usePools();

const words = (s: AttentionShape): { qkv: number; out: number; lse: number } => ({
  qkv: s.batch * s.length * (s.heads + 2 * s.kvHeads) * s.headWidth,
  out: s.batch * s.length * s.heads * s.headWidth,
  lse: s.batch * s.heads * s.length,
});

/** One row, an odd number of rows, grouped keys, head widths of half a tile, lengths at both sides of a block. */
const shapes: AttentionShape[] = [
  { batch: 1, length: 1, heads: 1, kvHeads: 1, headWidth: 4 },
  { batch: 2, length: 5, heads: 4, kvHeads: 2, headWidth: 8 },
  { batch: 1, length: 17, heads: 3, kvHeads: 1, headWidth: 12 },
  { batch: 3, length: 23, heads: 2, kvHeads: 2, headWidth: 4 },
  { batch: 1, length: 66, heads: 2, kvHeads: 1, headWidth: 4 },
];
const title = (s: AttentionShape): string =>
  `batch ${s.batch}, length ${s.length}, ${s.heads} heads over ${s.kvHeads}, width ${s.headWidth}`;

describe('attention', () => {
  for (const shape of [...shapes, { batch: 1, length: 130, heads: 3, kvHeads: 3, headWidth: 32 }]) {
    test(title(shape), () => {
      const size = words(shape);
      const qkv = normals(size.qkv, 1, 2);
      const result = onEveryPool(({ pool, put, room, get }) => {
        const out = room(size.out + size.lse);
        const lse = out + 4 * size.out;
        pool.tape.attention({ qkv: put(qkv), out, lse, ...shape });
        pool.tape.run();
        return get(out, size.out + size.lse);
      });
      const expected = attention(qkv, shape);
      expect(worst(result.subarray(0, size.out), expected.out)).toBeLessThan(1e-5);
      expect(worst(result.subarray(size.out), expected.lse)).toBeLessThan(1e-5);
    });
  }

  test('random shapes', () => {
    const property = fc.property(
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        length: fc.integer({ min: 1, max: 40 }),
        kvHeads: fc.integer({ min: 1, max: 3 }),
        group: fc.integer({ min: 1, max: 3 }),
        width: fc.integer({ min: 1, max: 6 }),
      }),
      ({ batch, length, kvHeads, group, width }) => {
        const shape = { batch, length, kvHeads, heads: kvHeads * group, headWidth: 4 * width };
        const size = words(shape);
        const qkv = normals(size.qkv, 2, 2);
        const out = onEveryPool(({ pool, put, room, get }) => {
          const at = room(size.out);
          pool.tape.attention({ qkv: put(qkv), out: at, lse: room(size.lse), ...shape });
          pool.tape.run();
          return get(at, size.out);
        });
        expect(worst(out, attention(qkv, shape).out)).toBeLessThan(1e-5);
      },
    );
    fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('scores in the thousands choose one key', () => {
    const shape = { batch: 1, length: 6, heads: 1, kvHeads: 1, headWidth: 4 };
    const size = words(shape);
    const qkv = normals(size.qkv, 3, 80);
    const out = onEveryPool(({ pool, put, room, get }) => {
      const at = room(size.out);
      pool.tape.attention({ qkv: put(qkv), out: at, lse: room(size.lse), ...shape });
      pool.tape.run();
      return get(at, size.out);
    });
    expect(worst(out, attention(qkv, shape).out)).toBeLessThan(1e-3);
  });
});

describe('attentionBackward', () => {
  for (const shape of shapes) {
    test(title(shape), () => {
      const size = words(shape);
      const qkv = normals(size.qkv, 4);
      const dout = normals(size.out, 5);
      const dqkv = onEveryPool(({ pool, put, room, get }) => {
        const [out, lse, to] = [room(size.out), room(size.lse), put(new Float32Array(size.qkv).fill(NaN))];
        const at = put(qkv);
        pool.tape.attention({ qkv: at, out, lse, ...shape });
        pool.tape.attentionBackward({ qkv: at, out, lse, dout: put(dout), dqkv: to, ...shape });
        pool.tape.run();
        return get(to, size.qkv);
      });
      // some 100 of the elements, spread over rows and heads: each costs two attentions in float64
      const stride = Math.ceil(size.qkv / 100) | 1;
      const at = Array.from({ length: Math.floor(size.qkv / stride) }, (_, i) => i * stride);
      const expected = numericGradient(qkv, dout, (x) => attention(x, shape).out, at);
      expect(
        worst(
          at.map((i) => dqkv[i]!),
          expected,
        ),
      ).toBeLessThan(2e-5);
    });
  }

  test('heads as wide as they may be, and rows that fill several blocks', () => {
    // too large for numeric gradients: the directional derivative along a random direction
    const shape = { batch: 1, length: 200, heads: 2, kvHeads: 1, headWidth: 128 };
    const size = words(shape);
    const qkv = normals(size.qkv, 6, 0.5);
    const dout = normals(size.out, 7);
    const direction = normals(size.qkv, 8);
    const dqkv = onEveryPool(({ pool, put, room, get }) => {
      const [out, lse, to] = [room(size.out), room(size.lse), room(size.qkv)];
      const at = put(qkv);
      pool.tape.attention({ qkv: at, out, lse, ...shape });
      pool.tape.attentionBackward({ qkv: at, out, lse, dout: put(dout), dqkv: to, ...shape });
      pool.tape.run();
      return get(to, size.qkv);
    });
    const value = (t: number): number =>
      attention(
        qkv.map((x, i) => x + t * direction[i]!),
        shape,
      ).out.reduce((sum, y, i) => sum + y * dout[i]!, 0);
    const expected = (value(2e-3) - value(-2e-3)) / 4e-3;
    const actual = dqkv.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    expect(Math.abs(actual - expected)).toBeLessThan(2e-3 * Math.abs(expected));
  });
});

describe('decodeAttention', () => {
  for (const [sharedLength, ownLength, streams, kvHeads, group, headWidth] of [
    [7, 0, 1, 2, 1, 8],
    [0, 3, 2, 1, 3, 4],
    [9, 6, 5, 2, 2, 20],
    [33, 1, 3, 1, 2, 36],
  ] as const) {
    test(`${streams} streams, ${sharedLength} + ${ownLength} rows, ${kvHeads} x ${group} heads of ${headWidth}`, () => {
      const heads = kvHeads * group;
      const kvWidth = kvHeads * headWidth;
      const capacity = ownLength + 2;
      const [ldq, ldout] = [heads * headWidth + 8, heads * headWidth + 4];
      const dense = normals(streams * heads * headWidth, 1, 2);
      const q = new Float32Array(streams * ldq);
      for (let s = 0; s < streams; s++)
        q.set(dense.subarray(s * heads * headWidth, (s + 1) * heads * headWidth), s * ldq);
      const [sharedK, sharedV] = [normals(sharedLength * kvWidth, 2), normals(sharedLength * kvWidth, 3)];
      const [ownK, ownV] = [normals(streams * ownLength * kvWidth, 4), normals(streams * ownLength * kvWidth, 5)];
      const cache = (own: Float32Array): Float32Array => {
        const all = new Float32Array(streams * capacity * kvWidth).fill(NaN);
        const stream = ownLength * kvWidth;
        for (let s = 0; s < streams; s++) all.set(own.subarray(s * stream, (s + 1) * stream), s * capacity * kvWidth);
        return all;
      };
      const shape = { sharedLength, ownLength, streams, heads, kvHeads, headWidth };
      const result = onEveryPool(({ pool, put, room, get }) => {
        const out = room(streams * ldout);
        const caches = { sharedK: put(sharedK), sharedV: put(sharedV), ownK: put(cache(ownK)), ownV: put(cache(ownV)) };
        pool.tape.decodeAttention({ q: put(q), ldq, ...caches, ownStride: capacity * kvWidth, ...shape, out, ldout });
        pool.tape.run();
        return get(out, streams * ldout);
      });
      const expected = decodeAttention({ q: dense, sharedK, sharedV, ownK, ownV }, shape);
      for (let s = 0; s < streams; s++) {
        const actual = result.subarray(s * ldout, s * ldout + heads * headWidth);
        expect(worst(actual, expected.subarray(s * heads * headWidth, (s + 1) * heads * headWidth))).toBeLessThan(1e-5);
      }
    });
  }
});
