/** Training runs: when, what the gate said, and the numbers of the report. No message text. */
import type { Database } from 'better-sqlite3';
import type { Verdict } from '../types.ts';

export interface Run {
  id: string;
  startedAtMs: number;
  finishedAtMs: number;
  verdict: Verdict;
  reason: string;
  /** plain JSON */
  report: object;
}

export interface Runs {
  add(run: Run): void;
  /** the run added last */
  latest(): Run | undefined;
  get(id: string): Run | undefined;
  /** newest first */
  list(): Run[];
  /** What was found out about these runs goes, with the quiz answers about them; that there was a night stays. */
  blank(ids: readonly string[]): void;
}

interface Row {
  id: string;
  started_at_ms: number;
  finished_at_ms: number;
  verdict: Verdict;
  reason: string;
  report: string;
}

const toRun = (row: Row): Run => ({
  id: row.id,
  startedAtMs: row.started_at_ms,
  finishedAtMs: row.finished_at_ms,
  verdict: row.verdict,
  reason: row.reason,
  report: JSON.parse(row.report) as object,
});

export function createRuns(db: Database): Runs {
  const insert = db.prepare('INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)');
  const newest = db.prepare<[], Row>('SELECT * FROM runs ORDER BY rowid DESC');
  const byId = db.prepare<[string], Row>('SELECT * FROM runs WHERE id = ?');
  const emptied = db.prepare<[string]>(`UPDATE runs SET report = '{}' WHERE id = ? AND report <> '{}'`);
  const noAnswers = db.prepare<[string]>('DELETE FROM quiz_answers WHERE run_id = ?');
  const blank = db.transaction((ids: readonly string[]) => {
    for (const id of ids) for (const statement of [emptied, noAnswers]) statement.run(id);
  });
  const maybe = (row: Row | undefined): Run | undefined => row && toRun(row);
  return {
    add: (run) => {
      insert.run(run.id, run.startedAtMs, run.finishedAtMs, run.verdict, run.reason, JSON.stringify(run.report));
    },
    latest: () => maybe(newest.get()),
    get: (id) => maybe(byId.get(id)),
    list: () => newest.all().map(toRun),
    blank: (ids) => blank.immediate(ids),
  };
}
