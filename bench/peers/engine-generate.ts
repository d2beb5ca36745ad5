/**
 * An engine of this project as a contender of bench/generate. Run by child.ts with the backend's name as argument:
 * `simd-bf16` is `simd` with the weights that generation reads rounded to bfloat16.
 */
import { toGguf } from '../../src/checkpoint/llama-gguf.ts';
import { writeGguf } from '../../src/checkpoint/gguf.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { CacheSession, Engine } from '../../src/model/engine.ts';
import { createSimdEngine } from '../../src/model/simd-engine.ts';
import { backendNames, type Weights } from '../../src/types.ts';
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

let engine: Engine | undefined;

async function start({ config, threads }: StartGeneration): Promise<Started> {
  const [, , name = ''] = process.argv;
  if (name === 'simd-bf16') engine = await createSimdEngine({ config, seed: 1, threads, generationDtype: 'bf16' });
  else {
    const backend = backendNames.find((known) => known === name);
    check(backend, `no backend ${name}`);
    engine = await createEngine({ backend, config, seed: 1, threads });
  }
  engine.importWeights(livelier(await engine.exportWeights()));
  return { version: `whatsapp-persona ${name}, Node ${process.version}` };
}

/** Fresh weights say the same id for ever; with larger ones in the layers the text wanders, so that equal text means more. */
function livelier(weights: Weights): Weights {
  for (const [name, { data }] of weights) if (name.includes('proj')) data.forEach((value, i) => (data[i] = value * 5));
  return weights;
}

/** The weights as GGUF. The vocabulary's names are made up: nothing here is ever text. */
async function exportGguf({ path }: { path: string }): Promise<void> {
  check(engine, 'not started');
  const { config } = engine;
  const vocab = Object.fromEntries(Array.from({ length: config.vocabSize }, (_, id) => [`t${id}`, id]));
  const tokenizer = { added_tokens: [], pre_tokenizer: { type: 'ByteLevel' }, model: { vocab, merges: [] } };
  const folder = { dir: '', config, weights: await engine.exportWeights(), tokenizerJson: JSON.stringify(tokenizer) };
  const last = config.vocabSize - 1;
  const options = { name: 'bench', dtype: 'f32', bosId: last, endId: last, chatTemplate: '' } as const;
  const { metadata, tensors } = toGguf(folder, options);
  writeGguf(path, metadata, tensors);
}

function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

async function withCache<T>(work: (cache: CacheSession) => Promise<T>): Promise<T> {
  check(engine, 'not started');
  const cache = engine.startCache();
  try {
    return await work(cache);
  } finally {
    cache.dispose();
  }
}

async function prompt({ prompt, seconds }: PromptRequest): Promise<PromptReply> {
  let firstId = -1;
  const ms = await repeat(seconds, () =>
    withCache(async (cache) => {
      const start = performance.now();
      firstId = mostLikely(await cache.append(prompt));
      return performance.now() - start;
    }),
  );
  return { ms, firstId };
}

async function grow({ prompt, newTokens, streams, seconds }: GrowRequest): Promise<GrowReply> {
  let ids: number[] = [];
  const ms = await repeat(seconds, () =>
    withCache(async (cache) => {
      const first = mostLikely(await cache.append(prompt));
      ids = [first];
      return streams === 1 ? await growOne(cache, ids, newTokens) : await growMany(cache, ids, newTokens, streams);
    }),
  );
  return { ms, ids };
}

async function growOne(cache: CacheSession, ids: number[], newTokens: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < newTokens; i++) ids.push(mostLikely(await cache.append([ids.at(-1)!])));
  return performance.now() - start;
}

/** Streams begin with different ids, so that they differ as candidates do; the first goes on from the likeliest. */
async function growMany(cache: CacheSession, ids: number[], newTokens: number, count: number): Promise<number> {
  check(engine, 'not started');
  const { vocabSize } = engine.config;
  const forked = cache.fork(count);
  try {
    let next = Array.from({ length: count }, (_, i) => (ids[0]! + i) % vocabSize);
    const start = performance.now();
    for (let i = 0; i < newTokens; i++) {
      const logits = await forked.append(next);
      next = next.map((_, row) => mostLikely(logits.subarray(row * vocabSize, (row + 1) * vocabSize)));
      ids.push(next[0]!);
    }
    return performance.now() - start;
  } finally {
    forked.dispose();
  }
}

serve({ start, exportGguf, prompt, grow });
