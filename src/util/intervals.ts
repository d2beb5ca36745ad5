/**
 * How sure a measured number is: intervals of a share, and of anything that is computed from a sample. Seeded, so the same
 * data give the same interval. Not covered: dependence between the items of a sample; hand in what is independent
 * (conversations, not messages).
 */
import { check } from './errors.ts';
import { createRandom } from './random.ts';

export interface Interval {
  low: number;
  high: number;
}

/** Two-sided 95 % of a standard normal. */
const z95 = 1.959963984540054;

/**
 * 95 % interval of a share (Wilson 1927), which keeps within 0 and 1 and holds for few trials too.
 * @returns 0 to 1 where there was no trial
 */
export function wilson(successes: number, trials: number): Interval {
  check(successes >= 0 && successes <= trials, `${successes} of ${trials}`);
  if (trials === 0) return { low: 0, high: 1 };
  const share = successes / trials;
  const z2 = z95 ** 2;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (z95 / (1 + z2 / trials)) * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials ** 2));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * 95 % percentile bootstrap (Efron & Tibshirani 1993): `statistic` of samples drawn with replacement.
 * @param count items of the sample
 * @param statistic of the items with these indices, which may repeat; what is not finite is left out
 * @returns undefined for fewer than two items, or where the statistic was never finite
 */
export function bootstrap(
  count: number,
  statistic: (indices: Int32Array) => number,
  { seed, resamples = 2000 }: { seed: number | string; resamples?: number },
): Interval | undefined {
  if (count < 2) return undefined;
  const random = createRandom(`bootstrap ${seed}`);
  const indices = new Int32Array(count);
  const values: number[] = [];
  for (let i = 0; i < resamples; i++) {
    for (let at = 0; at < count; at++) indices[at] = random.int(count);
    const value = statistic(indices);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return undefined;
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.round(share * (values.length - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}
