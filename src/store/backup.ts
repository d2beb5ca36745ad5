/**
 * Copies of the database in data/backups. A copy is made beside the running program, checked, flushed, and only then
 * gets its name, which holds the first 64 bits of the SHA-256 of its bytes: a name means a whole copy. Kept for a week.
 * Not covered: models, the WhatsApp session and persona.json; copies that the owner puts elsewhere.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import { errorCode, UserError } from '../util/errors.ts';
import { ensurePrivateDir, freeBytes, sha256File, syncDir } from '../util/files.ts';
import { openSqlite } from './database.ts';
import { ensurePrivateFile } from './folder.ts';
import { acquireLock } from './lock.ts';
import { refuseForeign } from './migrate.ts';
import { copyPages } from './online-backup.ts';
import { databaseName, openDatabase } from './open.ts';
import { migrations } from './schema.ts';
import { explainSqlite } from './sqlite-errors.ts';

/**
 * `copy`: of a night or made by hand; `replaced`, `damaged`: what a restore took away; `before-schema`: made before a
 * migration.
 */
export type BackupKind = 'copy' | 'replaced' | 'damaged' | 'before-schema';

export interface BackupFile {
  path: string;
  kind: BackupKind;
  /** when it was made, unix ms */
  atMs: number;
  bytes: number;
}

/** A copy that was read from end to end. */
export interface VerifiedBackup {
  path: string;
  bytes: number;
  /** lower-case hex */
  sha256: string;
  /** the name holds a hash, and it is this one */
  isHashKnown: boolean;
  /** `user_version` */
  schema: number;
  messages: number;
  people: number;
  /** lines of the consent ledger */
  consentEvents: number;
}

export const backupKeepMs: number = 7 * 24 * 3_600_000;

const hashDigits = 16;
const namePattern =
  /^(persona|replaced|damaged|before-schema-\d+)-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z(?:-([0-9a-f]{16}))?\.sqlite(?:-wal)?$/;
const kinds: Readonly<Record<string, BackupKind>> = { persona: 'copy', replaced: 'replaced', damaged: 'damaged' };

export function backupsDir(dataDir: string): string {
  return join(dataDir, 'backups');
}

/** Everything in data/backups that holds rows, newest first. Whoever must go from the copies is in one of these. */
export function listBackups(dataDir: string): BackupFile[] {
  const folder = backupsDir(dataDir);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).flatMap((name): BackupFile[] => {
    const found = namePattern.exec(name);
    const path = join(folder, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (found === null || stats?.isFile() !== true) return [];
    const [, prefix = '', day = '', hour = '', minute = '', second = '', ms = ''] = found;
    const atMs = Date.parse(`${day}T${hour}:${minute}:${second}.${ms}Z`);
    return [{ path, kind: kinds[prefix] ?? 'before-schema', atMs, bytes: stats.size }];
  });
  return files.sort((a, b) => b.atMs - a.atMs);
}

/** A copy by its name in data/backups, or by its path. */
export function findBackup(dataDir: string, file: string): string {
  const inFolder = join(backupsDir(dataDir), file);
  return basename(file) === file && existsSync(inFolder) ? inFolder : resolve(file);
}

/**
 * Make a copy now, and remove those older than a week. Waits for nothing: takes the role `write-admin`, so that nobody
 * is forgotten and nothing restored meanwhile.
 * @throws UserError when there is nothing to copy, the disk is full, the database is damaged, or the role is taken (75)
 */
export async function createBackup(dataDir: string, nowMs: number): Promise<VerifiedBackup> {
  const lock = acquireLock(dataDir, 'write-admin');
  try {
    const made = await copyDatabase(dataDir, 'persona', nowMs);
    removeOldBackups(dataDir, nowMs);
    return made;
  } finally {
    lock.release();
  }
}

/**
 * The copying itself, for those who hold the role `write-admin`.
 * @param prefix `replaced`: it is about to be restored over
 */
export async function copyDatabase(
  dataDir: string,
  prefix: 'persona' | 'replaced',
  nowMs: number,
): Promise<VerifiedBackup> {
  const source = join(dataDir, databaseName);
  if (!existsSync(source)) throw new UserError(`${source} does not exist yet.`, 'There is nothing to back up.');
  const folder = backupsDir(dataDir);
  ensurePrivateDir(folder);
  removeLeftovers(folder);
  refuseFullDisk(folder, 2 * databaseBytes(source)); // the copy, and its journal in the worst case
  const temporary = join(folder, `.copy-${process.pid}.sqlite`);
  try {
    ensurePrivateFile(temporary);
    const db = openDatabase(dataDir);
    try {
      await copyPages(db, temporary);
    } finally {
      db.close();
    }
    makeSingleFile(temporary);
    const checked = readCopy(temporary, () => prefix === 'replaced'); // nobody waits for the first; the second was read when opened
    const path = join(folder, `${prefix}-${stamp(nowMs)}-${checked.sha256.slice(0, hashDigits)}.sqlite`);
    renameSync(temporary, path);
    syncDir(folder);
    return { ...checked, path, isHashKnown: true };
  } catch (error) {
    removeLeftovers(folder);
    throw explainSqlite(error, temporary) ?? explainDisk(error, temporary) ?? error;
  }
}

