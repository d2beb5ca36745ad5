/** Each operation against plain loops, and its gradient against central differences of those loops, on every backend. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { causalAttention, causalMask, rope, ropeTensors } from '../../src/model/attention.ts';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import {
  applyMask,
  crossEntropies,
  embedding,
  linear,
  maskedCrossEntropy,
  residual,
  rmsNorm,
  swiglu,
} from '../../src/model/ops.ts';
import type { ModelConfig } from '../../src/types.ts';
import {
  differences,
  expectClose,
  groupedConfig,
  normals,
  operationBackends,
  tinyConfig,
  toleranceOn,
} from './helpers.ts';
import * as reference from './reference.ts';

interface Case {
  name: string;
  shapes: number[][];
  run: (inputs: tf.Tensor[]) => tf.Tensor;
  plain: (inputs: Float64Array[]) => Float64Array;
}

const [batch, length, width, hidden, vocabulary] = [2, 5, 8, 6, 11];
const rows = batch * length;
const mask = normals(rows * width, 'mask').map((x) => (x > 0 ? 2 : 0));
const ids = Int32Array.of(3, 0, 3, 10, 7, 3, 1, 0, 9, 3);
const integers = (values: Int32Array): tf.Tensor1D => tf.tensor1d(values, 'int32');

/** Attention of `heads` over `kvHeads`, as wide as a model's of this config. */
function attentionCase(name: string, base: ModelConfig): Case {
  const config = { ...base, contextLength: length };
  const { heads, kvHeads, width } = config;
  const kvWidth = (width / heads) * kvHeads;
  const frequencies = reference.frequencies(config);
  return {
    name,
    shapes: [
      [rows, width],
      [rows, kvWidth],
      [rows, kvWidth],
    ],
    run: ([q, k, v]) =>
      causalAttention(q as tf.Tensor2D, k as tf.Tensor2D, v as tf.Tensor2D, {
        heads,
        kvHeads,
        length,
        tables: ropeTensors(config),
        mask: causalMask(length),
      }),
    plain: ([q, k, v]) => reference.attention([q!, k!, v!], { heads, kvHeads, length, frequencies }),
  };
}

const cases: Case[] = [
  {
    name: 'linear',
    shapes: [
      [rows, width],
      [width, hidden],
    ],
    run: ([x, w]) => linear(x as tf.Tensor2D, w as tf.Tensor2D),
    plain: ([x, w]) => reference.matMul(x!, w!, rows, width, hidden),
  },
  {
    name: 'residual',
    shapes: [
      [rows, width],
      [rows, width],
    ],
    run: ([x, y]) => residual(x as tf.Tensor2D, y as tf.Tensor2D),
    plain: ([x, y]) => reference.add(x!, y!),
  },
  {
    name: 'applyMask',
    shapes: [[rows, width]],
    run: ([x]) => applyMask(x as tf.Tensor2D, tf.tensor2d(mask, [rows, width])),
    plain: ([x]) => x!.map((value, i) => value * mask[i]!),
  },
  {
    name: 'rmsNorm',
    shapes: [[rows, width], [width]],
    run: ([x, gain]) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D, 1e-5),
    plain: ([x, gain]) => reference.rmsNorm(x!, gain!, 1e-5),
  },
  {
    name: 'rope',
    shapes: [[batch, 2, length, 8]],
    run: ([x]) => rope(x as tf.Tensor4D, ropeTensors({ ...tinyConfig, contextLength: length })),
    plain: ([x]) => reference.rope(x!, length, reference.frequencies(tinyConfig)),
  },
  attentionCase('causalAttention', tinyConfig),
  attentionCase('causalAttention, four heads on two', groupedConfig),
  attentionCase('causalAttention, two heads on one', { ...tinyConfig, kvHeads: 1 }),
  {
    name: 'swiglu',
    shapes: [
      [rows, hidden],
      [rows, hidden],
    ],
    run: ([gate, up]) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
    plain: ([gate, up]) => reference.swiglu(gate!, up!),
  },
  {
    name: 'embedding, with ids that repeat',
    shapes: [[vocabulary, width]],
    run: ([table]) => embedding(table as tf.Tensor2D, integers(ids)),
    plain: ([table]) => Float64Array.from([...ids].flatMap((id) => [...table!.subarray(id * width, (id + 1) * width)])),
  },
  ...[undefined, 3 * vocabulary].map((maxLogits): Case => ({
    name: `maskedCrossEntropy${maxLogits === undefined ? '' : ', in pieces of three rows'}`,
    shapes: [
      [rows, width],
      [vocabulary, width],
    ],
    run: ([x, table]) => maskedCrossEntropy(x as tf.Tensor2D, table as tf.Tensor2D, integers(ids), 0.25, maxLogits),
    plain: ([x, table]) =>
      Float64Array.of(reference.crossEntropy(x!, table!, ids, width).reduce((sum, nats) => sum + nats / 4, 0)),
  })),
];

