/**
 * Forgetting a person: their rows in every chat, what the bot answered them and, in direct chats with them, all that the
 * bot said, since a reply repeats. Their names go too, also as exports spell them; ids at WhatsApp and ledger stay as the
 * proof that they said no, with keyed hashes of the rest (tombstones.ts). Safe to repeat: what is left is erased.
 * Not covered: files (nightly/forget.ts does those, and calls this).
 */
import type { Database } from 'better-sqlite3';
import { inShortTransactions } from './short-transactions.ts';
import type { Tombstones } from './tombstones.ts';

/** Rows that went, by table; phrases and edits went with their messages. */
export interface ErasedRows {
  /** by this person */
  messages: number;
  /** by the bot: in direct chats with them, and to what they wrote in groups */
  botMessages: number;
  replies: number;
  outbox: number;
  reactions: number;
  quizAnswers: number;
  /** names they were known by here */
  names: number;
}

export interface Forgetting {
  /** all of it in one go; returns the number of messages */
  forget: (personId: number) => number;
  /** The same in short transactions, so that others may write in between and a full log is no matter. */
  forgetInSteps: (personId: number) => Generator<void, ErasedRows>;
}

/** rows read at a time */
const pageRows = 1000;

interface Parts {
  root: (personId: number) => number;
  tombstones: Tombstones;
  now: () => number;
  scrub: () => void;
}

export function createForget(db: Database, { root, tombstones, now, scrub }: Parts): Forgetting {
  const directChats = `SELECT c.id FROM chats c WHERE c.kind = 'direct' AND (
    EXISTS (SELECT 1 FROM chat_members WHERE chat_id = c.id AND person_id = :person)
    OR EXISTS (SELECT 1 FROM messages WHERE chat_id = c.id AND person_id = :person AND origin <> 'bot'))`;
  const answersThem = `EXISTS (SELECT 1 FROM messages q
    WHERE q.chat_id = o.chat_id AND q.wa_id = o.in_reply_to AND q.person_id = :person)`;
  const prepare = (sql: string) => db.prepare<{ person: number }>(sql);
  const traces: [keyof ErasedRows, ReturnType<typeof prepare>][] = [
    [
      'quizAnswers',
      prepare('DELETE FROM quiz_answers WHERE message_id IN (SELECT id FROM messages WHERE person_id = :person)'),
    ],
    // in groups: the bot's answer to what they wrote, whose later messages belong to the reply last begun before them
    [
      'botMessages',
      prepare(`DELETE FROM messages WHERE origin = 'bot' AND EXISTS (SELECT 1 FROM outbox b JOIN replies o ON o.id =
          (SELECT id FROM replies WHERE chat_id = b.chat_id AND outbox_id <= b.id ORDER BY outbox_id DESC LIMIT 1)
        WHERE b.chat_id = messages.chat_id AND b.wa_id = messages.wa_id AND b.kind = 'reply' AND ${answersThem})`),
    ],
    ['botMessages', prepare(`DELETE FROM messages WHERE origin = 'bot' AND chat_id IN (${directChats})`)],
    ['replies', prepare(`DELETE FROM replies WHERE chat_id IN (${directChats})`)],
    ['replies', prepare(`DELETE FROM replies WHERE id IN (SELECT o.id FROM replies o WHERE ${answersThem})`)],
    [
      'outbox',
      prepare(`DELETE FROM outbox WHERE chat_id IN (${directChats}) AND NOT EXISTS
        (SELECT 1 FROM replies WHERE outbox_id = outbox.id)`),
    ],
    [
      'reactions',
      prepare(`DELETE FROM reactions WHERE person_id = :person OR EXISTS (SELECT 1 FROM messages m
        WHERE m.chat_id = reactions.chat_id AND m.wa_id = reactions.message_wa_id AND m.person_id = :person)`),
    ],
    ['names', prepare(`UPDATE people SET name = '' WHERE (id = :person OR merged_into = :person) AND name <> ''`)],
    ['names', prepare(`DELETE FROM aliases WHERE person_id = :person AND alias LIKE 'name:%'`)],
  ];
  // what an import made is asked for only until it is finished, and it spells names
  const forgetMade = db.prepare(
    `UPDATE imports SET made = '{"chat":false,"people":[],"aliases":[]}' WHERE finished_ms IS NOT NULL`,
  );
  const page = db.prepare<[number], number>(`SELECT id FROM messages WHERE person_id = ? LIMIT ${pageRows}`).pluck();
  const remove = db.prepare<[number]>('DELETE FROM messages WHERE id = ?');

  const begin = db.transaction((person: number): ErasedRows => {
    const erased: ErasedRows = {
      messages: 0,
      botMessages: 0,
      replies: 0,
      outbox: 0,
      reactions: 0,
      quizAnswers: 0,
      names: 0,
    };
    tombstones.bury(person, now());
    for (const [what, statement] of traces) erased[what] += statement.run({ person }).changes;
    forgetMade.run();
    return erased;
  });

  function* steps(personId: number): Generator<void, ErasedRows> {
    const person = root(personId);
    const erased = begin.immediate(person);
    yield;
    for (;;) {
      const ids = page.all(person);
      if (ids.length === 0) return erased;
      yield* inShortTransactions(db, ids.length, (at) => void (erased.messages += remove.run(ids[at]!).changes));
    }
  }
  const forget = db.transaction((personId: number): number => {
    const all = steps(personId);
    for (;;) {
      const step = all.next();
      if (step.done === true) return step.value.messages;
    }
  });
  return {
    forget: (personId) => {
      const count = forget.immediate(personId);
      scrub();
      return count;
    },
    forgetInSteps: steps,
  };
}
