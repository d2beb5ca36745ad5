/**
 * What the owner says about messages: approved or rejected, words hidden, a line as it should have been, people, chats
 * and times left out. Each call is one transaction with its entry for undo, and changes nothing where all is so already.
 * Two tabs: what is said last counts; what was said of words that somebody edited since is refused or left out.
 */
import type { Database } from 'better-sqlite3';
import { storableText } from '../consent/policy.ts';
import { parseHidden, toHiddenColumn, type Span } from './review-hidden.ts';
import type { Action, ActionKind, LoggedAction, ReviewLog } from './review-log.ts';
import type { Decision } from './search.ts';
import type { Seal } from './seal.ts';

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

export interface Exclusion {
  personId: number | null;
  chatId: number | null;
  /** unix ms, from this instant and before that one; null: open */
  fromMs: number | null;
  toMs: number | null;
}

export interface Decisions {
  /**
   * Null takes a decision back. Sealed messages are never decided on.
   * @param options.seenAtMs when the page was made: what was edited after is not approved unseen
   * @returns undefined where nothing changed
   */
  decide(selection: Selection, decision: Decision | null, options?: { seenAtMs?: number }): Action | undefined;
  /**
   * Hide these spans of a message, and no others; [] shows all of it again.
   * @param editedAtMs of the message as it was seen; 'changed' where it says something else by now, or is gone
   */
  hide(messageId: number, spans: readonly Span[], editedAtMs: number | null): Action | 'changed' | undefined;
  /**
   * Learn this line in place of what the persona wrote; null: the original.
   * @returns 'changed' as above, also where the persona did not write it
   */
  editLine(
    messageId: number,
    text: string | null,
    seen: { personaId: number; editedAtMs: number | null },
  ): Action | 'changed' | undefined;
  /** Leave out of training whatever all given ones share. Undefined: it is left out already. */
  exclude(exclusion: Partial<Exclusion>): Action | undefined;
  include(exclusionId: number): Action | undefined;
  /** those in force */
  exclusions(): (Exclusion & { id: number })[];
  /**
   * Back to exactly what was before the last action, as far as its messages still are; approval of words that were
   * edited since does not come back.
   * @param expectedId the action that a person saw on the button; undefined where another one is last by now
   */
  undo(expectedId?: number): Action | undefined;
  redo(expectedId?: number): Action | undefined;
}

/** longer lines are no chat message (WhatsApp's own limit) */
const maxLineLength = 65_536;

interface Parts {
  seal: Seal;
  log: ReviewLog;
  root: (personId: number) => number;
  scrub: () => void;
}

interface Target {
  id: number;
  chat_id: number;
  person_id: number;
  is_bot: number;
  text: string;
  edited_at_ms: number | null;
  decision: Decision | null;
  hidden: string | null;
  line_id: number | null;
}

