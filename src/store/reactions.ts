/** Reactions: one emoji a person a message, kept only beside a stored message. */
import type { Database } from 'better-sqlite3';
import type { Ledger } from './ledger.ts';

export interface Reactions {
  /** Set a person's reaction; '' takes it back. Ignored where the message is not stored or the person is not consented. */
  set(chatId: number, messageWaId: string, personId: number, emoji: string, atMs: number): void;
}

export function createReactions(db: Database, ledger: Ledger): Reactions {
  const upsert = db.prepare(`
    INSERT INTO reactions (chat_id, message_wa_id, person_id, emoji, at_ms)
    SELECT :chatId, :messageWaId, :personId, :emoji, :atMs
    WHERE EXISTS (SELECT 1 FROM visible_messages WHERE chat_id = :chatId AND wa_id = :messageWaId)
    ON CONFLICT (chat_id, message_wa_id, person_id) DO UPDATE SET emoji = excluded.emoji, at_ms = excluded.at_ms`);
  const remove = db.prepare('DELETE FROM reactions WHERE chat_id = ? AND message_wa_id = ? AND person_id = ?');
  return {
    set: (chatId, messageWaId, personId, emoji, atMs) => {
      const person = ledger.root(personId);
      if (emoji === '') remove.run(chatId, messageWaId, person);
      else if (ledger.isOpen(person)) upsert.run({ chatId, messageWaId, personId: person, emoji, atMs });
    },
  };
}
