/**
 * Stored messages as dataset/ and reply/ see them: only people whose `log` consent stands now, and direct chats only
 * where both sides' does (seal.ts).
 */
import type { Database } from 'better-sqlite3';
import type { ConversationMessage } from '../types.ts';
import { toConversationMessage, toStored, type MessageRow, type StoredMessage } from './rows.ts';
import type { Seal } from './seal.ts';

export interface Conversations {
  /** Everything that may be trained on, a chat at a time, messages ordered by (time, row id). Empty chats are left out. */
  conversations(personaId: number): { chatKey: string; messages: ConversationMessage[] }[];
  /** These rows in this order, for replay; rows that are gone or sealed are absent. */
  context(rowIds: readonly number[], personaId: number): ConversationMessage[];
  toConversation(messages: readonly StoredMessage[], personaId: number): ConversationMessage[];
}

export function createConversations(db: Database, seal: Seal, root: (personId: number) => number): Conversations {
  const chats = db.prepare<[], { id: number; key: string }>('SELECT id, key FROM chats ORDER BY id');
  const ofPeople = db.prepare<[number, string], MessageRow>(`
    SELECT * FROM visible_messages WHERE chat_id = ? AND person_id IN (SELECT value FROM json_each(?))
    ORDER BY timestamp_ms, id`);
  const byId = db.prepare<[number], MessageRow>('SELECT * FROM visible_messages WHERE id = ?');
  const byWaId = db.prepare<[number, string], { id: number }>(
    'SELECT id FROM visible_messages WHERE chat_id = ? AND wa_id = ? ORDER BY id',
  );
  const quotedRowId = (chatId: number, waId: string): number | null => byWaId.get(chatId, waId)?.id ?? null;

  const toConversation: Conversations['toConversation'] = (messages, personaId) => {
    const persona = root(personaId);
    return messages.map((message) => toConversationMessage(message, persona, quotedRowId));
  };
  const conversations = db.transaction((personaId: number) =>
    chats.all().flatMap(({ id, key }) => {
      const rows = ofPeople.all(id, JSON.stringify(seal.openPeople(id)));
      return rows.length === 0 ? [] : [{ chatKey: key, messages: toConversation(rows.map(toStored), personaId) }];
    }),
  );
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
    conversations: (personaId) => conversations(personaId),
    context: (ids, id) => context(ids, id),
    toConversation,
  };
}
