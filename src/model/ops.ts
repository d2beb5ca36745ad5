/**
 * The network's operations, each with its gradient spelled out (tf.customGrad), on tfjs-core alone.
 * Fused so that little is kept for the backward pass, no one-hot of the vocabulary is built, and few small kernels run:
 * on the wasm backend the calls between matrix products are the rest of the cost.
 * Nothing between them needs a gradient of tfjs's own (its Node build registers none).
 * Shapes: B rows, T positions, N = B * T, C width, H heads, D = C / H, F hidden width, V vocabulary, M targets.
 * Not covered: grouped-query attention, biases.
 */
import * as tf from '@tensorflow/tfjs-core';

type Save = (tensors: tf.Tensor[]) => void;

/**
 * tf.customGrad with types; what the forward and backward pass leave over is disposed at once. Whatever the gradient
 * reads, constants too, has to be saved: it outlives the tidy it was made in only so.
 */
function differentiable<T extends tf.Tensor>(
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

/** y = x W: x (N, I), W (I, O) -> (N, O). Its own gradient, so that W's layout stays (in, out) both ways. */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, weight], (save) => {
    save([x, weight]);
    return {
      value: tf.matMul(x, weight),
      gradient: (dy, [x, weight]) => [
        tf.matMul(dy, weight as tf.Tensor2D, false, true), // (N, O) x (O, I) -> (N, I)
        tf.matMul(x as tf.Tensor2D, dy, true, false), // (I, N) x (N, O) -> (I, O)
      ],
    };
  });
}

/** x + y, both (N, C): the residual path. A gradient flows unchanged to both. */
export function residual(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, y], () => ({
    value: tf.add(x, y),
    gradient: (dy) => [tf.clone(dy), tf.clone(dy)],
  }));
}

/** x * mask, both (N, C); the mask is a constant (dropout: 0 or 1 / kept share). */
export function applyMask(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x], (save) => {
    save([mask]);
    return { value: tf.mul(x, mask), gradient: (dy, [mask]) => [tf.mul(dy, mask!)] };
  });
}

/** Mean of (M) losses, M > 0 -> scalar. */
export function meanLoss(losses: tf.Tensor1D): tf.Scalar {
  const count = losses.shape[0];
  return differentiable<tf.Scalar>([losses], () => ({
    value: tf.mean(losses),
    gradient: (dy) => [tf.mul(tf.fill([count], 1 / count), dy)],
  }));
}

/** RMSNorm (Zhang & Sennrich 2019): x / sqrt(mean(x^2) + eps) * gain: x (N, C), gain (C) -> (N, C). */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, eps: number): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, gain], (save) => {
    const scale = tf.rsqrt(tf.add(tf.mean(tf.mul(x, x), -1, true), eps)); // (N, 1)
    const normed = tf.mul(x, scale); // (N, C)
    save([normed, scale, gain]);
    return {
      value: tf.mul(normed, gain),
      gradient: (dy, [normed, scale, gain]) => {
        const scaled = tf.mul(dy, gain!); // (N, C)
        const along = tf.mean(tf.mul(scaled, normed!), -1, true); // (N, 1), the part that the norm removes
        const dx = tf.mul(tf.sub(scaled, tf.mul(normed!, along)), scale!); // (N, C)
        const ones = tf.ones<tf.Rank.R2>([1, dy.shape[0]]);
        const dGain = tf.matMul(ones, tf.mul(dy, normed!)); // (1, N) x (N, C): a product sums faster than tf.sum
        return [dx, tf.reshape(dGain, [-1])];
      },
    };
  });
}

/** Tables of the rotary embedding for positions 0..length-1. */
export interface RopeTables {
  /** (length, D) each; both halves of D hold the same angles */
  cos: tf.Tensor2D;
  sin: tf.Tensor2D;
  /** (D, D): x turn = (-second half, first half), Hugging Face's `rotate_half` as a product */
  turn: tf.Tensor2D;
}

