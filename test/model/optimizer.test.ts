/** AdamW against the formulas of the paper on plain numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { adamW, globalNorm, type Moments } from '../../src/model/optimizer.ts';
import { backends, expectClose, normals } from './helpers.ts';

const [learningRate, beta1, beta2, eps] = [0.01, 0.9, 0.95, 1e-8];

/** Algorithm 2 of Loshchilov & Hutter 2019, one element at a time. */
function plainSteps(weights: number[], gradients: number[][], decay: number): number[] {
  const [m, v, w] = [weights.map(() => 0), weights.map(() => 0), [...weights]];
  gradients.forEach((gradient, s) => {
    const t = s + 1;
    for (let i = 0; i < w.length; i++) {
      m[i] = beta1 * m[i]! + (1 - beta1) * gradient[i]!;
      v[i] = beta2 * v[i]! + (1 - beta2) * gradient[i]! ** 2;
      const [mHat, vHat] = [m[i]! / (1 - beta1 ** t), v[i]! / (1 - beta2 ** t)];
      w[i] = w[i]! - learningRate * (mHat / (Math.sqrt(vHat) + eps) + decay * w[i]!);
    }
  });
  return w;
}

describe.each(backends)('on %s', (backend) => {
  beforeAll(async () => {
    await prepareBackend(backend);
  });

  test.each([
    { decay: 0, gradientScale: 1 },
    { decay: 0.1, gradientScale: 1 },
    { decay: 0.1, gradientScale: 0.25 },
  ])('six steps with decay $decay and clipping factor $gradientScale are the formulas', ({ decay, gradientScale }) => {
    useBackend(backend);
    const before = tf.memory().numTensors;
    const start = [...normals(6, 'w')];
    const gradients = Array.from({ length: 6 }, (_, s) => [...normals(6, `g${s}`, s === 3 ? 0 : 10 ** (s - 3))]);
    let weight: tf.Tensor = tf.tensor2d(start, [2, 3]);
    let moments: Moments = { m: tf.zeros([2, 3]), v: tf.zeros([2, 3]) };
    gradients.forEach((g, s) => {
      const gradient = tf.tensor2d(g, [2, 3]);
      const options = { learningRate, weightDecay: decay, beta1, beta2, gradientScale, step: s + 1 };
      const next = adamW(weight, gradient, moments, decay, options);
      tf.dispose([weight, gradient, moments.m, moments.v]);
      weight = next.weight;
      moments = { m: next.m, v: next.v };
    });
    const scaled = gradients.map((g) => g.map((x) => x * gradientScale));
    expectClose(weight.dataSync(), plainSteps(start, scaled, decay), 1e-5, 'weights');
    tf.dispose([weight, moments.m, moments.v]);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('the global norm is the root of all squares', () => {
    useBackend(backend);
    const norm = tf.tidy(() => globalNorm([tf.tensor1d([3, 0]), tf.tensor2d([[4], [12]])]).dataSync()[0]);
    expect(norm).toBeCloseTo(13, 5);
  });
});