/**
 * Read a copy from end to end: its hash, its structure, its references, and that this program knows its schema. Writes
 * nothing.
 * @param depth `bytes`: where the name holds the hash of a copy that was checked when it was made, the hash is enough
 * @throws UserError that names the file and what is wrong with it
 */
export function verifyBackup(path: string, depth: 'whole' | 'bytes' = 'whole'): VerifiedBackup {
  return readCopy(path, (isHashKnown) => depth === 'bytes' && isHashKnown);
}

function readCopy(path: string, mayTrust: (isHashKnown: boolean) => boolean): VerifiedBackup {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true)
    throw new UserError(`${path} is not a file.`, 'See `persona backup verify` for what there is.');
  const digest = sha256File(path);
  const named = namePattern.exec(basename(path))?.[7];
  if (named !== undefined && !digest.startsWith(named)) {
    throw damagedCopy(path, 'its bytes are not the ones that were written');
  }
  try {
    const db = openSqlite(path, { readonly: true, fileMustExist: true });
    try {
      refuseForeign(db, path, migrations);
      if (!mayTrust(named !== undefined)) checkSound(db, path);
      return { path, bytes: stats.size, sha256: digest, isHashKnown: named !== undefined, ...countRows(db) };
    } finally {
      db.close();
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = errorCode(error) ?? '';
    const isDamaged = /^SQLITE_(?:CORRUPT|NOTADB|ERROR)/.test(code);
    throw isDamaged ? damagedCopy(path, code, error) : (explainSqlite(error, path) ?? error);
  }
}

/** Remove copies older than a week, of every kind; the newest copy stays. Returns what was removed. */
export function removeOldBackups(dataDir: string, nowMs: number): BackupFile[] {
  const all = listBackups(dataDir);
  const newest = all.find(({ kind }) => kind === 'copy');
  const old = all.filter((file) => file !== newest && nowMs - file.atMs > backupKeepMs);
  for (const { path } of old) rmSync(path, { force: true });
  if (old.length > 0) syncDir(backupsDir(dataDir));
  return old;
}

/** Whole, consistent, and every reference leads somewhere. @throws UserError */
export function checkSound(db: Database, file: string): void {
  const found: unknown = db.pragma('integrity_check(1)', { simple: true });
  if (found !== 'ok') throw damagedCopy(file, `integrity_check: ${String(found)}`);
  const dangling = db.pragma('foreign_key_check') as unknown[];
  if (dangling.length > 0) throw damagedCopy(file, `${dangling.length} rows refer to nothing`);
}

/** One file that needs no companions, with everything on the disk. */
export function makeSingleFile(file: string): void {
  const db = openSqlite(file);
  try {
    db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
  syncFile(file);
}

export function syncFile(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Bytes of a database with what waits in its log. */
export function databaseBytes(file: string): number {
  return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** @throws UserError where less than this many bytes are free */
export function refuseFullDisk(folder: string, neededBytes: number): void {
  const free = freeBytes(folder);
  if (free >= neededBytes) return;
  const mb = (bytes: number): string => `${Math.ceil(bytes / 1_048_576)} MB`;
  throw new UserError(
    `The disk is too full: ${mb(neededBytes)} are needed in ${folder}, and ${mb(free)} are free.`,
    'Free some space on that disk and try again; nothing stored is lost.',
  );
}

/** `2026-11-23T03-00-05-123Z`, as it stands in names. */
export function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-');
}

/** What was begun and never named: this or an earlier process died over it. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('.copy-')) rmSync(join(folder, name), { force: true });
}

function countRows(db: Database): Pick<VerifiedBackup, 'schema' | 'messages' | 'people' | 'consentEvents'> {
  const count = (table: string): number => Number(db.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get());
  return {
    schema: Number(db.pragma('user_version', { simple: true })),
    messages: count('messages'),
    people: count('people'),
    consentEvents: count('consent_events'),
  };
}

function damagedCopy(path: string, why: string, cause?: unknown): UserError {
  return new UserError(`${path} is damaged (${why}).`, 'Use another copy; see `persona backup verify`.', { cause });
}

function explainDisk(error: unknown, file: string): UserError | undefined {
  const code = errorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return new UserError(
    `The disk is full: ${file} cannot be written.`,
    'Free some space on that disk and try again; nothing stored is lost.',
    { cause: error },
  );
}
