/** LoRA: only a change of low rank is learned, by the gradient that the formulas of lora.ts give, alike on every engine. */
import { afterEach, describe, expect, test } from 'vitest';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine, LoraOptions, OptimizerState, StepOptions } from '../../src/model/engine.ts';
import { adaptersOf } from '../../src/model/lora.ts';
import type { BackendName, HostTensor, TokenBatch, Weights } from '../../src/types.ts';
import { engineBackends, expectClose, groupedConfig, normals, randomBatch } from './helpers.ts';

const config = groupedConfig;
const lora: LoraOptions = { rank: 3, alpha: 6 };
const scale = 2; // alpha / rank
const options: StepOptions = {
  optimizer: 'adamw',
  learningRate: 0.02,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  clipNorm: 1,
  dropout: 0,
  seed: 1,
};
const matrix = /(?:self_attn|mlp)\./;

const open: Engine[] = [];
async function engineOn(
  backend: BackendName,
  weights: Weights,
  extra: { lora?: LoraOptions; seed?: number } = {},
): Promise<Engine> {
  const engine = await createEngine({ backend, config, weights, seed: 4, ...extra });
  open.push(engine);
  return engine;
}
afterEach(() => {
  for (const engine of open.splice(0)) engine.dispose();
});

/** A base in which every part matters. */
async function baseWeights(): Promise<Weights> {
  const engine = await createEngine({ backend: 'simd', config, seed: 5, threads: 1 });
  open.push(engine);
  const weights = await engine.exportWeights();
  for (const [name, { data }] of weights) normals(data.length, name, 0.2).forEach((x, i) => (data[i]! += x));
  return weights;
}
const base = await baseWeights();

const batchOf = (seed: number): TokenBatch => randomBatch(config, 3, 10, seed);

async function steps(engine: Engine, from: number, to: number, more: Partial<StepOptions> = {}): Promise<void> {
  for (let seed = from; seed < to; seed++) {
    await engine.trainStep([batchOf(seed), batchOf(100 + seed)], { ...options, ...more, seed });
  }
}

/** (m, k) (k, n) -> (m, n), each operand turned first where asked for, in double precision. */
function product(a: HostTensor, b: HostTensor, turnA = false, turnB = false): HostTensor {
  const at = ({ data, shape }: HostTensor, turned: boolean, i: number, j: number): number =>
    turned ? data[j * shape[1]! + i]! : data[i * shape[1]! + j]!;
  const [m, k] = turnA ? a.shape.toReversed() : a.shape;
  const n = turnB ? b.shape[0]! : b.shape[1]!;
  const data = Float32Array.from({ length: m! * n }, (_, index) => {
    let sum = 0;
    for (let i = 0; i < k!; i++) sum += at(a, turnA, Math.floor(index / n), i) * at(b, turnB, i, index % n);
    return sum;
  });
  return { shape: [m!, n], data };
}

/** W0 + s B A. */
function merged(adapters: Weights): Weights {
  const weights: Weights = new Map(base);
  for (const { target, a, b } of adaptersOf(config, lora)) {
    const { shape, data } = base.get(target.source)!;
    const change = product(adapters.get(b.source)!, adapters.get(a.source)!).data;
    weights.set(target.source, { shape, data: data.map((x, i) => x + scale * change[i]!) });
  }
  return weights;
}

/** Norm of what is left of the rows of a matrix after each of its largest directions is taken out, one after the other. */
function leftovers({ shape, data }: HostTensor, count: number): number[] {
  const [rows, columns] = shape as [number, number];
  const left = Array.from({ length: rows }, (_, i) => Float64Array.from(data.subarray(i * columns, (i + 1) * columns)));
  const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const norms: number[] = [];
  for (let n = 0; n < count; n++) {
    const pivot = Float64Array.from(left.reduce((best, row) => (dot(row, row) > dot(best, best) ? row : best)));
    for (const row of left) {
      const share = dot(row, pivot) / dot(pivot, pivot);
      pivot.forEach((x, i) => (row[i]! -= share * x));
    }
    norms.push(Math.sqrt(left.reduce((sum, row) => sum + dot(row, row), 0)));
  }
  return norms;
}

