/**
 * The network's operations in TensorFlow's own ops, for `native` and `cuda`: fewer and larger calls than tfjs's functions
 * make, since each call costs some ten microseconds before it computes anything.
 * Shapes as in fused.ts: N rows, C width, F hidden width, V vocabulary, M ids.
 */
import * as tf from '@tensorflow/tfjs-core';
import { registerFusedKernels, type FusedKernels } from './fused.ts';
import { add, mul, op, product, sub } from './native-ops.ts';
import { adamWAll } from './native-optimizer.ts';
import { ownKernels } from './native-own.ts';
import type { TensorflowName } from './tensorflow.ts';

const linear: FusedKernels['linear'] = {
  forward: ([x, weight]) => ({ value: product(x, weight), kept: [x, weight] }),
  backward: (dy, [x, weight]) => [
    product(dy, weight as tf.Tensor2D, false, true), // (N, O) x (O, I) -> (N, I)
    product(x as tf.Tensor2D, dy, true, false), // (I, N) x (N, O) -> (I, O)
  ],
};

const rmsNorm: FusedKernels['rmsNorm'] = {
  forward([x, gain], { eps }) {
    const square = op<tf.Tensor2D>('Square', [x]);
    const scale = op('Rsqrt', [tf.add(tf.mean(square, -1, true), eps)]); // (N, 1)
    const normed = mul(x, scale); // (N, C)
    return { value: mul(normed, gain), kept: [normed, scale, gain] };
  },
  backward(dy, [normed, scale, gain]) {
    const together = mul(dy, normed!); // (N, C)
    const gradient = tf.sum<tf.Tensor1D>(together, 0); // (C)
    // mean over the row of dy gain normed, as a product with gain / C
    const share = tf.div(gain!, gain!.size);
    const along = product(together, tf.reshape(share, [-1, 1])); // (N, 1), the part that the norm removes
    const dx = mul(sub(mul(dy, gain!), mul(normed!, along)), scale!); // (N, C)
    return [dx, gradient];
  },
};

const swiglu: FusedKernels['swiglu'] = {
  forward([gate, up]) {
    const open = op<tf.Tensor2D>('Sigmoid', [gate]);
    return { value: mul(mul(gate, open), up), kept: [gate, up, open] };
  },
  backward(dy, [gate, up, open]) {
    const inner = mul(dy, up!); // (N, F)
    // silu' = open + gate open (1 - open), and SigmoidGrad(y, d) = d y (1 - y)
    const dGate = add(mul(inner, open!), op('SigmoidGrad', [open!, mul(inner, gate!)]));
    return [dGate, mul(dy, mul(gate!, open!))];
  },
};

/** hidden (M, C), table (V, C), ids (M) -> softmax of the logits (M, V), rows of the targets (M, C), losses (M). */
function losses(hidden: tf.Tensor2D, table: tf.Tensor2D, ids: tf.Tensor1D) {
  const logits = product(hidden, table, false, true); // (M, V)
  const shares = op<tf.Tensor2D>('Softmax', [logits]); // oneDNN's; the fused op with the targets takes three times as long
  const targetRows = tf.gather(table, ids); // (M, C)
  const logSum = sub(tf.max(logits, -1), op('Log', [tf.max(shares, -1)])); // (M), as in ops.ts
  return { shares, targetRows, losses: sub(logSum, tf.sum(mul(hidden, targetRows), -1)) as tf.Tensor1D };
}

const crossEntropy: FusedKernels['crossEntropy'] = (hidden, table, ids) => losses(hidden, table, ids).losses;

const crossEntropyGradient: FusedKernels['crossEntropyGradient'] = (hidden, table, ids) => {
  const { shares, targetRows, losses: each } = losses(hidden, table, ids);
  const placed = tf.scatterND(tf.reshape(ids, [-1, 1]), hidden, table.shape); // (V, C)
  return {
    losses: each,
    dHidden: sub(product(shares, table), targetRows), // (M, C)
    dTable: sub(product(shares, hidden, true, false), placed), // (V, C)
  };
};

/** L2Loss is half the sum of squares. */
const globalNorm: FusedKernels['globalNorm'] = (tensors) => {
  const halves = tensors.map((tensor) => op<tf.Scalar>('L2Loss', [tensor]));
  return tf.sqrt(tf.mul(tf.addN(halves), 2));
};

/** The operations in TensorFlow's ops, for either device. */
export const tensorflowKernels: Partial<FusedKernels> = {
  linear,
  rmsNorm,
  swiglu,
  crossEntropy,
  crossEntropyGradient,
  globalNorm,
};

/**
 * Makes these the versions that run on the backend.
 * @param hasOwn kernels.cc was loaded; its kernels and variables changed in place are for the CPU only
 */
export function registerNativeKernels(name: TensorflowName, hasOwn: boolean): void {
  registerFusedKernels(name, tensorflowKernels);
  if (name === 'native') registerFusedKernels(name, { adamWAll, ...(hasOwn ? ownKernels : {}) });
}
