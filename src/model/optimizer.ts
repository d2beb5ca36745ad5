/**
 * AdamW (Loshchilov & Hutter 2019) with bias correction and decoupled weight decay, on tfjs tensors: about a dozen
 * small kernels a parameter. Clipping by the global norm is folded into the two factors of the gradient.
 */
import * as tf from '@tensorflow/tfjs-core';

export interface Moments {
  m: tf.Tensor;
  v: tf.Tensor;
}

export interface UpdateOptions {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  /** the gradient is multiplied by this first (clipping); 1 = as it is */
  gradientScale: number;
  /** 1 for the first update */
  step: number;
}

/** added to the root of the second moment, as in PyTorch and optax */
export const adamEps = 1e-8;

/**
 * One update of one parameter -> the new weight and moments, all new tensors. `decay` is the weight decay that applies
 * to this parameter (0 for norms).
 */
export function adamW(
  weight: tf.Tensor,
  gradient: tf.Tensor,
  moments: Moments,
  decay: number,
  options: UpdateOptions,
): Moments & { weight: tf.Tensor } {
  const { learningRate, beta1, beta2, gradientScale, step } = options;
  return tf.tidy(() => {
    const m = tf.add(tf.mul(moments.m, beta1), tf.mul(gradient, (1 - beta1) * gradientScale));
    const squared = tf.mul(tf.mul(gradient, gradient), (1 - beta2) * gradientScale * gradientScale);
    const v = tf.add(tf.mul(moments.v, beta2), squared);
    // m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps), with both corrections moved into the factors
    const correction = Math.sqrt(1 - beta2 ** step);
    const rate = (learningRate * correction) / (1 - beta1 ** step);
    const direction = tf.div(m, tf.add(tf.sqrt(v), adamEps * correction));
    const kept = decay === 0 ? weight : tf.mul(weight, 1 - learningRate * decay);
    return { weight: tf.sub(kept, tf.mul(direction, rate)), m, v };
  });
}

/** sqrt of the sum of squares over all tensors, as a scalar tensor. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => {
    const squares = tensors.map((t) => tf.sum(tf.mul(t, t)));
    return tf.sqrt<tf.Scalar>(tf.sum(tf.stack(squares)));
  });
}
