/**
 * Can a simple reader tell sampled replies from real ones? A classifier two-sample test (Lopez-Paz & Oquab 2017): logistic
 * regression on character n-grams and lengths, judged on replies that it did not learn from. An area under the ROC curve of
 * 0.5 is a coin: nothing that this reader sees sets them apart; 1 is always right.
 * The real and the sampled reply to one context stay on one side of each cut, so the topic tells nothing.
 * Not covered: readers that know more (a person; see the blind quiz), and the meaning of what is said.
 */
import { check } from '../util/errors.ts';
import { bootstrap, type Interval } from '../util/intervals.ts';
import { createRandom } from '../util/random.ts';
import type { Turn } from './style.ts';

export interface TwoSampleTest {
  /** contexts with a real and a sampled reply */
  pairs: number;
  /** share of replies put on the right side, 0.5 is chance */
  accuracy: number;
  accuracyInterval: Interval;
  /** share of (real, sampled) pairs in the right order, 0.5 is chance */
  auc: number;
  aucInterval: Interval;
}

/** Fewer pairs say nothing. */
export const fewestPairs = 20;

const folds = 5;
/** n-grams of 1 to this many characters */
const longestGram = 4;
const lengthFeatures = 6;
const iterations = 200;

/** A reply as (index, value) pairs: n-grams of norm 1 at most, then the lengths, then 1 for the intercept. */
interface Features {
  indices: Int32Array;
  values: Float64Array;
}

/**
 * @param real,sampled replies to the same contexts in the same order; silence is an empty turn
 * @returns undefined for fewer than `fewestPairs`
 */
export function twoSampleTest(
  real: readonly Turn[],
  sampled: readonly Turn[],
  { seed, resamples = 2000 }: { seed: number | string; resamples?: number },
): TwoSampleTest | undefined {
  check(real.length === sampled.length, `${real.length} real and ${sampled.length} sampled replies`);
  const pairs = real.length;
  if (pairs < fewestPairs) return undefined;
  const order = createRandom(`two-sample ${seed}`).shuffle([...real.keys()]);
  const foldOf = new Int32Array(pairs);
  order.forEach((pair, place) => (foldOf[pair] = place % folds));

  const scoresReal = new Float64Array(pairs);
  const scoresSampled = new Float64Array(pairs);
  for (let fold = 0; fold < folds; fold++) {
    const learned = [...real.keys()].filter((pair) => foldOf[pair] !== fold);
    const { toFeatures, size } = featuresFrom(learned.flatMap((pair) => [real[pair]!, sampled[pair]!]));
    const weights = logisticRegression(
      learned.flatMap((pair) => [
        { features: toFeatures(real[pair]!), isReal: true },
        { features: toFeatures(sampled[pair]!), isReal: false },
      ]),
      size,
    );
    for (const pair of real.keys()) {
      if (foldOf[pair] !== fold) continue;
      scoresReal[pair] = dot(weights, toFeatures(real[pair]!));
      scoresSampled[pair] = dot(weights, toFeatures(sampled[pair]!));
    }
  }

  const accuracyOf = (indices: Iterable<number>): number => {
    let right = 0;
    let count = 0;
    for (const i of indices) {
      right += (scoresReal[i]! > 0 ? 1 : 0) + (scoresSampled[i]! < 0 ? 1 : 0);
      right += (scoresReal[i] === 0 ? 0.5 : 0) + (scoresSampled[i] === 0 ? 0.5 : 0);
      count += 2;
    }
    return right / count;
  };
  const aucOf = (indices: Iterable<number>): number => {
    const chosen = [...indices];
    return areaUnderCurve(
      chosen.map((i) => scoresReal[i]!),
      chosen.map((i) => scoresSampled[i]!),
    );
  };
  const all = [...real.keys()];
  return {
    pairs,
    accuracy: accuracyOf(all),
    accuracyInterval: bootstrap(pairs, accuracyOf, { seed, resamples })!,
    auc: aucOf(all),
    aucInterval: bootstrap(pairs, aucOf, { seed, resamples })!,
  };
}

