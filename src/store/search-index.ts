/**
 * The search index: data/search.sqlite, an FTS5 table of the words of stored messages (search-words.ts). A file of its own,
 * since it can be made again: backups do not hold it, a check of the database does not read it, and forgetting much text
 * is removing it. Nothing is written to it while messages are logged or imported: rows are added when somebody looks, a
 * step at a time, in the order of their ids. What is erased or edited is noted by triggers in the same transaction
 * (schema-review.ts) and taken out by `sweep`, which whoever erased calls: FTS5's secure-delete, secure_delete and a
 * truncated log leave no byte of it. Where that fails, or much went at once, the file is removed.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';
import { openSqlite } from './database.ts';
import { ensurePrivateFile } from './folder.ts';
import { errorCode } from '../util/errors.ts';
import { indexedText } from './search-words.ts';
import type { MessageRow } from './rows.ts';

export const searchIndexName = 'search.sqlite';

/** Taking a row out costs about a third of a millisecond, making the index again about 20 µs for each row. */
const sweepRows = 2000;
/** rows in a step of the index: a commit each */
const stepRows = 2000;
/** rows looked at between two looks at the clock */
const rowsBetweenLooks = 200;
export const weekMs = 7 * 24 * 3_600_000;

/** Where the index stands. */
export interface IndexProgress {
  /** rows up to here can be found */
  indexedTo: number;
  /** and rows up to here could be */
  newest: number;
}

export interface SearchIndex {
  /** Add rows for about this long. Call until `indexedTo` is `newest`. */
  step(maxMs: number): IndexProgress;
  /** Take out what was erased or edited since. Cheap where nothing was. */
  sweep(): void;
  /** Remove the file; the next step begins anew. */
  reset(): void;
  /** Ask the index; made where there is none, and anew where it is damaged. */
  ask<T>(work: (index: OpenIndex) => T): T;
  close(): void;
}

export interface OpenIndex {
  /** its name; the database knows which one holds its rows */
  id: string;
  db: Database;
  /** prepared once each */
  prepare<P extends unknown[], R>(sql: string): Statement<P, R>;
}

const schema = `
-- tags: c<chat> p<person> w<week of unix time> k<medium>
CREATE VIRTUAL TABLE words USING fts5(text, tags, tokenize = 'ascii', columnsize = 0);
INSERT INTO words(words, rank) VALUES ('secure-delete', 1);
CREATE TABLE weeks (week INTEGER PRIMARY KEY) STRICT;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), index_id TEXT NOT NULL, indexed_to INTEGER NOT NULL) STRICT;
`;

const settings = [
  'journal_mode = WAL',
  'synchronous = FULL',
  'secure_delete = ON',
  'trusted_schema = OFF',
  'temp_store = MEMORY',
];

type IndexedRow = Pick<MessageRow, 'id' | 'chat_id' | 'person_id' | 'timestamp_ms' | 'media' | 'text'>;

/** The file and its companions. Whoever has it open goes on with what is removed, and finds out at the next use. */
export function removeSearchIndex(dataDir: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    rmSync(join(dataDir, `${searchIndexName}${suffix}`), { force: true });
  }
}

/** The file is no index of ours; it can be made again. */
function isDamage(error: unknown): boolean {
  const code = errorCode(error);
  return code?.startsWith('SQLITE_CORRUPT') === true || code === 'SQLITE_NOTADB' || code === 'SQLITE_ERROR';
}

