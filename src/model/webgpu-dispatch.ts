/**
 * Runs compute shaders of our own between those of tfjs's WebGPU backend, in the same command buffer and on the same
 * tensors. Unlike tfjs's `runWebGPUProgram` a shader here may write several tensors, or write a tensor in place.
 * Uses members of the backend (4.22, an exact dependency) that its types call private.
 */
import * as tf from '@tensorflow/tfjs-core';
import { check } from '../util/errors.ts';

export interface Shader {
  /** tells shaders apart together with `constants` */
  name: string;
  /** number of threads in a workgroup */
  threads: number;
  /** WGSL constants of type u32, known when the shader is compiled */
  constants: Readonly<Record<string, number>>;
  /** bindings in order; `write` may be read too. Each is an array of its type; vectors are of float32 tensors. */
  buffers: readonly { name: string; type: 'f32' | 'vec2f' | 'vec4f' | 'i32'; access: 'read' | 'write' }[];
  /** scalars of this call, available as `params.<name>` */
  params: readonly { name: string; type: 'u32' | 'f32' }[];
  /** WGSL of the functions and workgroup variables that `body` uses */
  declarations?: string;
  /** WGSL of the entry point; it knows `group` (may exceed those asked for), `thread` and `index` = group * threads + thread */
  body: string;
}

/**
 * WGSL: total(x, thread) and largest(x, thread), the sum and the maximum of x over the threads of a workgroup, the same in
 * each thread and added in a fixed order.
 */
export const reductions = `
var<workgroup> scratch: array<f32, threads>;
fn total(x: f32, thread: u32) -> f32 {
  scratch[thread] = x;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { scratch[thread] += scratch[thread + half]; }
  }
  workgroupBarrier();
  let result = scratch[0];
  workgroupBarrier();
  return result;
}
fn largest(x: f32, thread: u32) -> f32 {
  scratch[thread] = x;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { scratch[thread] = max(scratch[thread], scratch[thread + half]); }
  }
  workgroupBarrier();
  let result = scratch[0];
  workgroupBarrier();
  return result;
}`;

interface TensorData {
  resource: object | null;
  values: unknown;
}

interface Gpu {
  device: {
    limits: { maxComputeWorkgroupsPerDimension: number };
    createShaderModule(descriptor: object): object;
    createBindGroupLayout(descriptor: object): object;
    createPipelineLayout(descriptor: object): object;
    createComputePipeline(descriptor: object): object;
    createBindGroup(descriptor: object): object;
  };
  queue: { writeBuffer(buffer: object, offset: number, data: ArrayBuffer): void };
  bufferManager: { acquireBuffer(size: number, usage: number): object };
  tensorMap: { get(dataId: object): TensorData };
  uploadToGPU(dataId: object): void;
  disposeData(dataId: object): boolean;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  commandEncoder: { beginComputePass(): ComputePass };
  computePassEncoder: ComputePass | null;
  commandQueueOwnedIds: WeakSet<object>;
  uniformPendingDisposal: object[];
  dispatchCountInPass: number;
}

interface ComputePass {
  setPipeline(pipeline: object): void;
  setBindGroup(index: number, group: object): void;
  dispatchWorkgroups(x: number, y: number): void;
}

interface Compiled {
  pipeline: object;
  layout: object;
}

/** GPUBufferUsage.UNIFORM | COPY_DST, and GPUShaderStage.COMPUTE (WebGPU, sections 5.1 and 8.2). */
const uniformUsage = 0x0040 | 0x0008;
const computeStage = 4;

const compiled = new WeakMap<object, Map<string, Compiled>>();

/** Dispatches since the start, for tests and benches. */
export const dispatches = { count: 0 };

function gpuInUse(): Gpu {
  check(tf.getBackend() === 'webgpu', `backend ${tf.getBackend()} is in use, not webgpu`);
  return tf.backend() as unknown as Gpu;
}

/** A new tensor for a shader to write; what it holds before is undefined. Belongs to the tidy it is made in. */
export function emptyTensor<T extends tf.Tensor>(shape: number[]): T {
  return tf.engine().makeTensorFromTensorInfo(emptyArray(shape)) as T;
}

/** The same for a kernel of tfjs, which makes a tensor of what the kernel returns. The rest is freed with `freeArray`. */
export function emptyArray(shape: number[]): tf.TensorInfo {
  return gpuInUse().makeTensorInfo(shape, 'float32');
}

export function freeArray({ dataId }: tf.TensorInfo): void {
  gpuInUse().disposeData(dataId);
}

/**
 * Queues one dispatch. No tensor may be bound to be written and bound a second time.
 * @param tensors one for each of `shader.buffers`, none of them empty
 * @param params in the order of `shader.params`
 * @param groups number of workgroups
 */
