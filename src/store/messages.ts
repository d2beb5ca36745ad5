/**
 * Messages: added once, edited and erased as WhatsApp says. Takes only what consent/ admitted; an edit is held to the
 * same rules. What is erased or replaced is overwritten in the file and folded out of the write-ahead log at once.
 * Not covered: copies outside the database (exports, backups, trained models).
 */
import type { Database } from 'better-sqlite3';
import { storableText, type ConsentedMessage } from '../consent/policy.ts';
import type { PhraseIndex } from './phrases.ts';
import { adopter } from './match.ts';
import { insertMessage, playedMark, toColumns, toStored, type MessageRow, type StoredMessage } from './rows.ts';
import type { Seal } from './seal.ts';

export interface MessageTable {
  /**
   * Idempotent by (chatId, fromMe, waId): the first version stays. A live message that an import brought already
   * (match.ts) becomes that row, which takes over WhatsApp's id and time; it counts as known. Where it throws inside a
   * transaction of the caller's, that has to end too.
   */
  add(message: ConsentedMessage): { rowId: number; inserted: boolean };
  /** all or nothing, in one transaction */
  addMany(messages: Iterable<ConsentedMessage>): { inserted: number; known: number };
  find(chatId: number, waId: string): StoredMessage | undefined;
  /**
   * The last `limit` usable messages, oldest first, ordered by (timestampMs, rowId).
   * @param options.upToRowId only this message and what stands before it
   */
  recent(chatId: number, limit: number, options?: { upToRowId?: number }): StoredMessage[];
  /**
   * The message says something else now. Where it may not be stored (consent is gone since), the row is erased: the old
   * text was taken back, and the new one is not ours to keep. False: not stored.
   * @param atMs when it was edited, unix ms; default: now
   */
  edit(chatId: number, waId: string, text: string, atMs?: number): boolean;
  erase(chatId: number, waId: string): boolean;
  /** text messages of a person in their own part: neither the bot's nor what they said in another's on the playground */
  countBy(personId: number): number;
  count(): number;
  /** newest timestamp in the chat, unix ms; null where nothing is stored */
  lastTimestamp(chatId: number): number | null;
}

interface Parts {
  phrases: PhraseIndex;
  seal: Seal;
  root: (personId: number) => number;
  now: () => number;
  /** overwrite freed bytes, see open.ts */
  scrub: () => void;
}

