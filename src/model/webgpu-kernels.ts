/**
 * The network's operations as WGSL shaders, each one dispatch where the plain version takes three to forty; small arrays
 * cost by the dispatch. Sums run in a fixed order, so the same step gives the same numbers.
 * Here those of single rows and elements; matrix products (as tfjs's kernel), attention, the loss and the optimizer have files of their own.
 * Shapes as in fused.ts: N rows, C width, F hidden width, V vocabulary, M ids, T positions, D width of a head.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { registerFusedKernels, type FusedKernels } from './fused.ts';
import { dispatch, emptyTensor, reductions, type Shader } from './webgpu-dispatch.ts';
import { attention } from './webgpu-attention.ts';
import { crossEntropy, crossEntropyGradient } from './webgpu-loss.ts';
import { adamW, globalNorm } from './webgpu-optimizer.ts';

/** Makes these the versions that run on backend `webgpu`. */
export function registerWebgpuKernels(): void {
  registerFusedKernels('webgpu', {
    embedding,
    rmsNorm,
    swiglu,
    rotate,
    attention,
    crossEntropy,
    crossEntropyGradient,
    adamW,
    globalNorm,
  });
}

// === RMSNorm: one workgroup a row

const rowThreads = (width: number): number => (width <= 256 ? 64 : 256);

const normForward = (width: number): Shader => ({
  name: 'rmsNorm',
  threads: rowThreads(width),
  constants: { width },
  buffers: [
    { name: 'x', type: 'f32', access: 'read' }, // (N, C)
    { name: 'gain', type: 'f32', access: 'read' }, // (C)
    { name: 'y', type: 'f32', access: 'write' }, // (N, C)
    { name: 'scale', type: 'f32', access: 'write' }, // (N)
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'eps', type: 'f32' },
  ],
  declarations: reductions,
  body: `
  if (group >= params.rows) { return; }
  let row = group * width;
  var squares = 0.0;
  for (var c = thread; c < width; c += threads) { squares += x[row + c] * x[row + c]; }
  let s = inverseSqrt(total(squares, thread) / f32(width) + params.eps);
  for (var c = thread; c < width; c += threads) { y[row + c] = x[row + c] * s * gain[c]; }
  if (thread == 0u) { scale[group] = s; }`,
});

/** A workgroup takes several rows, and sums the gain's gradient over them: column c belongs to thread c % threads. */
const normBackward = (width: number): Shader => ({
  name: 'rmsNorm backward',
  threads: rowThreads(width),
  constants: { width, columns: Math.ceil(width / rowThreads(width)) },
  buffers: [
    { name: 'dy', type: 'f32', access: 'read' }, // (N, C)
    { name: 'x', type: 'f32', access: 'read' }, // (N, C)
    { name: 'gain', type: 'f32', access: 'read' }, // (C)
    { name: 'scale', type: 'f32', access: 'read' }, // (N)
    { name: 'dx', type: 'f32', access: 'write' }, // (N, C)
    { name: 'partial', type: 'f32', access: 'write' }, // (groups, C)
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'rowsEach', type: 'u32' },
  ],
  declarations: reductions,
  body: `
  let first = group * params.rowsEach;
  if (first >= params.rows) { return; }
  let end = min(first + params.rowsEach, params.rows);
  var sums: array<f32, columns>;
  for (var n = first; n < end; n++) {
    let row = n * width;
    let s = scale[n];
    var along = 0.0;
    for (var c = thread; c < width; c += threads) { along += dy[row + c] * gain[c] * x[row + c] * s; }
    let removed = total(along, thread) / f32(width);
    for (var i = 0u; i < columns; i++) {
      let c = thread + i * threads;
      if (c < width) {
        let normed = x[row + c] * s;
        dx[row + c] = s * (dy[row + c] * gain[c] - normed * removed);
        sums[i] += dy[row + c] * normed;
      }
    }
  }
  for (var i = 0u; i < columns; i++) {
    let c = thread + i * threads;
    if (c < width) { partial[group * width + c] = sums[i]; }
  }`,
});

