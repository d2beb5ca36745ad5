/**
 * One loop for pretraining and for learning a voice: rows in, the engine's weights changed in place. The learning rate
 * follows the larger of the share of steps and the share of time, so that a time limit still ends a whole schedule; early
 * stopping on validation loss; the best weights at the end.
 *
 * The same rows, options and seed give the same weights on one CPU backend, whether the run went through at once or was
 * killed after any step and goes on from its last state (state.ts): what is random hangs on the seed and the number of
 * the step. With a time limit that holds for the schedule as it happened: only time in which the run was alive counts,
 * and it goes on from the time that the state had reached.
 * Not covered: several devices.
 */
import { setImmediate } from 'node:timers/promises';
import type { Engine } from '../model/engine.ts';
import { check } from '../util/errors.ts';
import { addToAverage, copyWeights, type WeightAverage } from './average.ts';
import type { TokenRow } from './batches.ts';
import { createKeeper } from './keeper.ts';
import { createPlan } from './plan.ts';
import type { Recipe } from './recipe.ts';
import { learningRateAt } from './schedule.ts';
import { fingerprintOf, type CurveRow, type TrainingState } from './state.ts';

export interface TrainOptions extends Recipe {
  rows: readonly TokenRow[];
  /** rows of another kind, and the share of all batches that they make */
  mix?: { rows: readonly TokenRow[]; share: number };
  /** empty = no early stopping, the last weights are kept */
  validationRows: readonly TokenRow[];
  /** time for the whole run, validation included; the schedule ends with it */
  maxMs?: number;
  seed: number;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
  /** go on from here; the state must be of this very run (`fingerprintOf`) */
  resume?: TrainingState | undefined;
  /** handed everything that a later `resume` needs: about every `saveEveryMs`, and when the run is aborted */
  onState?: (state: TrainingState) => void | Promise<void>;
  /** training time between two states; 0 = after every step */
  saveEveryMs?: number;
  /** clock in ms, for tests */
  now?: () => number;
}

export interface TrainProgress {
  /** steps done, of `steps` planned */
  step: number;
  steps: number;
  /** 0 to 1, of the schedule: steps or time, whichever is further */
  share: number;
  /** training loss of this step, nats a target */
  lossNats: number;
  tokensPerSecond: number;
  secondsLeft: number;
  /** nats a target on the validation rows, when this step was followed by a validation */
  validation?: number;
}

export type StopReason = 'finished' | 'early stopping' | 'time' | 'aborted';

export interface TrainResult {
  steps: number;
  /** passes begun */
  epochs: number;
  /** ids trained on, padding not counted */
  tokensSeen: number;
  /** best validation loss, nats a target; that of the weights now in the engine. null without validation rows */
  bestValidation: number | null;
  /** step of the best validation; the weights now in the engine are of this step, or an average up to it */
  bestStep: number;
  /** the weights now in the engine are an average */
  averaged: boolean;
  curve: CurveRow[];
  stoppedBecause: StopReason;
}

/** Lines of the curve in a run without validations. */
const curveLines = 100;
/** Weights that enter the average in one pass. */
const averagesPerEpoch = 50;

/**
 * Train the engine's weights on rows.
 * @throws Error when the loss is no longer a number (the weights are then those before that step), no row has a target,
 *   or `resume` is the state of another run
 */
