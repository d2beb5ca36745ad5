/**
 * One night: snapshot of consented rows -> dataset -> train -> judge -> publish or keep -> report.
 * Always from the base or from scratch, never from last night's weights: a text that was taken back is then simply
 * not in the model (docs/decisions.md). Held by the lock `retrain`; the database is closed while training runs.
 * A night that was killed goes on where it was (night-state.ts); one that learned from somebody who was forgotten meanwhile
 * starts anew. Not covered: what the gate asks for (gate.ts), what is on disk at which moment (save-run.ts).
 */
import { baseId, loadBase } from '../checkpoint/base.ts';
import type { LlamaFolder } from '../checkpoint/folder.ts';
import { defaultRegions, redactionId, redactorOf, type RedactOptions } from '../consent/redact.ts';
import type { Dataset, DatasetManifest } from '../dataset/build.ts';
import { dominantOf } from '../dataset/shares.ts';
import { pickBackend } from '../model/backend.ts';
import { TrainingDiverged } from '../model/checks.ts';
import { modelConfig, vocabSizeOf } from '../model/sizes.ts';
import { acquireLock } from '../store/lock.ts';
import { withSpecialTokens } from '../tokenizer/tokenizer-json.ts';
import type { BackendName } from '../types.ts';
import type { RetrainReport } from './findings.ts';
import { ForgottenMeanwhile, trainingDir, unlessForgotten, watchForgotten, type ForgottenWatch } from './forgotten.ts';
import { judge, type Judged } from './judge.ts';
import { writeManifest } from './manifest.ts';
import { runId, skipped, type RetrainOptions, type RetrainResult } from './night-options.ts';
import { beginNight, endNight, nightKey, unfinishedNight, type Night } from './night-state.ts';
import { tellProgress, type Teller } from './progress.ts';
import { reasonToSkip, servingRun, type Champion } from './reasons.ts';
import { latestProbe, record, recordInterrupted } from './records.ts';
import type { CardFigures } from './report/card.ts';
import { lacksRoom, timeOf } from './room.ts';
import { saveRun, settledRun, settle } from './save-run.ts';
import { snapshot } from './snapshot.ts';
import { conversationsOf, readsLanguage, trainOnDataset, type Trained } from './training.ts';

export type { RetrainReport } from './findings.ts';
export { runId, type RetrainOptions, type RetrainResult } from './night-options.ts';
export { minimumTrainingMessages } from './reasons.ts';

const defaultSeed = 1;
/** Times that a night starts anew since somebody was forgotten; after that the next night tries. */
const mostRestarts = 3;

/** Everything that a night is about. */
interface Context {
  options: RetrainOptions;
  redaction: RedactOptions;
  seed: number;
  dataset: Dataset;
  champion: Champion | undefined;
  base: LlamaFolder | undefined;
  teller: Teller;
  /** what is left of the night */
  minutes: number;
  watch: ForgottenWatch;
}

/**
 * Run one night.
 * @throws UserError (exit 75) when another retrain runs
 */
export async function retrain(options: RetrainOptions): Promise<RetrainResult> {
  const lock = acquireLock(options.dataDir, 'retrain');
  try {
    recordInterrupted(options);
    const teller = tellProgress(options.dataDir, options.nowMs);
    const onPhase = (phase: string): void => {
      teller.phase(phase);
      options.onPhase?.(phase);
    };
    const startedMs = Date.now();
    try {
      for (let restarts = 0; ; restarts++) {
        const minutes = timeOf(options.maxMinutes).totalMs / 60_000 - (Date.now() - startedMs) / 60_000;
        if (restarts > mostRestarts || minutes <= 0) {
          return record(options, skipped('messages that it learned from were taken back while it trained'));
        }
        try {
          return await oneNight({ ...options, onPhase }, teller, minutes);
        } catch (error) {
          if (!(error instanceof ForgottenMeanwhile)) throw error;
          endNight(options.dataDir);
          onPhase('messages were taken back meanwhile: starting anew');
        }
      }
    } finally {
      teller.stop();
    }
  } finally {
    lock.release();
  }
}

async function oneNight(
  options: RetrainOptions & Pick<Required<RetrainOptions>, 'onPhase'>,
  teller: Teller,
  minutes: number,
) {
  const { dataDir, onPhase } = options;
  const redaction = options.redaction ?? { regions: defaultRegions };
  const seed = options.seed ?? defaultSeed;
  onPhase('reading consented conversations');
  const dataset = snapshot({ ...options, redact: redactorOf(redaction) });
  const { manifest } = dataset;
  const watch = watchForgotten(dataDir, manifest);
  try {
    const champion = servingRun(options, manifest);
    const key = nightKey({
      dataset: manifest.hash,
      size: options.size,
      base: options.base === undefined ? null : baseId(options.base),
      baseMustFit: options.baseMustFit === true,
      redaction: redactionId(redaction),
      speaker: options.speaker,
      sampling: options.sampling,
      backend: options.backend,
      seed,
    });
    const isGoingOn = unfinishedNight(dataDir)?.key === key;
    const reason = isGoingOn ? undefined : reasonToSkip(manifest, champion, key, redaction, options);
    if (reason !== undefined) {
      endNight(dataDir);
      settle(null, 'skipped', manifest, options);
      return record(options, skipped(reason));
    }
    const base = readBase(dataset, redaction, options);
    const room = lacksRoom(base?.config ?? modelConfig(options.size, vocabSizeOf(options.size)), options);
    if (room !== undefined) return record(options, skipped(room));

    const night = beginNight(dataDir, { key, run: runId(options.nowMs), startedAtMs: options.nowMs });
    writeManifest(dataDir, manifest);
    const context: Context = { options, redaction, seed, dataset, champion, base, teller, minutes, watch };
    const { result, figures } = await trainAndJudge(night, context);
    const recorded = record(options, result, { night, figures });
    endNight(dataDir);
    return recorded;
  } finally {
    watch.close();
  }
}

