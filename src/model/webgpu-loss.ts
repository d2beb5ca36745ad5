/**
 * Cross-entropy on WebGPU: one shader turns a row of logits into its loss and, in place, into the gradient softmax - onehot,
 * which two products then carry to the hidden rows and the table. ops.ts calls it with pieces of the targets, so that the
 * logits stay small.
 * Shapes: M targets, C width, V vocabulary.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { FusedKernels } from './fused.ts';
import { dispatch, emptyTensor, reductions, type Shader } from './webgpu-dispatch.ts';

/** One workgroup a row; the running maximum and sum are those of a thread's own columns first. */
const rowLoss = (gradient: 0 | 1): Shader => ({
  name: 'crossEntropy',
  threads: 256,
  constants: { gradient },
  buffers: [
    { name: 'logits', type: 'f32', access: 'write' }, // (M, V)
    { name: 'ids', type: 'i32', access: 'read' }, // (M)
    { name: 'losses', type: 'f32', access: 'write' }, // (M)
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'vocabulary', type: 'u32' },
  ],
  declarations: reductions,
  body: `
  if (group >= params.rows) { return; }
  let row = group * params.vocabulary;
  let id = u32(ids[group]);
  let wanted = logits[row + id];
  var most = -3.0e38;
  var sum = 0.0;
  for (var c = thread; c < params.vocabulary; c += threads) {
    let x = logits[row + c];
    if (x > most) {
      sum *= exp(most - x);
      most = x;
    }
    sum += exp(x - most);
  }
  let top = largest(most, thread);
  let all = total(sum * exp(most - top), thread);
  if (thread == 0u) { losses[group] = top - wanted + log(all); }
  if (gradient == 1u) {
    for (var c = thread; c < params.vocabulary; c += threads) {
      logits[row + c] = exp(logits[row + c] - top) / all - select(0.0, 1.0, c == id);
    }
  }`,
});

/** logits (M, V) = hidden table', and their losses (M); with `gradient` the logits become softmax - onehot. */
function rowLosses([hidden, table, ids]: [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D], gradient: 0 | 1) {
  const logits = tf.matMul<tf.Tensor2D>(hidden, table, false, true);
  const [rows, vocabulary] = logits.shape;
  const losses = emptyTensor<tf.Tensor1D>([rows]);
  dispatch(rowLoss(gradient), [logits, ids, losses], [rows, vocabulary], rows);
  return { losses, logits };
}

export const crossEntropy: FusedKernels['crossEntropy'] = (...inputs) => rowLosses(inputs, 0).losses;

export const crossEntropyGradient: FusedKernels['crossEntropyGradient'] = (hidden, table, ids) => {
  const { losses, logits } = rowLosses([hidden, table, ids], 1);
  return {
    losses,
    dHidden: tf.matMul(logits, table), // (M, V) x (V, C)
    dTable: tf.matMul(logits, hidden, true, false), // (V, M) x (M, C)
  };
};
