/**
 * Angles of the rotary positions (Su et al. 2021) as plain arrays, for every engine: position p turns the pair
 * (x[i], x[i + D / 2]) of a head by p * frequency[i] (Hugging Face's order of the pairs). D = width / heads.
 */
import type { ModelConfig } from '../types.ts';

type RopeConfig = Pick<ModelConfig, 'width' | 'heads' | 'contextLength' | 'ropeTheta' | 'ropeScaling'>;

/**
 * Radians a position, one for each of the D / 2 pairs: theta^(-2i / D). With `ropeScaling` as Llama 3.1 does it
 * (`_compute_llama3_parameters` of transformers): pairs that turn more than `highFreqFactor` times in the original context
 * stay, those that turn less than `lowFreqFactor` times are slowed by `factor`, and between these the two are blended in
 * proportion.
 */
export function ropeFrequencies({ width, heads, ropeTheta, ropeScaling }: RopeConfig): Float64Array {
  const headWidth = width / heads;
  const plain = Float64Array.from({ length: headWidth / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headWidth));
  if (ropeScaling === null) return plain;
  const { factor, lowFreqFactor, highFreqFactor, originalContextLength } = ropeScaling;
  return plain.map((frequency) => {
    const turns = (originalContextLength * frequency) / (2 * Math.PI);
    if (turns > highFreqFactor) return frequency;
    if (turns < lowFreqFactor) return frequency / factor;
    const share = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
}

/** Cosines and sines of every position's angles, (contextLength, D / 2) each, row-major. */
export interface RopeTables {
  cos: Float32Array;
  sin: Float32Array;
}

/** The tables of a whole context, computed in double precision and rounded once. */
export function ropeTables(config: RopeConfig): RopeTables {
  const frequencies = ropeFrequencies(config);
  const half = frequencies.length;
  const cos = new Float32Array(config.contextLength * half);
  const sin = new Float32Array(config.contextLength * half);
  for (let at = 0; at < cos.length; at++) {
    const angle = Math.floor(at / half) * frequencies[at % half]!;
    cos[at] = Math.cos(angle);
    sin[at] = Math.sin(angle);
  }
  return { cos, sin };
}
