/**
 * People on the review page: what is stored of each, what they agreed to, and taking two people apart who were taken for
 * one. Nothing here says a word that anyone wrote.
 */
import type { Database } from 'better-sqlite3';
import type { ConsentEvent } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import { consentState, isOpen, type Standing } from '../consent/policy.ts';
import type { Ledger } from './ledger.ts';
import type { People } from './people.ts';
import type { ReviewCounts } from './review-counts.ts';

export interface PersonSummary {
  id: number;
  name: string;
  aliases: string[];
  /** of the scopes `log` and `imitate` */
  log: Standing;
  imitate: Standing;
  /** may what is stored be used now */
  isOpen: boolean;
  messages: number;
  approved: number;
  rejected: number;
  chats: number;
}

export interface PersonDetails extends PersonSummary {
  ledger: ConsentEvent[];
  /** where they wrote */
  inChats: { chatId: number; messages: number; approved: number; rejected: number }[];
  reactions: number;
  /** lines of theirs that were written anew */
  editedLines: number;
  /** messages with hidden words */
  hiddenMessages: number;
}

export interface ReviewPeople {
  /** everybody who is known, most messages first */
  list(): PersonSummary[];
  get(personId: number): PersonDetails;
  /** One person from now on; the refusal of either wins. Returns who is left. */
  merge(personId: number, otherId: number): number;
  /**
   * Someone else from now on: these ids, and what is stored in these chats under the person's name. The new person has
   * agreed to nothing, so their rows are sealed until they do.
   * @returns the new person
   */
  split(personId: number, aliases: readonly string[], chatIds: readonly number[]): number;
  /** Chats in which the person wrote under these ids, as far as ids and keys tell: what `split` should be asked to move. */
  chatsOfAliases(personId: number, aliases: readonly string[]): number[];
}

interface Parts {
  people: People;
  ledger: Ledger;
  counts: ReviewCounts;
}

export function createReviewPeople(db: Database, { people, ledger, counts }: Parts): ReviewPeople {
  const persons = db.prepare<[], { id: number; name: string }>('SELECT id, name FROM people WHERE merged_into IS NULL');
  const reactions = db.prepare<[number], number>('SELECT COUNT(*) FROM reactions WHERE person_id = ?').pluck();
  const reviewed = db.prepare<[number], { lines: number; hidden: number }>(`
    SELECT COUNT(r.line_id) AS lines, COUNT(r.hidden) AS hidden FROM reviews r JOIN messages m ON m.id = r.message_id
    WHERE (r.line_id IS NOT NULL OR r.hidden IS NOT NULL) AND m.person_id = ?`);
  const insertPerson = db.prepare('INSERT INTO people DEFAULT VALUES');
  const moveAlias = db.prepare<[number, string, number]>(
    'UPDATE aliases SET person_id = ? WHERE alias = ? AND person_id = ?',
  );
  const moveMembership = db.prepare<[number, number, number]>(
    'UPDATE OR IGNORE chat_members SET person_id = ? WHERE person_id = ? AND chat_id = ?',
  );
  const moveReactions = db.prepare<[number, number, number]>(
    'UPDATE reactions SET person_id = ? WHERE person_id = ? AND chat_id = ?',
  );
  // their tags in the index name the person they were
  const readAgain = db.prepare<[number, number]>(`INSERT INTO search_gone(message_id) SELECT id FROM messages
    WHERE person_id = ? AND chat_id = ? AND origin <> 'bot' AND id <= COALESCE((SELECT indexed_to FROM review_state), 0)`);
  const moveMessages = db.prepare<[number, number, number]>(
    `UPDATE messages SET person_id = ? WHERE person_id = ? AND chat_id = ? AND origin <> 'bot'`,
  );
  const chatKeys = db.prepare<[number], { id: number; key: string }>(
    'SELECT id, key FROM chats WHERE id IN (SELECT chat_id FROM messages WHERE person_id = ?)',
  );

  const summary = (
    { id, name }: { id: number; name: string },
    own: ReturnType<ReviewCounts['ofPerson']>,
  ): PersonSummary => {
    const history = ledger.history(id);
    const log = consentState(history, 'log');
    const written = own.filter(({ isBot }) => !isBot);
    const sum = (of: (each: (typeof own)[number]) => number): number =>
      written.reduce((total, each) => total + of(each), 0);
    return {
      id,
      name,
      aliases: people.aliases(id),
      log,
      imitate: consentState(history, 'imitate'),
      isOpen: isOpen(log),
      messages: sum((each) => each.messages),
      approved: sum((each) => each.approved),
      rejected: sum((each) => each.rejected),
      chats: written.length,
    };
  };

  const get = (personId: number): PersonDetails => {
    counts.step(30);
    const id = ledger.root(personId);
    const own = counts.ofPerson(id);
    const { lines, hidden } = reviewed.get(id)!;
    return {
      ...summary({ id, name: people.nameOf(id) }, own),
      ledger: ledger.history(id),
      inChats: own
        .filter(({ isBot }) => !isBot)
        .map(({ chatId, messages, approved, rejected }) => ({ chatId, messages, approved, rejected }))
        .sort((a, b) => b.messages - a.messages),
      reactions: reactions.get(id)!,
      editedLines: lines,
      hiddenMessages: hidden,
    };
  };

  const split = db.transaction((personId: number, aliases: readonly string[], chatIds: readonly number[]): number => {
    const from = ledger.root(personId);
    const known = people.aliases(from);
    check(
      aliases.every((alias) => known.includes(alias)),
      'these are ids of that person',
    );
    if (aliases.length === 0 || aliases.length === known.length || aliases.includes('me')) {
      throw new UserError(
        'A person cannot be split like that.',
        'Choose some of their ids, not all, and not the one of this account.',
      );
    }
    const to = Number(insertPerson.run().lastInsertRowid);
    for (const alias of aliases) moveAlias.run(to, alias, from);
    for (const chatId of chatIds) {
      readAgain.run(from, chatId);
      for (const move of [moveMembership, moveReactions, moveMessages]) move.run(to, from, chatId);
    }
    return to;
  });

  return {
    list: () => {
      counts.step(30);
      const byPerson = new Map<number, ReturnType<ReviewCounts['ofPerson']>>();
      for (const count of counts.all()) {
        const own = byPerson.get(count.personId);
        if (own === undefined) byPerson.set(count.personId, [count]);
        else own.push(count);
      }
      return persons
        .all()
        .map((person) => summary(person, byPerson.get(person.id) ?? []))
        .sort((a, b) => b.messages - a.messages || a.id - b.id);
    },
    get,
    merge: (personId, otherId) => {
      const [one, other] = [people.aliases(personId)[0], people.aliases(otherId)[0]];
      if (one === undefined || other === undefined) {
        throw new UserError(
          'Somebody without any id cannot be merged.',
          'They were forgotten; nothing of theirs is left.',
        );
      }
      return people.resolve([one, other]);
    },
    split: (...args) => split.immediate(...args),
    chatsOfAliases: (personId, aliases) => {
      const id = ledger.root(personId);
      const isTheirs = (key: string): boolean =>
        aliases.some((alias) => alias === key || alias.startsWith(`name:${key}:`));
      return chatKeys.all(id).flatMap(({ id: chatId, key }) => (isTheirs(key) ? [chatId] : []));
    },
  };
}
