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
  const participants = db.prepare<[number, number], { person_id: number }>(`
    SELECT person_id FROM chat_members WHERE chat_id = ?
    UNION SELECT id FROM people WHERE EXISTS (SELECT 1 FROM messages WHERE person_id = people.id AND chat_id = ?)`);
  return {
    openPeople: (chatId) => {
      const people = participants.all(chatId, chatId).map((row) => row.person_id);
      const open = people.filter((personId) => ledger.isOpen(personId));
      const isDirect = kindOf.get(chatId)?.kind === 'direct';
      return isDirect && (people.length < 2 || open.length < people.length) ? [] : open;
    },
  };
}
