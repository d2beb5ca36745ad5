/**
 * What this program sends: a row is committed before the send, so that a crash in between leaves a trace and nothing is
 * answered twice. pending -> sent | failed (known not to have left) | unknown (may have left; never sent again).
 * Holds a hash of the text, never the text. Not covered: whether the other phone received it.
 */
import type { Database } from 'better-sqlite3';
import { errorCode } from '../util/errors.ts';

export type OutboxKind = 'reply' | 'notice' | 'ack';

/** A reply to that message is under way or out. */
export class AlreadyAnswered extends Error {
  constructor(chatId: number) {
    super(`a message of chat ${chatId} has its reply already`);
    this.name = 'AlreadyAnswered';
  }
}

export interface Outbox {
  /** Committed as pending before the send. Throws AlreadyAnswered for a second reply to one message. */
  begin(entry: { chatId: number; kind: OutboxKind; inReplyTo: string | null; textHash: string }): number;
  sent(id: number, waId: string): void;
  /** known not to have left */
  failed(id: number): void;
  /** may have left */
  unknown(id: number): void;
  isOurs(chatId: number, waId: string): boolean;
  /** Is there a row with this text whose echo has not come? Writes nothing, where `claim` may. */
  awaitsEcho(chatId: number, textHash: string): boolean;
  /** An echo with this text came in: the oldest row that waits for one is marked sent. False: not ours. */
  claim(chatId: number, textHash: string, waId: string): boolean;
  /** a reply to that message is pending, sent or unknown */
  answered(chatId: number, waId: string): boolean;
  /** times of replies (pending, sent, unknown) since then, in one chat or (null) in all; for caps */
  sentSince(chatId: number | null, sinceMs: number): number[];
  /** At start: pending rows belong to a process that died, and become unknown. Returns how many. */
  recover(): number;
}

export function createOutbox(db: Database, now: () => number): Outbox {
  const insert = db.prepare(
    `INSERT INTO outbox (chat_id, kind, in_reply_to, text_hash, state, at_ms) VALUES (?, ?, ?, ?, 'pending', ?)`,
  );
  const markSent = db.prepare(`UPDATE outbox SET state = 'sent', wa_id = :waId WHERE id = :id`);
  // an echo may have been claimed by a twin row with the same text: the row that knows for sure takes the id over
  const unclaim = db.prepare(`
    UPDATE outbox SET state = 'unknown', wa_id = NULL
    WHERE wa_id = :waId AND id <> :id AND chat_id = (SELECT chat_id FROM outbox WHERE id = :id)`);
  const settle = db.prepare<[string, number]>(`UPDATE outbox SET state = ? WHERE id = ? AND state = 'pending'`);
  const ours = db.prepare<[number, string]>('SELECT 1 FROM outbox WHERE chat_id = ? AND wa_id = ?');
  const waiting = db.prepare<[number, string], { id: number }>(`
    SELECT id FROM outbox WHERE chat_id = ? AND text_hash = ? AND state IN ('pending', 'unknown') AND wa_id IS NULL
    ORDER BY id LIMIT 1`);
  const reply = db.prepare<[number, string]>(
    `SELECT 1 FROM outbox WHERE chat_id = ? AND in_reply_to = ? AND kind = 'reply' AND state <> 'failed'`,
  );
  const times = db.prepare<{ chatId: number | null; sinceMs: number }, { at_ms: number }>(`
    SELECT at_ms FROM outbox WHERE kind = 'reply' AND state <> 'failed' AND at_ms >= :sinceMs
      AND (:chatId IS NULL OR chat_id = :chatId) ORDER BY at_ms, id`);
  const recover = db.prepare(`UPDATE outbox SET state = 'unknown' WHERE state = 'pending'`);

  const sent = db.transaction((id: number, waId: string): void => {
    unclaim.run({ id, waId });
    markSent.run({ id, waId });
  });
  const isOurs = (chatId: number, waId: string): boolean => ours.get(chatId, waId) !== undefined;
  const claim = db.transaction((chatId: number, textHash: string, waId: string): boolean => {
    if (isOurs(chatId, waId)) return true;
    const row = waiting.get(chatId, textHash);
    if (row === undefined) return false;
    markSent.run({ id: row.id, waId });
    return true;
  });

  return {
    begin: ({ chatId, kind, inReplyTo, textHash }) => {
      try {
        return Number(insert.run(chatId, kind, inReplyTo, textHash, now()).lastInsertRowid);
      } catch (error) {
        if (errorCode(error) === 'SQLITE_CONSTRAINT_UNIQUE') throw new AlreadyAnswered(chatId);
        throw error;
      }
    },
    sent: (id, waId) => sent.immediate(id, waId),
    failed: (id) => {
      settle.run('failed', id);
    },
    unknown: (id) => {
      settle.run('unknown', id);
    },
    isOurs,
    awaitsEcho: (chatId, textHash) => waiting.get(chatId, textHash) !== undefined,
    claim: (chatId, textHash, waId) => claim.immediate(chatId, textHash, waId),
    answered: (chatId, waId) => reply.get(chatId, waId) !== undefined,
    sentSince: (chatId, sinceMs) => times.all({ chatId, sinceMs }).map((row) => row.at_ms),
    recover: () => recover.run().changes,
  };
}