const columnSums = (width: number): Shader => ({
  name: 'columnSums',
  threads: 64,
  constants: { width },
  buffers: [
    { name: 'x', type: 'f32', access: 'read' }, // (rows, C)
    { name: 'y', type: 'f32', access: 'write' }, // (C)
  ],
  params: [{ name: 'rows', type: 'u32' }],
  body: `
  if (index >= width) { return; }
  var sum = 0.0;
  for (var n = 0u; n < params.rows; n++) { sum += x[n * width + index]; }
  y[index] = sum;`,
});

/** At most so many workgroups share the rows of a backward pass: their sums are added one by one. */
const mostPartials = 256;

const rmsNorm: FusedKernels['rmsNorm'] = {
  forward([x, gain], { eps }) {
    const [rows, width] = x.shape;
    const value = emptyTensor<tf.Tensor2D>([rows, width]);
    const scale = emptyTensor([rows]);
    dispatch(normForward(width), [x, gain, value, scale], [rows, eps], rows);
    return { value, kept: [x, gain, scale] };
  },
  backward(dy, kept) {
    const [x, gain, scale] = kept as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [rows, width] = dy.shape;
    const rowsEach = Math.max(4, Math.ceil(rows / mostPartials));
    const groups = Math.ceil(rows / rowsEach);
    const dx = emptyTensor<tf.Tensor2D>([rows, width]);
    const partial = emptyTensor([groups, width]);
    const dGain = emptyTensor<tf.Tensor1D>([width]);
    dispatch(normBackward(width), [dy, x, gain, scale, dx, partial], [rows, rowsEach], groups);
    dispatch(columnSums(width), [partial, dGain], [groups], Math.ceil(width / 64));
    return [dx, dGain];
  },
};

// === SwiGLU: one thread an element

const swigluForward: Shader = {
  name: 'swiglu',
  threads: 64,
  constants: {},
  buffers: [
    { name: 'gate', type: 'f32', access: 'read' }, // (N, F)
    { name: 'up', type: 'f32', access: 'read' }, // (N, F)
    { name: 'y', type: 'f32', access: 'write' }, // (N, F)
  ],
  params: [{ name: 'size', type: 'u32' }],
  body: `
  if (index >= params.size) { return; }
  y[index] = gate[index] / (1.0 + exp(-gate[index])) * up[index];`,
};

const swigluBackward: Shader = {
  name: 'swiglu backward',
  threads: 64,
  constants: {},
  buffers: [
    { name: 'dy', type: 'f32', access: 'read' }, // (N, F), as all here
    { name: 'gate', type: 'f32', access: 'read' },
    { name: 'up', type: 'f32', access: 'read' },
    { name: 'dGate', type: 'f32', access: 'write' },
    { name: 'dUp', type: 'f32', access: 'write' },
  ],
  params: [{ name: 'size', type: 'u32' }],
  body: `
  if (index >= params.size) { return; }
  let open = 1.0 / (1.0 + exp(-gate[index]));
  let silu = gate[index] * open;
  dUp[index] = dy[index] * silu;
  dGate[index] = dy[index] * up[index] * (open + silu * (1.0 - open));`,
};

const swiglu: FusedKernels['swiglu'] = {
  forward([gate, up]) {
    const value = emptyTensor<tf.Tensor2D>(gate.shape);
    dispatch(swigluForward, [gate, up, value], [gate.size], Math.ceil(gate.size / 64));
    return { value, kept: [gate, up] };
  },
  backward(dy, kept) {
    const [dGate, dUp] = [emptyTensor<tf.Tensor2D>(dy.shape), emptyTensor<tf.Tensor2D>(dy.shape)];
    dispatch(swigluBackward, [dy, ...kept, dGate, dUp], [dy.size], Math.ceil(dy.size / 64));
    return [dGate, dUp];
  },
};

// === Embedding

const gather = (width: number): Shader => ({
  name: 'embedding',
  threads: 64,
  constants: { width },
  buffers: [
    { name: 'table', type: 'f32', access: 'read' }, // (V, C)
    { name: 'ids', type: 'i32', access: 'read' }, // (M)
    { name: 'y', type: 'f32', access: 'write' }, // (M, C)
  ],
  params: [{ name: 'size', type: 'u32' }],
  body: `
  if (index >= params.size) { return; }
  y[index] = table[u32(ids[index / width]) * width + index % width];`,
});

