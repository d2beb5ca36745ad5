/**
 * Speed of the kernels on this machine: which tile of the matrix product this Node compiles best (micro-kernel shapes,
 * with multiply and add, and fused where relaxed SIMD is there), products of typical shapes, one-row products at memory
 * speed, attention. Prints tables and writes bench/results/kernels.json.
 *
 *   npm run build && npx tsc -p bench && node dist/bench/kernels.js
 *
 * Each figure is the best of many short samples, the cases taking turns: other processes only ever take time away.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileAssembly } from '../src/kernels/build.ts';
import { type Access, type TileShape, emitTile, tiles as built } from '../src/kernels/microkernel.ts';
import { type KernelPool, openPool } from '../src/kernels/pool.ts';
import { type PanelType, panelWords } from '../src/kernels/tape.ts';
import { wasm } from '../src/kernels/webassembly.ts';
import { projectRoot } from '../src/util/dist.ts';
import { machine } from './machine.ts';

/** Longest time that one case may take in all. */
const budgetMs = 400;

/**
 * Best milliseconds of one call of each case. Samples are short (half a millisecond where the call is shorter), so that some
 * fall between the turns of other processes; the cases take turns.
 */
function measure(cases: readonly (() => void)[]): number[] {
  const repeats = cases.map((run) => {
    for (let i = 0; i < 20; i++) run(); // until V8 has compiled it well
    const start = performance.now();
    run();
    return Math.max(1, Math.ceil(0.5 / Math.max(1e-3, performance.now() - start)));
  });
  const best = cases.map(() => Infinity);
  const spent = cases.map(() => 0);
  for (let round = 0; round < 200; round++) {
    for (const [i, run] of cases.entries()) {
      if (round > 4 && spent[i]! > budgetMs) continue;
      const start = performance.now();
      for (let n = 0; n < repeats[i]!; n++) run();
      const ms = performance.now() - start;
      spent[i]! += ms;
      best[i] = Math.min(best[i]!, ms / repeats[i]!);
    }
  }
  return best;
}

interface TileResult extends TileShape {
  gflops: number;
}

/** Every shape in one module, on operands that stay in the L1 cache. */
async function probeTiles(): Promise<TileResult[]> {
  const shapes: TileShape[] = [];
  for (const [rows, columns] of [
    [4, 8],
    [5, 8],
    [6, 8],
    [4, 12],
    [3, 12],
  ] as const) {
    for (const access of ['rows', 'columns'] as Access[]) {
      for (const unroll of [1, 4]) {
        for (const fused of [false, true]) shapes.push({ ...built.plain, access, rows, columns, unroll, fused });
      }
    }
  }
  const results: TileResult[] = [];
  for (const fused of [false, true]) {
    const chosen = shapes.filter((shape) => shape.fused === fused);
    const source = chosen.map((shape, i) => emitTile(`tile${i}`, shape)).join('\n');
    const flags = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'];
    const memoryFlags = ['--initialMemory', '64', '--maximumMemory', '64'];
    const features = ['--enable', `simd,threads${fused ? ',relaxed-simd' : ''}`];
    const binary = await compileAssembly(new Map([['tiles.ts', source]]), 'tiles.ts', [
      ...flags,
      ...memoryFlags,
      ...features,
    ]);
    if (!wasm.validate(binary)) {
      console.log('fused tiles: this Node has no relaxed SIMD (node --experimental-wasm-relaxed-simd)');
      continue;
    }
    const memory = new wasm.Memory({ initial: 64, maximum: 64, shared: true });
    const { exports } = new wasm.Instance(await wasm.compile(binary), { env: { memory } });
    new Float32Array(memory.buffer).fill(0.5);
    const k = 384;
    const [a, b, c] = [1 << 16, 1 << 18, 1 << 20];
    const times = measure(
      chosen.map(({ access }, i) => {
        const run = exports[`tile${i}`] as (...args: number[]) => void;
        const lda = access === 'rows' ? 4 * k + 64 : 4 * built.plain.rows;
        return () => {
          for (let n = 0; n < 20; n++) run(k, a, lda, b, c, 64, 0);
        };
      }),
    );
    results.push(
      ...chosen.map((shape, i) => ({ ...shape, gflops: (40 * shape.rows * shape.columns * k) / times[i]! / 1e6 })),
    );
  }
  return results.sort((x, y) => y.gflops - x.gflops);
}

/** m, n, k: layers of nano and small forward and backward, and the output layer. */
const products: [number, number, number][] = [
  [768, 128, 512],
  [768, 512, 128],
  [1024, 384, 1536],
  [1024, 1536, 384],
  [384, 1536, 1024],
  [1024, 8192, 384],
  [1024, 1024, 1024],
];

interface ProductResult {
  shape: string;
  kind: string;
  threads: number;
  gflops: number;
}

function benchProducts(pool: KernelPool): ProductResult[] {
  const mark = pool.mark();
  const most = Math.max(...products.flatMap(([m, n, k]) => [m * n, n * k, m * k]));
  const [a, b, c] = [pool.allocate(most), pool.allocate(most), pool.allocate(most)];
  for (const at of [a, b]) pool.floats(at, most).fill(0.5);
  const cases = products.flatMap(([m, n, k]) =>
    (['NN', 'NT', 'TN'] as const).map((kind) => {
      const [transA, transB] = [kind[0] === 'T', kind[1] === 'T'];
      const operands = { m, n, k, transA, transB, a, lda: transA ? m : k, b, ldb: transB ? k : n, c, ldc: n };
      return { shape: `${m} x ${n} x ${k}`, kind, work: 2 * m * n * k, operands };
    }),
  );
  const times = measure(
    cases.map(({ operands }) => () => {
      pool.tape.gemm(operands);
      pool.tape.run();
    }),
  );
  pool.release(mark);
  return cases.map(({ shape, kind, work }, i) => ({
    shape,
    kind,
    threads: pool.threads,
    gflops: work / times[i]! / 1e6,
  }));
}

