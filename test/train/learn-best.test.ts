/** Several ways to learn, of which validation chooses; and the recipes that they are made of. */
import { describe, expect, test } from 'vitest';
import type { TrainingRow } from '../../src/dataset/rows.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { mixWeights } from '../../src/train/average.ts';
import type { Engine } from '../../src/model/engine.ts';
import { modelConfig } from '../../src/model/sizes.ts';
import { learnBest, type LearnOptions } from '../../src/train/learn-best.ts';
import { meanLossOf } from '../../src/train/keeper.ts';
import { train } from '../../src/train/loop.ts';
import { forLength, recipeFor, waysFor, type Way } from '../../src/train/recipe.ts';
import { modelSizes } from '../../src/types.ts';
import { countingRows, recipe } from './examples.ts';

const config = {
  ...modelConfig('nano', 30),
  layers: 1,
  width: 16,
  heads: 2,
  kvHeads: 2,
  hiddenWidth: 32,
  contextLength: 16,
};
const rows = (count: number, seed: number): TrainingRow[] =>
  countingRows(count, seed).map(({ inputs, targets }) => ({
    inputs: Int32Array.from(inputs),
    targets: Int32Array.from(targets),
    kinds: new Uint8Array(inputs.length),
  }));
const way = (name: Way['name'], learningRate: number): Way => ({
  name,
  lossOn: 'everyone',
  recipe: { ...recipe, epochs: 2, learningRate },
});

/** Engines that were started, and whether each is gone. */
function watched() {
  const engines: { engine: Engine; isGone: boolean }[] = [];
  const startEngine = async (): Promise<Engine> => {
    const engine = await createEngine({ backend: 'simd', config, seed: 1, threads: 1 });
    const entry = { engine, isGone: false };
    engines.push(entry);
    const dispose = engine.dispose.bind(engine);
    engine.dispose = () => {
      entry.isGone = true;
      dispose();
    };
    return engine;
  };
  return { engines, startEngine };
}

const options = (more: Partial<LearnOptions> & Pick<LearnOptions, 'startEngine' | 'ways'>): LearnOptions => ({
  rowsOf: () => rows(60, 1),
  validationRows: rows(10, 2),
  run: train,
  seed: 1,
  ...more,
});

describe('of several ways', () => {
  test.each([
    [[way('gentle', 1e-6), way('strong', 1e-2)], 'strong'],
    [[way('strong', 1e-2), way('gentle', 1e-6)], 'strong'],
  ])('the one that predicts validation best is kept, whatever the order', async (ways, expected) => {
    const { engines, startEngine } = watched();
    const learned = await learnBest(options({ ways, startEngine }));
    expect(learned.way.name).toBe(expected);
    expect(learned.tried.map((each) => each.way)).toEqual(ways.map(({ name }) => name));
    const nats = learned.tried.map(({ validationNats }) => validationNats ?? NaN);
    expect(learned.result.bestValidation).toBe(Math.min(...nats));
    expect(engines.map(({ engine, isGone }) => engine === learned.engine || isGone)).toEqual([true, true]);
    expect(engines.filter(({ isGone }) => isGone)).toHaveLength(1);
    learned.engine.dispose();
  });

  test('only the first is taken where nothing can tell them apart', async () => {
    const { engines, startEngine } = watched();
    const learned = await learnBest(
      options({ ways: [way('gentle', 1e-3), way('strong', 1e-2)], startEngine, validationRows: [] }),
    );
    expect(learned.way.name).toBe('gentle');
    expect(engines).toHaveLength(1);
    learned.engine.dispose();
  });

  test('a run that is stopped ends the search, and a fault frees every engine', async () => {
    const stop = new AbortController();
    const stopped = watched();
    const ways = [way('gentle', 1e-3), way('strong', 1e-2)];
    const learned = await learnBest(
      options({
        ways,
        startEngine: stopped.startEngine,
        signal: stop.signal,
        onWay: ({ name }) => void (name === 'strong' && stop.abort()),
      }),
    );
    expect(learned.result.stoppedBecause).toBe('aborted');
    expect(stopped.engines.map(({ isGone }) => isGone)).toEqual([true, false]);
    learned.engine.dispose();

    const failed = watched();
    const run: LearnOptions['run'] = async (engine, trainOptions, { name }) => {
      if (name === 'strong') throw new Error('no');
      return await train(engine, trainOptions);
    };
    await expect(learnBest(options({ ways, startEngine: failed.startEngine, run }))).rejects.toThrow('no');
    expect(failed.engines.map(({ isGone }) => isGone)).toEqual([true, true]);
  });
});

describe('a share of the starting weights', () => {
  const lossOf = (engine: Engine): Promise<number> => meanLossOf(engine, rows(10, 2), 48);

  test('is left in where it predicts validation better, and the result says so', async () => {
    const { engines, startEngine } = watched();
    // a run that goes ten times as far as training leads: nine tenths of the way back are that place
    const run: LearnOptions['run'] = async (engine, trainOptions) => {
      const start = await engine.exportWeights();
      const result = await train(engine, trainOptions);
      engine.importWeights(mixWeights(await engine.exportWeights(), start, -9));
      return { ...result, bestValidation: await lossOf(engine) };
    };
    const far = { ...way('strong', 1e-2), recipe: { ...way('strong', 1e-2).recipe, baseShare: 0.9 } };
    const learned = await learnBest(options({ ways: [far], startEngine, run }));
    expect(learned.baseShare).toBe(0.9);
    expect(await lossOf(learned.engine)).toBeCloseTo(learned.result.bestValidation ?? NaN, 6);
    expect(learned.tried).toEqual([{ way: 'strong', validationNats: learned.result.bestValidation }]);
    learned.engine.dispose();
    expect(engines.every(({ isGone }) => isGone)).toBe(true);
  });

  test('is taken out again where it does not', async () => {
    const { startEngine } = watched();
    const from = { ...way('strong', 1e-2), recipe: { ...way('strong', 1e-2).recipe, baseShare: 0.5 } };
    const learned = await learnBest(options({ ways: [from], startEngine }));
    expect(learned.baseShare).toBe(0);
    expect(await lossOf(learned.engine)).toBeCloseTo(learned.result.bestValidation ?? NaN, 6);
    learned.engine.dispose();
  });
});

describe('recipes', () => {
  test.each(modelSizes)('%s: on a base at most three passes, at lower rates than from scratch', (size) => {
    const [scratch] = waysFor(size, { fromScratch: true });
    const ways = waysFor(size, { fromScratch: false });
    expect(ways.map(({ name }) => name)).toEqual(['gentle', 'strong']);
    for (const { recipe: onBase } of ways) {
      expect(onBase.epochs).toBeLessThanOrEqual(3);
      expect(onBase.optimizer).toBe('muon');
    }
    expect(ways[0]?.recipe.learningRate).toBeLessThan(scratch?.recipe.learningRate ?? 0);
  });

  test('batches shrink for a short chat, to a quarter at most', () => {
    const usual = recipeFor('nano', { fromScratch: false });
    expect(forLength(usual, 1_000_000).batchTokens).toBe(1024);
    expect(forLength(usual, 60_000).batchTokens).toBe(600);
    expect(forLength(usual, 1000).batchTokens).toBe(256);
  });
});
