/** Dropout masks: shares, seeds, and what they do not depend on. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { createDropoutPool } from '../../src/model/dropout.ts';
import { backends } from './helpers.ts';

/** Masks of two uses in a row, from a fresh pool or a given one. */
function masksOf(seed: number | string, rate = 0.25, pool = createDropoutPool()): [Float32Array, Float32Array] {
  const drop = pool.dropout(rate, 100, 64, seed);
  const use = (): Float32Array =>
    tf.tidy(() => drop(tf.ones<tf.Rank.R2>([100, 64])).dataSync() as Float32Array as never);
  return [use(), use()];
}

describe.each(backends)('on %s', (backend) => {
  beforeAll(async () => {
    await prepareBackend(backend);
  });

  test('keeps the mean, follows its seed, and takes its gradient with it', () => {
    useBackend(backend);
    const [first, second] = masksOf(1);
    const zeros = first.filter((x) => x === 0).length;
    expect(zeros / first.length).toBeCloseTo(0.25, 1);
    expect(new Set(first.filter((x) => x !== 0).map((x) => Math.round(x * 1e4)))).toEqual(new Set([13_333]));
    expect(second).not.toEqual(first);
    expect(masksOf(1)).toEqual([first, second]);
    expect(masksOf(2)[0]).not.toEqual(first);
    expect(masksOf('1 0')[0]).not.toEqual(masksOf('1 1')[0]); // batches of one step

    const pool = createDropoutPool();
    const gradient = tf.tidy(() => {
      const ones = tf.ones<tf.Rank.R2>([100, 64]);
      const drop = pool.dropout(0.25, 100, 64, 1);
      return tf
        .grads((x: tf.Tensor) => drop(x as tf.Tensor2D))([ones], ones)[0]!
        .dataSync() as unknown as tf.Tensor;
    }) as unknown as Float32Array;
    pool.dispose();
    expect(gradient).toEqual(first);
  });

  test('does not depend on what the pool was used for before, and leaves nothing behind', () => {
    useBackend(backend);
    const fresh = createDropoutPool();
    const expected = masksOf(5, 0.1, fresh);
    fresh.dispose();
    const before = tf.memory().numTensors;
    const pool = createDropoutPool();
    masksOf(1, 0.5, pool);
    for (const rows of [3, 700]) {
      const x = tf.ones<tf.Rank.R2>([rows, 64]);
      tf.tidy(() => void pool.dropout(0.1, rows, 64, 9)(x));
      x.dispose();
    }
    expect(masksOf(5, 0.1, pool)).toEqual(expected);
    expect(tf.memory().numTensors).toBe(before + 1);
    pool.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a rate of 0 is nothing at all', () => {
    useBackend(backend);
    const x = tf.ones<tf.Rank.R2>([2, 3]);
    const pool = createDropoutPool();
    expect(pool.dropout(0, 2, 3, 1)(x)).toBe(x);
    x.dispose();
  });
});
