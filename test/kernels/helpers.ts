/** Pools of 1, 2 and 3 threads, on which every kernel must give the same bits, and numbers to try them on. */
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
  /** Runs `body` on every pool, checks that what it returns has the same bits on each, and returns it. */
  onEveryPool: (body: (bench: Bench) => Float32Array) => Float32Array;
} {
  const pools: KernelPool[] = [];
  beforeAll(async () => {
    for (const threads of threadCounts) pools.push(await openPool({ threads }));
  });
  afterAll(() => {
    for (const pool of pools) pool.close();
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
      const [first, ...others] = pools.map((pool) => onPool(pool, body));
      expect(first).toBeDefined();
      for (const other of others) expect(bits(other)).toEqual(bits(first!));
      return first!;
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
