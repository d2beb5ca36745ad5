/** AdamW and Muon against the formulas of their papers on plain numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { adamW, globalNorm, muon } from '../../src/model/optimizer.ts';
import { expectClose, normals, operationBackends, toleranceOn } from './helpers.ts';
import { matMul, type Numbers } from './reference.ts';

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

const transposed = (x: Numbers, rows: number, columns: number): Numbers =>
  x.map((_, at) => x[(at % rows) * columns + Math.floor(at / rows)]!);

/** Jordan 2024: five Newton-Schulz steps on a matrix with no more rows than columns. */
function plainOrthogonal(u: Numbers, rows: number, columns: number): Numbers {
  if (rows > columns) {
    return transposed(plainOrthogonal(transposed(u, rows, columns), columns, rows), columns, rows);
  }
  const norm = Math.sqrt(u.reduce((sum, x) => sum + x * x, 0)) + 1e-7;
  let x: Numbers = u.map((value) => value / norm);
  for (let i = 0; i < 5; i++) {
    const gram = matMul(x, transposed(x, rows, columns), rows, columns, rows);
    const square = matMul(gram, gram, rows, rows, rows);
    const polynomial = gram.map((g, at) => -4.775 * g + 2.0315 * square[at]!);
    const product = matMul(polynomial, x, rows, rows, columns);
    x = x.map((value, at) => 3.4445 * value + product[at]!);
  }
  return x;
}

describe.each(operationBackends)('on %s', (backend) => {
  beforeAll(async () => {
    await prepareBackend(backend);
  });

  test.each([
    { decay: 0, gradientScale: 1 },
    { decay: 0.1, gradientScale: 1 },
    { decay: 0.1, gradientScale: 0.25 },
  ])(
    'six steps with decay $decay and clipping factor $gradientScale are the formulas',
    async ({ decay, gradientScale }) => {
      useBackend(backend);
      const before = tf.memory().numTensors;
      const start = [...normals(6, 'w')];
      const gradients = Array.from({ length: 6 }, (_, s) => [...normals(6, `g${s}`, s === 3 ? 0 : 10 ** (s - 3))]);
      let state = { weight: tf.tensor(start, [2, 3]), m: tf.zeros([2, 3]), v: tf.zeros([2, 3]) };
      gradients.forEach((g, s) => {
        const gradient = tf.tensor2d(g, [2, 3]);
        const options = { learningRate, decay, beta1, beta2, gradientScale, step: s + 1 };
        const next = adamW({ ...state, gradient }, options);
        tf.dispose([gradient, state]);
        state = next;
      });
      const scaled = gradients.map((g) => g.map((x) => x * gradientScale));
      expectClose(await state.weight.data(), plainSteps(start, scaled, decay), toleranceOn(backend, 1e-5), 'weights');
      tf.dispose(state);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test.each([
    { rows: 3, columns: 5 },
    { rows: 5, columns: 3 },
    { rows: 4, columns: 4 },
  ])(
    'three steps of Muon on ($rows, $columns) are the formulas, and leave nothing behind',
    async ({ rows, columns }) => {
      useBackend(backend);
      const before = tf.memory().numTensors;
      const [decay, gradientScale] = [0.1, 0.5];
      const shape = [rows, columns];
      let state = { weight: tf.tensor(normals(rows * columns, 'w'), shape), m: tf.zeros(shape) };
      let w: Numbers = Float64Array.from(normals(rows * columns, 'w'));
      let m: Numbers = new Float64Array(rows * columns);
      for (let step = 0; step < 3; step++) {
        const noise = normals(rows * columns, `g${step}`, 10 ** -step);
        const gradient = tf.tensor(noise, shape);
        const next = muon({ ...state, gradient }, { learningRate, decay, gradientScale });
        tf.dispose([gradient, state]);
        state = next;

        const g = Float64Array.from(noise, (x) => x * gradientScale);
        m = m.map((x, i) => 0.95 * x + g[i]!);
        const direction = plainOrthogonal(
          g.map((x, i) => x + 0.95 * m[i]!),
          rows,
          columns,
        );
        const rate = learningRate * 0.2 * Math.sqrt(Math.max(rows, columns));
        w = w.map((x, i) => x * (1 - learningRate * decay) - rate * direction[i]!);
      }
      expectClose(await state.m.data(), m, toleranceOn(backend, 1e-5), 'momentum');
      expectClose(await state.weight.data(), w, toleranceOn(backend, 1e-5), 'weights');
      tf.dispose(state);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test("Muon's step has singular values near one, times 0.2 sqrt(longer side), whatever the gradient's size", async () => {
    useBackend(backend);
    for (const size of [1e-4, 1, 1e4]) {
      const shape = [4, 24];
      const gradient = tf.tensor(normals(96, 'gradient', size), shape);
      const [weight, m] = [tf.zeros(shape), tf.zeros(shape)];
      const next = muon({ weight, gradient, m }, { learningRate: 1, decay: 0, gradientScale: 1 });
      const step = Float64Array.from(await next.weight.data(), (x) => x / (0.2 * Math.sqrt(24)));
      const gram = matMul(step, transposed(step, 4, 24), 4, 24, 4);
      for (let i = 0; i < 4; i++) {
        expect(Math.sqrt(gram[i * 4 + i]!)).toBeGreaterThan(0.6);
        expect(Math.sqrt(gram[i * 4 + i]!)).toBeLessThan(1.3);
        for (let j = 0; j < i; j++) expect(Math.abs(gram[i * 4 + j]!)).toBeLessThan(0.35);
      }
      tf.dispose([gradient, weight, m, next.weight, next.m]);
    }
  });

  test('the global norm is the root of all squares', async () => {
    useBackend(backend);
    const norm = tf.tidy(() => globalNorm([tf.tensor1d([3, 0]), tf.tensor2d([[4], [12]])]));
    expect((await norm.data())[0]).toBeCloseTo(13, 5);
    norm.dispose();
  });
});
