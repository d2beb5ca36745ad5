/**
 * The whole transformer on the SIMD kernels, forward and backward spelled out, as llm.c stands beside PyTorch: the same
 * network as gpt.ts, and one parity test holds both to the same numbers. Each call on the tape is one kernel, run by all
 * threads; the order here is the order of execution.
 *
 * Read top to bottom: parameters, forward, loss, backward; what a batch needs is in simd-activations.ts.
 * Shapes: B rows, T positions, N = B * T, M targets, C width, H heads, G key-value heads, D = C / H, Q = (H + 2G) * D,
 * F hidden width, V vocabulary. Linear weights are (out, in): y = x W^T, dx = dy W, dW = dy^T x.
 */
import type { Address, Tape } from '../kernels/tape.ts';
import type { ModelConfig } from '../types.ts';
import { at, widthsOf, type Activations, type GradientBuffers } from './simd-activations.ts';

// === Parameters

/** Addresses of one layer's weights, or of their gradients. */
export interface SimdLayer {
  attentionNorm: Address; // (C)
  qkv: Address; // (Q, C)
  output: Address; // (C, H * D)
  mlpNorm: Address; // (C)
  gateUp: Address; // (2F, C)
  down: Address; // (C, F)
}

export interface SimdWeights {
  embedding: Address; // (V, C)
  /** the embedding's address where they are tied */
  head: Address; // (V, C)
  layers: SimdLayer[];
  finalNorm: Address; // (C)
}

export interface SimdNetwork {
  config: ModelConfig;
  weights: SimdWeights;
  rope: { cos: Address; sin: Address }; // (context, D / 2) each
}

// === Forward

/** Inverted dropout on the embedding and on what each layer adds; every site of a step has a seed of its own. */
export interface SimdDropout {
  rate: number;
  /** seed of site 0; site s adds s */
  seed: number;
}

export const noDropout: SimdDropout = { rate: 0, seed: 0 };

/**
 * Ids at `a.ids` -> normed hidden states of the positions with a target, (M, C) at `a.final.normed`. Past the last
 * attention no position needs another, so the rest of the last layer is done for those alone.
 */
export function recordForward(tape: Tape, network: SimdNetwork, a: Activations, dropout: SimdDropout): void {
  const { config, weights, rope } = network;
  const { width, heads, kvHeads, hiddenWidth, normEps, layers } = config;
  const { headWidth, turned, qkvWidth } = widthsOf(config);
  const { batch, length, branch } = a;
  const rows = batch * length;

  const first = a.layers[0]!.x;
  tape.embedding({ ids: a.ids, table: weights.embedding, x: first, rows, width });
  if (dropout.rate > 0) tape.dropout({ x: first, y: first, count: rows * width, ...dropout });

  for (let i = 0; i < layers; i++) {
    const w = weights.layers[i]!;
    const l = a.layers[i]!;
    const isLast = i === layers - 1;
    tape.rmsNorm({
      x: l.x,
      gain: w.attentionNorm,
      y: l.attentionInput,
      rstd: l.attentionRstd,
      rows,
      width,
      eps: normEps,
    });
    linear(tape, { x: l.attentionInput, w: w.qkv, y: l.qkv, rows, inWidth: width, outWidth: qkvWidth });
    tape.rope({ x: l.qkv, ld: qkvWidth, ...rope, rows, length, start: 0, heads: turned, headWidth, inverse: false });
    tape.attention({ qkv: l.qkv, out: l.mixed, lse: l.lse, batch, length, heads, kvHeads, headWidth });

    const kept = isLast ? a.targets : rows;
    if (isLast) {
      tape.embedding({ ids: a.positions, table: l.x, x: a.last.x, rows: kept, width });
      tape.embedding({ ids: a.positions, table: l.mixed, x: a.last.mixed, rows: kept, width });
    }
    const [x, mixed] = isLast ? [a.last.x, a.last.mixed] : [l.x, l.mixed];
    linear(tape, { x: mixed, w: w.output, y: branch, rows: kept, inWidth: width, outWidth: width });
    tape.dropoutAdd({ branch, x, y: l.middle, count: kept * width, ...atSite(dropout, 1 + 2 * i) });

    tape.rmsNorm({ x: l.middle, gain: w.mlpNorm, y: l.mlpInput, rstd: l.mlpRstd, rows: kept, width, eps: normEps });
    linear(tape, { x: l.mlpInput, w: w.gateUp, y: l.gateUp, rows: kept, inWidth: width, outWidth: 2 * hiddenWidth });
    tape.swiglu({ gateUp: l.gateUp, y: l.inner, rows: kept, hidden: hiddenWidth });
    linear(tape, { x: l.inner, w: w.down, y: branch, rows: kept, inWidth: hiddenWidth, outWidth: width });
    const next = isLast ? a.final.x : a.layers[i + 1]!.x;
    tape.dropoutAdd({ branch, x: l.middle, y: next, count: kept * width, ...atSite(dropout, 2 + 2 * i) });
  }
  const { x, rstd, normed } = a.final;
  tape.rmsNorm({ x, gain: weights.finalNorm, y: normed, rstd, rows: a.targets, width, eps: normEps });
}

