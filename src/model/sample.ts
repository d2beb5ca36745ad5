/**
 * Logits -> one id. Pure: the same logits, options and random state give the same id. Applied in the order of Hugging Face
 * `generate`: logit bias, repetition penalty, banned ids, temperature, top-k, top-p, min-p, draw.
 */
import type { SamplingOptions } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** What one place in a text demands, beside the sampling options that hold for all of it. */
export interface Restrictions {
  /** ids that may not be drawn */
  banned?: ReadonlySet<number>;
  /** added to the logits of these ids, in nats; -Infinity bans one */
  logitBias?: ReadonlyMap<number, number>;
}

/**
 * @param logits (vocabSize), not changed
 * @param generated ids the repetition penalty applies to
 * @returns an id; with temperature 0 the most likely one, the lowest id where several are
 * @throws Error when every id is banned, or a logit is not a number
 */
export function sampleToken(
  logits: Float32Array,
  generated: readonly number[],
  options: SamplingOptions,
  restrictions: Restrictions,
  random: Random,
): number {
  const scores = demandedScores(logits, generated, options, restrictions);
  const best = indexOfMax(scores);
  if (options.temperature === 0) return best;
  const weights = weightsOf(scores, scores[best]!, options.temperature);
  return draw(shortlist(scores, weights, options), weights, random);
}

/**
 * What `sampleToken` draws from: the ids that may be drawn and how likely each is, which sums to 1. Takes and throws the same.
 */
export function drawChances(
  logits: Float32Array,
  generated: readonly number[],
  options: SamplingOptions,
  restrictions: Restrictions,
): Map<number, number> {
  const scores = demandedScores(logits, generated, options, restrictions);
  const best = indexOfMax(scores);
  if (options.temperature === 0) return new Map([[best, 1]]);
  const weights = weightsOf(scores, scores[best]!, options.temperature);
  const ids = shortlist(scores, weights, options);
  const total = sum(ids.map((id) => weights[id]!));
  return new Map(ids.map((id) => [id, weights[id]! / total]));
}

/** Logits with bias, penalty and ban applied. */
function demandedScores(
  logits: Float32Array,
  generated: readonly number[],
  { repetitionPenalty }: SamplingOptions,
  { banned, logitBias }: Restrictions,
): Float32Array {
  const scores = Float32Array.from(logits);
  for (const [id, bias] of logitBias ?? []) scores[id]! += bias;
  if (repetitionPenalty !== 1) {
    for (const id of new Set(generated)) {
      // below zero a division would make the id more likely, so CTRL's rule multiplies there
      const score = scores[id]!;
      scores[id] = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
    }
  }
  for (const id of banned ?? []) scores[id] = -Infinity;
  check(!scores.some(Number.isNaN), 'a logit is not a number');
  check(Number.isFinite(scores[indexOfMax(scores)]!), 'no id may be drawn: every id is banned');
  return scores;
}

/** Relative to the most likely id, whose weight is 1. */
function weightsOf(scores: Float32Array, top: number, temperature: number): Float64Array {
  return Float64Array.from(scores, (score) => Math.exp((score - top) / temperature));
}

/** Natural logarithm of the probability that the plain model gives an id: logits (vocabSize), temperature 1. */
export function logProbabilityOf(logits: Float32Array, id: number): number {
  const top = logits[indexOfMax(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return logits[id]! - top - Math.log(sum);
}

function draw(ids: readonly number[], weights: Float64Array, random: Random): number {
  let left = random.next() * sum(ids.map((id) => weights[id]!));
  for (const id of ids) {
    left -= weights[id]!;
    if (left < 0) return id;
  }
  return ids.findLast((id) => weights[id]! > 0)!; // rounding: the draw was the very end
}

/**
 * The ids that may be drawn, at least one. Where top-k, top-p or min-p is on: the most likely first, lower ids first among
 * equals. Top-p (Holtzman et al. 2020) is the smallest such beginning that reaches the share p of what top-k left; min-p
 * (Nguyen et al. 2024) leaves ids with at least that part of the most likely id's probability.
 */
function shortlist(
  scores: Float32Array,
  weights: Float64Array,
  { topK, topP, minP = 0 }: SamplingOptions,
): readonly number[] {
  const unlimited = topK === 0 || topK >= scores.length;
  const ids = unlimited ? probable(scores, weights, topP < 1 ? leftOut(weights, topP) : minP) : likeliest(scores, topK);
  if (unlimited && topP === 1 && minP === 0) return ids;
  if (unlimited) sortByScore(ids, scores);
  let count = ids.length;
  if (topP < 1) {
    const of = unlimited ? weights : ids.map((id) => weights[id]!);
    const enough = topP * sum(of);
    let reached = 0;
    count = 0;
    while (count < ids.length && (count === 0 || reached < enough)) reached += weights[ids[count++]!]!;
  }
  while (count > 1 && weights[ids[count - 1]!]! < minP) count--;
  return ids.slice(0, count);
}

/** All ids below this weight, taken together, are less than what top-p leaves out: they need no sorting. */
function leftOut(weights: Float64Array, topP: number): number {
  return ((1 - topP) * sum(weights)) / (2 * weights.length);
}

/** Ids of at least this weight that are not banned, in rising order. */
function probable(scores: Float32Array, weights: Float64Array, least: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (weights[id]! >= least && scores[id]! > -Infinity) ids.push(id);
  return ids;
}

/** Up to this many ids are kept in order by insertion: few of all ids ever get in. */
const fewIds = 256;

/** The `count` most likely ids that are not banned, most likely first, lower ids first among equals. */
function likeliest(scores: Float32Array, count: number): number[] {
  const ids: number[] = [];
  if (count > fewIds) {
    for (let id = 0; id < scores.length; id++) if (scores[id]! > -Infinity) ids.push(id);
    return sortByScore(ids, scores).slice(0, count);
  }
  let least = -Infinity;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    if (score <= least) continue;
    let at = ids.length;
    while (at > 0 && scores[ids[at - 1]!]! < score) at--;
    ids.splice(at, 0, id);
    if (ids.length > count) ids.pop();
    if (ids.length === count) least = scores[ids[count - 1]!]!;
  }
  return ids;
}

function sortByScore(ids: number[], scores: Float32Array): number[] {
  return ids.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

function sum(numbers: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i]!;
  return total;
}

function indexOfMax(scores: Float32Array): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id]! > scores[best]!) best = id;
  return best;
}
