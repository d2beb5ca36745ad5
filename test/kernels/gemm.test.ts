import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals, usePools, worst } from './helpers.ts';
import { matMul } from './reference.ts';

const { onEveryPool } = usePools();

describe('gemm', () => {
  const shapes: [number, number, number][] = [
    [1, 4, 4],
    [3, 5, 7],
    [4, 8, 1],
    [13, 20, 9],
    [65, 12, 33],
    [37, 401, 19], // past blockN
    [9, 24, 801], // past blockK twice
    [130, 9, 390],
  ];
  for (const [m, n, k] of shapes) {
    for (const [name, transA, transB] of [
      ['NN', false, false],
      ['NT', false, true],
      ['TN', true, false],
      ['TT', true, true],
    ] as const) {
      test(`${name} ${m} x ${n} x ${k}, also added to what is there`, () => {
        const a = normals(m * k, 1);
        const b = normals(k * n, 2);
        const before = normals(m * n, 3);
        const expected = matMul(a, b, { m, n, k, transA, transB });
        for (const accumulate of [false, true]) {
          const c = onEveryPool(({ pool, put, get }) => {
            const at = put(before);
            const [lda, ldb] = [transA ? m : k, transB ? k : n];
            const operands = { a: put(a), lda, b: put(b), ldb, c: at, ldc: n };
            pool.tape.gemm({ m, n, k, transA, transB, ...operands, accumulate });
            pool.tape.run();
            return get(at, m * n);
          });
          expect(worst(c, accumulate ? expected.map((x, i) => x + before[i]!) : expected)).toBeLessThan(1e-5);
        }
      });
    }
  }

  test('random shapes inside larger matrices: what lies around c stays', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const pads = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(size, size, size, fc.boolean(), fc.boolean(), pads, (m, n, k, transA, transB, pad) => {
        const lda = (transA ? m : k) + pad[0]!;
        const ldb = (transB ? k : n) + pad[1]!;
        const ldc = n + pad[2]!;
        const a = normals((transA ? k : m) * lda, 4);
        const b = normals((transB ? n : k) * ldb, 5);
        const surroundings = new Float32Array(m * ldc).fill(7);
        const c = onEveryPool(({ pool, put, get }) => {
          const at = put(surroundings);
          pool.tape.gemm({ m, n, k, transA, transB, a: put(a), lda, b: put(b), ldb, c: at, ldc });
          pool.tape.run();
          return get(at, m * ldc);
        });
        const product = matMul(a, b, { m, n, k, transA, transB, lda, ldb });
        const expected = Float64Array.from(surroundings);
        for (let i = 0; i < m; i++) expected.set(product.subarray(i * n, (i + 1) * n), i * ldc);
        expect(worst(c, expected)).toBeLessThan(1e-5);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('k = 0 is a product of zeros', () => {
    const c = onEveryPool(({ pool, put, get }) => {
      const at = put([1, 2, 3, 4]);
      pool.tape.gemm({ m: 1, n: 4, k: 0, a: at, lda: 0, b: at, ldb: 4, c: at, ldc: 4 });
      pool.tape.run();
      return get(at, 4);
    });
    expect([...c]).toEqual([0, 0, 0, 0]);
  });
});
