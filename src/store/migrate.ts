/**
 * Brings a database to the newest schema: each migration in one transaction with its version number, so that a crash
 * leaves the old or the new schema. A database that holds rows is copied to data/backups first; one that a newer
 * version wrote is refused untouched.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { check, UserError } from '../util/errors.ts';
import { ensurePrivateDir, syncDir } from '../util/files.ts';
import { applicationId, type Migration } from './schema.ts';

const versionOf = (db: Database): number => Number(db.pragma('user_version', { simple: true }));
const newestOf = (steps: readonly Migration[]): number => steps.at(-1)?.version ?? 0;

/** Refuse a database that a newer version or another program wrote. Writes nothing. */
export function refuseForeign(db: Database, file: string, steps: readonly Migration[]): void {
  check(
    steps.every((step, index) => step.version === index + 1),
    'migrations are numbered 1, 2, 3, ...',
  );
  const version = versionOf(db);
  const application = Number(db.pragma('application_id', { simple: true }));
  const isNew = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (isNew ? version !== 0 : application !== applicationId) {
    throw new UserError(`${file} belongs to another program.`, 'Set DATA_DIR to a folder of its own.');
  }
  if (version > newestOf(steps)) {
    throw new UserError(
      `${file} was written by a newer version of this program (schema ${version}; this one knows ${newestOf(steps)}).`,
      'Update this program (git pull && npm ci), or set DATA_DIR to another folder.',
    );
  }
}

/** Copy a database that holds rows and is about to change: data/backups/before-schema-<version>-<time>.sqlite. */
export function backUpBefore(db: Database, dataDir: string, steps: readonly Migration[]): string | undefined {
  const version = versionOf(db);
  if (version >= newestOf(steps) || version === 0 || !holdsRows(db)) return undefined;
  const folder = join(dataDir, 'backups');
  ensurePrivateDir(folder);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const file = join(folder, `before-schema-${version + 1}-${stamp}.sqlite`);
  check(!existsSync(file), `${file} exists already`);
  const temporary = `${file}.tmp`;
  try {
    closeSync(openSync(temporary, 'wx', 0o600)); // VACUUM INTO takes an empty file and keeps its mode
    db.prepare('VACUUM INTO ?').run(temporary);
    const fd = openSync(temporary, 'r+');
    fsyncSync(fd);
    closeSync(fd);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDir(folder);
  return file;
}

/** Run what is missing. Two processes may ask at once: the second finds the work done. */
export function migrate(db: Database, steps: readonly Migration[]): void {
  for (const step of steps) {
    if (versionOf(db) >= step.version) continue;
    db.transaction(() => {
      if (versionOf(db) >= step.version) return;
      db.exec(step.sql);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${step.version}`);
    }).immediate();
  }
}

function holdsRows(db: Database): boolean {
  const tables = db
    .prepare<[], { name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .all();
  return tables.some(({ name }) => db.prepare(`SELECT 1 FROM "${name}" LIMIT 1`).get() !== undefined);
}
