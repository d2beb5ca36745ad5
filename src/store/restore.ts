/**
 * A copy becomes the database again. It is checked, prepared in a folder of its own (reconcile.ts: a no that was said
 * since stays a no), and takes the place of the present database as one transaction of SQLite, or by one rename where the
 * present one is damaged or missing: whoever is killed in between leaves the old one or the new one. What was there
 * before is kept in data/backups for a week. Not covered: messages stored since the copy, which WhatsApp may deliver again.
 */
import { copyFileSync, existsSync, linkSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { check, errorCode, UserError } from '../util/errors.ts';
import { ensurePrivateDir, sha256File, syncDir } from '../util/files.ts';
import {
  backupsDir,
  checkSound,
  copyDatabase,
  databaseBytes,
  findBackup,
  makeSingleFile,
  refuseFullDisk,
  stamp,
  syncFile,
  verifyBackup,
  type VerifiedBackup,
} from './backup.ts';
import { openSqlite } from './database.ts';
import { ensureDataDir, ensurePrivateFile } from './folder.ts';
import { acquireLock, type Lock } from './lock.ts';
import { copyPages } from './online-backup.ts';
import { databaseName, openDatabase, truncateLog } from './open.ts';
import { reconcile, type Reconciled } from './reconcile.ts';
import { removeSearchIndex } from './search-index.ts';
import { explainSqlite } from './sqlite-errors.ts';

export interface RestoreOptions {
  dataDir: string;
  /** the copy: a path, or its name in data/backups */
  file: string;
  nowMs: number;
  /** restore although nobody can tell what people said since: replies and collecting are switched off everywhere */
  withoutLedger?: boolean;
}

export interface Restored {
  from: VerifiedBackup;
  /** where the present database was put; null: there was none */
  kept: string | null;
  /** null: there was no ledger to compare with */
  reconciled: Reconciled | null;
}

/** how long another process may go on reading */
const patienceMs = 10_000;
/** what reconcile.ts reads */
const ledgerTables = ['people', 'aliases', 'consent_events', 'chats', 'chat_members', 'outbox'];

type Present = { state: 'none' } | { state: 'whole' | 'damaged'; file: string };

/**
 * Takes the roles `start`, `retrain`, `import` and `write-admin`.
 * @throws UserError: another process has one of the roles (75); the copy is damaged; the disk is full; the ledger of the
 *   present database cannot be read. The present database is as it was then.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { dataDir, nowMs } = options;
  ensureDataDir(dataDir);
  const locks: Lock[] = [];
  const work = join(dataDir, '.restore');
  try {
    for (const role of ['start', 'retrain', 'import', 'write-admin'] as const) locks.push(acquireLock(dataDir, role));
    const from = verifyBackup(findBackup(dataDir, options.file), 'bytes'); // the prepared copy is checked in full
    rmSync(work, { recursive: true, force: true }); // an earlier restore died over it
    const live = join(dataDir, databaseName);
    refuseFullDisk(dataDir, 3 * from.bytes + 2 * databaseBytes(live));
    mkdirSync(work, { mode: 0o700 });
    const prepared = join(work, databaseName);
    ensurePrivateFile(prepared);
    copyFileSync(from.path, prepared);
    const present = await inspect(dataDir, work, nowMs);
    const reconciled = prepare(work, present, options.withoutLedger === true, nowMs);
    makeSingleFile(prepared);
    const expected = pagesHash(prepared);
    const isWhole = present.state === 'whole';
    if (isWhole) await replaceWhole(dataDir, prepared);
    const kept = isWhole ? present.file : replaceFile(dataDir, prepared, nowMs);
    await prove(dataDir, expected, present);
    removeSearchIndex(dataDir); // it is of the database that was replaced
    return { from, kept, reconciled };
  } catch (error) {
    throw explainSqlite(error, join(dataDir, databaseName)) ?? error;
  } finally {
    rmSync(work, { recursive: true, force: true });
    for (const lock of locks.reverse()) lock.release();
  }
}

/** What is there now: a whole database is copied to data/backups, a damaged one beside the prepared copy, to be read. */
async function inspect(dataDir: string, work: string, nowMs: number): Promise<Present> {
  const live = join(dataDir, databaseName);
  const stats = lstatSync(live, { throwIfNoEntry: false });
  if (stats === undefined || stats.size === 0) return { state: 'none' };
  try {
    openDatabase(dataDir).close(); // says what is wrong with rights, links and disks, in words
    return { state: 'whole', file: (await copyDatabase(dataDir, 'replaced', nowMs)).path };
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const folder = join(work, 'present');
  mkdirSync(folder, { mode: 0o700 });
  const file = join(folder, databaseName);
  copyFileSync(live, file);
  if (existsSync(`${live}-wal`)) copyFileSync(`${live}-wal`, `${file}-wal`);
  return { state: 'damaged', file };
}

function isDamage(error: unknown): boolean {
  const said = explainSqlite(error);
  return said?.message.includes('is damaged') === true;
}

/** Bring the copy to the newest schema, and into it what was said since. */
function prepare(work: string, present: Present, withoutLedger: boolean, nowMs: number): Reconciled | null {
  const now = (): number => nowMs;
  const db = openDatabase(work, { backup: false });
  try {
    let reconciled: Reconciled | null = null;
    if (present.state !== 'none') {
      try {
        reconciled = readAndReconcile(db, present, now);
      } catch (error) {
        if (present.state !== 'damaged' || errorCode(error)?.startsWith('SQLITE_') !== true) throw error;
        if (!withoutLedger) throw ledgerLost(error);
      }
    }
    if (reconciled === null && withoutLedger) db.exec('UPDATE chats SET collect = 0, bot = 0, collect_since_ms = NULL');
    db.exec(`UPDATE review_state SET indexed_to = 0, index_id = ''; DELETE FROM search_gone`);
    checkSound(db, 'the prepared copy');
    check(truncateLog(db), 'nobody else reads the prepared copy');
    return reconciled;
  } finally {
    db.close();
  }
}

function readAndReconcile(
  db: Database,
  { state, file }: Exclude<Present, { state: 'none' }>,
  now: () => number,
): Reconciled {
  const isWhole = state === 'whole';
  const source = openSqlite(file, { readonly: isWhole, fileMustExist: true });
  try {
    if (!isWhole) for (const table of ledgerTables) refuseUnreadable(source, table);
    return reconcile(db, source, { presentFile: file, isWhole, now });
  } finally {
    source.close();
  }
}

/** @throws an Error with a code of SQLite, as reading the table itself may or may not do */
function refuseUnreadable(source: Database, table: string): void {
  const found: unknown = source.pragma(`integrity_check(${table})`, { simple: true });
  if (found !== 'ok') throw Object.assign(new Error(`${table}: ${String(found)}`), { code: 'SQLITE_CORRUPT' });
}

function ledgerLost(cause: unknown): UserError {
  return new UserError(
    'The present database is so damaged that nobody can read who refused since that copy was made.',
    'Add --without-ledger to restore all the same: collecting and replies are then switched off in every chat.',
    { cause },
  );
}

/** One transaction of SQLite over the present database: every other process sees all of the old or all of the new. */
async function replaceWhole(dataDir: string, prepared: string): Promise<void> {
  const source = openSqlite(prepared, { readonly: true });
  try {
    await copyPages(source, join(dataDir, databaseName));
  } finally {
    source.close();
  }
}

/** One rename; the damaged file and its log go to data/backups under one name. */
function replaceFile(dataDir: string, prepared: string, nowMs: number): string | null {
  const live = join(dataDir, databaseName);
  const folder = backupsDir(dataDir);
  ensurePrivateDir(folder);
  const aside = join(folder, `damaged-${stamp(nowMs)}.sqlite`);
  const isThere = existsSync(live);
  if (isThere) keepUnderAnotherName(live, aside);
  // a log that is left behind would be read as the new file's own
  if (existsSync(`${live}-wal`)) renameSync(`${live}-wal`, `${aside}-wal`);
  rmSync(`${live}-shm`, { force: true });
  syncDir(folder);
  syncDir(dataDir);
  renameSync(prepared, live);
  syncDir(dataDir);
  return isThere ? aside : null;
}

function keepUnderAnotherName(file: string, name: string): void {
  try {
    linkSync(file, name);
  } catch {
    copyFileSync(file, name); // a file system without links
    syncFile(name);
  }
}

/** Everything from the log into the file, and on the disk. Another command that reads just now is waited for. */
async function flush(dataDir: string): Promise<void> {
  const db = openDatabase(dataDir, { backup: false });
  try {
    const deadline = Date.now() + patienceMs;
    while (!truncateLog(db)) {
      if (Date.now() > deadline) {
        throw new UserError(
          `${join(dataDir, databaseName)} is in use by another command.`,
          'Wait until the other command is done and try again.',
        );
      }
      await sleep(100);
    }
  } finally {
    db.close();
  }
}

/** The database opens and is the prepared copy, page by page; else what was there before comes back. */
async function prove(dataDir: string, expected: string, present: Present): Promise<void> {
  try {
    await flush(dataDir);
    const found = pagesHash(join(dataDir, databaseName));
    check(found === expected, `the restored pages hash to ${found}, not to ${expected}`);
    syncDir(dataDir);
  } catch (error) {
    if (present.state === 'whole') await replaceWhole(dataDir, present.file);
    await flush(dataDir);
    throw error;
  }
}

/** SHA-256 of all pages without the file's header, which says how and when it was last written. */
function pagesHash(file: string): string {
  return sha256File(file, 100);
}
