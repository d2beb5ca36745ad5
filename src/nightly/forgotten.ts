/**
 * What a training that closed the database must know: whether somebody whose words it learned from was forgotten since.
 * Looked at between steps, and once more, while nobody can be forgotten, before anything of it is published.
 * Not covered: stopping the training (the caller), removing what it left (forget.ts).
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatasetManifest } from '../dataset/build.ts';
import { openSqlite } from '../store/database.ts';
import { acquireLock, type Lock } from '../store/lock.ts';
import { databaseName } from '../store/open.ts';
import { ExitCode, UserError } from '../util/errors.ts';

/** Thrown where a training may not go on; the night starts anew from a fresh snapshot. */
export class ForgottenMeanwhile extends Error {
  constructor() {
    super('somebody whose messages are in this training was forgotten');
    this.name = 'ForgottenMeanwhile';
  }
}

export interface ForgottenWatch {
  /** Cheap enough to be asked at every step: two counts, and the rows only where these changed. */
  isForgotten(): boolean;
  /** @throws ForgottenMeanwhile */
  check(): void;
  close(): void;
}

/** A folder that holds what an unfinished training keeps; forgetting removes it as a whole. */
export function trainingDir(dataDir: string): string {
  return join(dataDir, 'training');
}

/** Watch the rows of a snapshot. Call it right after the snapshot, under the lock `retrain`. */
export function watchForgotten(dataDir: string, manifest: Pick<DatasetManifest, 'rows'>): ForgottenWatch {
  const db = openSqlite(join(dataDir, databaseName), { readonly: true, fileMustExist: true });
  const ids = JSON.stringify(manifest.rows.map(({ id }) => id));
  const marks = db.prepare('SELECT COUNT(*) + COUNT(finished_ms) FROM receipts').pluck();
  const present = db.prepare<[string], number>(
    `SELECT COUNT(*) FROM messages WHERE id IN (SELECT value FROM json_each(?))
       AND person_id NOT IN (SELECT person_id FROM receipts WHERE finished_ms IS NULL AND person_id IS NOT NULL)`,
  );
  const lacksRows = (): boolean => Number(present.pluck().get(ids)) < manifest.rows.length;
  let seen: unknown = null;
  let isForgotten = false;
  const look = (): boolean => {
    const now = marks.get();
    if (now === seen || isForgotten) return isForgotten;
    // the first look compares too: somebody may have been forgotten between the snapshot and the watch
    isForgotten = lacksRows();
    seen = now;
    return isForgotten;
  };
  return {
    isForgotten: look,
    check: () => {
      if (look()) throw new ForgottenMeanwhile();
    },
    close: () => db.close(),
  };
}

/**
 * Do `work` (save and publish a run) while nobody can be forgotten, and only if nobody was.
 * @throws ForgottenMeanwhile; UserError (75) where somebody forgets or restores for longer than `patienceMs`
 */
export async function unlessForgotten<T>(
  dataDir: string,
  watch: ForgottenWatch,
  work: () => T | Promise<T>,
  patienceMs = 120_000,
): Promise<T> {
  const lock = await waitForLock(dataDir, 'write-admin', patienceMs);
  try {
    watch.check();
    return await work();
  } finally {
    lock.release();
  }
}

/** @throws UserError (75) as `acquireLock`, where the role is not free within `patienceMs` */
export async function waitForLock(
  dataDir: string,
  role: Parameters<typeof acquireLock>[1],
  patienceMs: number,
): Promise<Lock> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return acquireLock(dataDir, role);
    } catch (error) {
      const isBusy = error instanceof UserError && error.exitCode === ExitCode.busy;
      if (!isBusy || performance.now() > untilMs) throw error;
      await sleep(100);
    }
  }
}
