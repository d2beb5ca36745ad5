/** The recipes that were tried (docs/recipe.md). Each differs from `reference` in what its name says. */
import type { Variant } from './learn.ts';
import type { Recipe } from '../src/train/recipe.ts';

/** What the product had before these runs, for nano. */
const reference: Partial<Recipe> = {
  epochs: 8,
  batchTokens: 256,
  optimizer: 'adamw',
  schedule: 'cosine',
  learningRate: 1e-3,
  dropout: 0.1,
  weightDecay: 0.1,
  beta2: 0.99,
  accumulation: 1,
  averageSpan: 0,
  patience: 0,
};

const variant = (name: string, recipe: Partial<Recipe> = {}, more: Partial<Variant> = {}): Variant => ({
  name,
  size: 'nano',
  recipe: { ...reference, ...recipe },
  leftShare: 0.5,
  ...more,
});

const muon: Partial<Recipe> = { optimizer: 'muon' };

export const variants: readonly Variant[] = [
  { name: 'product', size: 'nano' },
  variant('reference'),
  // whose text, and how it is cut into rows
  variant('loss on the persona alone', {}, { lossOn: 'persona' }),
  variant('half of the batches the persona alone', {}, { everyoneShare: 0.5 }),
  variant('one conversation a row', {}, { unpacked: true }),
  variant('left context 0', {}, { leftShare: 0 }),
  variant('left context 0.25', {}, { leftShare: 0.25 }),
  variant('muon, rate 2e-3, left context 0', { ...muon, learningRate: 2e-3 }, { leftShare: 0 }),
  variant('left context 0, dropout 0.2', { dropout: 0.2 }, { leftShare: 0 }),
  variant('left context 0, 4 passes', { epochs: 4 }, { leftShare: 0 }),
  variant('muon, rate 2e-3, left context 0, 4 passes', { ...muon, learningRate: 2e-3, epochs: 4 }, { leftShare: 0 }),
  variant(
    'muon, rate 4e-3, batch 1024, left context 0, 4 passes',
    { ...muon, learningRate: 4e-3, batchTokens: 1024, epochs: 4 },
    { leftShare: 0 },
  ),
  variant(
    'muon, rate 4e-3, batch 1024, left context 0',
    { ...muon, learningRate: 4e-3, batchTokens: 1024 },
    { leftShare: 0 },
  ),
  variant(
    'muon, rate 4e-3, batch 1024, left context 0, dropout 0.2',
    { ...muon, learningRate: 4e-3, batchTokens: 1024, dropout: 0.2 },
    { leftShare: 0 },
  ),
  variant(
    'muon, rate 2e-3, batch 512, left context 0, dropout 0.2',
    { ...muon, learningRate: 2e-3, batchTokens: 512, dropout: 0.2 },
    { leftShare: 0 },
  ),
  // optimizer and rate
  variant('rate 5e-4', { learningRate: 5e-4 }),
  variant('rate 2e-3', { learningRate: 2e-3 }),
  variant('muon, rate 1e-3', muon),
  variant('muon, rate 2e-3', { ...muon, learningRate: 2e-3 }),
  variant('muon, rate 4e-3', { ...muon, learningRate: 4e-3 }),
  variant('muon, rate 4e-3, batch 1024', { ...muon, learningRate: 4e-3, batchTokens: 1024 }),
  variant('muon, rate 2e-3, dropout 0.2', { ...muon, learningRate: 2e-3, dropout: 0.2 }),
  // batch
  variant('batch 512, rate 1.5e-3', { batchTokens: 512, learningRate: 1.5e-3 }),
  variant('batch 1024, rate 2e-3', { batchTokens: 1024, learningRate: 2e-3 }),
  variant('batch 1024 in 4', { batchTokens: 1024, accumulation: 4, learningRate: 2e-3 }),
  // schedule and averaging
  variant('trapezoid', { schedule: 'trapezoid' }),
  variant('average', { averageSpan: 0.1 }),
  variant('constant rate, average', { schedule: 'trapezoid', decayShare: 0.05, averageSpan: 0.1 }),
  // regularisation and passes
  variant('dropout 0', { dropout: 0 }),
  variant('dropout 0.2', { dropout: 0.2 }),
  variant('dropout 0.3', { dropout: 0.3 }),
  variant('weight decay 0.3', { weightDecay: 0.3 }),
  variant('4 passes', { epochs: 4 }),
  variant('16 passes', { epochs: 16 }),
  variant('16 passes, dropout 0.2', { epochs: 16, dropout: 0.2 }),
  // vocabulary and context
  variant('vocabulary 512', {}, { vocabSize: 512 }),
  variant('vocabulary 1024', {}, { vocabSize: 1024 }),
  variant('vocabulary 4096', {}, { vocabSize: 4096 }),
  variant('context 64', {}, { config: { contextLength: 64 } }),
  variant('context 256', {}, { config: { contextLength: 256 } }),
];