interface LinearResult {
  shape: string;
  dtype: PanelType;
  rows: number;
  threads: number;
  microseconds: number;
  gigabytesPerSecond: number;
}

/** A few rows times packed weights: in the L2 cache, and 48 MB of them. */
function benchLinear(pool: KernelPool): LinearResult[] {
  const cases = (['f32', 'bf16'] as const).flatMap((dtype) =>
    (
      [
        [384, 384, 1],
        [1536, 384, 1],
        [384, 8192, 1],
        [1536, 8192, 1],
      ] as const
    ).flatMap(([k, n]) => [1, 2, 4, 8].map((rows) => ({ k, n, rows, dtype }))),
  );
  const results = cases.map(({ k, n, rows, dtype }) => {
    const mark = pool.mark();
    const [x, y] = [pool.allocate(rows * k), pool.allocate(rows * n)];
    const panels = pool.allocate(panelWords(k, n, dtype));
    pool.floats(x, rows * k).fill(0.5);
    const [ms] = measure([
      () => {
        for (let i = 0; i < 4; i++) pool.tape.linear({ x, ldx: k, m: rows, k, n, panels, dtype, y, ldy: n });
        pool.tape.run();
      },
    ]);
    pool.release(mark);
    const bytes = 4 * panelWords(k, n, dtype);
    const seconds = ms! / 4e3;
    return { microseconds: 1e6 * seconds, gigabytesPerSecond: bytes / seconds / 1e9 };
  });
  return cases.map(({ k, n, rows, dtype }, i) => ({
    shape: `${k} x ${n}`,
    dtype,
    rows,
    threads: pool.threads,
    ...results[i]!,
  }));
}

interface AttentionResult {
  shape: string;
  threads: number;
  forwardGflops: number;
  backwardGflops: number;
}

/** Rates count the products at or below the diagonal: 2 forward, 5 backward. */
function benchAttention(pool: KernelPool): AttentionResult[] {
  const shapes = [
    { batch: 12, length: 64, heads: 4, kvHeads: 4, headWidth: 32 },
    { batch: 4, length: 256, heads: 6, kvHeads: 6, headWidth: 64 },
    { batch: 2, length: 512, heads: 6, kvHeads: 2, headWidth: 64 },
  ];
  return shapes.map((shape) => {
    const { batch, length, heads, kvHeads, headWidth } = shape;
    const mark = pool.mark();
    const words = batch * length * (heads + 2 * kvHeads) * headWidth;
    const [qkv, dqkv] = [pool.allocate(words), pool.allocate(words)];
    const [out, dout] = [pool.allocate(words), pool.allocate(words)];
    const lse = pool.allocate(batch * heads * length);
    for (const at of [qkv, dout]) pool.floats(at, words).forEach((_, i, x) => (x[i] = Math.sin(i)));
    const [forward, backward] = measure([
      () => {
        pool.tape.attention({ qkv, out, lse, ...shape });
        pool.tape.run();
      },
      () => {
        pool.tape.attentionBackward({ qkv, out, lse, dout, dqkv, ...shape });
        pool.tape.run();
      },
    ]);
    pool.release(mark);
    const product = batch * heads * length * (length + 1) * headWidth;
    return {
      shape: `${batch} x ${length}, ${heads}/${kvHeads} heads of ${headWidth}`,
      threads: pool.threads,
      forwardGflops: (2 * product) / forward! / 1e6,
      backwardGflops: (5 * product) / backward! / 1e6,
    };
  });
}

const round = (x: number): number => Math.round(10 * x) / 10;

console.log(machine);
const tiles = await probeTiles();
console.log('\ntiles, GFLOP/s on one thread (the kernels are built with those that microkernel.ts names)');
console.table(
  tiles.map(({ rows, columns, access, unroll, fused, gflops }) => ({
    tile: `${rows} x ${columns}`,
    access,
    unroll,
    fused,
    gflops: round(gflops),
  })),
);
const result = {
  machine,
  tiles,
  products: [] as ProductResult[],
  linear: [] as LinearResult[],
  attention: [] as AttentionResult[],
};
for (const threads of [1, 2]) {
  const pool = await openPool({ threads });
  result.products.push(...benchProducts(pool));
  result.linear.push(...benchLinear(pool));
  result.attention.push(...benchAttention(pool));
  pool.close();
}
console.table(result.products.map((r) => ({ ...r, gflops: round(r.gflops) })));
console.table(
  result.linear.map((r) => ({
    ...r,
    microseconds: round(r.microseconds),
    gigabytesPerSecond: round(r.gigabytesPerSecond),
  })),
);
console.table(
  result.attention.map((r) => ({
    ...r,
    forwardGflops: round(r.forwardGflops),
    backwardGflops: round(r.backwardGflops),
  })),
);
const peak = Math.max(...result.products.filter((r) => r.threads === 1).map((r) => r.gflops));
const peak2 = Math.max(...result.products.filter((r) => r.threads === 2).map((r) => r.gflops));
console.log(`measured peak of a product: ${round(peak)} GFLOP/s on one thread, ${round(peak2)} on two`);
mkdirSync(join(projectRoot, 'bench/results'), { recursive: true });
writeFileSync(
  join(projectRoot, 'bench/results/kernels.json'),
  `${JSON.stringify({ ...result, peakGflops: { oneThread: peak, twoThreads: peak2 } }, null, 2)}\n`,
);
