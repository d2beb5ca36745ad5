/**
 * Imports as the database sees them: rows come in by short transactions, so that another process can write in between,
 * and stay invisible (`visible_messages`) until one small transaction finishes the import. An import that is given up,
 * or whose process died, is erased with everything that was made for it.
 * Not covered: which message may be stored, and which is stored already (import.ts, match.ts).
 */
import type { Database } from 'better-sqlite3';
import type { ConsentedMessage } from '../consent/policy.ts';
import { createPhraseBulk } from './phrase-bulk.ts';
import { createMatcher, matchRank, toCandidate, type Matcher } from './match.ts';
import { inShortTransactions } from './short-transactions.ts';
import { insertMessage, toColumns, type MessageRow } from './rows.ts';

/** What did not exist before and goes again if the import is given up. */
export interface Made {
  chat: boolean;
  people: number[];
  aliases: string[];
}

export interface RunningImport {
  id: number;
  /** Writes rows, seen by nobody yet; each step is a short transaction. */
  add(messages: readonly ConsentedMessage[]): Generator<void, void>;
  /** Writes what waits for the phrase index, before `finish`; each step is a short transaction. */
  end(): Generator<void, void>;
}

export interface Imports {
  /** Inside a transaction: note the import before its first row. */
  begin(chatId: number, made: Made): RunningImport;
  /** Stored messages of these chats, each to be found once. */
  matcher(chatIds: readonly number[]): Matcher;
  /** Rows of these people in a running import go; short transactions. Returns how many went. */
  drop(importId: number, people: readonly number[]): Generator<void, number>;
  /**
   * Inside a transaction, before `finish`: rows that were logged live meanwhile stand for what the import brought too.
   * Returns how many imported rows went for it.
   */
  dropLoggedMeanwhile(importId: number, chatIds: readonly number[], matcher: Matcher): number;
  /** Inside a transaction: from here on its rows are seen. */
  finish(importId: number, counts: { inserted: number; known: number }): void;
  /** As if it had never begun; short transactions. */
  erase(importId: number): Generator<void, void>;
  /** Who has messages in a chat, and whether any stand near a time within what is stored. */
  stored(chatId: number): { writers: Set<number>; isNear: (timestampMs: number, withinMs: number) => boolean };
  /** imports that run now, or whose process died */
  unfinished(): number[];
}

interface ImportRow {
  id: number;
  chat_id: number;
  after_id: number;
  made: string;
}

/** An import writes to pages all over the phrase index; with SQLite's usual 2 MB most of them are written many times. */
const cacheKiB = 32 * 1024;

