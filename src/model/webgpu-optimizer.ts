/** AdamW and the global norm on WebGPU: one dispatch a parameter each, and one more for the norm. */
import type * as tf from '@tensorflow/tfjs-core';
import type { FusedKernels } from './fused.ts';
import { dispatch, emptyTensor, reductions, type Shader } from './webgpu-dispatch.ts';

const adamWShader: Shader = {
  name: 'adamW',
  threads: 64,
  constants: {},
  buffers: [
    { name: 'weight', type: 'f32', access: 'read' },
    { name: 'gradient', type: 'f32', access: 'read' },
    { name: 'm', type: 'f32', access: 'read' },
    { name: 'v', type: 'f32', access: 'read' },
    { name: 'newWeight', type: 'f32', access: 'write' },
    { name: 'newM', type: 'f32', access: 'write' },
    { name: 'newV', type: 'f32', access: 'write' },
  ],
  params: [
    { name: 'size', type: 'u32' },
    { name: 'beta1', type: 'f32' },
    { name: 'beta2', type: 'f32' },
    { name: 'gradientScale', type: 'f32' },
    { name: 'keep', type: 'f32' },
    { name: 'rate', type: 'f32' },
    { name: 'epsilon', type: 'f32' },
    { name: 'rest1', type: 'f32' }, // 1 - beta1 and 1 - beta2, computed in double precision
    { name: 'rest2', type: 'f32' },
  ],
  body: `
  if (index >= params.size) { return; }
  let g = gradient[index] * params.gradientScale;
  let first = params.beta1 * m[index] + params.rest1 * g;
  let second = params.beta2 * v[index] + params.rest2 * g * g;
  newM[index] = first;
  newV[index] = second;
  newWeight[index] = params.keep * weight[index] - params.rate * first / (sqrt(second) + params.epsilon);`,
};

export const adamW: FusedKernels['adamW'] = ({ weight, gradient, m, v }, factors) => {
  const { beta1, beta2, gradientScale, keep, rate, epsilon } = factors;
  const { shape, size } = weight;
  const next = { weight: emptyTensor(shape), m: emptyTensor(shape), v: emptyTensor(shape) };
  const params = [size, beta1, beta2, gradientScale, keep, rate, epsilon, 1 - beta1, 1 - beta2];
  const tensors = [weight, gradient, m, v, next.weight, next.m, next.v];
  dispatch(adamWShader, tensors, params, Math.ceil(size / 64));
  return next;
};

/** Workgroup g adds up every g-th stretch of an array and leaves its sum in the slot that belongs to it. */
const squares: Shader = {
  name: 'squares',
  threads: 256,
  constants: {},
  buffers: [
    { name: 'x', type: 'f32', access: 'read' },
    { name: 'sums', type: 'f32', access: 'write' },
  ],
  params: [
    { name: 'size', type: 'u32' },
    { name: 'groups', type: 'u32' },
    { name: 'firstSlot', type: 'u32' },
  ],
  declarations: reductions,
  body: `
  if (group >= params.groups) { return; }
  var sum = 0.0;
  for (var i = index; i < params.size; i += params.groups * threads) { sum += x[i] * x[i]; }
  let all = total(sum, thread);
  if (thread == 0u) { sums[params.firstSlot + group] = all; }`,
};

const rootOfSum: Shader = {
  name: 'rootOfSum',
  threads: 256,
  constants: {},
  buffers: [
    { name: 'sums', type: 'f32', access: 'read' },
    { name: 'y', type: 'f32', access: 'write' },
  ],
  params: [{ name: 'size', type: 'u32' }],
  declarations: reductions,
  body: `
  if (group > 0u) { return; }
  var sum = 0.0;
  for (var i = thread; i < params.size; i += threads) { sum += sums[i]; }
  let all = total(sum, thread);
  if (thread == 0u) { y[0] = sqrt(all); }`,
};

/** At most so many workgroups, and slots, for one array. */
const mostSlots = 64;

export const globalNorm: FusedKernels['globalNorm'] = (tensors) => {
  const groups = tensors.map(({ size }) => Math.min(mostSlots, Math.ceil(size / 1024)));
  const slots = groups.reduce((a, b) => a + b, 0);
  const sums = emptyTensor([slots]);
  const norm = emptyTensor<tf.Scalar>([]);
  let firstSlot = 0;
  tensors.forEach((x, i) => {
    dispatch(squares, [x, sums], [x.size, groups[i]!, firstSlot], groups[i]!);
    firstSlot += groups[i]!;
  });
  dispatch(rootOfSum, [sums, norm], [slots], 1);
  sums.dispose();
  return norm;
};
