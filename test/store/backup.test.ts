/**
 * Backups (promise A9): a copy equals the database row by row, a damaged one is refused, a week is kept, and a restore
 * brings back rows but never takes back a no. Killed or out of space at any point, there is the old or the new database.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backupsDir, createBackup, listBackups, removeOldBackups, verifyBackup } from '../../src/store/backup.ts';
import { openSqlite } from '../../src/store/database.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { restoreBackup } from '../../src/store/restore.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { UserError } from '../../src/util/errors.ts';
import { sha256 } from '../../src/util/files.ts';
import { draft, freshDir, put, say, scene, type Scene } from './support.ts';

const start = Date.UTC(2026, 10, 20, 3);
const dayMs = 24 * 3_600_000;
const database = (dir: string): string => join(dir, 'persona.sqlite');

/** A scene with some messages, closed. */
function written(dir: string, texts: readonly string[] = ['first words', 'second words', 'third words']): Scene {
  const made = scene({ dir });
  for (const text of texts) put(made.store, draft(made.chat, made.contact, text, { waId: `wa-${text}` }));
  made.store.close();
  return made;
}

function reopened<T>(dir: string, work: (store: Store) => T): T {
  const store = openStore(dir);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** Every row of every table, and their hash. */
function rowsOf(file: string): { count: number; hash: string } {
  const db = openSqlite(file, { readonly: true });
  try {
    const tables = db
      .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
      .pluck()
      .all();
    const rows = tables.flatMap((table) =>
      db.prepare(`SELECT * FROM "${table}"`).raw().safeIntegers().all(),
    ) as unknown[][];
    const lines = rows.map((row) => row.map(String).join('|')).sort();
    return { count: rows.length, hash: sha256(lines.join('\n')) };
  } finally {
    db.close();
  }
}

const textsOf = (dir: string, chat: number): string[] =>
  reopened(dir, (store) => store.messages.recent(chat, 100).map(({ text }) => text));

async function failure(work: () => unknown): Promise<UserError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a copy', () => {
  test('has every row, is private, and needs no companion', async () => {
    const dir = freshDir();
    written(dir);
    const made = await createBackup(dir, start);
    expect(made).toMatchObject({ messages: 3, people: 2, consentEvents: 2, isHashKnown: true });
    expect(rowsOf(made.path)).toEqual(rowsOf(database(dir)));
    expect(statSync(made.path).mode & 0o777).toBe(0o600);
    expect(statSync(backupsDir(dir)).mode & 0o777).toBe(0o700);
    expect(readdirSync(backupsDir(dir))).toEqual([
      expect.stringMatching(/^persona-2026-11-20T03-00-00-000Z-[0-9a-f]{16}\.sqlite$/),
    ]);
    expect(verifyBackup(made.path)).toEqual(made);
  });

  test('is made while the program writes', async () => {
    const dir = freshDir();
    const { store, chat, contact } = scene({ dir });
    const copying = createBackup(dir, start);
    for (let n = 0; n < 50; n++) {
      put(store, draft(chat, contact, `meanwhile ${n}`));
      await new Promise(setImmediate);
    }
    const made = await copying;
    expect(verifyBackup(made.path).messages).toBeLessThanOrEqual(50);
    expect(store.messages.count()).toBe(50);
  });

  test('is refused by name where a byte of its text was changed', async () => {
    const dir = freshDir();
    written(dir);
    const { path } = await createBackup(dir, start);
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('second words')] = 'S'.charCodeAt(0);
    writeFileSync(path, bytes);
    const error = await failure(() => verifyBackup(path));
    expect(error.message).toContain('its bytes are not the ones that were written');
  });

  test.each([
    ['cut in half', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    [
      'with a page of zeros',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(4096), bytes.subarray(8192)]),
    ],
    ['of another program', () => Buffer.from('once upon a time there was no database in here at all')],
  ])('%s is refused, also under a name without a hash', async (_what, damage) => {
    const dir = freshDir();
    written(dir);
    const { path } = await createBackup(dir, start);
    const other = join(dir, 'mine.sqlite');
    writeFileSync(other, damage(readFileSync(path)), { mode: 0o600 });
    expect((await failure(() => verifyBackup(other))).message).toContain('mine.sqlite is damaged');
    const before = rowsOf(database(dir));
    expect((await failure(() => restoreBackup({ dataDir: dir, file: other, nowMs: start }))).message).toContain(
      'damaged',
    );
    expect(rowsOf(database(dir))).toEqual(before);
  });

  test('is kept for a week; the newest stays whatever its age', async () => {
    const dir = freshDir();
    written(dir);
    for (let day = 0; day < 9; day++) await createBackup(dir, start + day * dayMs);
    const ages = listBackups(dir).map(({ atMs }) => (start + 8 * dayMs - atMs) / dayMs);
    expect(ages).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    writeFileSync(join(backupsDir(dir), 'before-schema-2-2026-11-01T00-00-00-000Z.sqlite'), '');
    writeFileSync(join(backupsDir(dir), 'a note of my own.txt'), '');
    expect(removeOldBackups(dir, start + 100 * dayMs)).toHaveLength(8);
    expect(listBackups(dir)).toMatchObject([{ kind: 'copy', atMs: start + 8 * dayMs }]);
    expect(existsSync(join(backupsDir(dir), 'a note of my own.txt'))).toBe(true);
  });

  test('waits for nobody who forgets or restores: it ends with 75', async () => {
    const dir = freshDir();
    written(dir);
    const lock = acquireLock(dir, 'write-admin');
    expect((await failure(() => createBackup(dir, start))).exitCode).toBe(75);
    lock.release();
    await createBackup(dir, start);
  });

  test('of nothing is refused', async () => {
    expect((await failure(() => createBackup(freshDir(), start))).message).toContain('does not exist yet');
  });
});