/** Share of pairs of a positive and a negative score in which the positive one is higher; equals count half. */
export function areaUnderCurve(positive: readonly number[], negative: readonly number[]): number {
  const all = [
    ...positive.map((score) => ({ score, isPositive: true })),
    ...negative.map((score) => ({ score, isPositive: false })),
  ].sort((a, b) => a.score - b.score);
  let below = 0; // negatives that are lower than the group at hand
  let sum = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]!.score === all[from]!.score) to++;
    const group = all.slice(from, to);
    const positives = group.filter(({ isPositive }) => isPositive).length;
    sum += positives * (below + (group.length - positives) / 2);
    below += group.length - positives;
    from = to;
  }
  return sum / (positive.length * negative.length);
}

/** N-grams that are known and lengths on one scale, both by the turns that are learned from. */
function featuresFrom(turns: readonly Turn[]): { toFeatures: (turn: Turn) => Features; size: number } {
  const known = new Map<string, number>();
  for (const turn of turns) for (const gram of gramsOf(turn).keys()) if (!known.has(gram)) known.set(gram, known.size);
  const lengths = turns.map(lengthsOf);
  const scale = Array.from({ length: lengthFeatures }, (_, i) => {
    const values = lengths.map((each) => each[i]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    return { mean, deviation };
  });
  const toFeatures = (turn: Turn): Features => {
    const grams = gramsOf(turn);
    const norm = Math.hypot(...grams.values());
    const shown = [...grams].filter(([gram]) => known.has(gram));
    const own = lengthsOf(turn).map((value, i) => {
      const { mean, deviation } = scale[i]!;
      const standard = deviation === 0 ? 0 : (value - mean) / deviation;
      return Math.max(-3, Math.min(3, standard)) / Math.sqrt(lengthFeatures);
    });
    const indices = [...shown.map(([gram]) => known.get(gram)!), ...[...own, 1].map((_, i) => known.size + i)];
    return {
      indices: Int32Array.from(indices),
      values: Float64Array.from([...shown.map(([, value]) => value / norm), ...own, 1]),
    };
  };
  return { toFeatures, size: known.size + lengthFeatures + 1 };
}

function lengthsOf(turn: Turn): number[] {
  const text = turn.join('\n');
  const characters = Array.from(text).length;
  const share = (pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / Math.max(1, characters);
  return [
    Math.log1p(characters),
    turn.length,
    Math.log1p(text.split(/\s+/).filter((word) => word !== '').length),
    share(/\p{Lu}/gu),
    share(/\p{P}/gu),
    share(/\p{Extended_Pictographic}/gu),
  ];
}

/** 1 + log(count) of every n-gram, borders of messages included. */
function gramsOf(turn: Turn): Map<string, number> {
  const characters = Array.from(turn.map((text) => `\u0002${text}\u0003`).join(''));
  const counts = new Map<string, number>();
  for (let from = 0; from < characters.length; from++) {
    let gram = '';
    for (const character of characters.slice(from, from + longestGram)) {
      gram += character;
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  for (const [gram, count] of counts) counts.set(gram, 1 + Math.log(count));
  return counts;
}

/**
 * Weights of the least mean logistic loss + |w|^2 / 2n, by accelerated gradient descent (Nesterov 1983): convex, so no
 * seed and no rate to choose.
 */
function logisticRegression(examples: readonly { features: Features; isReal: boolean }[], size: number): Float64Array {
  const count = examples.length;
  const penalty = 1 / count;
  const largest = Math.max(
    ...examples.map(({ features }) => features.values.reduce((sum, value) => sum + value ** 2, 0)),
  );
  const step = 1 / (largest / 4 + penalty); // one over the Lipschitz constant of the gradient
  const weights = new Float64Array(size);
  const ahead = new Float64Array(size);
  const gradient = new Float64Array(size);
  for (let iteration = 1; iteration <= iterations; iteration++) {
    for (let i = 0; i < size; i++) gradient[i] = ahead[i]! * penalty;
    for (const { features, isReal } of examples) {
      const error = (1 / (1 + Math.exp(-dot(ahead, features))) - (isReal ? 1 : 0)) / count;
      const { indices, values } = features;
      for (let at = 0; at < indices.length; at++) gradient[indices[at]!]! += error * values[at]!;
    }
    const momentum = (iteration - 1) / (iteration + 2);
    for (let i = 0; i < size; i++) {
      const next = ahead[i]! - step * gradient[i]!;
      ahead[i] = next + momentum * (next - weights[i]!);
      weights[i] = next;
    }
  }
  return weights;
}

function dot(weights: Float64Array, { indices, values }: Features): number {
  let sum = 0;
  for (let at = 0; at < indices.length; at++) sum += weights[indices[at]!]! * values[at]!;
  return sum;
}
