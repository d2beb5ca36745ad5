/**
 * Where each weight of the simd engine lies: one array of words for all weights, and three more like it for gradients and
 * moments; LoRA's adapters lie in arrays of their own. Weights keep Hugging Face's layout, linear ones as (out, in), so
 * nothing is turned on the way in or out.
 * Query, key and value lie one after the other, and so do gate and up: each group is one matrix product.
 * Matrices come first and norms last, so that weight decay and plain updates are one call each.
 */
import type { Weights } from '../types.ts';
import { checkNames, checkedWeight, initialValue, toWeight, type Parameter } from './layout.ts';

/** One weight, by offset in words. */
export interface Slot {
  parameter: Parameter;
  offset: number;
  /** words */
  count: number;
}

export interface SimdLayout {
  /** by Hugging Face name, in the order of memory */
  slots: ReadonlyMap<string, Slot>;
  /** all weights, gaps for alignment included */
  words: number;
  /** words of the matrices, which come first */
  matrixWords: number;
}

/** Alignment of each weight, 64 bytes. */
const align = 16;

/** Places arrays for `parameters`, norms last. */
export function layoutOf(parameters: readonly Parameter[]): SimdLayout {
  const slots = new Map<string, Slot>();
  let words = 0;
  const place = (parameter: Parameter): void => {
    const count = parameter.shape.reduce((a, b) => a * b, 1);
    slots.set(parameter.source, { parameter, offset: words, count });
    words += Math.ceil(count / align) * align;
  };
  parameters.filter((p) => p.kind !== 'norm').forEach(place);
  const matrixWords = words;
  parameters.filter((p) => p.kind === 'norm').forEach(place);
  return { slots, words, matrixWords };
}

/** Copies weights into an array of `layout.words`. A missing or unknown name, or another shape, is an error that names it. */
export function writeWeights(layout: SimdLayout, weights: Weights, into: Float32Array): void {
  const slots = [...layout.slots.values()];
  checkNames(
    slots.map((s) => s.parameter),
    weights,
  );
  for (const { parameter, offset } of slots) into.set(checkedWeight(parameter, weights).data, offset);
}

/** A copy of every weight. */
export function readWeights(layout: SimdLayout, from: Float32Array): Weights {
  const weights: Weights = new Map();
  for (const [source, { parameter, offset, count }] of layout.slots) {
    const shape = parameter.kind === 'linear' ? parameter.shape.toReversed() : [...parameter.shape];
    weights.set(source, { shape, data: from.slice(offset, offset + count) });
  }
  return weights;
}

/** What `parameters` start from: the same for a seed on every engine. */
export function initialWeights(parameters: readonly Parameter[], seed: number): Weights {
  return new Map(parameters.map((parameter) => toWeight(parameter, initialValue(parameter, seed))));
}
