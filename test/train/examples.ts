/** A recipe and rows for the tests of the loop. */
import type { TokenRow } from '../../src/train/batches.ts';
import type { Recipe } from '../../src/train/recipe.ts';
import { createRandom } from '../../src/util/random.ts';

export const recipe: Recipe = {
  epochs: 4,
  batchTokens: 48,
  accumulation: 1,
  optimizer: 'adamw',
  schedule: 'cosine',
  learningRate: 0.01,
  warmupShare: 0.1,
  decayShare: 0.3,
  minLearningRateShare: 0.1,
  weightDecay: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  dropout: 0.1,
  clipNorm: 1,
  patience: 0,
  evalEvery: 0,
  averageSpan: 0,
  leftShare: 0.5,
  stepsPerPass: 0,
  baseShare: 0,
};

/** Rows that count upwards modulo 30 from a random start. */
export function countingRows(count: number, seed: number): TokenRow[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const start = random.int(30);
    const length = 6 + random.int(6);
    const ids = Array.from({ length: length + 1 }, (_, i) => (start + i) % 30);
    return { inputs: Int32Array.from(ids.slice(0, -1)), targets: Int32Array.from(ids.slice(1)) };
  });
}
