/**
 * What of the stored rows may be used now. Rows of someone who withdrew stay where they are but are sealed: no reader
 * of conversations gets them. Consent can change at any moment, so nothing here is remembered between calls.
 */
import type { Database } from 'better-sqlite3';
import type { ChatKind } from '../types.ts';
import type { Ledger } from './ledger.ts';

export interface Seal {
  /**
   * People of this chat whose rows may be used. A direct chat is whole or nothing: both sides must be known and open,
   * since either half tells what the other said.
   */
  openPeople(chatId: number): number[];
}

export function createSeal(db: Database, ledger: Ledger): Seal {
  const kindOf = db.prepare<[number], { kind: ChatKind }>('SELECT kind FROM chats WHERE id = ?');
  const participants = db.prepare<[number, number], { id: number }>(`
    SELECT id FROM people WHERE id IN (SELECT person_id FROM chat_members WHERE chat_id = ?)
      OR EXISTS (SELECT 1 FROM visible_messages WHERE person_id = people.id AND chat_id = ?)`);
  return {
    openPeople: (chatId) => {
      const people = participants.all(chatId, chatId).map(({ id }) => id);
      const open = people.filter((personId) => ledger.isOpen(personId));
      const isDirect = kindOf.get(chatId)?.kind === 'direct';
      return isDirect && (people.length < 2 || open.length < people.length) ? [] : open;
    },
  };
}