export function createDecisions(db: Database, { seal, log, root, scrub }: Parts): Decisions {
  const byId = db.prepare<[number], Target>(`SELECT m.id, m.chat_id, m.person_id, m.origin = 'bot' AS is_bot, m.text,
      m.edited_at_ms, r.decision, r.hidden, r.line_id
    FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id WHERE m.id = ?`);
  const selected = `m.id, m.chat_id, m.person_id, m.origin = 'bot' AS is_bot, m.edited_at_ms, r.decision`;
  const counted = db.prepare<[number], Selected>(
    `SELECT ${selected} FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id WHERE m.id = ?`,
  );
  const given = db.prepare<{ ids: string; decision: Decision | null; seenAtMs: number }, Selected>(`
    SELECT ${selected} FROM (SELECT DISTINCT value FROM json_each(:ids)) j JOIN visible_messages m ON m.id = j.value
      LEFT JOIN reviews r ON r.message_id = m.id
    WHERE r.decision IS NOT :decision AND COALESCE(m.edited_at_ms, 0) <= :seenAtMs ORDER BY m.id`);
  const inChat = db.prepare<ChatQuery, Selected>(`
    SELECT ${selected} FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id
    WHERE m.chat_id = :chatId AND (m.timestamp_ms, m.id) >= (:fromMs, :fromId) AND (m.timestamp_ms, m.id) <= (:toMs, :toId)
      AND m.person_id IN (SELECT value FROM json_each(:people))
      AND r.decision IS NOT :decision AND COALESCE(m.edited_at_ms, 0) <= :seenAtMs`);
  const chatsOf = db.prepare<[number], number>('SELECT DISTINCT chat_id FROM messages WHERE person_id = ?').pluck();
  const allChats = db.prepare<[], number>('SELECT id FROM chats').pluck();
  const placeOf = db.prepare<[number, number], Place>(
    'SELECT timestamp_ms AS ms, id FROM messages WHERE id = ? AND chat_id = ?',
  );
  const upsert = (column: 'decision' | 'hidden' | 'line_id') =>
    db.prepare<[number, string | number | null]>(
      `INSERT INTO reviews (message_id, ${column}) VALUES (?, ?) ON CONFLICT DO UPDATE SET ${column} = excluded.${column}`,
    );
  const setDecision = upsert('decision');
  const setHidden = upsert('hidden');
  const setLine = upsert('line_id');
  const addCounts = db.prepare<[number, number, number, number, number]>(`
    INSERT INTO review_counts VALUES (?, ?, ?, 0, ?, ?)
    ON CONFLICT DO UPDATE SET approved = approved + excluded.approved, rejected = rejected + excluded.rejected`);
  const insertLine = db.prepare<[number, string]>('INSERT INTO review_lines (message_id, text) VALUES (?, ?)');
  const lineText = db.prepare<[number], string>('SELECT text FROM review_lines WHERE id = ?').pluck();
  const hasMessage = db.prepare<[number], number>('SELECT 1 FROM messages WHERE id = ?').pluck();
  const insertExclusion = db.prepare<[number | null, number | null, number | null, number | null]>(
    'INSERT INTO review_exclusions (person_id, chat_id, from_ms, to_ms, is_active) VALUES (?, ?, ?, ?, 1)',
  );
  const setActive = db.prepare<[number, number]>('UPDATE review_exclusions SET is_active = ? WHERE id = ?');
  const isActive = db.prepare<[number], number>('SELECT is_active FROM review_exclusions WHERE id = ?').pluck();
  const active = db.prepare<
    [],
    Exclusion & { id: number }
  >(`SELECT e.id, COALESCE(p.merged_into, e.person_id) AS personId,
      e.chat_id AS chatId, e.from_ms AS fromMs, e.to_ms AS toMs
    FROM review_exclusions e LEFT JOIN people p ON p.id = e.person_id WHERE e.is_active = 1 ORDER BY e.id`);

  const select = (selection: Selection, decision: Decision | null, seenAtMs: number): Selected[] => {
    if ('ids' in selection) {
      const open = new Map<number, Set<number>>();
      const isOpen = ({ chat_id: chatId, person_id: personId }: Selected): boolean => {
        const people = open.get(chatId) ?? new Set(seal.openPeople(chatId));
        open.set(chatId, people);
        return people.has(personId);
      };
      return given.all({ ids: JSON.stringify(selection.ids), decision, seenAtMs }).filter(isOpen);
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
    return chats.flatMap((id) => {
      const people = seal.openPeople(id).filter((each) => person === undefined || each === person);
      if (people.length === 0) return [];
      const range = { fromMs: from.ms, fromId: from.id, toMs: to.ms, toId: to.id };
      return inChat.all({ chatId: id, ...range, people: JSON.stringify(people), decision, seenAtMs });
    });
  };

  /** Set decisions, with the counts. Returns what was before. */
  const write = (targets: readonly Selected[], to: (target: Selected) => Decision | null) => {
    const before = new Map<Decision | null, number[]>();
    const counts = new Map<string, { of: [number, number, number]; approved: number; rejected: number }>();
    for (const target of targets) {
      const { id } = target;
      const decision = to(target);
      if (decision === target.decision) continue;
      setDecision.run(id, decision);
      const list = before.get(target.decision);
      if (list === undefined) before.set(target.decision, [id]);
      else list.push(id);
      const key = `${target.chat_id} ${target.person_id} ${target.is_bot}`;
      let count = counts.get(key);
      if (count === undefined) {
        count = { of: [target.chat_id, target.person_id, target.is_bot], approved: 0, rejected: 0 };
        counts.set(key, count);
      }
      if (target.decision !== null) count[target.decision]--;
      if (decision !== null) count[decision]++;
    }
    for (const { of, approved, rejected } of counts.values()) addCounts.run(...of, approved, rejected);
    return before;
  };

  const decide: Decisions['decide'] = (selection, decision, { seenAtMs } = {}) => {
    const upTo = decision === 'approved' && seenAtMs !== undefined ? seenAtMs : Number.MAX_SAFE_INTEGER;
    const before = [...write(select(selection, decision, upTo), () => decision)].map(([was, of]) => ({
      decision: was,
      ids: of,
    }));
    const messages = before.reduce((sum, each) => sum + each.ids.length, 0);
    return messages === 0 ? undefined : log.add(kindOf[decision ?? 'none'], null, messages, { decision, before });
  };

  /** undefined where the message is not what was seen */
  const asSeen = (messageId: number, editedAtMs: number | null): Target | undefined => {
    const target = byId.get(messageId);
    if (target === undefined || target.edited_at_ms !== editedAtMs) return undefined;
    return seal.openPeople(target.chat_id).includes(target.person_id) ? target : undefined;
  };

  const hide: Decisions['hide'] = (messageId, spans, editedAtMs) => {
    const target = asSeen(messageId, editedAtMs);
    if (target === undefined) return 'changed';
    const after = toHiddenColumn(spans, target.text);
    const same =
      JSON.stringify(parseHidden(after, target.text)) === JSON.stringify(parseHidden(target.hidden, target.text));
    if (same) return undefined;
    setHidden.run(messageId, after);
    return log.add('hide', messageId, 1, { hidden: [target.hidden, after] });
  };

  const editLine: Decisions['editLine'] = (messageId, typed, { personaId, editedAtMs }) => {
    const target = asSeen(messageId, editedAtMs);
    if (target === undefined || target.is_bot === 1 || target.person_id !== root(personaId)) return 'changed';
    const text = typed === null ? '' : storableText(typed.trim()).slice(0, maxLineLength);
    const line = text === '' || text === target.text ? null : text;
    const known = target.line_id === null ? null : (lineText.get(target.line_id) ?? null);
    if (line === known) return undefined;
    const after = line === null ? null : Number(insertLine.run(messageId, line).lastInsertRowid);
    setLine.run(messageId, after);
    return log.add('line', messageId, 1, { line: [target.line_id, after] });
  };

  const exclude: Decisions['exclude'] = ({ personId = null, chatId = null, fromMs = null, toMs = null }) => {
    const person = personId === null ? null : root(personId);
    const isSame = (known: Exclusion): boolean =>
      known.personId === person && known.chatId === chatId && known.fromMs === fromMs && known.toMs === toMs;
    if (active.all().some(isSame)) return undefined;
    const exclusion = Number(insertExclusion.run(person, chatId, fromMs, toMs).lastInsertRowid);
    return log.add('exclude', null, 0, { exclusion, isActive: true });
  };

  const include: Decisions['include'] = (exclusionId) => {
    if (isActive.get(exclusionId) !== 1) return undefined;
    setActive.run(0, exclusionId);
    return log.add('include', null, 0, { exclusion: exclusionId, isActive: false });
  };

  /** Bring about the state before (`side` 0) or after (1) an action. */
  const apply = ({ atMs, messageId, change }: LoggedAction, side: 0 | 1): void => {
    if ('exclusion' in change) setActive.run((side === 1) === change.isActive ? 1 : 0, change.exclusion);
    else if ('decision' in change) {
      for (const group of change.before) {
        const wanted = (side === 1 ? change.decision : group.decision) as Decision | null;
        const left = group.ids.map((id) => counted.get(id)).filter((target) => target !== undefined);
        write(left, ({ edited_at_ms: editedAtMs }) =>
          wanted === 'approved' && editedAtMs !== null && editedAtMs > atMs ? null : wanted,
        );
      }
    } else if (messageId !== null && hasMessage.get(messageId) !== undefined) {
      if ('hidden' in change) setHidden.run(messageId, change.hidden[side]);
      else setLine.run(messageId, change.line[side]);
    }
  };

  const undo = (expectedId?: number): Action | undefined => {
    const last = log.undoable();
    if (last === undefined || (expectedId !== undefined && last.id !== expectedId)) return undefined;
    apply(last, 0);
    log.setUndone(last.id, true);
    return toAction(last);
  };
  const redo = (expectedId?: number): Action | undefined => {
    const next = log.redoable();
    if (next === undefined || (expectedId !== undefined && next.id !== expectedId)) return undefined;
    apply(next, 1);
    log.setUndone(next.id, false);
    return toAction(next);
  };

  /** One transaction that holds the write lock from its first look on. */
  const once = <A extends unknown[], R>(work: (...args: A) => R): ((...args: A) => R) => {
    const transaction = db.transaction(work);
    return (...args) => transaction.immediate(...args);
  };
  const editLineOnce = once(editLine);
  return {
    decide: once(decide),
    hide: once(hide),
    editLine: (...args) => {
      const done = editLineOnce(...args);
      if (done !== undefined && done !== 'changed') scrub(); // lines that nobody can bring back any more are gone
      return done;
    },
    exclude: once(exclude),
    include: once(include),
    exclusions: () => active.all(),
    undo: once(undo),
    redo: once(redo),
  };
}

interface Place {
  ms: number;
  id: number;
}

type Selected = Omit<Target, 'text' | 'hidden' | 'line_id'>;

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

const kindOf: Readonly<Record<Decision | 'none', ActionKind>> = {
  approved: 'approve',
  rejected: 'reject',
  none: 'reset',
};

const toAction = ({ id, kind, atMs, messages }: Action): Action => ({ id, kind, atMs, messages });