/** Angles position / theta^(2i/D). The caller disposes the tables. */
export function ropeTables(length: number, headWidth: number, theta: number): RopeTables {
  const half = headWidth / 2;
  const cos = new Float32Array(length * headWidth);
  const sin = new Float32Array(length * headWidth);
  for (let t = 0; t < length; t++) {
    for (let j = 0; j < headWidth; j++) {
      const angle = t / theta ** ((2 * (j % half)) / headWidth);
      cos[t * headWidth + j] = Math.cos(angle);
      sin[t * headWidth + j] = Math.sin(angle);
    }
  }
  const turn = new Float32Array(headWidth * headWidth);
  for (let j = 0; j < half; j++) {
    turn[(j + half) * headWidth + j] = -1;
    turn[j * headWidth + j + half] = 1;
  }
  return {
    cos: tf.tensor2d(cos, [length, headWidth]),
    sin: tf.tensor2d(sin, [length, headWidth]),
    turn: tf.tensor2d(turn, [headWidth, headWidth]),
  };
}

/** Rows `start`..`start + length - 1` of the tables. */
export function ropeSlice(tables: RopeTables, start: number, length: number): RopeTables {
  const [all, headWidth] = tables.cos.shape;
  if (start === 0 && length === all) return tables;
  const cut = (x: tf.Tensor2D): tf.Tensor2D => tf.slice(x, [start, 0], [length, headWidth]);
  return { cos: cut(tables.cos), sin: cut(tables.sin), turn: tables.turn };
}

function savedTables([cos, sin, turn]: tf.Tensor[]): RopeTables {
  return { cos: cos as tf.Tensor2D, sin: sin as tf.Tensor2D, turn: turn as tf.Tensor2D };
}

function rotate(x: tf.Tensor3D, { cos, sin, turn }: RopeTables, direction: 1 | -1): tf.Tensor3D {
  const turned = tf.reshape(tf.matMul(tf.reshape(x, [-1, turn.shape[0]]), turn), x.shape); // (G, T, D)
  const straight = tf.mul(x, cos);
  const across = tf.mul(turned, sin);
  return direction === 1 ? tf.add(straight, across) : tf.sub(straight, across);
}

/**
 * Rotary positions (Su et al. 2021) in Hugging Face's order, x (G, T, D), tables for T positions -> (G, T, D).
 * A rotation, so the gradient is the rotation back.
 */
export function rope(x: tf.Tensor3D, tables: RopeTables): tf.Tensor3D {
  return differentiable<tf.Tensor3D>([x], (save) => {
    save([tables.cos, tables.sin, tables.turn]);
    return { value: rotate(x, tables, 1), gradient: (dy, saved) => [rotate(dy, savedTables(saved), -1)] };
  });
}

/** (length, length): 0 where a position may look, a large negative number after it. The caller disposes it. */
export function causalMask(length: number): tf.Tensor2D {
  const mask = new Float32Array(length * length);
  for (let t = 0; t < length; t++) mask.fill(-1e9, t * length + t + 1, (t + 1) * length);
  return tf.tensor2d(mask, [length, length]);
}

/** Query, key and value by head, (H * G, T, D) each and rotated; G = B in training, 1 with a cache. */
export interface Heads {
  q: tf.Tensor3D;
  k: tf.Tensor3D;
  v: tf.Tensor3D;
}

/**
 * (N, 3C) as the projection gives it -> heads of (T, D), queries already divided by sqrt(D).
 * Heads go first and rows second, since that takes one transpose of rank 3 (rank 5 runs 100 times slower on wasm).
 */
export function splitHeads(qkv: tf.Tensor2D, heads: number, length: number, tables: RopeTables): Heads {
  const [rows, width3] = qkv.shape;
  const headWidth = width3 / 3 / heads;
  const groups = (heads * rows) / length; // H * B
  const byHead = tf.transpose(tf.reshape(qkv, [rows, 3 * heads, headWidth]), [1, 0, 2]); // (3H, N, D)
  const all = tf.reshape<tf.Rank.R3>(byHead, [3 * groups, length, headWidth]); // (3HB, T, D): queries, keys, values
  const [q, k, v] = tf.split<tf.Tensor3D>(all, 3, 0) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  return { q: tf.mul(rotate(q, tables, 1), headWidth ** -0.5), k: rotate(k, tables, 1), v };
}

