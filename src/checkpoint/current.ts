/**
 * Which run serves: models/current.json, `{format: 1, run, previous}`, replaced atomically. `previous` lists the runs
 * that served before, newest first; only those are fallen back to, since other folders in runs/ may be runs that did
 * not pass the gate. Not covered: two publishers at once (the retrain lock sees to that).
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../util/errors.ts';
import { writeFileAtomic, syncDir } from '../util/files.ts';
import { CheckpointError, explainWriteError } from './error.ts';
import { loadCheckpoint, type Checkpoint } from './load.ts';
import { removeStale, runDir, runsDir } from './save.ts';

export interface Current {
  /** id of the run that serves */
  run: string;
  /** ids of runs that served before, newest first */
  previous: string[];
}

export function currentFile(modelsDir: string): string {
  return join(modelsDir, 'current.json');
}

/**
 * @returns undefined where nothing was ever published
 * @throws CheckpointError when the file is damaged
 */
export function readCurrent(modelsDir: string): Current | undefined {
  const file = currentFile(modelsDir);
  if (!existsSync(file)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new CheckpointError(file, 'not JSON', { cause });
  }
  if (!isCurrent(parsed)) throw new CheckpointError(file, 'must be {"format": 1, "run": id, "previous": [ids]}');
  return { run: parsed.run, previous: parsed.previous };
}

/**
 * Serve this run from now on. The run that served until now becomes the first of `previous`; a damaged current.json is
 * replaced, and what served before is forgotten with it.
 * @throws CheckpointError when the run is not whole; UserError when the disk is full. The old run goes on serving then.
 */
export function publish(modelsDir: string, runId: string): void {
  loadCheckpoint(runDir(modelsDir, runId));
  const old = readUndamaged(modelsDir);
  const served = old ? [old.run, ...old.previous] : [];
  writeCurrent(modelsDir, { run: runId, previous: served.filter((id) => id !== runId) });
}

/**
 * Serve the run that served before this one, and forget that this one served: going back again goes further back.
 * @returns the id of the run that serves now
 * @throws UserError when none served before; CheckpointError when that run is not whole. This run goes on serving then.
 */
export function rollBack(modelsDir: string): string {
  const [run, ...previous] = readCurrent(modelsDir)?.previous ?? [];
  if (run === undefined) {
    throw new UserError('no run served before this one', 'Choose one with `persona models use ID`.');
  }
  loadCheckpoint(runDir(modelsDir, run));
  writeCurrent(modelsDir, { run, previous });
  return run;
}

/**
 * These runs serve no more and are not fallen back to: the newest of the others that served serves, or none.
 * @throws CheckpointError when current.json is damaged
 */
export function withdraw(modelsDir: string, runIds: readonly string[]): void {
  const old = readCurrent(modelsDir);
  const [run, ...previous] = old === undefined ? [] : [old.run, ...old.previous].filter((id) => !runIds.includes(id));
  if (old === undefined || runIds.length === 0) return;
  if (run !== undefined) return writeCurrent(modelsDir, { run, previous });
  rmSync(currentFile(modelsDir));
  syncDir(modelsDir);
}

/**
 * The run that should answer: the current one, or else the newest whole one that served before it.
 * @param onRefused told about every run (and the file itself) that had to be passed over, before the result is returned
 * @returns undefined when nothing was published or nothing is whole
 */
export function loadServing(
  modelsDir: string,
  onRefused?: (runId: string, reason: CheckpointError) => void,
): Checkpoint | undefined {
  const current = readUndamaged(modelsDir, (error) => onRefused?.('current.json', error));
  for (const runId of current ? [current.run, ...current.previous] : []) {
    try {
      return loadCheckpoint(runDir(modelsDir, runId));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      onRefused?.(runId, error);
    }
  }
  return undefined;
}

/**
 * Keep the current run and the newest others, `keep` in all, those that served before those that did not; remove the
 * rest of runs/. Does nothing before the first run is published.
 * @returns ids of the removed runs
 * @throws CheckpointError when current.json is damaged
 */
export function pruneRuns(modelsDir: string, keep = 3): string[] {
  const current = existsSync(runsDir(modelsDir)) ? readCurrent(modelsDir) : undefined;
  if (!current) return [];
  const served = [current.run, ...current.previous];
  const present = readdirSync(runsDir(modelsDir)).filter((name) => !name.startsWith('.'));
  const unserved = present
    .filter((id) => !served.includes(id))
    .sort()
    .reverse();
  const kept = [...served.filter((id) => present.includes(id)), ...unserved].slice(0, Math.max(keep, 1));
  const removed = present.filter((id) => !kept.includes(id) && id !== current.run);
  // first unlist, then move aside, then delete: at no point is a run listed that is half there
  writeCurrent(modelsDir, { run: current.run, previous: current.previous.filter((id) => kept.includes(id)) });
  removeStale(modelsDir);
  for (const id of removed) {
    const aside = join(runsDir(modelsDir), `.tmp-removed-${id}`);
    renameSync(runDir(modelsDir, id), aside);
    rmSync(aside, { recursive: true, force: true });
  }
  syncDir(runsDir(modelsDir));
  return removed;
}

function readUndamaged(modelsDir: string, onDamaged?: (error: CheckpointError) => void): Current | undefined {
  try {
    return readCurrent(modelsDir);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    onDamaged?.(error);
    return undefined;
  }
}

function writeCurrent(modelsDir: string, current: Current): void {
  try {
    for (const name of readdirSync(modelsDir)) {
      if (name.startsWith('current.json.tmp-')) rmSync(join(modelsDir, name), { force: true }); // left by a kill
    }
    writeFileAtomic(currentFile(modelsDir), JSON.stringify({ format: 1, ...current }, null, 2) + '\n');
  } catch (error) {
    throw explainWriteError(error, `publishing run ${current.run}`, modelsDir, 4096);
  }
}

function isCurrent(value: unknown): value is Current & { format: 1 } {
  if (typeof value !== 'object' || value === null || !('format' in value && 'run' in value && 'previous' in value))
    return false;
  const ids: unknown[] = [value.run, ...(Array.isArray(value.previous) ? (value.previous as unknown[]) : [null])];
  return value.format === 1 && ids.every((id) => typeof id === 'string');
}
