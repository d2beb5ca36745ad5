/**
 * The whole transformer: decoder-only, Llama layout. RMSNorm before each part, rotary positions, causal multi-head
 * attention, SwiGLU, tied embeddings, no biases. With the weights exported under Hugging Face's names,
 * LlamaForCausalLM gives the same logits.
 *
 * Read top to bottom: parameters, the forward pass for training, the forward pass with a cache of keys and values.
 * Runs on any tfjs backend; the operations and their gradients are in ops.ts and attention.ts, names and layouts in layout.ts.
 * Shapes: B rows, T positions, N = B * T, C width, H heads, D = C / H, F hidden width, V vocabulary, P positions cached.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig, TokenBatch } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';
import {
  cachedAttention,
  causalAttention,
  causalMask,
  ropeSlice,
  ropeTables,
  type AttentionWeights,
  type KeysValues,
  type Positions,
  type RopeTables,
} from './attention.ts';
import { applyMask, embedding, linear, maskedCrossEntropy, residual, rmsNorm, swiglu, withTarget } from './ops.ts';

// === Parameters

interface Layer {
  attentionNorm: tf.Tensor1D; // (C)
  attention: AttentionWeights; // (C, C) each
  output: tf.Tensor2D; // (C, C)
  mlpNorm: tf.Tensor1D; // (C)
  gate: tf.Tensor2D; // (C, F)
  up: tf.Tensor2D; // (C, F)
  down: tf.Tensor2D; // (F, C)
}

export interface Network {
  config: ModelConfig;
  embedding: tf.Tensor2D; // (V, C), also the output layer
  layers: Layer[];
  finalNorm: tf.Tensor1D; // (C)
  tables: RopeTables;
  mask: tf.Tensor2D; // (context, context)
}

/** Arranges parameters (by the names of layout.ts) as a network. The tables are new tensors; the parameters are not copied. */
export function createNetwork(config: ModelConfig, parameters: ReadonlyMap<string, tf.Tensor>): Network {
  const { width, heads, contextLength, ropeTheta } = config;
  check(width % (2 * heads) === 0, `width ${width} is no even multiple of ${heads} heads`);
  const take = <T extends tf.Tensor>(name: string): T => {
    const tensor = parameters.get(name);
    check(tensor, `no parameter ${name}`);
    return tensor as T;
  };
  return {
    config,
    embedding: take('embedding'),
    layers: Array.from({ length: config.layers }, (_, i) => ({
      attentionNorm: take(`layers.${i}.attentionNorm`),
      attention: { query: take(`layers.${i}.query`), key: take(`layers.${i}.key`), value: take(`layers.${i}.value`) },
      output: take(`layers.${i}.output`),
      mlpNorm: take(`layers.${i}.mlpNorm`),
      gate: take(`layers.${i}.gate`),
      up: take(`layers.${i}.up`),
      down: take(`layers.${i}.down`),
    })),
    finalNorm: take('finalNorm'),
    tables: ropeTables(contextLength, width / heads, ropeTheta),
    mask: causalMask(contextLength),
  };
}

/** Frees what `createNetwork` made; the parameters belong to the caller. */
export function disposeNetwork({ tables, mask }: Network): void {
  tf.dispose([tables.cos, tables.sin, tables.turn, mask]);
}

// === Training

/** Zeroes a share of x's elements and scales up the rest. */
export type Dropout = (x: tf.Tensor2D) => tf.Tensor2D;

/**
 * Inverted dropout for arrays of up to (rows, width). One pool of random masks is drawn on the host, and each use takes a
 * window of it at a random offset: drawing a fresh mask each time would cost more than the layer it is for. The masks
 * depend on the seed alone, not on the backend. Call inside a tidy.
 */
export function createDropout(rate: number, rows: number, width: number, seed: number): Dropout {
  if (rate === 0) return (x) => x;
  const random = createRandom(`dropout ${seed}`);
  const threshold = Math.round(rate * 65_536);
  const kept = 65_536 / (65_536 - threshold);
  const pool = new Float32Array(2 * rows * width);
  for (let i = 0; i < pool.length; i += 2) {
    const bits = Math.floor(random.next() * 4_294_967_296);
    pool[i] = (bits & 0xffff) < threshold ? 0 : kept;
    pool[i + 1] = bits >>> 16 < threshold ? 0 : kept;
  }
  const masks = tf.tensor1d(pool);
  return (x) => applyMask(x, tf.reshape(tf.slice(masks, [random.int(pool.length - x.size + 1)], [x.size]), x.shape));
}

