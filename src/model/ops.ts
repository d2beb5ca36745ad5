/**
 * The network's operations, each with its gradient spelled out: tfjs's own gradients keep more, split one pass into many
 * small kernels, and are not registered in its Node build. Each operation is a pair of plain functions, forward and
 * backward; a backend may have its own (fused.ts). Attention is in attention.ts.
 * Shapes: N = rows x positions, C width, F hidden width, V vocabulary, M targets.
 */
import * as tf from '@tensorflow/tfjs-core';
import { kernelOf, type Differentiable, type FusedKernels } from './fused.ts';

export type Save = (tensors: tf.Tensor[]) => void;

/**
 * tf.customGrad with types; what the forward and backward pass leave over is disposed at once. Whatever the gradient
 * reads, constants too, has to be saved: it outlives the tidy it was made in only so.
 */
export function differentiable<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: Save) => { value: T; gradient: (dy: T, saved: tf.Tensor[]) => tf.Tensor[] },
): T {
  return tf.customGrad<T>((...args) => {
    const held: { gradient?: (dy: T, saved: tf.Tensor[]) => tf.Tensor[] } = {};
    const value = tf.tidy(() => {
      const result = forward(args.at(-1) as Save);
      held.gradient = result.gradient;
      return result.value;
    });
    return { value, gradFunc: (dy, saved) => tf.tidy(() => held.gradient!(dy, saved)) };
  })(...inputs);
}

/** Runs a pair of functions as one operation of the tape. */
export function applyKernel<Inputs extends tf.Tensor[], Fixed>(
  kernel: Differentiable<Inputs, Fixed>,
  inputs: Inputs,
  fixed: Fixed,
): tf.Tensor2D {
  return differentiable<tf.Tensor2D>(inputs, (save) => {
    const { value, kept } = kernel.forward(inputs, fixed);
    save(kept);
    return { value, gradient: (dy, kept) => kernel.backward(dy, kept, fixed) };
  });
}

// === Matrix products

const plainLinear: FusedKernels['linear'] = {
  forward: ([x, weight]) => ({ value: tf.matMul(x, weight), kept: [x, weight] }),
  backward: (dy, [x, weight]) => [
    tf.matMul(dy, weight as tf.Tensor2D, false, true), // (N, O) x (O, I) -> (N, I)
    tf.matMul(x as tf.Tensor2D, dy, true, false), // (I, N) x (N, O) -> (I, O)
  ],
};

/** y = x W: x (N, I), W (I, O) -> (N, O). Of its own, so that both gradients are one product and no transposed copy. */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return applyKernel(kernelOf('linear', plainLinear), [x, weight], null);
}

// === Element by element

/** x + y, both (N, C): the residual path. Of its own because nothing is kept: the gradient flows unchanged to both. */
export function residual(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, y], () => ({
    value: tf.add(x, y),
    gradient: (dy) => [tf.clone(dy), tf.clone(dy)],
  }));
}

/** x * mask, both (N, C); the mask is a constant (dropout: 0 or 1 / kept share). Keeps the mask alone, not x. */
export function applyMask(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x], (save) => {
    save([mask]);
    return { value: tf.mul(x, mask), gradient: (dy, [mask]) => [tf.mul(dy, mask!)] };
  });
}

const plainRmsNorm: FusedKernels['rmsNorm'] = {
  forward([x, gain], { eps }) {
    const scale = tf.rsqrt(tf.add(tf.mean(tf.mul(x, x), -1, true), eps)); // (N, 1)
    const normed = tf.mul<tf.Tensor2D>(x, scale); // (N, C)
    return { value: tf.mul(normed, gain), kept: [normed, scale, gain] };
  },
  backward(dy, [normed, scale, gain]) {
    const scaled = tf.mul(dy, gain!); // (N, C)
    const along = tf.mean(tf.mul(scaled, normed!), -1, true); // (N, 1), the part that the norm removes
    const dx = tf.mul<tf.Tensor2D>(tf.sub(scaled, tf.mul(normed!, along)), scale!); // (N, C)
    return [dx, tf.sum(tf.mul(dy, normed!), 0)]; // (N, C), (C)
  },
};

/**
 * RMSNorm (Zhang & Sennrich 2019): x / sqrt(mean(x^2) + eps) * gain: x (N, C), gain (C) -> (N, C).
 * Of its own: one kept array of (N, C), where the tape would keep four.
 */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, eps: number): tf.Tensor2D {
  return applyKernel(kernelOf('rmsNorm', plainRmsNorm), [x, gain], { eps });
}

const plainSwiglu: FusedKernels['swiglu'] = {
  forward: ([gate, up]) => ({ value: tf.mul(tf.mul(gate, tf.sigmoid(gate)), up), kept: [gate, up] }),
  backward(dy, [gate, up]) {
    const open = tf.sigmoid(gate!); // (N, F)
    const silu = tf.mul(gate!, open); // (N, F)
    const slope = tf.add(open, tf.sub(silu, tf.mul(silu, open))); // silu' = s + silu (1 - s)
    return [tf.mul(tf.mul(dy, up!), slope), tf.mul(dy, silu)];
  },
};

/**
 * Gated unit (Shazeer 2020): silu(gate) * up, (N, F) each -> (N, F). Of its own: these are the widest arrays of a layer, and
 * only its two inputs are kept; the sigmoid is computed again on the way back, which is cheaper than its memory.
 */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return applyKernel(kernelOf('swiglu', plainSwiglu), [gate, up], null);
}

// === Rows by id