export function dispatch(
  shader: Shader,
  tensors: readonly tf.TensorInfo[],
  params: readonly number[],
  groups: number,
): void {
  const gpu = gpuInUse();
  const { name, buffers } = shader;
  check(tensors.length === buffers.length, `${name}: ${tensors.length} tensors for ${buffers.length} bindings`);
  check(params.length === shader.params.length, `${name}: ${params.length} of ${shader.params.length} params`);
  check(groups > 0, `${name}: ${groups} workgroups`);
  const { pipeline, layout } = compiledOn(gpu, shader);

  const entries = tensors.map(({ dataId, dtype, shape }, i) => {
    const size = tf.util.sizeFromShape(shape);
    const wanted = buffers[i]!.type === 'i32' ? 'int32' : 'float32';
    check(size > 0 && dtype === wanted, `${name}: binding ${i} of ${size} numbers is ${dtype}`);
    gpu.uploadToGPU(dataId);
    gpu.commandQueueOwnedIds.add(dataId);
    const data = gpu.tensorMap.get(dataId);
    if (buffers[i]!.access === 'write') data.values = null; // a host copy of what was there before
    return { binding: i, resource: { buffer: data.resource } };
  });
  entries.push({ binding: entries.length, resource: { buffer: uniforms(gpu, shader, params) } });

  const widest = gpu.device.limits.maxComputeWorkgroupsPerDimension;
  const x = Math.min(groups, widest); // more are dispatched than asked for where groups exceed a dimension
  const y = Math.ceil(groups / x);
  check(y <= widest, `${name}: ${groups} workgroups`);
  gpu.ensureCommandEncoderReady();
  gpu.computePassEncoder ??= gpu.commandEncoder.beginComputePass();
  gpu.computePassEncoder.setPipeline(pipeline);
  gpu.computePassEncoder.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
  gpu.computePassEncoder.dispatchWorkgroups(x, y);
  dispatches.count += 1;
  gpu.dispatchCountInPass += 1;
  if (gpu.dispatchCountInPass >= tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) {
    gpu.endComputePassEncoder();
    gpu.submitQueue();
  }
}

/** A uniform buffer with the params; the backend takes it back when the commands are submitted. */
function uniforms(gpu: Gpu, shader: Shader, params: readonly number[]): object {
  const size = 16 * Math.ceil((params.length + 1) / 4);
  const view = new DataView(new ArrayBuffer(size));
  params.forEach((value, i) => {
    if (shader.params[i]!.type === 'f32') view.setFloat32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  const buffer = gpu.bufferManager.acquireBuffer(size, uniformUsage);
  gpu.queue.writeBuffer(buffer, 0, view.buffer);
  gpu.uniformPendingDisposal.push(buffer);
  return buffer;
}

function compiledOn(gpu: Gpu, shader: Shader): Compiled {
  const key = `${shader.name} ${shader.threads} ${Object.values(shader.constants).join()}`;
  let ofDevice = compiled.get(gpu.device);
  if (!ofDevice) compiled.set(gpu.device, (ofDevice = new Map<string, Compiled>()));
  let found = ofDevice.get(key);
  if (!found) ofDevice.set(key, (found = compile(gpu, shader, key)));
  return found;
}

function compile({ device }: Gpu, shader: Shader, label: string): Compiled {
  const types = [
    ...shader.buffers.map(({ access }) => (access === 'read' ? 'read-only-storage' : 'storage')),
    'uniform',
  ];
  const layout = device.createBindGroupLayout({
    entries: types.map((type, binding) => ({ binding, visibility: computeStage, buffer: { type } })),
  });
  const pipeline = device.createComputePipeline({
    label,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ label, code: source(shader) }), entryPoint: 'start' },
  });
  return { pipeline, layout };
}

/** The whole WGSL of a shader. */
export function source({ threads, constants, buffers, params, declarations = '', body }: Shader): string {
  const lines = Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;`);
  lines.push(`const threads = ${threads}u;`);
  const fields = [...params.map(({ name, type }) => `${name}: ${type}`), 'unused: u32'];
  lines.push(`struct Params { ${fields.join(', ')} }`);
  buffers.forEach(({ name, type, access }, i) => {
    const mode = access === 'read' ? 'read' : 'read_write';
    lines.push(`@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${type}>;`);
  });
  lines.push(`@group(0) @binding(${buffers.length}) var<uniform> params: Params;`, declarations);
  lines.push(`@compute @workgroup_size(${threads})
fn start(@builtin(workgroup_id) place: vec3u, @builtin(num_workgroups) places: vec3u, @builtin(local_invocation_index) thread: u32) {
  let group = place.x + place.y * places.x;
  let index = group * threads + thread;
${body}
}`);
  return lines.join('\n');
}
