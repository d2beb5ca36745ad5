/**
 * Causal multi-head self-attention with rotary positions, with its gradient spelled out, on tfjs-core alone.
 * Shapes: B rows, T positions, N = B * T, C width, H heads, D = C / H, P positions cached before.
 * Inside, heads come first and rows second, (H * B, T, D): that takes one transpose of rank 3 from (N, C).
 * Not covered: grouped-query attention, biases.
 */
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './ops.ts';

// === Rotary positions

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

/** x (G, T, D) turned by its positions' angles, or back. Without a gradient. */
function rotate(x: tf.Tensor3D, { cos, sin, turn }: RopeTables, direction: 1 | -1): tf.Tensor3D {
  const turned = tf.reshape<tf.Rank.R3>(tf.matMul(tf.reshape(x, [-1, turn.shape[0]]), turn), x.shape); // (G, T, D)
  const straight = tf.mul<tf.Tensor3D>(x, cos);
  const across = tf.mul<tf.Tensor3D>(turned, sin);
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

function savedTables([cos, sin, turn]: tf.Tensor[]): RopeTables {
  return { cos: cos as tf.Tensor2D, sin: sin as tf.Tensor2D, turn: turn as tf.Tensor2D };
}

// === Attention

/** What attention needs to know about positions: T positions that may look at P + T. */
export interface Positions {
  heads: number;
  /** T */
  length: number;
  /** of these T positions */
  tables: RopeTables;
  /** (T, P + T): 0 where a position may look, a large negative number elsewhere */
  mask: tf.Tensor2D;
}

/** (length, length): 0 where a position may look, a large negative number after it. The caller disposes it. */
export function causalMask(length: number): tf.Tensor2D {
  const mask = new Float32Array(length * length);
  for (let t = 0; t < length; t++) mask.fill(-1e9, t * length + t + 1, (t + 1) * length);
  return tf.tensor2d(mask, [length, length]);
}

/** (N, C) -> (H * B, T, D). */
function splitHeads(x: tf.Tensor2D, { heads, length }: Positions): tf.Tensor3D {
  const headWidth = x.shape[1] / heads;
  const byHead = tf.transpose(tf.reshape(x, [-1, heads, headWidth]), [1, 0, 2]); // (H, N, D)
  return tf.reshape(byHead, [-1, length, headWidth]);
}

/** (H * B, T, D) -> (N, C). */
function joinHeads(x: tf.Tensor3D, { heads }: Positions): tf.Tensor2D {
  const headWidth = x.shape[2];
  const byHead = tf.reshape(x, [heads, -1, headWidth]); // (H, N, D)
  return tf.reshape(tf.transpose(byHead, [1, 0, 2]), [-1, heads * headWidth]);
}

export interface AttentionWeights {
  /** (C, C) each */
  query: tf.Tensor2D;
  key: tf.Tensor2D;
  value: tf.Tensor2D;
}

/** softmax(q k^T + mask) v: q (G, T, D) divided by sqrt(D), k and v (G, P + T, D) -> shares (G, T, P + T), mixed (G, T, D). */
function attend(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, mask: tf.Tensor2D) {
  const shares = tf.softmax<tf.Tensor3D>(tf.add(tf.matMul(q, k, false, true), mask));
  return { shares, mixed: tf.matMul<tf.Tensor3D>(shares, v) };
}

/** x (N, C) -> queries (rotated, divided by sqrt(D)), keys (rotated) and values, (H * B, T, D) each. */
function project(x: tf.Tensor2D, { query, key, value }: AttentionWeights, positions: Positions) {
  const { heads, tables } = positions;
  const scale = (x.shape[1] / heads) ** -0.5;
  const q = tf.mul<tf.Tensor3D>(rotate(splitHeads(tf.matMul(x, query), positions), tables, 1), scale);
  const k = rotate(splitHeads(tf.matMul(x, key), positions), tables, 1);
  return { q, k, v: splitHeads(tf.matMul(x, value), positions) };
}

/**
 * Self-attention from hidden states to joined heads, before the output projection: x (N, C) -> (N, C).
 * One operation with its three projections: x is transposed once for the three weights' gradients, and no array of
 * (N, 3C) is cut and padded by the tape. The row term of softmax's gradient is sum(dy * y) (Dao et al. 2022, 3.1).
 */
export function causalAttention(x: tf.Tensor2D, weights: AttentionWeights, positions: Positions): tf.Tensor2D {
  const { query, key, value } = weights;
  return differentiable<tf.Tensor2D>([x, query, key, value], (save) => {
    const { q, k, v } = project(x, weights, positions); // (HB, T, D) each
    const { shares, mixed } = attend(q, k, v, positions.mask); // (HB, T, T), (HB, T, D)
    const { cos, sin, turn } = positions.tables;
    save([x, query, key, value, q, k, v, shares, mixed, cos, sin, turn]);
    return {
      value: joinHeads(mixed, positions),
      gradient: (dy, saved) => {
        const [x, query, key, value] = saved as tf.Tensor2D[];
        const [q, k, v, shares, mixed] = saved.slice(4) as tf.Tensor3D[];
        const tables = savedTables(saved.slice(9));
        const scale = q!.shape[2] ** -0.5;

        const dMixed = splitHeads(dy, positions); // (HB, T, D)
        const row = tf.sum(tf.mul(dMixed, mixed!), -1, true); // (HB, T, 1)
        const dShares = tf.matMul(dMixed, v!, false, true); // (HB, T, T)
        const dScores = tf.mul<tf.Tensor3D>(shares!, tf.sub(dShares, row)); // (HB, T, T)
        const dq = joinHeads(rotate(tf.mul(tf.matMul(dScores, k!), scale), tables, -1), positions); // (N, C)
        const dk = joinHeads(rotate(tf.matMul(dScores, q!, true, false), tables, -1), positions); // (N, C)
        const dv = joinHeads(tf.matMul(shares!, dMixed, true, false), positions); // (N, C)

        const back = (d: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D => tf.matMul(d, weight, false, true);
        const dx = tf.add(tf.add(back(dq, query!), back(dk, key!)), back(dv, value!)); // (N, C)
        const xByColumn = tf.transpose(x!); // (C, N)
        return [dx, tf.matMul(xByColumn, dq), tf.matMul(xByColumn, dk), tf.matMul(xByColumn, dv)];
      },
    };
  });
}

/** Keys and values of one layer, (H, P, D) each, keys rotated. */
export type KeysValues = { k: tf.Tensor3D; v: tf.Tensor3D };

/**
 * The same for the next T positions of one sequence: x (T, C) and the P positions before -> mixed (T, C) and P + T keys
 * and values. Without a gradient; `before` is not disposed.
 */
export function cachedAttention(
  x: tf.Tensor2D,
  weights: AttentionWeights,
  positions: Positions,
  before: KeysValues | undefined,
): { mixed: tf.Tensor2D; kept: KeysValues } {
  const { q, k, v } = project(x, weights, positions); // (H, T, D) each
  const kept = before ? { k: tf.concat([before.k, k], 1), v: tf.concat([before.v, v], 1) } : { k, v }; // (H, P + T, D)
  return { mixed: joinHeads(attend(q, kept.k, kept.v, positions.mask).mixed, positions), kept };
}
