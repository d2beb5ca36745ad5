/**
 * What the owner says about messages: approved or rejected, words hidden, a line as it should have been, people, chats
 * and times left out. Each call is one transaction with its entry for undo (decisions about many messages: several, review-bulk.ts),
 * and changes nothing where all is so already.
 * Two tabs: what is said last counts; what was said of words that somebody edited since is refused or left out.
 */
import type { Database } from 'better-sqlite3';
import { storableText } from '../consent/policy.ts';
import { createBulkDecisions, type DecideOptions, type Selection } from './review-bulk.ts';
import { parseHidden, toHiddenColumn, type Span } from './review-hidden.ts';
import type { Action, LoggedAction, ReviewLog } from './review-log.ts';
import type { Decision } from './search.ts';
import type { Seal } from './seal.ts';

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
  decide(selection: Selection, decision: Decision | null, options?: DecideOptions): Action | undefined;
  /** As `decide`, each step a short transaction. No other action may begin before it ends. */
  decideInSteps(
    selection: Selection,
    decision: Decision | null,
    options?: DecideOptions,
  ): Generator<void, Action | undefined>;
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
  /** As `undo` and `redo`, each step a short transaction. No other action may begin before it ends. */
  undoInSteps(expectedId?: number, options?: Pick<DecideOptions, 'holdMs'>): Generator<void, Action | undefined>;
  redoInSteps(expectedId?: number, options?: Pick<DecideOptions, 'holdMs'>): Generator<void, Action | undefined>;
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
  hidden: string | null;
  line_id: number | null;
}

export function createDecisions(db: Database, { seal, log, root, scrub }: Parts): Decisions {
  const byId = db.prepare<[number], Target>(`SELECT m.id, m.chat_id, m.person_id, m.origin = 'bot' AS is_bot, m.text,
      m.edited_at_ms, r.hidden, r.line_id
    FROM visible_messages m LEFT JOIN reviews r ON r.message_id = m.id WHERE m.id = ?`);
  const upsert = (column: 'hidden' | 'line_id') =>
    db.prepare<[number, string | number | null]>(
      `INSERT INTO reviews (message_id, ${column}) VALUES (?, ?) ON CONFLICT DO UPDATE SET ${column} = excluded.${column}`,
    );
  const setHidden = upsert('hidden');
  const setLine = upsert('line_id');
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

  const bulk = createBulkDecisions(db, { seal, log, root });

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

  /** Bring about the state before (`side` 0) or after (1) an action that is not about decisions. */
  const apply = ({ id, messageId, change }: LoggedAction, side: 0 | 1): void => {
    if ('exclusion' in change) setActive.run((side === 1) === change.isActive ? 1 : 0, change.exclusion);
    else if (messageId !== null && hasMessage.get(messageId) !== undefined) {
      if ('hidden' in change) setHidden.run(messageId, change.hidden[side]);
      else if ('line' in change) setLine.run(messageId, change.line[side]);
    }
    log.setUndone(id, side === 0);
  };

  function* takeBack(
    side: 0 | 1,
    expectedId: number | undefined,
    holdMs: number | undefined,
  ): Generator<void, Action | undefined> {
    const action = side === 0 ? log.undoable() : log.redoable();
    if (action === undefined || (expectedId !== undefined && action.id !== expectedId)) return undefined;
    const { change } = action;
    if ('decision' in change) yield* bulk.apply(action, change, side, holdMs);
    else once(apply)(action, side);
    return toAction(action);
  }

  /** One transaction that holds the write lock from its first look on. */
  const once = <A extends unknown[], R>(work: (...args: A) => R): ((...args: A) => R) => {
    const transaction = db.transaction(work);
    return (...args) => transaction.immediate(...args);
  };
  const editLineOnce = once(editLine);
  return {
    decide: (...args) => atOnce(bulk.decide(...args)),
    decideInSteps: (...args) => bulk.decide(...args),
    hide: once(hide),
    editLine: (...args) => {
      const done = editLineOnce(...args);
      if (done !== undefined && done !== 'changed') scrub(); // lines that nobody can bring back any more are gone
      return done;
    },
    exclude: once(exclude),
    include: once(include),
    exclusions: () => active.all(),
    undo: (expectedId) => atOnce(takeBack(0, expectedId, undefined)),
    redo: (expectedId) => atOnce(takeBack(1, expectedId, undefined)),
    undoInSteps: (expectedId, { holdMs } = {}) => takeBack(0, expectedId, holdMs),
    redoInSteps: (expectedId, { holdMs } = {}) => takeBack(1, expectedId, holdMs),
  };
}

/** All steps, one after the other. */
function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const toAction = ({ id, kind, atMs, messages }: Action): Action => ({ id, kind, atMs, messages });