describe.each(operationBackends)('on %s', (backend) => {
  beforeAll(async () => {
    await prepareBackend(backend);
  });

  test.each(cases)('$name: value and gradient', async ({ name, shapes, run, plain }) => {
    useBackend(backend);
    const values = shapes.map((shape, i) => normals(tf.util.sizeFromShape(shape), `${name} ${i}`, 0.7));
    const exact = values.map((v) => Float64Array.from(v));
    const expected = plain(exact);
    const weights = normals(expected.length, `${name} weights`);
    const before = tf.memory().numTensors;

    const inputs = values.map((v, i) => tf.tensor(v, shapes[i]));
    const [value, ...gradients] = tf.tidy(() => {
      const output = run(inputs);
      return [output, ...tf.grads((...xs: tf.Tensor[]) => run(xs))(inputs, tf.tensor(weights, output.shape))];
    });
    const data = await Promise.all([value, ...gradients].map((x) => x.data() as Promise<Float32Array>));
    tf.dispose([inputs, value, gradients]);

    expectClose(data[0]!, expected, toleranceOn(backend, 1e-5), name);
    gradients.forEach(({ shape }, i) => {
      const weighted = (x: Float64Array): number =>
        plain(exact.map((v, j) => (j === i ? x : v))).reduce((sum, y, n) => sum + y * weights[n]!, 0);
      expect(shape).toEqual(shapes[i]);
      expectClose(
        data[i + 1]!,
        differences(weighted, exact[i]!),
        toleranceOn(backend, 2e-4),
        `${name}, gradient of input ${i}`,
      );
    });
    expect(tf.memory().numTensors, 'tensors left over').toBe(before);
  });

  test('rope turns scores by distance only: moving query and key together changes nothing', async () => {
    useBackend(backend);
    const d = 8;
    const [q, k] = [normals(d, 'q'), normals(d, 'k')];
    const scoreAt = async (i: number, j: number): Promise<number> => {
      const score = tf.tidy(() => {
        const tables = ropeTensors({ ...tinyConfig, contextLength: 32, ropeTheta: 100 });
        const at = (x: Float32Array, position: number): tf.Tensor => {
          const all = tf.tile<tf.Tensor4D>(tf.tensor4d(x, [1, 1, 1, d]), [1, 1, 32, 1]);
          return tf.slice(rope(all, tables), [0, 0, position, 0], [1, 1, 1, d]);
        };
        return tf.sum(tf.mul(at(q, i), at(k, j)));
      });
      const [value] = await score.data();
      score.dispose();
      return value!;
    };
    const near = await scoreAt(5, 2);
    expect(await scoreAt(13, 10)).toBeCloseTo(near, 3);
    expect(await scoreAt(31, 28)).toBeCloseTo(near, 3);
    expect(Math.abs((await scoreAt(5, 4)) - near)).toBeGreaterThan(0.01);
  });

  test('cross-entropies with huge logits stay finite and exact', async () => {
    useBackend(backend);
    const inputs = [normals(3 * width, 'x', 100), normals(vocabulary * width, 'table')] as const; // shares underflow to 0
    const [x, table] = inputs.map((values) => tf.tensor2d(values, [values.length / width, width])) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const [plainX, plainTable] = inputs.map((values) => Float64Array.from(values)) as [Float64Array, Float64Array];
    const expected = reference.crossEntropy(plainX, plainTable, [1, 2, 4], width);
    expect(Math.max(...expected)).toBeGreaterThan(110);
    for (const maxLogits of [undefined, 2 * vocabulary]) {
      const losses = tf.tidy(() => crossEntropies(x, table, integers(Int32Array.of(1, 2, 4)), maxLogits));
      expectClose(await losses.data(), expected, toleranceOn(backend, 1e-5), 'huge');
      losses.dispose();
    }
    tf.dispose([x, table]);
  });
});
