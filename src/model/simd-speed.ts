/** How fast the simd kernels multiply matrices, in about a fifth of a second; backend-speed.ts does the same for tfjs. */
import { openPool } from '../kernels/pool.ts';

/** Side of the squares: fits a CPU's caches, and is wide enough for every thread. */
const side = 512;
const repeats = 20;

/** GFLOP/s of float32 products on all threads, the best of several tries. */
export async function simdGflops(): Promise<number> {
  const pool = await openPool();
  try {
    const square = (value: number): number => {
      const address = pool.allocate(side * side);
      pool.floats(address, side * side).fill(value);
      return address;
    };
    const [a, b, c] = [square(0.5), square(0.25), square(0)];
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      pool.tape.gemm({ m: side, n: side, k: side, a, lda: side, b, ldb: side, c, ldc: side });
      const start = performance.now();
      pool.tape.run();
      best = Math.min(best, performance.now() - start);
    }
    const value = pool.floats(c, 1)[0]!;
    if (Math.abs(value - side / 8) > side / 800) throw new Error(`a product of ${side / 8} came out as ${value}`);
    return (2 * side ** 3) / best / 1e6;
  } finally {
    pool.close();
  }
}
