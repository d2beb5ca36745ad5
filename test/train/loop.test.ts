/**
 * The loop: what it learns is tried on a real tiny engine; schedules, limits and stopping, which depend on exact losses
 * and times, on an engine that plays back a script.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { TokenRow } from '../../src/train/batches.ts';
import { meanLossOf } from '../../src/train/keeper.ts';
import { train, type TrainProgress } from '../../src/train/loop.ts';
import { learningRateAt } from '../../src/train/schedule.ts';
import type { BackendName, Weights } from '../../src/types.ts';
import { tinyConfig } from '../model/helpers.ts';
import { countingRows, recipe } from './examples.ts';

const engines: Engine[] = [];
async function realEngine(backend: BackendName = 'simd'): Promise<Engine> {
  const engine = await createEngine({ backend, config: tinyConfig, seed: 1 });
  engines.push(engine);
  return engine;
}
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

describe('on a real engine', () => {
  test('learns rows by heart, and held-out rows of the same rule', async () => {
    const engine = await realEngine();
    const held = countingRows(6, 99);
    const before = await meanLossOf(engine, held, 64);
    const result = await train(engine, {
      ...recipe,
      epochs: 20,
      dropout: 0,
      rows: countingRows(40, 1),
      validationRows: held,
      seed: 1,
    });
    expect(before).toBeGreaterThan(3);
    expect(result.bestValidation).toBeLessThan(0.1);
    expect(await meanLossOf(engine, held, 64)).toBeCloseTo(result.bestValidation!, 5);
    expect(result.stoppedBecause).toBe('finished');
    expect(result.epochs).toBe(20);
    expect(result.curve[0]).toMatchObject({ step: 0, lossNats: null });
    expect(result.curve.at(-1)!.lossNats!).toBeLessThan(0.2);
  });

  test('the same seed gives identical weights, another seed others', async () => {
    const runs: Weights[] = [];
    for (const seed of [5, 5, 6]) {
      const engine = await realEngine();
      await train(engine, {
        ...recipe,
        epochs: 2,
        rows: countingRows(12, 1),
        validationRows: countingRows(3, 2),
        seed,
      });
      runs.push(await engine.exportWeights());
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).not.toEqual(runs[0]);
  });

  test('rows without targets are skipped: nothing is NaN, and they count nowhere', async () => {
    const silent = { inputs: Int32Array.of(1, 2, 3), targets: Int32Array.of(-1, -1, -1) };
    const rows = [silent, ...countingRows(4, 3), silent];
    const engine = await realEngine();
    const result = await train(engine, { ...recipe, rows, validationRows: [silent], seed: 1 });
    expect(result.bestValidation).toBeNull();
    expect(result.tokensSeen).toBe(4 * rows.slice(1, 5).reduce((sum, row) => sum + row.inputs.length, 0));
    for (const { lossNats } of result.curve) expect(lossNats).toBeGreaterThan(0);
    await expect(train(engine, { ...recipe, rows: [silent], validationRows: [], seed: 1 })).rejects.toThrow(
      'none of 1 training rows has a target',
    );
  });

  test('several batches a step learn as well as one, from fewer rows at a time', async () => {
    const rows = countingRows(40, 1);
    const engine = await realEngine();
    const result = await train(engine, {
      ...recipe,
      epochs: 20,
      dropout: 0,
      accumulation: 3,
      rows,
      validationRows: countingRows(6, 99),
      seed: 1,
    });
    expect(result.bestValidation).toBeLessThan(0.3);
    expect(result.tokensSeen).toBe(20 * rows.reduce((sum, row) => sum + row.inputs.length, 0));
  });

  test('leaves no tensor behind', async () => {
    const engine = await realEngine('cpu');
    const options = { ...recipe, epochs: 2, rows: countingRows(6, 1), validationRows: countingRows(2, 2) };
    await train(engine, { ...options, seed: 1 });
    const before = engine.numTensors();
    await train(engine, { ...options, seed: 2 });
    expect(engine.numTensors()).toBe(before);
  });

  test('a loss that is not a number aborts with the reason', async () => {
    const engine = await realEngine();
    const options = { ...recipe, learningRate: 1e30, clipNorm: 0, warmupShare: 0, rows: countingRows(12, 1), seed: 1 };
    await expect(train(engine, { ...options, validationRows: [] })).rejects.toThrow(/training diverged/);
  });
});

/** An engine that records its steps and takes its validation losses, and the time of each step, from a script. */
function scripted(validation: number[], stepMs = 10) {
  const clock = { ms: 0 };
  const steps: StepOptions[] = [];
  const validated: number[] = [];
  let weights: Weights = new Map([['at step', { shape: [1], data: Float32Array.of(0) }]]);
  const engine: Engine = {
    backend: 'cpu',
    config: tinyConfig,
    trainStep: (batches, options) => {
      clock.ms += stepMs;
      steps.push(options);
      weights = new Map([['at step', { shape: [1], data: Float32Array.of(steps.length) }]]);
      return Promise.resolve({ lossNats: 1, targets: batches[0]!.targets.length, gradNorm: 1 });
    },
    tokenLosses: (batch) => {
      const nats = validation[Math.min(validated.length, validation.length - 1)]!;
      validated.push(steps.length);
      return Promise.resolve(Float32Array.from(batch.targets, () => nats));
    },
    startCache: () => expect.fail('training needs no cache'),
    exportWeights: () => Promise.resolve(weights),
    importWeights: (next) => void (weights = next),
    exportOptimizer: () => expect.fail('not used'),
    importOptimizer: () => expect.fail('not used'),
    numTensors: () => 0,
    dispose: () => undefined,
  };
  return { engine, steps, validated, now: () => clock.ms, weightsAt: () => weights.get('at step')!.data[0] };
}

