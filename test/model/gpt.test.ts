/** The whole network: against plain loops, between backends, and the two forward passes against each other. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { createDropoutPool } from '../../src/model/dropout.ts';
import {
  allLogits,
  cacheTensors,
  createNetwork,
  disposeNetwork,
  emptyCache,
  forkCache,
  keepStreams,
  nextLogits,
  scaledLoss,
  targetLosses,
  type Cache,
  type Network,
} from '../../src/model/gpt.ts';
import { initialValue, parametersOf, toWeight } from '../../src/model/layout.ts';
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../../src/types.ts';
import {
  backends,
  differences,
  expectClose,
  groupedConfig,
  normals,
  randomBatch,
  tinyConfig,
  toleranceOn,
} from './helpers.ts';
import * as reference from './reference.ts';

const { vocabSize, width, contextLength } = tinyConfig;

interface Model {
  config: ModelConfig;
  values: Map<string, Float32Array>;
  weights: Weights;
}

/** Weights far from their small initial values, so that every part matters. */
function modelOf(config: ModelConfig): Model {
  const values = new Map(
    parametersOf(config).map((p) => {
      const noise = normals(initialValue(p, 0).length, p.name, p.kind === 'norm' ? 0.3 : 0.35);
      return [p.name, p.kind === 'norm' ? noise.map((x) => 1 + x) : noise];
    }),
  );
  return { config, values, weights: new Map(parametersOf(config).map((p) => toWeight(p, values.get(p.name)!))) };
}

const models = [
  { name: 'tied', model: modelOf(tinyConfig) },
  { name: 'grouped keys, untied, stretched positions', model: modelOf(groupedConfig) },
];

function withNetwork<T>(
  backend: BackendName,
  { config, values }: Model,
  use: (network: Network, variables: tf.Variable[]) => T,
): T {
  useBackend(backend);
  const before = tf.memory().numTensors;
  const variables = parametersOf(config).map((p) =>
    tf.tidy(() => tf.variable(tf.tensor(values.get(p.name)!, p.shape))),
  );
  const network = createNetwork(config, new Map(parametersOf(config).map((p, i) => [p.name, variables[i]!])));
  try {
    return use(network, variables);
  } finally {
    disposeNetwork(network);
    tf.dispose(variables);
    expect(tf.memory().numTensors, 'tensors left over').toBe(before);
  }
}

const logitsOf = (backend: BackendName, model: Model, ids: readonly number[], length: number): Float32Array =>
  withNetwork(backend, model, (network) =>
    tf.tidy(() => allLogits(network, Int32Array.from(ids), length).dataSync() as Float32Array as never),
  );

/** Ids through the cache; frees the tensors that the longer one does not use. Returns the logits (S, V). */
function append(network: Network, cache: Cache, ids: readonly number[]): { logits: Float32Array; cache: Cache } {
  const next = tf.tidy(() => nextLogits(network, Int32Array.from(ids), cache));
  disposeUnused(cache, next.cache);
  const logits = next.logits.dataSync() as Float32Array;
  next.logits.dispose();
  return { logits, cache: next.cache };
}

function disposeUnused(before: Cache, after?: Cache): void {
  const used = new Set(after ? cacheTensors(after) : []);
  tf.dispose(cacheTensors(before).filter((tensor) => !used.has(tensor)));
}

beforeAll(async () => {
  for (const backend of backends) await prepareBackend(backend);
});