/** The gradient that a step added to the first moment. */
function gradient(name: string, before: OptimizerState, after: OptimizerState): number[] {
  return Array.from(after.m.get(name)!.data, (m, i) => (m - 0.9 * (before.m.get(name)?.data[i] ?? 0)) / 0.1);
}

describe.each(engineBackends)('on %s', (backend) => {
  test('starts as the base, with A drawn from the seed and B zero', async () => {
    const engine = await engineOn(backend, base, { lora });
    expect(await engine.exportWeights()).toEqual(base);
    const { step, m, v, adapters } = await engine.exportOptimizer();
    expect([step, m.size, v.size]).toEqual([0, 0, 0]);
    expect(adapters!.size).toBe(2 * 7 * config.layers);
    for (const { target, a, b } of adaptersOf(config, lora)) {
      const [outWidth, inWidth] = base.get(target.source)!.shape;
      expect(adapters!.get(a.source)!.shape).toEqual([lora.rank, inWidth]);
      expect(adapters!.get(b.source)).toEqual({
        shape: [outWidth, lora.rank],
        data: new Float32Array(outWidth! * lora.rank),
      });
    }
    const values = [...adapters!].flatMap(([name, { data }]) => (name.includes('down_proj.lora_A') ? [...data] : []));
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    expect(deviation * Math.sqrt(config.hiddenWidth)).toBeGreaterThan(0.75);
    expect(deviation * Math.sqrt(config.hiddenWidth)).toBeLessThan(1.25);
    expect((await (await engineOn(backend, base, { lora })).exportOptimizer()).adapters).toEqual(adapters);
    expect((await (await engineOn(backend, base, { lora, seed: 9 })).exportOptimizer()).adapters).not.toEqual(adapters);
  });

  test('learns one batch, changing matrices by as many directions as its rank, and nothing else by a bit', async () => {
    const engine = await engineOn(backend, base, { lora });
    const first = await engine.trainStep([batchOf(1)], options);
    let last = first;
    for (let i = 0; i < 25; i++) last = await engine.trainStep([batchOf(1)], { ...options, dropout: 0.01, seed: i });
    expect(last.lossNats).toBeLessThan(first.lossNats / 2);
    for (const [name, { shape, data }] of await engine.exportWeights()) {
      const before = base.get(name)!.data;
      if (!matrix.test(name)) {
        expect(data, name).toEqual(before);
        continue;
      }
      const change = data.map((x, i) => x - before[i]!);
      const [, two, three] = leftovers({ shape, data: change }, 3);
      expect(two, name).toBeGreaterThan(0.02);
      expect(three, name).toBeLessThan(1e-5); // what float32 leaves
    }
  });

  test('its gradients are those of W = W0 + s B A, and so is the norm it reports', async () => {
    const engine = await engineOn(backend, base, { lora });
    await steps(engine, 0, 3);
    const before = await engine.exportOptimizer();
    const weights = await engine.exportWeights();
    for (const [name, { data }] of merged(before.adapters!)) expectClose(weights.get(name)!.data, data, 1e-6, name);

    const batch = batchOf(50);
    const { gradNorm } = await engine.trainStep([batch], { ...options, clipNorm: 0 });
    const after = await engine.exportOptimizer();
    const full = await engineOn(backend, weights);
    await full.trainStep([batch], { ...options, clipNorm: 0 });
    const ofWeights = (await full.exportOptimizer()).m;
    let squares = 0;
    for (const { target, a, b } of adaptersOf(config, lora)) {
      const { shape, data } = ofWeights.get(target.source)!;
      const dw = { shape, data: data.map((m) => m / 0.1) };
      const dA = product(before.adapters!.get(b.source)!, dw, true).data.map((x) => scale * x);
      const dB = product(dw, before.adapters!.get(a.source)!, false, true).data.map((x) => scale * x);
      expectClose(gradient(a.source, before, after), dA, 1e-4, a.source);
      expectClose(gradient(b.source, before, after), dB, 1e-4, b.source);
      for (const x of [...dA, ...dB]) squares += x * x;
    }
    expect(gradNorm).toBeCloseTo(Math.sqrt(squares), 4);
  });

  test('its first step is AdamW on A and B, weight decay on both, whatever optimizer is asked for', async () => {
    const engine = await engineOn(backend, base, { lora });
    const before = await engine.exportOptimizer();
    await engine.trainStep([batchOf(1)], { ...options, optimizer: 'muon' });
    const after = await engine.exportOptimizer();
    expect(after.step).toBe(1);
    expect([...after.v.keys()].sort()).toEqual([...after.adapters!.keys()].sort());
    for (const [name, { data }] of after.adapters!) {
      const { data: from } = before.adapters!.get(name)!;
      // B is zero, so A has no gradient yet; the first step of Adam is the rate times the gradient's sign
      const gradients = gradient(name, before, after);
      const expected = from.map((x, i) => x * (1 - 0.02 * 0.1) - 0.02 * Math.sign(gradients[i]!));
      const large = gradients.flatMap((g, i) => (g === 0 || Math.abs(g) > 1e-5 ? [i] : []));
      expect(large.length, name).toBeGreaterThan(data.length / 2);
      expectClose(
        large.map((i) => data[i]!),
        large.map((i) => expected[i]!),
        2e-3,
        name,
      );
    }
  });

  test('carried over into a new engine it goes on bit for bit', async () => {
    const straight = await engineOn(backend, base, { lora });
    await steps(straight, 0, 4, { dropout: 0.1 });
    const first = await engineOn(backend, base, { lora });
    await steps(first, 0, 2, { dropout: 0.1 });
    const second = await engineOn(backend, base, { lora, seed: 77 });
    second.importWeights(await first.exportWeights());
    second.importOptimizer(await first.exportOptimizer());
    expect(await second.exportWeights()).toEqual(await first.exportWeights());
    await steps(second, 2, 4, { dropout: 0.1 });
    expect(await second.exportWeights()).toEqual(await straight.exportWeights());
    expect(await second.exportOptimizer()).toEqual(await straight.exportOptimizer());
  });

  test('adapters alone are enough to go on: they are merged as they come in', async () => {
    const first = await engineOn(backend, base, { lora });
    await steps(first, 0, 2);
    const second = await engineOn(backend, base, { lora, seed: 77 });
    second.importOptimizer(await first.exportOptimizer());
    expect(await second.exportWeights()).toEqual(await first.exportWeights());
  });

  test('weights put in are used until the next step, which goes on from its own', async () => {
    const [engine, twin] = [await engineOn(backend, base, { lora }), await engineOn(backend, base, { lora })];
    for (const each of [engine, twin]) await steps(each, 0, 2);
    const own = await engine.exportWeights();
    const other: Weights = new Map(
      [...own].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => 0.9 * x) }]),
    );
    const losses = await engine.tokenLosses(batchOf(9));
    engine.importWeights(other);
    expect(await engine.exportWeights()).toEqual(other);
    expect(await engine.tokenLosses(batchOf(9))).not.toEqual(losses);
    engine.importWeights(own);
    expect(await engine.tokenLosses(batchOf(9))).toEqual(losses);
    engine.importWeights(other);
    for (const each of [engine, twin]) await steps(each, 2, 4);
    expect(await engine.exportWeights()).toEqual(await twin.exportWeights());
  });

  test('a step that fails leaves adapters and merged weights', async () => {
    const broken: Weights = new Map(base);
    const norm = base.get('model.norm.weight')!;
    broken.set('model.norm.weight', { ...norm, data: norm.data.map(() => NaN) });
    const engine = await engineOn(backend, broken, { lora });
    const before = await engine.exportOptimizer();
    await expect(engine.trainStep([batchOf(1)], options)).rejects.toThrow('training diverged: loss NaN');
    expect(await engine.exportOptimizer()).toEqual(before);
    expect(await engine.exportWeights()).toEqual(broken);
  });

  test('leaves nothing behind', async () => {
    const watcher = await engineOn(backend, base);
    const without = watcher.numTensors();
    const engine = await createEngine({ backend, config, weights: base, seed: 1, lora });
    await steps(engine, 0, 1);
    const before = engine.numTensors();
    await steps(engine, 1, 4);
    engine.importWeights(await engine.exportWeights());
    engine.importOptimizer(await engine.exportOptimizer());
    await steps(engine, 4, 6);
    expect(engine.numTensors()).toBe(before);
    engine.dispose();
    expect(watcher.numTensors()).toBe(without);
  });

  test('states of another kind are refused', async () => {
    const [adapting, full] = [await engineOn(backend, base, { lora }), await engineOn(backend, base)];
    for (const each of [adapting, full]) await steps(each, 0, 1);
    const [ofAdapters, ofWeights] = [await adapting.exportOptimizer(), await full.exportOptimizer()];
    expect(() => adapting.importOptimizer(ofWeights)).toThrow('the state of an optimizer without LoRA');
    expect(() => full.importOptimizer(ofAdapters)).toThrow('the state of an optimizer with LoRA');
    const wider = await engineOn(backend, base, { lora: { rank: 4, alpha: 6 } });
    expect(() => wider.importOptimizer(ofAdapters)).toThrow(
      "model.layers.0.self_attn.q_proj.lora_A.weight is (3, 16), the model's is (4, 16)",
    );
  });
});

