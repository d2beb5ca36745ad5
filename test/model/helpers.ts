/** Small models, random numbers and comparisons for the tests of model/ and train/. */
import { expect } from 'vitest';
import { tensorflowFolder } from '../../src/model/tensorflow.ts';
import { installed } from '../../src/setup/install.ts';
import type { BackendName, ModelConfig, TokenBatch } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { useSwiftShader } from '../support/swiftshader.ts';

/** TensorFlow is set up here (`npm run setup:gpu`), so the tests run on it too. */
export const hasNative = installed(tensorflowFolder) !== undefined;

/** Why the tests do not run on WebGPU here, or ''. */
export const noWebgpu = await useSwiftShader();

/** tfjs backends that every test of the network runs on. */
export const backends: readonly BackendName[] = ['cpu', ...(hasNative ? (['native'] as const) : [])];

/** Backends of both engines, for tests that only see an engine. */
export const engineBackends: readonly BackendName[] = ['simd', ...backends];

/**
 * Those that the tests of single operations run on. SwiftShader takes seconds for a step of the smallest network, so the
 * whole network on `webgpu` has tests of its own (webgpu-engine.test.ts).
 */
export const operationBackends: readonly BackendName[] = [
  ...backends,
  ...(noWebgpu === '' ? (['webgpu'] as const) : []),
];

/** Largest error of float32 arithmetic on a backend, in units of the largest number: GPUs compute exp and log less exactly. */
const roundings: Partial<Record<BackendName, number>> = { webgpu: 1e-4, cuda: 1e-4 };

/** The tolerance of a test whose values must be exact to `exact` on a CPU. */
export function toleranceOn(backend: BackendName, exact: number): number {
  return Math.max(exact, roundings[backend] ?? 0);
}

/** Small enough for loops over every weight, with everything the real sizes have. */
export const tinyConfig: ModelConfig = {
  vocabSize: 40,
  contextLength: 12,
  layers: 2,
  width: 16,
  heads: 2,
  kvHeads: 2,
  hiddenWidth: 24,
  ropeTheta: 10_000,
  ropeScaling: null,
  normEps: 1e-5,
  tiedEmbeddings: true,
};

/** The same with everything a Llama may have beside: grouped keys, an output layer of its own, stretched rotary positions. */
export const groupedConfig: ModelConfig = {
  ...tinyConfig,
  heads: 4,
  kvHeads: 2,
  ropeTheta: 100,
  // of the two frequencies of a head, 1 stays and 0.1 is blended
  ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 128 },
  tiedEmbeddings: false,
};

/** Standard normals times `scale`. */
export function normals(count: number, seed: number | string, scale = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal() * scale);
}

/** Random ids; targets are the next ids, about a third of them masked. */
export function randomBatch(config: ModelConfig, batchSize: number, length: number, seed: number): TokenBatch {
  const random = createRandom(`batch ${seed}`);
  const inputs = Int32Array.from({ length: batchSize * length }, () => random.int(config.vocabSize));
  const targets = inputs.map(() => (random.next() < 0.35 ? -1 : random.int(config.vocabSize)));
  targets[0] = 1;
  return { inputs, targets, batchSize, length };
}

/** Every number within `tolerance` of the expected one, in units of the largest expected number (or 1 if smaller than that). */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  label = '',
): void {
  expect(actual.length, `${label} length`).toBe(expected.length);
  let unit = 0;
  for (let i = 0; i < expected.length; i++) unit = Math.max(unit, Math.abs(expected[i]!));
  unit = Math.max(unit, 1e-3);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / unit;
    if (!(error <= tolerance)) {
      expect.fail(`${label}[${i}] is ${actual[i]}, expected ${expected[i]} (off by ${error} of ${unit})`);
    }
  }
}

/** Central differences of a scalar function at `at`, one per element. */
export function differences(f: (x: Float64Array) => number, at: Float64Array, step = 1e-5): Float64Array {
  return at.map((_, i) => {
    const moved = Float64Array.from(at);
    moved[i] = at[i]! + step;
    const above = f(moved);
    moved[i] = at[i]! - step;
    return (above - f(moved)) / (2 * step);
  });
}
