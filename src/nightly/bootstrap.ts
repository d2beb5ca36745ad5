/**
 * Is one model worse than another, or was it chance? Paired bootstrap over conversations: draw as many as there are, with
 * replacement, each with what it costs under both models, and look at how the relative loss varies (Koehn 2004,
 * "Statistical Significance Tests for Machine Translation Evaluation"; percentile intervals: Efron & Tibshirani 1993,
 * "An Introduction to the Bootstrap", ch. 13). Conversations, not messages, are drawn: messages of one depend on each other.
 * Pure and seeded. Not covered: the chance in training itself (another seed gives another network).
 */
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';
import type { RelativeLoss } from './findings.ts';

/** What one conversation costs under the new model and under the other, in bits. */
export interface Pair {
  run: number;
  other: number;
}

/** Percentiles of so few conversations say more of the draw than of the models: then the mean alone is given. */
export const fewestConversations = 10;
export const defaultResamples = 2000;

/** Sum of the run's bits over sum of the other's, less 1: longer conversations count more, as they do in bits per byte. */
export function relativeLoss(pairs: readonly Pair[]): number {
  const run = pairs.reduce((sum, pair) => sum + pair.run, 0);
  const other = pairs.reduce((sum, pair) => sum + pair.other, 0);
  return run === other ? 0 : run / other - 1;
}

/**
 * @param pairs one a conversation; not empty
 * @param options.seed the same pairs and seed give the same bounds
 */
export function compare(
  pairs: readonly Pair[],
  { seed, resamples = defaultResamples }: { seed: number | string; resamples?: number },
): RelativeLoss {
  check(pairs.length > 0, 'nothing to compare');
  const mean = relativeLoss(pairs);
  const few = { conversations: pairs.length, mean, low: null, high: null, upper: null, resamples: 0 };
  if (pairs.length < fewestConversations || !Number.isFinite(mean)) return few;
  const sorted = resampled(pairs, resamples, seed);
  return {
    ...few,
    low: percentile(sorted, 0.025),
    high: percentile(sorted, 0.975),
    upper: percentile(sorted, 0.95),
    resamples,
  };
}

/** One-sided lower bound of the relative loss: with probability `1 - alpha` it is higher. */
export function lowerBound(pairs: readonly Pair[], alpha: number, seed: number | string): number {
  check(pairs.length > 0 && alpha > 0 && alpha < 1, `${pairs.length} pairs, alpha ${alpha}`);
  return percentile(resampled(pairs, defaultResamples, seed), alpha);
}

/** Relative losses of `count` draws, in rising order. */
function resampled(pairs: readonly Pair[], count: number, seed: number | string): Float64Array {
  const random = createRandom(`bootstrap ${seed}`);
  const losses = new Float64Array(count);
  for (let draw = 0; draw < count; draw++) {
    let run = 0;
    let other = 0;
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[random.int(pairs.length)]!;
      run += pair.run;
      other += pair.other;
    }
    losses[draw] = run === other ? 0 : run / other - 1;
  }
  return losses.sort();
}

/** Linear between neighbours (Hyndman & Fan 1996, type 7). */
function percentile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}
