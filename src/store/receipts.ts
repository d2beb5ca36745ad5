/**
 * Receipts of forgetting: begun before anything is erased and finished when all of it is gone, so that a training which
 * closed the database can see that somebody is being forgotten. Counts, ids of runs and figures; no text, no names.
 */
import type { Database } from 'better-sqlite3';

export interface Receipt {
  id: number;
  /** null: everything was erased */
  personId: number | null;
  /** unix ms */
  begunMs: number;
  /** null: not finished yet */
  finishedMs: number | null;
  /** plain JSON (nightly/receipt.ts) */
  report: object;
}

export interface Receipts {
  /** @returns its id; that of the one which was begun for this person and not finished, where there is one */
  begin(personId: number | null, nowMs: number): number;
  finish(id: number, nowMs: number, report: object): void;
  /** newest first */
  list(): Receipt[];
}

interface Row {
  id: number;
  person_id: number | null;
  begun_ms: number;
  finished_ms: number | null;
  report: string;
}

export function createReceipts(db: Database): Receipts {
  const open = db
    .prepare<[number | null], number>('SELECT id FROM receipts WHERE person_id IS ? AND finished_ms IS NULL')
    .pluck();
  const insert = db.prepare<[number | null, number]>(
    `INSERT INTO receipts (person_id, begun_ms, report) VALUES (?, ?, '{}')`,
  );
  const finish = db.prepare<[number, string, number]>('UPDATE receipts SET finished_ms = ?, report = ? WHERE id = ?');
  const all = db.prepare<[], Row>('SELECT * FROM receipts ORDER BY id DESC');
  return {
    begin: (personId, nowMs) => open.get(personId) ?? Number(insert.run(personId, nowMs).lastInsertRowid),
    finish: (id, nowMs, report) => void finish.run(nowMs, JSON.stringify(report), id),
    list: () =>
      all.all().map((row) => ({
        id: row.id,
        personId: row.person_id,
        begunMs: row.begun_ms,
        finishedMs: row.finished_ms,
        report: JSON.parse(row.report) as object,
      })),
  };
}
