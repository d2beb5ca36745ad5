/**
 * What stays of somebody who was forgotten: keyed hashes (HMAC-SHA256, RFC 2104, cut to 16 bytes) of their ids, their
 * names as exports spell them, and what they wrote when, so that an export cannot bring them back under whichever name a
 * phone gives them. Their own yes lifts all (ledger.ts). The key is 32 random bytes in `settings`; where a restore brought two stores together there are two.
 * Who has both file and key can test a guess ("is it this number?") but read nothing.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { matchText } from './match.ts';
import { createSettings } from './settings.ts';

/** A message as an export shows it: its text, and the instants (unix ms) that its local time may be. */
export interface Said {
  text: string;
  times: readonly number[];
}

export interface Tombstones {
  /** Inside a transaction, before anything is erased: hashes of everything by which this person could come back. */
  bury(personId: number, nowMs: number): void;
  /** Ids and names by which this person could come back. */
  idsOf(personId: number): { aliases: string[]; names: string[] };
  /** Inside a transaction: hashes of these, of nobody whom this store knows. */
  buryIds(ids: { aliases: readonly string[]; names: readonly string[] }, nowMs: number): void;
  /** All of them with the keys they need, for another store. */
  all(): StoredTombstones;
  /** Inside a transaction: hashes of another store, of nobody whom this one knows. */
  take(stored: StoredTombstones, personOf?: (theirId: number) => number | undefined): void;
  /** Was this id (as in `aliases`) forgotten? */
  hasAlias(alias: string): boolean;
  /** Was somebody of this name forgotten? */
  hasName(name: string): boolean;
  /** Is it worth reading an export for messages? */
  hasMessages(): boolean;
  /** `minute`: this text at this minute was forgotten; `text`: this long text, at whatever time */
  messageIs(said: Said): 'minute' | 'text' | undefined;
  count(): number;
  /** of one person */
  countOf(personId: number): number;
}

export interface StoredTombstones {
  keys: string[];
  rows: { hash: Buffer; person_id: number; kind: string; at_ms: number }[];
}

/** messages of one person that are hashed, evenly spread over all of theirs */
const mostMessages = 20_000;
/** a text this long is told by its words alone, whatever time zone an export is read in */
export const distinctTextChars = 32;
const minuteMs = 60_000;
const keySetting = 'tombstone.keys';

export function createTombstones(db: Database, root: (personId: number) => number): Tombstones {
  const settings = createSettings(db);
  const insert = db.prepare<[Buffer, number, string, number]>(
    'INSERT OR IGNORE INTO tombstones (hash, person_id, kind, at_ms) VALUES (?, ?, ?, ?)',
  );
  const find = db.prepare<[Buffer, string]>('SELECT 1 FROM tombstones WHERE hash = ? AND kind = ? LIMIT 1');
  const any = db.prepare(`SELECT 1 FROM tombstones WHERE kind = 'message' LIMIT 1`);
  const countOf = db.prepare<[number]>('SELECT COUNT(*) FROM tombstones WHERE person_id = ?').pluck();
  const count = db.prepare('SELECT COUNT(*) FROM tombstones').pluck();
  const aliases = db.prepare<[number], string>('SELECT alias FROM aliases WHERE person_id = ?').pluck();
  const names = db
    .prepare<{ person: number }, string>(
      `SELECT name FROM people WHERE (id = :person OR merged_into = :person) AND name <> ''
       UNION SELECT substr(a.alias, length(c.key) + 7) FROM aliases a JOIN chats c
         ON substr(a.alias, 1, length(c.key) + 6) = 'name:' || c.key || ':' WHERE a.person_id = :person
       UNION SELECT substr(alias, 9) FROM aliases WHERE person_id = :person AND alias LIKE 'speaker:%'`,
    )
    .pluck();
  const said = db.prepare<{ person: number; step: number }, { text: string; timestamp_ms: number }>(
    `SELECT text, timestamp_ms FROM messages WHERE person_id = :person AND origin <> 'bot' AND text <> ''
       AND id % :step = 0`,
  );
  const texts = db
    .prepare<[number], number>(`SELECT COUNT(*) FROM messages WHERE person_id = ? AND origin <> 'bot' AND text <> ''`)
    .pluck();

  const keys = (): string[] => settings.get(keySetting)?.split(' ') ?? [];
  const firstKey = (): string => {
    const [known] = keys();
    if (known !== undefined) return known;
    const made = randomBytes(32).toString('hex');
    settings.set(keySetting, made);
    return made;
  };
  const isKnown = (kind: string, material: string): boolean =>
    keys().some((key) => find.get(hashOf(key, kind, material), kind) !== undefined);

  const everything = db.prepare<[], StoredTombstones['rows'][number]>('SELECT * FROM tombstones');

  const idsOf = (person: number): { aliases: string[]; names: string[] } => ({
    aliases: aliases.all(person),
    names: names.all({ person }),
  });
  const putIds = (
    ids: { aliases: readonly string[]; names: readonly string[] },
    person: number,
    nowMs: number,
  ): void => {
    const key = firstKey();
    for (const alias of ids.aliases) insert.run(hashOf(key, 'alias', alias), person, 'alias', nowMs);
    for (const name of ids.names.map(foldName).filter((folded) => folded !== '')) {
      insert.run(hashOf(key, 'name', name), person, 'name', nowMs);
    }
  };

  return {
    bury: (personId, nowMs) => {
      const person = root(personId);
      putIds(idsOf(person), person, nowMs);
      const key = firstKey();
      const put = (material: string): void =>
        void insert.run(hashOf(key, 'message', material), person, 'message', nowMs);
      const step = Math.max(1, Math.ceil((texts.get(person) ?? 0) / mostMessages));
      for (const { text, timestamp_ms: atMs } of said.all({ person, step })) {
        const plain = matchText(text);
        if (plain === '') continue;
        put(atMinute(plain, atMs));
        if (isDistinct(plain)) put(plain);
      }
    },
    idsOf: (personId) => idsOf(root(personId)),
    buryIds: (ids, nowMs) => putIds(ids, 0, nowMs),
    all: () => ({ keys: keys(), rows: everything.all() }),
    take: (stored, personOf = () => undefined) => {
      const all = [...new Set([...stored.keys, ...keys()])];
      if (all.length > 0) settings.set(keySetting, all.join(' '));
      for (const row of stored.rows) insert.run(row.hash, personOf(row.person_id) ?? 0, row.kind, row.at_ms);
    },
    hasAlias: (alias) => isKnown('alias', alias),
    hasName: (name) => foldName(name) !== '' && isKnown('name', foldName(name)),
    hasMessages: () => any.get() !== undefined,
    messageIs: ({ text, times }) => {
      const plain = matchText(text);
      if (plain === '') return undefined;
      if (times.some((atMs) => isKnown('message', atMinute(plain, atMs)))) return 'minute';
      return isDistinct(plain) && isKnown('message', plain) ? 'text' : undefined;
    },
    count: () => Number(count.get()),
    countOf: (personId) => Number(countOf.get(root(personId))),
  };
}

/** Names differ between phones in case, width, marks of direction and the tilde before a name that nobody saved. */
export function foldName(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/^\s*~/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

function isDistinct(plain: string): boolean {
  return plain.length >= distinctTextChars;
}

function atMinute(plain: string, atMs: number): string {
  return `${Math.floor(atMs / minuteMs)}\n${plain}`;
}

function hashOf(key: string, kind: string, material: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`${kind}\n${material}`).digest().subarray(0, 16);
}
