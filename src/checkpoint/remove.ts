/**
 * Runs that must not be any more: taken out of current.json, moved aside, deleted with everything in their folders. A
 * kill at any point leaves a run whole and listed, whole and unlisted, or under a name that the next save clears away.
 * Not covered: which runs (nightly/retire.ts).
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncDir } from '../util/files.ts';
import { currentFile, withdraw } from './current.ts';
import { CheckpointError } from './error.ts';
import { removeStale, runDir, runsDir } from './save.ts';

/**
 * Remove these runs, and what killed savers left behind. The newest of the others that served before serves again, or
 * none. A current.json that cannot be read goes too: nobody knows what serves then, so nothing may.
 */
export function removeRuns(modelsDir: string, runIds: readonly string[]): void {
  try {
    withdraw(modelsDir, runIds);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    rmSync(currentFile(modelsDir), { force: true });
    syncDir(modelsDir);
  }
  if (!existsSync(runsDir(modelsDir))) return;
  for (const id of runIds) {
    const dir = runDir(modelsDir, id);
    if (existsSync(dir)) renameSync(dir, join(runsDir(modelsDir), `.tmp-removed-${id}`));
  }
  removeStale(modelsDir);
  syncDir(runsDir(modelsDir));
}
