/** Who takes part in the training benches, and how each is started with a number of threads. */
import { join } from 'node:path';
import { distFile, projectRoot } from '../src/util/dist.ts';
import { startChild, type Child } from './peers/child.ts';
import { genaiVersion } from './peers/genai-version.ts';
import { findTorch, howToGetTorch, installPackages } from './peers/install.ts';

/** One way to start a contender; the bench tries each and keeps the fastest. */
export interface Variant {
  /** its thread settings, in words; '' where there is only one way */
  settings: string;
  start: () => Child;
}

export interface Contender {
  name: string;
  role: 'ours' | 'peer';
  /** which network it trains: decides the operations a token costs */
  mlp: 'swiglu' | 'plain';
  /** needs minutes for what others do in seconds: timed once, on one thread */
  slow: boolean;
  variants: (threads: number) => Variant[];
}

export interface Field {
  contenders: Contender[];
  /** who is not there, and why */
  missing: { name: string; reason: string }[];
}

/**
 * @param peers which others: their packages are looked for, or installed into a temporary folder
 * @param nodeFlags for the processes of our engines
 */
export async function trainingField(
  engines: readonly string[],
  peers: readonly ('PyTorch' | 'genai')[],
  nodeFlags: readonly string[] = [],
): Promise<Field> {
  const field: Field = { contenders: engines.map((name) => ours(name, nodeFlags)), missing: [] };
  if (peers.includes('PyTorch')) {
    const python = findTorch();
    if (python === null) field.missing.push({ name: 'PyTorch', reason: howToGetTorch });
    else {
      field.contenders.push(torch(names.nanoGpt, python, 'nanogpt.py', 'plain'));
      field.contenders.push(torch(names.sameNetwork, python, 'persona.py', 'swiglu'));
    }
  }
  if (peers.includes('genai')) {
    try {
      field.contenders.push(genai(await installPackages([`@genai-fi/nanogpt@${genaiVersion}`])));
    } catch (error) {
      field.missing.push({ name: names.genai, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return field;
}

export const names = {
  nanoGpt: 'PyTorch, nanoGPT',
  sameNetwork: 'PyTorch, our network',
  genai: '@genai-fi/nanogpt',
} as const;

function ours(backend: string, nodeFlags: readonly string[]): Contender {
  const slow = backend === 'cpu';
  const start = (threads: number) => (): Child => {
    // TensorFlow reads these; `simd` is told
    const env = { TF_NUM_INTRAOP_THREADS: `${threads}`, TF_NUM_INTEROP_THREADS: '1', OMP_NUM_THREADS: `${threads}` };
    return startChild(
      process.execPath,
      [...nodeFlags, distFile('bench/peers/engine.ts'), backend, `${threads}`],
      backend === 'native' ? env : {},
    );
  };
  return { name: backend, role: 'ours', mlp: 'swiglu', slow, variants: (n) => [{ settings: '', start: start(n) }] };
}

function torch(name: string, python: string, script: string, mlp: 'swiglu' | 'plain'): Contender {
  const path = join(projectRoot, 'bench', 'peers', script);
  const variants = (threads: number): Variant[] => {
    // OpenMP runs PyTorch's own loops (and MKL); with OpenBLAS two pools of threads get into each other's way
    const openmp = threads === 1 ? [1] : [1, threads];
    return openmp.map((omp) => {
      const env = { OMP_NUM_THREADS: `${omp}`, MKL_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` };
      const settings = `OMP_NUM_THREADS=${omp} OPENBLAS_NUM_THREADS=${threads}`;
      return { settings, start: () => startChild(python, [path], env) };
    });
  };
  return { name, role: 'peer', mlp, slow: false, variants };
}

function genai(modules: string): Contender {
  const start = (): Child => startChild(process.execPath, [distFile('bench/peers/genai-nanogpt.ts'), modules]);
  return { name: names.genai, role: 'peer', mlp: 'plain', slow: true, variants: () => [{ settings: '', start }] };
}
