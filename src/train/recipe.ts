/** What each size learns with. One table; how it was found is in docs/recipe.md. */
import type { OptimizerName } from '../model/engine.ts';
import type { ModelSize } from '../types.ts';
import type { Schedule } from './schedule.ts';

/** What a run learns with. */
export interface Recipe extends Schedule {
  /** passes over the rows */
  epochs: number;
  /** ids a step, padding included */
  batchTokens: number;
  /** steps that a pass has at least: a short chat is cut into smaller batches for it (`forLength`); 0 = as they are */
  stepsPerPass: number;
  /** batches that a step is made of, each with its share of `batchTokens`: gradients add up, memory does not */
  accumulation: number;
  /** share of a context that every target has to its left when rows are cut (dataset/rows.ts) */
  leftShare: number;
  optimizer: OptimizerName;
  weightDecay: number;
  beta1: number;
  beta2: number;
  dropout: number;
  /** global gradient norm; 0 = off */
  clipNorm: number;
  /** validations in a row without a new best after which training stops; 0 = never */
  patience: number;
  /** steps from one validation to the next; 0 = one validation a pass */
  evalEvery: number;
  /** mean age of the averaged weights, as a share of the run so far; 0 = no average. Validation chooses */
  averageSpan: number;
  /**
   * share of the starting weights in what comes of the run: tried at its end, and validation chooses (WiSE-FT, Wortsman et
   * al. 2022). Where a chat is like the base, three passes go a little too far; 0 = not tried
   */
  baseShare: number;
}

const common = {
  schedule: 'cosine',
  warmupShare: 0.05,
  decayShare: 0.3,
  minLearningRateShare: 0.05,
  accumulation: 1,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  clipNorm: 1,
  evalEvery: 0,
  averageSpan: 0,
  leftShare: 0,
  stepsPerPass: 0,
  baseShare: 0,
} as const;

const fromScratch: Record<
  ModelSize,
  Pick<Recipe, 'epochs' | 'batchTokens' | 'learningRate' | 'dropout' | 'patience' | 'optimizer'>
> = {
  nano: { epochs: 8, batchTokens: 1024, optimizer: 'muon', learningRate: 4e-3, dropout: 0.1, patience: 2 },
  small: { epochs: 20, batchTokens: 2048, optimizer: 'adamw', learningRate: 1e-3, dropout: 0.1, patience: 4 },
  base: { epochs: 15, batchTokens: 4096, optimizer: 'adamw', learningRate: 6e-4, dropout: 0.1, patience: 3 },
  large: { epochs: 15, batchTokens: 8192, optimizer: 'adamw', learningRate: 3e-4, dropout: 0.1, patience: 3 },
};

/**
 * On a base, whatever the size (docs/recipe.md): at most three passes, since more would memorise (promises D1); each of about
 * a hundred steps where the text allows it, else a voice is not reached in three; weights averaged over the run, and some of
 * the base left in them.
 */
const adaptation = {
  epochs: 3,
  stepsPerPass: 100,
  averageSpan: 0.5,
  baseShare: 0.25,
  leftShare: 0.5,
  optimizer: 'muon',
} as const;

const onBase: Record<ModelSize, Pick<Recipe, 'batchTokens' | 'learningRate'>> = {
  nano: { batchTokens: 1024, learningRate: 8e-4 },
  small: { batchTokens: 2048, learningRate: 5e-4 },
  base: { batchTokens: 4096, learningRate: 3e-4 },
  large: { batchTokens: 8192, learningRate: 2e-4 },
};

export function recipeFor(size: ModelSize, options: { fromScratch: boolean }): Recipe {
  const recipe = { ...common, ...fromScratch[size] };
  return options.fromScratch ? recipe : { ...recipe, ...onBase[size], ...adaptation };
}

/** One way to learn a chat: whose text carries loss, and with what it is learned. */
export interface Way {
  name: 'from-scratch' | 'gentle' | 'strong';
  lossOn: 'persona' | 'everyone';
  recipe: Recipe;
}

/**
 * The ways to learn a chat; where there are several, validation chooses (learn-best.ts), and without any the first is taken.
 * From scratch there is no language yet, and the other side speaks it too. On a base, a chat that is like what the base has
 * read wants the persona's text at a low rate; one that is not, everyone's at a higher (docs/recipe.md).
 */
export function waysFor(size: ModelSize, options: { fromScratch: boolean }): readonly Way[] {
  const recipe = recipeFor(size, options);
  if (options.fromScratch) return [{ name: 'from-scratch', lossOn: 'everyone', recipe }];
  return [
    { name: 'gentle', lossOn: 'persona', recipe },
    {
      name: 'strong',
      lossOn: 'everyone',
      recipe: { ...recipe, learningRate: 2.5 * recipe.learningRate, leftShare: 0 },
    },
  ];
}

/** Batches are cut to no less than this share of the recipe's. */
const smallestBatch = 1 / 4;

/** The recipe for so many ids a pass: a short chat is learned in smaller batches, since its few passes have few steps. */
export function forLength(recipe: Recipe, ids: number): Recipe {
  const { batchTokens, stepsPerPass } = recipe;
  if (stepsPerPass === 0) return recipe;
  const fitting = Math.max(batchTokens * smallestBatch, Math.floor(ids / stepsPerPass));
  return { ...recipe, batchTokens: Math.min(batchTokens, fitting) };
}

/** What a base learns with: text that is hardly ever repeated, so no dropout, and a rate that is held before it falls. */
export function pretrainingRecipe(size: ModelSize): Recipe {
  return {
    ...common,
    schedule: 'trapezoid',
    warmupShare: 0.02,
    decayShare: 0.4,
    minLearningRateShare: 0.02,
    beta2: 0.95,
    dropout: 0,
    patience: 0,
    optimizer: 'muon',
    ...pretraining[size],
  };
}

const pretraining: Record<ModelSize, Pick<Recipe, 'epochs' | 'batchTokens' | 'learningRate'>> = {
  nano: { epochs: 2, batchTokens: 4096, learningRate: 8e-3 },
  small: { epochs: 1, batchTokens: 8192, learningRate: 4e-3 },
  base: { epochs: 2, batchTokens: 32_768, learningRate: 2e-3 },
  large: { epochs: 2, batchTokens: 65_536, learningRate: 1e-3 },
};
