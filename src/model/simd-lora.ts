/** LoRA on the SIMD kernels; lora.ts says what is computed. Weights here are (out, in), as the formulas have them. */
import type { KernelPool } from '../kernels/pool.ts';
import type { Address } from '../kernels/tape.ts';
import type { ModelConfig } from '../types.ts';
import { check } from '../util/errors.ts';
import type { LoraOptions } from './engine.ts';
import { adaptersOf, loraScale } from './lora.ts';
import { at } from './simd-activations.ts';
import type { SimdMemory } from './simd-memory.ts';
import { adamW, allocateTraining, normOf, readMoments, writeMoments, type SimdOptimizer } from './simd-optimizer.ts';
import { initialWeights, layoutOf, readWeights, writeWeights, type SimdLayout } from './simd-parameters.ts';

/** Adapters of the weights as they are now. */
export function createSimdLora(
  pool: KernelPool,
  memory: SimdMemory,
  network: { config: ModelConfig; layout: SimdLayout; weights: Address },
  options: LoraOptions,
  seed: number,
): SimdOptimizer {
  const { tape } = pool;
  const { layout, weights } = network;
  const scale = loraScale(options);
  const adapters = adaptersOf(network.config, options);
  const parameters = adapters.flatMap(({ a, b }) => [a, b]);
  const own = layoutOf(parameters);

  const base = memory.keep(layout.words);
  const gradients = memory.keep(layout.words);
  const arrays = allocateTraining(memory, own, memory.keep(own.words));
  const matrices = pool.floats(arrays.weights, own.words);
  writeWeights(own, initialWeights(parameters, seed), matrices);
  tape.copy({ x: weights, y: base, count: layout.words });
  tape.run();
  let step = 0;
  let replaced = false;

  const offsetOf = (places: SimdLayout, source: string): number => {
    const slot = places.slots.get(source);
    check(slot, `no weight ${source}`);
    return slot.offset;
  };
  const { rank } = options;
  const places = adapters.map(({ target, a, b }) => ({
    inWidth: target.shape[0],
    outWidth: target.shape[1]!,
    target: offsetOf(layout, target.source),
    a: offsetOf(own, a.source),
    b: offsetOf(own, b.source),
  }));

  /** W = W0 + s B A */
  const recordMerge = (): void => {
    for (const { inWidth, outWidth, target, a, b } of places) {
      const [w, w0] = [at(weights, target), at(base, target)];
      const factors = { a: at(arrays.weights, b), lda: rank, b: at(arrays.weights, a), ldb: inWidth };
      tape.gemm({ m: outWidth, n: inWidth, k: rank, ...factors, c: w, ldc: inWidth });
      tape.axpby({ x: w0, y: w, a: 1, b: scale, count: outWidth * inWidth });
    }
  };
  /** dB = s dW A^T, dA = s B^T dW */
  const recordGradients = (): void => {
    for (const { inWidth, outWidth, target, a, b } of places) {
      const dw = at(gradients, target);
      const [dA, dB] = [at(arrays.gradients, a), at(arrays.gradients, b)];
      const ofB = { a: dw, lda: inWidth, b: at(arrays.weights, a), ldb: inWidth, c: dB, ldc: rank };
      tape.gemm({ transB: true, m: outWidth, n: rank, k: inWidth, ...ofB });
      const ofA = { a: at(arrays.weights, b), lda: rank, b: dw, ldb: inWidth, c: dA, ldc: inWidth };
      tape.gemm({ transA: true, m: rank, n: inWidth, k: outWidth, ...ofA });
    }
    tape.axpby({ x: arrays.gradients, y: arrays.gradients, a: scale, b: 0, count: own.words });
  };

  return {
    gradients,
    begin() {
      tape.zero({ x: gradients, count: layout.words });
      if (!replaced) return;
      tape.copy({ x: base, y: weights, count: layout.words });
      recordMerge();
      replaced = false;
    },
    gradientNorm() {
      recordGradients();
      return normOf(pool, memory, arrays.gradients, own.words);
    },
    update(stepOptions, gradientScale) {
      step += 1;
      const update = { options: stepOptions, gradientScale, step };
      adamW(pool, arrays, 0, own.words, stepOptions.weightDecay, update);
      recordMerge();
      tape.run();
    },
    weightsReplaced() {
      replaced = true;
    },
    exportState: () => ({
      ...readMoments(pool, own, arrays, step),
      adapters: readWeights(own, pool.floats(arrays.weights, own.words)),
    }),
    importState(state) {
      check(state.adapters, 'the state of an optimizer without LoRA');
      writeWeights(own, state.adapters, pool.floats(arrays.weights, own.words));
      writeMoments(pool, own, arrays, state);
      step = state.step;
      tape.copy({ x: base, y: weights, count: layout.words });
      recordMerge();
      tape.run();
      replaced = false;
    },
  };
}
