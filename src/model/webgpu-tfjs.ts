/**
 * Kernels of tfjs's WebGPU backend (4.22) that fail or lose where the network uses them, replaced. Registered by webgpu.ts.
 * - AddN: its own binds all arrays at once, and a shader may bind eight. This one adds them up in groups.
 */
import * as tf from '@tensorflow/tfjs-core';
import { check } from '../util/errors.ts';

interface Backend {
  device: { limits: { maxStorageBuffersPerShaderStage: number } };
  disposeData(dataId: tf.DataId): boolean;
}

/** Replaces the kernels. Call once in a process or thread, when tfjs's own are there. */
export function replaceTfjsKernels(): void {
  const addN = tf.getKernel('AddN', 'webgpu')?.kernelFunc;
  check(addN, 'tfjs has no kernel AddN for webgpu');
  tf.unregisterKernel('AddN', 'webgpu');
  tf.registerKernel({
    kernelName: 'AddN',
    backendName: 'webgpu',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const gpu = backend as Backend;
      const most = gpu.device.limits.maxStorageBuffersPerShaderStage - 1; // one is the result
      const rest = [...(inputs as unknown as tf.TensorInfo[])];
      const add = (some: tf.TensorInfo[]): tf.TensorInfo =>
        addN({ inputs: some as unknown as tf.NamedTensorInfoMap, backend, attrs }) as tf.TensorInfo;
      let sum = add(rest.splice(0, most));
      while (rest.length > 0) {
        const before = sum;
        sum = add([before, ...rest.splice(0, most - 1)]);
        gpu.disposeData(before.dataId);
      }
      return sum;
    },
  });
}
