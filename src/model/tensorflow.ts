/**
 * TensorFlow's C library as a backend of tfjs: `native` on the CPU, `cuda` on an NVIDIA GPU, through the addon of
 * @tensorflow/tfjs-node-gpu. `npm run setup:gpu` puts it into a folder of its own; one that npm installed whole works too.
 *
 * Only two of the package's files are loaded, its backend class and its kernels, under our names: its index would load the
 * whole union package, greet on the console and register I/O handlers. A process has one TensorFlow and so one device:
 * whichever of the two names is started first decides whether GPUs are looked for.
 * Not covered: more than one GPU; Windows.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { projectRoot } from '../util/dist.ts';
import { errorCode } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';

export type TensorflowName = 'native' | 'cuda';

/** Where `npm run setup:gpu` puts what it made. The leading dot keeps npm from seeing, and removing, it. */
export const tensorflowFolder = join(projectRoot, 'node_modules', '.persona-tensorflow');

/** Written last by the set-up, beside the package it describes. */
export interface SetupRecord {
  /** version of TensorFlow */
  tensorflow: string;
  /** which of TensorFlow's builds */
  build: 'cpu' | 'cuda';
  /** `sourcesHash` of what was built */
  sources: string;
}

/** What setup:gpu builds from. */
export const sourcesFolder = join(projectRoot, 'scripts', 'setup-gpu');

/** SHA-256 over the build's sources: another one means kernels that this program does not know. */
export function sourcesHash(): string {
  return sha256(
    readdirSync(sourcesFolder)
      .sort()
      .map((name) => `${name}\n${readFileSync(join(sourcesFolder, name), 'utf8')}`)
      .join('\n'),
  );
}

export const packageName = '@tensorflow/tfjs-node-gpu';
/** Relative to the package's folder; the addon speaks N-API 8, so one build serves every Node from 18 on. */
export const addonPath = join('lib', 'napi-v8', 'tfjs_binding.node');

/** The part of the addon's interface that is used here. Attribute and data types are numbers of TensorFlow's C API. */
export interface TensorflowBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_RESOURCE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_TYPE: number;
  isUsingGpuDevice(): boolean;
}

export interface OpAttribute {
  name: string;
  type: number;
  value: boolean | number | string | readonly number[];
}

/** The package's backend: any of TensorFlow's ops by name, at once, on tensors of tfjs. */
export interface TensorflowBackend extends tf.KernelBackend {
  readonly binding: TensorflowBinding;
  executeSingleOutput(op: string, attributes: readonly OpAttribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

const require = createRequire(import.meta.url);

let folder = tensorflowFolder;
interface Loaded {
  backend: TensorflowBackend;
  version: string;
  /** kernels of our own are there (scripts/setup-gpu/kernels.cc); an addon from npm comes without them */
  hasOwnKernels: boolean;
}

let loaded: Loaded | undefined;

/** Loads TensorFlow from another folder than `tensorflowFolder`: the set-up's check of what it has not yet put there. */
export function useTensorflowFrom(other: string): void {
  folder = other;
}

/**
 * Registers `native` or `cuda` with tfjs, and says what it runs on.
 * @throws Error that says why it cannot be used: not set up, no GPU, or the process already uses the other one
 */
export function startTensorflow(name: TensorflowName): {
  device: string;
  memoryBytes: number | null;
  software: false;
  hasOwnKernels: boolean;
} {
  const record = setupRecord();
  if (record && record.sources !== sourcesHash())
    throw new Error('set up by another version of this program; run `npm run setup:gpu` again');
  if (name === 'cuda' && record?.build === 'cpu')
    throw new Error('set up for the CPU only; with an NVIDIA driver here run `npm run setup:gpu` again');
  loaded ??= load(name === 'cuda');
  const { backend, version, hasOwnKernels } = loaded;
  const onGpu = backend.binding.isUsingGpuDevice();
  if (name === 'cuda' && !onGpu) throw new Error('TensorFlow sees no NVIDIA GPU here');
  if (name === 'native' && onGpu) throw new Error('this process runs on the GPU (backend cuda)');
  tf.copyRegisteredKernels('tensorflow', name);
  for (const alias of ['tensorflow', name]) tf.registerBackend(alias, () => backend); // its kernels look for the first
  if (name === 'native') {
    const cpu = cpus();
    const device = `${cpu[0]?.model ?? 'CPU'}, ${cpu.length} threads, TensorFlow ${version}`;
    return { device, memoryBytes: null, software: false, hasOwnKernels };
  }
  const gpu = describeGpu();
  return {
    device: `${gpu.device}, TensorFlow ${version}`,
    memoryBytes: gpu.memoryBytes,
    software: false,
    hasOwnKernels,
  };
}

/** The backend that `startTensorflow` started; kernels of our own run TensorFlow's ops through it. */
export function tensorflowBackend(): TensorflowBackend {
  if (!loaded) throw new Error('TensorFlow was not started');
  return loaded.backend;
}

function setupRecord(): SetupRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'setup.json'), 'utf8')) as SetupRecord;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What setup:gpu builds beside the addon (scripts/setup-gpu/surroundings.c); an addon from npm comes without it. */
interface Surroundings {
  /** runs it with standard error closed to C code */
  quiet: <T>(run: () => T) => T;
  /** sets a variable where C code sees it, in a worker thread too; null removes it */
  setVariable: (name: string, value: string | null) => void;
}

