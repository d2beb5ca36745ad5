/**
 * What the story's network is made of, each with its gradient: the Node build of tfjs-core brings none. Products of
 * transposed matrices are written as a transpose and a plain product, which is the faster way on some backends.
 * Shapes: B rows, T positions, N = B * T, C width, H heads, D = C / H, V vocabulary.
 */
import * as tf from '@tensorflow/tfjs-core';
import { createRandom } from '../../src/util/random.ts';

const normEps = 1e-5;
/** added to the scores of positions that come later */
const hidden = -1e9;

type Gradient<T extends tf.Tensor> = (dy: T, saved: tf.Tensor[]) => tf.Tensor[];

/** tf.customGrad with types. What the gradient reads is handed to it in `saved`. */
function differentiable<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: () => { value: T; saved: tf.Tensor[]; gradient: Gradient<T> },
): T {
  return tf.customGrad<T>((...args) => {
    const { value, saved, gradient } = forward();
    (args.at(-1) as tf.GradSaveFunc)(saved);
    return { value, gradFunc: (dy, saved) => tf.tidy(() => gradient(dy, saved)) };
  })(...inputs);
}

/** x W + b: x (N, I), weight (I, O), bias (O) -> (N, O). */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor2D {
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
  return differentiable<tf.Tensor2D>(inputs, () => {
    const product: tf.Tensor2D = tf.matMul(x, weight);
    return {
      value: bias === undefined ? product : tf.add(product, bias),
      saved: [x, weight],
      gradient: (dy, [x, weight]) => [
        tf.matMul(dy, tf.transpose(weight as tf.Tensor2D)),
        tf.matMul(tf.transpose(x as tf.Tensor2D), dy),
        ...(bias === undefined ? [] : [tf.sum(dy, 0)]),
      ],
    };
  });
}

export function plus(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, y], () => ({
    value: tf.add(x, y),
    saved: [],
    gradient: (dy) => [tf.clone(dy), tf.clone(dy)],
  }));
}

/** x * mask; the mask is a constant. */
export function times(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x], () => ({
    value: tf.mul(x, mask),
    saved: [mask],
    gradient: (dy, [mask]) => [tf.mul(dy, mask!)],
  }));
}

export function relu(x: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x], () => {
    const value = tf.relu(x);
    return { value, saved: [x], gradient: (dy, [x]) => [tf.mul(dy, tf.step(x!))] };
  });
}

/** Mean of (N) -> scalar. */
export function mean(x: tf.Tensor1D): tf.Scalar {
  const [count] = x.shape;
  return differentiable<tf.Scalar>([x], () => ({
    value: tf.mean(x),
    saved: [],
    gradient: (dy) => [tf.mul(tf.fill([count], 1 / count), dy)],
  }));
}

/** (x - mean) / sqrt(variance + eps) * gain + bias (Ba et al. 2016): x (N, C), gain and bias (C) -> (N, C). */
export function layerNorm(x: tf.Tensor2D, gain: tf.Tensor1D, bias: tf.Tensor1D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x, gain, bias], () => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const scale = tf.rsqrt(tf.add(tf.mean(tf.mul(centred, centred), -1, true), normEps)); // (N, 1)
    const normed = tf.mul(centred, scale);
    return {
      value: tf.add(tf.mul(normed, gain), bias),
      saved: [normed, scale, gain],
      gradient: (dy, [normed, scale, gain]) => {
        const scaled = tf.mul(dy, gain!);
        const along = tf.mean(tf.mul(scaled, normed!), -1, true); // (N, 1)
        const rest = tf.sub(tf.sub(scaled, tf.mean(scaled, -1, true)), tf.mul(normed!, along));
        return [tf.mul(rest, scale!), tf.sum(tf.mul(dy, normed!), 0), tf.sum(dy, 0)];
      },
    };
  });
}

/**
 * q, k, v (N, C) -> (N, C): each position looks at itself and those before it.
 * @param mask dropout of the shares, (B, H, T, T)
 */
