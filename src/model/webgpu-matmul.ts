/**
 * Matrix products on WebGPU. tfjs gives a thread 4 x 4 elements of the result; here it is 8 x 8, so that twice the
 * arithmetic is done for each number read. tfjs splits the inner side only where next to no workgroups are left, and adds
 * up the parts in any order; here weight gradients (a small result of a long inner side) are split into parts that fill the
 * GPU, added in order. Few rows or columns, as in generation, are left to tfjs, which has shaders for them; so are batches.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { dispatch, emptyArray, freeArray, type Shader } from './webgpu-dispatch.ts';

/** A workgroup of 64 threads computes so many rows and columns of the result, in steps of `depth` along the inner side. */
const tile = 64;
const depth = 16;
/** Below so many rows or columns most of a tile would be empty. */
const smallest = 32;
/** Workgroups that keep a large GPU busy, and the shortest part of the inner side that is worth a workgroup. */
const enoughGroups = 256;
const shortestPart = 128;

/** A result of a thread: rows 4 y.. and 32 + 4 y.., columns 4 x.. and 32 + 4 x.., two vectors a row. */
const rowsOfThread = Array.from({ length: 8 }, (_, i) => ({
  row: i < 4 ? `4u * y + ${i}u` : `${tile / 2}u + 4u * y + ${i - 4}u`,
  from: `${i < 4 ? 'low' : 'high'}A.${'xyzw'[i % 4]!}`,
  sums: [`sum${i}a`, `sum${i}b`] as const,
}));

/** A line of WGSL for each of a vector's four numbers. */
const each4 = (line: (i: number, lane: string) => string): string =>
  [...'xyzw'].map((lane, i) => line(i, lane)).join(' ');

/**
 * WGSL that copies a block of op(matrix) into workgroup memory, `depth` x `tile` numbers as vectors along the outer side.
 * Neighbouring threads read neighbouring numbers: along the outer side where that lies in one piece, else the inner.
 * @param outerInOnePiece whether the matrix is stored (inner, outer)
 */
function copyBlock(
  matrix: string,
  block: string,
  outerSize: string,
  firstOuter: string,
  outerInOnePiece: boolean,
): string {
  const at = (i: number): string =>
    outerInOnePiece ? `k * ${outerSize} + outer + ${i}u` : `(outer + ${i}u) * params.inner + k`;
  const [deep, vector] = outerInOnePiece ? ['e / 16u', 'e % 16u'] : ['e % 16u', 'e / 16u'];
  return `
    for (var e = thread; e < ${(depth * tile) / 4}u; e += threads) {
      let k = start + ${deep};
      let outer = ${firstOuter} + 4u * (${vector});
      var four = vec4f();
      if (k < end) {
        ${each4((i, lane) => `if (outer + ${i}u < ${outerSize}) { four.${lane} = ${matrix}[${at(i)}]; }`)}
      }
      ${block}[(${deep}) * stride + ${vector}] = four;
    }`;
}

