/**
 * People and the ids they are known by. WhatsApp delivers one person as `…@c.us` or `…@lid`, an export knows only a
 * name: every id is an alias of one row. An unknown alias is a new person, and a new person has consented to nothing.
 */
import type { Database } from 'better-sqlite3';
import { consentState } from '../consent/policy.ts';
import { check } from '../util/errors.ts';
import type { Ledger } from './ledger.ts';

export interface Person {
  id: number;
  /** display name given by an import or by init; '' unknown */
  name: string;
  aliases: string[];
  /** stored text messages, the bot's left out */
  messages: number;
}

export interface People {
  /**
   * The person known by any of these ids (`…@c.us`, `…@lid`, `name:<chatKey>:<export name>`, `me`). Made if unknown;
   * missing aliases are added; two known persons that turn out to be one are merged: rows re-pointed, ledger lines
   * kept, and where either had refused, the refusal wins.
   */
  resolve(aliases: readonly string[]): number;
  find(alias: string): number | undefined;
  aliases(personId: number): string[];
  /** people who have this name, or whom an export calls so */
  named(name: string): number[];
  /** display name; '' unknown */
  nameOf(personId: number): string;
  setName(personId: number, name: string): void;
  list(): Person[];
}

export function createPeople(db: Database, ledger: Ledger, now: () => number): People {
  const byAlias = db.prepare<[string], { person_id: number }>('SELECT person_id FROM aliases WHERE alias = ?');
  const insertPerson = db.prepare('INSERT INTO people DEFAULT VALUES');
  const insertAlias = db.prepare('INSERT INTO aliases (alias, person_id) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const aliasesOf = db.prepare<[number], { alias: string }>(
    'SELECT alias FROM aliases WHERE person_id = ? ORDER BY alias',
  );
  const byName = db.prepare<{ name: string }, { id: number }>(`
    SELECT id FROM people WHERE name = :name AND merged_into IS NULL
    UNION SELECT a.person_id FROM chats c JOIN aliases a ON a.alias = 'name:' || c.key || ':' || :name ORDER BY 1`);
  const nameOf = db.prepare<[number], { name: string }>('SELECT name FROM people WHERE id = ?');
  const rename = db.prepare('UPDATE people SET name = ? WHERE id = ?');
  const listed = db.prepare<[], { id: number; name: string; messages: number }>(`
    SELECT id, name, (SELECT COUNT(*) FROM visible_messages m WHERE m.person_id = people.id AND m.kind IN ('text', 'edited')
      AND m.origin <> 'bot') AS messages
    FROM people WHERE merged_into IS NULL ORDER BY id`);
  const repoint = [
    'UPDATE aliases SET person_id = :to WHERE person_id = :from',
    'UPDATE messages SET person_id = :to WHERE person_id = :from',
    'UPDATE OR IGNORE chat_members SET person_id = :to WHERE person_id = :from',
    'DELETE FROM chat_members WHERE person_id = :from',
    'UPDATE OR IGNORE reactions SET person_id = :to WHERE person_id = :from',
    'DELETE FROM reactions WHERE person_id = :from',
    `UPDATE people SET name = (SELECT name FROM people WHERE id = :from) WHERE id = :to AND name = ''`,
    'UPDATE people SET merged_into = :to WHERE id = :from OR merged_into = :from',
  ].map((sql) => db.prepare<{ to: number; from: number }>(sql));

  const find = (alias: string): number | undefined => byAlias.get(alias)?.person_id;

  const merge = (to: number, from: number): void => {
    const both = [to, from].map((id) => ledger.history(id));
    for (const statement of repoint) statement.run({ to, from });
    for (const scope of ['log', 'imitate'] as const) {
      const states = both.map((history) => consentState(history, scope).state);
      const refusal = (['withdrawn', 'declined'] as const).find((state) => states.includes(state));
      if (refusal === undefined || consentState(ledger.history(to), scope).state === refusal) continue;
      ledger.append({ personId: to, scope, action: refusal, atMs: now(), noticeHash: '', chatId: null });
    }
  };

  const resolve = db.transaction((aliases: readonly string[]): number => {
    check(
      aliases.length > 0 && aliases.every((alias) => alias !== ''),
      `a person needs at least one id, and none empty`,
    );
    const known = [...new Set(aliases.map(find).filter((id) => id !== undefined))].sort((a, b) => a - b);
    const [id = Number(insertPerson.run().lastInsertRowid), ...others] = known;
    for (const other of others) merge(id, other);
    for (const alias of aliases) insertAlias.run(alias, id);
    return id;
  });

  const root = (personId: number): number => ledger.root(personId);
  return {
    resolve: (aliases) => {
      const first = aliases[0] === undefined ? undefined : find(aliases[0]);
      const isKnown = first !== undefined && aliases.every((alias) => alias !== '' && find(alias) === first);
      return isKnown ? first : resolve.immediate(aliases); // the usual case takes no write lock
    },
    find,
    aliases: (personId) => aliasesOf.all(root(personId)).map(({ alias }) => alias),
    named: (name) => (name === '' ? [] : byName.all({ name }).map(({ id }) => id)),
    nameOf: (personId) => nameOf.get(root(personId))!.name,
    setName: (personId, name) => {
      rename.run(name, root(personId));
    },
    list: () =>
      listed.all().map((person) => ({ ...person, aliases: aliasesOf.all(person.id).map(({ alias }) => alias) })),
  };
}