/** The inverse of the head split for one part: (H * B, T, D) -> (N, C). */
export function joinHeads(x: tf.Tensor3D, heads: number): tf.Tensor2D {
  const headWidth = x.shape[2];
  const byHead = tf.reshape(x, [heads, -1, headWidth]); // (H, N, D)
  return tf.reshape(tf.transpose(byHead, [1, 0, 2]), [-1, heads * headWidth]);
}

/** softmax(q k^T + mask): q (G, T, D), k (G, S, D), mask (T, S) -> (G, T, S). */
export function attentionShares(q: tf.Tensor3D, k: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor3D {
  return tf.softmax(tf.add(tf.matMul(q, k, false, true), mask));
}

/**
 * Causal multi-head self-attention with rotary positions, from projection to heads joined: qkv (N, 3C) -> (N, C).
 * One operation, because taking queries, keys and values apart and gathering their gradients through the tape would
 * cost three paddings and two sums of (N, 3C). The row term of softmax's gradient is sum(dy * y) (Dao 2022, section 3.1).
 */
export function causalAttention(
  qkv: tf.Tensor2D,
  heads: number,
  length: number,
  tables: RopeTables,
  mask: tf.Tensor2D,
): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([qkv], (save) => {
    const { q, k, v } = splitHeads(qkv, heads, length, tables); // (HB, T, D) each
    const shares = attentionShares(q, k, mask); // (HB, T, T)
    const mixed = tf.matMul<tf.Tensor3D>(shares, v); // (HB, T, D)
    save([q, k, v, shares, mixed, tables.cos, tables.sin, tables.turn]);
    return {
      value: joinHeads(mixed, heads),
      gradient: (dy, saved) => {
        const [q, k, v, shares, mixed] = saved as tf.Tensor3D[];
        const tables = savedTables(saved.slice(5));
        const [groups, , headWidth] = q!.shape;
        const dyByHead = tf.transpose(tf.reshape(dy, [-1, heads, headWidth]), [1, 0, 2]); // (H, N, D)
        const dMixed = tf.reshape(dyByHead, [groups, length, headWidth]); // (HB, T, D)
        const dv = tf.matMul(shares!, dMixed, true, false); // (HB, T, D)
        const row = tf.sum(tf.mul(dMixed, mixed!), -1, true); // (HB, T, 1)
        const dScores = tf.mul(shares!, tf.sub(tf.matMul(dMixed, v!, false, true), row)); // (HB, T, T)
        const dq = rotate(tf.mul(tf.matMul(dScores, k!), headWidth ** -0.5), tables, -1);
        const dk = rotate(tf.matMul(dScores, q!, true, false), tables, -1);
        const all = tf.reshape(tf.concat([dq, dk, dv], 0), [3 * heads, -1, headWidth]); // (3H, N, D)
        return [tf.reshape(tf.transpose(all, [1, 0, 2]), [-1, 3 * heads * headWidth])]; // (N, 3C)
      },
    };
  });
}

/**
 * Gated unit (Shazeer 2020): silu(x Wg) * (x Wu): x (N, C), Wg and Wu (C, F) -> (N, F).
 * Includes both products, so that x is transposed once for both weights' gradients.
 */
export function swiglu(x: tf.Tensor2D, gateWeight: tf.Tensor2D, upWeight: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, gateWeight, upWeight], (save) => {
    const gate = tf.matMul(x, gateWeight); // (N, F)
    const up = tf.matMul(x, upWeight); // (N, F)
    const open = tf.sigmoid(gate); // (N, F)
    const silu = tf.mul(gate, open); // (N, F)
    save([x, gateWeight, upWeight, up, open, silu]);
    return {
      value: tf.mul(silu, up),
      gradient: (dy, saved) => {
        const [x, gateWeight, upWeight, up, open, silu] = saved as tf.Tensor2D[];
        const dUp = tf.mul(dy, silu!); // (N, F)
        const slope = tf.add(open!, tf.sub(silu!, tf.mul(silu!, open!))); // silu' = s + silu (1 - s)
        const dGate = tf.mul(tf.mul(dy, up!), slope); // (N, F)
        const dx = tf.add(tf.matMul(dGate, gateWeight!, false, true), tf.matMul(dUp, upWeight!, false, true)); // (N, C)
        const xByColumn = tf.transpose(x!); // (C, N)
        return [dx, tf.matMul(xByColumn, dGate), tf.matMul(xByColumn, dUp)];
      },
    };
  });
}