const productShader = (transposeA: boolean, transposeB: boolean): Shader => ({
  name: `matMul ${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`,
  threads: 64,
  // vectors of a row of a block, and one more: writes down a column would meet in one memory bank
  constants: { stride: tile / 4 + 1 },
  buffers: [
    { name: 'a', type: 'f32', access: 'read' }, // (rows, inner), or (inner, rows) where transposed
    { name: 'b', type: 'f32', access: 'read' }, // (inner, columns), or (columns, inner)
    { name: 'c', type: 'f32', access: 'write' }, // (parts, rows, columns)
  ],
  params: [
    { name: 'rows', type: 'u32' },
    { name: 'columns', type: 'u32' },
    { name: 'inner', type: 'u32' },
    { name: 'innerEach', type: 'u32' },
  ],
  declarations: `
var<workgroup> blockA: array<vec4f, ${depth}u * stride>;
var<workgroup> blockB: array<vec4f, ${depth}u * stride>;
fn store(part: u32, row: u32, column: u32, four: vec4f) {
  if (row >= params.rows) { return; }
  let at = (part * params.rows + row) * params.columns + column;
  ${each4((i, lane) => `if (column + ${i}u < params.columns) { c[at + ${i}u] = four.${lane}; }`)}
}`,
  body: `
  let across = (params.columns + ${tile - 1}u) / ${tile}u;
  let tiles = across * ((params.rows + ${tile - 1}u) / ${tile}u);
  let part = group / tiles;
  let firstRow = group % tiles / across * ${tile}u;
  let firstColumn = group % tiles % across * ${tile}u;
  let begin = part * params.innerEach;
  let end = min(begin + params.innerEach, params.inner);
  if (begin >= params.inner) { return; }
  let x = thread % 8u;
  let y = thread / 8u;
  ${rowsOfThread.map(({ sums }) => sums.map((sum) => `var ${sum} = vec4f();`).join(' ')).join('\n  ')}
  for (var start = begin; start < end; start += ${depth}u) {
    ${copyBlock('a', 'blockA', 'params.rows', 'firstRow', transposeA)}
    ${copyBlock('b', 'blockB', 'params.columns', 'firstColumn', !transposeB)}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let lowA = blockA[k * stride + y];
      let highA = blockA[k * stride + 8u + y];
      let lowB = blockB[k * stride + x];
      let highB = blockB[k * stride + 8u + x];
      ${rowsOfThread.map(({ from, sums: [low, high] }) => `${low} += ${from} * lowB; ${high} += ${from} * highB;`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${rowsOfThread.map(({ row, sums }) => sums.map((sum, i) => `store(part, firstRow + ${row}, firstColumn + ${(i * tile) / 2}u + 4u * x, ${sum});`).join('\n  ')).join('\n  ')}`,
});

/** By transposeA and transposeB. */
const shaders = [false, true].map((transposeA) =>
  [false, true].map((transposeB) => productShader(transposeA, transposeB)),
);

const sumOfParts: Shader = {
  name: 'sumOfParts',
  threads: 64,
  constants: {},
  buffers: [
    { name: 'x', type: 'f32', access: 'read' }, // (parts, size)
    { name: 'y', type: 'f32', access: 'write' }, // (size)
  ],
  params: [
    { name: 'size', type: 'u32' },
    { name: 'parts', type: 'u32' },
  ],
  body: `
  if (index >= params.size) { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.parts; part++) { sum += x[part * params.size + index]; }
  y[index] = sum;`,
};

/**
 * op(a) op(b), op being the transpose where asked for: (rows, inner) x (inner, columns) -> a new (rows, columns), or undefined
 * where the result is too small for these shaders. The caller has checked that the inner sides agree.
 */
export function product(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo | undefined {
  const rows = a.shape[transposeA ? 1 : 0]!;
  const inner = a.shape[transposeA ? 0 : 1]!;
  const columns = b.shape[transposeB ? 0 : 1]!;
  if (rows < smallest || columns < smallest || inner === 0) return undefined;
  const tiles = Math.ceil(rows / tile) * Math.ceil(columns / tile);
  const wanted = Math.max(1, Math.min(Math.floor(enoughGroups / tiles), Math.floor(inner / shortestPart)));
  const innerEach = depth * Math.ceil(inner / wanted / depth);
  const parts = Math.ceil(inner / innerEach);
  const shader = shaders[Number(transposeA)]![Number(transposeB)]!;
  const value = emptyArray([rows, columns]);
  const params = [rows, columns, inner, innerEach];
  if (parts === 1) {
    dispatch(shader, [a, b, value], params, tiles);
    return value;
  }
  const partial = emptyArray([parts, rows, columns]);
  dispatch(shader, [a, b, partial], params, tiles * parts);
  dispatch(sumOfParts, [partial, value], [rows * columns, parts], Math.ceil((rows * columns) / 64));
  freeArray(partial);
  return value;
}
