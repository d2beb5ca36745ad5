/**
 * Causal self-attention with rotary positions and grouped keys, with its gradient spelled out, and the same for generation
 * with a cache of keys and values.
 * Shapes: B rows, T positions, N = B * T, H heads, K heads of keys, G = H / K heads that share keys, D width of a head,
 * P positions cached. Inside, G and T are one axis beside the keys' heads: (B * K, G * T, D) meets keys of (B * K, T, D)
 * in one batched product, and grouped keys are never repeated.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from '../types.ts';
import { kernelOf, type AttentionSetting, type FusedKernels, type RopeTensors } from './fused.ts';
import { applyKernel, differentiable } from './ops.ts';
import { ropeTables } from './rope.ts';

// === Rotary positions

/** Tables of the whole context, (contextLength, D) each. The caller disposes them. */
export function ropeTensors(config: ModelConfig): RopeTensors {
  const half = config.width / config.heads / 2;
  const { cos, sin } = ropeTables(config);
  const both = (table: Float32Array, firstSign: 1 | -1): tf.Tensor2D => {
    const wide = new Float32Array(2 * table.length);
    table.forEach((x, at) => {
      const first = 2 * at - (at % half);
      wide[first] = firstSign * x;
      wide[first + half] = x;
    });
    return tf.tensor2d(wide, [config.contextLength, 2 * half]);
  };
  return { cos: both(cos, 1), sin: both(sin, -1) };
}

/** Rows `start`..`start + length - 1` of the tables. */
export function ropeSlice(tables: RopeTensors, start: number, length: number): RopeTensors {
  const [all, headWidth] = tables.cos.shape;
  if (start === 0 && length === all) return tables;
  const cut = (x: tf.Tensor2D): tf.Tensor2D => tf.slice(x, [start, 0], [length, headWidth]);
  return { cos: cut(tables.cos), sin: cut(tables.sin) };
}

const plainRotate: FusedKernels['rotate'] = (x, { cos, sin }, direction) => {
  const half = x.shape[3] / 2;
  const [first, second] = tf.split<tf.Tensor4D>(x, [half, half], 3) as [tf.Tensor4D, tf.Tensor4D];
  const straight = tf.mul<tf.Tensor4D>(x, cos);
  const across = tf.mul<tf.Tensor4D>(tf.concat([second, first], 3), sin);
  return direction === 1 ? tf.add(straight, across) : tf.sub(straight, across);
};

/** x (B, heads, T, D) turned by its positions' angles, or back. Without a gradient. */
export function rotate(x: tf.Tensor4D, tables: RopeTensors, direction: 1 | -1): tf.Tensor4D {
  return kernelOf('rotate', plainRotate)(x, tables, direction);
}

/**
 * Rotary positions (Su et al. 2021) in Hugging Face's order, x (B, heads, T, D), tables of T positions -> the same shape.
 * Of its own because nothing but the tables is kept: a rotation's gradient is the rotation back.
 */
export function rope(x: tf.Tensor4D, tables: RopeTensors): tf.Tensor4D {
  return differentiable<tf.Tensor4D>([x], (save) => {
    save([tables.cos, tables.sin]);
    return {
      value: rotate(x, tables, 1),
      gradient: (dy, [cos, sin]) => [rotate(dy, { cos: cos as tf.Tensor2D, sin: sin as tf.Tensor2D }, -1)],
    };
  });
}

// === Whole rows, for training

/** (length, length): 0 on and below the diagonal, hugely negative above. The caller disposes it. */
export function causalMask(length: number): tf.Tensor2D {
  const mask = new Float32Array(length * length);
  for (let t = 0; t < length; t++) mask.fill(-1e9, t * length + t + 1, (t + 1) * length);
  return tf.tensor2d(mask, [length, length]);
}

/** (B * T, heads * D) -> (B, heads, T, D); of one position, that is the order it has. */
function splitHeads(x: tf.Tensor2D, heads: number, length: number): tf.Tensor4D {
  const headWidth = x.shape[1] / heads;
  if (length === 1) return tf.reshape(x, [-1, heads, 1, headWidth]);
  return tf.transpose(tf.reshape(x, [-1, length, heads, headWidth]), [0, 2, 1, 3]);
}

