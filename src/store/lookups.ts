/**
 * Questions of the chat commands: everything that is stored of one person (theirs to see, so sealed rows too), and which
 * of the bot's messages somebody points at.
 */
import type { Database } from 'better-sqlite3';
import type { ChatKind } from '../types.ts';
import type { OutboxKind } from './outbox.ts';
import { toStored, type MessageRow, type StoredMessage } from './rows.ts';

export interface SentMessage {
  outboxId: number;
  kind: OutboxKind;
  waId: string;
  /** unix ms */
  atMs: number;
  /** the stored reply (store.replies) that it is a part of; null where nothing is stored in its chat */
  replyId: number | null;
}

export interface OwnReaction {
  emoji: string;
  /** unix ms */
  atMs: number;
}

export interface Lookups {
  /** Ids of all rows of a person. */
  rowIds(personId: number): number[];
  /** Ids of all rows. */
  allRowIds(): number[];
  /** Rows of a person by time, in one chat or (null) in all. */
  messagesOf(personId: number, chatId: number | null): (StoredMessage & { chatKind: ChatKind })[];
  reactionsOf(personId: number, chatId: number | null): OwnReaction[];
  /**
   * What the bot sent under this id, `true_<chat>_<key>` and in groups `_<author>`. One message's ids may differ in the
   * form of chat and author (`…@c.us`, `…@lid`), and in whether the author is named; the key is the same.
   */
  sent(chatId: number, waId: string): SentMessage | undefined;
  /** The newest message of a reply in this chat. */
  lastReply(chatId: number): SentMessage | undefined;
}

interface OutboxRow {
  id: number;
  kind: OutboxKind;
  wa_id: string;
  at_ms: number;
  reply_id: number | null;
}

const toSent = (row: OutboxRow): SentMessage => ({
  outboxId: row.id,
  kind: row.kind,
  waId: row.wa_id,
  atMs: row.at_ms,
  replyId: row.reply_id,
});

export function createLookups(db: Database, root: (personId: number) => number): Lookups {
  const ids = db.prepare<[number], { id: number }>('SELECT id FROM messages WHERE person_id = ? ORDER BY id');
  const allIds = db.prepare<[], number>('SELECT id FROM messages').pluck();
  const own = db.prepare<{ person: number; chatId: number | null }, MessageRow & { chat_kind: ChatKind }>(`
    SELECT m.*, c.kind AS chat_kind FROM visible_messages m JOIN chats c ON c.id = m.chat_id
    WHERE m.person_id = :person AND m.origin <> 'bot' AND (:chatId IS NULL OR m.chat_id = :chatId)
    ORDER BY m.timestamp_ms, m.id`);
  const reactions = db.prepare<{ person: number; chatId: number | null }, { emoji: string; at_ms: number }>(`
    SELECT emoji, at_ms FROM reactions WHERE person_id = :person AND (:chatId IS NULL OR chat_id = :chatId)
    ORDER BY at_ms`);
  // later messages of one reply have no row in replies: theirs is the last one begun before them
  const fields = `o.id, o.kind, o.wa_id, o.at_ms, CASE o.kind WHEN 'reply' THEN
    (SELECT r.id FROM replies r WHERE r.chat_id = o.chat_id AND r.outbox_id <= o.id ORDER BY r.outbox_id DESC LIMIT 1)
    END AS reply_id`;
  const byId = db.prepare<[number, string], OutboxRow>(
    `SELECT ${fields} FROM outbox o WHERE o.chat_id = ? AND o.wa_id = ? LIMIT 1`,
  );
  const byKey = db.prepare<{ chatId: number; key: string }, OutboxRow>(`
    SELECT ${fields} FROM outbox o
    WHERE o.chat_id = :chatId AND instr(o.wa_id || '_', '_' || :key || '_') > 0 ORDER BY o.id DESC LIMIT 1`);
  const last = db.prepare<[number], OutboxRow>(`
    SELECT ${fields} FROM outbox o
    WHERE o.chat_id = ? AND o.kind = 'reply' AND o.wa_id IS NOT NULL ORDER BY o.id DESC LIMIT 1`);

  const sent = (chatId: number, waId: string): SentMessage | undefined => {
    const row = byId.get(chatId, waId);
    if (row !== undefined) return toSent(row);
    const [fromMe, , key = ''] = waId.split('_');
    if (fromMe !== 'true' || key.length < 8) return undefined;
    const found = byKey.get({ chatId, key });
    return found && toSent(found);
  };

  return {
    rowIds: (personId) => ids.all(root(personId)).map(({ id }) => id),
    allRowIds: () => allIds.all(),
    messagesOf: (personId, chatId) =>
      own.all({ person: root(personId), chatId }).map((row) => ({ ...toStored(row), chatKind: row.chat_kind })),
    reactionsOf: (personId, chatId) =>
      reactions.all({ person: root(personId), chatId }).map((row) => ({ emoji: row.emoji, atMs: row.at_ms })),
    sent,
    lastReply: (chatId) => {
      const row = last.get(chatId);
      return row && toSent(row);
    },
  };
}
