/**
 * The update of all weights on the SIMD kernels: clipping, AdamW (Loshchilov & Hutter 2019) in two calls, and Muon (Jordan
 * 2024, scaled as by Liu et al. 2025) for the matrices inside the layers. optimizer.ts says the formulas and does the
 * same with tfjs.
 */
import type { KernelPool } from '../kernels/pool.ts';
import { partialCount, type Address } from '../kernels/tape.ts';
import type { Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import type { OptimizerState, StepOptions } from './engine.ts';
import { adamEps, muonMatrix, newtonSchulz } from './optimizer-constants.ts';
import { at } from './simd-activations.ts';
import type { SimdMemory } from './simd-memory.ts';
import { readWeights, writeWeights, type SimdLayout, type Slot } from './simd-parameters.ts';

/** What a step does with the gradients of the weights: change the weights, or LoRA's adapters (simd-lora.ts). */
export interface SimdOptimizer {
  /** of the weights, laid out like them: the batches of a step add theirs */
  readonly gradients: Address;
  /** Before the first batch of a step: gradients zero, weights those to train on. Recorded, not run. */
  begin(): void;
  /** Global norm of the gradient of what is changed. Runs what is recorded. */
  gradientNorm(): number;
  /** One update. The gradient is multiplied by `gradientScale` first (clipping). */
  update(options: StepOptions, gradientScale: number): void;
  /** Someone else has written the weights. */
  weightsReplaced(): void;
  exportState(): OptimizerState;
  importState(state: OptimizerState): void;
}

/** Addresses of arrays laid out alike. */
export interface TrainingArrays {
  weights: Address;
  gradients: Address;
  m: Address;
  v: Address;
}

/** AdamW or Muon on all weights. */
export function createWeightOptimizer(
  pool: KernelPool,
  memory: SimdMemory,
  layout: SimdLayout,
  weights: Address,
): SimdOptimizer {
  const arrays = allocateTraining(memory, layout, weights);
  const { gradients } = arrays;
  const { words } = layout;
  let step = 0;
  return {
    gradients,
    begin: () => pool.tape.zero({ x: gradients, count: words }),
    gradientNorm: () => normOf(pool, memory, gradients, words),
    update(options, gradientScale) {
      step += 1;
      const scratch = memory.workspace((take) => take(options.optimizer === 'muon' ? muonScratchWords(layout) : 0));
      updateWeights(pool, layout, arrays, { options, gradientScale, step }, scratch);
    },
    weightsReplaced: () => undefined,
    exportState() {
      const state = readMoments(pool, layout, arrays, step);
      // Muon's matrices have no second moment: it is zero where AdamW never was
      for (const { parameter } of layout.slots.values()) {
        if (muonMatrix(parameter) && state.v.get(parameter.source)?.data.every((x) => x === 0)) {
          state.v.delete(parameter.source);
        }
      }
      return state;
    },
    importState(state) {
      check(!state.adapters, 'the state of an optimizer with LoRA');
      step = state.step;
      writeMoments(pool, layout, arrays, state);
    },
  };
}

/** Zeroed arrays for gradients and moments beside `weights`. */
export function allocateTraining(memory: SimdMemory, { words }: SimdLayout, weights: Address): TrainingArrays {
  return { weights, gradients: memory.keep(words), m: memory.keep(words), v: memory.keep(words) };
}

/** A copy of the moments; none before the first step. */
export function readMoments(
  pool: KernelPool,
  layout: SimdLayout,
  { m, v }: TrainingArrays,
  step: number,
): { step: number; m: Weights; v: Weights } {
  if (step === 0) return { step, m: new Map(), v: new Map() };
  const read = (address: Address): Weights => readWeights(layout, pool.floats(address, layout.words));
  return { step, m: read(m), v: read(v) };
}

/** Writes moments; second ones that the state does not hold are zero, and all of them before the first step. */
export function writeMoments(
  pool: KernelPool,
  layout: SimdLayout,
  arrays: TrainingArrays,
  state: OptimizerState,
): void {
  const [m, v] = [pool.floats(arrays.m, layout.words), pool.floats(arrays.v, layout.words)];
  m.fill(0);
  v.fill(0);
  if (state.step === 0) return;
  writeWeights(layout, state.m, m);
  for (const [source, { offset }] of layout.slots) v.set(state.v.get(source)?.data ?? [], offset);
}

/** Root of the sum of squares. Runs what is recorded. */
export function normOf(pool: KernelPool, memory: SimdMemory, x: Address, count: number): number {
  const partials = memory.workspace((take) => take(partialWords(count)));
  pool.tape.sumOfSquares({ x, count, partials });
  pool.tape.run();
  return Math.sqrt(readSum(pool, partials, count));
}

/** Words of the f64 partial sums of `sumOfSquares`. */
const partialWords = (count: number): number => 2 * partialCount(count);

/** Sum of squares, from the partial sums at `partials`, in an order that no number of threads changes. */
function readSum(pool: KernelPool, partials: Address, count: number): number {
  const words = pool.ints(partials, partialWords(count));
  const sums = new Float64Array(words.buffer, words.byteOffset, words.length / 2);
  return sums.reduce((a, b) => a + b, 0);
}

interface UpdateStep {
  options: StepOptions;
  /** the gradient is multiplied by this first (clipping) */
  gradientScale: number;
  /** 1 for the first update */
  step: number;
}

/** `scratch`: `muonScratchWords` words where the optimizer is Muon. */
function updateWeights(
  pool: KernelPool,
  layout: SimdLayout,
  arrays: TrainingArrays,
  update: UpdateStep,
  scratch: Address,
): void {
  const { options } = update;
  const muon = options.optimizer === 'muon' ? [...layout.slots.values()].filter((s) => muonMatrix(s.parameter)) : [];
  if (muon.length > 0) updateByMuon(pool, arrays, muon, update, scratch);
  // AdamW for the rest: matrices with decay up to where Muon's begin, norms without
  const ours = muon[0]?.offset ?? layout.matrixWords;
  adamW(pool, arrays, 0, ours, options.weightDecay, update);
  adamW(pool, arrays, layout.matrixWords, layout.words, 0, update);
  pool.tape.run();
}

/** Records AdamW for the words `from` to `to`. */
export function adamW(
  pool: KernelPool,
  { weights, gradients, m, v }: TrainingArrays,
  from: number,
  to: number,
  decay: number,
  { options: { learningRate, beta1, beta2 }, gradientScale, step }: UpdateStep,
): void {
  const place = { weight: at(weights, from), gradient: at(gradients, from), m: at(m, from), v: at(v, from) };
  const rates = { learningRate, beta1, beta2, eps: adamEps, decay, gradientScale, step };
  pool.tape.adamW({ ...place, count: to - from, ...rates });
}

const shapeOf = ({ parameter: { shape } }: Slot): [rows: number, columns: number] => [shape[1]!, shape[0]]; // (out, in)

/** Words that Muon needs for its work: two matrices, two Gram matrices, and partial sums for each matrix. */
function muonScratchWords(layout: SimdLayout): number {
  const slots = [...layout.slots.values()].filter((s) => muonMatrix(s.parameter));
  const largest = Math.max(0, ...slots.map((s) => s.count));
  const gram = Math.max(0, ...slots.map((s) => Math.min(...shapeOf(s)) ** 2));
  return 2 * largest + 2 * gram + slots.reduce((sum, s) => sum + partialWords(s.count), 0);
}

/**
 * m = 0.95 m + g; u = g + 0.95 m; X = u / (|u| + eps), five Newton-Schulz steps towards the nearest orthogonal matrix;
 * then w = w (1 - rate * decay) - rate * 0.2 * sqrt(max(rows, columns)) X.
 */
function updateByMuon(
  pool: KernelPool,
  arrays: TrainingArrays,
  slots: readonly Slot[],
  { options, gradientScale }: UpdateStep,
  scratch: Address,
): void {
  const { tape } = pool;
  const { momentum, steps, a, b, c, eps, scale } = newtonSchulz;
  const largest = Math.max(...slots.map((s) => s.count));
  const gramWords = Math.max(...slots.map((s) => Math.min(...shapeOf(s)) ** 2));
  const buffers = [scratch, at(scratch, largest)];
  const [gram, polynomial] = [at(scratch, 2 * largest), at(scratch, 2 * largest + gramWords)];
  let partials = at(scratch, 2 * largest + 2 * gramWords);

  // u takes the gradient's place, so that all norms are known after one run
  const sums = slots.map(({ offset, count }) => {
    const [g, m] = [at(arrays.gradients, offset), at(arrays.m, offset)];
    tape.axpby({ x: g, y: m, a: gradientScale, b: momentum, count });
    tape.axpby({ x: m, y: g, a: momentum, b: gradientScale, count });
    tape.sumOfSquares({ x: g, count, partials });
    const sum = { partials, count };
    partials = at(partials, partialWords(count));
    return sum;
  });
  tape.run();

  slots.forEach((slot, i) => {
    const { offset, count } = slot;
    const [rows, columns] = shapeOf(slot);
    const small = Math.min(rows, columns);
    const wide = rows <= columns;
    const norm = Math.sqrt(readSum(pool, sums[i]!.partials, count));
    let [x, next] = buffers as [Address, Address];
    tape.copy({ x: at(arrays.gradients, offset), y: x, count });
    tape.axpby({ x, y: x, a: 0, b: 1 / (norm + eps), count });
    for (let n = 0; n < steps; n++) {
      // A = X X^T (or X^T X where that is smaller), B = b A + c A A, X = a X + B X (or X B)
      const gramOf = { a: x, lda: columns, b: x, ldb: columns, c: gram, ldc: small };
      tape.gemm({ transA: !wide, transB: wide, m: small, n: small, k: wide ? columns : rows, ...gramOf });
      tape.gemm({ m: small, n: small, k: small, a: gram, lda: small, b: gram, ldb: small, c: polynomial, ldc: small });
      tape.axpby({ x: gram, y: polynomial, a: b, b: c, count: small * small });
      const [left, right] = wide ? [polynomial, x] : [x, polynomial];
      const product = { a: left, lda: wide ? small : columns, b: right, ldb: columns, c: next, ldc: columns };
      tape.gemm({ m: rows, n: columns, k: small, ...product });
      tape.axpby({ x, y: next, a, b: 1, count });
      [x, next] = [next, x];
    }
    const rate = -options.learningRate * scale * Math.sqrt(Math.max(rows, columns));
    const kept = 1 - options.learningRate * options.weightDecay;
    tape.axpby({ x, y: at(arrays.weights, offset), a: rate, b: kept, count });
    tape.run();
  });
}
