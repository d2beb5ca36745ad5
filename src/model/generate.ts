/**
 * Prompt ids -> generated ids, one at a time through a cache of keys and values. The prompt goes through the network
 * in one pass. A text ends at a stop id, at the wished length, or where the context is full.
 */
import { setImmediate } from 'node:timers/promises';
import type { SamplingOptions } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom, type Random } from '../util/random.ts';
import type { CacheStreams, Engine } from './engine.ts';
import { logProbabilityOf, sampleToken, type Restrictions } from './sample.ts';

export interface TextOptions extends Restrictions {
  sampling: SamplingOptions;
  /** ids that end the text; the one that ended it is the last id returned */
  stop: readonly number[];
  maxNewTokens: number;
  /** ends it between two steps */
  signal?: AbortSignal;
}

export interface GenerateOptions extends TextOptions {
  random: Random;
}

export interface Candidate {
  /** new ids only; without a stop id at the end where maxNewTokens or the context cut it */
  ids: number[];
  /** of each id, the natural logarithm of its probability under the plain model: temperature 1, nothing banned or penalised */
  logProbabilities: number[];
}

/** A candidate and its own source of chance. */
interface Drawn {
  candidate: Candidate;
  random: Random;
}

/**
 * @param promptIds 1 to contextLength ids
 * @returns new ids only; without a stop id at the end where maxNewTokens or the context cut it
 * @throws the signal's reason when aborted
 */
export async function generate(
  engine: Engine,
  promptIds: readonly number[],
  options: GenerateOptions,
): Promise<number[]> {
  const { sampling, stop, maxNewTokens, random, signal } = options;
  const { contextLength } = engine.config;
  checkPrompt(promptIds, contextLength);
  const stops = new Set(stop);
  const generated: number[] = [];
  const cache = engine.startCache();
  try {
    let next = promptIds;
    while (generated.length < maxNewTokens && cache.length + next.length <= contextLength) {
      await breath(signal);
      const logits = await cache.append(next);
      const id = sampleToken(logits, generated, sampling, options, random);
      generated.push(id);
      if (stops.has(id)) break;
      next = [id];
    }
    return generated;
  } finally {
    cache.dispose();
  }
}

/**
 * Texts that go on from one prompt, one a seed, in one batch: the prompt is computed once and shared, and a text that has
 * ended leaves the batch. A candidate is what `generate` gives with `createRandom` of its seed, whoever else is in the batch.
 * @param promptIds 1 to contextLength ids
 * @returns the candidates in the order of their seeds
 * @throws the signal's reason when aborted
 */
export async function generateCandidates(
  engine: Engine,
  promptIds: readonly number[],
  seeds: readonly (number | string)[],
  options: TextOptions,
): Promise<Candidate[]> {
  const { sampling, stop, maxNewTokens, signal } = options;
  const { contextLength, vocabSize } = engine.config;
  checkPrompt(promptIds, contextLength);
  check(seeds.length > 0, 'no seed for a candidate');
  const stops = new Set(stop);
  const all = seeds.map((seed): Drawn => ({
    candidate: { ids: [], logProbabilities: [] },
    random: createRandom(seed),
  }));
  const draw = ({ candidate, random }: Drawn, logits: Float32Array): void => {
    const id = sampleToken(logits, candidate.ids, sampling, options, random);
    candidate.ids.push(id);
    candidate.logProbabilities.push(logProbabilityOf(logits, id));
  };
  const goesOn = ({ candidate: { ids } }: (typeof all)[number]): boolean =>
    ids.length < maxNewTokens && !stops.has(ids.at(-1)!);

  const results = all.map(({ candidate }) => candidate);
  if (maxNewTokens <= 0) return results;
  const cache = engine.startCache();
  let streams: CacheStreams | undefined;
  try {
    await breath(signal);
    const first = await cache.append(promptIds);
    for (const one of all) draw(one, first);
    let alive = all.filter(goesOn);
    while (alive.length > 0 && (streams ?? cache).length < contextLength) {
      await breath(signal);
      streams ??= cache.fork(alive.length);
      const logits = await streams.append(alive.map(({ candidate }) => candidate.ids.at(-1)!));
      alive.forEach((one, row) => draw(one, logits.subarray(row * vocabSize, (row + 1) * vocabSize)));
      const rows = [...alive.keys()].filter((row) => goesOn(alive[row]!));
      if (rows.length > 0 && rows.length < alive.length) streams.keep(rows);
      alive = rows.map((row) => alive[row]!);
    }
    return results;
  } finally {
    streams?.dispose();
    cache.dispose();
  }
}

/** Between two steps: engines on the CPU never wait, and without this no timer, message or signal would get through. */
async function breath(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

function checkPrompt(promptIds: readonly number[], contextLength: number): void {
  check(
    promptIds.length > 0 && promptIds.length <= contextLength,
    `a prompt of ${promptIds.length} ids for a context of ${contextLength}`,
  );
}