/**
 * Token ids, row after row -> normed hidden states (N, C). With `wanted` only those positions come out, (M, C): past the
 * last attention no position needs another, so the rest of the last layer is done for these alone.
 */
export function hiddenStates(
  network: Network,
  ids: Int32Array,
  length: number,
  dropout: Dropout,
  wanted?: Int32Array,
): tf.Tensor2D {
  const { config, layers } = network;
  const { normEps, contextLength } = config;
  check(length <= contextLength, `rows of ${length} ids exceed the context of ${contextLength}`);
  const positions = positionsAt(network, 0, length);
  let x = dropout(embedding(network.embedding, ids)); // (N, C)
  for (const layer of layers) {
    let mixed = causalAttention(rmsNorm(x, layer.attentionNorm, normEps), layer.attention, positions); // (N, C)
    if (wanted && layer === layers.at(-1)) {
      x = embedding(x, wanted); // (M, C)
      mixed = embedding(mixed, wanted); // (M, C)
    }
    x = residual(x, dropout(linear(mixed, layer.output))); // (N, C)
    const inner = swiglu(rmsNorm(x, layer.mlpNorm, normEps), layer.gate, layer.up); // (N, F)
    x = residual(x, dropout(linear(inner, layer.down))); // (N, C)
  }
  return rmsNorm(x, network.finalNorm, normEps);
}

/** Cross-entropy in nats of each target of the batch, in order of position -> (M). */
export function targetLosses(network: Network, batch: TokenBatch, dropout: Dropout = (x) => x): tf.Tensor1D {
  const { positions, ids } = withTarget(batch.targets);
  const hidden = hiddenStates(network, batch.inputs, batch.length, dropout, positions); // (M, C)
  return maskedCrossEntropy(hidden, network.embedding, ids);
}

/** Logits of every position: ids of one or more rows of `length` -> (N, V). For tests and small inputs. */
export function allLogits(network: Network, ids: Int32Array, length: number): tf.Tensor2D {
  const hidden = hiddenStates(network, ids, length, (x) => x);
  return tf.matMul(hidden, network.embedding, false, true);
}

// === Generation

/** Keys and values of the positions so far, one entry a layer. */
export type Cache = KeysValues[];

/**
 * The next ids of one sequence -> logits (V) after the last of them, and the longer cache. An empty cache starts a
 * sequence. Neither cache is disposed here.
 */
export function nextLogits(network: Network, ids: Int32Array, cache: Cache): { logits: tf.Tensor1D; cache: Cache } {
  const { normEps } = network.config;
  const start = cache[0]?.k.shape[1] ?? 0;
  const positions = positionsAt(network, start, ids.length);
  const longer: Cache = [];
  let x = embedding(network.embedding, ids); // (T, C)
  network.layers.forEach((layer, i) => {
    const normed = rmsNorm(x, layer.attentionNorm, normEps); // (T, C)
    const { mixed, kept } = cachedAttention(normed, layer.attention, positions, cache[i]);
    longer.push(kept);
    x = residual(x, linear(mixed, layer.output)); // (T, C)
    const inner = swiglu(rmsNorm(x, layer.mlpNorm, normEps), layer.gate, layer.up); // (T, F)
    x = residual(x, linear(inner, layer.down)); // (T, C)
  });
  const last = rmsNorm(tf.slice(x, [ids.length - 1, 0], [1, -1]), network.finalNorm, normEps); // (1, C)
  return { logits: tf.reshape(tf.matMul(last, network.embedding, false, true), [-1]), cache: longer };
}

/** Positions start..start + length - 1, looking at 0..start + length - 1. */
function positionsAt({ config, tables, mask }: Network, start: number, length: number): Positions {
  const whole = start === 0 && length === config.contextLength;
  return {
    heads: config.heads,
    length,
    tables: ropeSlice(tables, start, length),
    mask: whole ? mask : tf.slice(mask, [start, 0], [length, start + length]),
  };
}