const plainSurroundings: Surroundings = {
  quiet: (run) => run(),
  setVariable: (name, value) => {
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  },
};

function load(lookForGpus: boolean): Loaded {
  const packageFolder = findPackage();
  defineRemovedUtilities();
  const helper = join(packageFolder, dirname(addonPath), 'surroundings.node');
  const { quiet, setVariable } = existsSync(helper) ? (require(helper) as Surroundings) : plainSurroundings;
  const variables: Record<string, string> = {
    TF_CPP_MIN_LOG_LEVEL: '3', // errors only
    TF_FORCE_GPU_ALLOW_GROWTH: 'true', // else all of the GPU's memory is taken at once
  };
  for (const [name, value] of Object.entries(variables)) setVariable(name, process.env[name] ?? value);
  const visible = process.env.CUDA_VISIBLE_DEVICES ?? null;
  if (!lookForGpus) setVariable('CUDA_VISIBLE_DEVICES', '-1');
  try {
    const binding = quiet(() => require(join(packageFolder, addonPath)) as TensorflowBinding);
    const kernels = join(packageFolder, dirname(addonPath), 'kernels.node');
    const hasOwnKernels = existsSync(kernels);
    if (hasOwnKernels) require(kernels);
    require(join(packageFolder, 'dist', 'register_all_kernels.js'));
    const { NodeJSKernelBackend } = require(join(packageFolder, 'dist', 'nodejs_kernel_backend.js')) as {
      NodeJSKernelBackend: new (binding: TensorflowBinding, packageName: string) => TensorflowBackend;
    };
    return { backend: new NodeJSKernelBackend(binding, packageName), version: binding.TF_Version, hasOwnKernels };
  } finally {
    if (!lookForGpus) setVariable('CUDA_VISIBLE_DEVICES', visible);
  }
}

/** The set-up's folder, or else the package as npm installed it. @throws Error saying how to set it up */
function findPackage(): string {
  const own = join(folder, 'node_modules', packageName);
  if (existsSync(join(own, addonPath))) return own;
  try {
    const installed = dirname(require.resolve(`${packageName}/package.json`));
    if (existsSync(join(installed, addonPath))) return installed;
  } catch (error) {
    if (errorCode(error) !== 'MODULE_NOT_FOUND') throw error;
  }
  throw new Error('not set up; run `npm run setup:gpu`');
}

/** tfjs-node 4.22 calls two functions of `util` that Node 22 warns about and Node 23 removed. */
function defineRemovedUtilities(): void {
  const missing = {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: (value: unknown): boolean => Array.isArray(value),
  };
  const utilities = require('node:util') as object;
  for (const [name, value] of Object.entries(missing))
    Object.defineProperty(utilities, name, { value, configurable: true, writable: true, enumerable: false });
}

/** Name and memory of the first GPU, from the driver's own tool. */
function describeGpu(): { device: string; memoryBytes: number | null } {
  try {
    const line = execFileSync('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, device, mebibytes] = /^(.+), (\d+)$/m.exec(line) ?? [];
    if (device !== undefined) return { device, memoryBytes: Number(mebibytes) * 1_048_576 };
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof Error && 'status' in error)) throw error;
  }
  return { device: 'NVIDIA GPU', memoryBytes: null };
}
