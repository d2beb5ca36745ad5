/** The simd engine beside tfjs in plain JavaScript: the same losses, gradients, updates and texts, for any number of threads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import type { ModelConfig, TokenBatch, Weights } from '../../src/types.ts';
import { expectClose, normals, randomBatch, tinyConfig } from './helpers.ts';

const grouped: ModelConfig = {
  ...tinyConfig,
  vocabSize: 45,
  width: 32,
  heads: 4,
  kvHeads: 2,
  hiddenWidth: 44,
  tiedEmbeddings: false,
  ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 4 },
};
const longer: ModelConfig = {
  ...tinyConfig,
  vocabSize: 301,
  contextLength: 150,
  layers: 3,
  width: 64,
  heads: 4,
  kvHeads: 4,
  hiddenWidth: 96,
};
const configs: [string, ModelConfig][] = [
  ['tied', tinyConfig],
  ['grouped, untied, scaled positions', grouped],
  ['longer than one block', longer],
];

const options: StepOptions = {
  optimizer: 'adamw',
  learningRate: 0.01,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  clipNorm: 1,
  dropout: 0,
  seed: 1,
};

const open: Engine[] = [];
async function engineOf(backend: 'simd' | 'cpu', config: ModelConfig, weights?: Weights, threads = 2): Promise<Engine> {
  const engine = await createEngine({ backend, config, seed: 5, threads, ...(weights && { weights }) });
  open.push(engine);
  return engine;
}
afterAll(() => {
  for (const engine of open) engine.dispose();
});

/** Weights large enough that every part matters. */
async function loudWeights(config: ModelConfig): Promise<Weights> {
  const engine = await engineOf('cpu', config);
  const weights = await engine.exportWeights();
  for (const [name, tensor] of weights) {
    const noise = normals(tensor.data.length, name, 0.25);
    tensor.data.forEach((value, i) => (tensor.data[i] = value + noise[i]!));
  }
  return weights;
}

function expectSameWeights(actual: Weights, expected: Weights, tolerance: number): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    expect(actual.get(name)!.shape, name).toEqual(tensor.shape);
    expectClose(actual.get(name)!.data, tensor.data, tolerance, name);
  }
}

describe.each(configs)('beside tfjs: %s', (_name, config) => {
  let weights: Weights;
  beforeAll(async () => {
    weights = await loudWeights(config);
  });
  // plain JavaScript is slow: long rows come alone
  const batchOf = (seed: number): TokenBatch =>
    config === longer ? randomBatch(config, 1, 131, seed) : randomBatch(config, 3, config.contextLength, seed);

  it('starts from the same weights', async () => {
    const [simd, cpu] = [await engineOf('simd', config), await engineOf('cpu', config)];
    expectSameWeights(await simd.exportWeights(), await cpu.exportWeights(), 0);
  });

  it('gives the same loss for each token', async () => {
    const [simd, cpu] = [await engineOf('simd', config, weights), await engineOf('cpu', config, weights)];
    const batch = batchOf(1);
    expectClose(await simd.tokenLosses(batch), await cpu.tokenLosses(batch), 2e-5, 'loss');
  });

  it('gives the same gradient for each weight', async () => {
    const [simd, cpu] = [await engineOf('simd', config, weights), await engineOf('cpu', config, weights)];
    const step = { ...options, clipNorm: 0 };
    const batches = [batchOf(2)];
    const [a, b] = [await simd.trainStep(batches, step), await cpu.trainStep(batches, step)];
    expect(a.targets).toBe(b.targets);
    expectClose([a.lossNats, a.gradNorm], [b.lossNats, b.gradNorm], 2e-5);
    // after one step the first moment is the gradient times 1 - beta1
    expectSameWeights((await simd.exportOptimizer()).m, (await cpu.exportOptimizer()).m, 5e-4);
  });

  it.each(['adamw', 'muon'] as const)('ends at the same weights after two steps of %s', async (optimizer) => {
    const [simd, cpu] = [await engineOf('simd', config, weights), await engineOf('cpu', config, weights)];
    // Newton-Schulz blows up the directions in which a gradient is next to nothing, rounding included
    const tolerance = optimizer === 'muon' ? 1e-2 : 1e-3;
    for (let step = 0; step < 2; step++) {
      const batches = [batchOf(3 + step), batchOf(30 + step)];
      const with_ = { ...options, optimizer, learningRate: 1e-3, seed: step };
      const [a, b] = [await simd.trainStep(batches, with_), await cpu.trainStep(batches, with_)];
      expectClose([a.lossNats, a.gradNorm], [b.lossNats, b.gradNorm], tolerance);
    }
    expectSameWeights(await simd.exportWeights(), await cpu.exportWeights(), tolerance);
  });

  it('goes on from the other engine', async () => {
    const cpu = await engineOf('cpu', config, weights);
    await cpu.trainStep([batchOf(6)], options);
    const simd = await engineOf('simd', config, await cpu.exportWeights());
    simd.importOptimizer(await cpu.exportOptimizer());
    await simd.trainStep([batchOf(7)], options);
    await cpu.trainStep([batchOf(7)], options);
    expectSameWeights(await simd.exportWeights(), await cpu.exportWeights(), 1e-3);
  });

  it('gives the same logits from a prompt, token by token, and for streams that share it', async () => {
    const [simd, cpu] = [await engineOf('simd', config, weights), await engineOf('cpu', config, weights)];
    const ids = [...batchOf(8).inputs.subarray(0, Math.min(config.contextLength - 4, 100))];
    const [a, b] = [simd.startCache(), cpu.startCache()];
    expectClose(await a.append(ids), await b.append(ids), 1e-4, 'prompt');
    expectClose(await a.append([3]), await b.append([3]), 1e-4, 'one more');
    const [streams, expected] = [a.fork(3), b.fork(3)];
    expectClose(await streams.append([1, 2, 7]), await expected.append([1, 2, 7]), 1e-4, 'streams');
    for (const each of [streams, expected]) each.keep([0, 2]);
    expectClose(await streams.append([9, 4]), await expected.append([9, 4]), 1e-4, 'two streams');
    expect(streams.length).toBe(ids.length + 3);
    for (const each of [streams, expected, a, b]) each.dispose();
  });
});

