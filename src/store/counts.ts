/** How much there is: numbers for the live screen and for metrics, cheap enough to ask every few seconds. */
import type { Database } from 'better-sqlite3';

export interface Counts {
  /** messages of live chats (not imported) with a time from then on, the bot's among them */
  liveSince(sinceMs: number): number;
  /** chats in which collecting, and in which replying is switched on */
  switchedOn(): { collect: number; bot: number };
  /** pages of the database times their size, without its log */
  databaseBytes(): number;
}

export function createCounts(db: Database): Counts {
  const since = db.prepare<[number], { n: number }>(
    `SELECT COUNT(*) AS n FROM chats c JOIN messages m ON m.chat_id = c.id
     WHERE m.timestamp_ms >= ? AND m.origin <> 'import'`,
  );
  const switched = db.prepare<[], { collect: number; bot: number }>(
    'SELECT COUNT(*) FILTER (WHERE collect = 1) AS collect, COUNT(*) FILTER (WHERE bot = 1) AS bot FROM chats',
  );
  return {
    liveSince: (sinceMs) => since.get(sinceMs)!.n,
    switchedOn: () => switched.get()!,
    databaseBytes: () =>
      Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true })),
  };
}
