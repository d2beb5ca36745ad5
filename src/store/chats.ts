/** Chats, what is switched on in them, and who is in them. Nothing here holds a word that anyone wrote. */
import type { Database } from 'better-sqlite3';
import type { ChatKind } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Ledger } from './ledger.ts';

export interface Chat {
  id: number;
  /** WhatsApp's chat id, or `import:<hash>` */
  key: string;
  kind: ChatKind;
  collect: boolean;
  bot: boolean;
  /** when collection was last switched on, unix ms; null while it is off */
  collectSinceMs: number | null;
  /** when the bot last said what it is in this chat */
  disclosedAtMs: number | null;
}

export interface Chats {
  resolve(key: string, kind: ChatKind): number;
  find(key: string): number | undefined;
  /** the chat with this key */
  known(key: string): Chat | undefined;
  get(id: number): Chat;
  /** `collect: true` starts collecting now (it changes nothing where collection is on already) */
  set(id: number, changes: { collect?: boolean; bot?: boolean; disclosedAtMs?: number }): void;
  addMember(chatId: number, personId: number): void;
  members(chatId: number): number[];
  list(): Chat[];
}

interface Row {
  id: number;
  key: string;
  kind: ChatKind;
  collect: number;
  bot: number;
  collect_since_ms: number | null;
  disclosed_at_ms: number | null;
}

const toChat = (row: Row): Chat => ({
  id: row.id,
  key: row.key,
  kind: row.kind,
  collect: row.collect === 1,
  bot: row.bot === 1,
  collectSinceMs: row.collect_since_ms,
  disclosedAtMs: row.disclosed_at_ms,
});

export function createChats(db: Database, ledger: Ledger, now: () => number): Chats {
  const byKey = db.prepare<[string], { id: number }>('SELECT id FROM chats WHERE key = ?');
  const insert = db.prepare<[string, string]>(
    'INSERT INTO chats (key, kind) VALUES (?, ?) ON CONFLICT (key) DO NOTHING',
  );
  const byId = db.prepare<[number], Row>('SELECT * FROM chats WHERE id = ?');
  const rowByKey = db.prepare<[string], Row>('SELECT * FROM chats WHERE key = ?');
  const all = db.prepare<[], Row>('SELECT * FROM chats ORDER BY id');
  const collectOn = db.prepare<[number, number]>(
    'UPDATE chats SET collect = 1, collect_since_ms = ? WHERE id = ? AND collect = 0',
  );
  const collectOff = db.prepare<[number]>('UPDATE chats SET collect = 0, collect_since_ms = NULL WHERE id = ?');
  const setBot = db.prepare<[number, number]>('UPDATE chats SET bot = ? WHERE id = ?');
  const setDisclosed = db.prepare<[number, number]>('UPDATE chats SET disclosed_at_ms = ? WHERE id = ?');
  const insertMember = db.prepare<[number, number]>('INSERT INTO chat_members VALUES (?, ?) ON CONFLICT DO NOTHING');
  const membersOf = db.prepare<[number], { person_id: number }>(
    'SELECT person_id FROM chat_members WHERE chat_id = ? ORDER BY person_id',
  );

  const find = (key: string): number | undefined => byKey.get(key)?.id;
  const get = (id: number): Chat => {
    const row = byId.get(id);
    check(row !== undefined, `chat ${id} is not in the store`);
    return toChat(row);
  };
  const set = db.transaction((id: number, changes: Parameters<Chats['set']>[1]): void => {
    get(id);
    if (changes.collect === true) collectOn.run(now(), id);
    if (changes.collect === false) collectOff.run(id);
    if (changes.bot !== undefined) setBot.run(changes.bot ? 1 : 0, id);
    if (changes.disclosedAtMs !== undefined) setDisclosed.run(changes.disclosedAtMs, id);
  });

  return {
    resolve: (key, kind) => {
      check(key !== '', 'a chat needs a key');
      const known = find(key);
      if (known !== undefined) return known;
      insert.run(key, kind);
      return find(key)!;
    },
    find,
    known: (key) => {
      const row = rowByKey.get(key);
      return row && toChat(row);
    },
    get,
    set: (id, changes) => set.immediate(id, changes),
    addMember: (chatId, personId) => {
      insertMember.run(chatId, ledger.root(personId));
    },
    members: (chatId) => membersOf.all(chatId).map((row) => row.person_id),
    list: () => all.all().map(toChat),
  };
}