describe.each(backends.flatMap((backend) => models.map((m) => ({ backend, ...m }))))(
  'on $backend, $name',
  ({ backend, model }) => {
    const { config, weights } = model;
    const near = toleranceOn(backend, 1e-5);

    test('logits are those of the plain Llama loops with the weights under Hugging Face names', () => {
      const { inputs } = randomBatch(config, 2, 9, 1);
      const expected = reference.logits(config, weights, inputs.subarray(0, 9), 9);
      const actual = logitsOf(backend, model, [...inputs], 9);
      expectClose(actual.subarray(0, 9 * vocabSize), expected, near, 'logits');
    });

    test('losses are those of the plain loops, one for each target', () => {
      const batch = randomBatch(config, 2, 7, 6);
      const losses = withNetwork(backend, model, (network) =>
        tf.tidy(() => targetLosses(network, batch).dataSync() as Float32Array as never),
      ) as Float32Array;
      expect(losses).toHaveLength(batch.targets.filter((t) => t >= 0).length);
      const mean = losses.reduce((a, b) => a + b) / losses.length;
      expectClose([mean], [reference.meanLoss(config, weights, batch)], near, 'mean loss');
    });

    test('no position sees a later id', () => {
      const ids = [...randomBatch(config, 1, contextLength, 2).inputs];
      const before = logitsOf(backend, model, ids, contextLength);
      const changed = ids.with(7, (ids[7]! + 1) % vocabSize);
      const after = logitsOf(backend, model, changed, contextLength);
      expectClose(after.slice(0, 7 * vocabSize), before.slice(0, 7 * vocabSize), 1e-7, 'earlier positions');
      for (let t = 7; t < contextLength; t++) {
        const at = (x: Float32Array): Float32Array => x.subarray(t * vocabSize, (t + 1) * vocabSize);
        expect(Math.max(...at(after).map((x, i) => Math.abs(x - at(before)[i]!)))).toBeGreaterThan(1e-3);
      }
    });

    test('rows of a batch do not see each other', () => {
      const { inputs } = randomBatch(config, 3, 6, 3);
      const together = logitsOf(backend, model, [...inputs], 6);
      const alone = logitsOf(backend, model, [...inputs.subarray(6, 12)], 6);
      expectClose(together.subarray(6 * vocabSize, 12 * vocabSize), alone, near, 'second row');
    });

    test('the cache gives the logits of the full pass, in pieces of any size', () => {
      const ids = [...randomBatch(config, 1, contextLength, 4).inputs];
      const full = logitsOf(backend, model, ids, contextLength);
      withNetwork(backend, model, (network) => {
        for (const pieces of [[contextLength], Array<number>(contextLength).fill(1), [4, 1, 5, 2]]) {
          let cache = emptyCache(network);
          for (const size of pieces) {
            const next = append(network, cache, ids.slice(cache.length, cache.length + size));
            cache = next.cache;
            const expected = full.subarray((cache.length - 1) * vocabSize, cache.length * vocabSize);
            expectClose(next.logits, expected, near, `after ${cache.length}`);
          }
          disposeUnused(cache);
        }
      });
    });

    test('streams that share a beginning give the logits of whole sequences, also when some are dropped', () => {
      const beginning = [...randomBatch(config, 1, 5, 7).inputs];
      const ends = [0, 1, 2].map((i) => [...randomBatch(config, 1, contextLength - 5, 20 + i).inputs]);
      const full = ends.map((end) => logitsOf(backend, model, [...beginning, ...end], contextLength));
      withNetwork(backend, model, (network) => {
        // a beginning in two pieces: what is shared need not lie in one
        const first = append(network, emptyCache(network), beginning.slice(0, 3));
        const prompt = append(network, first.cache, beginning.slice(3)).cache;
        let cache = forkCache(prompt, 3);
        let alive = [0, 1, 2];
        const step = (at: number): void => {
          const next = append(
            network,
            cache,
            alive.map((stream) => ends[stream]![at]!),
          );
          cache = next.cache;
          alive.forEach((stream, row) => {
            const position = 5 + at;
            const expected = full[stream]!.subarray(position * vocabSize, (position + 1) * vocabSize);
            const actual = next.logits.subarray(row * vocabSize, (row + 1) * vocabSize);
            expectClose(actual, expected, near, `stream ${stream} at ${position}`);
          });
        };
        const keep = (rows: number[]): void => {
          const before = cache;
          cache = tf.tidy(() => keepStreams(before, rows));
          disposeUnused(before, cache);
          alive = rows.map((row) => alive[row]!);
        };
        for (const at of [0, 1]) step(at);
        keep([0, 2]);
        for (const at of [2, 3]) step(at);
        keep([1]);
        for (const at of [4, 5, 6]) step(at);
        // the one sequence was not touched by its streams
        const next = append(network, prompt, [ends[1]![0]!]);
        expectClose(next.logits, full[1]!.subarray(5 * vocabSize, 6 * vocabSize), near, 'the sequence itself');
        disposeUnused(cache);
        disposeUnused(next.cache);
      });
    });

    test('a gradient is the slope of the plain loops, for every weight', () => {
      const batch = randomBatch(config, 2, 7, 5);
      const gradients = gradientsOf(backend, model, batch, 0).gradients;
      for (const parameter of parametersOf(config)) {
        const gradient = toWeight(parameter, gradients.get(parameter.name)!)[1].data;
        const { shape, data } = weights.get(parameter.source)!;
        const at = Float64Array.from(data);
        const picks = [0, 3, 5, 8, 13];
        const slope = differences(
          (few) => {
            const all = Float64Array.from(at);
            picks.forEach((index, i) => (all[index] = few[i]!));
            // the loops take any numbers: rounded to float32, a small step would vanish
            const moved: Weights = new Map(weights).set(parameter.source, {
              shape,
              data: all as unknown as Float32Array,
            });
            return reference.meanLoss(config, moved, batch);
          },
          Float64Array.from(picks, (index) => at[index]!),
        );
        expectClose(
          picks.map((index) => gradient[index]!),
          slope,
          toleranceOn(backend, 1e-3),
          parameter.name,
        );
      }
    });

    test('loss and every gradient are those on the cpu backend, with the same dropout', () => {
      const batch = randomBatch(config, 2, 7, 5);
      const [actual, expected] = [gradientsOf(backend, model, batch, 0.2), gradientsOf('cpu', model, batch, 0.2)];
      expectClose([actual.loss], [expected.loss], near, 'loss');
      expect(actual.loss).not.toBe(gradientsOf(backend, model, batch, 0).loss);
      for (const [name, gradient] of expected.gradients) {
        expectClose(actual.gradients.get(name)!, gradient, toleranceOn(backend, 1e-4), name);
      }
    });
  },
);

