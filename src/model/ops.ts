/**
 * The network's operations, each with its gradient spelled out (tf.customGrad), on tfjs-core alone.
 * Fused so that little is kept for the backward pass, no one-hot of the vocabulary is built, and few small kernels run:
 * on the wasm backend the calls between matrix products are the rest of the cost.
 * Nothing between them needs a gradient of tfjs's own (its Node build registers none).
 * Shapes: N = rows x positions, C width, F hidden width, V vocabulary, M targets. Attention is in attention.ts.
 */
import * as tf from '@tensorflow/tfjs-core';

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
        return [dx, tf.sum(tf.mul(dy, normed!), 0)]; // (N, C), (C)
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
  const picked = ids.length === targets.length ? hidden : embedding(hidden, positions); // (M, C)
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
