/**
 * The network's operations as pairs of plain functions, and a backend's own versions of them. ops.ts, attention.ts and
 * optimizer.ts hold one version of each in tfjs ops, which runs anywhere; where a backend is far from its limit, a file
 * of its own (`<backend>-kernels.ts`) calls `registerFusedKernels` when that backend starts, and its versions run instead.
 *
 * Rules for every function here: it runs inside a tidy and disposes nothing it was given; it records no tape; `backward`
 * reads host values of `fixed`, and tensors only from `kept` (other tensors of the forward pass are gone by then);
 * everything it returns is a new tensor (tf.clone is one).
 * Shapes: B rows, T positions, N = B * T, C width, H heads, K heads of keys, D = C / H, F hidden width, V vocabulary, M targets.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName } from '../types.ts';

/** One operation with its gradient. */
export interface Differentiable<Inputs extends tf.Tensor[], Fixed> {
  forward(inputs: Inputs, fixed: Fixed): { value: tf.Tensor2D; kept: tf.Tensor[] };
  /** dy, shaped as the value -> the gradient of each input */
  backward(dy: tf.Tensor2D, kept: tf.Tensor[], fixed: Fixed): Inputs;
}

/** What attention needs beside q, k and v. */
export interface AttentionSetting {
  /** H */
  heads: number;
  /** K, a divisor of H */
  kvHeads: number;
  /** T, the positions of a row */
  length: number;
  tables: RopeTensors;
  /** (T, T), 0 where a position may look and hugely negative where not: above the diagonal */
  mask: tf.Tensor2D;
}

/** Rotary tables of T positions, (T, D) each: x cos + swap(x) sin, where swap exchanges the halves of D. */
export interface RopeTensors {
  cos: tf.Tensor2D;
  /** negative in the first half */
  sin: tf.Tensor2D;
}

/** One step of AdamW on one array; all factors are ready to use. See optimizer.ts for the formula. */
export interface AdamWFactors {
  beta1: number;
  beta2: number;
  /** the gradient times this is what the moments see (clipping) */
  gradientScale: number;
  /** the weight is multiplied by this first (decoupled decay) */
  keep: number;
  /** learning rate with both bias corrections */
  rate: number;
  /** added to the root of the uncorrected second moment */
  epsilon: number;
}

/** One weight with what its update needs, all of one shape. */
export interface AdamWState {
  weight: tf.Tensor;
  gradient: tf.Tensor;
  m: tf.Tensor;
  v: tf.Tensor;
}

/** A type, not an interface: tf.tidy takes only those as containers of tensors. */
export type AdamWResult = {
  weight: tf.Tensor;
  m: tf.Tensor;
  v: tf.Tensor;
};

export interface FusedKernels {
  /** x (N, I), W (I, O) -> x W (N, O) */
  linear: Differentiable<[x: tf.Tensor2D, weight: tf.Tensor2D], null>;
  /** table (V, C), ids (M) int32, in range and possibly repeated -> rows (M, C); backward adds up repeated rows */
  embedding: Differentiable<[table: tf.Tensor2D], { ids: tf.Tensor1D; rows: number }>;
  /** x (N, C), gain (C) -> x / sqrt(mean(x^2) + eps) * gain (N, C) */
  rmsNorm: Differentiable<[x: tf.Tensor2D, gain: tf.Tensor1D], { eps: number }>;
  /** gate (N, F), up (N, F) -> silu(gate) * up (N, F) */
  swiglu: Differentiable<[gate: tf.Tensor2D, up: tf.Tensor2D], null>;
  /** q (N, H * D), k and v (N, K * D), none of them rotated yet -> mixed (N, H * D); head h looks at keys of head h * K / H */
  attention: Differentiable<[q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D], AttentionSetting>;
  /** hidden (M, C), table (V, C), ids (M) int32 -> -log softmax(hidden table')[id] (M) */
  crossEntropy(hidden: tf.Tensor2D, table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor1D;
  /** The same, and the gradient of its sum with respect to hidden and table. */
  crossEntropyGradient(
    hidden: tf.Tensor2D,
    table: tf.Tensor2D,
    ids: tf.Tensor1D,
  ): { losses: tf.Tensor1D; dHidden: tf.Tensor2D; dTable: tf.Tensor2D };
  /** x (..., T, D) turned by the tables' angles (1) or back (-1) */
  rotate(x: tf.Tensor4D, tables: RopeTensors, direction: 1 | -1): tf.Tensor4D;
  /** weight, gradient and both moments, one shape -> the new weight and moments */
  adamW(state: AdamWState, factors: AdamWFactors): AdamWResult;
  /** The same for many weights in one go, in their order; a backend without it makes one call for each */
  adamWAll(states: readonly AdamWState[], factors: readonly AdamWFactors[]): AdamWResult[];
  /** one or more tensors of any shapes -> sqrt of the sum of all their squares */
  globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar;
}

const registered = new Map<string, Partial<FusedKernels>>();

/** Makes these the versions that run on a backend; names not given stay as they are. */
export function registerFusedKernels(backend: BackendName, kernels: Partial<FusedKernels>): void {
  registered.set(backend, { ...registered.get(backend), ...kernels });
}

/** The version of the backend in use now, if it has one of its own. */
export function ownKernel<Name extends keyof FusedKernels>(name: Name): FusedKernels[Name] | undefined {
  return registered.get(tf.getBackend())?.[name];
}

/** The version for the backend in use now: its own, or the plain one. */
export function kernelOf<Name extends keyof FusedKernels>(name: Name, plain: FusedKernels[Name]): FusedKernels[Name] {
  return ownKernel(name) ?? plain;
}
