/** Our shaders against the plain versions on backend `cpu`: sizes that fill no workgroup, several workgroups, grouped heads. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { causalAttention, causalMask, rope, ropeTensors } from '../../src/model/attention.ts';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { embedding, maskedCrossEntropy, rmsNorm, swiglu } from '../../src/model/ops.ts';
import { adamW, globalNorm } from '../../src/model/optimizer.ts';
import { dispatches } from '../../src/model/webgpu-dispatch.ts';
import { createRandom } from '../../src/util/random.ts';
import { expectClose, normals, noWebgpu, tinyConfig } from './helpers.ts';

interface Case {
  name: string;
  shapes: number[][];
  run: (inputs: tf.Tensor[]) => tf.Tensor;
  /** dispatches of our own for the value and the gradient */
  expected: number;
}

const ids = (count: number, below: number): tf.Tensor1D => {
  const random = createRandom(`ids ${count}`);
  // half of them one and the same, as common words are
  return tf.tensor1d(
    Int32Array.from({ length: count }, () => (random.next() < 0.5 ? 3 : random.int(below))),
    'int32',
  );
};

function attentionCase(heads: number, kvHeads: number, headWidth: number, rows: number, length: number): Case {
  const config = { ...tinyConfig, heads, kvHeads, width: heads * headWidth, contextLength: length };
  return {
    name: `attention, ${heads} heads of ${headWidth} on ${kvHeads}, ${rows} x ${length}`,
    shapes: [heads, kvHeads, kvHeads].map((count) => [rows * length, count * headWidth]),
    run: ([q, k, v]) => {
      const setting = { heads, kvHeads, length, tables: ropeTensors(config), mask: causalMask(length) };
      return causalAttention(q as tf.Tensor2D, k as tf.Tensor2D, v as tf.Tensor2D, setting);
    },
    expected: 5,
  };
}

const cases: Case[] = [
  attentionCase(2, 2, 8, 1, 70),
  attentionCase(4, 2, 6, 2, 9),
  attentionCase(1, 1, 36, 1, 34),
  ...[5, 70, 300].map((width) => ({
    name: `rmsNorm, width ${width}`,
    shapes: [[9, width], [width]],
    run: ([x, gain]: tf.Tensor[]) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D, 1e-5),
    expected: 3,
  })),
  {
    name: 'rmsNorm, more rows than workgroups of its gradient',
    shapes: [[1_030, 4], [4]],
    run: ([x, gain]) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D, 1e-5),
    expected: 3,
  },
  {
    name: 'swiglu',
    shapes: [
      [13, 21],
      [13, 21],
    ],
    run: ([gate, up]) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
    expected: 2,
  },
  {
    name: 'embedding, several chunks of ids',
    shapes: [[37, 70]],
    run: ([table]) => embedding(table as tf.Tensor2D, ids(600, 37)),
    expected: 2,
  },
  {
    name: 'rope',
    shapes: [[2, 2, 12, 8]],
    run: ([x]) => rope(x as tf.Tensor4D, ropeTensors(tinyConfig)),
    expected: 2,
  },
  {
    name: 'cross-entropy, vocabulary wider than a workgroup',
    shapes: [
      [4, 8],
      [300, 8],
    ],
    run: ([x, table]) => maskedCrossEntropy(x as tf.Tensor2D, table as tf.Tensor2D, ids(4, 300), 1 / 4),
    expected: 1,
  },
];

const suffix = noWebgpu === '' ? '' : ` (skipped: ${noWebgpu})`;

