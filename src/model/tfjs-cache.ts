/**
 * Sessions of generation on tfjs: one sequence, and streams that go on from it together. The tensors are gpt.ts's cache;
 * here they are owned, and freed as soon as a longer cache has taken their place.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName } from '../types.ts';
import { check } from '../util/errors.ts';
import { useBackend } from './backend.ts';
import { checkIds } from './checks.ts';
import type { CacheSession, CacheStreams } from './engine.ts';
import { cacheTensors, emptyCache, forkCache, keepStreams, nextLogits, type Cache, type Network } from './gpt.ts';

/** An empty sequence on the network, whose backend must stay prepared. */
export function startSession(network: Network, backend: BackendName): CacheSession {
  const owner = ownCache(network, backend, emptyCache(network));
  return {
    get length() {
      return owner.cache.length;
    },
    append: (ids) => owner.append(ids, ids.length),
    fork(count) {
      check(Number.isInteger(count) && count > 0, `${count} streams`);
      check(owner.cache.length > 0, 'nothing to fork: the cache is empty');
      useBackend(backend);
      return startStreams(network, backend, forkCache(owner.cache, count));
    },
    dispose: () => owner.dispose(),
  };
}

function startStreams(network: Network, backend: BackendName, start: Cache): CacheStreams {
  const owner = ownCache(network, backend, start);
  return {
    get count() {
      return owner.cache.streams;
    },
    get length() {
      return owner.cache.length;
    },
    async append(ids) {
      const { streams } = owner.cache;
      check(ids.length === streams, `${ids.length} ids for ${streams} streams`);
      return await owner.append(ids, 1);
    },
    keep(indices) {
      const { streams } = owner.cache;
      check(
        indices.length > 0 && indices.every((index, i) => index < streams && index > (indices[i - 1] ?? -1)),
        `streams ${indices.join(', ')} of ${streams}: at least one, in rising order`,
      );
      if (indices.length === streams) return;
      useBackend(backend);
      owner.replace(tf.tidy(() => keepStreams(owner.cache, indices)));
    },
    dispose: () => owner.dispose(),
  };
}

/** Holds one cache at a time and frees what the next one does not use. */
function ownCache(network: Network, backend: BackendName, start: Cache) {
  const { contextLength, vocabSize } = network.config;
  let cache = start;
  const replace = (next: Cache): void => {
    const used = new Set(cacheTensors(next));
    for (const tensor of cacheTensors(cache)) if (!used.has(tensor)) tensor.dispose();
    cache = next;
  };
  return {
    get cache() {
      return cache;
    },
    replace,
    /** ids (S, length), row-major -> logits (S, V) */
    async append(ids: readonly number[], length: number): Promise<Float32Array> {
      check(ids.length > 0, 'nothing to append to the cache');
      check(
        cache.length + length <= contextLength,
        `${cache.length} + ${length} ids exceed the context of ${contextLength}`,
      );
      checkIds(ids, vocabSize);
      useBackend(backend);
      const next = tf.tidy(() => nextLogits(network, Int32Array.from(ids), cache));
      replace(next.cache);
      const logits = (await next.logits.data()) as Float32Array;
      next.logits.dispose();
      return logits;
    },
    dispose(): void {
      useBackend(backend);
      replace(emptyCache(network));
    },
  };
}
