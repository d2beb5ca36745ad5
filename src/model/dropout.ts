/**
 * Dropout masks on tfjs. Drawing fresh ones for every use would cost more than the layer they are for, so one pool of random
 * masks is drawn on the host, once, and each use takes a window of it at a random offset. Which numbers the pool begins
 * with does not depend on its size, and offsets come from the step's seed and its batch: a step has the same masks on every
 * backend, and whatever ran before it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { createRandom } from '../util/random.ts';
import { applyMask } from './ops.ts';

/** Zeroes a share of x's elements and scales up the rest. */
export type Dropout = (x: tf.Tensor2D) => tf.Tensor2D;

export const noDropout: Dropout = (x) => x;

export interface DropoutPool {
  /** Inverted dropout for arrays of up to (rows, width). The pool lives on; masks are cut from it as they are needed. */
  dropout(rate: number, rows: number, width: number, seed: number | string): Dropout;
  dispose(): void;
}

/** An empty pool on the backend in use when it is first asked. It keeps the masks of the last rate. */
export function createDropoutPool(): DropoutPool {
  let pool: { rate: number; masks: tf.Tensor1D } | undefined;
  const dispose = (): void => {
    pool?.masks.dispose();
    pool = undefined;
  };
  return {
    dropout(rate, rows, width, seed) {
      if (rate === 0) return noDropout;
      const needed = 2 * rows * width;
      if (pool?.rate !== rate || pool.masks.size < needed) {
        dispose();
        const drawn = drawMasks(rate, 2 ** Math.ceil(Math.log2(needed)));
        pool = { rate, masks: tf.keep(tf.tensor1d(drawn)) };
      }
      const { masks } = pool;
      const random = createRandom(`dropout ${seed}`);
      return (x) => {
        const offset = random.int(needed - x.size + 1);
        return applyMask(x, tf.reshape(tf.slice(masks, [offset], [x.size]), x.shape));
      };
    },
    dispose,
  };
}

/** Zeros, and 1 / kept share, from 16 random bits each; `count` is even. */
function drawMasks(rate: number, count: number): Float32Array {
  const random = createRandom('dropout pool');
  const threshold = Math.round(rate * 65_536);
  const kept = 65_536 / (65_536 - threshold);
  const masks = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const bits = Math.floor(random.next() * 4_294_967_296);
    masks[i] = (bits & 0xffff) < threshold ? 0 : kept;
    masks[i + 1] = bits >>> 16 < threshold ? 0 : kept;
  }
  return masks;
}
