/**
 * Which backends this machine can use, and how each is made ready: one row of a table for each name. A row's `start`
 * loads what the backend needs, registers it with tfjs where it is one of tfjs's, and says what it runs on; why it
 * cannot be used is the message of the Error it throws. Starting prints nothing and leaves no process-wide handler.
 */
import * as tf from '@tensorflow/tfjs-core';
import { backendNames, type BackendName } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { matmulGflops } from './backend-speed.ts';

export interface BackendDevice {
  /** what the work runs on, in words */
  device: string;
  /** of the device; null where it is the machine's own or unknown */
  memoryBytes: number | null;
  /** a GPU imitated on the CPU: used only when asked for by name */
  software: boolean;
}

export interface BackendReport extends BackendDevice {
  name: BackendName;
  usable: boolean;
  /** why it cannot be used; '' where it can */
  reason: string;
}

interface BackendRow {
  /** the name that tfjs knows it by; null: an engine of its own, without tfjs */
  tfjsName: string | null;
  /** @throws Error whose message says why it cannot be used here */
  start: () => Promise<BackendDevice>;
  /** GFLOP/s of a square product in float32, for an engine of its own; tfjs's are measured by backend-speed.ts */
  gflops?: () => Promise<number>;
}

const rows: Record<BackendName, BackendRow> = {
  cuda: { tfjsName: 'cuda', start: () => tensorflow('cuda') },
  webgpu: {
    tfjsName: 'webgpu',
    start: async () => {
      const { startWebgpu } = await import('./webgpu.ts');
      return startWebgpu();
    },
  },
  native: { tfjsName: 'native', start: () => tensorflow('native') },
  simd: {
    tfjsName: null,
    start: async () => {
      const { defaultThreads, openPool } = await import('../kernels/pool.ts');
      const pool = await openPool({ threads: 1 }); // the kernels are there and load
      pool.close();
      const threads = defaultThreads();
      return onCpu(`CPU, our own WebAssembly kernels, ${threads} thread${threads === 1 ? '' : 's'}`);
    },
    gflops: async () => {
      const { simdGflops } = await import('./simd-speed.ts');
      return await simdGflops();
    },
  },
  cpu: {
    tfjsName: 'cpu',
    start: async () => {
      await import('@tensorflow/tfjs-backend-cpu');
      return onCpu('CPU, JavaScript');
    },
  },
};

/** Whole batches, or one id after the other. */
export type BackendUse = 'training' | 'replies';

/**
 * What 'auto' tries, in this order; of two in one place the faster one, measured. An id at a time, TensorFlow's calls cost
 * more than its products, so replies are for simd (bench/generate).
 */
const preference: Record<BackendUse, readonly (readonly BackendName[])[]> = {
  training: [['cuda'], ['webgpu'], ['native', 'simd'], ['cpu']],
  replies: [['cuda'], ['webgpu'], ['simd'], ['native'], ['cpu']],
};

async function tensorflow(name: 'native' | 'cuda'): Promise<BackendDevice> {
  const { startTensorflow } = await import('./tensorflow.ts');
  const { registerNativeKernels } = await import('./native-kernels.ts');
  const { hasOwnKernels, ...device } = startTensorflow(name);
  registerNativeKernels(name, hasOwnKernels);
  return device;
}

const onCpu = (device: string): BackendDevice => ({ device, memoryBytes: null, software: false });

/** Every backend name with its state on this machine. Starts the usable ones. */
export async function availableBackends(): Promise<BackendReport[]> {
  const reports: BackendReport[] = [];
  for (const name of backendNames) reports.push(await reportOn(name));
  return reports;
}

/**
 * The named backend, or with 'auto' the best usable one for this use. An unusable name is a UserError that lists the
 * usable ones.
 */
export async function pickBackend(wanted: BackendName | 'auto', use: BackendUse): Promise<BackendName> {
  if (wanted !== 'auto') {
    const { usable, reason } = await reportOn(wanted);
    if (usable) return wanted;
    const usableNames = (await availableBackends()).filter((r) => r.usable).map((r) => r.name);
    throw new UserError(
      `backend "${wanted}" cannot be used: ${reason}`,
      `Choose one of: ${['auto', ...usableNames].join(', ')}.`,
    );
  }
  for (const names of preference[use]) {
    const usable: BackendName[] = [];
    for (const name of names) {
      const { usable: starts, software } = await reportOn(name);
      if (starts && !software) usable.push(name);
    }
    if (usable.length > 0) return await fastest(usable);
  }
  throw new Error('no backend could be started, not even cpu');
}

async function fastest(names: readonly BackendName[]): Promise<BackendName> {
  if (names.length === 1) return names[0]!;
  const speeds: number[] = [];
  for (const name of names) speeds.push(await measureBackend(name));
  return names[speeds.indexOf(Math.max(...speeds))]!;
}

/** GFLOP/s of a usable backend on products of two squares in float32, measured once a process, in about a fifth of a second. */
export function measureBackend(name: BackendName): Promise<number> {
  let figure = figures.get(name);
  if (!figure) {
    figure = lastFigure.then(() => measure(name)); // one after the other
    lastFigure = figure.catch(() => undefined);
    figures.set(name, figure);
  }
  return figure;
}

const figures = new Map<BackendName, Promise<number>>();
let lastFigure: Promise<unknown> = Promise.resolve();

async function measure(name: BackendName): Promise<number> {
  await prepareBackend(name);
  const { gflops } = rows[name];
  return gflops ? await gflops() : await matmulGflops(() => useBackend(name));
}

/** Loads and initialises a backend; after this, `useBackend` may switch to it. Throws what its start threw. */
export function prepareBackend(name: BackendName): Promise<BackendDevice> {
  let started = starting.get(name);
  if (!started) {
    started = startBackend(name);
    starting.set(name, started);
  }
  return started;
}

/** Makes a prepared backend of tfjs the one that the next operations run on. */
export function useBackend(name: BackendName): void {
  const { tfjsName } = rows[name];
  if (tfjsName === null) throw new Error(`backend ${name} is not one of tfjs`);
  if (tf.getBackend() === tfjsName) return;
  // for a backend that is ready, setBackend has done all its work when it returns its promise
  void tf.setBackend(tfjsName);
  if (tf.getBackend() !== tfjsName) throw new Error(`backend ${name} was not prepared`);
}

const starting = new Map<BackendName, Promise<BackendDevice>>();

async function startBackend(name: BackendName): Promise<BackendDevice> {
  tf.env().set('PROD', true); // tfjs greets and warns on the console otherwise
  const { tfjsName, start } = rows[name];
  const restoreHandlers = rememberHandlers();
  try {
    const device = await start();
    if (tfjsName !== null) await select(tfjsName);
    return device;
  } finally {
    restoreHandlers();
  }
}

async function select(tfjsName: string): Promise<void> {
  if (!(await tf.setBackend(tfjsName))) throw new Error(`tfjs could not start its ${tfjsName} backend`);
}

/** A loader may make every unhandled rejection end the process; that is the program's choice. */
function rememberHandlers(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'unhandledRejection')));
  return () => {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as 'unhandledRejection')) {
        if (!before[i]!.has(listener)) process.removeListener(event, listener);
      }
    });
  };
}

async function reportOn(name: BackendName): Promise<BackendReport> {
  try {
    return { name, usable: true, reason: '', ...(await prepareBackend(name)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, usable: false, reason, ...onCpu('') };
  }
}
