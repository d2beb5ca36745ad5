/**
 * Faster kernels for tfjs-wasm 4.22, registered in place of its own by backend.ts; same results, same precision.
 * - BatchMatMul: its own is quick (XNNPACK) only for one plain product; transposed and batched ones fall back to a loop
 *   10 to 20 times slower. This one transposes explicitly, choosing the side that moves fewer numbers, and multiplies a
 *   batch pair by pair through views of the same memory.
 * - Identity: its own copies. Tensors never change, so this one counts a reference, as Reshape does.
 * - Slice: its own copies the whole input first. This one copies what is asked for, where that lies in one piece.
 * Not covered: matMul of batches that broadcast against each other (an error).
 */
import * as tf from '@tensorflow/tfjs-core';
import { check } from '../util/errors.ts';

/** The parts of tfjs-wasm's backend that a kernel needs (its own kernels use them too). */
interface WasmBackend {
  wasm: {
    cwrap(name: string, returns: null, parameters: ('number' | 'array')[]): (...args: (number | Uint8Array)[]) => void;
    tfjs: { registerTensor(id: number, size: number, memoryOffset: number): void; disposeData(id: number): void };
  };
  dataIdMap: { get(dataId: tf.DataId): { id: number; memoryOffset: number } };
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(x: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  incRef(dataId: tf.DataId): void;
  disposeData(dataId: tf.DataId): boolean;
}

interface MatMulArgs {
  inputs: { a: tf.TensorInfo; b: tf.TensorInfo };
  attrs: { transposeA: boolean; transposeB: boolean };
}

/** Cost of packing a number of the right side (XNNPACK), in transposed numbers; measured. */
const packing = 1.5;

/** Ids of the views, far above those that tfjs counts up from 1. */
const viewIds = { a: 0x7f00_0001, b: 0x7f00_0002, out: 0x7f00_0003 } as const;

/** Replaces the kernels. Call once, after the wasm backend is ready. */
export function registerWasmKernels(): void {
  const backend = tf.backend() as unknown as WasmBackend;
  replace('BatchMatMul', matMulKernel(backend));
  replace('Identity', identityKernel(backend));
  replace('Slice', sliceKernel(backend));
}

function replace(kernelName: string, kernel: (args: never) => tf.TensorInfo): void {
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernel as unknown as tf.KernelFunc });
}

function identityKernel(backend: WasmBackend) {
  return ({ inputs: { x } }: { inputs: { x: tf.TensorInfo } }): tf.TensorInfo => {
    backend.incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  };
}

interface SliceArgs {
  inputs: { x: tf.TensorInfo };
  attrs: { begin: number | number[]; size: number | number[] };
}

function sliceKernel(backend: WasmBackend) {
  const original = kernelOf('Slice');
  return (args: SliceArgs): tf.TensorInfo => {
    const { x } = args.inputs;
    const [begin, size] = tf.slice_util.parseSliceParams(x, args.attrs.begin, args.attrs.size);
    if (x.dtype === 'string' || !tf.slice_util.isSliceContinous(x.shape, begin!, size!)) {
      return original({ ...args, backend }) as tf.TensorInfo;
    }
    const offset = tf.slice_util.computeFlatOffset(begin!, tf.util.computeStrides(x.shape));
    const out = backend.makeOutput(size!, x.dtype);
    const source = backend.typedArrayFromHeap(x);
    backend.typedArrayFromHeap(out).set(source.subarray(offset, offset + product(size!)));
    return out;
  };
}

function kernelOf(name: string): tf.KernelFunc {
  const kernel = tf.getKernel(name, 'wasm');
  check(kernel, `tfjs-wasm has no kernel ${name}`);
  return kernel.kernelFunc;
}

