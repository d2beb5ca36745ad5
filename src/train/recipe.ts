/** What each size learns with. One table; how it was found is in docs/recipe.md. */
import type { ModelSize } from '../types.ts';
import type { Recipe } from './loop.ts';

const common = {
  optimizer: 'adamw',
  warmupShare: 0.05,
  minLearningRateShare: 0.05,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  clipNorm: 1,
  evalEvery: 0,
} as const;

const fromScratch: Record<
  ModelSize,
  Pick<Recipe, 'epochs' | 'batchTokens' | 'learningRate' | 'dropout' | 'patience'>
> = {
  nano: { epochs: 8, batchTokens: 256, learningRate: 1e-3, dropout: 0.1, patience: 2 },
  small: { epochs: 20, batchTokens: 2048, learningRate: 1e-3, dropout: 0.1, patience: 4 },
  base: { epochs: 15, batchTokens: 4096, learningRate: 6e-4, dropout: 0.1, patience: 3 },
  large: { epochs: 15, batchTokens: 8192, learningRate: 3e-4, dropout: 0.1, patience: 3 },
};

/** At most this many passes on a pretrained base: more would memorise (promises D1). */
const passesOnBase = 3;

export function recipeFor(size: ModelSize, options: { fromScratch: boolean }): Recipe {
  const recipe = { ...common, ...fromScratch[size] };
  return options.fromScratch ? recipe : { ...recipe, epochs: passesOnBase, learningRate: recipe.learningRate / 5 };
}
