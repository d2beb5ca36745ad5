/**
 * The two sets of kernels that run on TensorFlow, its own ops (`cuda` uses these alone) and ours (kernels.cc), against the
 * plain versions on tfjs's CPU backend, at sizes that fit no vector register. ops.test.ts has the small ones.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { causalAttention, causalMask, ropeTensors } from '../../src/model/attention.ts';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { registerFusedKernels } from '../../src/model/fused.ts';
import { registerNativeKernels, tensorflowKernels } from '../../src/model/native-kernels.ts';
import { crossEntropies, linear, maskedCrossEntropy, rmsNorm, swiglu } from '../../src/model/ops.ts';
import { adamW, adamWTogether, globalNorm } from '../../src/model/optimizer.ts';
import { createRandom } from '../../src/util/random.ts';
import { expectClose, groupedConfig, hasNative, normals } from './helpers.ts';

interface Case {
  name: string;
  shapes: number[][];
  scale?: number;
  run: (inputs: tf.Tensor[]) => tf.Tensor;
}

const ids = (count: number, below: number): tf.Tensor1D => {
  const random = createRandom('ids');
  return tf.tensor1d(
    Int32Array.from({ length: count }, () => random.int(below)),
    'int32',
  );
};

const length = 37;
const config = { ...groupedConfig, contextLength: length };
const kvWidth = (config.width / config.heads) * config.kvHeads;
const attentionCase = (name: string, scale: number): Case => ({
  name,
  scale,
  shapes: [
    [3 * length, config.width],
    [3 * length, kvWidth],
    [3 * length, kvWidth],
  ],
  run: ([q, k, v]) =>
    causalAttention(q as tf.Tensor2D, k as tf.Tensor2D, v as tf.Tensor2D, {
      heads: config.heads,
      kvHeads: config.kvHeads,
      length,
      tables: ropeTensors(config),
      mask: causalMask(length),
    }),
});

const cases: Case[] = [
  {
    name: 'linear',
    shapes: [
      [33, 21],
      [21, 45],
    ],
    run: ([x, weight]) => linear(x as tf.Tensor2D, weight as tf.Tensor2D),
  },
  {
    name: 'rmsNorm',
    shapes: [[67, 43], [43]],
    run: ([x, gain]) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D, 1e-5),
  },
  {
    name: 'swiglu far out',
    scale: 30,
    shapes: [
      [19, 23],
      [19, 23],
    ],
    run: ([gate, up]) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
  },
  attentionCase('attention', 1),
  attentionCase('attention with scores far apart', 6),
  {
    name: 'cross-entropy',
    shapes: [
      [29, 17],
      [101, 17],
    ],
    run: ([x, table]) => maskedCrossEntropy(x as tf.Tensor2D, table as tf.Tensor2D, ids(29, 101), 1 / 29),
  },
];

async function valueAndGradients(
  { name, shapes, scale, run }: Case,
  backend: 'cpu' | 'native',
): Promise<Float32Array[]> {
  useBackend(backend);
  const results = tf.tidy(() => {
    const inputs = shapes.map((shape, i) =>
      tf.tensor(normals(tf.util.sizeFromShape(shape), `${name} ${i}`, scale), shape),
    );
    const { shape } = run(inputs);
    const dy = tf.tensor(normals(tf.util.sizeFromShape(shape), `${name} dy`), shape);
    const { value, grads } = tf.valueAndGrads((...xs: tf.Tensor[]) => run(xs))(inputs, dy);
    return [value, ...grads];
  });
  const data = (await Promise.all(results.map((tensor) => tensor.data()))) as Float32Array[];
  tf.dispose(results);
  return data;
}

const sets = [
  { set: "TensorFlow's ops", register: () => registerFusedKernels('native', tensorflowKernels) },
  { set: 'kernels of our own', register: () => registerNativeKernels('native', true) },
];

describe.skipIf(!hasNative).each(sets)('$set (skipped: no TensorFlow; npm run setup:gpu)', ({ register }) => {
  beforeAll(async () => {
    await prepareBackend('cpu');
    await prepareBackend('native');
    register();
  });
  afterAll(() => registerNativeKernels('native', true));

  test.each(cases)('$name', async (entry) => {
    const expected = await valueAndGradients(entry, 'cpu');
    const actual = await valueAndGradients(entry, 'native');
    actual.forEach((x, i) => expectClose(x, expected[i]!, 2e-5, i === 0 ? 'value' : `gradient ${i}`));
  });

  test('losses of each target', async () => {
    const read = async (backend: 'cpu' | 'native'): Promise<Float32Array> => {
      useBackend(backend);
      const losses = tf.tidy(() => {
        const [hidden, table] = [tf.tensor2d(normals(9 * 8, 1), [9, 8]), tf.tensor2d(normals(50 * 8, 2, 5), [50, 8])];
        return crossEntropies(hidden, table, ids(9, 50));
      });
      const data = (await losses.data()) as Float32Array;
      losses.dispose();
      return data;
    };
    expectClose(await read('native'), await read('cpu'), 1e-5);
  });

  test('what is no number stays none', async () => {
    useBackend('native');
    const results = tf.tidy(() => {
      const bad = tf.add<tf.Tensor2D>(tf.tensor2d(normals(4 * 8, 1), [4, 8]), tf.tensor2d([NaN, 0, 0, 0], [4, 1]));
      const [tables, mask] = [ropeTensors({ ...config, width: 8, heads: 2, contextLength: 4 }), causalMask(4)];
      const attended = causalAttention(bad, bad, bad, { heads: 2, kvHeads: 2, length: 4, tables, mask });
      return [swiglu(bad, bad), rmsNorm(bad, tf.ones([8]), 1e-5), linear(bad, tf.ones([8, 2])), attended];
    });
    for (const tensor of results) expect(Array.from(await tensor.data()).slice(0, 2)).toEqual([NaN, NaN]);
    tf.dispose(results);
  });

  test('the global norm of tensors of any shapes', async () => {
    useBackend('native');
    const norm = tf.tidy(() => globalNorm([tf.tensor1d([3]), tf.tensor2d([4, 0, 0, 12], [2, 2])]));
    expect(Array.from(await norm.data())).toEqual([13]);
    norm.dispose();
  });
});

describe.skipIf(!hasNative)('AdamW of all weights at once (skipped: no TensorFlow; npm run setup:gpu)', () => {
  const shapes = [[3, 4], [3, 4], [4], [5, 2], [3, 4]];
  const optionsOf = (i: number, step: number) => ({
    learningRate: 0.01,
    decay: i === 2 || i === 4 ? 0 : 0.1,
    beta1: 0.9,
    beta2: 0.99,
    gradientScale: step === 2 ? 0.5 : 1,
    step,
  });

  /** Weights and moments after three steps, one after the other or together. */
  async function train(backend: 'cpu' | 'native'): Promise<Float32Array[]> {
    await prepareBackend(backend);
    useBackend(backend);
    const before = tf.memory().numTensors;
    let states = shapes.map((shape, i) => {
      const values = normals(tf.util.sizeFromShape(shape), `weight ${i}`);
      return { weight: tf.tensor(values, shape), m: tf.zeros(shape), v: tf.zeros(shape) };
    });
    for (let step = 1; step <= 3; step++) {
      const next = tf.tidy(() => {
        const full = states.map((state, i) => {
          const gradient = tf.tensor(normals(state.weight.size, `gradient ${i} ${step}`), state.weight.shape);
          return { ...state, gradient };
        });
        if (backend === 'cpu') return full.map((state, i) => adamW(state, optionsOf(i, step)));
        const together = adamWTogether(
          full,
          full.map((_, i) => optionsOf(i, step)),
        );
        expect(together).toBeDefined();
        return together!;
      });
      tf.dispose(states);
      states = next;
    }
    const data = await Promise.all(states.flatMap(({ weight, m, v }) => [weight.data(), m.data(), v.data()]));
    tf.dispose(states);
    expect(tf.memory().numTensors).toBe(before);
    return data as Float32Array[];
  }

  test('is AdamW of each, with its own decay, and leaves no tensor', async () => {
    const expected = await train('cpu');
    const actual = await train('native');
    actual.forEach((x, i) => expectClose(x, expected[i]!, 2e-6, `array ${i}`));
  });

  test('on other backends there is none', async () => {
    await prepareBackend('cpu');
    useBackend('cpu');
    expect(adamWTogether([], [])).toBeUndefined();
  });
});
