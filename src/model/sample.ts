/**
 * Logits -> one id. Pure: the same logits, options and random state give the same id. Applied in this order:
 * banned ids out, repetition penalty, temperature, top-k, top-p, draw (the order of Hugging Face `generate`).
 */
import type { SamplingOptions } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/**
 * @param logits (vocabSize), not changed
 * @param generated ids the repetition penalty applies to
 * @param banned ids that may not be drawn
 * @returns an id; with temperature 0 the most likely one, the lowest id where several are
 */
export function sampleToken(
  logits: Float32Array,
  generated: readonly number[],
  { temperature, topK, topP, repetitionPenalty }: SamplingOptions,
  banned: ReadonlySet<number>,
  random: Random,
): number {
  const scores = Float32Array.from(logits);
  if (repetitionPenalty !== 1) {
    for (const id of new Set(generated)) {
      // below zero a division would make the id more likely, so CTRL's rule multiplies there
      const score = scores[id]!;
      scores[id] = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
    }
  }
  for (const id of banned) scores[id] = -Infinity;

  const best = indexOfMax(scores);
  const top = scores[best]!;
  check(!scores.some(Number.isNaN), 'a logit is not a number');
  check(Number.isFinite(top), 'no id may be drawn: every id is banned');
  if (temperature === 0) return best;

  const weightOf = (score: number): number => Math.exp((score - top) / temperature);
  const candidates = shortlist(scores, weightOf, topK, topP);
  const total = candidates.reduce((sum, id) => sum + weightOf(scores[id]!), 0);
  let left = random.next() * total;
  for (const id of candidates) {
    left -= weightOf(scores[id]!);
    if (left < 0) return id;
  }
  return candidates[candidates.length - 1]!; // rounding: the draw was the very end
}

/** Ids that top-k and then top-p leave, most likely first, lower ids first among equals; at least one. */
function shortlist(scores: Float32Array, weightOf: (score: number) => number, topK: number, topP: number): number[] {
  const sorted = scores.slice().sort().reverse();
  let count = topK > 0 ? Math.min(topK, sorted.length) : sorted.length;
  if (topP < 1) {
    const weights = Array.from(sorted.subarray(0, count), weightOf);
    const enough = topP * weights.reduce((sum, w) => sum + w, 0);
    let reached = 0;
    let n = 0;
    while (n < count && (n === 0 || reached < enough)) reached += weights[n++]!;
    count = n;
  }
  const least = sorted[count - 1]!;
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id]! >= least && scores[id]! > -Infinity) ids.push(id);
  return ids.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count);
}

function indexOfMax(scores: Float32Array): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id]! > scores[best]!) best = id;
  return best;
}
