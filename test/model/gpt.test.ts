/** The whole network: against plain loops, between backends, and the two forward passes against each other. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import {
  allLogits,
  createDropout,
  createNetwork,
  disposeNetwork,
  nextLogits,
  targetLosses,
  type Cache,
} from '../../src/model/gpt.ts';
import { initialValue, parametersOf, toWeight } from '../../src/model/layout.ts';
import { meanLoss } from '../../src/model/ops.ts';
import type { BackendName, Weights } from '../../src/types.ts';
import { backends, differences, expectClose, normals, randomBatch, tinyConfig } from './helpers.ts';
import * as reference from './reference.ts';

const { vocabSize, width, contextLength } = tinyConfig;

/** Weights far from their small initial values, so that every part matters. */
const values = new Map(
  parametersOf(tinyConfig).map((p) => {
    const noise = normals(initialValue(p, 0).length, p.name, p.kind === 'norm' ? 0.3 : 0.35);
    return [p.name, p.kind === 'norm' ? noise.map((x) => 1 + x) : noise];
  }),
);
const weights: Weights = new Map(parametersOf(tinyConfig).map((p) => toWeight(p, values.get(p.name)!)));

function withNetwork<T>(
  backend: BackendName,
  use: (network: ReturnType<typeof createNetwork>, variables: tf.Variable[]) => T,
): T {
  useBackend(backend);
  const before = tf.memory().numTensors;
  const variables = parametersOf(tinyConfig).map((p) =>
    tf.tidy(() => tf.variable(tf.tensor(values.get(p.name)!, p.shape))),
  );
  const network = createNetwork(tinyConfig, new Map(parametersOf(tinyConfig).map((p, i) => [p.name, variables[i]!])));
  try {
    return use(network, variables);
  } finally {
    disposeNetwork(network);
    tf.dispose(variables);
    expect(tf.memory().numTensors, 'tensors left over').toBe(before);
  }
}

const logitsOf = (backend: BackendName, ids: number[], length: number): Float32Array =>
  withNetwork(backend, (network) =>
    tf.tidy(() => allLogits(network, Int32Array.from(ids), length).dataSync() as Float32Array as never),
  );

beforeAll(async () => {
  for (const backend of backends) await prepareBackend(backend);
});

describe.each(backends)('on %s', (backend) => {
  test('logits are those of the plain Llama loops with the weights under Hugging Face names', () => {
    const { inputs } = randomBatch(tinyConfig, 2, 9, 1);
    const hidden = reference.hiddenStates(tinyConfig, weights, inputs.subarray(0, 9), 9);
    const table = Float64Array.from(weights.get('model.embed_tokens.weight')!.data);
    const turned = new Float64Array(table.length);
    for (let v = 0; v < vocabSize; v++)
      for (let i = 0; i < width; i++) turned[i * vocabSize + v] = table[v * width + i]!;
    const expected = reference.matMul(hidden, turned, 9, width, vocabSize);
    const actual = logitsOf(backend, [...inputs], 9);
    expectClose(actual.subarray(0, 9 * vocabSize), expected, 1e-5, 'logits');
  });

  test('no position sees a later id', () => {
    const ids = [...randomBatch(tinyConfig, 1, contextLength, 2).inputs];
    const before = logitsOf(backend, ids, contextLength);
    const changed = ids.with(7, (ids[7]! + 1) % vocabSize);
    const after = logitsOf(backend, changed, contextLength);
    expect(after.slice(0, 7 * vocabSize)).toEqual(before.slice(0, 7 * vocabSize));
    for (let t = 7; t < contextLength; t++) {
      expect(after.slice(t * vocabSize, (t + 1) * vocabSize)).not.toEqual(
        before.slice(t * vocabSize, (t + 1) * vocabSize),
      );
    }
  });

  test('rows of a batch do not see each other', () => {
    const { inputs } = randomBatch(tinyConfig, 3, 6, 3);
    const together = logitsOf(backend, [...inputs], 6);
    const alone = logitsOf(backend, [...inputs.subarray(6, 12)], 6);
    expectClose(together.subarray(6 * vocabSize, 12 * vocabSize), alone, 1e-5, 'second row');
  });

  test('the cache gives the logits of the full pass, in pieces of any size', () => {
    const ids = [...randomBatch(tinyConfig, 1, contextLength, 4).inputs];
    const full = logitsOf(backend, ids, contextLength);
    withNetwork(backend, (network) => {
      for (const pieces of [[contextLength], Array<number>(contextLength).fill(1), [4, 1, 5, 2]]) {
        let cache: Cache = [];
        let done = 0;
        for (const size of pieces) {
          const next = tf.tidy(() => nextLogits(network, Int32Array.from(ids.slice(done, done + size)), cache));
          tf.dispose(cache);
          cache = next.cache;
          done += size;
          expectClose(
            next.logits.dataSync(),
            full.subarray((done - 1) * vocabSize, done * vocabSize),
            1e-5,
            `after ${done}`,
          );
          next.logits.dispose();
        }
        tf.dispose(cache);
      }
    });
  });

  test('dropout keeps the mean, follows its seed, and takes its gradient with it', () => {
    useBackend(backend);
    tf.tidy(() => {
      const ones = tf.ones<tf.Rank.R2>([100, 64]);
      const drop = createDropout(0.25, 100, 64, 1);
      const first = drop(ones).dataSync();
      const zeros = first.filter((x) => x === 0).length;
      expect(zeros / first.length).toBeCloseTo(0.25, 1);
      expect(first.find((x) => x !== 0)).toBeCloseTo(4 / 3, 4);
      expect(drop(ones).dataSync()).not.toEqual(first);
      expect(createDropout(0.25, 100, 64, 1)(ones).dataSync()).toEqual(first);
      expect(createDropout(0.25, 100, 64, 2)(ones).dataSync()).not.toEqual(first);
      const [gradient] = tf.grads((x: tf.Tensor) => createDropout(0.25, 100, 64, 1)(x as tf.Tensor2D))([ones], ones);
      expect(gradient!.dataSync()).toEqual(first);
    });
  });
});

