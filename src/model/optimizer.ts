/**
 * The two updates of a weight, on tfjs tensors. Clipping by the global norm is folded into the factor of the gradient.
 * optimizer-constants.ts holds the numbers that every engine's version must share.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  kernelOf,
  ownKernel,
  type AdamWFactors,
  type AdamWResult,
  type AdamWState,
  type FusedKernels,
} from './fused.ts';
import { adamEps, newtonSchulz } from './optimizer-constants.ts';

export interface UpdateOptions {
  learningRate: number;
  /** decoupled weight decay of this parameter; 0 for norms */
  decay: number;
  beta1: number;
  beta2: number;
  /** the gradient is multiplied by this first (clipping); 1 = as it is */
  gradientScale: number;
  /** 1 for the first update */
  step: number;
}

const plainAdamW: FusedKernels['adamW'] = (
  { weight, gradient, ...moments },
  { beta1, beta2, gradientScale, keep, rate, epsilon },
) => {
  const m = tf.add(tf.mul(moments.m, beta1), tf.mul(gradient, (1 - beta1) * gradientScale));
  const squared = tf.mul(tf.mul(gradient, gradient), (1 - beta2) * gradientScale * gradientScale);
  const v = tf.add(tf.mul(moments.v, beta2), squared);
  const direction = tf.div(m, tf.add(tf.sqrt(v), epsilon));
  const kept = keep === 1 ? weight : tf.mul(weight, keep);
  return { weight: tf.sub(kept, tf.mul(direction, rate)), m, v };
};

/**
 * AdamW (Loshchilov & Hutter 2019) with bias correction and decoupled weight decay, one update of one parameter:
 * g = gradientScale * gradient; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * w = w (1 - learningRate * decay) - learningRate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps).
 * Returns new tensors. A backend may have it in one kernel (fused.ts); in tfjs ops it takes a dozen.
 */
export function adamW(state: AdamWState, options: UpdateOptions): AdamWResult {
  return tf.tidy(() => kernelOf('adamW', plainAdamW)(state, factorsOf(options)));
}

/** The same for many weights at once, where the backend in use has that; else undefined. */
export function adamWTogether(
  states: readonly AdamWState[],
  options: readonly UpdateOptions[],
): AdamWResult[] | undefined {
  const kernel = ownKernel('adamWAll');
  return kernel && tf.tidy(() => kernel(states, options.map(factorsOf)));
}

function factorsOf({ learningRate, decay, beta1, beta2, gradientScale, step }: UpdateOptions): AdamWFactors {
  // both bias corrections, moved into the factors
  const correction = Math.sqrt(1 - beta2 ** step);
  return {
    beta1,
    beta2,
    gradientScale,
    keep: 1 - learningRate * decay,
    rate: (learningRate * correction) / (1 - beta1 ** step),
    epsilon: adamEps * correction,
  };
}

/**
 * Muon (Jordan 2024), one update of one matrix (R, C): Nesterov momentum, made nearly orthogonal, scaled by Liu et al. 2025
 * so that the learning rate and weight decay of AdamW fit:
 * g = gradientScale * gradient; m = 0.95 m + g; u = g + 0.95 m; X = u / (|u|_F + 1e-7), transposed where R > C;
 * five times A = X X', X = a X + (b A + c A A) X; X transposed back;
 * w = w (1 - learningRate * decay) - learningRate * 0.2 * sqrt(max(R, C)) X.
 * Returns new tensors.
 */
export function muon(
  { weight, gradient, m: before }: { weight: tf.Tensor; gradient: tf.Tensor; m: tf.Tensor },
  { learningRate, decay, gradientScale }: Pick<UpdateOptions, 'learningRate' | 'decay' | 'gradientScale'>,
): { weight: tf.Tensor; m: tf.Tensor } {
  const { momentum, scale } = newtonSchulz;
  return tf.tidy(() => {
    const g = gradientScale === 1 ? gradient : tf.mul(gradient, gradientScale);
    const m = tf.add(tf.mul(before, momentum), g);
    const direction = orthogonal(tf.add(g, tf.mul(m, momentum)));
    const rate = learningRate * scale * Math.sqrt(Math.max(...weight.shape));
    return { weight: tf.sub(tf.mul(weight, 1 - learningRate * decay), tf.mul(direction, rate)), m };
  });
}

/** A matrix (R, C) -> about the nearest one whose rows or columns, whichever are fewer, are orthonormal. */
function orthogonal(matrix: tf.Tensor2D): tf.Tensor2D {
  const { steps, a, b, c, eps } = newtonSchulz;
  const tall = matrix.shape[0] > matrix.shape[1];
  const wide = tall ? tf.transpose(matrix) : matrix;
  let x = tf.div<tf.Tensor2D>(wide, tf.add(tf.sqrt(tf.sum(tf.mul(wide, wide))), eps));
  for (let i = 0; i < steps; i++) {
    const gram = tf.matMul(x, x, false, true); // (R, R), the smaller side
    const polynomial = tf.add<tf.Tensor2D>(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
    x = tf.add(tf.mul(x, a), tf.matMul(polynomial, x));
  }
  return tall ? tf.transpose(x) : x;
}

const plainGlobalNorm: FusedKernels['globalNorm'] = (tensors) => {
  const squares = tensors.map((t) => tf.sum<tf.Scalar>(tf.mul(t, t)));
  return tf.sqrt(tf.addN(squares));
};

/** sqrt of the sum of squares over all tensors, as a scalar tensor. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => kernelOf('globalNorm', plainGlobalNorm)(tensors));
}
