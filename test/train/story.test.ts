/** The network that bench/quality compares with is an honest one: its gradients are right, and no position sees a later one. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStory, storyLosses, type StoryNetwork } from '../../bench/story/network.ts';
import { mean } from '../../bench/story/ops.ts';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import type { TokenBatch } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';

const config = { vocabSize: 11, contextLength: 5, layers: 2, width: 8, heads: 2 };
const random = createRandom('story batch');
const ids = (): Int32Array => Int32Array.from({ length: 15 }, () => random.int(config.vocabSize));
const batch: TokenBatch = { inputs: ids(), targets: ids(), batchSize: 3, length: 5 };
batch.targets[4] = -1;
let network: StoryNetwork;

beforeAll(async () => {
  await prepareBackend('cpu');
  useBackend('cpu');
  network = createStory(config, 1);
  // larger than they begin, so that every part has a say; units well on or off, for no difference may cross a kink
  for (const [name, variable] of network.parameters) {
    if (variable.rank > 1) variable.assign(tf.mul(variable, 15));
    if (name.endsWith('up.bias')) {
      variable.assign(tf.tensor1d(Float32Array.from({ length: variable.size }, (_, i) => (i % 3 === 0 ? -8 : 8))));
    }
  }
});
afterAll(() => tf.dispose([...network.parameters.values()]));

const lossOf = (dropout: number): tf.Scalar => mean(storyLosses(network, batch, dropout, 7));

test.each([0, 0.3])('along every parameter the loss changes as the gradient says (dropout %d)', (dropout) => {
  const variables = [...network.parameters.values()];
  const { grads } = tf.variableGrads(() => lossOf(dropout), variables);
  const directions = createRandom('directions');
  const step = 1e-2;
  for (const [name, variable] of network.parameters) {
    const before = Float32Array.from(variable.dataSync<'float32'>());
    const direction = before.map(() => directions.normal());
    const norm = Math.sqrt(direction.reduce((sum, x) => sum + x * x, 0));
    const at = (distance: number): number => {
      variable.assign(
        tf.tensor(
          before.map((x, i) => x + (distance * direction[i]!) / norm),
          variable.shape,
        ),
      );
      return lossOf(dropout).dataSync()[0]!;
    };
    // both differences, to cancel the third derivative (Richardson)
    const [coarse, fine] = [(at(step) - at(-step)) / (2 * step), (at(step / 2) - at(-step / 2)) / step];
    at(0);
    const gradient = Float32Array.from(grads[variable.name]!.dataSync<'float32'>());
    const along = gradient.reduce((sum, x, i) => sum + (x * direction[i]!) / norm, 0);
    expect(Math.abs((4 * fine - coarse) / 3 - along), name).toBeLessThan(3e-4 + 0.01 * Math.abs(along));
  }
});

test('a position depends on itself and those before it, and its place', async () => {
  const before = await storyLosses(network, batch, 0, 0).data();
  const inputs = batch.inputs.slice();
  inputs[3] = (inputs[3]! + 1) % config.vocabSize; // fourth of the first row
  const after = await storyLosses(network, { ...batch, inputs }, 0, 0).data();
  expect(Array.from(after.slice(0, 3))).toEqual(Array.from(before.slice(0, 3)));
  expect(after[3]).not.toBeCloseTo(before[3]!, 4);
  expect(Array.from(after.slice(5))).toEqual(Array.from(before.slice(5)));
  expect(before[4]).toBe(0); // no target, no loss
  const same = await storyLosses(
    network,
    { inputs: new Int32Array(5), targets: new Int32Array(5), batchSize: 1, length: 5 },
    0,
    0,
  ).data();
  expect(new Set(Array.from(same, (x) => x.toFixed(5))).size).toBe(5); // one id everywhere: only the place differs
});