describe('gradients of the whole network', () => {
  const batch = randomBatch(tinyConfig, 2, 7, 5);
  const gradientsOn = (backend: BackendName): { loss: number; gradients: Float32Array[] } =>
    withNetwork(backend, (network, variables) => {
      const { value, grads } = tf.variableGrads(
        () => meanLoss(targetLosses(network, batch, createDropout(0.2, 14, width, 3))),
        variables,
      );
      const result = {
        loss: value.dataSync()[0]!,
        gradients: variables.map((v) => grads[v.name]!.dataSync() as Float32Array),
      };
      tf.dispose([value, ...Object.values(grads)]);
      return result;
    });

  test('wasm and cpu agree on the loss and every gradient, with the same dropout', () => {
    const [wasm, cpu] = [gradientsOn('wasm'), gradientsOn('cpu')];
    expect(wasm.loss).toBeCloseTo(cpu.loss, 5);
    parametersOf(tinyConfig).forEach((p, i) => {
      expectClose(wasm.gradients[i]!, cpu.gradients[i]!, 1e-4, p.name);
    });
  });

  test('a gradient is the slope of the plain loops through every layer', () => {
    const { gradients } = withNetwork('wasm', (network, variables) => {
      const { value, grads } = tf.variableGrads(() => meanLoss(targetLosses(network, batch)), variables);
      const all = new Map(
        parametersOf(tinyConfig).map((p, i) => [p.name, grads[variables[i]!.name]!.dataSync() as Float32Array]),
      );
      tf.dispose([value, ...Object.values(grads)]);
      return { gradients: all };
    });
    const lossWith = (source: string, data: ArrayLike<number>): number => {
      const tensor = weights.get(source)!;
      const moved: Weights = new Map(weights).set(source, { shape: tensor.shape, data: data as Float32Array });
      const table = Float64Array.from(moved.get('model.embed_tokens.weight')!.data);
      let sum = 0;
      let count = 0;
      for (const row of [0, 1]) {
        const cut = <T extends Int32Array>(x: T): Int32Array => x.subarray(row * 7, (row + 1) * 7);
        const hidden = reference.hiddenStates(tinyConfig, moved, cut(batch.inputs), 7);
        const losses = reference.crossEntropy(hidden, table, cut(batch.targets), width);
        sum += losses.reduce((a, b) => a + b, 0);
        count += losses.length;
      }
      return sum / count;
    };
    // first and last layer, a norm and the tied embedding: a few elements each
    for (const name of [
      'embedding',
      'layers.0.attentionNorm',
      'layers.0.key',
      'layers.1.gate',
      'layers.1.down',
      'finalNorm',
    ]) {
      const parameter = parametersOf(tinyConfig).find((p) => p.name === name)!;
      const gradient = toWeight(parameter, gradients.get(name)!)[1].data;
      const at = Float64Array.from(weights.get(parameter.source)!.data);
      const picks = [0, 3, 5, 8, 13];
      const slope = differences(
        (few) => {
          const all = Float64Array.from(at);
          picks.forEach((index, i) => (all[index] = few[i]!));
          return lossWith(parameter.source, all);
        },
        Float64Array.from(picks, (index) => at[index]!),
      );
      expectClose(
        picks.map((index) => gradient[index]!),
        slope,
        1e-3,
        name,
      );
    }
  });
});
