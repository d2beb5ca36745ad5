/**
 * What was done on the review page, so that it can be undone and done again: which rows (by id), what was said of them
 * before and after. It holds no words; an action on one message's words is gone with the message, and ids of erased
 * messages mean nothing any more. All tabs share one history: undo takes back what was done last, wherever that was.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database } from 'better-sqlite3';

export type ActionKind = 'approve' | 'reject' | 'reset' | 'hide' | 'line' | 'exclude' | 'include';

/** Enough to bring back what was before, and after. */
export type Change =
  | { decision: string | null; before: { decision: string | null; ids: number[] }[] }
  | { hidden: [before: string | null, after: string | null] }
  | { line: [before: number | null, after: number | null] }
  | { exclusion: number; isActive: boolean };

export interface Action {
  id: number;
  kind: ActionKind;
  atMs: number;
  /** how many messages changed; 0 for exclusions */
  messages: number;
}

export interface LoggedAction extends Action {
  messageId: number | null;
  change: Change;
}

export interface ReviewLog {
  /** What was undone before cannot be done again after this. */
  add(kind: ActionKind, messageId: number | null, messages: number, change: Change): Action;
  /** An action that goes on: this is all that it did by now. */
  extend(action: Action, messages: number, change: Change): Action;
  undoable(): LoggedAction | undefined;
  redoable(): LoggedAction | undefined;
  setUndone(id: number, isUndone: boolean): void;
  /** newest first, those that can be undone */
  list(limit: number): Action[];
}

/** levels of undo */
const keptActions = 200;
/** and as many bytes; a decision about a million messages has about one kilobyte for each stretch of them */
const keptBytes = 32 * 2 ** 20;

interface Row {
  id: number;
  at_ms: number;
  kind: ActionKind;
  message_id: number | null;
  messages: number;
  change: Buffer;
}

export function createReviewLog(db: Database, now: () => number): ReviewLog {
  const insert = db.prepare(
    'INSERT INTO review_actions (at_ms, kind, message_id, messages, change, is_undone) VALUES (?, ?, ?, ?, ?, 0)',
  );
  const forgetUndone = db.prepare('DELETE FROM review_actions WHERE is_undone = 1');
  const prune = db.prepare<[number, number]>(`DELETE FROM review_actions WHERE id <= MAX(
    COALESCE((SELECT id FROM review_actions ORDER BY id DESC LIMIT 1 OFFSET ?), 0),
    COALESCE((SELECT MAX(id) FROM (SELECT id, SUM(length(change)) OVER (ORDER BY id DESC) AS bytes FROM review_actions)
      WHERE bytes > ?), 0))`);
  // words that nobody can bring back any more
  const pruneLines =
    db.prepare(`DELETE FROM review_lines WHERE id NOT IN (SELECT line_id FROM reviews WHERE line_id IS NOT NULL)
    AND message_id NOT IN (SELECT message_id FROM review_actions WHERE message_id IS NOT NULL)`);
  const replace = db.prepare<[number, Buffer, number]>(
    'UPDATE review_actions SET messages = ?, change = ? WHERE id = ?',
  );
  const lastDone = db.prepare<[], Row>('SELECT * FROM review_actions WHERE is_undone = 0 ORDER BY id DESC LIMIT 1');
  const firstUndone = db.prepare<[], Row>('SELECT * FROM review_actions WHERE is_undone = 1 ORDER BY id LIMIT 1');
  const mark = db.prepare<[number, number]>('UPDATE review_actions SET is_undone = ? WHERE id = ?');
  const newest = db.prepare<[number], Omit<Row, 'change'>>(
    'SELECT id, at_ms, kind, message_id, messages FROM review_actions WHERE is_undone = 0 ORDER BY id DESC LIMIT ?',
  );
  const toAction = ({ id, at_ms: atMs, kind, messages }: Omit<Row, 'change'>): Action => ({ id, kind, atMs, messages });
  const toLogged = (row: Row | undefined): LoggedAction | undefined =>
    row && { ...toAction(row), messageId: row.message_id, change: decode(row.change) };

  return {
    add: (kind, messageId, messages, change) => {
      forgetUndone.run();
      const atMs = now();
      const { lastInsertRowid } = insert.run(atMs, kind, messageId, messages, encode(change));
      prune.run(keptActions, keptBytes);
      pruneLines.run();
      return { id: Number(lastInsertRowid), kind, atMs, messages };
    },
    extend: (action, messages, change) => {
      replace.run(messages, encode(change), action.id);
      prune.run(keptActions, keptBytes);
      return { ...action, messages };
    },
    undoable: () => toLogged(lastDone.get()),
    redoable: () => toLogged(firstUndone.get()),
    setUndone: (id, isUndone) => void mark.run(isUndone ? 1 : 0, id),
    list: (limit) => newest.all(limit).map(toAction),
  };
}

/** Ids as the steps between them, packed: neighbours cost next to nothing. */
function encode(change: Change): Buffer {
  const packed =
    'before' in change
      ? { ...change, before: change.before.map((each) => ({ ...each, ids: steps(each.ids) })) }
      : change;
  return deflateRawSync(JSON.stringify(packed), { level: 1 });
}

function decode(packed: Buffer): Change {
  const change = JSON.parse(inflateRawSync(packed).toString()) as Change;
  if (!('before' in change)) return change;
  return { ...change, before: change.before.map((each) => ({ ...each, ids: sums(each.ids) })) };
}

function steps(ids: readonly number[]): number[] {
  return ids.map((id, at) => id - (ids[at - 1] ?? 0));
}

function sums(deltas: readonly number[]): number[] {
  let sum = 0;
  return deltas.map((delta) => (sum += delta));
}