/** (B, heads, T, D), in any split of its first axes -> (B * T, heads * D). */
function joinHeads(x: tf.Tensor, heads: number, length: number): tf.Tensor2D {
  const headWidth = x.shape.at(-1)!;
  if (length === 1) return tf.reshape(x, [-1, heads * headWidth]);
  const byHead = tf.reshape<tf.Rank.R4>(x, [-1, heads, length, headWidth]);
  return tf.reshape(tf.transpose(byHead, [0, 2, 1, 3]), [-1, heads * headWidth]);
}

/** softmax(q k' + mask), causal: q (B * K, G * T, D) divided by sqrt(D), k (B * K, T, D) -> (B * K, G * T, T). */
function shares(q: tf.Tensor3D, k: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor3D {
  const scores = tf.matMul<tf.Tensor3D>(q, k, false, true);
  const byRow = tf.reshape(scores, [-1, mask.shape[0], mask.shape[1]]); // (B * H, T, T)
  return tf.reshape(tf.softmax(tf.add(byRow, mask)), scores.shape);
}

const plainAttention: FusedKernels['attention'] = {
  forward([q, k, v], { heads, kvHeads, length, tables, mask }) {
    const headWidth = q.shape[1] / heads;
    const byKey = (x: tf.Tensor): tf.Tensor3D => tf.reshape(x, [-1, (x.shape[1]! / kvHeads) * length, headWidth]); // (B * K, _ * T, D)
    const queries = byKey(tf.mul(rotate(splitHeads(q, heads, length), tables, 1), headWidth ** -0.5));
    const keys = byKey(rotate(splitHeads(k, kvHeads, length), tables, 1)); // (B * K, T, D)
    const values = byKey(splitHeads(v, kvHeads, length)); // (B * K, T, D)
    const mixed = tf.matMul<tf.Tensor3D>(shares(queries, keys, mask), values); // (B * K, G * T, D)
    return {
      value: joinHeads(mixed, heads, length),
      kept: [queries, keys, values, mixed, tables.cos, tables.sin, mask],
    };
  },
  backward(dy, kept, { heads, kvHeads, length }) {
    const [q, k, v, mixed] = kept as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    const [cos, sin, mask] = kept.slice(4) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const headWidth = q.shape[2];
    const turnedBack = (d: tf.Tensor3D, heads: number): tf.Tensor4D =>
      rotate(tf.reshape(d, [-1, heads, length, headWidth]), { cos, sin }, -1);

    const dMixed = tf.reshape<tf.Rank.R3>(splitHeads(dy, heads, length), q.shape);
    const s = shares(q, k, mask); // (B * K, G * T, T)
    const row = tf.sum(tf.mul(dMixed, mixed), -1, true); // (B * K, G * T, 1)
    const dShares = tf.matMul<tf.Tensor3D>(dMixed, v, false, true); // (B * K, G * T, T)
    const dScores = tf.mul<tf.Tensor3D>(s, tf.sub(dShares, row)); // (B * K, G * T, T)
    const dq = tf.mul(turnedBack(tf.matMul(dScores, k), heads), headWidth ** -0.5); // (B, H, T, D)
    const dk = turnedBack(tf.matMul(dScores, q, true, false), kvHeads); // (B, K, T, D)
    const dv = tf.matMul(s, dMixed, true, false); // (B * K, T, D)
    return [joinHeads(dq, heads, length), joinHeads(dk, kvHeads, length), joinHeads(dv, kvHeads, length)];
  },
};

/**
 * Self-attention between the projections: q (N, H * D), k and v (N, K * D), not rotated yet -> mixed values (N, H * D).
 * Of its own: no array of (T, T) is kept for the backward pass. The shares, the largest arrays of a layer, are computed
 * again there from the kept queries and keys, one more product out of about twenty; and the row term of softmax's gradient
 * is sum(dy * y) (Dao et al. 2022, 3.1), so that it takes no pass over (T, T).
 */
export function causalAttention(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  setting: AttentionSetting,
): tf.Tensor2D {
  return applyKernel(kernelOf('attention', plainAttention), [q, k, v], setting);
}

// === Next positions, for generation

/** Keys (rotated) and values of some positions: (S * K, P, D) each, or (K, P, D) where all streams share them. */
export type KeysValues = { k: tf.Tensor3D; v: tf.Tensor3D };

/** What one layer remembers of S streams: their common beginning, then what each has of its own. */
export type LayerCache = { shared: KeysValues[]; own: KeysValues[] };

/** Positions that may wait at the end of a cache before they are joined to the rest. */
const tailLength = 64;

/**
 * The positions so far and the next ones. Tensors cannot grow, so that each step has to copy something: not everything so
 * far, which would be quadratic, but a short tail; the long part is copied once for every `tailLength` positions.
 */
function extend([main, tail]: readonly KeysValues[], next: KeysValues): KeysValues[] {
  const join = (...parts: KeysValues[]): KeysValues => ({
    k: tf.concat(
      parts.map((p) => p.k),
      1,
    ),
    v: tf.concat(
      parts.map((p) => p.v),
      1,
    ),
  });
  if (main === undefined) return [next];
  const waiting = (tail?.k.shape[1] ?? 0) + next.k.shape[1];
  if (waiting >= tailLength) return [tail ? join(main, tail, next) : join(main, next)];
  return [main, tail ? join(tail, next) : next];
}

/** What the next T positions of S streams need to look back. */
export interface CachedSetting {
  heads: number;
  kvHeads: number;
  streams: number;
  /** T */
  length: number;
  /** of the next positions */
  tables: RopeTensors;
  /** (T, P + T), or undefined for T = 1, which may look everywhere */
  mask: tf.Tensor2D | undefined;
}

/**
 * Attention of the next T positions of S streams to all before them and to themselves: q (S * T, H * D), k and v
 * (S * T, K * D), not rotated -> mixed (S * T, H * D), and what the streams have of their own now. Without a gradient;
 * `before` is not disposed, and some of it may be in the result. The shared part is one matrix for all streams: it is
 * neither copied nor multiplied S times.
 */
export function cachedAttention(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  { heads, kvHeads, streams, length, tables, mask }: CachedSetting,
  { shared, own }: LayerCache,
): { mixed: tf.Tensor2D; own: KeysValues[] } {
  const headWidth = q.shape[1] / heads;
  const byKey = (x: tf.Tensor, heads: number): tf.Tensor3D =>
    tf.reshape(x, [streams * kvHeads, (heads / kvHeads) * length, headWidth]);
  const queries = byKey(tf.mul(rotate(splitHeads(q, heads, length), tables, 1), headWidth ** -0.5), heads); // (S * K, G * T, D)
  const keys = byKey(rotate(splitHeads(k, kvHeads, length), tables, 1), kvHeads); // (S * K, T, D)
  const longer = extend(own, { k: keys, v: byKey(splitHeads(v, kvHeads, length), kvHeads) });

  const rows = (heads / kvHeads) * length;
  /** (A * B, G * T, _) -> (B * A, G * T, _): streams before keys' heads, or after them. */
  const swap = (x: tf.Tensor3D, a: number, b: number): tf.Tensor =>
    tf.transpose(tf.reshape(x, [a, b, rows, -1]), [1, 0, 2, 3]);
  // with the streams' queries side by side, one product for each head meets what they share
  const together = (x: tf.Tensor3D): tf.Tensor3D =>
    streams === 1 ? x : tf.reshape(swap(x, streams, kvHeads), [kvHeads, streams * rows, -1]);
  const apart = (x: tf.Tensor3D): tf.Tensor3D =>
    streams === 1 ? x : tf.reshape(swap(x, kvHeads, streams), [streams * kvHeads, rows, -1]);

  const beside = shared.length > 0 ? together(queries) : queries;
  const parts = [
    ...shared.map(({ k }) => apart(tf.matMul<tf.Tensor3D>(beside, k, false, true))),
    ...longer.map(({ k }) => tf.matMul<tf.Tensor3D>(queries, k, false, true)),
  ]; // (S * K, G * T, P) each
  const scores = parts.length === 1 ? parts[0]! : tf.concat(parts, 2); // (S * K, G * T, all)
  const all = scores.shape[2];
  const masked = mask ? tf.add(tf.reshape(scores, [-1, length, all]), mask) : scores;
  const shares = tf.reshape<tf.Rank.R3>(tf.softmax(masked), scores.shape);
  const sizes = parts.map((part) => part.shape[2]);
  const cut = sizes.length === 1 ? [shares] : tf.split<tf.Tensor3D>(shares, sizes, 2);
  const sums = [...shared, ...longer].map(({ v }, i) =>
    i < shared.length ? apart(tf.matMul(together(cut[i]!), v)) : tf.matMul<tf.Tensor3D>(cut[i]!, v),
  ); // (S * K, G * T, D) each
  return { mixed: joinHeads(sums.length === 1 ? sums[0]! : tf.addN(sums), heads, length), own: longer };
}
