/**
 * Causal attention on WebGPU without any array of (T, T) (Dao et al. 2022): a thread takes one query and goes over the keys
 * it may look at with a running maximum and sum; backward, a thread takes one query or one key and computes the shares
 * again. All threads of a workgroup read the same key at the same time, so rows are read once a workgroup.
 * Two dispatches forward, three backward; no atomics, each sum runs in order of position.
 * Shapes: B rows, T positions, N = B * T, H heads, K heads of keys, D width of a head.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { check } from '../util/errors.ts';
import type { AttentionSetting, FusedKernels } from './fused.ts';
import { dispatch, emptyTensor, type Shader } from './webgpu-dispatch.ts';

/** Turns the heads of q (N, H * D) and k (N, K * D) by their positions' angles, and multiplies q by `scale`. */
const turnHeads = (headWidth: number, heads: number, kvHeads: number): Shader => ({
  name: 'attention rope',
  threads: 64,
  constants: { headWidth, heads, kvHeads },
  buffers: [
    { name: 'q', type: 'f32', access: 'read' },
    { name: 'k', type: 'f32', access: 'read' },
    { name: 'cosines', type: 'f32', access: 'read' }, // (T, D)
    { name: 'sines', type: 'f32', access: 'read' }, // (T, D), negative in the first half
    { name: 'turnedQ', type: 'f32', access: 'write' },
    { name: 'turnedK', type: 'f32', access: 'write' },
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'length', type: 'u32' },
    { name: 'direction', type: 'f32' },
    { name: 'scale', type: 'f32' },
  ],
  body: `
  let d = index % headWidth;
  let other = (d + headWidth / 2) % headWidth - d; // to the same pair's other half; wraps around below zero
  let head = index / headWidth % (heads + kvHeads);
  let row = index / (headWidth * (heads + kvHeads));
  if (row >= params.rows) { return; }
  let angle = row % params.length * headWidth + d;
  let sine = params.direction * sines[angle];
  if (head < heads) {
    let at = (row * heads + head) * headWidth + d;
    turnedQ[at] = params.scale * (q[at] * cosines[angle] + q[at + other] * sine);
  } else {
    let at = (row * kvHeads + head - heads) * headWidth + d;
    turnedK[at] = k[at] * cosines[angle] + k[at + other] * sine;
  }`,
});

/** The setting as WGSL constants, and the vectors in which a head is read. */
function layoutOf({ heads, kvHeads }: AttentionSetting, headWidth: number) {
  check(headWidth % 2 === 0, `heads of width ${headWidth}`);
  const lanes = headWidth % 4 === 0 ? 4 : 2;
  const type: 'vec4f' | 'vec2f' = lanes === 4 ? 'vec4f' : 'vec2f';
  return { type, constants: { heads, kvHeads, parts: headWidth / lanes } };
}

type Layout = ReturnType<typeof layoutOf>;

const sizeParams = [
  { name: 'batch', type: 'u32' },
  { name: 'length', type: 'u32' },
] as const;

/** Which query this thread takes: row b, head h, position t; it ends where there is none. */
const ownQuery = `
  let blocks = (params.length + threads - 1u) / threads;
  let h = group / blocks % heads;
  let b = group / (blocks * heads);
  let t = group % blocks * threads + thread;
  if (b >= params.batch || t >= params.length) { return; }
  let own = (b * params.length + t) * heads + h;
  let keyHead = h / (heads / kvHeads);`;