export function createImports(db: Database, root: (personId: number) => number, now: () => number): Imports {
  const usualCache = Number(db.pragma('cache_size', { simple: true }));
  const insertImport = db.prepare<[number, number, string]>(`
    INSERT INTO imports (chat_id, started_ms, after_id, made)
    VALUES (?, ?, COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0), ?)`);
  const insert = db.prepare(insertMessage);
  const byId = db.prepare<[number], ImportRow>('SELECT id, chat_id, after_id, made FROM imports WHERE id = ?');
  const unfinished = db.prepare<[], { id: number }>('SELECT id FROM imports WHERE finished_ms IS NULL ORDER BY id');
  const setFinished = db.prepare<[number, number, number, number]>(
    'UPDATE imports SET finished_ms = ?, inserted = ?, known = ? WHERE id = ?',
  );
  const removeImport = db.prepare<[number]>('DELETE FROM imports WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM messages WHERE id = ?');
  const rowsAfter = db.prepare<[number, number], { id: number; person_id: number }>(
    'SELECT id, person_id FROM messages WHERE id > ? AND import_id = ? ORDER BY id LIMIT 1000',
  );
  // by the ids that imports do not use, so that the index finds them among a million imported rows
  const liveSince = db.prepare<{ chatId: number; after: number }, MessageRow>(`
    SELECT * FROM messages WHERE chat_id = :chatId AND wa_id < 'import:' AND id > :after
    UNION ALL SELECT * FROM messages WHERE chat_id = :chatId AND wa_id >= 'import;' AND id > :after`);
  const span = db.prepare<[number, number], { first: number | null; last: number | null }>(`SELECT
    (SELECT timestamp_ms FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms LIMIT 1) AS first,
    (SELECT timestamp_ms FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms DESC LIMIT 1) AS last`);
  const writers = db.prepare<[number], { id: number }>(
    'SELECT id FROM people WHERE EXISTS (SELECT 1 FROM visible_messages WHERE person_id = people.id AND chat_id = ?)',
  );
  const someBetween = db.prepare<[number, number, number]>(
    'SELECT 1 FROM visible_messages WHERE chat_id = ? AND timestamp_ms >= ? AND timestamp_ms < ? LIMIT 1',
  );
  const ofImport = db.prepare<[number, number, number, number], MessageRow>(
    `SELECT * FROM messages WHERE chat_id = ? AND timestamp_ms >= ? AND timestamp_ms < ? AND import_id = ?
     ORDER BY timestamp_ms, id`,
  );
  // what was made for an import and is used by nothing else; :made is its JSON
  const inMade = (what: string): string => `(SELECT value FROM json_each(:made, '$.${what}'))`;
  const unusedPeople = `SELECT id FROM people WHERE id IN ${inMade('people')}
    AND NOT EXISTS (SELECT 1 FROM messages WHERE person_id = people.id)
    AND NOT EXISTS (SELECT 1 FROM consent_events WHERE person_id = people.id)
    AND NOT EXISTS (SELECT 1 FROM chat_members WHERE person_id = people.id)
    AND NOT EXISTS (SELECT 1 FROM reactions WHERE person_id = people.id)
    AND merged_into IS NULL AND NOT EXISTS (SELECT 1 FROM people p WHERE p.merged_into = people.id)`;
  const unmake = [
    `DELETE FROM aliases WHERE alias IN ${inMade('aliases')} AND (alias LIKE 'name:%' OR person_id IN (${unusedPeople}))`,
    `DELETE FROM people WHERE id IN (${unusedPeople}) AND NOT EXISTS (SELECT 1 FROM aliases WHERE person_id = people.id)`,
  ].map((sql) => db.prepare<{ made: string }>(sql));
  const unmakeChat = db.prepare<{ id: number }>(`DELETE FROM chats WHERE id = :id
    AND NOT EXISTS (SELECT 1 FROM messages WHERE chat_id = :id) AND NOT EXISTS (SELECT 1 FROM chat_members WHERE chat_id = :id)
    AND NOT EXISTS (SELECT 1 FROM imports WHERE chat_id = :id) AND NOT EXISTS (SELECT 1 FROM outbox WHERE chat_id = :id)
    AND NOT EXISTS (SELECT 1 FROM consent_events WHERE chat_id = :id)`);

  const insertRow = (importId: number, message: ConsentedMessage): number => {
    let done = insert.run(toColumns(message, message.personId, importId));
    // a file may give one id twice
    for (let n = 2; done.changes === 0; n++) {
      done = insert.run(toColumns({ ...message, waId: `${message.waId}:${n}` }, message.personId, importId));
    }
    return Number(done.lastInsertRowid);
  };
  const unmakeAll = db.transaction((row: ImportRow): void => {
    removeImport.run(row.id);
    for (const statement of unmake) statement.run({ made: row.made });
    if ((JSON.parse(row.made) as Made).chat) unmakeChat.run({ id: row.chat_id });
  });

  /** Rows of an import, a page at a time; those that `isWanted` go. */
  function* removeWhere(row: ImportRow, isWanted: (personId: number) => boolean): Generator<void, number> {
    let count = 0;
    for (let after = row.after_id; ;) {
      const page = rowsAfter.all(after, row.id);
      if (page.length === 0) return count;
      after = page.at(-1)!.id;
      const ids = page.filter((found) => isWanted(found.person_id)).map(({ id }) => id);
      yield* inShortTransactions(db, ids.length, (at) => void remove.run(ids[at]!));
      count += ids.length;
    }
  }

  return {
    begin: (chatId, made) => {
      const id = Number(insertImport.run(chatId, now(), JSON.stringify(made)).lastInsertRowid);
      const phrases = createPhraseBulk(db, chatId);
      db.pragma(`cache_size = -${cacheKiB}`);
      let isFull = false;
      return {
        id,
        *add(messages) {
          const steps = inShortTransactions(db, messages.length, (at) => {
            const message = messages[at]!;
            isFull = phrases.add(insertRow(id, message), message.text) || isFull;
          });
          for (const _step of steps) {
            if (isFull) yield* phrases.flush();
            isFull = false;
            yield;
          }
        },
        end: () => phrases.flush(),
      };
    },
    matcher: (chatIds) => createMatcher(db, chatIds),
    *drop(importId, people) {
      const gone = new Set(people.map(root));
      return yield* removeWhere(byId.get(importId)!, (personId) => gone.has(personId));
    },
    dropLoggedMeanwhile: (importId, chatIds, matcher) => {
      const { chat_id: chatId, after_id: afterId } = byId.get(importId)!;
      const gone = new Set<number>();
      for (const live of chatIds.flatMap((id) => liveSince.all({ chatId: id, after: afterId }))) {
        if (matcher.isTaken(live.id)) continue;
        const minute = Math.floor(live.timestamp_ms / 60_000) * 60_000;
        const mine = toCandidate(live);
        const ranked = ofImport
          .all(chatId, minute - 60_000, minute + 120_000, importId)
          .filter((row) => !gone.has(row.id))
          .map((row) => ({ id: row.id, rank: matchRank(mine, toCandidate(row), mine.isBot) }))
          .filter(({ rank }) => rank !== undefined)
          .sort((a, b) => a.rank! - b.rank!);
        const best = ranked[0];
        if (best === undefined) continue;
        gone.add(best.id);
        remove.run(best.id);
      }
      return gone.size;
    },
    finish: (importId, { inserted, known }) => {
      db.pragma(`cache_size = ${usualCache}`);
      setFinished.run(now(), inserted, known, importId);
    },
    *erase(importId) {
      db.pragma(`cache_size = ${usualCache}`);
      const row = byId.get(importId);
      if (row === undefined) return;
      yield* removeWhere(row, () => true);
      unmakeAll.immediate(row);
    },
    stored: (chatId) => {
      const { first, last } = span.get(chatId, chatId)!;
      return {
        writers: new Set(writers.all(chatId).map(({ id }) => id)),
        isNear: (timestampMs, withinMs) =>
          first !== null &&
          last !== null &&
          timestampMs >= first &&
          timestampMs <= last &&
          someBetween.get(chatId, timestampMs - withinMs, timestampMs + withinMs) !== undefined,
      };
    },
    unfinished: () => unfinished.all().map(({ id }) => id),
  };
}