export async function train(engine: Engine, options: TrainOptions): Promise<TrainResult> {
  const { validationRows, epochs, batchTokens, seed, signal, resume, onState } = options;
  const { maxMs = Infinity, saveEveryMs = 60_000, now = Date.now, averageSpan, patience } = options;
  const plan = createPlan(options);
  const { stepsPerEpoch } = plan;
  const steps = stepsPerEpoch * epochs;
  const evalEvery = options.evalEvery > 0 ? options.evalEvery : stepsPerEpoch;
  const lineEvery = Math.max(1, Math.round(steps / curveLines));
  const averageEvery = Math.ceil(stepsPerEpoch / averagesPerEpoch);

  const fingerprint = resume || onState ? await fingerprintOf(engine, options) : '';
  check(resume === undefined || resume.fingerprint === fingerprint, 'this training state is of another run');
  if (resume !== undefined) {
    engine.importWeights(resume.weights);
    engine.importOptimizer(resume.optimizer);
  }
  const keeper = createKeeper(engine, validationRows, batchTokens, resume?.keeper);
  let average = copyAverage(resume?.average ?? null); // it is changed in place
  let { step, tokensSeen, trainingMs, learningRate, gradNorm } = resume?.counters ?? {
    step: 0,
    tokensSeen: 0,
    trainingMs: 0,
    learningRate: 0,
    gradNorm: null,
  };
  let losses = [...(resume?.losses ?? [])];
  const curve = [...(resume?.curve ?? [])];

  const startedMs = now() - (resume?.counters.elapsedMs ?? 0);
  const elapsed = (): number => now() - startedMs;
  const shareAt = (step: number): number => Math.max(step / steps, elapsed() / maxMs);
  let stopped: StopReason | undefined;

  const line = (validationNats: number | null): void => {
    const epoch = Math.ceil(step / stepsPerEpoch);
    const lossNats = losses.length > 0 ? losses.reduce((a, b) => a + b) / losses.length : null;
    curve.push({ step, epoch, elapsedMs: Math.round(elapsed()), learningRate, lossNats, validationNats, gradNorm });
    losses = [];
  };
  const validate = async (): Promise<number> => {
    const nats = await keeper.validate(step, average?.weights ?? null);
    line(nats);
    return nats;
  };
  let savedMs = elapsed();
  const save = async (): Promise<void> => {
    await onState?.({
      fingerprint,
      counters: { step, tokensSeen, trainingMs, learningRate, gradNorm, elapsedMs: elapsed() },
      losses: [...losses],
      curve: [...curve],
      weights: await engine.exportWeights(),
      optimizer: await engine.exportOptimizer(),
      keeper: { ...keeper.state },
      average: copyAverage(average),
    });
    savedMs = elapsed();
  };

  if (keeper.active && resume === undefined) await validate();
  while (step < steps) {
    if (signal?.aborted) stopped = 'aborted';
    else if (patience > 0 && keeper.state.sinceBest >= patience) stopped = 'early stopping';
    else if (elapsed() >= maxMs) stopped = 'time';
    if (stopped !== undefined) break;

    const batches = plan.batchesOf(step);
    learningRate = learningRateAt(shareAt(step + 1), options);
    const stepStartedMs = now();
    const result = await engine.trainStep(batches, { ...options, learningRate, seed: seed * 1_000_003 + step });
    trainingMs += now() - stepStartedMs;
    step++;
    for (const { tokens } of batches) tokensSeen += tokens;
    losses.push(result.lossNats);
    gradNorm = result.gradNorm;
    if (averageSpan > 0 && step % averageEvery === 0) {
      average = addToAverage(average, await engine.exportWeights(), averageSpan);
    }

    const due = keeper.active && (step % evalEvery === 0 || step === steps);
    const validation = due ? await validate() : undefined;
    if (!due && step % lineEvery === 0) line(null);
    const share = Math.min(1, shareAt(step));
    options.onProgress?.({
      step,
      steps,
      share,
      lossNats: result.lossNats,
      tokensPerSecond: trainingMs > 0 ? (tokensSeen / trainingMs) * 1000 : 0,
      secondsLeft: (elapsed() * (1 / share - 1)) / 1000,
      ...(validation === undefined ? {} : { validation }),
    });
    if (onState && elapsed() - savedMs >= saveEveryMs) await save();
    await setImmediate(); // lets timers, signals and messages through between steps
  }
  if (onState && stopped === 'aborted') await save();
  // a run that time cut short may be better than at its last validation
  if (keeper.active && stopped === 'time' && keeper.state.lastStep !== step) await validate();
  keeper.restoreBest(step);
  const { best } = keeper.state;
  return {
    steps: step,
    epochs: Math.ceil(step / stepsPerEpoch),
    tokensSeen,
    bestValidation: best?.nats ?? null,
    bestStep: best?.step ?? step,
    averaged: best?.averaged ?? false,
    curve,
    stoppedBecause: stopped ?? 'finished',
  };
}

function copyAverage(average: WeightAverage | null): WeightAverage | null {
  return average === null ? null : { count: average.count, weights: copyWeights(average.weights) };
}