/**
 * A workgroup owns a few rows of the table, looks through all ids for them, and adds up what belongs there, in order of
 * position. No atomics (WebGPU has none for floats), no sorting, no one-hot; a chunk of ids without a row of the group's
 * costs one look. Thread t owns the columns t, t + threads, ...
 */
const scatter = (width: number): Shader => ({
  name: 'embedding backward',
  threads: 64,
  constants: { width, rowsEach: 8, chunk: 256 },
  buffers: [
    { name: 'dy', type: 'f32', access: 'read' }, // (M, C)
    { name: 'ids', type: 'i32', access: 'read' }, // (M)
    { name: 'dTable', type: 'f32', access: 'write' }, // (V, C)
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'count', type: 'u32' },
  ],
  declarations: `
var<workgroup> seen: array<u32, chunk>;
var<workgroup> hits: atomic<u32>;`,
  body: `
  let first = group * rowsEach;
  if (first >= params.rows) { return; }
  let end = min(first + rowsEach, params.rows);
  for (var c = thread; c < (end - first) * width; c += threads) { dTable[first * width + c] = 0.0; }
  storageBarrier();
  for (var start = 0u; start < params.count; start += chunk) {
    if (thread == 0u) { atomicStore(&hits, 0u); }
    workgroupBarrier();
    for (var i = thread; i < chunk; i += threads) {
      var id = 0xffffffffu;
      if (start + i < params.count) { id = u32(ids[start + i]); }
      seen[i] = id;
      if (id >= first && id < end) { atomicAdd(&hits, 1u); }
    }
    workgroupBarrier();
    if (atomicLoad(&hits) > 0u) {
      for (var i = 0u; i < chunk; i++) {
        let id = seen[i];
        if (id >= first && id < end) {
          for (var c = thread; c < width; c += threads) { dTable[id * width + c] += dy[(start + i) * width + c]; }
        }
      }
    }
    workgroupBarrier();
  }`,
});

const embedding: FusedKernels['embedding'] = {
  forward([table], { ids }) {
    const width = table.shape[1];
    const value = emptyTensor<tf.Tensor2D>([ids.size, width]);
    dispatch(gather(width), [table, ids, value], [value.size], Math.ceil(value.size / 64));
    return { value, kept: [ids] };
  },
  backward(dy, kept, { rows }) {
    const width = dy.shape[1];
    const dTable = emptyTensor<tf.Tensor2D>([rows, width]);
    const shader = scatter(width);
    dispatch(shader, [dy, kept[0]!, dTable], [rows, dy.shape[0]], Math.ceil(rows / shader.constants['rowsEach']!));
    return [dTable];
  },
};

// === Rotary positions

const turn = (headWidth: number): Shader => ({
  name: 'rotate',
  threads: 64,
  constants: { headWidth },
  buffers: [
    { name: 'x', type: 'f32', access: 'read' }, // (..., T, D)
    { name: 'cosines', type: 'f32', access: 'read' }, // (T, D)
    { name: 'sines', type: 'f32', access: 'read' }, // (T, D), negative in the first half
    { name: 'y', type: 'f32', access: 'write' }, // (..., T, D)
  ],
  params: [
    { name: 'size', type: 'u32' },
    { name: 'length', type: 'u32' },
    { name: 'direction', type: 'f32' },
  ],
  body: `
  if (index >= params.size) { return; }
  let d = index % headWidth;
  let angle = (index / headWidth) % params.length * headWidth + d;
  let across = x[index - d + (d + headWidth / 2) % headWidth];
  y[index] = x[index] * cosines[angle] + params.direction * across * sines[angle];`,
});

const rotate: FusedKernels['rotate'] = (x, { cos, sin }, direction) => {
  const value = emptyTensor<tf.Tensor4D>(x.shape);
  const params = [x.size, x.shape[2], direction];
  dispatch(turn(x.shape[3]), [x, cos, sin, value], params, Math.ceil(x.size / 64));
  return value;
};
