/**
 * The whole transformer: decoder-only, Llama layout. RMSNorm before each part, rotary positions, causal multi-head
 * attention with grouped keys, SwiGLU, tied embeddings or an output layer of its own, no biases. With the weights exported
 * under Hugging Face's names, LlamaForCausalLM gives the same logits.
 *
 * Read top to bottom: parameters, the forward pass for training, the forward pass with a cache of keys and values.
 * Runs on any tfjs backend; the operations and their gradients are in ops.ts and attention.ts, names and layouts in layout.ts.
 * Shapes: B rows, T positions, N = B * T, C width, H heads, K heads of keys, D = C / H, F hidden width, V vocabulary,
 * M positions with a target, S streams, P positions cached.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig, TokenBatch } from '../types.ts';
import { check } from '../util/errors.ts';
import {
  cachedAttention,
  causalAttention,
  causalMask,
  ropeSlice,
  ropeTensors,
  type CachedSetting,
  type LayerCache,
} from './attention.ts';
import { noDropout, type Dropout } from './dropout.ts';
import type { AttentionSetting, RopeTensors } from './fused.ts';
import { crossEntropies, embedding, linear, maskedCrossEntropy, residual, rmsNorm, swiglu } from './ops.ts';
import { withTarget } from './targets.ts';

// === Parameters

interface Layer {
  attentionNorm: tf.Tensor1D; // (C)
  query: tf.Tensor2D; // (C, H * D)
  key: tf.Tensor2D; // (C, K * D)
  value: tf.Tensor2D; // (C, K * D)
  output: tf.Tensor2D; // (C, C)
  mlpNorm: tf.Tensor1D; // (C)
  gate: tf.Tensor2D; // (C, F)
  up: tf.Tensor2D; // (C, F)
  down: tf.Tensor2D; // (F, C)
}

export interface Network {
  config: ModelConfig;
  embedding: tf.Tensor2D; // (V, C)
  layers: Layer[];
  finalNorm: tf.Tensor1D; // (C)
  outputHead: tf.Tensor2D; // (V, C), the embedding itself where they are tied
  tables: RopeTensors; // (context, D) each
  mask: tf.Tensor2D; // (context, context)
}

/** Arranges parameters (by the names of layout.ts) as a network. The tables are new tensors; the parameters are not copied. */
export function createNetwork(config: ModelConfig, parameters: ReadonlyMap<string, tf.Tensor>): Network {
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
      query: take(`layers.${i}.query`),
      key: take(`layers.${i}.key`),
      value: take(`layers.${i}.value`),
      output: take(`layers.${i}.output`),
      mlpNorm: take(`layers.${i}.mlpNorm`),
      gate: take(`layers.${i}.gate`),
      up: take(`layers.${i}.up`),
      down: take(`layers.${i}.down`),
    })),
    finalNorm: take('finalNorm'),
    outputHead: take(config.tiedEmbeddings ? 'embedding' : 'outputHead'),
    tables: ropeTensors(config),
    mask: causalMask(config.contextLength),
  };
}

/** Frees what `createNetwork` made; the parameters belong to the caller. */
export function disposeNetwork({ tables, mask }: Network): void {
  tf.dispose([tables.cos, tables.sin, mask]);
}

/** The second half of a layer: x (N, C) plus its SwiGLU unit (N, C). */
function feedForward(x: tf.Tensor2D, layer: Layer, normEps: number, dropout: Dropout): tf.Tensor2D {
  const normed = rmsNorm(x, layer.mlpNorm, normEps); // (N, C)
  const inner = swiglu(linear(normed, layer.gate), linear(normed, layer.up)); // (N, F)
  return residual(x, dropout(linear(inner, layer.down))); // (N, C)
}

// === Training

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
  const setting = rowSetting(network, length);
  const chosen = wanted && wanted.length < ids.length ? tf.tensor1d(wanted, 'int32') : undefined; // (M)
  let x = dropout(embedding(network.embedding, tf.tensor1d(ids, 'int32'))); // (N, C)
  for (const layer of layers) {
    const normed = rmsNorm(x, layer.attentionNorm, normEps); // (N, C)
    const [q, k, v] = [linear(normed, layer.query), linear(normed, layer.key), linear(normed, layer.value)];
    let mixed = causalAttention(q, k, v, setting); // (N, C)
    if (chosen && layer === layers.at(-1)) {
      x = embedding(x, chosen); // (M, C)
      mixed = embedding(mixed, chosen); // (M, C)
    }
    x = residual(x, dropout(linear(mixed, layer.output))); // (N, C)
    x = feedForward(x, layer, normEps, dropout); // (N, C)
  }
  return rmsNorm(x, network.finalNorm, normEps);
}

/** Sum of the cross-entropies of the batch's targets times `scale`, at least one target -> scalar with a gradient. */
export function scaledLoss(network: Network, batch: TokenBatch, scale: number, dropout = noDropout): tf.Scalar {
  const { positions, ids } = withTarget(batch.targets);
  const hidden = hiddenStates(network, batch.inputs, batch.length, dropout, positions); // (M, C)
  return maskedCrossEntropy(hidden, network.outputHead, tf.tensor1d(ids, 'int32'), scale);
}

