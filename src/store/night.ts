/**
 * What a night tells while it runs, and what probes found. The night writes through a small connection of its own, since it
 * runs for hours and the store is closed meanwhile; it never waits long for others. No message text.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { openSqlite } from './database.ts';
import { databaseName } from './open.ts';

export interface NightProgress {
  /** what is being done, in words: `training small on simd, gentle` */
  phase: string;
  /** 0 to 1, of the phase; null where nobody knows */
  share: number | null;
  secondsLeft: number | null;
}

export interface RunningNight extends NightProgress {
  pid: number;
  startedAtMs: number;
  updatedAtMs: number;
}

export interface Probe {
  atMs: number;
  /** plain JSON, numbers only */
  report: object;
}

export interface Nights {
  /** the night that runs now; undefined: none, or it was killed */
  running(): RunningNight | undefined;
  addProbe(probe: Probe): void;
  latestProbe(): Probe | undefined;
}

/** A row that nobody renewed for so long is of a night that was killed: a night renews its own every ten seconds. */
const deadAfterMs = 60_000;
const role = 'retrain';

export function createNights(db: Database, now: () => number): Nights {
  const row = db.prepare<[string], { pid: number; startedAtMs: number; updatedAtMs: number; progress: string }>(
    `SELECT pid, started_at_ms AS startedAtMs, updated_at_ms AS updatedAtMs, progress FROM night_progress WHERE role = ?`,
  );
  const insert = db.prepare('INSERT INTO probes (at_ms, report) VALUES (?, ?)');
  const newest = db.prepare<[], { atMs: number; report: string }>(
    'SELECT at_ms AS atMs, report FROM probes ORDER BY id DESC LIMIT 1',
  );
  return {
    running: () => {
      const found = row.get(role);
      if (found === undefined || now() - found.updatedAtMs > deadAfterMs) return undefined;
      const { progress, ...rest } = found;
      return { ...rest, ...(JSON.parse(progress) as NightProgress) };
    },
    addProbe: ({ atMs, report }) => {
      insert.run(atMs, JSON.stringify(report));
    },
    latestProbe: () => {
      const found = newest.get();
      return found && { atMs: found.atMs, report: JSON.parse(found.report) as object };
    },
  };
}

export interface NightProgressTable {
  /** errors are swallowed: a disk that is full or a database that is busy must not end a night */
  set(progress: NightProgress, startedAtMs: number): void;
  /** removes the row */
  close(): void;
}

/** The database must exist: a night opens the store before it. */
export function openNightProgress(dataDir: string): NightProgressTable {
  const file = join(dataDir, databaseName);
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch {
      return undefined;
    }
  };
  const opened = attempt(() => {
    if (!existsSync(file)) return undefined;
    const db = openSqlite(file, { fileMustExist: true, timeout: 1000 });
    db.pragma('secure_delete = ON');
    return {
      db,
      upsert: db.prepare(`INSERT INTO night_progress VALUES (?, ?, ?, ?, ?) ON CONFLICT (role) DO UPDATE SET
        pid = excluded.pid, started_at_ms = excluded.started_at_ms, updated_at_ms = excluded.updated_at_ms,
        progress = excluded.progress`),
      remove: db.prepare('DELETE FROM night_progress WHERE role = ?'),
    };
  });
  return {
    set: (progress, startedAtMs) => {
      attempt(() => opened?.upsert.run(role, process.pid, startedAtMs, Date.now(), JSON.stringify(progress)));
    },
    close: () => {
      if (opened?.db.open !== true) return;
      attempt(() => opened.remove.run(role));
      attempt(() => opened.db.close());
    },
  };
}
