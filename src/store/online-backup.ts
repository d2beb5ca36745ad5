/**
 * SQLite's online backup, in one step: every page of one database into another file, within one transaction of each. A
 * process that dies in it leaves the other file as it was, and whoever reads that file sees all of the old or all of
 * the new one. Source: sqlite.org/backup.html. Not covered: whether the bytes have reached the disk.
 */
import type { Database } from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, UserError } from '../util/errors.ts';

/** for good, as database.ts keeps what it opens: the collector must not free what better-sqlite3 12 made */
const kept = new Set<unknown>();

const allPages = 0x7fffffff;
/** how long another process may keep writing to the target */
const patienceMs = 10_000;
const pauseMs = 100;

/**
 * Copy the whole of `db` into `file`, which is created or replaced as one transaction.
 * @returns the number of pages
 * @throws UserError where another process keeps the file busy; SqliteError for a full disk or a damaged file
 */
export async function copyPages(db: Database, file: string): Promise<number> {
  keepBackups(db);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      const { totalPages } = await db.backup(file, { progress: stepOrGiveUp() });
      if (totalPages > 0) return totalPages;
    } catch (error) {
      if (!(error instanceof Busy) && errorCode(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
    }
    // better-sqlite3 takes a busy target for a finished copy of no pages
    if (Date.now() > deadline) {
      throw new UserError(
        `${file} is in use by another command.`,
        'Wait until the other command is done and try again.',
      );
    }
    await sleep(pauseMs);
  }
}

class Busy extends Error {}

/** The first step copies nothing, the second one everything; a third means that the target was busy. */
function stepOrGiveUp(): () => number {
  let steps = 0;
  return () => {
    if (++steps > 1) throw new Busy('the target is busy');
    return allPages;
  };
}

/** better-sqlite3 makes the native backup behind a private symbol, where nobody else could hold on to it. */
function keepBackups(db: Database): void {
  for (const symbol of Object.getOwnPropertySymbols(db)) {
    const native: unknown = Reflect.get(db, symbol);
    if (!isNative(native) || kept.has(native)) continue;
    kept.add(native);
    const make = native.backup.bind(native);
    native.backup = (...values) => {
      const made = make(...values);
      kept.add(made);
      return made;
    };
  }
}

function isNative(value: unknown): value is { backup: (...values: unknown[]) => unknown } {
  return typeof value === 'object' && value !== null && 'backup' in value && typeof value.backup === 'function';
}