export function createSearchIndex(main: Database, dataDir: string): SearchIndex {
  const file = join(dataDir, searchIndexName);
  const state = main.prepare<[], { indexed_to: number; index_id: string }>(
    'SELECT indexed_to, index_id FROM review_state',
  );
  const markIndexed = main.prepare<[number]>('UPDATE review_state SET indexed_to = MAX(indexed_to, ?)');
  const setId = main.prepare<[string]>(`INSERT INTO review_state VALUES (1, 0, 0, ?)
    ON CONFLICT DO UPDATE SET indexed_to = 0, index_id = excluded.index_id`);
  const gone = main.prepare<[number], { seq: number; message_id: number }>(
    'SELECT seq, message_id FROM search_gone ORDER BY seq LIMIT ?',
  );
  // by its own number: a row that is edited again meanwhile has another one
  const notGone = main.prepare<[number]>('DELETE FROM search_gone WHERE seq <= ?');
  const noneGone = main.prepare('DELETE FROM search_gone');
  const columns = 'id, chat_id, person_id, timestamp_ms, media, text';
  const byId = main.prepare<[number], IndexedRow>(`SELECT ${columns} FROM messages WHERE id = ?`);
  // rows of an import that is not finished are seen by nobody, and may yet go: nothing from its first one on
  const newestRow = main
    .prepare<[], number>(
      `SELECT COALESCE(
      (SELECT MIN(after_id) FROM imports WHERE finished_ms IS NULL), (SELECT MAX(id) FROM messages), 0)`,
    )
    .pluck();
  const rowsAfter = main.prepare<[number, number, number], IndexedRow>(
    `SELECT ${columns} FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
  );
  const idNow = (): string => state.get()?.index_id ?? '';
  let current: OpenIndex | undefined;

  const close = (): void => {
    current?.db.close();
    current = undefined;
  };

  const removeFile = (): void => {
    close();
    removeSearchIndex(dataDir);
  };

  const reset = main.transaction((): void => {
    // first the file: should the process die in between, the names differ and it is made anew all the same
    removeFile();
    setId.run('');
    noneGone.run();
  });

  const isOurs = (index: OpenIndex): boolean =>
    index.prepare<[], { index_id: string }>('SELECT index_id FROM state').get()?.index_id === index.id;

  const connect = (id: string): OpenIndex => {
    ensurePrivateFile(file);
    const db = openSqlite(file, { timeout: 5000 });
    try {
      for (const setting of settings) db.pragma(setting);
    } catch (error) {
      db.close();
      throw error;
    }
    const statements = new Map<string, Statement>();
    const prepare = <P extends unknown[], R>(sql: string): Statement<P, R> => {
      const known = statements.get(sql) ?? db.prepare(sql);
      statements.set(sql, known);
      return known as Statement<P, R>;
    };
    return { id, db, prepare };
  };

  const open = (): OpenIndex => {
    const id = idNow();
    if (current !== undefined && current.id === id && existsSync(file)) return current;
    close();
    if (id !== '' && existsSync(file)) {
      const index = connect(id);
      if (isOurs(index)) return (current = index);
      index.db.close();
    }
    // another process may do the same: the first one's name stays, and its file with it
    return main
      .transaction((): OpenIndex => {
        const named = idNow();
        if (named !== id) {
          return (current = connect(named));
        }
        removeFile();
        const made = randomUUID();
        const index = connect(made);
        index.db.transaction(() => {
          index.db.exec(schema);
          index.db.prepare('INSERT INTO state VALUES (1, ?, 0)').run(made);
        })();
        setId.run(made);
        noneGone.run();
        return (current = index);
      })
      .immediate();
  };

  const insertInto = (index: OpenIndex, row: IndexedRow): void => {
    const week = Math.floor(row.timestamp_ms / weekMs);
    const tags = `c${row.chat_id} p${row.person_id} w${week}${row.media === null ? '' : ` k${row.media}`}`;
    index.prepare('INSERT INTO words(rowid, text, tags) VALUES (?, ?, ?)').run(row.id, indexedText(row.text), tags);
    index.prepare('INSERT OR IGNORE INTO weeks VALUES (?)').run(week);
  };

  const indexedTo = (index: OpenIndex): number =>
    index.prepare<[], { indexed_to: number }>('SELECT indexed_to FROM state').get()!.indexed_to;

  /** One transaction; false: the time was up, or there is no more. */
  const addSome = (index: OpenIndex, newest: number, untilMs: number): boolean =>
    index.db
      .transaction((): boolean => {
        // read under the lock of the index: what is erased from now on is swept after this is committed
        const rows = rowsAfter.all(indexedTo(index), newest, stepRows);
        let at = 0;
        while (at < rows.length && (at % rowsBetweenLooks !== 0 || at === 0 || performance.now() < untilMs)) {
          insertInto(index, rows[at++]!);
        }
        const isWhole = at === rows.length;
        const done = isWhole && rows.length < stepRows ? newest : rows[at - 1]?.id;
        if (done !== undefined) index.prepare('UPDATE state SET indexed_to = MAX(indexed_to, ?)').run(done);
        return isWhole && rows.length === stepRows && performance.now() < untilMs;
      })
      .immediate();

  const takeOut = (ids: ReadonlySet<number>): void => {
    const index = open();
    index.db
      .transaction(() => {
        for (const id of ids) {
          index.prepare('DELETE FROM words WHERE rowid = ?').run(id);
          const row = byId.get(id);
          if (row !== undefined && id <= indexedTo(index)) insertInto(index, row);
        }
      })
      .immediate();
    const [result] = index.db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    if (result?.busy !== 0) throw new Error('somebody reads the search index');
  };

  const sweep = (): void => {
    if (main.inTransaction) return;
    const rows = gone.all(sweepRows + 1);
    const last = rows.at(-1);
    if (last === undefined) return;
    if (rows.length > sweepRows || !existsSync(file)) return void reset.immediate();
    try {
      takeOut(new Set(rows.map((row) => row.message_id)));
      notGone.run(last.seq);
    } catch {
      reset.immediate(); // full disk, damage, a reader: what was erased must go all the same
    }
  };

  const ask = <T>(work: (index: OpenIndex) => T): T => {
    try {
      return work(open());
    } catch (error) {
      if (!isDamage(error)) throw error;
      reset.immediate();
      return work(open());
    }
  };

  return {
    step: (maxMs) => {
      sweep();
      return ask((index) => {
        const untilMs = performance.now() + maxMs;
        const newest = newestRow.get()!;
        // from here on triggers note what is erased of these rows, in the index or not
        if ((state.get()?.indexed_to ?? 0) < newest) markIndexed.run(newest);
        while (addSome(index, newest, untilMs));
        return { indexedTo: Math.min(newest, indexedTo(index)), newest };
      });
    },
    ask,
    sweep,
    reset: () => void reset.immediate(),
    close,
  };
}