export function createMessages(db: Database, { phrases, seal, root, now, scrub }: Parts): MessageTable {
  const insert = db.prepare(insertMessage);
  const adopt = adopter(db);
  const byKey = db.prepare<[number, number, string], { id: number }>(
    'SELECT id FROM messages WHERE chat_id = ? AND from_me = ? AND wa_id = ?',
  );
  const byWaId = db.prepare<[number, string], MessageRow>(
    'SELECT * FROM visible_messages WHERE chat_id = ? AND wa_id = ? ORDER BY id',
  );
  const newest = db.prepare<{ chatId: number; people: string; upTo: number | null; limit: number }, MessageRow>(`
    SELECT * FROM visible_messages
    WHERE chat_id = :chatId AND person_id IN (SELECT value FROM json_each(:people)) AND (:upTo IS NULL
      OR (timestamp_ms, id) <= (SELECT timestamp_ms, id FROM visible_messages WHERE id = :upTo)
      OR (id <= :upTo AND NOT EXISTS (SELECT 1 FROM visible_messages WHERE id = :upTo)))
    ORDER BY timestamp_ms DESC, id DESC LIMIT :limit`);
  const update = db.prepare<[string, number, number]>('UPDATE messages SET text = ?, edited_at_ms = ? WHERE id = ?');
  const noteEdit = db.prepare<[number, number]>('INSERT INTO edits (message_id, at_ms) VALUES (?, ?)');
  const remove = db.prepare<[number]>('DELETE FROM messages WHERE id = ?');
  const traces = [
    'DELETE FROM reactions WHERE chat_id = :chatId AND message_wa_id = :waId',
    // the text of a bot message stands in `replies` too
    `DELETE FROM replies WHERE chat_id = :chatId AND outbox_id IN
      (SELECT id FROM outbox WHERE chat_id = :chatId AND wa_id = :waId)`,
    `DELETE FROM replies WHERE :isBot AND chat_id = :chatId AND EXISTS
      (SELECT 1 FROM json_each(bubbles) WHERE value = :text)`,
  ].map((sql) => db.prepare(sql));
  const countBy = db.prepare<[number], { n: number }>(`
    SELECT COUNT(*) AS n FROM visible_messages WHERE person_id = ? AND kind IN ('text', 'edited')
    AND origin <> 'bot' AND quoted_wa_id IS NOT '${playedMark}'`);
  const count = db.prepare<[], { n: number }>('SELECT COUNT(*) AS n FROM visible_messages');
  const last = db.prepare<[number], { at: number }>(
    'SELECT timestamp_ms AS at FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms DESC LIMIT 1',
  );

  const put = (message: ConsentedMessage): { rowId: number; inserted: boolean } => {
    const known = byKey.get(message.chatId, message.fromMe ? 1 : 0, message.waId);
    if (known !== undefined) return { rowId: known.id, inserted: false };
    const personId = root(message.personId);
    const adopted = message.origin === 'live' ? adopt(message, personId) : undefined;
    if (adopted !== undefined) return { rowId: adopted, inserted: false };
    const { lastInsertRowid } = insert.run(toColumns(message, personId, null));
    const rowId = Number(lastInsertRowid);
    if (message.origin !== 'bot') phrases.write(rowId, message.chatId, message.text);
    return { rowId, inserted: true };
  };
  const eraseRow = (row: MessageRow): void => {
    const values = { chatId: row.chat_id, waId: row.wa_id, text: row.text, isBot: row.origin === 'bot' ? 1 : 0 };
    for (const [index, statement] of traces.entries()) {
      if (index === 2) statement.run({ chatId: values.chatId, text: values.text, isBot: values.isBot });
      else statement.run({ chatId: values.chatId, waId: values.waId });
    }
    remove.run(row.id);
  };

  const add = db.transaction(put);
  const addMany = db.transaction((messages: Iterable<ConsentedMessage>) => {
    const result = { inserted: 0, known: 0 };
    for (const message of messages) result[put(message).inserted ? 'inserted' : 'known']++;
    return result;
  });
  const edit = db.transaction((chatId: number, waId: string, rawText: string, atMs: number): boolean => {
    const rows = byWaId.all(chatId, waId);
    const text = storableText(rawText);
    const open = new Set(seal.openPeople(chatId));
    for (const row of rows) {
      if (!open.has(row.person_id)) eraseRow(row);
      else if (row.text !== text) {
        phrases.clear(row.id);
        update.run(text, atMs, row.id);
        noteEdit.run(row.id, atMs);
        if (row.origin !== 'bot') phrases.write(row.id, chatId, text);
      }
    }
    return rows.length > 0;
  });
  const erase = db.transaction((chatId: number, waId: string): boolean => {
    const rows = byWaId.all(chatId, waId);
    for (const row of rows) eraseRow(row);
    return rows.length > 0;
  });

  return {
    add: (message) => (db.inTransaction ? put(message) : add.immediate(message)),
    addMany: (messages) => addMany.immediate(messages),
    find: (chatId, waId) => {
      const row = byWaId.get(chatId, waId);
      return row && toStored(row);
    },
    recent: (chatId, limit, { upToRowId } = {}) => {
      const people = JSON.stringify(seal.openPeople(chatId));
      return newest
        .all({ chatId, people, upTo: upToRowId ?? null, limit })
        .map(toStored)
        .reverse();
    },
    edit: (chatId, waId, text, atMs = now()) => {
      const isStored = edit.immediate(chatId, waId, text, atMs);
      if (isStored) scrub();
      return isStored;
    },
    erase: (chatId, waId) => {
      const wasStored = erase.immediate(chatId, waId);
      if (wasStored) scrub();
      return wasStored;
    },
    countBy: (personId) => countBy.get(root(personId))!.n,
    count: () => count.get()!.n,
    lastTimestamp: (chatId) => last.get(chatId)?.at ?? null,
  };
}