// === Loss

/**
 * Cross-entropy of each target -> `a.losses` (M), in nats. With gradients `g`, also their part in the head's gradient and
 * the gradient of the hidden states, (M, C) at `a.gradients.normed`, both times `scale`. Logits are made for `lossRows`
 * targets at a time and turned into their own gradient in place, so no (M, V) array exists.
 */
export function recordLoss(tape: Tape, network: SimdNetwork, a: Activations, g?: SimdWeights, scale = 0): void {
  const { width, vocabSize } = network.config;
  const { logitsWidth } = widthsOf(network.config);
  const { head } = network.weights;
  for (let start = 0; start < a.targets; start += a.lossRows) {
    const rows = Math.min(a.lossRows, a.targets - start);
    const hidden = at(a.final.normed, start * width);
    const logits = { a: hidden, lda: width, b: head, ldb: width, c: a.logits, ldc: logitsWidth };
    tape.gemm({ transB: true, m: rows, n: vocabSize, k: width, ...logits }); // (rows, V)
    const [targets, losses] = [at(a.targetIds, start), at(a.losses, start)];
    tape.crossEntropy({ logits: a.logits, ld: logitsWidth, vocab: vocabSize, targets, losses, rows, scale });
    if (!g || !a.gradients) continue;
    const dHidden = { a: a.logits, lda: logitsWidth, b: head, ldb: width, ldc: width };
    tape.gemm({ m: rows, n: width, k: vocabSize, c: at(a.gradients.normed, start * width), ...dHidden }); // (rows, C)
    const dHead = { a: a.logits, lda: logitsWidth, b: hidden, ldb: width, c: g.head, ldc: width, accumulate: true };
    tape.gemm({ transA: true, m: vocabSize, n: width, k: rows, ...dHead }); // (V, C)
  }
}

// === Backward

