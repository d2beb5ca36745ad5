/**
 * The runs on this machine: which there are, which serves, and changing that by hand. What changes holds the lock
 * `retrain`, since a night publishes too. A run that saw messages which are gone may not be chosen.
 * Not covered: adding a run from elsewhere (adopt.ts), removing runs (each night keeps the newest few).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publish, readCurrent, rollBack } from '../checkpoint/current.ts';
import { CheckpointError } from '../checkpoint/error.ts';
import { manifestName, parseManifest, type RunDetails } from '../checkpoint/manifest.ts';
import { runDir, runsDir } from '../checkpoint/save.ts';
import type { DatasetManifest } from '../dataset/build.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore } from '../store/store.ts';
import type { Verdict } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { sawWhatIsGone } from './manifest.ts';
import { snapshot, type SnapshotOptions } from './snapshot.ts';

export interface ModelsOptions extends SnapshotOptions {
  modelsDir: string;
}

export interface ModelEntry {
  run: string;
  /** serves now */
  current: boolean;
  /** served before */
  served: boolean;
  /** what the gate said; null where no record is left */
  verdict: Verdict | null;
  /** on the run's own held-out conversations */
  bitsPerByte: number | null;
  /** ISO 8601 */
  date: string | null;
  size: string | null;
  /** what people answered in the blind quiz; null: nobody was asked */
  quiz: { answers: number; fooled: number } | null;
  /** why it cannot serve, or null */
  problem: string | null;
}

/** Every run in models/runs, newest first. Weights are not read: a run that is listed may still be refused when used. */
export function listModels(options: ModelsOptions): ModelEntry[] {
  const { modelsDir, dataDir } = options;
  if (!existsSync(runsDir(modelsDir))) return [];
  const current = readCurrent(modelsDir);
  const now = snapshot(options).manifest;
  const store = openStore(dataDir);
  try {
    const ids = readdirSync(runsDir(modelsDir)).filter((name) => !name.startsWith('.'));
    return ids
      .sort()
      .reverse()
      .map((run) => {
        const record = store.runs.get(run);
        const found = detailsOf(modelsDir, run);
        const details = found instanceof CheckpointError ? {} : found;
        return {
          run,
          current: current?.run === run,
          served: current?.previous.includes(run) === true,
          verdict: record?.verdict ?? null,
          bitsPerByte: typeof details.bitsPerByte === 'number' ? details.bitsPerByte : null,
          date: record === undefined ? null : new Date(record.startedAtMs).toISOString(),
          quiz: scoreOf(store.quiz.tally(run)),
          size: typeof details.size === 'string' ? details.size : null,
          problem: found instanceof CheckpointError ? found.message : (reasonAgainst(dataDir, found, now) ?? null),
        };
      });
  } finally {
    store.close();
  }
}

const scoreOf = (tally: { answers: number; fooled: number }): ModelEntry['quiz'] =>
  tally.answers === 0 ? null : tally;

/**
 * Serve this run from now on.
 * @throws UserError when there is no such run, it is not whole, it saw what is gone, or a night is under way (exit 75)
 */
export function useModel(run: string, options: ModelsOptions): void {
  const lock = acquireLock(options.dataDir, 'retrain');
  try {
    refuseUnfit(run, options);
    publish(options.modelsDir, run);
  } finally {
    lock.release();
  }
}

/**
 * Serve the run that served before.
 * @returns its id
 * @throws as `useModel`, and when none served before
 */
export function rollBackModel(options: ModelsOptions): string {
  const lock = acquireLock(options.dataDir, 'retrain');
  try {
    const [before] = readCurrent(options.modelsDir)?.previous ?? [];
    if (before !== undefined) refuseUnfit(before, options);
    return rollBack(options.modelsDir);
  } finally {
    lock.release();
  }
}

function refuseUnfit(run: string, options: ModelsOptions): void {
  const hint = 'See `persona models list`.';
  if (!existsSync(runDir(options.modelsDir, run))) throw new UserError(`there is no run ${run}`, hint);
  const found = detailsOf(options.modelsDir, run);
  if (found instanceof CheckpointError) throw new UserError(found.message, hint, { cause: found });
  const reason = reasonAgainst(options.dataDir, found, snapshot(options).manifest);
  if (reason !== undefined) throw new UserError(`run ${run} ${reason}`, 'Train another: `persona retrain`.');
}

/** What the manifest tells, or why it cannot be read. */
export function detailsOf(modelsDir: string, run: string): RunDetails | CheckpointError {
  try {
    const file = join(runDir(modelsDir, run), manifestName);
    if (!existsSync(file)) return new CheckpointError(file, 'missing, so the run was never finished');
    return parseManifest(readFileSync(file, 'utf8'), file).details;
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
}

function reasonAgainst(dataDir: string, details: RunDetails, now: DatasetManifest): string | undefined {
  return sawWhatIsGone(dataDir, details, now) === true
    ? 'was trained on messages that changed or are gone since'
    : undefined;
}
