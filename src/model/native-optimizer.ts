/**
 * AdamW of all weights at once, for `native`: weights of one shape are stacked, and TensorFlow's fused Adam updates each
 * stack in place, in one pass over memory, where the plain version makes a dozen calls for every weight.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AdamWFactors, AdamWState, FusedKernels } from './fused.ts';
import { float32, mul, op, ops, shapeOf } from './native-ops.ts';

export const adamWAll: FusedKernels['adamWAll'] = (states, factors) => {
  const results = new Array<{ weight: tf.Tensor; m: tf.Tensor; v: tf.Tensor }>(states.length);
  for (const group of groups(states, factors)) {
    const updated = updateStack(
      group.map((i) => states[i]!),
      factors[group[0]!]!,
    );
    group.forEach((i, at) => (results[i] = updated[at]!));
  }
  return results;
};

/** Places of the weights that are alike in shape and decay. */
function groups(states: readonly AdamWState[], factors: readonly AdamWFactors[]): number[][] {
  const alike = new Map<string, number[]>();
  states.forEach(({ weight }, i) => {
    const key = `${weight.shape.join()} ${factors[i]!.keep}`;
    const group = alike.get(key);
    if (group) group.push(i);
    else alike.set(key, [i]);
  });
  return [...alike.values()];
}

/** One update of weights of the same shape. */
function updateStack(
  states: readonly AdamWState[],
  factors: AdamWFactors,
): { weight: tf.Tensor; m: tf.Tensor; v: tf.Tensor }[] {
  return tf.tidy(() => {
    const { beta1, beta2, gradientScale, keep, rate, epsilon } = factors;
    const stacked = (name: keyof AdamWState): tf.Tensor =>
      op(
        'Pack',
        states.map((state) => state[name]),
        `Pack ${states.length}`,
        () => ({ N: states.length, T: float32(), axis: 0 }),
      );
    const scaled = (tensor: tf.Tensor, factor: number): tf.Tensor =>
      factor === 1 ? tensor : mul(tensor, tf.scalar(factor));

    const gradient = scaled(stacked('gradient'), gradientScale);
    const before = [scaled(stacked('weight'), keep), stacked('m'), stacked('v')];
    const shape = shapeOf(before[0]!);
    const handles = before.map(
      (_, i) =>
        ops('VarHandleOp', [], { container: '', shared_name: `persona adamw ${i}`, dtype: float32(), shape }, 1)[0]!,
    );
    handles.forEach((handle, i) => ops('AssignVariableOp', [handle, before[i]!], { dtype: float32() }, 0));
    tf.dispose(before); // alone, the variables are changed in place
    // TensorFlow's rate is corrected for the moments' bias by powers of beta; 0 leaves it as it is
    const constants = [0, 0, rate, beta1, beta2, epsilon].map((x) => tf.scalar(x));
    ops(
      'ResourceApplyAdam',
      [...handles, ...constants, gradient],
      { T: float32(), use_locking: false, use_nesterov: false },
      0,
    );
    const after = handles.map((handle) => {
      const [value] = ops('ReadVariableOp', [handle], { dtype: float32() }, 1);
      ops('DestroyResourceOp', [handle], { ignore_lookup_error: false }, 0);
      return ops('Unpack', [value!], { num: states.length, T: float32(), axis: 0 }, states.length);
    });
    return states.map((_, i) => ({ weight: after[0]![i]!, m: after[1]![i]!, v: after[2]![i]! }));
  });
}
