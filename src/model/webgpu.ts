/**
 * The `webgpu` backend: Dawn in Node (npm `webgpu`, an optional package) under tfjs's WebGPU backend. Finds a driver,
 * opens the GPU, and registers the backend and its own kernels (webgpu-kernels.ts) with tfjs.
 *
 * Differences from tfjs's backend in a browser: what goes wrong on the GPU is not lost in a console but thrown by the next
 * read, no reading without `await`, and buffers kept for reuse are bounded.
 */
import * as tf from '@tensorflow/tfjs-core';
import { errorCode, UserError } from '../util/errors.ts';
import { registerWebgpuKernels } from './webgpu-kernels.ts';
import { replaceTfjsKernels } from './webgpu-tfjs.ts';
import { prepareVulkan } from './webgpu-vulkan.ts';

/** The parts of Dawn's objects used here (https://www.w3.org/TR/webgpu/). */
interface GpuAdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}

interface GpuDevice {
  lost: Promise<{ reason: string; message: string }>;
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { error: { message: string }; preventDefault(): void }) => void,
  ): void;
}

interface GpuAdapter {
  info: GpuAdapterInfo;
  limits: Record<string, number>;
  requestDevice(descriptor: { requiredLimits: Record<string, number> }): Promise<GpuDevice>;
}

interface Dawn {
  create: (options: string[]) => {
    requestAdapter(options: { powerPreference: 'high-performance' }): Promise<GpuAdapter | null>;
  };
  globals: Record<string, unknown>;
}

/** tfjs reads these from the global scope for as long as it runs. */
const browserGlobals = ['GPUBuffer', 'GPUTexture', 'GPUBufferUsage', 'GPUMapMode'] as const;

/** The limits raised from WebGPU's defaults to what the adapter has. */
const wantedLimits = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Dawn's objects do not keep each other alive: a device whose instance was collected crashes. */
const inUse: object[] = [];

/**
 * Opens the best GPU and registers tfjs's backend `webgpu` on it. Call once in a process or thread.
 * @returns what it runs on; WebGPU does not tell the memory
 * @throws Error whose message says why it cannot be used here
 */
export async function startWebgpu(): Promise<{ device: string; memoryBytes: null; software: boolean }> {
  if (process.platform === 'linux') prepareVulkan();
  const { create, globals } = await loadDawn();
  const gpu = create([]);
  inUse.push(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error(`no GPU with a ${driverKind()} driver was found`);
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]!]));
  const device = await adapter.requestDevice({ requiredLimits });

  for (const name of browserGlobals) {
    Object.defineProperty(globalThis, name, { value: globals[name], configurable: true, writable: true });
  }
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const backend = withNavigatorGpu(() => new WebGPUBackend(device as never, adapter.info as never));
  inUse.push(adapter, device);
  guardReads(backend, device);
  boundFreeBuffers(backend.bufferManager as unknown as BufferPool);
  tf.registerBackend('webgpu', () => backend);
  replaceTfjsKernels();
  registerWebgpuKernels();
  return { device: deviceName(adapter.info), memoryBytes: null, software: isSoftware(adapter.info) };
}

async function loadDawn(): Promise<Dawn> {
  const packageName = 'webgpu'; // optional, so not known to the type checker
  try {
    return (await import(packageName)) as Dawn;
  } catch (error) {
    if (errorCode(error) === 'ERR_MODULE_NOT_FOUND') throw new Error('package webgpu is not installed');
    const line = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`package webgpu cannot be loaded: ${line}`);
  }
}

function driverKind(): string {
  if (process.platform === 'darwin') return 'Metal';
  return process.platform === 'win32' ? 'Direct3D 12' : 'Vulkan';
}

/** "NVIDIA ... (ampere)", as far as the driver tells. */
export function deviceName({ vendor, architecture, device, description }: GpuAdapterInfo): string {
  const name =
    description.trim() === '' ? [vendor, device].filter((part) => part !== '').join(' ') : description.trim();
  const known = name === '' ? 'unnamed GPU' : name;
  return architecture === '' || known.toLowerCase().includes(architecture.toLowerCase())
    ? known
    : `${known} (${architecture})`;
}