test.each(engineBackends.filter((backend) => backend !== 'cpu'))('%s and cpu learn the same', async (backend) => {
  const [one, cpu] = [await engineOn(backend, base, { lora }), await engineOn('cpu', base, { lora })];
  for (let seed = 0; seed < 4; seed++) {
    const batches = [batchOf(seed), batchOf(100 + seed)];
    const step = { ...options, learningRate: 1e-3, seed };
    const [a, b] = [await one.trainStep(batches, step), await cpu.trainStep(batches, step)];
    expectClose([a.lossNats, a.gradNorm], [b.lossNats, b.gradNorm], 1e-3);
  }
  const expected = await cpu.exportWeights();
  for (const [name, { data }] of await one.exportWeights()) expectClose(data, expected.get(name)!.data, 1e-3, name);
});

test('the gradient is the slope of the loss', async () => {
  const engine = await engineOn('simd', base, { lora });
  await steps(engine, 0, 3);
  const before = await engine.exportOptimizer();
  const batch = batchOf(60);
  await engine.trainStep([batch], { ...options, clipNorm: 0 });
  const after = await engine.exportOptimizer();

  const other = await engineOn('simd', base);
  const lossAt = async (moved: number): Promise<number> => {
    const adapters: Weights = new Map(
      [...before.adapters!].map(([name, { shape, data }]) => {
        const slope = gradient(name, before, after);
        return [name, { shape, data: data.map((x, i) => x + moved * slope[i]!) }];
      }),
    );
    other.importWeights(merged(adapters));
    const losses = await other.tokenLosses(batch);
    return losses.reduce((sum, nats) => sum + nats, 0) / batch.targets.filter((id) => id >= 0).length;
  };
  const squares = [...before.adapters!.keys()]
    .flatMap((name) => gradient(name, before, after))
    .reduce((sum, g) => sum + g * g, 0);
  const h = 1e-3 / Math.sqrt(squares);
  const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
  expect(slope / squares).toBeCloseTo(1, 2);
});

test('a rank or alpha that makes no sense is refused, and so are weights drawn at random', async () => {
  const withLora = (wrong: LoraOptions) => engineOn('simd', base, { lora: wrong });
  await expect(withLora({ rank: 0, alpha: 1 })).rejects.toThrow('LoRA of rank 0');
  await expect(withLora({ rank: 1.5, alpha: 1 })).rejects.toThrow('LoRA of rank 1.5');
  await expect(withLora({ rank: 2, alpha: 0 })).rejects.toThrow('LoRA with alpha 0');
  await expect(createEngine({ backend: 'simd', config, seed: 1, lora })).rejects.toThrow(
    'LoRA adapts weights that are given',
  );
});
