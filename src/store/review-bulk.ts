/**
 * Decisions about any number of messages, in short transactions, so that what arrives meanwhile is stored at once. Each
 * transaction carries its part of the entry for undo: whenever the process dies, what was decided can be undone as one
 * step. Others of these must not run in between (thread-actions.ts sees to that); messages may come, change and go.
 */
import type { Database } from 'better-sqlite3';
import type { Action, ActionKind, Change, LoggedAction, ReviewLog } from './review-log.ts';
import type { Decision } from './search.ts';
import type { Seal } from './seal.ts';
import { inShortTransactions } from './short-transactions.ts';

/** Which messages: these, or all that the given ones share (a whole chat, a person's, a stretch of a thread). */
export type Selection =
  | { ids: readonly number[] }
  | {
      chatId?: number;
      personId?: number;
      /** first and last message of a stretch of `chatId`, both with it, in either order */
      between?: readonly [number, number];
      /** unix ms, from this instant and before that one */
      fromMs?: number;
      toMs?: number;
    };

export interface DecideOptions {
  /** unix ms: what was edited after is not approved unseen */
  seenAtMs?: number;
  /** how long the write lock is held at a time; default 100 */
  holdMs?: number;
}

export interface BulkDecisions {
  /** Each step is a short transaction. @returns undefined where nothing changed */
  decide(selection: Selection, decision: Decision | null, options?: DecideOptions): Generator<void, Action | undefined>;
  /**
   * Bring about the state before (`side` 0) or after (1) an action, and mark it so. One that was cut short counts as done,
   * so that it can be taken back: to undo is marked last, to do again is marked first.
   */
  apply(action: LoggedAction, change: DecisionChange, side: 0 | 1, holdMs?: number): Generator<void, void>;
}

export type DecisionChange = Extract<Change, { decision: string | null }>;

interface Parts {
  seal: Seal;
  log: ReviewLog;
  root: (personId: number) => number;
}

interface Target {
  id: number;
  chat_id: number;
  person_id: number;
  is_bot: number;
  edited_at_ms: number | null;
  decision: Decision | null;
}

interface Place {
  ms: number;
  id: number;
}

interface ChatQuery {
  chatId: number;
  fromMs: number;
  fromId: number;
  toMs: number;
  toId: number;
  people: string;
  decision: Decision | null;
  seenAtMs: number;
}

const defaultHoldMs = 100;

const kindOf: Readonly<Record<Decision | 'none', ActionKind>> = {
  approved: 'approve',
  rejected: 'reject',
  none: 'reset',
};

