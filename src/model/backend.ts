/**
 * Which tensor backends this machine can use, and how each is made ready. The only file that knows backends apart:
 * `wasm` (tfjs-wasm, SIMD, one thread) and `cpu` (tfjs in JavaScript, the reference). The others are named with the
 * reason why they cannot be used. tfjs prints nothing, and its process-wide handlers are taken away again.
 */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { backendNames, type BackendName } from '../types.ts';
import { errorCode, UserError } from '../util/errors.ts';
import { registerWasmKernels } from './wasm-kernels.ts';

export interface BackendReport {
  name: BackendName;
  usable: boolean;
  /** what the work would run on; '' where unknown */
  device: string;
  /** why it cannot be used; '' where it can */
  reason: string;
}

const require = createRequire(import.meta.url);
const notSupported = 'not supported by this version';

/** Optional packages of the backends that are not from plain npm. */
const packageOf: Partial<Record<BackendName, string>> = {
  cuda: '@tensorflow/tfjs-node-gpu',
  native: '@tensorflow/tfjs-node',
  webgpu: 'webgpu',
};

/** Best first among those that this version can use. */
const preference: readonly BackendName[] = ['wasm', 'cpu'];

/** Every backend name with its state on this machine. Starts the usable ones. */
export async function availableBackends(): Promise<BackendReport[]> {
  const reports: BackendReport[] = [];
  for (const name of backendNames) reports.push(await report(name));
  return reports;
}

/** The named backend, or with 'auto' the best usable one. An unusable name is a UserError that lists the usable ones. */
export async function pickBackend(wanted: BackendName | 'auto'): Promise<BackendName> {
  if (wanted !== 'auto') {
    const { usable, reason } = await report(wanted);
    if (usable) return wanted;
    const usableNames = (await availableBackends()).filter((r) => r.usable).map((r) => r.name);
    throw new UserError(
      `backend "${wanted}" cannot be used: ${reason}`,
      `Choose one of: ${['auto', ...usableNames].join(', ')}.`,
    );
  }
  for (const name of preference) if ((await report(name)).usable) return name;
  throw new Error('no backend could be started, not even cpu');
}

/** Loads and initialises a backend; after this, `useBackend` may switch to it. Throws what its start threw. */
export function prepareBackend(name: BackendName): Promise<void> {
  let started = starting.get(name);
  if (!started) {
    started = startBackend(name);
    starting.set(name, started);
  }
  return started;
}

/** Makes a prepared backend the one that the next operations run on. */
export function useBackend(name: BackendName): void {
  if (tf.getBackend() === name) return;
  // for a backend that is ready, setBackend has done all its work when it returns its promise
  void tf.setBackend(name);
  if (tf.getBackend() !== name) throw new Error(`backend ${name} was not prepared`);
}

const starting = new Map<BackendName, Promise<void>>();

async function startBackend(name: BackendName): Promise<void> {
  tf.env().set('PROD', true); // tfjs greets and warns on the console otherwise
  if (name === 'cpu') {
    await import('@tensorflow/tfjs-backend-cpu');
  } else if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  } else {
    throw new Error(notSupported);
  }
  const restoreHandlers = rememberHandlers();
  try {
    if (!(await tf.setBackend(name))) throw new Error(`tfjs could not start its ${name} backend`);
  } finally {
    restoreHandlers();
  }
  if (name === 'wasm') registerWasmKernels();
}

/** The wasm loader makes every unhandled rejection end the process (Emscripten does); that is the program's choice. */
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

async function report(name: BackendName): Promise<BackendReport> {
  const unusable = (reason: string): BackendReport => ({ name, usable: false, device: '', reason });
  if (!preference.includes(name)) {
    const packageName = packageOf[name];
    if (packageName === undefined) return unusable(notSupported);
    return unusable(`${notSupported} (package ${packageName} is ${isInstalled(packageName) ? '' : 'not '}installed)`);
  }
  try {
    await prepareBackend(name);
  } catch (error) {
    return unusable(error instanceof Error ? error.message : String(error));
  }
  return {
    name,
    usable: true,
    device: name === 'wasm' ? 'CPU, WebAssembly SIMD, one thread' : 'CPU, JavaScript',
    reason: '',
  };
}

function isInstalled(packageName: string): boolean {
  try {
    require.resolve(`${packageName}/package.json`);
    return true;
  } catch (error) {
    // a package that does not export its package.json is there all the same
    return errorCode(error) === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  }
}