function matMulKernel(backend: WasmBackend) {
  const multiply = backend.wasm.cwrap('BatchMatMul', null, [
    'number',
    'array',
    'number',
    'number',
    'array',
    'number',
    'number',
    'number',
    'number',
  ]);
  const transposeKernel = kernelOf('Transpose');

  /** (G, R, S) -> (G, S, R), a new array. */
  const transpose = (x: tf.TensorInfo): tf.TensorInfo => {
    const attrs = { perm: [0, 2, 1] } as unknown as tf.NamedAttrMap;
    return transposeKernel({ inputs: { x }, backend, attrs }) as tf.TensorInfo;
  };

  /** (G, M, K) x (G, K, N) -> (G, M, N). */
  const plain = (a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo => {
    const [groups, m, k] = a.shape as [number, number, number];
    const n = b.shape[2]!;
    const out = backend.makeOutput([groups, m, n], 'float32');
    const [aData, bData, outData] = [a, b, out].map((x) => backend.dataIdMap.get(x.dataId)) as [View, View, View];
    const aShape = new Uint8Array(Int32Array.of(1, m, k).buffer);
    const bShape = new Uint8Array(Int32Array.of(1, k, n).buffer);
    if (groups === 1) {
      // under its own id: XNNPACK keeps the packed right side until that tensor goes, which serves decoding
      multiply(aData.id, aShape, 3, bData.id, bShape, 3, 0, 0, outData.id);
      return out;
    }
    const { tfjs } = backend.wasm;
    for (let g = 0; g < groups; g++) {
      tfjs.registerTensor(viewIds.a, m * k, aData.memoryOffset + 4 * g * m * k);
      tfjs.registerTensor(viewIds.b, k * n, bData.memoryOffset + 4 * g * k * n);
      tfjs.registerTensor(viewIds.out, m * n, outData.memoryOffset + 4 * g * m * n);
      multiply(viewIds.a, aShape, 3, viewIds.b, bShape, 3, 0, 0, viewIds.out);
      tfjs.disposeData(viewIds.a);
      tfjs.disposeData(viewIds.b);
      tfjs.disposeData(viewIds.out);
    }
    return out;
  };

  const matMul = ({ inputs: { a, b }, attrs: { transposeA, transposeB } }: MatMulArgs): tf.TensorInfo => {
    const outer = a.shape.slice(0, -2);
    check(
      outer.join() === b.shape.slice(0, -2).join(),
      `matMul of (${a.shape.join()}) and (${b.shape.join()}): batches differ`,
    );
    const flat = (x: tf.TensorInfo): tf.TensorInfo => ({ ...x, shape: [product(outer), ...x.shape.slice(-2)] });
    const [left, right] = [flat(a), flat(b)];
    const [m, k] = transposeA ? [left.shape[2]!, left.shape[1]!] : [left.shape[1]!, left.shape[2]!];
    const [k2, n] = transposeB ? [right.shape[2]!, right.shape[1]!] : [right.shape[1]!, right.shape[2]!];
    check(k === k2, `matMul of (${a.shape.join()}) and (${b.shape.join()}): inner ${k} and ${k2}`);

    const made: tf.TensorInfo[] = [];
    const turned = (x: tf.TensorInfo): tf.TensorInfo => {
      const y = transpose(x);
      made.push(y);
      return y;
    };
    // A B directly, or as (B' A')', whichever moves less: transposes, and the packing of the right side
    const direct = (transposeA ? m * k : 0) + (transposeB ? k * n : 0) + packing * k * n;
    const swapped = (transposeA ? 0 : m * k) + (transposeB ? 0 : k * n) + m * n + packing * m * k;
    let out: tf.TensorInfo;
    if (direct <= swapped) {
      out = plain(transposeA ? turned(left) : left, transposeB ? turned(right) : right);
    } else {
      const product = plain(transposeB ? right : turned(right), transposeA ? left : turned(left));
      made.push(product);
      out = transpose(product);
    }
    for (const x of made) backend.disposeData(x.dataId);
    return { ...out, shape: [...outer, m, n] };
  };

  return matMul;
}

type View = { id: number; memoryOffset: number };

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
