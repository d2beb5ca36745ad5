/** Opening, refusing and migrating the database file. Run: npx vitest run test/store/open.test.ts */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type * as Fs from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openDatabase } from '../../src/store/open.ts';
import { migrations } from '../../src/store/schema.ts';
import { explainSqlite } from '../../src/store/sqlite-errors.ts';
import { openStore } from '../../src/store/store.ts';
import { UserError } from '../../src/util/errors.ts';
import { draft, freshDir, put, scene } from './support.ts';

function refusal(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function opened(dir: string, options?: Parameters<typeof openDatabase>[1]): ReturnType<typeof openDatabase> {
  const db = openDatabase(dir, options);
  onTestFinished(() => {
    db.close();
  });
  return db;
}

/** a closed database with one message in it */
function filled(): { dir: string; file: string } {
  const dir = freshDir();
  const { store, contact, chat } = scene({ dir });
  store.transaction(() => {
    for (let n = 0; n < 200; n++) put(store, draft(chat, contact, `message ${n} ${'x'.repeat(100)}`));
  });
  store.close();
  return { dir, file: join(dir, 'persona.sqlite') };
}

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('a new folder is 0700, every file in it 0600', () => {
  const dir = join(freshDir(), 'a', 'data');
  const store = openStore(dir);
  onTestFinished(() => store.close());
  store.settings.set('a', 'b');
  expect(mode(dir)).toBe('700');
  expect(mode(join(dir, '..'))).toBe('700');
  const files = readdirSync(dir);
  expect(files.sort()).toEqual(['persona.sqlite', 'persona.sqlite-shm', 'persona.sqlite-wal']);
  for (const file of files) expect(mode(join(dir, file)), file).toBe('600');
});

test('pragmas hold after a write, on the first open and on every later one', () => {
  const dir = freshDir();
  for (const round of [1, 2]) {
    const db = openDatabase(dir);
    db.prepare('INSERT INTO settings VALUES (?, ?)').run(`round ${round}`, 'x');
    const read = (name: string): unknown => db.pragma(name, { simple: true });
    expect(read('synchronous')).toBe(2); // FULL
    expect(read('journal_mode')).toBe('wal');
    expect(read('foreign_keys')).toBe(1);
    expect(read('secure_delete')).toBe(1);
    expect(read('cell_size_check')).toBe(1);
    expect(read('trusted_schema')).toBe(0);
    expect(read('busy_timeout')).toBe(5000);
    expect(read('temp_store')).toBe(2); // memory
    db.close();
  }
});

test('a folder that others can open is refused, with the command that closes it', () => {
  const dir = freshDir();
  for (const open of [0o755, 0o750, 0o701]) {
    chmodSync(dir, open);
    const error = refusal(() => openStore(dir));
    expect(error.message).toBe(`${dir} can be opened by other users (mode 0${open.toString(8)}).`);
    expect(error.hint).toBe(`Close it, then try again: chmod 700 ${dir}`);
    expect(error.exitCode).toBe(1);
    expect(readdirSync(dir)).toEqual([]);
  }
});

test('the folder of a fresh clone is closed instead; with a database in it, no more', () => {
  const dir = freshDir();
  writeFileSync(join(dir, 'README.md'), 'what goes here');
  chmodSync(dir, 0o755);
  openStore(dir).close();
  expect(mode(dir)).toBe('700');
  chmodSync(dir, 0o755);
  expect(refusal(() => openStore(dir)).message).toMatch(/can be opened by other users/);
});

test('symbolic links, files in place of folders and open files are refused', () => {
  const dir = freshDir();
  const link = join(dir, 'link');
  const real = join(dir, 'real');
  mkdirSync(real, { mode: 0o700 });
  symlinkSync(real, link);
  const linked = refusal(() => openStore(link));
  expect(linked.message).toBe(`${link} is a symbolic link, and private data is kept in real folders only.`);
  expect(linked.hint).toBe(`Set DATA_DIR to ${realpathSync(real)}, and run: chmod 700 ${realpathSync(real)}`);
  expect(readdirSync(real)).toEqual([]);

  writeFileSync(join(dir, 'file'), '');
  expect(refusal(() => openStore(join(dir, 'file'))).message).toBe(`${join(dir, 'file')} is not a folder.`);

  const { dir: data, file } = filled();
  chmodSync(file, 0o644);
  const loose = refusal(() => openStore(data));
  expect(loose.message).toBe(`${file} can be read by other users (mode 0644).`);
  expect(loose.hint).toBe(`Close it, then try again: chmod 600 ${file}`);
  symlinkSync(file, join(real, 'persona.sqlite'));
  const linkedFile = refusal(() => openStore(real));
  expect(linkedFile.message).toMatch(
    /persona\.sqlite is a symbolic link, and private data is kept in real files only\.$/,
  );
  expect(linkedFile.hint).toMatch(/^Replace the link by the file itself: cp .* && chmod 600 /);
  const other = join(dir, 'other');
  mkdirSync(join(other, 'persona.sqlite'), { recursive: true, mode: 0o700 });
  expect(refusal(() => openStore(other)).message).toBe(`${join(other, 'persona.sqlite')} is not a file.`);
});

test('a damaged file is named, kept byte for byte, and not written to', () => {
  const damage: Record<string, (file: string) => void> = {
    'no database': (file) => writeFileSync(file, 'x'.repeat(5000)),
    'cut short': (file) => truncateSync(file, statSync(file).size - 8192),
    'a zeroed page': (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0, 4096 * 2, 4096 * 3);
      writeFileSync(file, bytes);
    },
    'page numbers beyond the end': (file) => {
      const bytes = readFileSync(file);
      for (let page = 4096; page < bytes.length; page += 4096) bytes.fill(0xff, page + 8, page + 24);
      writeFileSync(file, bytes);
    },
  };
  for (const [name, apply] of Object.entries(damage)) {
    const { dir, file } = filled();
    apply(file);
    const before = readFileSync(file);
    const error = refusal(() => openStore(dir));
    expect(error.message, name).toBe(`${file} is damaged. It was left as it is.`);
    expect(error.hint).toBe('Move the file away, and put a copy from data/backups or of your own in its place.');
    expect(readFileSync(file).equals(before), name).toBe(true);
  }
});

