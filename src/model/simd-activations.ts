/**
 * What one batch needs on the simd engine: every array of the forward and backward pass, placed before it runs. Nothing is
 * allocated in a step, and a batch of another shape is another plan of the same memory.
 * Shapes as in simd-network.ts.
 */
import type { Address } from '../kernels/tape.ts';
import type { ModelConfig } from '../types.ts';

/** The address so many words further on. */
export const at = (address: Address, words: number): Address => address + 4 * words;

/** Widths that the kernels see. */
export function widthsOf({ width, heads, kvHeads, vocabSize }: ModelConfig) {
  const headWidth = width / heads;
  return {
    headWidth,
    /** heads that carry positions: queries and keys */
    turned: heads + kvHeads,
    qkvWidth: (heads + 2 * kvHeads) * headWidth,
    kvWidth: kvHeads * headWidth,
    /** leading dimension of logits */
    logitsWidth: Math.ceil(vocabSize / 8) * 8,
  };
}

/** A layer's input and everything its backward pass reads. */
interface LayerActivations {
  x: Address; // (N, C)
  attentionRstd: Address; // (N)
  attentionInput: Address; // (N, C), normed
  qkv: Address; // (N, Q), queries and keys turned
  lse: Address; // (B * H * T)
  mixed: Address; // (N, H * D)
  middle: Address; // (N, C), after attention; (M, C) in the last layer, and so all below
  mlpRstd: Address;
  mlpInput: Address;
  gateUp: Address; // (N, 2F)
  inner: Address; // (N, F)
}

export interface Activations {
  batch: number;
  length: number;
  /** number of targets, M */
  targets: number;
  ids: Address; // (N) words
  /** rows that have a target */
  positions: Address; // (M) words
  targetIds: Address; // (M) words
  losses: Address; // (M)
  layers: LayerActivations[];
  /** rows of the last layer's input and attention output that have a target */
  last: { x: Address; mixed: Address }; // (M, C), (M, H * D)
  final: { x: Address; rstd: Address; normed: Address }; // (M, C), (M), (M, C)
  logits: Address; // (lossRows, logitsWidth)
  /** targets a pass of the loss: bounds the memory of the logits */
  lossRows: number;
  branch: Address; // (N, C): what a layer adds, before dropout
  /** gradients; undefined where only the loss is wanted */
  gradients: GradientBuffers | undefined;
}

export interface GradientBuffers {
  x: Address; // (N, C)
  branch: Address; // (N, C)
  wide: Address; // (N, 2F)
  inner: Address; // (N, F)
  normed: Address; // (N, C)
  mixed: Address; // (N, H * D)
  qkv: Address; // (N, Q)
}

/** Logits are made for so many words at a time. */
const logitsWords = 4 << 20;

/**
 * Places everything for one batch with `take`, which hands out words. With `training` each layer keeps what its backward
 * pass reads; without, all layers share one set.
 */
export function planActivations(
  config: ModelConfig,
  { batch, length, targets }: { batch: number; length: number; targets: number },
  training: boolean,
  take: (words: number) => Address,
): Activations {
  const { width, heads, hiddenWidth, layers } = config;
  const { qkvWidth, logitsWidth } = widthsOf(config);
  const rows = batch * length;
  const lossRows = Math.min(targets, Math.max(8, Math.floor(logitsWords / logitsWidth)));
  const layer = (): LayerActivations => ({
    x: take(rows * width),
    attentionRstd: take(rows),
    attentionInput: take(rows * width),
    qkv: take(rows * qkvWidth),
    lse: take(batch * heads * length),
    mixed: take(rows * width),
    middle: take(rows * width),
    mlpRstd: take(rows),
    mlpInput: take(rows * width),
    gateUp: take(rows * 2 * hiddenWidth),
    inner: take(rows * hiddenWidth),
  });
  const shared = training ? undefined : layer();
  return {
    batch,
    length,
    targets,
    ids: take(rows),
    positions: take(targets),
    targetIds: take(targets),
    losses: take(targets),
    layers: Array.from({ length: layers }, () => shared ?? layer()),
    last: { x: take(targets * width), mixed: take(targets * width) },
    final: { x: take(targets * width), rstd: take(targets), normed: take(targets * width) },
    logits: take(lossRows * logitsWidth),
    lossRows,
    branch: take(rows * width),
    gradients: training
      ? {
          x: take(rows * width),
          branch: take(rows * width),
          wide: take(rows * 2 * hiddenWidth),
          inner: take(rows * hiddenWidth),
          normed: take(rows * width),
          mixed: take(rows * width),
          qkv: take(rows * qkvWidth),
        }
      : undefined,
  };
}
