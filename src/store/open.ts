/**
 * Opens data/persona.sqlite so that an acknowledged commit survives a power cut and a deleted row leaves no bytes:
 * WAL with synchronous=FULL (better-sqlite3 is compiled to drop to NORMAL), secure_delete, and private file modes.
 * A damaged file is refused before anything is written to it. Not covered: disks that lie about a flush.
 */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { openSqlite } from './database.ts';
import { check, UserError } from '../util/errors.ts';
import { ensureDataDir, ensurePrivateFile } from './folder.ts';
import { backUpBefore, migrate, refuseForeign } from './migrate.ts';
import { migrations, type Migration } from './schema.ts';
import { explainSqlite } from './sqlite-errors.ts';

export const databaseName = 'persona.sqlite';

const busyTimeoutMs = 5000;
/** older ones could corrupt a database with two connections writing and checkpointing (SQLite's WAL-reset bug) */
const oldestSqlite = '3.51.3';

export interface OpenOptions {
  /** back up before a migration of a database that holds rows; default true */
  backup?: boolean;
  /** for tests of migration itself */
  migrations?: readonly Migration[];
}

/** Open, check, migrate. Every failure that a user can act on is a UserError that names the file. */
export function openDatabase(dataDir: string, options: OpenOptions = {}): Database {
  ensureDataDir(dataDir);
  const file = join(dataDir, databaseName);
  try {
    ensurePrivateFile(file);
    const db = openSqlite(file, { timeout: busyTimeoutMs });
    try {
      prepare(db, file, dataDir, options);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw explainSqlite(error, file) ?? explainFile(error, file) ?? error;
  }
}

/**
 * Fold the write-ahead log into the database and cut it to nothing: only then are deleted bytes gone from disk.
 * False where another process was reading just then; ask again later.
 */
export function truncateLog(db: Database): boolean {
  db.pragma('busy_timeout = 250');
  try {
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return result?.busy === 0;
  } finally {
    db.pragma(`busy_timeout = ${busyTimeoutMs}`);
  }
}

function prepare(db: Database, file: string, dataDir: string, options: OpenOptions): void {
  const version = db.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get()!.v;
  check(isAtLeast(version, oldestSqlite), `SQLite ${version} is older than ${oldestSqlite}`);
  const steps = options.migrations ?? migrations;
  refuseForeign(db, file, steps);
  refuseDamaged(db, file);

  const mode = String(db.pragma('journal_mode = WAL', { simple: true }));
  if (mode !== 'wal') {
    throw new UserError(
      `${file} is on a file system without shared memory for its log (journal mode ${mode}).`,
      'Move DATA_DIR to a local disk.',
    );
  }
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('secure_delete = ON');
  db.pragma('cell_size_check = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('temp_store = MEMORY'); // no message text in /tmp

  if (options.backup !== false) backUpBefore(db, dataDir, steps);
  migrate(db, steps);
  // the compiled-in default comes back with the first write unless FULL was set: so write, then look
  db.transaction(() => db.pragma(`user_version = ${Number(db.pragma('user_version', { simple: true }))}`)).immediate();
  const expected = { synchronous: 2, foreign_keys: 1, secure_delete: 1, cell_size_check: 1, trusted_schema: 0 };
  for (const [name, value] of Object.entries(expected)) {
    const found: unknown = db.pragma(name, { simple: true });
    check(found === value, `pragma ${name} is ${String(found)} after a write, should be ${value}`);
  }
}

function refuseDamaged(db: Database, file: string): void {
  const found: unknown = db.pragma('quick_check(1)', { simple: true });
  if (found === 'ok') return;
  throw new UserError(
    `${file} is damaged. It was left as it is.`,
    'Move the file away, and put a copy from data/backups or of your own in its place.',
    { cause: new Error(`quick_check: ${String(found)}`) },
  );
}

function explainFile(error: unknown, file: string): UserError | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(
        `The disk is full: ${file} cannot be written.`,
        'Free some space on that disk and try again; nothing stored is lost.',
        { cause: error },
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new UserError(
        `${file} is read-only.`,
        'Make the file and its folder writable for this user, or move DATA_DIR.',
        { cause: error },
      );
    default:
      return undefined;
  }
}

/** dotted versions, number by number */
function isAtLeast(version: string, oldest: string): boolean {
  const found = version.split('.').map(Number);
  for (const [index, wanted] of oldest.split('.').map(Number).entries()) {
    const part = found[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