/**
 * Rows of a table: table (V, C), ids (M) -> (M, C); the gradient adds each row back where it came from.
 * gatherND and scatterND copy whole rows on wasm, where tf.gather goes element by element (50 times slower here).
 */
export function embedding(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  const indices = tf.tensor2d(ids, [ids.length, 1], 'int32');
  return differentiable<tf.Tensor2D>([table], (save) => {
    save([indices]);
    return {
      value: tf.gatherND(table, indices) as tf.Tensor2D,
      gradient: (dy, [indices]) => [tf.scatterND(indices as tf.Tensor2D, dy, table.shape)],
    };
  });
}

/**
 * Cross-entropy through the tied output layer, in nats per target: hidden (N, C), table (V, C), targets (N) host ids,
 * -1 = no loss -> (M) losses, M = number of targets, in order of position; M = 0 gives an empty tensor and never NaN.
 *
 * Only rows with a target meet the vocabulary. The gradient of the logits is softmax - onehot(target); as it is only
 * ever multiplied by the table and by the hidden rows, the one-hot part becomes M table rows to subtract, gathered and
 * scattered, and no array of (M, V) beside the softmax itself is built.
 */
export function maskedCrossEntropy(hidden: tf.Tensor2D, table: tf.Tensor2D, targets: Int32Array): tf.Tensor1D {
  const { positions, ids } = withTarget(targets);
  if (ids.length === 0) return tf.tensor1d([]);
  const picked = embedding(hidden, positions); // (M, C)
  const indices = tf.tensor2d(ids, [ids.length, 1], 'int32');
  return differentiable<tf.Tensor1D>([picked, table], (save) => {
    const logits = tf.matMul(picked, table, false, true); // (M, V)
    const shares = tf.softmax(logits); // (M, V)
    const targetRows = tf.gatherND(table, indices) as tf.Tensor2D; // (M, C)
    // log sum exp = top logit - log(its share): two maxima are cheaper than exp over (M, V), and exact at any size
    const logSum = tf.sub<tf.Tensor1D>(tf.max(logits, -1), tf.log(tf.max(shares, -1))); // (M)
    const value = tf.sub<tf.Tensor1D>(logSum, tf.sum(tf.mul(picked, targetRows), -1)); // (M)
    save([picked, table, shares, targetRows, indices]);
    return {
      value,
      gradient: (dy, saved) => {
        const [picked, table, shares, targetRows, indices] = saved as tf.Tensor2D[];
        const weight = tf.reshape(dy, [-1, 1]); // (M, 1)
        const weighted = tf.mul<tf.Tensor2D>(picked!, weight); // (M, C)
        const dPicked = tf.mul(weight, tf.sub(tf.matMul(shares!, table!), targetRows!)); // (M, C)
        const pulled = tf.matMul(shares!, weighted, true, false); // (V, M) x (M, C) -> (V, C)
        return [dPicked, tf.sub(pulled, tf.scatterND(indices!, weighted, table!.shape))];
      },
    };
  });
}

/** Positions that have a target, and the targets there. */
export function withTarget(targets: Int32Array): { positions: Int32Array; ids: Int32Array } {
  const positions = new Int32Array(targets.length);
  let count = 0;
  for (let i = 0; i < targets.length; i++) if (targets[i]! >= 0) positions[count++] = i;
  return { positions: positions.slice(0, count), ids: positions.slice(0, count).map((i) => targets[i]!) };
}
