/**
 * llama.cpp as a contender of bench/generate, through npm node-llama-cpp: its prebuilt library, CPU only. `bindings` drives
 * the addon itself, a batch at a time, which is as near to llama.cpp as Node gets; `evaluate` is the package's public call.
 * Run by child.ts with the node_modules folder and the mode as arguments.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check } from '../../src/util/errors.ts';
import {
  repeat,
  type GrowReply,
  type GrowRequest,
  type PromptReply,
  type PromptRequest,
  type StartGeneration,
} from './generation.ts';
import { serve } from './serve.ts';
import type { Started } from './training.ts';

/** What is used of the package, in its names. */
interface Addon {
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, ids: Uint32Array, wanted: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(index: number, sampler: object): Promise<number>;
  disposeSequence(sequence: number): void;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
  setThreads(threads: number): void;
  getThreads(): number;
}
interface Sequence {
  evaluate(ids: readonly number[], options: object): AsyncGenerator<number>;
  clearHistory(): Promise<void>;
}
interface Library {
  getLlama: (options: object) => Promise<{
    _bindings: { AddonSampler: new (model: object) => { applyConfig(config: object): void } };
    systemInfo: string;
    loadModel(options: object): Promise<{
      _model: object;
      createContext(options: object): Promise<{ _ctx: Addon; getSequence(): Sequence }>;
    }>;
  }>;
}

const [, , modules = '', mode = ''] = process.argv;
let addon: Addon | undefined;
let sampler: object | undefined;
let sequences: Sequence[] = [];

async function start({ config, threads, gguf, streams }: StartGeneration): Promise<Started> {
  const entry = pathToFileURL(join(modules, 'node-llama-cpp', 'dist', 'index.js')).href;
  const { getLlama } = (await import(entry)) as Library;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: gguf });
  const f32 = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' };
  const context = await model.createContext({
    sequences: streams,
    contextSize: config.contextLength,
    batchSize: config.contextLength,
    threads: { ideal: threads, min: threads },
    ...f32,
  });
  addon = context._ctx;
  addon.setThreads(threads);
  sampler = new llama._bindings.AddonSampler(model._model);
  (sampler as { applyConfig(config: object): void }).applyConfig({ temperature: 0 });
  sequences = Array.from({ length: mode === 'evaluate' ? streams : 0 }, () => context.getSequence());
  const { version } = (
    (await import(pathToFileURL(join(modules, 'node-llama-cpp', 'package.json')).href, {
      with: { type: 'json' },
    })) as { default: { version: string } }
  ).default;
  return { version: `node-llama-cpp ${version} (${mode})` };
}

// === The addon's own calls

/** One batch: ids for each sequence from a position on -> the likeliest next id of each. */
async function decode(rows: readonly (readonly number[])[], position: number): Promise<number[]> {
  check(addon && sampler, 'not started');
  const indices: number[] = [];
  addon.initBatch(rows.reduce((sum, ids) => sum + ids.length, 0));
  rows.forEach((ids, sequence) => {
    indices.push(...addon!.addToBatch(sequence, position, Uint32Array.from(ids), Uint32Array.of(ids.length - 1)));
  });
  await addon.decodeBatch();
  const next: number[] = [];
  for (const index of indices) next.push(await addon.sampleToken(index, sampler));
  return next;
}

// === The two kinds of work

async function prompt({ prompt, seconds }: PromptRequest): Promise<PromptReply> {
  let firstId = -1;
  const ms = await repeat(seconds, async () => {
    await forget();
    const start = performance.now();
    if (mode === 'evaluate') firstId = (await evaluate(sequences[0]!, prompt, 1))[0]!;
    else firstId = (await decode([prompt], 0))[0]!;
    return performance.now() - start;
  });
  return { ms, firstId };
}

async function grow({ prompt, newTokens, streams, seconds }: GrowRequest): Promise<GrowReply> {
  let ids: number[] = [];
  const ms = await repeat(seconds, async () => {
    await forget();
    return mode === 'evaluate' ? await growByEvaluate() : await growByAddon();
  });
  return { ms, ids };

  async function growByAddon(): Promise<number> {
    const [first] = await decode([prompt], 0);
    for (let i = 1; i < streams; i++) await addon!.copySequenceStateFromOtherSequence(i, 0);
    ids = [first!];
    let next = Array.from({ length: streams }, (_, i) => first! + i);
    const start = performance.now();
    for (let i = 0; i < newTokens; i++) {
      next = await decode(
        next.map((id) => [id]),
        prompt.length + i,
      );
      ids.push(next[0]!);
    }
    return performance.now() - start;
  }

  /** Each sequence evaluates the prompt, and the package batches those that are at work together. */
  async function growByEvaluate(): Promise<number> {
    let start = 0;
    let waiting = streams;
    let open: () => void = () => undefined;
    const everybodyIsThere = new Promise<void>((resolve) => (open = resolve));
    const all = sequences.slice(0, streams).map((sequence) =>
      evaluate(sequence, prompt, newTokens + 1, async () => {
        if (--waiting > 0) return await everybodyIsThere;
        start = performance.now();
        open();
      }),
    );
    ids = (await Promise.all(all))[0]!;
    return performance.now() - start;
  }
}

/** The package's own call: `count` ids after the prompt; `afterFirst` runs when the first of them is there. */
async function evaluate(
  sequence: Sequence,
  prompt: readonly number[],
  count: number,
  afterFirst: () => Promise<void> = () => Promise.resolve(),
): Promise<number[]> {
  const ids: number[] = [];
  for await (const id of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    ids.push(id);
    if (ids.length === 1) await afterFirst();
    if (ids.length === count) break;
  }
  return ids;
}

async function forget(): Promise<void> {
  if (mode === 'evaluate') for (const sequence of sequences) await sequence.clearHistory();
  else for (let i = 0; i < 8; i++) addon?.disposeSequence(i);
}

serve({ start, prompt, grow });
