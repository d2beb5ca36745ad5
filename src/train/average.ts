/**
 * A running average of the weights, which often predicts better than the last weights while the learning rate is still
 * high. Polynomial decay (Shamir & Zhang 2013): the n-th weights enter with (e + 1) / (n + e), so that the average
 * always spans about the same share of the run so far, however long it gets, and forgets how it began.
 * Kept on the host, from the engine's exported weights. Not covered: when to add (loop.ts).
 */
import type { Weights } from '../types.ts';
import { check } from '../util/errors.ts';

export interface WeightAverage {
  /** weights added so far */
  count: number;
  weights: Weights;
}

/**
 * The average with one more set of weights; `average` is changed in place where there is one.
 * @param span share of the run so far that the average reaches back, its mean age: 0 < span <= 0.5 (0.5 = plain mean)
 */
export function addToAverage(average: WeightAverage | null, weights: Weights, span: number): WeightAverage {
  check(span > 0 && span <= 0.5, `an average over a share of ${span}`);
  if (average === null) return { count: 1, weights: copyWeights(weights) };
  const decay = 1 / span - 2; // mean age of polynomial decay: 1 / (e + 2) of the run
  const count = average.count + 1;
  const rate = (decay + 1) / (count + decay);
  for (const [name, { data }] of weights) {
    const mean = average.weights.get(name)?.data;
    check(mean?.length === data.length, `no average for ${name}`);
    for (let i = 0; i < data.length; i++) mean[i]! += (data[i]! - mean[i]!) * rate;
  }
  return { count, weights: average.weights };
}

export function copyWeights(weights: Weights): Weights {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

/** `share` of one set of weights and the rest of the other, tensor by tensor: a new set. Same names and shapes. */
export function mixWeights(weights: Weights, other: Weights, share: number): Weights {
  const mixed = copyWeights(weights);
  for (const [name, { data }] of mixed) {
    const from = other.get(name)?.data;
    check(from?.length === data.length, `nothing to mix with ${name}`);
    for (let i = 0; i < data.length; i++) data[i]! += (from[i]! - data[i]!) * share;
  }
  return mixed;
}
