/**
 * Much work as many short transactions. Another process waits at most 5 s for the write lock (open.ts), and SQLite gives
 * it to whoever asks at the right moment: so it is held for less than half a second, and let go in between.
 */
import type { Database } from 'better-sqlite3';

const defaultHoldMs = 400;
/** the clock is read after so many items */
const itemsBetweenLooks = 64;

export interface ShortTransactions {
  /** how long the write lock is held at a time, about */
  holdMs?: number;
  /** the last of each transaction; `done` items are worked on by then */
  atEnd?: (done: number) => void;
}

/** Calls `work` for 0 to `count` - 1, in order; each step of the generator is a transaction. */
export function* inShortTransactions(
  db: Database,
  count: number,
  work: (at: number) => void,
  { holdMs = defaultHoldMs, atEnd }: ShortTransactions = {},
): Generator<void, void> {
  let at = 0;
  const some = db.transaction(() => {
    const untilMs = performance.now() + holdMs;
    do work(at++);
    while (at < count && (at % itemsBetweenLooks !== 0 || performance.now() < untilMs));
    atEnd?.(at);
  });
  while (at < count) {
    some.immediate();
    yield;
  }
}
