import { describe, expect, test } from 'vitest';
import { type PanelType, panelWords } from '../../src/kernels/tape.ts';
import { normals, usePools, worst } from './helpers.ts';
import { matMul } from './reference.ts';

const { onEveryPool } = usePools();

/** To bfloat16 and back: nearest, ties to even. */
function rounded(x: Float32Array): Float32Array {
  const bits = new Uint32Array(x.slice().buffer);
  return new Float32Array(bits.map((b) => ((b + 0x7fff + ((b >>> 16) & 1)) >>> 16) << 16).buffer);
}

const multiply = (
  o: { m: number; k: number; n: number; dtype: PanelType; trans: boolean; accumulate?: boolean },
  x: Float32Array,
  w: Float32Array,
): Float32Array =>
  onEveryPool(({ pool, put, room, get }) => {
    const { m, k, n, dtype, trans, accumulate = false } = o;
    const [ldx, ldy] = [k + 4, n + 4];
    const from = room(m * ldx);
    for (let r = 0; r < m; r++) pool.floats(from + 4 * r * ldx, k).set(x.subarray(r * k, (r + 1) * k));
    const y = room(m * ldy);
    pool.floats(y, m * ldy).fill(1);
    const panels = room(panelWords(k, n, dtype));
    pool.tape.packPanels({ w: put(w), rows: k, columns: n, trans, panels, dtype });
    pool.tape.linear({ x: from, ldx, m, k, n, panels, dtype, y, ldy, accumulate });
    pool.tape.run();
    const all = get(y, m * ldy);
    // what lies right of y is as it was
    for (let r = 0; r < m; r++) expect([...all.subarray(r * ldy + n, (r + 1) * ldy)]).toEqual([1, 1, 1, 1]);
    return Float32Array.from({ length: m * n }, (_, i) => all[Math.floor(i / n) * ldy + (i % n)]!);
  });

describe('packPanels and linear', () => {
  for (const dtype of ['f32', 'bf16'] as const) {
    test.each([
      [1, 4, 4],
      [1, 36, 100],
      [2, 20, 44],
      [3, 12, 9],
      [8, 40, 67],
      [21, 16, 24],
    ])(`${dtype}: (%d, %d) x (.., %d), also stored transposed, also added`, (m, k, n) => {
      const x = normals(m * k, 1);
      const w = normals(k * n, 2);
      for (const trans of [false, true]) {
        const weights = dtype === 'bf16' ? rounded(w) : w;
        const expected = matMul(x, weights, { m, n, k, transB: trans });
        expect(worst(multiply({ m, k, n, dtype, trans }, x, w), expected)).toBeLessThan(1e-6);
        const added = multiply({ m, k, n, dtype, trans, accumulate: true }, x, w);
        expect(
          worst(
            added,
            expected.map((v) => v + 1),
          ),
        ).toBeLessThan(1e-6);
      }
    });

    test(`${dtype}: a row's result does not depend on how many rows there are`, () => {
      const [k, n] = [100, 76];
      const x = normals(9 * k, 3);
      const w = normals(k * n, 4);
      const all = multiply({ m: 9, k, n, dtype, trans: false }, x, w);
      for (let m = 1; m < 9; m++) {
        expect(multiply({ m, k, n, dtype, trans: false }, x, w)).toEqual(all.subarray(0, m * n));
      }
    });
  }

  test('bf16 keeps NaN and infinities', () => {
    const y = multiply(
      { m: 1, k: 4, n: 4, dtype: 'bf16', trans: false },
      Float32Array.of(1, 0, 0, 0),
      Float32Array.of(NaN, Infinity, -Infinity, 3.4e38, ...new Float32Array(12)),
    );
    expect([...y]).toEqual([NaN, Infinity, -Infinity, Infinity]);
  });
});

describe('copyRows', () => {
  test('into rows of a cache, and into one row of each of several caches', () => {
    const x = normals(3 * 12, 1);
    const result = onEveryPool(({ pool, put, room, get }) => {
      const y = room(100);
      const from = put(x);
      pool.tape.copyRows({ x: from + 16, ldx: 12, y, ldy: 8, rows: 3, columns: 8 });
      pool.tape.copyRows({ x: from, ldx: 12, y: y + 4 * 24, ldy: 20, rows: 3, columns: 4 });
      pool.tape.run();
      return get(y, 100);
    });
    const expected = new Float32Array(100);
    for (let r = 0; r < 3; r++) {
      expected.set(x.subarray(12 * r + 4, 12 * r + 12), 8 * r);
      expected.set(x.subarray(12 * r, 12 * r + 4), 24 + 20 * r);
    }
    expect(result).toEqual(expected);
  });
});
