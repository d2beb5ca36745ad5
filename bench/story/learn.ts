/**
 * The story's way of learning, from scratch: the whole chat as one stream of ids cut into blocks of a context, loss on every
 * id, four passes in shuffled order, small batches, AdamW at one low rate, the last weights kept. Tokenizer and chat format
 * are ours, so that only network and recipe differ.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Conversation } from '../../src/dataset/conversations.ts';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import type { Tokenizer } from '../../src/tokenizer/bpe.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import { evaluateConversations } from '../../src/train/evaluate.ts';
import type { BackendName, BitsReport, ModelConfig, TokenBatch } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { createStory, parameterCountOf, storyLosses, type StoryConfig } from './network.ts';
import { mean } from './ops.ts';

export interface StoryRecipe {
  passes: number;
  /** blocks a step */
  batchSize: number;
  learningRate: number;
  dropout: number;
  weightDecay: number;
}

/** Four passes, a small batch and a low rate, as the story has it; dropout and weight decay as lecture and PyTorch have them. */
export const storyRecipe: StoryRecipe = {
  passes: 4,
  batchSize: 8,
  learningRate: 3e-4,
  dropout: 0.2,
  weightDecay: 0.01,
};

export interface StoryOutcome extends BitsReport {
  parameters: number;
  steps: number;
  seconds: number;
  /** nats an id over the last 50 steps */
  trainingLoss: number;
}

export async function learnAsTheStory(
  train: readonly Conversation[],
  test: readonly Conversation[],
  tokenizer: Tokenizer,
  config: StoryConfig,
  recipe: StoryRecipe,
  options: { backend: BackendName; seed: number; onStep?: (step: number, steps: number, loss: number) => void },
): Promise<StoryOutcome> {
  const { backend, seed } = options;
  await prepareBackend(backend);
  useBackend(backend);
  const started = Date.now();
  const network = createStory(config, seed);
  const variables = [...network.parameters.values()];
  const moments = new Map<string, Moments>();
  const random = createRandom(`story blocks ${seed}`);
  const blocks = blocksOf(train, tokenizer, config.contextLength);
  const steps = Math.floor(blocks.length / recipe.batchSize) * recipe.passes;
  const losses: number[] = [];

  for (let pass = 0; pass < recipe.passes; pass++) {
    random.shuffle(blocks);
    for (let at = 0; at + recipe.batchSize <= blocks.length; at += recipe.batchSize) {
      const batch = join(blocks.slice(at, at + recipe.batchSize));
      const { value, grads } = tf.variableGrads(
        () => mean(storyLosses(network, batch, recipe.dropout, seed * 1_000_003 + losses.length)),
        variables,
      );
      losses.push((await value.data())[0]!);
      value.dispose();
      for (const variable of variables) {
        const gradient = grads[variable.name]!;
        adamW(variable, gradient, moments, recipe, losses.length);
        gradient.dispose();
      }
      options.onStep?.(losses.length, steps, losses.at(-1)!);
    }
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  const report = await evaluateConversations(asEngine(network.config, network), tokenizer, test);
  const parameters = parameterCountOf(network);
  tf.dispose(variables);
  for (const { m, v } of moments.values()) tf.dispose([m, v]);
  const last = losses.slice(-50);
  return { ...report, parameters, steps, seconds, trainingLoss: last.reduce((a, b) => a + b, 0) / last.length };
}

interface Moments {
  m: tf.Tensor;
  v: tf.Tensor;
}

/** One update with PyTorch's default betas; weight decay on matrices only. */
function adamW(
  variable: tf.Variable,
  gradient: tf.Tensor,
  moments: Map<string, Moments>,
  { learningRate, weightDecay }: StoryRecipe,
  step: number,
): void {
  const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
  const before = moments.get(variable.name) ?? { m: tf.zerosLike(variable), v: tf.zerosLike(variable) };
  const { weight, m, v } = tf.tidy(() => {
    const m = tf.add(tf.mul(before.m, beta1), tf.mul(gradient, 1 - beta1));
    const v = tf.add(tf.mul(before.v, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const direction = tf.div(tf.div(m, 1 - beta1 ** step), tf.add(tf.sqrt(tf.div(v, 1 - beta2 ** step)), eps));
    const kept = variable.rank > 1 ? tf.mul(variable, 1 - learningRate * weightDecay) : variable;
    return { weight: tf.sub(kept, tf.mul(direction, learningRate)), m, v };
  });
  tf.dispose([before.m, before.v]);
  variable.assign(weight);
  weight.dispose();
  moments.set(variable.name, { m, v });
}

interface Block {
  inputs: Int32Array;
  targets: Int32Array;
}

/** The chat from its first to its last id, cut where a context is full; the rest at the end is dropped. */
function blocksOf(conversations: readonly Conversation[], tokenizer: Tokenizer, length: number): Block[] {
  const ids = conversations.flatMap((c) => Array.from(encodeConversation(c.messages, tokenizer, c).ids));
  const blocks: Block[] = [];
  for (let at = 0; at + length < ids.length; at += length) {
    blocks.push({
      inputs: Int32Array.from(ids.slice(at, at + length)),
      targets: Int32Array.from(ids.slice(at + 1, at + length + 1)),
    });
  }
  return blocks;
}

function join(blocks: readonly Block[]): TokenBatch {
  const length = blocks[0]!.inputs.length;
  const flat = (part: keyof Block): Int32Array => Int32Array.from(blocks.flatMap((block) => Array.from(block[part])));
  return { inputs: flat('inputs'), targets: flat('targets'), batchSize: blocks.length, length };
}

/** As much of an engine as evaluation needs. */
function asEngine(config: StoryConfig, network: ReturnType<typeof createStory>) {
  const shape: ModelConfig = {
    ...config,
    kvHeads: config.heads,
    hiddenWidth: 4 * config.width,
    ropeTheta: 10_000,
    ropeScaling: null,
    normEps: 1e-5,
    tiedEmbeddings: false,
  };
  return {
    config: shape,
    async tokenLosses(batch: TokenBatch): Promise<Float32Array> {
      const losses = tf.tidy(() => storyLosses(network, batch, 0, 0));
      const values = (await losses.data()) as Float32Array;
      losses.dispose();
      return values;
    },
  };
}
