/**
 * The phrase index: in which chats a run of six words occurs, and who said a short message (util/phrases.ts folds and
 * hashes). Written with each message, gone with it. Rows of people who withdrew stay in it, so that a reply cannot
 * repeat them either; the bot's own messages are not in it.
 */
import type { Database } from 'better-sqlite3';
import { phraseHashes } from '../util/phrases.ts';

export interface Phrases {
  /** number of chats other than `exceptChatId` in which each six-word hash occurs, in the order of `hashes` */
  chatsWith(hashes: readonly bigint[], exceptChatId: number): number[];
  /** who said exactly this short message: distinct contacts in other chats, and times the persona did anywhere */
  shortSaid(hash: bigint, exceptChatId: number, personaId: number): { contacts: number; persona: number };
}

export interface PhraseIndex extends Phrases {
  write(messageId: number, chatId: number, text: string): void;
  /** for an edited message, before `write` */
  clear(messageId: number): void;
}

export function createPhraseIndex(db: Database): PhraseIndex {
  const insertSix = db.prepare<[bigint, number, number]>('INSERT INTO phrases VALUES (?, ?, ?)');
  const insertShort = db.prepare<[bigint, number, number]>('INSERT INTO short_messages VALUES (?, ?, ?)');
  const clear = ['phrases', 'short_messages'].map((table) =>
    db.prepare<[number]>(`DELETE FROM ${table} WHERE message_id = ?`),
  );
  const chats = db.prepare<[bigint, number], { n: number }>(
    `SELECT COUNT(DISTINCT p.chat_id) AS n FROM phrases p JOIN visible_messages m ON m.id = p.message_id
     WHERE p.hash = ? AND p.chat_id <> ?`,
  );
  const said = db.prepare<{ hash: bigint; chatId: number; personaId: number }, { contacts: number; persona: number }>(`
    SELECT COUNT(DISTINCT CASE WHEN m.person_id <> :personaId AND s.chat_id <> :chatId THEN m.person_id END) AS contacts,
      COUNT(CASE WHEN m.person_id = :personaId THEN 1 END) AS persona
    FROM short_messages s JOIN visible_messages m ON m.id = s.message_id WHERE s.hash = :hash`);
  return {
    chatsWith: (hashes, exceptChatId) => hashes.map((hash) => chats.get(hash, exceptChatId)!.n),
    shortSaid: (hash, exceptChatId, personaId) => said.get({ hash, chatId: exceptChatId, personaId })!,
    write: (messageId, chatId, text) => {
      const { sixes, short } = phraseHashes(text);
      for (const hash of sixes) insertSix.run(hash, chatId, messageId);
      if (short !== null) insertShort.run(short, chatId, messageId);
    },
    clear: (messageId) => {
      for (const statement of clear) statement.run(messageId);
    },
  };
}
