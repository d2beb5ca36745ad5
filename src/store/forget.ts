/**
 * Forgetting a person: their rows in every chat, and in direct chats with them what the bot said there, since a reply
 * repeats. Their ids and ledger stay as the proof that they said no. Not covered: exports, backups and models, which
 * the callers hold.
 */
import type { Database } from 'better-sqlite3';

export function createForget(
  db: Database,
  root: (personId: number) => number,
  scrub: () => void,
): (personId: number) => number {
  const directChats = `SELECT c.id FROM chats c WHERE c.kind = 'direct' AND (
    EXISTS (SELECT 1 FROM chat_members WHERE chat_id = c.id AND person_id = :person)
    OR EXISTS (SELECT 1 FROM messages WHERE chat_id = c.id AND person_id = :person AND origin <> 'bot'))`;
  const traces = [
    `DELETE FROM replies WHERE chat_id IN (${directChats})`,
    `DELETE FROM replies WHERE EXISTS (SELECT 1 FROM messages m
      WHERE m.chat_id = replies.chat_id AND m.wa_id = replies.in_reply_to AND m.person_id = :person)`,
    `DELETE FROM outbox WHERE chat_id IN (${directChats}) AND NOT EXISTS
      (SELECT 1 FROM replies WHERE outbox_id = outbox.id)`,
    `DELETE FROM messages WHERE origin = 'bot' AND chat_id IN (${directChats})`,
    `DELETE FROM reactions WHERE person_id = :person OR EXISTS (SELECT 1 FROM messages m
      WHERE m.chat_id = reactions.chat_id AND m.wa_id = reactions.message_wa_id AND m.person_id = :person)`,
    `UPDATE people SET name = '' WHERE id = :person OR merged_into = :person`,
  ].map((sql) => db.prepare<{ person: number }>(sql));
  const messages = db.prepare<{ person: number }>('DELETE FROM messages WHERE person_id = :person');

  const forget = db.transaction((personId: number): number => {
    const person = root(personId);
    for (const statement of traces) statement.run({ person });
    return messages.run({ person }).changes;
  });
  return (personId) => {
    const count = forget.immediate(personId);
    scrub();
    return count;
  };
}