/** Cross-entropy in nats of each target of the batch, at least one, in order of position -> (M). */
export function targetLosses(network: Network, batch: TokenBatch): tf.Tensor1D {
  const { positions, ids } = withTarget(batch.targets);
  const hidden = hiddenStates(network, batch.inputs, batch.length, noDropout, positions); // (M, C)
  return crossEntropies(hidden, network.outputHead, tf.tensor1d(ids, 'int32'));
}

/** Logits of every position: ids of one or more rows of `length` -> (N, V). For tests and small inputs. */
export function allLogits(network: Network, ids: Int32Array, length: number): tf.Tensor2D {
  return tf.matMul(hiddenStates(network, ids, length, noDropout), network.outputHead, false, true);
}

/** Whole rows of `length` positions. */
function rowSetting({ config, tables, mask }: Network, length: number): AttentionSetting {
  return {
    heads: config.heads,
    kvHeads: config.kvHeads,
    length,
    tables: ropeSlice(tables, 0, length),
    mask: length === config.contextLength ? mask : tf.slice(mask, [0, 0], [length, length]),
  };
}

// === Generation

/** The positions so far of one sequence, or of several streams with a common beginning. */
export type Cache = {
  /** S */
  streams: number;
  /** P, positions of each stream */
  length: number;
  layers: LayerCache[];
};

/** One sequence without any position yet. */
export function emptyCache({ layers }: Network): Cache {
  return { streams: 1, length: 0, layers: layers.map(() => ({ shared: [], own: [] })) };
}

/**
 * The next T ids of each stream, ids (S, T) row-major -> logits (S, V) after the last of them, and the longer cache, which
 * has some of its tensors in common with the one before. Neither is disposed here.
 */
export function nextLogits(network: Network, ids: Int32Array, cache: Cache): { logits: tf.Tensor2D; cache: Cache } {
  const { normEps, width } = network.config;
  const { streams } = cache;
  const length = ids.length / streams;
  const setting = nextSetting(network, cache, length);
  const layers: LayerCache[] = [];
  let x = embedding(network.embedding, tf.tensor1d(ids, 'int32')); // (S * T, C)
  network.layers.forEach((layer, i) => {
    const { shared } = cache.layers[i]!;
    const normed = rmsNorm(x, layer.attentionNorm, normEps); // (S * T, C)
    const [q, k, v] = [linear(normed, layer.query), linear(normed, layer.key), linear(normed, layer.value)];
    const attended = cachedAttention(q, k, v, setting, cache.layers[i]!);
    let { mixed } = attended; // (S * T, C)
    layers.push({ shared, own: attended.own });
    if (length > 1 && i === network.layers.length - 1) {
      // nobody looks at the other positions any more
      const last = (y: tf.Tensor2D): tf.Tensor2D =>
        tf.reshape(tf.slice(tf.reshape(y, [streams, length, width]), [0, length - 1, 0], [streams, 1, width]), [
          -1,
          width,
        ]);
      [x, mixed] = [last(x), last(mixed)]; // (S, C)
    }
    x = residual(x, linear(mixed, layer.output)); // (S * T, C)
    x = feedForward(x, layer, normEps, noDropout); // (S * T, C)
  });
  const logits = tf.matMul<tf.Tensor2D>(rmsNorm(x, network.finalNorm, normEps), network.outputHead, false, true);
  return { logits, cache: { streams, length: cache.length + length, layers } };
}

/** `length` more positions after those of the cache. */
function nextSetting({ config, tables, mask }: Network, cache: Cache, length: number): CachedSetting {
  return {
    heads: config.heads,
    kvHeads: config.kvHeads,
    streams: cache.streams,
    length,
    tables: ropeSlice(tables, cache.length, length),
    mask: length === 1 ? undefined : tf.slice(mask, [cache.length, 0], [length, cache.length + length]),
  };
}

/** `count` streams that begin with the one sequence of this cache, and share its tensors: disposing one leaves the other. */
export function forkCache(cache: Cache, count: number): Cache {
  check(cache.streams === 1, `a cache of ${cache.streams} streams cannot be forked`);
  const layers = cache.layers.map(({ shared, own }) => ({
    shared: [...shared, ...own].map(({ k, v }) => ({ k: tf.clone(k), v: tf.clone(v) })),
    own: [],
  }));
  return { streams: count, length: cache.length, layers };
}

/** The streams at these indices -> a cache of them alone, sharing the common beginning with the one before. */
export function keepStreams(cache: Cache, indices: readonly number[]): Cache {
  const chosen = tf.tensor1d([...indices], 'int32');
  const choose = (x: tf.Tensor3D): tf.Tensor3D => {
    const [groups, positions, headWidth] = x.shape;
    const rows = tf.gather(tf.reshape(x, [cache.streams, -1]), chosen); // (kept, K * P * D)
    return tf.reshape(rows, [(groups / cache.streams) * indices.length, positions, headWidth]);
  };
  const layers = cache.layers.map(({ shared, own }) => ({
    shared,
    own: own.map(({ k, v }) => ({ k: choose(k), v: choose(v) })),
  }));
  return { streams: indices.length, length: cache.length, layers };
}

/** Every tensor of a cache. */
export function cacheTensors({ layers }: Cache): tf.Tensor[] {
  return layers.flatMap(({ shared, own }) => [...shared, ...own].flatMap(({ k, v }) => [k, v]));
}