export function attend(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  { batchSize, heads }: { batchSize: number; heads: number },
  mask?: tf.Tensor,
): tf.Tensor2D {
  const [rows, width] = q.shape;
  const length = rows / batchSize;
  const size = width / heads;
  const split = (x: tf.Tensor): tf.Tensor4D =>
    tf.transpose(tf.reshape(x, [batchSize, length, heads, size]), [0, 2, 1, 3]); // (B, H, T, D)
  const join = (x: tf.Tensor): tf.Tensor2D => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [rows, width]);
  const turned = (x: tf.Tensor4D): tf.Tensor4D => tf.transpose(x, [0, 1, 3, 2]);
  const dropped = (x: tf.Tensor4D, mask?: tf.Tensor): tf.Tensor4D => (mask === undefined ? x : tf.mul(x, mask));
  const factor = 1 / Math.sqrt(size);
  return differentiable<tf.Tensor2D>([q, k, v], () => {
    const [queries, keys, values] = [split(q), split(k), split(v)];
    const later = Float32Array.from({ length: length * length }, (_, i) =>
      i % length > Math.floor(i / length) ? hidden : 0,
    );
    const scores = tf.mul(tf.matMul(queries, turned(keys)), factor);
    const shares: tf.Tensor4D = tf.softmax(tf.add(scores, tf.tensor2d(later, [length, length]))); // (B, H, T, T)
    return {
      value: join(tf.matMul(dropped(shares, mask), values)),
      saved: [queries, keys, values, shares, ...(mask === undefined ? [] : [mask])],
      gradient: (dy, saved) => {
        const [queries, keys, values, shares] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
        const mask = saved[4];
        const dMixed = split(dy);
        const dValues = tf.matMul(turned(dropped(shares, mask)), dMixed);
        const dShares = dropped(tf.matMul(dMixed, turned(values)), mask);
        const along = tf.sum(tf.mul(dShares, shares), -1, true);
        const dScores: tf.Tensor4D = tf.mul(tf.mul(shares, tf.sub(dShares, along)), factor);
        return [join(tf.matMul(dScores, keys)), join(tf.matMul(turned(dScores), queries)), join(dValues)];
      },
    };
  });
}

/** Rows of a table (R, C) by id -> (M, C). */
export function lookUp(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([table], () => {
    const indices = tf.tensor2d(ids, [ids.length, 1], 'int32');
    return {
      value: tf.gatherND(table, indices) as tf.Tensor2D,
      saved: [indices],
      gradient: (dy, [indices]) => [tf.scatterND(indices as tf.Tensor2D, dy, table.shape)],
    };
  });
}

/** logits (N, V), targets (N) host ids -> nats (N), 0 where the target is -1. */
export function crossEntropy(logits: tf.Tensor2D, targets: Int32Array): tf.Tensor1D {
  const [rows, vocabulary] = logits.shape;
  return differentiable<tf.Tensor1D>([logits], () => {
    const counted = tf.tensor1d(Float32Array.from(targets, (id) => (id < 0 ? 0 : 1)));
    const cells = Int32Array.from({ length: 2 * rows }, (_, i) =>
      i % 2 === 0 ? i / 2 : Math.max(0, targets[(i - 1) / 2]!),
    );
    const indices = tf.tensor2d(cells, [rows, 2], 'int32');
    const above = tf.sub(logits, tf.max(logits, -1, true));
    const logShares = tf.sub(above, tf.log(tf.sum(tf.exp(above), -1, true))); // (N, V)
    return {
      value: tf.mul(tf.neg(tf.gatherND(logShares, indices)), counted),
      saved: [logShares, indices, counted],
      gradient: (dy, saved) => {
        const [logShares, indices, counted] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
        const weight = tf.mul<tf.Tensor1D>(dy, counted); // (N)
        const wanted = tf.scatterND(indices, weight, [rows, vocabulary]);
        return [tf.sub(tf.mul(tf.exp(logShares), tf.reshape(weight, [rows, 1])), wanted)];
      },
    };
  });
}

/** 0 for a share of the cells, and what makes up for it for the others. */
export function dropoutMask(shape: readonly number[], share: number, seed: string): tf.Tensor {
  const random = createRandom(`dropout ${seed}`);
  const kept = 1 / (1 - share);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => (random.next() < share ? 0 : kept)),
    [...shape],
  );
}
