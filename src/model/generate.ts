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

/** How long several texts may take. Where time runs out, some of them are given up, the last ones first. */
export interface Budget {
  /** for all of them, ms */
  ms: number;
  /** ids that a text is expected to have */
  tokens: number;
  /** so many are finished however long it takes */
  atLeast: number;
}

export interface CandidateOptions extends TextOptions {
  budget?: Budget;
}

export interface Candidate {
  /** new ids only; without a stop id at the end where maxNewTokens or the context cut it */
  ids: number[];
  /** of each id, the natural logarithm of its probability under the plain model: temperature 1, nothing banned or penalised */
  logProbabilities: number[];
  /** given up, as there was no time: what is there is not whole */
  isGivenUp?: true;
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
  options: CandidateOptions,
): Promise<Candidate[]> {
  const { sampling, stop, maxNewTokens, signal, budget } = options;
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
  const goOn = budget === undefined ? undefined : createPacer(budget);
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
      const unfinished = [...alive.keys()].filter((row) => goesOn(alive[row]!));
      const rows = unfinished.slice(0, goOn?.(unfinished.length, finishedIn(results, unfinished.length)));
      for (const row of unfinished.slice(rows.length)) alive[row]!.candidate.isGivenUp = true;
      if (rows.length > 0 && rows.length < alive.length) streams.keep(rows);
      alive = rows.map((row) => alive[row]!);
    }
    return results;
  } finally {
    streams?.dispose();
    cache.dispose();
  }
}

/** How many texts are whole: neither on their way nor given up. */
function finishedIn(candidates: readonly Candidate[], unfinished: number): number {
  return candidates.filter(({ isGivenUp }) => isGivenUp !== true).length - unfinished;
}

/** Steps between two looks at the clock. */
const pace = 3;

/**
 * Asked after each step how many of the unfinished texts can go on: all; half of them where at this pace the time will not
 * do for the rest; and once it is used up, only as many as are still owed.
 */
function createPacer({ ms, tokens, atLeast }: Budget): (unfinished: number, finished: number) => number {
  const startedMs = performance.now();
  let step = 0;
  let lookedMs = startedMs;
  return (unfinished, finished) => {
    step++;
    const nowMs = performance.now();
    const owed = Math.max(0, atLeast - finished);
    if (nowMs - startedMs >= ms) return Math.min(unfinished, owed);
    if (step % pace !== 0) return unfinished;
    const stepMs = (nowMs - lookedMs) / pace;
    lookedMs = nowMs;
    const neededMs = Math.max(0, tokens - step) * stepMs;
    const isTooSlow = nowMs - startedMs + neededMs > ms;
    return isTooSlow ? Math.min(unfinished, Math.max(owed, Math.ceil(unfinished / 2))) : unfinished;
  };
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