describe('restoring', () => {
  test('into an empty folder gives the same rows (the drill of A9)', async () => {
    const [from, to] = [freshDir(), freshDir()];
    written(
      from,
      Array.from({ length: 500 }, (_, n) => `message number ${n}`),
    );
    const { path } = await createBackup(from, start);
    const done = await restoreBackup({ dataDir: to, file: path, nowMs: start });
    expect(done).toMatchObject({ kept: null, reconciled: null });
    expect(rowsOf(database(to))).toEqual(rowsOf(database(from)));
    expect(statSync(database(to)).mode & 0o777).toBe(0o600);
    expect(reopened(to, (store) => store.messages.count())).toBe(500);
  });

  test('over a database brings the copy back and keeps what was there', async () => {
    const dir = freshDir();
    const { chat, contact } = written(dir);
    const { path } = await createBackup(dir, start);
    reopened(dir, (store) => put(store, draft(chat, contact, 'written later')));
    const later = rowsOf(database(dir));
    const done = await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    expect(done.reconciled).toEqual({ consentEvents: 0, forgotten: 0, messages: 0 });
    expect(textsOf(dir, chat)).toEqual(['first words', 'second words', 'third words']);
    expect(rowsOf(done.kept ?? '')).toEqual(later);
    expect(listBackups(dir).map(({ kind }) => kind)).toEqual(['replaced', 'copy']);
    await restoreBackup({ dataDir: dir, file: done.kept ?? '', nowMs: start + dayMs + 1 });
    expect(textsOf(dir, chat)).toContain('written later');
    expect(readdirSync(dir)).not.toContain('.restore');
  });

  test.each(['start', 'retrain', 'import', 'write-admin'] as const)(
    'is refused while another process has the role %s',
    async (role) => {
      const dir = freshDir();
      written(dir);
      const { path } = await createBackup(dir, start);
      const lock = acquireLock(dir, role);
      expect((await failure(() => restoreBackup({ dataDir: dir, file: path, nowMs: start }))).exitCode).toBe(75);
      lock.release();
    },
  );

  test('a damaged database is put aside, its log with it, and its ledger still counts', async () => {
    const dir = freshDir();
    const { contact, chat } = written(
      dir,
      Array.from({ length: 400 }, (_, n) => `words and more words ${n}`),
    );
    const { path } = await createBackup(dir, start);
    reopened(dir, (store) => say(store, contact, 'withdrawn', start + 1));
    const bytes = readFileSync(database(dir));
    const page = Math.floor(bytes.indexOf('words and more words 200') / 4096) * 4096;
    bytes.fill(0, page, page + 4096);
    writeFileSync(database(dir), bytes);
    expect(() => openStore(dir)).toThrow('is damaged');

    const done = await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    expect(done.reconciled).toMatchObject({ consentEvents: 1 });
    expect(readFileSync(done.kept ?? '')).toEqual(bytes);
    expect(reopened(dir, (store) => [store.messages.count(), store.consent.isOpen(contact)])).toEqual([400, false]);
    expect(textsOf(dir, chat)).toEqual([]); // sealed
  });

  test('where nobody can read what was said since, it wants a word, and switches everything off', async () => {
    const dir = freshDir();
    const { chat } = written(dir);
    reopened(dir, (store) => store.chats.set(chat, { collect: true, bot: true }));
    const { path } = await createBackup(dir, start);
    writeFileSync(database(dir), 'no database any more', { mode: 0o600 });
    rmSync(`${database(dir)}-wal`, { force: true });
    const error = await failure(() => restoreBackup({ dataDir: dir, file: path, nowMs: start }));
    expect(error.hint).toContain('--without-ledger');
    expect(readFileSync(database(dir), 'utf8')).toBe('no database any more');
    await restoreBackup({ dataDir: dir, file: path, nowMs: start, withoutLedger: true });
    expect(reopened(dir, (store) => store.chats.get(chat))).toMatchObject({ collect: false, bot: false });
  });

  test('a log that somebody left behind is not read as the new file’s own', async () => {
    const [from, to] = [freshDir(), freshDir()];
    written(from);
    const { path } = await createBackup(from, start);
    const { store, chat, contact } = scene({ dir: to });
    put(store, draft(chat, contact, 'of another life'));
    const log = readFileSync(`${database(to)}-wal`);
    store.close();
    rmSync(database(to));
    writeFileSync(`${database(to)}-wal`, log, { mode: 0o600 });
    await restoreBackup({ dataDir: to, file: path, nowMs: start });
    expect(rowsOf(database(to))).toEqual(rowsOf(database(from)));
  });
});