it('gives the same bits for one, two and three threads, dropout included', async () => {
  const results: Weights[] = [];
  for (const threads of [1, 2, 3]) {
    const engine = await engineOf('simd', longer, undefined, threads);
    for (let step = 0; step < 3; step++) {
      await engine.trainStep([randomBatch(longer, 3, 77, step)], { ...options, dropout: 0.2, seed: step });
    }
    results.push(await engine.exportWeights());
  }
  for (const other of results.slice(1)) expect(other).toEqual(results[0]);
});

it('drops out the share asked for, and differently at each seed', async () => {
  const engine = await engineOf('simd', longer);
  const batch = randomBatch(longer, 3, 100, 1);
  const losses: number[] = [];
  for (const seed of [1, 2, 1]) {
    losses.push((await engine.trainStep([batch], { ...options, learningRate: 0, dropout: 0.3, seed })).lossNats);
  }
  expect(losses[0]).toBe(losses[2]);
  expect(losses[0]).not.toBe(losses[1]);
});

it('keeps its memory over training steps and replies', async () => {
  const engine = await engineOf('simd', longer);
  const reply = async (length: number): Promise<void> => {
    const cache = engine.startCache();
    await cache.append(Array.from({ length }, (_, i) => i));
    const streams = cache.fork(4);
    for (let i = 0; i < 5; i++) await streams.append([1, 2, 3, 4]);
    streams.dispose();
    cache.dispose();
  };
  await engine.trainStep([randomBatch(longer, 3, 150, 1)], options);
  for (const length of [140, 70, 3]) await reply(length);
  expect(engine.numTensors()).toBe(0);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 120; i++) {
    await engine.trainStep([randomBatch(longer, 1 + (i % 3), 5 + ((i * 7) % 140), i)], options);
    await reply(1 + ((i * 13) % 140));
  }
  expect(engine.numTensors()).toBe(0);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
});

it('refuses a loss that is no number and keeps the weights', async () => {
  const weights = await loudWeights(tinyConfig);
  weights.get('model.norm.weight')!.data[3] = Infinity;
  const engine = await engineOf('simd', tinyConfig, weights);
  await expect(engine.trainStep([randomBatch(tinyConfig, 2, 5, 1)], options)).rejects.toThrow('training diverged');
  expect(await engine.exportWeights()).toEqual(weights);
});