const forwardShader = ({ type, constants }: Layout): Shader => ({
  name: 'attention',
  threads: 64,
  constants,
  buffers: [
    { name: 'q', type, access: 'read' }, // (N, H, D), turned and scaled
    { name: 'k', type, access: 'read' }, // (N, K, D), turned
    { name: 'v', type, access: 'read' }, // (N, K, D)
    { name: 'y', type, access: 'write' }, // (N, H, D)
    { name: 'logSum', type: 'f32', access: 'write' }, // (N, H), log of the sum of exp(score)
  ],
  params: sizeParams,
  body: `${ownQuery}
  var query: array<${type}, parts>;
  for (var i = 0u; i < parts; i++) { query[i] = q[own * parts + i]; }
  var mixed: array<${type}, parts>;
  var most = -3.0e38;
  var sum = 0.0;
  for (var j = 0u; j <= t; j++) {
    let at = ((b * params.length + j) * kvHeads + keyHead) * parts;
    var score = 0.0;
    for (var i = 0u; i < parts; i++) { score += dot(query[i], k[at + i]); }
    if (score > most) {
      let shrink = exp(most - score);
      sum *= shrink;
      for (var i = 0u; i < parts; i++) { mixed[i] *= shrink; }
      most = score;
    }
    let share = exp(score - most);
    sum += share;
    for (var i = 0u; i < parts; i++) { mixed[i] += share * v[at + i]; }
  }
  for (var i = 0u; i < parts; i++) { y[own * parts + i] = mixed[i] / sum; }
  logSum[own] = most + log(sum);`,
});

const queryGradient = ({ type, constants }: Layout): Shader => ({
  name: 'attention backward q',
  threads: 64,
  constants,
  buffers: [
    { name: 'q', type, access: 'read' }, // (N, H, D)
    { name: 'k', type, access: 'read' }, // (N, K, D)
    { name: 'v', type, access: 'read' }, // (N, K, D)
    { name: 'y', type, access: 'read' }, // (N, H, D)
    { name: 'dy', type, access: 'read' }, // (N, H, D)
    { name: 'logSum', type: 'f32', access: 'read' }, // (N, H)
    { name: 'dq', type, access: 'write' }, // (N, H, D)
    { name: 'along', type: 'f32', access: 'write' }, // (N, H), sum(dy * y)
  ],
  params: sizeParams,
  body: `${ownQuery}
  var query: array<${type}, parts>;
  var pull: array<${type}, parts>;
  var sum: array<${type}, parts>;
  var row = 0.0;
  for (var i = 0u; i < parts; i++) {
    query[i] = q[own * parts + i];
    pull[i] = dy[own * parts + i];
    row += dot(pull[i], y[own * parts + i]);
  }
  along[own] = row;
  let shift = logSum[own];
  for (var j = 0u; j <= t; j++) {
    let at = ((b * params.length + j) * kvHeads + keyHead) * parts;
    var score = 0.0;
    var dShare = 0.0;
    for (var i = 0u; i < parts; i++) {
      score += dot(query[i], k[at + i]);
      dShare += dot(pull[i], v[at + i]);
    }
    let dScore = exp(score - shift) * (dShare - row);
    for (var i = 0u; i < parts; i++) { sum[i] += dScore * k[at + i]; }
  }
  for (var i = 0u; i < parts; i++) { dq[own * parts + i] = sum[i]; }`,
});

/** Threads of a workgroup whose keys and values fit into WebGPU's smallest workgroup memory of 16 KiB. */
const keyThreads = (headWidth: number): number => Math.min(64, 2 ** Math.floor(Math.log2(2048 / headWidth)));

/** A thread's own key and value lie in workgroup memory: with two sums beside them registers would run out. */
const keyGradient = ({ type, constants }: Layout, headWidth: number): Shader => ({
  name: 'attention backward k v',
  threads: keyThreads(headWidth),
  constants,
  buffers: [
    { name: 'q', type, access: 'read' }, // (N, H, D)
    { name: 'k', type, access: 'read' }, // (N, K, D)
    { name: 'v', type, access: 'read' }, // (N, K, D)
    { name: 'dy', type, access: 'read' }, // (N, H, D)
    { name: 'logSum', type: 'f32', access: 'read' }, // (N, H)
    { name: 'along', type: 'f32', access: 'read' }, // (N, H)
    { name: 'dk', type, access: 'write' }, // (N, K, D)
    { name: 'dv', type, access: 'write' }, // (N, K, D)
  ],
  params: sizeParams,
  declarations: `
var<workgroup> keys: array<${type}, threads * parts>;
var<workgroup> values: array<${type}, threads * parts>;`,
  body: `
  let blocks = (params.length + threads - 1u) / threads;
  let keyHead = group / blocks % kvHeads;
  let b = group / (blocks * kvHeads);
  let firstOfBlock = group % blocks * threads;
  let j = firstOfBlock + thread;
  if (b >= params.batch || j >= params.length) { return; }
  let own = ((b * params.length + j) * kvHeads + keyHead) * parts;
  var dKey: array<${type}, parts>;
  var dValue: array<${type}, parts>;
  for (var i = 0u; i < parts; i++) {
    keys[i * threads + thread] = k[own + i];
    values[i * threads + thread] = v[own + i];
  }
  let together = heads / kvHeads;
  for (var h = keyHead * together; h < (keyHead + 1u) * together; h++) {
    for (var t = firstOfBlock; t < params.length; t++) {
      if (t < j) { continue; }
      let query = (b * params.length + t) * heads + h;
      var score = 0.0;
      var dShare = 0.0;
      for (var i = 0u; i < parts; i++) {
        score += dot(q[query * parts + i], keys[i * threads + thread]);
        dShare += dot(dy[query * parts + i], values[i * threads + thread]);
      }
      let share = exp(score - logSum[query]);
      let dScore = share * (dShare - along[query]);
      for (var i = 0u; i < parts; i++) {
        dValue[i] += share * dy[query * parts + i];
        dKey[i] += dScore * q[query * parts + i];
      }
    }
  }
  for (var i = 0u; i < parts; i++) {
    dk[own + i] = dKey[i];
    dv[own + i] = dValue[i];
  }`,
});