test('a database of another program, or of a newer version, is refused untouched', () => {
  const dir = freshDir();
  const file = join(dir, 'persona.sqlite');
  const other = openSqlite(file);
  other.exec('CREATE TABLE t (a)');
  other.close();
  chmodSync(file, 0o600);
  expect(refusal(() => openStore(dir)).message).toBe(`${file} belongs to another program.`);

  const { dir: data, file: ours } = filled();
  const db = openSqlite(ours);
  db.pragma('user_version = 99');
  db.close();
  const before = readFileSync(ours);
  const error = refusal(() => openStore(data));
  expect(error.message).toBe(
    `${ours} was written by a newer version of this program (schema 99; this one knows ${migrations.length}).`,
  );
  expect(error.hint).toBe('Update this program (git pull && npm ci), or set DATA_DIR to another folder.');
  expect(readFileSync(ours).equals(before)).toBe(true);
});

const next = (sql: string): typeof migrations => [...migrations, { version: migrations.length + 1, sql }];

test('a migration of a database that holds rows is backed up first', () => {
  const { dir } = filled();
  const db = opened(dir, { migrations: next('ALTER TABLE people ADD COLUMN note TEXT') });
  expect(db.pragma('user_version', { simple: true })).toBe(migrations.length + 1);
  expect(db.prepare('SELECT COUNT(*) AS n FROM messages').get()).toEqual({ n: 200 });
  const backups = readdirSync(join(dir, 'backups'));
  expect(backups).toEqual([expect.stringMatching(new RegExp(`^before-schema-${migrations.length + 1}-.*\\.sqlite$`))]);
  const backup = join(dir, 'backups', backups[0]!);
  expect(mode(backup)).toBe('600');
  const restored = freshDir();
  copyFileSync(backup, join(restored, 'persona.sqlite'));
  chmodSync(join(restored, 'persona.sqlite'), 0o600);
  const store = openStore(restored);
  onTestFinished(() => store.close());
  expect(store.messages.count()).toBe(200);
});

test('no backup where there is nothing to lose, or where it was declined', () => {
  const empty = freshDir();
  openStore(empty).close();
  opened(empty, { migrations: next('ALTER TABLE people ADD COLUMN note TEXT') });
  expect(existsSync(join(empty, 'backups'))).toBe(false);
  const { dir } = filled();
  opened(dir, { migrations: next('ALTER TABLE people ADD COLUMN note TEXT'), backup: false });
  expect(existsSync(join(dir, 'backups'))).toBe(false);
});

