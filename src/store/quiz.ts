/** Answers of the blind quiz: which run, which real message stood beside the sample, and whether it was told apart. No text. */
import type { Database } from 'better-sqlite3';

export interface QuizAnswer {
  run: string;
  /** row id of the first message of the real reply */
  messageId: number;
  /** the sample was told from the real reply */
  isRight: boolean;
}

export interface QuizTally {
  answers: number;
  /** answers that took the sample for the real reply */
  fooled: number;
}

export interface Quiz {
  /** Kept without the message where that is gone by now. */
  add(answer: QuizAnswer): void;
  tally(run: string): QuizTally;
  /** Real messages that were asked about with this run. */
  asked(run: string): Set<number>;
}

export function createQuiz(db: Database, now: () => number): Quiz {
  const insert = db.prepare<{ run: string; messageId: number; isRight: number; atMs: number }>(`
    INSERT INTO quiz_answers (run_id, message_id, is_right, at_ms)
    VALUES (:run, (SELECT id FROM messages WHERE id = :messageId), :isRight, :atMs)`);
  const count = db.prepare<[string], { answers: number; fooled: number | null }>(
    'SELECT COUNT(*) AS answers, SUM(1 - is_right) AS fooled FROM quiz_answers WHERE run_id = ?',
  );
  const messages = db.prepare<[string], { message_id: number | null }>(
    'SELECT message_id FROM quiz_answers WHERE run_id = ?',
  );
  return {
    add: ({ run, messageId, isRight }) => {
      insert.run({ run, messageId, isRight: isRight ? 1 : 0, atMs: now() });
    },
    tally: (run) => {
      const { answers, fooled } = count.get(run)!;
      return { answers, fooled: fooled ?? 0 };
    },
    asked: (run) => new Set(messages.all(run).flatMap(({ message_id }) => (message_id === null ? [] : [message_id]))),
  };
}
