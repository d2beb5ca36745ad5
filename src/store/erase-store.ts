/**
 * The whole database goes and an empty one takes its place: no person, chat, message, ledger line or setting, but the
 * keyed hashes (tombstones.ts) of the ids and names of everybody who had refused or been forgotten, so that no export
 * brings them back. Begun again after a kill it ends the same: the new file is whole before the old one is touched.
 * Not covered: everything beside the database (nightly/forget-everything.ts). Nobody else may have it open for writing.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRefused } from '../consent/policy.ts';
import { ensurePrivateDir, syncDir } from '../util/files.ts';
import { makeSingleFile } from './backup.ts';
import { databaseName, openDatabase } from './open.ts';
import { Store } from './store.ts';

export interface ErasedStore {
  /** hashes that were kept */
  tombstones: number;
  /** false: the old database could not be read, so nobody knows who had refused */
  isLedgerKept: boolean;
}

/** Build the new database in data/.fresh. Changes nothing else; what an earlier try finished is taken as it is. */
export function prepareEmptyStore(dataDir: string, now: () => number): ErasedStore {
  const ready = join(dataDir, '.fresh');
  if (!existsSync(join(ready, databaseName))) {
    const work = join(dataDir, '.fresh.tmp');
    rmSync(work, { recursive: true, force: true });
    ensurePrivateDir(work);
    const db = openDatabase(work, { backup: false });
    try {
      const fresh = new Store(db, now);
      const isLedgerKept = keepRefusals(dataDir, fresh, now);
      fresh.settings.set('everythingErased', JSON.stringify({ isLedgerKept }));
      fresh.scrub();
    } finally {
      db.close();
    }
    makeSingleFile(join(work, databaseName));
    syncDir(work);
    renameSync(work, ready);
    syncDir(dataDir);
  }
  const db = openDatabase(ready, { backup: false });
  try {
    const fresh = new Store(db, now);
    const said = JSON.parse(fresh.settings.get('everythingErased') ?? '{}') as { isLedgerKept?: boolean };
    return { tombstones: fresh.tombstones.count(), isLedgerKept: said.isLedgerKept === true };
  } finally {
    db.close();
    makeSingleFile(join(ready, databaseName));
  }
}

/** Put the prepared database in the place of the old one. */
export function replaceByEmptyStore(dataDir: string): void {
  const prepared = join(dataDir, '.fresh', databaseName);
  if (existsSync(prepared)) {
    const live = join(dataDir, databaseName);
    // the old log goes first and the old file next: a log would be read as the new file's own
    for (const suffix of ['-wal', '-shm', '-journal', '']) rmSync(`${live}${suffix}`, { force: true });
    syncDir(dataDir);
    renameSync(prepared, live);
  }
  for (const name of ['.fresh', '.fresh.tmp']) rmSync(join(dataDir, name), { recursive: true, force: true });
  syncDir(dataDir);
}

function keepRefusals(dataDir: string, fresh: Store, now: () => number): boolean {
  if (!existsSync(join(dataDir, databaseName))) return true; // there was nobody
  try {
    const db = openDatabase(dataDir, { backup: false });
    try {
      const old = new Store(db, now);
      fresh.transaction(() => {
        fresh.tombstones.take(old.tombstones.all());
        for (const { id } of old.people.list()) {
          if (!isRefused(old.consent.state(id, 'log').state)) continue;
          fresh.tombstones.buryIds(old.tombstones.idsOf(id), now());
        }
      });
      return true;
    } finally {
      db.close();
    }
  } catch {
    return false; // damaged, or written by a newer version: it goes all the same
  }
}
