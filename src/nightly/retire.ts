/**
 * Models that saw what somebody took back for good: out of service and off the disk at once, with weights, tokenizer
 * (merges hold words), metrics and report, without waiting for the night. Their manifests in data/datasets go with them.
 * Not covered: a training under way (forgotten.ts), models that were exported or copied elsewhere.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCurrent } from '../checkpoint/current.ts';
import { CheckpointError } from '../checkpoint/error.ts';
import { removeRuns } from '../checkpoint/remove.ts';
import { runsDir } from '../checkpoint/save.ts';
import { syncDir } from '../util/files.ts';
import { readManifest } from './manifest.ts';
import { detailsOf } from './models.ts';

export interface RetireOptions {
  dataDir: string;
  modelsDir: string;
}

export interface Retired {
  /** ids of the runs that are gone */
  runs: string[];
  /** manifests of datasets that are gone */
  datasets: number;
  /** the run that served until now, where it is one of them */
  served: string | null;
  /** the run that serves now */
  serves: string | null;
}

/**
 * Remove every run that was trained on one of these rows, or of which nobody knows what it saw, and every dataset that
 * holds one. The newest of the other runs that served before serves again; where there is none, no run serves.
 * @param isGone is this row's id one of those that are gone?
 */
export function retireRuns(isGone: (rowId: number) => boolean, { dataDir, modelsDir }: RetireOptions): Retired {
  const known = new Map<string, boolean>();
  const holds = (hash: string): boolean => {
    const found = known.get(hash);
    if (found !== undefined) return found;
    const seen = manifestOf(dataDir, hash);
    const result = seen === undefined || seen.rows.some(({ id }) => isGone(id));
    known.set(hash, result);
    return result;
  };
  const sawThem = (run: string): boolean => {
    const details = detailsOf(modelsDir, run);
    return details instanceof CheckpointError || details.datasetHash === undefined || holds(details.datasetHash);
  };
  const before = servingOf(modelsDir);
  const runs = namesIn(runsDir(modelsDir)).filter(sawThem);
  removeRuns(modelsDir, before === undefined ? runs : [...runs, ...unlistedOf(modelsDir, runs, sawThem)]);
  const folder = join(dataDir, 'datasets');
  const datasets = namesIn(folder).filter(holds);
  for (const hash of datasets) rmSync(join(folder, hash), { recursive: true, force: true });
  if (datasets.length > 0) syncDir(folder);
  const after = servingOf(modelsDir);
  const wasRetired = before !== undefined && before !== after;
  return {
    runs,
    datasets: datasets.length,
    served: wasRetired ? before : null,
    serves: after ?? null,
  };
}

/** Runs that current.json names although their folders are gone: nobody knows what they saw. */
function unlistedOf(modelsDir: string, retired: readonly string[], sawThem: (run: string) => boolean): string[] {
  const current = readCurrent(modelsDir);
  const listed = current === undefined ? [] : [current.run, ...current.previous];
  return listed.filter((run) => !retired.includes(run) && sawThem(run));
}

/** The run that serves; null: none; undefined: nobody can tell. */
function servingOf(modelsDir: string): string | null | undefined {
  try {
    return readCurrent(modelsDir)?.run ?? null;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

/** undefined: damaged or gone, so it may hold anything */
function manifestOf(dataDir: string, hash: string): ReturnType<typeof readManifest> {
  try {
    return readManifest(dataDir, hash);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name);
}
