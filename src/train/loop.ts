/**
 * One loop for pretraining and for learning a voice: rows in, the engine's weights changed in place. AdamW with warm-up
 * and cosine, by the larger of the share of steps and the share of time, so that a time limit still ends a whole
 * schedule; early stopping on validation loss; the best weights at the end.
 * The same rows, options and seed give the same weights on one backend, unless a time limit cuts in.
 * Not covered: several devices, resuming a run from disk.
 */
import { setImmediate } from 'node:timers/promises';
import type { Engine, OptimizerName } from '../model/engine.ts';
import type { Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { makeBatches, type TokenRow } from './batches.ts';

/** What a run learns with. */
export interface Recipe {
  /** passes over the rows */
  epochs: number;
  /** ids a step, padding included */
  batchTokens: number;
  /** peak learning rate */
  learningRate: number;
  /** share of the run in which the learning rate rises to its peak */
  warmupShare: number;
  /** share of the peak that is left at the end */
  minLearningRateShare: number;
  optimizer: OptimizerName;
  weightDecay: number;
  beta1: number;
  beta2: number;
  dropout: number;
  /** global gradient norm; 0 = off */
  clipNorm: number;
  /** validations in a row without a new best after which training stops; 0 = never */
  patience: number;
  /** steps from one validation to the next; 0 = one validation a pass */
  evalEvery: number;
}

export interface TrainOptions extends Recipe {
  rows: readonly TokenRow[];
  /** empty = no early stopping, the last weights are kept */
  validationRows: readonly TokenRow[];
  /** time for the whole run, validation included; the schedule ends with it */
  maxMs?: number;
  seed: number;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
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

/** One line of metrics.jsonl. */
export interface CurveRow {
  step: number;
  epoch: number;
  elapsedMs: number;
  learningRate: number;
  /** mean training loss since the line before, nats a target; null before the first step */
  lossNats: number | null;
  /** nats a target; null where this line comes without a validation */
  validationNats: number | null;
  gradNorm: number | null;
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
  curve: CurveRow[];
  stoppedBecause: StopReason;
}

/** Learning rate at a share of the run: linear warm-up, then half a cosine down to the last share. */
export function learningRateAt(
  share: number,
  {
    learningRate,
    warmupShare,
    minLearningRateShare,
  }: Pick<Recipe, 'learningRate' | 'warmupShare' | 'minLearningRateShare'>,
): number {
  if (share < warmupShare) return (learningRate * share) / warmupShare;
  const fall = Math.min(1, (share - warmupShare) / (1 - warmupShare));
  return learningRate * (minLearningRateShare + ((1 - minLearningRateShare) * (1 + Math.cos(Math.PI * fall))) / 2);
}

/**
 * Train the engine's weights on rows.
 * @throws Error when the loss is no longer a number (the weights are then those before that step), or no row has a target
 */
export async function train(engine: Engine, options: TrainOptions): Promise<TrainResult> {
  const { rows, validationRows, epochs, batchTokens, seed, signal, maxMs = Infinity, now = Date.now } = options;
  const stepsPerEpoch = makeBatches(rows, { batchTokens }).length;
  check(stepsPerEpoch > 0, `none of ${rows.length} training rows has a target`);
  const steps = stepsPerEpoch * epochs;
  const evalEvery = options.evalEvery > 0 ? options.evalEvery : stepsPerEpoch;
  const lineEvery = Math.max(1, Math.round(steps / 100));

  const startedMs = now();
  const elapsed = (): number => now() - startedMs;
  const shareAt = (step: number): number => Math.max(step / steps, elapsed() / maxMs);
  const keeper = createKeeper(engine, validationRows, batchTokens);
  const curve: CurveRow[] = [];
  let step = 0;
  let epoch = 0;
  let tokensSeen = 0;
  let trainingMs = 0;
  let stopped: StopReason | undefined;
  let losses: number[] = [];
  let gradNorm: number | null = null;

  let learningRate = 0;
  const line = (validationNats: number | null): void => {
    const lossNats = losses.length > 0 ? losses.reduce((a, b) => a + b) / losses.length : null;
    curve.push({ step, epoch, elapsedMs: Math.round(elapsed()), learningRate, lossNats, validationNats, gradNorm });
    losses = [];
  };

  if (keeper.active) line(await keeper.validate(step));
  while (epoch < epochs && stopped === undefined) {
    epoch++;
    for (const batch of makeBatches(rows, { batchTokens, seed: `${seed} epoch ${epoch}` })) {
      if (signal?.aborted) stopped = 'aborted';
      else if (elapsed() >= maxMs) stopped = 'time';
      if (stopped !== undefined) break;

      learningRate = learningRateAt(shareAt(step + 1), options);
      const stepStartedMs = now();
      const result = await engine.trainStep([batch], { ...options, learningRate, seed: seed * 1_000_003 + step });
      trainingMs += now() - stepStartedMs;
      step++;
      tokensSeen += batch.tokens;
      losses.push(result.lossNats);
      gradNorm = result.gradNorm;

      const due = keeper.active && (step % evalEvery === 0 || step === steps);
      const validation = due ? await keeper.validate(step) : undefined;
      if (due || step % lineEvery === 0) line(validation ?? null);
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
      if (due && options.patience > 0 && keeper.sinceBest() >= options.patience) stopped = 'early stopping';
      await setImmediate(); // lets timers, signals and messages through between steps
    }
  }
  // a run that time cut short may be better than at its last validation
  if (keeper.active && stopped === 'time' && keeper.lastStep() !== step) line(await keeper.validate(step));
  keeper.restoreBest(step);
  return {
    steps: step,
    epochs: Math.ceil(step / stepsPerEpoch),
    tokensSeen,
    bestValidation: keeper.best(),
    curve,
    stoppedBecause: stopped ?? 'finished',
  };
}

/** Mean loss in nats a target over rows. Rows without targets count nothing; without any target the result is NaN. */
export async function meanLossOf(engine: Engine, rows: readonly TokenRow[], batchTokens: number): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const batch of makeBatches(rows, { batchTokens })) {
    for (const loss of await engine.tokenLosses(batch)) sum += loss;
    for (const target of batch.targets) if (target >= 0) count++;
    await setImmediate();
  }
  return sum / count;
}

/** Remembers the weights with the lowest validation loss. */
function createKeeper(engine: Engine, validationRows: readonly TokenRow[], batchTokens: number) {
  const active = makeBatches(validationRows, { batchTokens }).length > 0;
  let best: { nats: number; step: number; weights: Weights } | undefined;
  let since = 0;
  let lastStep = -1;
  return {
    active,
    async validate(step: number): Promise<number> {
      const nats = await meanLossOf(engine, validationRows, batchTokens);
      check(Number.isFinite(nats), `training diverged: validation loss ${nats}`);
      lastStep = step;
      if (best === undefined || nats < best.nats) {
        best = { nats, step, weights: await engine.exportWeights() };
        since = 0;
      } else {
        since++;
      }
      return nats;
    },
    /** validations since the best one */
    sinceBest: (): number => since,
    /** step of the last validation */
    lastStep: (): number => lastStep,
    best: (): number | null => best?.nats ?? null,
    restoreBest(step: number): void {
      if (best !== undefined && best.step !== step) engine.importWeights(best.weights);
    },
  };
}