async function trainAndJudge(
  night: Night,
  context: Context,
): Promise<{ result: RetrainResult; figures: CardFigures | null }> {
  const { options, dataset, champion, base, redaction, seed, teller, watch } = context;
  const { dataDir, modelsDir, signal } = options;
  const publishing = <T>(work: (now: DatasetManifest) => T | Promise<T>): Promise<T> =>
    unlessForgotten(dataDir, watch, () => work(stillThere(dataset.manifest, options)));
  const known = settledRun(night, modelsDir);
  const serving = champion?.checkpoint.runId ?? null;
  if (known !== undefined && [known.run, known.report.gate.championRun].includes(serving)) {
    await publishing((now) => settle(known.run, known.verdict, now, options));
    return { result: { ...known, bitsPerByte: known.report.test.run?.bitsPerByte ?? null }, figures: null };
  }
  const startedMs = Date.now();
  const time = timeOf(context.minutes);
  const backend = await pickBackend(options.backend, 'training');
  let trained: Trained;
  try {
    trained = await (options.learn ?? trainOnDataset)(dataset, {
      ...options,
      maxMinutes: time.trainingMs / 60_000,
      backend,
      base,
      seed,
      redaction,
      stateDir: trainingDir(dataDir),
      onProgress: (progress) => {
        watch.check();
        teller.training(progress);
        options.onProgress?.(progress);
      },
    });
  } catch (error) {
    if (!(error instanceof TrainingDiverged)) throw error;
    settle(null, 'kept', dataset.manifest, options);
    return { result: { ...skipped(error.message), verdict: 'kept' }, figures: null };
  }
  try {
    const judged = await judge(dataset, trained, {
      ...options,
      backend,
      base,
      redaction,
      seed,
      champion: champion?.isStale === false ? champion.checkpoint : undefined,
      championRun: champion?.checkpoint.runId ?? null,
      championStale: champion?.isStale === true,
      maxMs: time.totalMs - time.trainingMs,
      probe: latestProbe(dataDir),
      onShare: (share) => {
        watch.check();
        teller.share(share);
      },
      signal,
    });
    const report = reportOf(night, context, { backend, trained, judged, startedMs });
    const { verdict, reason } = judged.decision;
    const saved = await publishing(async (now) => {
      const figures = await saveRun(dataset, trained, { night, report, judged }, { ...options, redaction, seed });
      const run = figures === null ? null : night.run;
      settle(run, verdict, now, options);
      return { run, figures };
    });
    const bitsPerByte = report.test.run?.bitsPerByte ?? null;
    return { result: { verdict, run: saved.run, reason, bitsPerByte, report }, figures: saved.figures };
  } finally {
    trained.engine.dispose();
  }
}

/**
 * What there is now. Rows that are deleted or sealed (`!stop`) while a night learns from them make no tombstone, but a model that
 * is published after that must not have seen them either. An edit waits for the next night.
 * @throws ForgottenMeanwhile where one of the night's rows is gone
 */
function stillThere({ rows }: DatasetManifest, options: RetrainOptions): DatasetManifest {
  const now = snapshot(options).manifest;
  const present = new Set(now.rows.map(({ id }) => id));
  if (!rows.every(({ id }) => present.has(id))) throw new ForgottenMeanwhile();
  return now;
}

/** What to start from; undefined: from scratch. */
function readBase(
  dataset: Dataset,
  redaction: RedactOptions,
  { base, baseMustFit, onPhase }: RetrainOptions,
): LlamaFolder | undefined {
  const offered = base === undefined ? undefined : loadBase(base, withSpecialTokens);
  if (offered === undefined || baseMustFit !== true) return offered;
  if (readsLanguage(offered.tokenizerJson, conversationsOf(dataset, 'train'), redactorOf(redaction))) return offered;
  onPhase?.('the base does not read the language of these chats: from scratch');
  return undefined;
}

function reportOf(
  night: Night,
  { options, dataset, base, redaction }: Context,
  found: { backend: BackendName; trained: Trained; judged: Judged; startedMs: number },
): RetrainReport {
  const { backend, trained, judged, startedMs } = found;
  const { counts, leftOut, hash } = dataset.manifest;
  const { steps, epochs, tokensSeen, stoppedBecause } = trained.result;
  return {
    key: night.key,
    dataset: counts,
    leftOut,
    dominant: dominantOf(dataset.shares).map(({ kind, share, among }) => ({ kind, share, among })),
    datasetHash: hash,
    backend,
    size: options.size,
    base: options.base === undefined ? null : baseId(options.base),
    redaction: redactionId(redaction),
    baseFits: options.base === undefined || base !== undefined,
    test: judged.heldOut.bits,
    gate: judged.decision.findings,
    way: trained.way,
    tried: trained.tried,
    steps,
    passes: epochs,
    tokensSeen,
    maxMinutes: options.maxMinutes,
    seconds: Math.round((Date.now() - startedMs) / 1000),
    stoppedBecause,
    resumed: night.resumed,
    peakMemory: process.resourceUsage().maxRSS * 1024,
  };
}
