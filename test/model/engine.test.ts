/** The engine as others use it: steps, losses, weights in and out, caches, and nothing left behind. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { BackendName, ModelConfig, Weights } from '../../src/types.ts';
import { engineBackends, expectClose, groupedConfig, randomBatch, tinyConfig, toleranceOn } from './helpers.ts';

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
  backend: BackendName,
  extra: { weights?: Weights; config?: ModelConfig; seed?: number } = {},
): Promise<Engine> {
  const engine = await createEngine({ backend, config: tinyConfig, seed: 7, ...extra });
  open.push(engine);
  return engine;
}

afterEach(() => {
  for (const engine of open.splice(0)) engine.dispose();
});

describe.each(engineBackends)('on %s', (backend) => {
  test('starts near the entropy of the vocabulary and learns one batch by heart', async () => {
    const engine = await engineOn(backend);
    const batch = randomBatch(tinyConfig, 4, 10, 1);
    const first = await engine.trainStep([batch], options);
    expect(first.lossNats).toBeCloseTo(Math.log(tinyConfig.vocabSize), 1);
    expect(first.targets).toBe(batch.targets.filter((t) => t >= 0).length);
    let last = first;
    for (let step = 0; step < 70; step++) last = await engine.trainStep([batch], { ...options, weightDecay: 0 });
    expect(last.lossNats).toBeLessThan(0.2);
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

  test('fifty steps and fifty replies leave no tensor behind, with either optimiser', async () => {
    const engine = await engineOn(backend, { config: groupedConfig });
    const batch = (seed: number) => randomBatch(groupedConfig, 2, 5, seed);
    const step = (i: number) => ({ ...options, optimizer: i % 2 === 0 ? ('adamw' as const) : ('muon' as const) });
    // the first makes moments and dropout masks; AdamW's second moments come and go with it
    for (let i = 0; i < 2; i++) await engine.trainStep([batch(i)], { ...step(i), dropout: 0.1 });
    const before = engine.numTensors();
    for (let i = 0; i < 50; i++) {
      await engine.trainStep(i % 5 === 0 ? [batch(i), batch(i + 1)] : [batch(i)], { ...step(i), dropout: 0.1 });
      if (i % 2 === 1) expect(engine.numTensors(), `after step ${i}`).toBe(before);
    }
    for (let i = 0; i < 50; i++) {
      const cache = engine.startCache();
      await cache.append([1, 2, 3]);
      const streams = cache.fork(3);
      await streams.append([4, 5, 6]);
      streams.keep([0, 2]);
      await streams.append([7, 8]);
      await cache.append([4]);
      expect(engine.numTensors()).toBeGreaterThan(before);
      streams.dispose();
      cache.dispose();
      expect(engine.numTensors(), `after reply ${i}`).toBe(before);
    }
    await engine.tokenLosses(batch(1));
    engine.importWeights(await engine.exportWeights());
    engine.importOptimizer(await engine.exportOptimizer());
    expect(engine.numTensors()).toBe(before);
  });

  test('streams go on from their sequence as it would itself, each with its own ids', async () => {
    const engine = await engineOn(backend, { config: groupedConfig });
    const logitsAfter = async (ids: number[]): Promise<Float32Array> => {
      const cache = engine.startCache();
      const logits = await cache.append(ids);
      cache.dispose();
      return logits;
    };
    const cache = engine.startCache();
    await cache.append([1, 2, 3]);
    const streams = cache.fork(3);
    expect([streams.count, streams.length]).toEqual([3, 3]);
    await streams.append([4, 5, 6]);
    streams.keep([0, 2]);
    const logits = await streams.append([7, 8]);
    expect([streams.count, streams.length, cache.length]).toEqual([2, 5, 3]);
    const expected = [...(await logitsAfter([1, 2, 3, 4, 7])), ...(await logitsAfter([1, 2, 3, 6, 8]))];
    expectClose(logits, expected, toleranceOn(backend, 1e-5), 'logits');
    streams.dispose();
    expectClose(await cache.append([9]), await logitsAfter([1, 2, 3, 9]), toleranceOn(backend, 1e-5), 'the sequence');
    cache.dispose();
  });

  test('a step over several batches is the step over all their targets at once', async () => {
    const [apart, together] = [await engineOn(backend), await engineOn(backend)];
    const [one, two] = [randomBatch(tinyConfig, 2, 6, 1), randomBatch(tinyConfig, 3, 6, 2)];
    const empty = { ...one, targets: one.targets.map(() => -1) };
    const both = {
      inputs: Int32Array.of(...one.inputs, ...two.inputs),
      targets: Int32Array.of(...one.targets, ...two.targets),
      batchSize: 5,
      length: 6,
    };
    const a = await apart.trainStep([one, empty, two], options);
    const b = await together.trainStep([both], options);
    expect(a.targets).toBe(b.targets);
    expectClose([a.lossNats, a.gradNorm], [b.lossNats, b.gradNorm], toleranceOn(backend, 1e-5), 'figures');
    const [m, expected] = [(await apart.exportOptimizer()).m, (await together.exportOptimizer()).m];
    for (const [name, { data }] of expected) expectClose(m.get(name)!.data, data, toleranceOn(backend, 1e-4), name);
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

  test('streams are refused where they make no sense', async () => {
    const engine = await engineOn(backend);
    const cache = engine.startCache();
    expect(() => cache.fork(2)).toThrow('nothing to fork');
    await cache.append([1]);
    expect(() => cache.fork(0)).toThrow('0 streams');
    const streams = cache.fork(2);
    await expect(streams.append([1])).rejects.toThrow('1 ids for 2 streams');
    expect(() => streams.keep([])).toThrow('at least one');
    expect(() => streams.keep([1, 0])).toThrow('in rising order');
    expect(() => streams.keep([0, 2])).toThrow('streams 0, 2 of 2');
    for (let length = 1; length < tinyConfig.contextLength; length++) await streams.append([1, 2]);
    await expect(streams.append([1, 2])).rejects.toThrow('12 + 1 ids exceed the context of 12');
    streams.dispose();
    cache.dispose();
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
  const engine = await engineOn('cpu');
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
  const engine = await engineOn('cpu');
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

test.each(engineBackends.filter((backend) => backend !== 'cpu'))('%s and cpu take the same steps', async (backend) => {
  const [one, cpu] = [await engineOn(backend), await engineOn('cpu')];
  for (let step = 0; step < 3; step++) {
    const batch = randomBatch(tinyConfig, 2, 8, step);
    // the engines draw the masks of dropout in ways of their own
    const dropped = { ...options, dropout: backend === 'simd' ? 0 : 0.1, seed: step };
    const [a, b] = [await one.trainStep([batch], dropped), await cpu.trainStep([batch], dropped)];
    expect(a.lossNats).toBeCloseTo(b.lossNats, 4);
    expect(a.gradNorm).toBeCloseTo(b.gradNorm, 3);
  }
});

test.each(engineBackends.filter((backend) => backend !== 'cpu'))(
  '%s and cpu may work at the same time',
  async (backend) => {
    const [one, cpu] = [await engineOn(backend), await engineOn('cpu')];
    const batch = randomBatch(tinyConfig, 2, 8, 1);
    const alone = await one.tokenLosses(batch);
    const [a, b] = await Promise.all([one.tokenLosses(batch), cpu.tokenLosses(batch)]);
    expectClose(a, alone, toleranceOn(backend, 1e-6), 'again');
    expectClose(b, a, toleranceOn(backend, 1e-5), 'losses');
  },
);

test('the same seed gives the same weights, another seed others', async () => {
  const [one, two, other] = [await engineOn('cpu'), await engineOn('cpu'), await engineOn('cpu', { seed: 8 })];
  expect(await one.exportWeights()).toEqual(await two.exportWeights());
  const name = 'model.layers.0.self_attn.q_proj.weight';
  expect((await one.exportWeights()).get(name)).not.toEqual((await other.exportWeights()).get(name));
});

test.each(
  engineBackends.flatMap((backend) => (['adamw', 'muon'] as const).map((optimizer) => ({ backend, optimizer }))),
)('weights and $optimizer carried over go on bit for bit on $backend', async ({ backend, optimizer }) => {
  const step = async (engine: Engine, seed: number): Promise<void> => {
    await engine.trainStep([randomBatch(tinyConfig, 2, 6, seed)], { ...options, optimizer, dropout: 0.1, seed });
  };
  const straight = await engineOn(backend);
  for (let seed = 0; seed < 4; seed++) await step(straight, seed);

  const first = await engineOn(backend);
  for (let seed = 0; seed < 2; seed++) await step(first, seed);
  const second = await engineOn(backend, { weights: await first.exportWeights() });
  second.importOptimizer(await first.exportOptimizer());
  for (let seed = 2; seed < 4; seed++) await step(second, seed);
  expect(await second.exportWeights()).toEqual(await straight.exportWeights());
});

test("Muon learns, and its matrices have no second moment while AdamW's do", async () => {
  const engine = await engineOn('cpu', { config: groupedConfig });
  const batch = randomBatch(groupedConfig, 4, 10, 1);
  const muon = { ...options, optimizer: 'muon' as const, weightDecay: 0 };
  const first = await engine.trainStep([batch], muon);
  let last = first;
  for (let step = 0; step < 40; step++) last = await engine.trainStep([batch], muon);
  expect(last.lossNats).toBeLessThan(first.lossNats / 4);
  const { m, v } = await engine.exportOptimizer();
  expect([...m.keys()].sort()).toEqual([...(await engine.exportWeights()).keys()].sort());
  expect([...v.keys()].filter((name) => name.includes('proj'))).toEqual([]);
  expect([...v.keys()]).toEqual(expect.arrayContaining(['model.embed_tokens.weight', 'lm_head.weight']));
});

test('weights have the names and shapes of LlamaForCausalLM with tied embeddings', async () => {
  const engine = await engineOn('cpu', { config: { ...tinyConfig, layers: 1 } });
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
  const engine = await engineOn('cpu');
  const weights = await engine.exportWeights();
  const wrong = new Map(weights);
  wrong.delete('model.norm.weight');
  expect(() => engine.importWeights(wrong)).toThrow('weights hold no model.norm.weight');
  wrong.set('model.norm.weight', { shape: [17], data: new Float32Array(17) });
  expect(() => engine.importWeights(wrong)).toThrow("model.norm.weight is (17), the model's is (16)");
  const extra = new Map(weights).set('lm_head.weight', { shape: [1], data: new Float32Array(1) });
  await expect(createEngine({ backend: 'cpu', config: tinyConfig, weights: extra, seed: 1 })).rejects.toThrow(
    'the model has no weight lm_head.weight',
  );
});