export function createBulkDecisions(db: Database, { seal, log, root }: Parts): BulkDecisions {
  const columns = `m.id, m.chat_id, m.person_id, m.origin = 'bot' AS is_bot, m.edited_at_ms, r.decision`;
  const byId = db.prepare<[number], Target>(
    `SELECT ${columns} FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id WHERE m.id = ?`,
  );
  const given = db.prepare<{ ids: string; decision: Decision | null; seenAtMs: number }, Target>(`
    SELECT ${columns} FROM (SELECT DISTINCT value FROM json_each(:ids)) j JOIN visible_messages m ON m.id = j.value
      LEFT JOIN reviews r ON r.message_id = m.id
    WHERE r.decision IS NOT :decision AND COALESCE(m.edited_at_ms, 0) <= :seenAtMs`);
  const inChat = db
    .prepare<ChatQuery, number>(
      `SELECT m.id FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id
    WHERE m.chat_id = :chatId AND (m.timestamp_ms, m.id) >= (:fromMs, :fromId) AND (m.timestamp_ms, m.id) <= (:toMs, :toId)
      AND m.person_id IN (SELECT value FROM json_each(:people))
      AND r.decision IS NOT :decision AND COALESCE(m.edited_at_ms, 0) <= :seenAtMs`,
    )
    .pluck();
  const chatsOf = db.prepare<[number], number>('SELECT DISTINCT chat_id FROM messages WHERE person_id = ?').pluck();
  const allChats = db.prepare<[], number>('SELECT id FROM chats').pluck();
  const placeOf = db.prepare<[number, number], Place>(
    'SELECT timestamp_ms AS ms, id FROM messages WHERE id = ? AND chat_id = ?',
  );
  const setDecision = db.prepare<[number, Decision | null]>(
    'INSERT INTO reviews (message_id, decision) VALUES (?, ?) ON CONFLICT DO UPDATE SET decision = excluded.decision',
  );
  const addCounts = db.prepare<[number, number, number, number, number]>(`
    INSERT INTO review_counts VALUES (?, ?, ?, 0, ?, ?)
    ON CONFLICT DO UPDATE SET approved = approved + excluded.approved, rejected = rejected + excluded.rejected`);

  /** Ids of open messages that are not decided so yet, oldest first. */
  const select = (selection: Selection, decision: Decision | null, seenAtMs: number): number[] => {
    const ascending = (ids: number[]): number[] => ids.sort((a, b) => a - b);
    if ('ids' in selection) {
      const open = new Map<number, Set<number>>();
      const isOpen = ({ chat_id: chatId, person_id: personId }: Target): boolean => {
        const people = open.get(chatId) ?? new Set(seal.openPeople(chatId));
        open.set(chatId, people);
        return people.has(personId);
      };
      const targets = given.all({ ids: JSON.stringify(selection.ids), decision, seenAtMs });
      return ascending(targets.filter(isOpen).map(({ id }) => id));
    }
    const { chatId, personId, between, fromMs, toMs } = selection;
    const person = personId === undefined ? undefined : root(personId);
    let from: Place = { ms: fromMs ?? -8.64e15, id: 0 };
    let to: Place = { ms: (toMs ?? 8.64e15) - 1, id: Number.MAX_SAFE_INTEGER };
    if (between !== undefined) {
      const places = between.map((id) => placeOf.get(id, chatId ?? -1)).filter((place) => place !== undefined);
      const [first, last] = places.sort((a, b) => a.ms - b.ms || a.id - b.id);
      if (first === undefined || last === undefined) return [];
      [from, to] = [first, last];
    }
    const chats = chatId !== undefined ? [chatId] : person !== undefined ? chatsOf.all(person) : allChats.all();
    return ascending(
      chats.flatMap((id) => {
        const people = seal.openPeople(id).filter((each) => person === undefined || each === person);
        if (people.length === 0) return [];
        const range = { fromMs: from.ms, fromId: from.id, toMs: to.ms, toId: to.id };
        return inChat.all({ chatId: id, ...range, people: JSON.stringify(people), decision, seenAtMs });
      }),
    );
  };

  /** Sets decisions one by one, as the messages are now; `count` comes last in the same transaction. */
  const writer = () => {
    const counts = new Map<string, { of: [number, number, number]; approved: number; rejected: number }>();
    return {
      /** @param to undefined: leave it. @returns what it was before; undefined: nothing changed */
      set: (id: number, to: (target: Target) => Decision | null | undefined): Decision | null | undefined => {
        const target = byId.get(id);
        const decision = target && to(target);
        if (target === undefined || decision === undefined || decision === target.decision) return undefined;
        setDecision.run(id, decision);
        const key = `${target.chat_id} ${target.person_id} ${target.is_bot}`;
        let count = counts.get(key);
        if (count === undefined) {
          count = { of: [target.chat_id, target.person_id, target.is_bot], approved: 0, rejected: 0 };
          counts.set(key, count);
        }
        if (target.decision !== null) count[target.decision]--;
        if (decision !== null) count[decision]++;
        return target.decision;
      },
      count: (): void => {
        for (const { of, approved, rejected } of counts.values()) addCounts.run(...of, approved, rejected);
        counts.clear();
      },
    };
  };

  return {
    *decide(selection, decision, { seenAtMs, holdMs = defaultHoldMs } = {}) {
      const upTo = decision === 'approved' && seenAtMs !== undefined ? seenAtMs : Number.MAX_SAFE_INTEGER;
      const ids = select(selection, decision, upTo);
      const { set, count } = writer();
      const before = new Map<Decision | null, number[]>();
      let written = 0;
      let action: Action | undefined;
      const one = (at: number): void => {
        const id = ids[at]!;
        const was = set(id, ({ edited_at_ms: editedAtMs }) => ((editedAtMs ?? 0) <= upTo ? decision : undefined));
        if (was === undefined) return;
        written++;
        const list = before.get(was);
        if (list === undefined) before.set(was, [id]);
        else list.push(id);
      };
      const atEnd = (): void => {
        count();
        if (written === (action?.messages ?? 0)) return;
        const change = { decision, before: [...before].map(([was, of]) => ({ decision: was, ids: of })) };
        if (action === undefined) action = log.add(kindOf[decision ?? 'none'], null, written, change);
        else action = log.extend(action, written, change);
      };
      yield* inShortTransactions(db, ids.length, one, { holdMs, atEnd });
      return action;
    },

    *apply({ id: actionId, atMs }, { decision, before }, side, holdMs = defaultHoldMs) {
      const wanted = before.flatMap((group) =>
        group.ids.map((id) => ({ id, to: (side === 1 ? decision : group.decision) as Decision | null })),
      );
      const { set, count } = writer();
      const one = (at: number): void => {
        const { id, to } = wanted[at]!;
        set(id, ({ edited_at_ms: editedAtMs }) =>
          to === 'approved' && editedAtMs !== null && editedAtMs > atMs ? null : to,
        );
      };
      const atEnd = (done: number): void => {
        count();
        if (side === 1 || done === wanted.length) log.setUndone(actionId, side === 0);
      };
      yield* inShortTransactions(db, wanted.length, one, { holdMs, atEnd });
    },
  };
}