describe('a no outlives a restore', () => {
  test('withdrawn, declined and forgotten since: sealed, sealed, erased', async () => {
    const dir = freshDir();
    const { store, owner, contact, chat } = scene({ dir });
    const other = store.people.resolve(['4922@c.us']);
    const group = store.chats.resolve('1@g.us', 'group');
    for (const person of [owner, contact, other]) store.chats.addMember(group, person);
    say(store, other, 'granted');
    put(store, draft(chat, contact, 'secret of the contact'));
    put(store, draft(group, other, 'secret of the other'));
    put(store, draft(group, owner, 'words of the owner'));
    store.close();
    const { path } = await createBackup(dir, start);
    reopened(dir, (now) => {
      now.forget(contact);
      say(now, contact, 'forgotten', start + 1);
      say(now, other, 'withdrawn', start + 2);
      say(now, other, 'declined', start + 3, 'imitate');
    });

    const done = await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    expect(done.reconciled).toMatchObject({ consentEvents: 3, forgotten: 1 });
    reopened(dir, (now) => {
      expect(now.consent.isOpen(contact)).toBe(false);
      expect(now.consent.history(contact).map(({ action }) => action)).toEqual(['granted', 'forgotten']);
      expect(now.consent.state(other, 'imitate').state).toBe('declined');
      expect(now.messages.countBy(contact)).toBe(0);
      expect(now.messages.recent(group, 10).map(({ text }) => text)).toEqual(['words of the owner']);
    });
    for (const name of ['persona.sqlite', 'persona.sqlite-wal'].filter((file) => existsSync(join(dir, file)))) {
      expect(readFileSync(join(dir, name)).includes('secret of the contact')).toBe(false);
    }
  });

  test('people who came since keep their lines, and one person under two ids stays one', async () => {
    const dir = freshDir();
    const { chat } = written(dir);
    const { path } = await createBackup(dir, start);
    reopened(dir, (store) => {
      const late = store.people.resolve(['4933@c.us']);
      say(store, late, 'declined', start + 1);
      store.people.resolve(['4911@c.us', '77@lid']);
      store.chats.set(chat, { collect: true, bot: false });
    });
    await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    reopened(dir, (store) => {
      expect(store.consent.state(store.people.find('4933@c.us') ?? 0, 'log').state).toBe('declined');
      expect(store.people.find('77@lid')).toBe(store.people.find('4911@c.us'));
      expect(store.chats.get(chat).collect).toBe(true);
    });
  });

  test('a yes that came after a no counts, a no of the copy that the present database never heard of too', async () => {
    const [mine, foreign] = [freshDir(), freshDir()];
    const first = written(mine);
    reopened(mine, (store) => say(store, first.contact, 'withdrawn', 10));
    const { path } = await createBackup(mine, start);
    reopened(mine, (store) => say(store, first.contact, 'granted', 20));
    await restoreBackup({ dataDir: mine, file: path, nowMs: start });
    expect(reopened(mine, (store) => store.consent.state(first.contact, 'log').state)).toBe('granted');

    const second = written(foreign); // knows the same people, granted at 0
    await restoreBackup({ dataDir: foreign, file: path, nowMs: start });
    expect(reopened(foreign, (store) => store.consent.state(second.contact, 'log').state)).toBe('withdrawn');
  });

  test('messages deleted or edited since stay so; those of another life are left alone', async () => {
    const dir = freshDir();
    const { chat } = written(dir);
    const { path } = await createBackup(dir, start);
    reopened(dir, (store) => {
      store.messages.erase(chat, 'wa-first words');
      store.messages.edit(chat, 'wa-second words', 'better words');
    });
    const done = await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    expect(done.reconciled?.messages).toBe(2);
    expect(textsOf(dir, chat)).toEqual(['better words', 'third words']);

    const elsewhere = freshDir();
    const fresh = scene({ dir: elsewhere });
    say(fresh.store, fresh.owner, 'asked', 7);
    fresh.store.close();
    reopened(dir, (store) => say(store, 1, 'asked', 8));
    const copy = await createBackup(dir, start + dayMs);
    await restoreBackup({ dataDir: elsewhere, file: copy.path, nowMs: start + dayMs });
    expect(textsOf(elsewhere, chat)).toEqual(['better words', 'third words']);
  });

  test('a message that has its reply gets no second one', async () => {
    const dir = freshDir();
    const { chat } = written(dir);
    const { path } = await createBackup(dir, start);
    reopened(dir, (store) => {
      const id = store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: 'wa-asked', textHash: 'x' });
      store.outbox.sent(id, 'wa-sent');
    });
    await restoreBackup({ dataDir: dir, file: path, nowMs: start + dayMs });
    expect(reopened(dir, (store) => store.outbox.answered(chat, 'wa-asked'))).toBe(true);
  });
});

test('a file that others may read, or a link, is refused as data', async () => {
  const dir = freshDir();
  written(dir);
  const { path } = await createBackup(dir, start);
  const elsewhere = freshDir();
  renameSync(path, join(elsewhere, 'copy.sqlite'));
  chmodSync(elsewhere, 0o755);
  writeFileSync(join(elsewhere, 'persona.sqlite'), '');
  const error = await failure(() => restoreBackup({ dataDir: elsewhere, file: 'copy.sqlite', nowMs: start }));
  expect(error.message).toContain('can be opened by other users');
});
