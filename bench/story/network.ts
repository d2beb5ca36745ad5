/**
 * The network of the story (design.md section 1), for comparison only: a decoder coded by hand as lectures teach it.
 * Learned positions, LayerNorm before each part, heads without biases, a ReLU layer of four times the width, an output
 * layer of its own, normal initial weights of 0.02. On tfjs; the operations and their gradients are in ops.ts.
 * Shapes: B rows, T positions, N = B * T, C width, H heads, D = C / H, V vocabulary.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TokenBatch } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { attend, crossEntropy, dropoutMask, layerNorm, linear, lookUp, plus, relu, times } from './ops.ts';

export interface StoryConfig {
  vocabSize: number;
  contextLength: number;
  layers: number;
  width: number;
  heads: number;
}

export interface StoryNetwork {
  config: StoryConfig;
  parameters: Map<string, tf.Variable>;
}

const initialDeviation = 0.02;
export function createStory(config: StoryConfig, seed: number): StoryNetwork {
  const { vocabSize, contextLength, layers, width } = config;
  const parameters = new Map<string, tf.Variable>();
  const add = (name: string, shape: number[], value: (at: number) => number): void => {
    const size = shape.reduce((a, b) => a * b, 1);
    const tensor = tf.tensor(
      Float32Array.from({ length: size }, (_, i) => value(i)),
      shape,
    );
    parameters.set(name, tf.variable(tensor));
    tensor.dispose();
  };
  const random = createRandom(`story ${seed}`);
  const matrix = (name: string, ...shape: number[]): void => add(name, shape, () => random.normal() * initialDeviation);
  const vector = (name: string, length: number, value: number): void => add(name, [length], () => value);
  const norm = (name: string): void => {
    vector(`${name}.gain`, width, 1);
    vector(`${name}.bias`, width, 0);
  };
  matrix('tokens', vocabSize, width);
  matrix('positions', contextLength, width);
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`;
    norm(`${at}.norm1`);
    for (const part of ['query', 'key', 'value']) matrix(`${at}.${part}`, width, width);
    matrix(`${at}.project`, width, width);
    vector(`${at}.project.bias`, width, 0);
    norm(`${at}.norm2`);
    matrix(`${at}.up`, width, 4 * width);
    vector(`${at}.up.bias`, 4 * width, 0);
    matrix(`${at}.down`, 4 * width, width);
    vector(`${at}.down.bias`, width, 0);
  }
  norm('norm');
  matrix('output', width, vocabSize);
  vector('output.bias', vocabSize, 0);
  return { config, parameters };
}

export function parameterCountOf({ parameters }: StoryNetwork): number {
  return [...parameters.values()].reduce((sum, { size }) => sum + size, 0);
}

/** Cross-entropy in nats of every position, (N); 0 where the target is -1. `dropout` 0 for evaluation. */
export function storyLosses(
  { config, parameters }: StoryNetwork,
  batch: TokenBatch,
  dropout: number,
  seed: number,
): tf.Tensor1D {
  const { heads } = config;
  const { batchSize, length } = batch;
  const p = <T extends tf.Tensor>(name: string): T => parameters.get(name) as unknown as T;
  let uses = 0;
  const mask = (shape: readonly number[]): tf.Tensor => dropoutMask(shape, dropout, `${seed} ${uses++}`);
  const drop = (x: tf.Tensor2D): tf.Tensor2D => (dropout === 0 ? x : times(x, mask(x.shape) as tf.Tensor2D));
  const norm = (x: tf.Tensor2D, name: string): tf.Tensor2D => layerNorm(x, p(`${name}.gain`), p(`${name}.bias`));
  const layer = (x: tf.Tensor2D, name: string): tf.Tensor2D => linear(x, p(name), p(`${name}.bias`));

  const places = Int32Array.from(batch.inputs, (_, i) => i % length);
  let x = plus(lookUp(p('tokens'), batch.inputs), lookUp(p('positions'), places)); // (N, C)
  for (let i = 0; i < config.layers; i++) {
    const at = `layers.${i}`;
    const normed = norm(x, `${at}.norm1`);
    const [q, k, v] = ['query', 'key', 'value'].map((part) => linear(normed, p(`${at}.${part}`)));
    const shares = [batchSize, heads, length, length];
    const mixed = attend(q!, k!, v!, { batchSize, heads }, dropout === 0 ? undefined : mask(shares)); // (N, C)
    x = plus(x, drop(layer(mixed, `${at}.project`)));
    x = plus(x, drop(layer(relu(layer(norm(x, `${at}.norm2`), `${at}.up`)), `${at}.down`)));
  }
  return crossEntropy(layer(norm(x, 'norm'), 'output'), batch.targets);
}
