/**
 * Models that saw what somebody took back for good: they stop serving at once, without waiting for the night.
 * Not covered: their folders, and a training under way, whose run counts as stale and is replaced the next night.
 */
import { rmSync } from 'node:fs';
import { readCurrent, currentFile, withdraw } from '../checkpoint/current.ts';
import { CheckpointError } from '../checkpoint/error.ts';
import { readManifest } from './manifest.ts';
import { detailsOf } from './models.ts';

/**
 * Take every run that was trained on one of these rows, or of which nobody knows what it saw, out of models/current.json.
 * The newest of the others that served before serves again; where there is none, no run serves.
 * @param rowIds ids of the rows that are gone
 * @returns the runs that serve no more
 */
export function retireRuns(
  rowIds: readonly number[],
  { dataDir, modelsDir }: { dataDir: string; modelsDir: string },
): string[] {
  if (rowIds.length === 0) return [];
  const gone = new Set(rowIds);
  const sawThem = (run: string): boolean => {
    const details = detailsOf(modelsDir, run);
    if (details instanceof CheckpointError || details.datasetHash === undefined) return true;
    const seen = readManifest(dataDir, details.datasetHash);
    return seen === undefined || seen.rows.some(({ id }) => gone.has(id));
  };
  try {
    const current = readCurrent(modelsDir);
    const retired = current === undefined ? [] : [current.run, ...current.previous].filter(sawThem);
    withdraw(modelsDir, retired);
    return retired;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    rmSync(currentFile(modelsDir)); // damaged: nobody knows what serves, so nothing may
    return ['current.json'];
  }
}