const one = (id: number): TokenRow => ({ inputs: [id], targets: [id] });
const tenRows = Array.from({ length: 10 }, (_, i) => one(i));

describe('schedule', () => {
  test('without a time limit it goes by steps', async () => {
    const { engine, steps, now } = scripted([1]);
    const result = await train(engine, {
      ...recipe,
      batchTokens: 1,
      epochs: 2,
      rows: tenRows,
      validationRows: [],
      seed: 1,
      now,
    });
    expect(result).toMatchObject({ steps: 20, epochs: 2, tokensSeen: 20, stoppedBecause: 'finished' });
    steps.forEach(({ learningRate }, i) => expect(learningRate).toBeCloseTo(learningRateAt((i + 1) / 20, recipe), 10));
    expect(new Set(steps.map((s) => s.seed)).size).toBe(20);
  });

  test('a time limit still ends a whole schedule', async () => {
    const { engine, steps, now } = scripted([1], 10);
    const result = await train(engine, {
      ...recipe,
      batchTokens: 1,
      epochs: 100,
      rows: tenRows,
      validationRows: [],
      maxMs: 200,
      seed: 1,
      now,
    });
    expect(result).toMatchObject({ steps: 20, epochs: 2, stoppedBecause: 'time' });
    expect(Math.max(...steps.map((s) => s.learningRate))).toBeGreaterThan(0.0095);
    expect(steps.at(-1)!.learningRate).toBeLessThan(0.0012);
  });

  test('progress tells steps, speed, what is left, and validations', async () => {
    const { engine, now } = scripted([2, 1.5, 1.25], 10);
    const seen: TrainProgress[] = [];
    await train(engine, {
      ...recipe,
      batchTokens: 1,
      epochs: 2,
      rows: tenRows,
      validationRows: [one(1)],
      seed: 1,
      now,
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen).toHaveLength(20);
    expect(seen[4]).toEqual({
      step: 5,
      steps: 20,
      share: 0.25,
      lossNats: 1,
      tokensPerSecond: 100,
      secondsLeft: expect.closeTo(0.15) as number,
    });
    expect(seen.map((p) => p.validation).filter((v) => v !== undefined)).toEqual([1.5, 1.25]);
  });
});

describe('early stopping', () => {
  const options = { ...recipe, batchTokens: 1, epochs: 8, rows: tenRows, validationRows: [one(1)], seed: 1 };

  test('stops after `patience` validations without a new best, and puts the best weights back', async () => {
    const { engine, now, weightsAt, validated } = scripted([5, 4, 3, 3.5, 3.25, 2]);
    const result = await train(engine, { ...options, patience: 2, now });
    expect(result).toMatchObject({ steps: 40, epochs: 4, bestValidation: 3, stoppedBecause: 'early stopping' });
    expect(validated).toEqual([0, 10, 20, 30, 40]);
    expect(weightsAt()).toBe(20);
    expect(result.curve.map((row) => row.validationNats).filter((v) => v !== null)).toEqual([5, 4, 3, 3.5, 3.25]);
  });

  test('without patience it goes to the end, and still keeps the best', async () => {
    const { engine, now, weightsAt } = scripted([5, 4, 3, 3.5, 3.25, 3.2, 3.3, 3.4, 3.5]);
    const result = await train(engine, { ...options, now });
    expect(result).toMatchObject({ steps: 80, bestValidation: 3, stoppedBecause: 'finished' });
    expect(weightsAt()).toBe(20);
  });

  test('training that only makes it worse gives back what it began with', async () => {
    const { engine, now, weightsAt } = scripted([1, 2]);
    const result = await train(engine, { ...options, patience: 3, now });
    expect(result).toMatchObject({ steps: 30, bestValidation: 1 });
    expect(weightsAt()).toBe(0);
  });

  test('validates every `evalEvery` steps, at the end, and where time cuts it short', async () => {
    const byStep = scripted([1]);
    await train(byStep.engine, { ...options, epochs: 1, evalEvery: 4, now: byStep.now });
    expect(byStep.validated).toEqual([0, 4, 8, 10]);
    const byTime = scripted([5, 4, 3]);
    const cut = await train(byTime.engine, { ...options, maxMs: 130, now: byTime.now });
    expect(byTime.validated).toEqual([0, 10, 13]);
    expect(cut).toMatchObject({ stoppedBecause: 'time', bestValidation: 3 });
    expect(byTime.weightsAt()).toBe(13);
  });

  test('the average of the weights is validated beside them, and kept where it is better', async () => {
    // each validation asks twice: the weights after the step, then their average
    const worse = scripted([9, 5, 6, 4, 7, 3, 8]);
    const own = await train(worse.engine, { ...options, epochs: 3, averageSpan: 0.5, now: worse.now });
    expect(own).toMatchObject({ bestValidation: 3, bestStep: 30, averaged: false });
    expect(worse.weightsAt()).toBe(30);
    const better = scripted([9, 5, 4, 4, 3, 5, 2, 6]);
    const averaged = await train(better.engine, { ...options, epochs: 3, averageSpan: 0.5, now: better.now });
    expect(averaged).toMatchObject({ bestValidation: 2, bestStep: 30, averaged: true });
    expect(better.weightsAt()).toBeCloseTo(15.5, 4); // the mean of 1 to 30
    expect(averaged.curve.flatMap((row) => row.validationNats ?? [])).toEqual([9, 4, 3, 2]);
  });

  test('an aborted signal ends it at once, with the best weights so far', async () => {
    const controller = new AbortController();
    const { engine, now, weightsAt } = scripted([5, 4, 3]);
    const onProgress = ({ step }: TrainProgress): void => {
      if (step === 17) controller.abort();
    };
    const result = await train(engine, { ...options, now, onProgress, signal: controller.signal });
    expect(result).toMatchObject({ steps: 17, stoppedBecause: 'aborted', bestValidation: 4 });
    expect(weightsAt()).toBe(10);
  });

  test('a validation loss that is not a number aborts', async () => {
    const { engine, now } = scripted([5, NaN]);
    await expect(train(engine, { ...options, now })).rejects.toThrow('training diverged: validation loss NaN');
  });

  test('the event loop gets its turn between steps', async () => {
    const { engine, now } = scripted([1]);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const busy: Engine = {
      ...engine,
      trainStep: (batches, step) => {
        for (const until = performance.now() + 3; performance.now() < until;);
        return engine.trainStep(batches, step);
      },
    };
    await train(busy, { ...options, epochs: 2, now });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });
});
