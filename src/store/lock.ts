/**
 * One process a role: an exclusive SQLite lock on data/locks/<role>.sqlite. The kernel frees it with the process, also
 * after kill -9, so there is no stale lock and nothing to clean up. Not covered: folders shared between machines.
 */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { openSqlite } from './database.ts';
import { errorCode, ExitCode, UserError } from '../util/errors.ts';
import { ensurePrivateDir } from '../util/files.ts';
import { ensureDataDir, ensurePrivateFile } from './folder.ts';
import { explainSqlite } from './sqlite-errors.ts';

export type LockRole = 'start' | 'retrain' | 'write-admin' | 'import' | 'review';

export interface Lock {
  /** may be called more than once */
  release(): void;
}

const holders: Record<LockRole, { what: string; hint: string }> = {
  start: { what: 'WhatsApp is connected', hint: 'Stop the running `persona start` first, or use that one.' },
  retrain: { what: 'training', hint: 'Wait for the running `persona retrain` to end, or stop it.' },
  'write-admin': {
    what: 'forgetting, restoring or upgrading',
    hint: 'Wait until it has ended.',
  },
  review: { what: 'serving the review page', hint: 'Open that one: `persona review` prints a link to it.' },
  import: { what: 'importing', hint: 'Wait for the running `persona import` to end, or stop it.' },
};

/** A caller may drop its Lock and mean to hold it until the process ends: without this the collector would free it. */
const held = new Set<Database>();

/** Take the lock of a role, or throw a UserError with exit code 75 at once where another process has it. */
export function acquireLock(dataDir: string, role: LockRole): Lock {
  ensureDataDir(dataDir);
  const folder = join(dataDir, 'locks');
  ensurePrivateDir(folder);
  const file = join(folder, `${role}.sqlite`);
  ensurePrivateFile(file);
  const db = openSqlite(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (errorCode(error)?.startsWith('SQLITE_BUSY') !== true) throw explainSqlite(error, file) ?? error;
    const { what, hint } = holders[role];
    throw new UserError(`Another process has the role "${role}" (${what}) in ${dataDir}.`, hint, {
      exitCode: ExitCode.busy,
      cause: error,
    });
  }
  held.add(db);
  return {
    release: () => {
      held.delete(db);
      db.close();
    },
  };
}