describe.skipIf(noWebgpu !== '')(`shaders of webgpu${suffix}`, { timeout: 180_000 }, () => {
  beforeAll(async () => {
    await prepareBackend('cpu');
    await prepareBackend('webgpu');
  });

  async function valueAndGradients({ name, shapes, run }: Case, backend: 'cpu' | 'webgpu'): Promise<Float32Array[]> {
    useBackend(backend);
    const results = tf.tidy(() => {
      const inputs = shapes.map((shape, i) => tf.tensor(normals(tf.util.sizeFromShape(shape), `${name} ${i}`), shape));
      const shape = run(inputs).shape;
      const dy = tf.tensor(normals(tf.util.sizeFromShape(shape), `${name} dy`), shape);
      dispatches.count = 0;
      const { value, grads } = tf.valueAndGrads((...xs: tf.Tensor[]) => run(xs))(inputs, dy);
      return [value, ...grads];
    });
    const data = (await Promise.all(results.map((t) => t.data()))) as Float32Array[];
    tf.dispose(results);
    return data;
  }

  test.each(cases)('$name', async (entry) => {
    const expected = await valueAndGradients(entry, 'cpu');
    const actual = await valueAndGradients(entry, 'webgpu');
    expect(dispatches.count).toBe(entry.expected);
    actual.forEach((x, i) => expectClose(x, expected[i]!, 2e-5, i === 0 ? 'value' : `gradient ${i}`));
  });

  test.each([
    { rows: 40, inner: 37, columns: 70, parts: 1 },
    { rows: 66, inner: 20, columns: 33, parts: 1 },
    { rows: 33, inner: 300, columns: 32, parts: 2 },
    { rows: 31, inner: 8, columns: 64, parts: 0 }, // left to tfjs
  ])('products ($rows, $inner) x ($inner, $columns), each side transposed or not', async (sizes) => {
    const { rows, inner, columns, parts } = sizes;
    const make = (backend: 'cpu' | 'webgpu'): tf.Tensor[] => {
      useBackend(backend);
      return tf.tidy(() =>
        [false, true].flatMap((transposeA) =>
          [false, true].map((transposeB) => {
            const a = tf.tensor2d(normals(rows * inner, 'a'), transposeA ? [inner, rows] : [rows, inner]);
            const b = tf.tensor2d(normals(inner * columns, 'b'), transposeB ? [columns, inner] : [inner, columns]);
            return tf.matMul(a, b, transposeA, transposeB);
          }),
        ),
      );
    };
    const expected = make('cpu');
    dispatches.count = 0;
    const actual = make('webgpu');
    expect(dispatches.count).toBe(4 * (parts === 2 ? 2 : parts));
    for (const [i, x] of actual.entries()) {
      expect(x.shape).toEqual([rows, columns]);
      expectClose(await x.data(), await expected[i]!.data(), 1e-5, `product ${i}`);
    }
    tf.dispose([expected, actual]);
  });

  test('arrays that take more workgroups than a dimension of a dispatch may have', async () => {
    useBackend('webgpu');
    const size = 65_535 * 64 + 100;
    const half = tf.tidy(() => swiglu(tf.fill([1, size], 0.5), tf.fill([1, size], 2)));
    const last = tf.tidy(() => tf.slice(half, [0, size - 3], [1, 3]));
    expectClose(
      await last.data(),
      [1, 1, 1].map((x) => x / (1 + Math.exp(-0.5))),
      1e-6,
    );
    tf.dispose([half, last]);
  });

  test('more arrays are added up than a shader may bind', async () => {
    useBackend('webgpu');
    const before = tf.memory().numDataBuffers;
    const arrays = Array.from({ length: 30 }, (_, i) => tf.fill([1_100], i));
    const sum = tf.addN(arrays);
    expect([...(await sum.data())]).toEqual(Array<number>(1_100).fill((29 * 30) / 2));
    tf.dispose([sum, arrays]);
    expect(tf.memory().numDataBuffers).toBe(before);
  });

  test('adamW, and the norm of several arrays', async () => {
    const shapes = [[7, 19], [3], [90, 40]];
    const results = async (backend: 'cpu' | 'webgpu'): Promise<Float32Array[]> => {
      useBackend(backend);
      const results = tf.tidy(() => {
        const all = shapes.map((shape) =>
          ['weight', 'gradient', 'm', 'v'].map((name) => {
            const values = normals(tf.util.sizeFromShape(shape), `${name} ${shape.join()}`);
            return tf.tensor(name === 'v' ? values.map((x) => x * x) : values, shape);
          }),
        );
        const options = { learningRate: 0.1, decay: 0.2, beta1: 0.9, beta2: 0.95, gradientScale: 0.7, step: 3 };
        const updated = all.map(([weight, gradient, m, v]) =>
          adamW({ weight: weight!, gradient: gradient!, m: m!, v: v! }, options),
        );
        return [globalNorm(all.flat()), ...updated.flatMap(({ weight, m, v }) => [weight, m, v])];
      });
      const data = (await Promise.all(results.map((t) => t.data()))) as Float32Array[];
      tf.dispose(results);
      return data;
    };
    const expected = await results('cpu');
    (await results('webgpu')).forEach((x, i) => expectClose(x, expected[i]!, 1e-5, `result ${i}`));
  });
});