const asColumn = (ids: tf.Tensor): tf.Tensor2D => tf.reshape(ids, [-1, 1]);

const plainEmbedding: FusedKernels['embedding'] = {
  forward: ([table], { ids }) => ({ value: tf.gatherND(table, asColumn(ids)) as tf.Tensor2D, kept: [ids] }),
  backward: (dy, [ids], { rows }) => [tf.scatterND(asColumn(ids!), dy, [rows, dy.shape[1]])],
};

/**
 * Rows of a table: table (V, C), ids (M) int32 -> (M, C); the gradient adds each row back where it came from.
 * Of its own because tfjs's gradient of gather is unsortedSegmentSum, which on most of its backends compares all M ids
 * with every one of the V rows. scatterND touches M rows only; it adds up repeated ones. The caller checks that ids are in
 * range: what lies beyond is another tensor's memory.
 */
export function embedding(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  return applyKernel(kernelOf('embedding', plainEmbedding), [table], { ids, rows: table.shape[0] });
}

// === Loss

/** Elements of logits in memory at once: 64 MB. */
const defaultMaxLogits = 2 ** 24;

/** logits, their softmax and the losses: hidden (M, C), table (V, C), ids (M) -> (M, V), (M, C), (M). */
function plainLosses(hidden: tf.Tensor2D, table: tf.Tensor2D, ids: tf.Tensor1D) {
  const logits = tf.matMul(hidden, table, false, true); // (M, V)
  const shares = tf.softmax(logits); // (M, V)
  const targetRows = tf.gatherND(table, asColumn(ids)) as tf.Tensor2D; // (M, C)
  // log sum exp = top logit - log(its share): two maxima are cheaper than exp over (M, V), and exact at any size
  const logSum = tf.sub(tf.max(logits, -1), tf.log(tf.max(shares, -1))); // (M)
  const losses = tf.sub<tf.Tensor1D>(logSum, tf.sum(tf.mul(hidden, targetRows), -1)); // (M)
  return { shares, targetRows, losses };
}

const plainCrossEntropy: FusedKernels['crossEntropy'] = (hidden, table, ids) => plainLosses(hidden, table, ids).losses;

/** The gradient of the logits is softmax - onehot(target); its one-hot part is M rows to gather and to scatter. */
const plainCrossEntropyGradient: FusedKernels['crossEntropyGradient'] = (hidden, table, ids) => {
  const { shares, targetRows, losses } = plainLosses(hidden, table, ids);
  return {
    losses,
    dHidden: tf.sub(tf.matMul(shares, table), targetRows), // (M, C)
    dTable: tf.sub(tf.matMul(shares, hidden, true, false), tf.scatterND(asColumn(ids), hidden, table.shape)), // (V, C)
  };
};

/** Pieces of the targets, so that no array of (M, V) grows beyond `maxLogits`. */
function pieces(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  ids: tf.Tensor1D,
  maxLogits: number,
): [tf.Tensor2D, tf.Tensor1D][] {
  const count = ids.shape[0];
  const rows = Math.max(1, Math.floor(maxLogits / table.shape[0]));
  if (count <= rows) return [[hidden, ids]];
  return Array.from({ length: Math.ceil(count / rows) }, (_, i) => {
    const size = Math.min(rows, count - i * rows);
    return [tf.slice(hidden, [i * rows, 0], [size, -1]), tf.slice(ids, [i * rows], [size])];
  });
}

/** Cross-entropy in nats of each target: hidden (M, C), output table (V, C), ids (M) int32 -> (M). Without a gradient. */
export function crossEntropies(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  ids: tf.Tensor1D,
  maxLogits = defaultMaxLogits,
): tf.Tensor1D {
  const kernel = kernelOf('crossEntropy', plainCrossEntropy);
  const parts = pieces(hidden, table, ids, maxLogits).map(([h, i]) => tf.tidy(() => kernel(h, table, i)));
  return parts.length === 1 ? parts[0]! : tf.concat(parts);
}

/**
 * Sum of the cross-entropies times `scale`: hidden (M, C), output table (V, C), ids (M) int32, M > 0 -> scalar.
 *
 * Of its own: only positions with a target meet the vocabulary, no one-hot is built, and the gradients are computed in the
 * forward pass (Hsu et al. 2024, Liger kernel), piece by piece. So nothing of (M, V), the largest array of a step, lives
 * on to the backward pass, and none of it is computed twice.
 */
export function maskedCrossEntropy(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  ids: tf.Tensor1D,
  scale: number,
  maxLogits = defaultMaxLogits,
): tf.Scalar {
  return differentiable<tf.Scalar>([hidden, table], (save) => {
    const kernel = kernelOf('crossEntropyGradient', plainCrossEntropyGradient);
    const parts = pieces(hidden, table, ids, maxLogits).map(([h, i]) => tf.tidy(() => kernel(h, table, i)));
    const [first] = parts;
    const only = parts.length === 1 && first !== undefined;
    const sums = parts.map(({ losses }) => tf.sum(losses));
    const dHidden = only ? first.dHidden : tf.concat(parts.map((p) => p.dHidden)); // (M, C)
    const dTable = only ? first.dTable : tf.addN(parts.map((p) => p.dTable)); // (V, C)
    save([dHidden, dTable]);
    return {
      value: tf.mul<tf.Scalar>(only ? sums[0]! : tf.addN(sums), scale),
      gradient: (dy, saved) => {
        const factor = tf.mul(dy, scale);
        return saved.map((gradient) => tf.mul(gradient, factor));
      },
    };
  });
}
