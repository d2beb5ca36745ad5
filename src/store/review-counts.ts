/**
 * How many messages each person wrote in each chat, kept instead of counted: brought up to date when somebody looks, by
 * the rows that came since; triggers take off what is erased (schema-review.ts).
 */
import type { Database } from 'better-sqlite3';

export interface PersonCounts {
  chatId: number;
  personId: number;
  isBot: boolean;
  messages: number;
  approved: number;
  rejected: number;
}

export interface ReviewCounts {
  /** Count what came since, for about this long. False: there is more. */
  step(maxMs: number): boolean;
  /** every row that anybody may see is counted */
  isDone(): boolean;
  /** of every chat, as far as counted */
  all(): PersonCounts[];
  ofChat(chatId: number): PersonCounts[];
  ofPerson(personId: number): PersonCounts[];
}

/** ids looked at in a step: about 20 ms */
const stepIds = 50_000;

export function createReviewCounts(db: Database): ReviewCounts {
  const countedTo = db.prepare<[], number>('SELECT counted_to FROM review_state').pluck();
  // rows of an import that is not finished are seen by nobody: nothing from its first one on
  const newest = db
    .prepare<[], number>(
      `SELECT COALESCE(
      (SELECT MIN(after_id) FROM imports WHERE finished_ms IS NULL), (SELECT MAX(id) FROM messages), 0)`,
    )
    .pluck();
  const count = db.prepare<[number, number]>(`
    INSERT INTO review_counts SELECT chat_id, person_id, origin = 'bot', COUNT(*), 0, 0 FROM messages
    WHERE id > ? AND id <= ? GROUP BY 1, 2, 3
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`);
  const setCounted = db.prepare<[number]>(
    `INSERT INTO review_state VALUES (1, ?, 0, '') ON CONFLICT DO UPDATE SET counted_to = excluded.counted_to`,
  );
  const columns = `SELECT chat_id AS chatId, person_id AS personId, is_bot, messages, approved, rejected FROM review_counts`;
  const all = db.prepare<[], PersonCounts & { is_bot: number }>(`${columns} WHERE messages > 0 ORDER BY chat_id`);
  const ofChat = db.prepare<[number], PersonCounts & { is_bot: number }>(
    `${columns} WHERE chat_id = ? AND messages > 0`,
  );
  const ofPerson = db.prepare<[number], PersonCounts & { is_bot: number }>(
    `${columns} WHERE person_id = ? AND messages > 0`,
  );
  const toCounts = ({ is_bot: isBot, ...rest }: PersonCounts & { is_bot: number }): PersonCounts => ({
    ...rest,
    isBot: isBot === 1,
  });

  const some = db.transaction((): boolean => {
    const from = countedTo.get() ?? 0;
    const last = newest.get()!;
    if (from >= last) return false;
    const to = Math.min(last, from + stepIds);
    count.run(from, to);
    setCounted.run(to);
    return to < last;
  });
  const isDone = (): boolean => (countedTo.get() ?? 0) >= newest.get()!;
  return {
    isDone,
    step: (maxMs) => {
      const untilMs = performance.now() + maxMs;
      if (isDone()) return true; // the usual case takes no write lock
      while (some.immediate()) if (performance.now() >= untilMs) return false;
      return true;
    },
    all: () => all.all().map(toCounts),
    ofChat: (chatId) => ofChat.all(chatId).map(toCounts),
    ofPerson: (personId) => ofPerson.all(personId).map(toCounts),
  };
}