/** Mean loss and all gradients of a batch. */
function gradientsOf(
  backend: BackendName,
  model: Model,
  batch: TokenBatch,
  dropout: number,
): { loss: number; gradients: Map<string, Float32Array> } {
  return withNetwork(backend, model, (network, variables) => {
    const pool = createDropoutPool();
    const targets = batch.targets.filter((t) => t >= 0).length;
    const { value, grads } = tf.variableGrads(
      () => scaledLoss(network, batch, 1 / targets, pool.dropout(dropout, batch.inputs.length, width, 3)),
      variables,
    );
    const names = parametersOf(model.config).map((p) => p.name);
    const gradients = new Map(
      names.map((name, i) => [name, grads[variables[i]!.name]!.dataSync() as Float32Array] as const),
    );
    const loss = value.dataSync()[0]!;
    tf.dispose([value, grads]);
    pool.dispose();
    return { loss, gradients };
  });
}

test('a cache that grows one by one past its tail gives the logits of the full pass', () => {
  // more positions than wait at the end of a cache, so that the tail is joined to the rest more than once
  const model = modelOf({ ...groupedConfig, contextLength: 150, layers: 1 });
  const ids = [...randomBatch(model.config, 1, 150, 8).inputs];
  const full = logitsOf('cpu', model, ids, 150);
  withNetwork('cpu', model, (network) => {
    let cache = append(network, emptyCache(network), ids.slice(0, 3)).cache;
    const streams = { cache: forkCache(cache, 2) };
    for (let at = 3; at < 150; at++) {
      const row = full.subarray(at * vocabSize, (at + 1) * vocabSize);
      const one = append(network, cache, [ids[at]!]);
      cache = one.cache;
      expectClose(one.logits, row, 1e-5, `sequence at ${at}`);
      const two = append(network, streams.cache, [ids[at]!, ids[at]!]);
      streams.cache = two.cache;
      expectClose(two.logits, [...row, ...row], 1e-5, `streams at ${at}`);
    }
    disposeUnused(cache);
    disposeUnused(streams.cache);
  });
});
