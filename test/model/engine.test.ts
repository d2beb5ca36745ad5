/** The engine as others use it: steps, losses, weights in and out, caches, and nothing left behind. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { ModelConfig, Weights } from '../../src/types.ts';
import { backends, expectClose, randomBatch, tinyConfig } from './helpers.ts';

const options: StepOptions = {
  learningRate: 0.01,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  optimizer: 'adamw' as const,
  clipNorm: 1,
  dropout: 0,
  seed: 1,
};
const open: Engine[] = [];

async function engineOn(
  backend: 'wasm' | 'cpu',
  extra: { weights?: Weights; config?: ModelConfig; seed?: number } = {},
): Promise<Engine> {
  const engine = await createEngine({ backend, config: tinyConfig, seed: 7, ...extra });
  open.push(engine);
  return engine;
}

afterEach(() => {
  for (const engine of open.splice(0)) engine.dispose();
});

describe.each(backends)('on %s', (backend) => {
  test('starts near the entropy of the vocabulary and learns one batch by heart', async () => {
    const engine = await engineOn(backend);
    const batch = randomBatch(tinyConfig, 4, 10, 1);
    const first = await engine.trainStep([batch], options);
    expect(first.lossNats).toBeCloseTo(Math.log(tinyConfig.vocabSize), 1);
    expect(first.targets).toBe(batch.targets.filter((t) => t >= 0).length);
    let last = first;
    for (let step = 0; step < 150; step++) last = await engine.trainStep([batch], { ...options, weightDecay: 0 });
    expect(last.lossNats).toBeLessThan(0.05);
  });

  test('losses stand at their positions, 0 where there is no target', async () => {
    const engine = await engineOn(backend);
    const batch = randomBatch(tinyConfig, 3, 8, 2);
    const losses = await engine.tokenLosses(batch);
    expect(losses).toHaveLength(24);
    batch.targets.forEach((target, i) => {
      if (target < 0) expect(losses[i]).toBe(0);
      else expect(losses[i]).toBeGreaterThan(0);
    });
    const mean = losses.reduce((a, b) => a + b) / batch.targets.filter((t) => t >= 0).length;
    const { lossNats } = await engine.trainStep([batch], options);
    expect(lossNats).toBeCloseTo(mean, 5);
    expect(await engine.tokenLosses({ ...batch, targets: batch.targets.map(() => -1) })).toEqual(new Float32Array(24));
  });

  test('a row without targets beside others adds nothing, and a batch without any is refused', async () => {
    const engine = await engineOn(backend);
    const alone = randomBatch(tinyConfig, 1, 6, 3);
    const together = {
      inputs: Int32Array.of(...alone.inputs, 1, 2, 3, 4, 5, 6),
      targets: Int32Array.of(...alone.targets, -1, -1, -1, -1, -1, -1),
      batchSize: 2,
      length: 6,
    };
    const twin = await engineOn(backend);
    const [one, two] = [await engine.trainStep([alone], options), await twin.trainStep([together], options)];
    expect(two.lossNats).toBeCloseTo(one.lossNats, 5);
    expect(two.gradNorm).toBeCloseTo(one.gradNorm, 4);
    await expect(engine.trainStep([{ ...alone, targets: alone.targets.map(() => -1) }], options)).rejects.toThrow(
      'a training batch without any target',
    );
  });

  test('steps, losses, caches and exports leave no tensor behind', async () => {
    const engine = await engineOn(backend);
    const batch = randomBatch(tinyConfig, 2, 5, 4);
    await engine.trainStep([batch], options); // makes the moments
    const before = engine.numTensors();
    await engine.trainStep([batch], { ...options, dropout: 0.1 });
    await engine.tokenLosses(batch);
    const cache = engine.startCache();
    await cache.append([1, 2, 3]);
    await cache.append([4]);
    expect(engine.numTensors()).toBeGreaterThan(before);
    cache.dispose();
    engine.importWeights(await engine.exportWeights());
    engine.importOptimizer(await engine.exportOptimizer());
    expect(engine.numTensors()).toBe(before);
  });

  test('a disposed engine has freed all it made', async () => {
    const watcher = await engineOn(backend);
    const before = watcher.numTensors();
    const engine = await createEngine({ backend, config: tinyConfig, seed: 1 });
    await engine.trainStep([randomBatch(tinyConfig, 2, 5, 4)], options);
    engine.dispose();
    expect(watcher.numTensors()).toBe(before);
  });

  test('the cache ends where the context ends, and refuses ids outside the vocabulary', async () => {
    const engine = await engineOn(backend);
    const cache = engine.startCache();
    await cache.append(Array<number>(tinyConfig.contextLength).fill(3));
    expect(cache.length).toBe(tinyConfig.contextLength);
    await expect(cache.append([1])).rejects.toThrow('12 + 1 ids exceed the context of 12');
    cache.dispose();
    await expect(engine.startCache().append([])).rejects.toThrow('nothing to append');
    await expect(engine.startCache().append([tinyConfig.vocabSize])).rejects.toThrow('id 40 in a vocabulary of 40');
    await expect(engine.startCache().append([-1])).rejects.toThrow('id -1');
  });

  test('weights that are not numbers stop training before they spread', async () => {
    const engine = await engineOn(backend);
    const weights = await engine.exportWeights();
    weights.get('model.layers.1.mlp.down_proj.weight')!.data[5] = NaN;
    engine.importWeights(weights);
    const before = engine.numTensors();
    await expect(engine.trainStep([randomBatch(tinyConfig, 2, 5, 5)], options)).rejects.toThrow(
      /training diverged: loss NaN/,
    );
    expect(engine.numTensors()).toBe(before);
    const after = (await engine.exportWeights()).get('model.layers.0.self_attn.q_proj.weight')!.data;
    expect(after).toEqual(weights.get('model.layers.0.self_attn.q_proj.weight')!.data);
  });
});

test('clipping bounds the step: the norm reported is that before it', async () => {
  const engine = await engineOn('wasm');
  const batch = randomBatch(tinyConfig, 2, 8, 6);
  const free = await engine.trainStep([batch], { ...options, learningRate: 0, clipNorm: 0 });
  const clipped = await engine.trainStep([batch], { ...options, learningRate: 0, clipNorm: 0.01 });
  expect(clipped.gradNorm).toBeCloseTo(free.gradNorm, 6);
  const { m } = await engine.exportOptimizer();
  let squares = 0;
  for (const { data } of m.values()) for (const x of data) squares += x * x;
  // m = 0.9 * 0.1 * g + 0.1 * g * 0.01 / |g|
  expect(Math.sqrt(squares)).toBeCloseTo(0.09 * free.gradNorm + 0.001, 5);
});

test('weight decay shrinks matrices and leaves norms alone', async () => {
  const engine = await engineOn('wasm');
  const before = await engine.exportWeights();
  const batch = randomBatch(tinyConfig, 2, 8, 6);
  await engine.trainStep([batch], { ...options, learningRate: 1e-9, weightDecay: 1e8 }); // 1 - 0.1 a step, next to no gradient
  const after = await engine.exportWeights();
  for (const [name, { data, shape }] of after) {
    expectClose(
      data,
      before.get(name)!.data.map((x) => (shape.length === 2 ? x * 0.9 : x)),
      1e-4,
      name,
    );
  }
});

test('wasm and cpu take the same steps', async () => {
  const [wasm, cpu] = [await engineOn('wasm'), await engineOn('cpu')];
  for (let step = 0; step < 3; step++) {
    const batch = randomBatch(tinyConfig, 2, 8, step);
    const dropped = { ...options, dropout: 0.1, seed: step };
    const [a, b] = [await wasm.trainStep([batch], dropped), await cpu.trainStep([batch], dropped)];
    expect(a.lossNats).toBeCloseTo(b.lossNats, 4);
    expect(a.gradNorm).toBeCloseTo(b.gradNorm, 3);
  }
});

test('two engines on two backends may work at the same time', async () => {
  const [wasm, cpu] = [await engineOn('wasm'), await engineOn('cpu')];
  const batch = randomBatch(tinyConfig, 2, 8, 1);
  const alone = await wasm.tokenLosses(batch);
  const [a, b] = await Promise.all([wasm.tokenLosses(batch), cpu.tokenLosses(batch)]);
  expect(a).toEqual(alone);
  expectClose(b, a, 1e-5, 'losses');
});

test('the same seed gives the same weights, another seed others', async () => {
  const [one, two, other] = [await engineOn('wasm'), await engineOn('wasm'), await engineOn('wasm', { seed: 8 })];
  expect(await one.exportWeights()).toEqual(await two.exportWeights());
  const name = 'model.layers.0.self_attn.q_proj.weight';
  expect((await one.exportWeights()).get(name)).not.toEqual((await other.exportWeights()).get(name));
});

test('weights and optimiser carried over go on bit for bit', async () => {
  const straight = await engineOn('wasm');
  for (let step = 0; step < 4; step++) await straight.trainStep([randomBatch(tinyConfig, 2, 6, step)], options);

  const first = await engineOn('wasm');
  for (let step = 0; step < 2; step++) await first.trainStep([randomBatch(tinyConfig, 2, 6, step)], options);
  const second = await engineOn('wasm', { weights: await first.exportWeights() });
  second.importOptimizer(await first.exportOptimizer());
  for (let step = 2; step < 4; step++) await second.trainStep([randomBatch(tinyConfig, 2, 6, step)], options);
  expect(await second.exportWeights()).toEqual(await straight.exportWeights());
});

test('weights have the names and shapes of LlamaForCausalLM with tied embeddings', async () => {
  const engine = await engineOn('wasm', { config: { ...tinyConfig, layers: 1 } });
  const shapes = [...(await engine.exportWeights())].map(([name, { shape }]) => [name, shape.join('x')]);
  expect(Object.fromEntries(shapes)).toEqual({
    'model.embed_tokens.weight': '40x16',
    'model.layers.0.input_layernorm.weight': '16',
    'model.layers.0.self_attn.q_proj.weight': '16x16',
    'model.layers.0.self_attn.k_proj.weight': '16x16',
    'model.layers.0.self_attn.v_proj.weight': '16x16',
    'model.layers.0.self_attn.o_proj.weight': '16x16',
    'model.layers.0.post_attention_layernorm.weight': '16',
    'model.layers.0.mlp.gate_proj.weight': '24x16',
    'model.layers.0.mlp.up_proj.weight': '24x16',
    'model.layers.0.mlp.down_proj.weight': '16x24',
    'model.norm.weight': '16',
  });
});

test('weights of another model are refused by name', async () => {
  const engine = await engineOn('wasm');
  const weights = await engine.exportWeights();
  const wrong = new Map(weights);
  wrong.delete('model.norm.weight');
  expect(() => engine.importWeights(wrong)).toThrow('weights hold no model.norm.weight');
  wrong.set('model.norm.weight', { shape: [17], data: new Float32Array(17) });
  expect(() => engine.importWeights(wrong)).toThrow("model.norm.weight is (17), the model's is (16)");
  const extra = new Map(weights).set('lm_head.weight', { shape: [1], data: new Float32Array(1) });
  await expect(createEngine({ backend: 'wasm', config: tinyConfig, weights: extra, seed: 1 })).rejects.toThrow(
    'the model has no weight lm_head.weight',
  );
});
