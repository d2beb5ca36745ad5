/**
 * Prompt ids -> generated ids, one at a time through a cache of keys and values. The prompt goes through the network
 * in one pass. Ends at a stop id, at the wished length, or where the context is full.
 */
import type { SamplingOptions } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { Engine } from './engine.ts';
import { sampleToken } from './sample.ts';

export interface GenerateOptions {
  sampling: SamplingOptions;
  /** ids that are never drawn */
  banned: ReadonlySet<number>;
  /** ids that end the text; the one that ended it is the last id returned */
  stop: readonly number[];
  maxNewTokens: number;
  random: Random;
  signal?: AbortSignal;
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
  const { sampling, banned, stop, maxNewTokens, random, signal } = options;
  const { contextLength } = engine.config;
  check(
    promptIds.length > 0 && promptIds.length <= contextLength,
    `a prompt of ${promptIds.length} ids for a context of ${contextLength}`,
  );
  const stops = new Set(stop);
  const generated: number[] = [];
  const cache = engine.startCache();
  try {
    let next = promptIds;
    while (generated.length < maxNewTokens && cache.length + next.length <= contextLength) {
      signal?.throwIfAborted();
      const logits = await cache.append(next);
      const id = sampleToken(logits, generated, sampling, banned, random);
      generated.push(id);
      if (stops.has(id)) break;
      next = [id];
    }
    return generated;
  } finally {
    cache.dispose();
  }
}
