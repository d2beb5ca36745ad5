/**
 * Pools of 1, 2 and 3 threads, on which every kernel must give the same bits, pools without fused multiply-add, which must
 * agree closely, and numbers to try them on.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { type KernelPool, openPool } from '../../src/kernels/pool.ts';
import type { Address } from '../../src/kernels/tape.ts';
import { createRandom } from '../../src/util/random.ts';

/** Memory of one pool while a kernel is tried: named arrays in, the same arrays out. */
export interface Bench {
  pool: KernelPool;
  /** an array in the pool's memory */
  put: (values: ArrayLike<number>) => Address;
  ints: (values: ArrayLike<number>) => Address;
  room: (words: number) => Address;
  get: (at: Address, count: number) => Float32Array;
}

/** The pools, opened once for a file of tests. */
export function usePools(threadCounts: readonly number[] = [1, 2, 3]): {
  /** Runs `body` on every pool, checks that what it returns agrees, and returns it. */
  onEveryPool: (body: (bench: Bench) => Float32Array) => Float32Array;
} {
  const pools: KernelPool[] = [];
  const plain: KernelPool[] = [];
  beforeAll(async () => {
    for (const threads of threadCounts) pools.push(await openPool({ threads }));
    for (const threads of threadCounts.slice(0, 2)) plain.push(await openPool({ threads, variant: 'plain' }));
  });
  afterAll(() => {
    for (const pool of [...pools, ...plain]) pool.close();
  });

  const onPool = (pool: KernelPool, body: (bench: Bench) => Float32Array): Float32Array => {
    const mark = pool.mark();
    const put = (values: ArrayLike<number>): Address => {
      const at = pool.allocate(values.length);
      pool.floats(at, values.length).set(values);
      return at;
    };
    const ints = (values: ArrayLike<number>): Address => {
      const at = pool.allocate(values.length);
      pool.ints(at, values.length).set(values);
      return at;
    };
    const get = (at: Address, count: number): Float32Array => pool.floats(at, count).slice();
    try {
      return body({ pool, put, ints, room: (words) => pool.allocate(words), get });
    } finally {
      pool.release(mark);
    }
  };

  return {
    onEveryPool(body) {
      const same = (group: KernelPool[]): Float32Array => {
        const [first, ...others] = group.map((pool) => onPool(pool, body));
        expect(first).toBeDefined();
        for (const other of others) expect(bits(other)).toEqual(bits(first!));
        return first!;
      };
      const [result, unfused] = [same(pools), same(plain)];
      const size = result.reduce((most, x) => Math.max(most, Number.isFinite(x) ? Math.abs(x) : 0), 0);
      for (let i = 0; i < result.length; i++) {
        const [x, y] = [result[i]!, unfused[i]!];
        if (!Object.is(x, y) && !(Math.abs(x - y) <= 1e-4 * size)) expect(y, `element ${i} unfused`).toBe(x);
      }
      return result;
    },
  };
}

const bits = (values: Float32Array): Int32Array => new Int32Array(values.buffer, values.byteOffset, values.length);

/** Numbers that look like activations, the same for the same seed. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** Largest difference, relative to the largest expected magnitude. */
export function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let size = 1e-30;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!);
    if (!(d <= difference)) difference = d;
    size = Math.max(size, Math.abs(expected[i]!));
  }
  return difference / size;
}
