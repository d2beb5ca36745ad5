/**
 * The consent ledger: lines are added and never changed (triggers in the schema refuse it). A person who was merged
 * into another keeps their lines; the survivor's history is all of them, in the order they were written.
 */
import type { Database } from 'better-sqlite3';
import { consentState, isOpen, type Standing } from '../consent/policy.ts';
import type { ConsentAction, ConsentEvent, ConsentScope } from '../types.ts';
import { check } from '../util/errors.ts';

export interface Ledger {
  append(event: ConsentEvent): void;
  history(personId: number): ConsentEvent[];
  state(personId: number, scope: ConsentScope): Standing;
  /** any ledger line or message of this person */
  hasRows(personId: number): boolean;
  /** may this person's stored rows be used now: `log` granted or attested, and not taken back */
  isOpen(personId: number): boolean;
  /** the person this one was merged into, or the person itself */
  root(personId: number): number;
}

interface Row {
  person_id: number;
  scope: ConsentScope;
  action: ConsentAction;
  at_ms: number;
  notice_hash: string;
  chat_id: number | null;
}

export function createLedger(db: Database): Ledger {
  const insert = db.prepare<[number, string, string, number, string, number | null]>(
    'INSERT INTO consent_events (person_id, scope, action, at_ms, notice_hash, chat_id) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const select = db.prepare<[number, number], Row>(
    `SELECT * FROM consent_events
     WHERE person_id = ? OR person_id IN (SELECT id FROM people WHERE merged_into = ?) ORDER BY id`,
  );
  const rootOf = db.prepare<[number], { root: number }>(
    'SELECT COALESCE(merged_into, id) AS root FROM people WHERE id = ?',
  );
  const lift = db.prepare<[number]>('DELETE FROM tombstones WHERE person_id = ?');
  const message = db.prepare<[number]>('SELECT 1 FROM messages WHERE person_id = ? LIMIT 1');

  const root = (personId: number): number => {
    const row = rootOf.get(personId);
    check(row !== undefined, `person ${personId} is not in the store`);
    return row.root;
  };
  const history = (personId: number): ConsentEvent[] => {
    const id = root(personId);
    return select.all(id, id).map((row) => ({
      personId: id,
      scope: row.scope,
      action: row.action,
      atMs: row.at_ms,
      noticeHash: row.notice_hash,
      chatId: row.chat_id,
    }));
  };
  const state = (personId: number, scope: ConsentScope): Standing => consentState(history(personId), scope);
  return {
    append: (event) => {
      const person = root(event.personId);
      insert.run(person, event.scope, event.action, event.atMs, event.noticeHash, event.chatId);
      if (event.scope === 'log' && event.action === 'granted') lift.run(person); // their own word: imports may name them again
    },
    history,
    state,
    hasRows: (personId) => history(personId).length > 0 || message.get(root(personId)) !== undefined,
    isOpen: (personId) => isOpen(state(personId, 'log')),
    root,
  };
}