/** q (N, H * D) and k (N, K * D) turned forth (1) or back (-1), q also divided by sqrt(D). */
function turned(
  q: tf.Tensor,
  k: tf.Tensor,
  [cos, sin]: [tf.Tensor, tf.Tensor],
  { heads, kvHeads, length }: AttentionSetting,
  direction: 1 | -1,
): [tf.Tensor2D, tf.Tensor2D] {
  const headWidth = cos.shape[1]!;
  const outputs: [tf.Tensor2D, tf.Tensor2D] = [emptyTensor(q.shape), emptyTensor(k.shape)];
  const params = [q.shape[0], length, direction, headWidth ** -0.5];
  const groups = Math.ceil((q.size + k.size) / 64);
  dispatch(turnHeads(headWidth, heads, kvHeads), [q, k, cos, sin, ...outputs], params, groups);
  return outputs;
}

export const attention: FusedKernels['attention'] = {
  forward([q, k, v], setting) {
    const { heads, length, tables } = setting;
    const [rows, width] = q.shape;
    const layout = layoutOf(setting, width / heads);
    const [queries, keys] = turned(q, k, [tables.cos, tables.sin], setting, 1);
    const value = emptyTensor<tf.Tensor2D>([rows, width]);
    const logSum = emptyTensor([rows, heads]);
    const batch = rows / length;
    const groups = batch * heads * Math.ceil(length / 64);
    dispatch(forwardShader(layout), [queries, keys, v, value, logSum], [batch, length], groups);
    return { value, kept: [queries, keys, v, value, logSum, tables.cos, tables.sin] };
  },
  backward(dy, kept, setting) {
    const { heads, kvHeads, length } = setting;
    const [queries, keys, v, value, logSum, cos, sin] = kept as [tf.Tensor, ...tf.Tensor[]];
    const [rows, width] = dy.shape;
    const headWidth = width / heads;
    const layout = layoutOf(setting, headWidth);
    const batch = rows / length;
    const params = [batch, length];

    const dQueries = emptyTensor<tf.Tensor2D>(queries.shape);
    const along = emptyTensor([rows, heads]);
    const queryInputs = [queries, keys!, v!, value!, dy, logSum!];
    const queryGroups = batch * heads * Math.ceil(length / 64);
    dispatch(queryGradient(layout), [...queryInputs, dQueries, along], params, queryGroups);

    const [dKeys, dv] = [emptyTensor<tf.Tensor2D>(keys!.shape), emptyTensor<tf.Tensor2D>(v!.shape)];
    const keyInputs = [queries, keys!, v!, dy, logSum!, along];
    const keyGroups = batch * kvHeads * Math.ceil(length / keyThreads(headWidth));
    dispatch(keyGradient(layout, headWidth), [...keyInputs, dKeys, dv], params, keyGroups);

    const [dq, dk] = turned(dQueries, dKeys, [cos!, sin!], setting, -1);
    return [dq, dk, dv];
  },
};
