/**
 * A chat learned in each of several ways, and the network that predicts the validation rows best, with a share of the
 * starting weights where that predicts them better still. The engines of the others are gone. Time is shared out evenly
 * among the ways that are left; where `run` goes on from a state, the time that the run was alive before counts.
 */
import type { TrainingRow } from '../dataset/rows.ts';
import { idsOf } from '../dataset/rows.ts';
import { TrainingDiverged } from '../model/checks.ts';
import type { Engine } from '../model/engine.ts';
import type { Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { mixWeights } from './average.ts';
import { meanLossOf } from './keeper.ts';
import type { TrainOptions, TrainResult } from './loop.ts';
import { forLength, type Way } from './recipe.ts';

export interface LearnOptions {
  ways: readonly Way[];
  /** the training rows as a way wants them */
  rowsOf: (way: Way) => TrainingRow[];
  /** none: only the first way is taken */
  validationRows: readonly TrainingRow[];
  /** an engine with the weights to start from */
  startEngine: () => Promise<Engine>;
  /** `train`, or `trainOnce` with a folder for each way */
  run: (engine: Engine, options: TrainOptions, way: Way) => Promise<TrainResult>;
  seed: number;
  /** for all ways together */
  maxMs?: number;
  onWay?: (way: Way) => void;
  onProgress?: TrainOptions['onProgress'];
  signal?: AbortSignal | undefined;
}

export interface Learned {
  engine: Engine;
  way: Way;
  result: TrainResult;
  /** share of the starting weights in the engine's: the recipe's, or 0 */
  baseShare: number;
  /** nats a target on the validation rows, of every way that was tried; null without such rows, or where it diverged */
  tried: { way: Way['name']; validationNats: number | null }[];
}

/**
 * The caller disposes the engine. An aborted run ends the search with the run that was aborted; one that diverges is passed
 * over. @throws TrainingDiverged where every way diverges
 */
export async function learnBest(options: LearnOptions): Promise<Learned> {
  const { rowsOf, validationRows, startEngine, run, seed, maxMs = Infinity, onWay, onProgress, signal } = options;
  const ways = validationRows.length > 0 ? options.ways : options.ways.slice(0, 1);
  const startedMs = Date.now();
  let carriedMs = 0; // in processes before this one
  const spentMs = (): number => Date.now() - startedMs + carriedMs;
  const tried: Learned['tried'] = [];
  let best: Learned | undefined;
  let diverged: TrainingDiverged | undefined;
  for (const [i, way] of ways.entries()) {
    onWay?.(way);
    const rows = rowsOf(way);
    const recipe = forLength(way.recipe, idsOf(rows));
    const engine = await startEngine();
    try {
      const start = recipe.baseShare > 0 ? await engine.exportWeights() : undefined;
      const runStartedMs = Date.now();
      const result = await run(
        engine,
        {
          ...recipe,
          rows,
          validationRows,
          seed,
          maxMs: (maxMs - spentMs()) / (ways.length - i),
          ...(onProgress === undefined ? {} : { onProgress }),
          ...(signal === undefined ? {} : { signal }),
        },
        way,
      );
      carriedMs += Math.max(0, (result.curve.at(-1)?.elapsedMs ?? 0) - (Date.now() - runStartedMs));
      const learned = { engine, way: { ...way, recipe }, result, baseShare: 0, tried };
      if (result.stoppedBecause === 'aborted') {
        best?.engine.dispose();
        return learned;
      }
      if (start !== undefined) await mixWithStart(learned, start, validationRows);
      tried.push({ way: way.name, validationNats: learned.result.bestValidation });
      if (best === undefined || nats(learned) < nats(best)) {
        best?.engine.dispose();
        best = learned;
      } else {
        engine.dispose();
      }
    } catch (error) {
      engine.dispose();
      if (!(error instanceof TrainingDiverged)) {
        best?.engine.dispose();
        throw error;
      }
      diverged = error;
      tried.push({ way: way.name, validationNats: null });
    }
  }
  if (best === undefined && diverged !== undefined) throw diverged;
  check(best, 'no way to learn');
  return best;
}

const nats = ({ result }: Learned): number => result.bestValidation ?? Infinity;

/** Leaves the mixture in the engine, and its loss in the result, where validation prefers it. */
async function mixWithStart(learned: Learned, start: Weights, validationRows: readonly TrainingRow[]): Promise<void> {
  const { engine, way, result } = learned;
  if (result.bestValidation === null) return;
  const own = await engine.exportWeights();
  engine.importWeights(mixWeights(own, start, way.recipe.baseShare));
  const mixed = await meanLossOf(engine, validationRows, way.recipe.batchTokens);
  if (mixed < result.bestValidation) {
    learned.result = { ...result, bestValidation: mixed };
    learned.baseShare = way.recipe.baseShare;
  } else {
    engine.importWeights(own);
  }
}