/** From the gradient of the hidden states at `a.gradients.normed` to every weight's gradient, added to `g`. */
export function recordBackward(
  tape: Tape,
  network: SimdNetwork,
  a: Activations & { gradients: GradientBuffers },
  g: SimdWeights,
  dropout: SimdDropout,
): void {
  const { config, weights, rope } = network;
  const { width, heads, kvHeads, hiddenWidth, layers } = config;
  const { headWidth, turned, qkvWidth } = widthsOf(config);
  const { batch, length, gradients: d } = a;
  const rows = batch * length;

  const { x, rstd } = a.final;
  const final = { x, rstd, dy: d.normed, rows: a.targets, width };
  tape.rmsNormGain({ ...final, dgain: g.finalNorm });
  tape.rmsNormBackward({ ...final, gain: weights.finalNorm, dx: d.x, accumulate: false });

  for (let i = layers - 1; i >= 0; i--) {
    const [w, dw, l] = [weights.layers[i]!, g.layers[i]!, a.layers[i]!];
    const isLast = i === layers - 1;
    const kept = isLast ? a.targets : rows;

    const branch = dropped(tape, d, kept * width, atSite(dropout, 2 + 2 * i));
    linearBackward(tape, {
      x: l.inner,
      w: w.down,
      dy: branch,
      dx: d.inner,
      dw: dw.down,
      rows: kept,
      inWidth: hiddenWidth,
      outWidth: width,
    });
    tape.swigluBackward({ gateUp: l.gateUp, dy: d.inner, dgateUp: d.wide, rows: kept, hidden: hiddenWidth });
    linearBackward(tape, {
      x: l.mlpInput,
      w: w.gateUp,
      dy: d.wide,
      dx: d.normed,
      dw: dw.gateUp,
      rows: kept,
      inWidth: width,
      outWidth: 2 * hiddenWidth,
    });
    const mlpNorm = { x: l.middle, rstd: l.mlpRstd, dy: d.normed, rows: kept, width };
    tape.rmsNormGain({ ...mlpNorm, dgain: dw.mlpNorm });
    tape.rmsNormBackward({ ...mlpNorm, gain: w.mlpNorm, dx: d.x, accumulate: true });

    const mixedBranch = dropped(tape, d, kept * width, atSite(dropout, 1 + 2 * i));
    const mixed = isLast ? a.last.mixed : l.mixed;
    // in the last layer the gradients of the kept rows go back to their places; the other rows have none from here
    const dMixed = isLast ? d.normed : d.mixed;
    linearBackward(tape, {
      x: mixed,
      w: w.output,
      dy: mixedBranch,
      dx: dMixed,
      dw: dw.output,
      rows: kept,
      inWidth: width,
      outWidth: width,
    });
    if (isLast) {
      tape.zero({ x: d.mixed, count: rows * width });
      tape.embeddingBackward({ ids: a.positions, dx: dMixed, dtable: d.mixed, rows: kept, width });
      tape.copy({ x: d.x, y: d.branch, count: kept * width });
      tape.zero({ x: d.x, count: rows * width });
      tape.embeddingBackward({ ids: a.positions, dx: d.branch, dtable: d.x, rows: kept, width });
    }
    const attention = { qkv: l.qkv, out: l.mixed, lse: l.lse, dout: d.mixed, dqkv: d.qkv };
    tape.attentionBackward({ ...attention, batch, length, heads, kvHeads, headWidth });
    tape.rope({ x: d.qkv, ld: qkvWidth, ...rope, rows, length, start: 0, heads: turned, headWidth, inverse: true });
    linearBackward(tape, {
      x: l.attentionInput,
      w: w.qkv,
      dy: d.qkv,
      dx: d.normed,
      dw: dw.qkv,
      rows,
      inWidth: width,
      outWidth: qkvWidth,
    });
    const attentionNorm = { x: l.x, rstd: l.attentionRstd, dy: d.normed, rows, width };
    tape.rmsNormGain({ ...attentionNorm, dgain: dw.attentionNorm });
    tape.rmsNormBackward({ ...attentionNorm, gain: w.attentionNorm, dx: d.x, accumulate: true });
  }
  const dx = dropped(tape, d, rows * width, dropout);
  tape.embeddingBackward({ ids: a.ids, dx, dtable: g.embedding, rows, width });
}

// === Parts

/** y (rows, out) = x (rows, in) W^T */
function linear(
  tape: Tape,
  {
    x,
    w,
    y,
    rows,
    inWidth,
    outWidth,
  }: { x: Address; w: Address; y: Address; rows: number; inWidth: number; outWidth: number },
): void {
  tape.gemm({
    transB: true,
    m: rows,
    n: outWidth,
    k: inWidth,
    a: x,
    lda: inWidth,
    b: w,
    ldb: inWidth,
    c: y,
    ldc: outWidth,
  });
}

/** dx (rows, in) = dy (rows, out) W; dW (out, in) += dy^T x */
function linearBackward(
  tape: Tape,
  o: { x: Address; w: Address; dy: Address; dx: Address; dw: Address; rows: number; inWidth: number; outWidth: number },
): void {
  const { inWidth, outWidth, rows } = o;
  tape.gemm({ m: rows, n: inWidth, k: outWidth, a: o.dy, lda: outWidth, b: o.w, ldb: inWidth, c: o.dx, ldc: inWidth });
  const dw = { a: o.dy, lda: outWidth, b: o.x, ldb: inWidth, c: o.dw, ldc: inWidth, accumulate: true };
  tape.gemm({ transA: true, m: outWidth, n: inWidth, k: rows, ...dw });
}

/** The gradient of the residual stream, `d.x`, through a site's dropout: `d.branch`, or `d.x` itself where nothing is dropped. */
function dropped(tape: Tape, d: GradientBuffers, count: number, site: SimdDropout): Address {
  if (site.rate === 0) return d.x;
  tape.dropout({ x: d.x, y: d.branch, count, ...site });
  return d.branch;
}

const atSite = ({ rate, seed }: SimdDropout, site: number): SimdDropout => ({ rate, seed: (seed + site) | 0 });
