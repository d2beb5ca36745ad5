/**
 * Sessions of generation on the simd engine: one sequence whose keys and values stay in a slab of its own, and sequences
 * that go on from it together. Slabs are borrowed from the engine's memory and given back.
 */
import type { KernelPool } from '../kernels/pool.ts';
import { check } from '../util/errors.ts';
import { later } from '../util/later.ts';
import { checkIds } from './checks.ts';
import type { CacheSession, CacheStreams } from './engine.ts';
import {
  layerCache,
  planPass,
  recordPrompt,
  recordToken,
  slabWords,
  type CacheSlab,
  type Panels,
  type PassBuffers,
} from './simd-generate.ts';
import type { SimdMemory } from './simd-memory.ts';
import { widthsOf } from './simd-activations.ts';
import type { SimdNetwork } from './simd-network.ts';

/** What sessions share: the engine's memory and weights. */
export interface Generator {
  pool: KernelPool;
  memory: SimdMemory;
  network: SimdNetwork;
  /** the weights in panels; the tape gets the packing first where they changed */
  panels(): Panels;
  weightsChanged(): void;
}

/** Room in slabs comes in steps, so that slabs of replies of like length are used again. */
const roomStep = 64;

function borrowSlab({ memory, network: { config } }: Generator, sequences: number, positions: number): CacheSlab {
  const capacity = Math.min(config.contextLength, Math.ceil(positions / roomStep) * roomStep);
  return { address: memory.borrow(slabWords(config, sequences, capacity)), sequences, capacity };
}

/** Ids for one pass in, what to record out; returns the logits (rows, V) on the host. */
function pass(
  generator: Generator,
  ids: readonly number[],
  logitsRows: number,
  record: (panels: Panels, buffers: PassBuffers) => void,
): Float32Array {
  const { pool, memory, network } = generator;
  const packed = generator.panels();
  const buffers = memory.workspace((take) => planPass(network.config, { rows: ids.length, logitsRows }, take));
  pool.ints(buffers.ids, ids.length).set(ids);
  record(packed, buffers);
  pool.tape.run();
  const { vocabSize } = network.config;
  const { logitsWidth } = widthsOf(network.config);
  const all = pool.floats(buffers.logits, logitsRows * logitsWidth);
  const logits = new Float32Array(logitsRows * vocabSize);
  for (let row = 0; row < logitsRows; row++) {
    logits.set(all.subarray(row * logitsWidth, row * logitsWidth + vocabSize), row * vocabSize);
  }
  return logits;
}

export function startSession(generator: Generator): CacheSession {
  const { pool, memory, network } = generator;
  const { config } = network;
  let slab: CacheSlab | undefined;
  let length = 0;

  const append = (ids: readonly number[]): Float32Array => {
    check(ids.length > 0, 'nothing to append to the cache');
    check(
      length + ids.length <= config.contextLength,
      `${length} + ${ids.length} ids exceed the context of ${config.contextLength}`,
    );
    checkIds(ids, config.vocabSize);
    const shared = (slab ??= borrowSlab(generator, 1, config.contextLength));
    if (length === 0 && ids.length > 1) {
      length = ids.length;
      return pass(generator, ids, 1, (panels, b) => recordPrompt(pool.tape, network, panels, shared, b, ids.length));
    }
    let logits: Float32Array | undefined;
    ids.forEach((id, i) => {
      const past = { shared, sharedLength: length, own: undefined, ownLength: 0 };
      const wanted = i === ids.length - 1;
      logits = pass(generator, [id], 1, (panels, b) =>
        recordToken(pool.tape, network, panels, past, b, { sequences: 1, logits: wanted }),
      );
      length++;
    });
    return logits!;
  };

  return {
    get length() {
      return length;
    },
    append: (ids) => later(() => append(ids)),
    fork(count) {
      check(slab && length > 0, 'nothing to fork: the cache is empty');
      return startStreams(generator, slab, length, count);
    },
    dispose() {
      if (slab) memory.giveBack(slab.address);
      slab = undefined;
      length = 0;
    },
  };
}

function startStreams(generator: Generator, shared: CacheSlab, sharedLength: number, sequences: number): CacheStreams {
  const { pool, memory, network } = generator;
  const { config } = network;
  check(Number.isInteger(sequences) && sequences > 0, `${sequences} streams`);
  let own: CacheSlab | undefined;
  let ownLength = 0;
  let count = sequences;

  const append = (ids: readonly number[]): Float32Array => {
    check(ids.length === count, `${ids.length} ids for ${count} streams`);
    const length = sharedLength + ownLength;
    check(length < config.contextLength, `${length} + 1 ids exceed the context of ${config.contextLength}`);
    checkIds(ids, config.vocabSize);
    own ??= borrowSlab(generator, sequences, config.contextLength - sharedLength);
    const past = { shared, sharedLength, own, ownLength };
    const logits = pass(generator, ids, count, (panels, b) =>
      recordToken(pool.tape, network, panels, past, b, { sequences: count, logits: true }),
    );
    ownLength++;
    return logits;
  };

  /** Move the sequences that go on to the front of each layer's keys and values. */
  const keep = (indices: readonly number[]): void => {
    check(
      indices.length > 0 && indices.every((index, i) => index < count && index > (indices[i - 1] ?? -1)),
      `streams ${indices.join(', ')} of ${count}: at least one, in rising order`,
    );
    count = indices.length;
    if (!own) return;
    const stride = own.capacity * widthsOf(config).kvWidth;
    const used = ownLength * widthsOf(config).kvWidth;
    for (let layer = 0; layer < config.layers; layer++) {
      for (const address of Object.values(layerCache(config, own, layer))) {
        const rows = pool.floats(address, own.sequences * stride);
        indices.forEach((from, to) => {
          if (from !== to) rows.copyWithin(to * stride, from * stride, from * stride + used);
        });
      }
    }
  };

  return {
    get count() {
      return count;
    },
    get length() {
      return sharedLength + ownLength;
    },
    append: (ids) => later(() => append(ids)),
    keep,
    dispose() {
      if (own) memory.giveBack(own.address);
      own = undefined;
      count = 0;
    },
  };
}
