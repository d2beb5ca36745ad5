/**
 * Kernels of tfjs's WebGPU backend (4.22) that fail or lose where the network uses them, replaced. Registered by webgpu.ts.
 * - AddN: its own binds all arrays at once, and a shader may bind eight. This one adds them up in groups.
 * - BatchMatMul: products of two matrices, unless small, go to webgpu-matmul.ts.
 */
import * as tf from '@tensorflow/tfjs-core';
import { check } from '../util/errors.ts';
import { product } from './webgpu-matmul.ts';

interface Backend {
  device: { limits: { maxStorageBuffersPerShaderStage: number } };
  disposeData(dataId: tf.DataId): boolean;
}

/** Replaces the kernels. Call once in a process or thread, when tfjs's own are there. */
export function replaceTfjsKernels(): void {
  replace('AddN', addN);
  replace('BatchMatMul', matMul);
}

/** Registers `make(tfjs's kernel)` in its place. */
function replace(kernelName: string, make: (original: tf.KernelFunc) => tf.KernelFunc): void {
  const original = tf.getKernel(kernelName, 'webgpu')?.kernelFunc;
  check(original, `tfjs has no kernel ${kernelName} for webgpu`);
  tf.unregisterKernel(kernelName, 'webgpu');
  tf.registerKernel({ kernelName, backendName: 'webgpu', kernelFunc: make(original) });
}

const addN =
  (original: tf.KernelFunc): tf.KernelFunc =>
  ({ inputs, backend, attrs }) => {
    const gpu = backend as Backend;
    const most = gpu.device.limits.maxStorageBuffersPerShaderStage - 1; // one is the result
    const rest = [...(inputs as unknown as tf.TensorInfo[])];
    const add = (some: tf.TensorInfo[]): tf.TensorInfo =>
      original({ inputs: some as unknown as tf.NamedTensorInfoMap, backend, attrs }) as tf.TensorInfo;
    let sum = add(rest.splice(0, most));
    while (rest.length > 0) {
      const before = sum;
      sum = add([before, ...rest.splice(0, most - 1)]);
      gpu.disposeData(before.dataId);
    }
    return sum;
  };

const matMul =
  (original: tf.KernelFunc): tf.KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    // a program of tfjs's that was asked for by its flag is tfjs's
    const ours =
      a.shape.length === 2 && b.shape.length === 2 && tf.env().getNumber('WEBGPU_MATMUL_PROGRAM_TYPE') < 0
        ? product(a, b, transposeA, transposeB)
        : undefined;
    return ours ?? original(call);
  };