/** Whether the adapter is a program on the CPU: SwiftShader, Mesa's llvmpipe (lavapipe), Windows' WARP. */
export function isSoftware(info: GpuAdapterInfo): boolean {
  if (info.isFallbackAdapter === true) return true;
  const words = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i.test(words);
}

/** tfjs's constructor looks for navigator.gpu and then no more; Dawn would keep the process alive through it. */
function withNavigatorGpu<T>(construct: () => T): T {
  const hadNavigator = 'navigator' in globalThis; // Node 20 has none
  if (!hadNavigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  const { navigator } = globalThis as unknown as { navigator: { gpu?: object } };
  Object.defineProperty(navigator, 'gpu', { value: {}, configurable: true });
  try {
    return construct();
  } finally {
    delete navigator.gpu;
    if (!hadNavigator) delete (globalThis as { navigator?: unknown }).navigator;
  }
}

/** What Dawn reports (a GPUError) as an error of ours; too little memory is something that the user can change. */
export function gpuFailure(error: { message: string }): Error {
  if (error.constructor.name === 'GPUOutOfMemoryError') {
    return new UserError(
      'The GPU has too little memory for this model.',
      'Choose a smaller size, or another backend.',
      {
        cause: error,
      },
    );
  }
  return new Error(`webgpu: ${error.message}`);
}

interface ReadingBackend {
  read(dataId: object): Promise<unknown>;
  readSync(dataId: object): unknown;
  tensorMap: { get(dataId: object): { values?: unknown } };
}

/** Makes reads throw what went wrong on the GPU since the last one, and replaces the browser's way to read without waiting. */
function guardReads(backend: ReadingBackend, device: GpuDevice): void {
  let failure: Error | undefined;
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // Dawn prints it otherwise
    failure ??= gpuFailure(event.error);
  });
  void device.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed') failure = new Error(`webgpu: the GPU was lost: ${message}`);
  });
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const [result] = await Promise.allSettled([read(dataId)]);
    const first = failure; // says more than what the read threw for the same reason
    failure = undefined;
    if (first !== undefined) throw first;
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };
  const readSync = backend.readSync.bind(backend);
  backend.readSync = (dataId) => {
    const { values } = backend.tensorMap.get(dataId); // the copy on the host, where there is one
    if (values === null || values === undefined) throw new Error('webgpu: a tensor on the GPU is read with await');
    return readSync(dataId);
  };
}

interface PooledBuffer {
  size: number;
  destroy(): void;
}

export interface BufferPool {
  freeBuffers: Map<string, PooledBuffer[]>;
  numFreeBuffers: number;
  numBytesUsed: number;
  numBytesAllocated: number;
  releaseBuffer(buffer: PooledBuffer, reuse?: boolean): void;
}

/** The pool may hold this many times the most that was in use at once, and `slackBytes` more. */
const poolFactor = 1.5;
const slackBytes = 64 * 2 ** 20;

/**
 * tfjs keeps every freed buffer for the next tensor of exactly that size. Sizes that never come again (a cache that grows
 * by one position a token) would fill the GPU, so a pool that is over its bound is emptied; the sizes in use come back.
 */
export function boundFreeBuffers(pool: BufferPool): void {
  const release = pool.releaseBuffer.bind(pool);
  let mostUsed = 0;
  pool.releaseBuffer = (buffer, reuse) => {
    mostUsed = Math.max(mostUsed, pool.numBytesUsed);
    release(buffer, reuse);
    if (pool.numBytesAllocated <= poolFactor * mostUsed + slackBytes) return;
    for (const buffers of pool.freeBuffers.values()) {
      for (const free of buffers) {
        free.destroy();
        pool.numBytesAllocated -= free.size;
        pool.numFreeBuffers -= 1;
      }
      buffers.length = 0;
    }
  };
}
