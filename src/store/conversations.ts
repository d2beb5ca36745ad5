/**
 * Stored messages as dataset/ and reply/ see them: only people whose `log` consent stands now, and direct chats only
 * where both sides' does (seal.ts). Words that somebody hid on the review page are masked in all of it; what may be
 * learned is less, as that page says (review-training.ts).
 */
import type { Database } from 'better-sqlite3';
import type { ConversationMessage } from '../types.ts';
import { maskText, parseHidden } from './review-hidden.ts';
import {
  createReviewGate,
  reviewedColumns,
  reviewedJoin,
  seenText,
  type ReviewedRow,
  type ReviewLeftOut,
} from './review-training.ts';
import { playedMark, toConversationMessage, toStored, type MessageRow, type StoredMessage } from './rows.ts';
import type { Seal } from './seal.ts';

export interface ConversationChat {
  chatKey: string;
  messages: ConversationMessage[];
}

export interface TrainingOptions {
  /** only what was approved (`"review": "required"` in persona.json); default false */
  reviewRequired?: boolean | undefined;
}

export interface Conversations {
  /** Everything that may be trained on, a chat at a time, messages ordered by (time, row id). Empty chats are left out. */
  conversations(personaId: number, options?: TrainingOptions): ConversationChat[];
  /** The same, with how many messages the review left out. */
  trainable(personaId: number, options?: TrainingOptions): { chats: ConversationChat[]; leftOut: ReviewLeftOut };
  /** These rows in this order, for replay; rows that are gone or sealed are absent. */
  context(rowIds: readonly number[], personaId: number): ConversationMessage[];
  toConversation(messages: readonly StoredMessage[], personaId: number): ConversationMessage[];
}

export function createConversations(db: Database, seal: Seal, root: (personId: number) => number): Conversations {
  const chats = db.prepare<[], { id: number; key: string }>('SELECT id, key FROM chats ORDER BY id');
  const ofPeople = db.prepare<[number, string], ReviewedRow>(`
    SELECT ${reviewedColumns} FROM visible_messages m ${reviewedJoin}
    WHERE m.chat_id = ? AND m.person_id IN (SELECT value FROM json_each(?)) ORDER BY m.timestamp_ms, m.id`);
  const hiddenOf = db.prepare<[number], string>('SELECT hidden FROM reviews WHERE message_id = ?').pluck();
  const gate = createReviewGate(db);
  const byId = db.prepare<[number], MessageRow>('SELECT * FROM visible_messages WHERE id = ?');
  const byWaId = db.prepare<[number, string], { id: number }>(
    'SELECT id FROM visible_messages WHERE chat_id = ? AND wa_id = ? ORDER BY id',
  );
  const quotedRowId = (chatId: number, waId: string): number | null => byWaId.get(chatId, waId)?.id ?? null;

  const masked = (message: StoredMessage, { text, hidden }: ReturnType<typeof maskText>, persona: number) => {
    const seen = toConversationMessage({ ...message, text }, persona, quotedRowId);
    return hidden.length === 0 ? seen : { ...seen, hidden };
  };
  const toConversation: Conversations['toConversation'] = (messages, personaId) => {
    const persona = root(personaId);
    return messages.map((message) => {
      const hidden = parseHidden(hiddenOf.get(message.rowId) ?? null, message.text);
      return masked(message, maskText(message.text, hidden), persona);
    });
  };
  const trainable = db.transaction((personaId: number, { reviewRequired = false }: TrainingOptions = {}) => {
    const persona = root(personaId);
    const reasonOf = gate.reasons(reviewRequired);
    const leftOut: ReviewLeftOut = { rejectedMessages: 0, excludedMessages: 0, undecidedMessages: 0 };
    const found = chats.all().flatMap(({ id, key }): ConversationChat[] => {
      const messages = ofPeople.all(id, JSON.stringify(seal.openPeople(id))).flatMap((row): ConversationMessage[] => {
        const reason = reasonOf(row);
        if (reason !== undefined) {
          leftOut[`${reason}Messages`]++;
          return [];
        }
        const isTarget = row.person_id === persona && row.origin !== 'bot' && row.quoted_wa_id !== playedMark;
        return [masked(toStored(row), seenText(row, isTarget), persona)];
      });
      return messages.length === 0 ? [] : [{ chatKey: key, messages }];
    });
    return { chats: found, leftOut };
  });
  const context = db.transaction((rowIds: readonly number[], personaId: number) => {
    const openByChat = new Map<number, Set<number>>();
    const rows = rowIds.flatMap((rowId) => {
      const row = byId.get(rowId);
      if (row === undefined) return [];
      const open = openByChat.get(row.chat_id) ?? new Set(seal.openPeople(row.chat_id));
      openByChat.set(row.chat_id, open);
      return open.has(row.person_id) ? [toStored(row)] : [];
    });
    return toConversation(rows, personaId);
  });
  return {
    conversations: (personaId, options) => trainable(personaId, options).chats,
    trainable: (personaId, options) => trainable(personaId, options),
    context: (ids, id) => context(ids, id),
    toConversation,
  };
}
