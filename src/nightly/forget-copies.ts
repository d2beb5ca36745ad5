/**
 * Copies of the database that hold somebody who was forgotten: they go at once, whatever made them, and a fresh one is
 * made in their place. Taking the rows out of each copy instead would need room for a second one of each, on a disk that
 * may be full, and a copy that was changed is no longer the copy that was checked.
 * Not covered: copies that the owner put elsewhere; restoring one replays the ledger (store/reconcile.ts).
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { backupsDir, copyDatabase, listBackups } from '../store/backup.ts';
import { openSqlite } from '../store/database.ts';
import { UserError } from '../util/errors.ts';
import { syncDir } from '../util/files.ts';

/**
 * Remove every copy that holds rows or a name of a person with one of these ids, that cannot be read, or that was begun
 * and never named, and what a restore left behind. The caller holds the role `write-admin`.
 * @param isTheirs is this id (as in `aliases`) one of theirs?
 * @returns how many copies went
 */
export function removeCopies(dataDir: string, isTheirs: (alias: string) => boolean): number {
  rmSync(join(dataDir, '.restore'), { recursive: true, force: true });
  const folder = backupsDir(dataDir);
  if (!existsSync(folder)) return 0;
  for (const name of readdirSync(folder)) {
    if (name.startsWith('.copy-') || /\.sqlite(?:\.tmp|-journal|-shm)/.test(name))
      rmSync(join(folder, name), { force: true });
  }
  const gone = listBackups(dataDir).filter(({ path, kind }) => kind === 'damaged' || holds(path, isTheirs));
  for (const { path } of gone) rmSync(path, { force: true });
  syncDir(folder);
  return gone.length;
}

/**
 * A copy of what is there now. The caller holds the role `write-admin`.
 * @returns its name; undefined where the disk has no room for it
 */
export async function makeFreshCopy(dataDir: string, nowMs: number): Promise<string | undefined> {
  try {
    return basename((await copyDatabase(dataDir, 'persona', nowMs)).path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function holds(file: string, isTheirs: (alias: string) => boolean): boolean {
  try {
    const db = openSqlite(file, { readonly: true, fileMustExist: true });
    try {
      const ids = new Set<number>();
      for (const { alias, id } of db
        .prepare<[], { alias: string; id: number }>('SELECT alias, person_id AS id FROM aliases')
        .iterate()) {
        if (isTheirs(alias)) ids.add(id);
      }
      const people = JSON.stringify([...ids]);
      const theirs = '(SELECT value FROM json_each(:people))';
      const row = db.prepare(`SELECT EXISTS (SELECT 1 FROM messages WHERE person_id IN ${theirs})
        OR EXISTS (SELECT 1 FROM people WHERE (id IN ${theirs} OR merged_into IN ${theirs}) AND name <> '')
        OR EXISTS (SELECT 1 FROM aliases WHERE person_id IN ${theirs} AND alias LIKE 'name:%')
        OR EXISTS (SELECT 1 FROM messages m JOIN chats c ON c.id = m.chat_id AND c.kind = 'direct'
          JOIN chat_members t ON t.chat_id = c.id AND t.person_id IN ${theirs} WHERE m.origin = 'bot')`);
      return Number(row.pluck().get({ people })) === 1;
    } finally {
      db.close();
    }
  } catch {
    return true; // damaged, or of a shape that nobody knows: it may hold anything
  }
}