test('a migration that fails leaves the old schema, whole', () => {
  const { dir } = filled();
  const broken = next('ALTER TABLE people ADD COLUMN note TEXT; SELECT no_such_function();');
  expect(() => openDatabase(dir, { migrations: broken })).toThrow('no such function');
  const db = opened(dir);
  expect(db.pragma('user_version', { simple: true })).toBe(migrations.length);
  expect(() => db.prepare('SELECT note FROM people')).toThrow('no such column');
});

test('a backup that cannot be written stops the migration', () => {
  const { dir } = filled();
  writeFileSync(join(dir, 'backups'), '');
  expect(() => openDatabase(dir, { migrations: next('ALTER TABLE people ADD COLUMN note TEXT') })).toThrow(/EEXIST/);
  expect(opened(dir).pragma('user_version', { simple: true })).toBe(migrations.length);
});

test('misnumbered migrations are our fault', () => {
  expect(() => openDatabase(freshDir(), { migrations: [{ version: 2, sql: '' }] })).toThrow(
    'migrations are numbered 1, 2, 3, ...',
  );
});

test('two processes may open one folder; the second sees what the first wrote', () => {
  const dir = freshDir();
  const { store, contact, chat } = scene({ dir });
  const second = openStore(dir);
  onTestFinished(() => second.close());
  put(store, draft(chat, contact, 'hello'));
  expect(second.messages.count()).toBe(1);
  put(second, draft(chat, contact, 'hello again'));
  expect(store.messages.count()).toBe(2);
});

test('an SQLite failure is told with its remedy, others are left alone', () => {
  const full = openSqlite(join(freshDir(), 'small.sqlite'));
  onTestFinished(() => {
    full.close();
  });
  full.exec('CREATE TABLE t (a)');
  full.pragma('max_page_count = 3');
  const fill = (): void => {
    for (let n = 0; n < 100; n++) full.prepare('INSERT INTO t VALUES (?)').run('x'.repeat(1000));
  };
  const caught = (run: () => void): unknown => {
    try {
      run();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const error = caught(fill);
  const explained = explainSqlite(error, 'data/persona.sqlite')!;
  expect(explained.message).toBe('The disk is full: data/persona.sqlite cannot be written.');
  expect(explained.hint).toBe('Free some space on that disk and try again; nothing stored is lost.');
  expect(explained.cause).toBe(error);

  const withCode = (code: string): Error => Object.assign(new Error('x'), { code });
  const told = (code: string): string | undefined => explainSqlite(withCode(code))?.message;
  expect(told('SQLITE_CORRUPT_INDEX')).toBe('the database is damaged. It was left as it is.');
  expect(told('SQLITE_NOTADB')).toBe('the database is damaged. It was left as it is.');
  expect(told('SQLITE_READONLY_DBMOVED')).toBe('the database is read-only.');
  expect(told('SQLITE_CANTOPEN_ISDIR')).toBe('the database cannot be opened.');
  expect(told('SQLITE_BUSY_SNAPSHOT')).toBe('the database is in use by another command.');
  expect(told('SQLITE_IOERR_FSYNC')).toBe('The disk reported an error for the database (SQLITE_IOERR_FSYNC).');
  expect(told('SQLITE_IOERR_SHMSIZE')).toBe('The disk is full: the database cannot be written.');
  expect(told('SQLITE_CONSTRAINT_UNIQUE')).toBeUndefined();
  expect(told('ENOENT')).toBeUndefined();
  expect(explainSqlite(new Error('x'))).toBeUndefined();
  const own = new UserError('a', 'b');
  expect(explainSqlite(own)).toBe(own);
});

test('a file system without room or rights is told as such', async () => {
  vi.resetModules();
  const failWith = async (code: string): Promise<UserError> => {
    vi.doMock('node:fs', async (original) => ({
      ...(await original<typeof Fs>()),
      openSync: () => {
        throw Object.assign(new Error(code), { code });
      },
    }));
    const fresh = await import('../../src/store/open.ts');
    try {
      fresh.openDatabase(freshDir());
    } catch (error) {
      return error as UserError;
    } finally {
      vi.doUnmock('node:fs');
      vi.resetModules();
    }
    throw new Error('nothing was refused');
  };
  expect((await failWith('ENOSPC')).message).toMatch(/^The disk is full: .*persona\.sqlite cannot be written\.$/);
  expect((await failWith('EROFS')).message).toMatch(/persona\.sqlite is read-only\.$/);
  expect((await failWith('EIO')).message).toBe('EIO');
});
