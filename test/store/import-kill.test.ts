/**
 * An import that dies leaves nothing: kill -9 at random moments and at every system call that changes the disk; and what
 * another process that writes meanwhile gets to wait. Needs dist/.
 * Run: npm run build && npx vitest run test/store/import-kill.test.ts
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlite } from '../../src/store/database.ts';
import { importMessages } from '../../src/store/import.ts';
import { openStore } from '../../src/store/store.ts';
import { createRandom } from '../../src/util/random.ts';
import { compiled, ended, firstLine, run, script } from './child.ts';
import { at, direct, exportOf, ownStore, type Line } from './exports.ts';
import { directChat, draft, freshDir, put, say } from './support.ts';

/** A chat with one of many people; the same lines as `importer` writes. */
const chatWith = (name: string, length: number): Line[] =>
  Array.from({ length }, (_, n) => ({
    ts: at(n * 30),
    sender: n % 2 === 0 ? 'Ida' : name,
    text: `nachricht nummer ${n} an ${name} mit einigen wörtern`,
  }));

/** Imports chats of `length` messages with Ben `first` to Ben `last`, and says when each begins and ends. */
const importer = (dir: string): string =>
  script(
    dir,
    `import { writeSync } from 'node:fs';
    import { openStore } from ${compiled('src/store/store.ts')};
    import { importMessages } from ${compiled('src/store/import.ts')};
    const [dir, ...numbers] = process.argv.slice(2);
    const [first, last, length] = numbers.map(Number);
    const store = openStore(dir);
    for (let n = first; n <= last; n++) {
      const name = 'Ben ' + n;
      const file = {
        senders: [{ name: 'Ida' }, { name }],
        *messages() {
          for (let i = 0; i < length; i++) {
            const ts = new Date(Date.UTC(2026, 2, 1, 10, 5) + i * 30_000).toISOString().slice(0, 19);
            const text = 'nachricht nummer ' + i + ' an ' + name + ' mit einigen wörtern';
            yield { ts, sender: i % 2 === 0 ? 'Ida' : name, text, kind: 'text', media: null, line: i + 1 };
          }
        },
      };
      writeSync(1, 'begin ' + n + '\\n');
      const choices = ${JSON.stringify(direct)};
      const result = await importMessages(store, file, { ...choices, attested: [name] });
      writeSync(1, 'done ' + n + ' ' + (result.inserted + result.known) + '\\n');
    }
    store.close();`,
  );

/** Rows that are there, seen or not, by the name of the chat's other person; and whether the file is sound. */
function rowsIn(dir: string): { sound: boolean; rows: number; phrases: number; unfinished: number } {
  const db = openSqlite(join(dir, 'persona.sqlite'));
  const count = (sql: string): number => db.prepare<[], { n: number }>(`SELECT COUNT(*) AS n FROM ${sql}`).get()!.n;
  const found = {
    sound:
      db.pragma('integrity_check', { simple: true }) === 'ok' && (db.pragma('foreign_key_check') as []).length === 0,
    rows: count('messages'),
    phrases: count('(SELECT DISTINCT message_id FROM phrases)'),
    unfinished: count('imports WHERE finished_ms IS NULL'),
  };
  db.close();
  return found;
}

test('40 kills at random moments: a chat is there, whole, or not at all', { timeout: 600_000 }, async () => {
  const length = 600;
  const { store } = ownStore();
  const dir = store.dataDir;
  store.close();
  const path = importer(dir);
  const random = createRandom('import kills');
  // one that is left alone tells how long an import takes on this machine
  const first = run(path, dir, '1', '1', String(length));
  const firstEnd = ended(first);
  await firstLine(first);
  const begunMs = performance.now();
  await firstEnd;
  const importMs = performance.now() - begunMs;
  let next = 2;
  let midway = 0;
  for (let kill = 0; kill < 40; kill++) {
    const child = run(path, dir, String(next), '1000000', String(length));
    const end = ended(child);
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), random.next() * 1.2 * importMs));
    const { output, signal } = await end;
    expect(signal).toBe('SIGKILL');
    const said = (word: string): number[] =>
      [...output.matchAll(new RegExp(`^${word} (\\d+)`, 'gm'))].map((match) => Number(match[1]));
    const begun = said('begin').at(-1)!;
    const done = said('done').at(-1) ?? next - 1;
    const left = rowsIn(dir);
    if (left.unfinished > 0) midway++;

    const reopened = openStore(dir); // erases what is unfinished
    const chats = reopened.messages.conversations(reopened.people.resolve(['me']));
    const sizes = new Set(chats.map(({ messages }) => messages.length));
    expect([...sizes].every((size) => size === length)).toBe(true);
    expect([done, begun]).toContain(chats.length); // the last may have been finished and not yet told
    expect(reopened.imports.unfinished()).toEqual([]);
    expect(reopened.people.list()).toHaveLength(1 + chats.length);
    expect(reopened.chats.list()).toHaveLength(chats.length);
    next = chats.length + 1;
    reopened.close();
    const rows = chats.length * length;
    expect(rowsIn(dir)).toEqual({ sound: true, rows, phrases: rows, unfinished: 0 });
  }
  expect(midway).toBeGreaterThan(10);
  const last = openStore(dir);
  const result = await importMessages(last, exportOf(chatWith(`Ben ${next}`, length)), {
    ...direct,
    attested: [`Ben ${next}`],
  });
  expect(result.inserted).toBe(length);
  last.close();
});

/** Only the main thread is traced, which is the one that writes the database; `-y` names the files. */
const strace = (trace: string, options: string[], command: string[]) =>
  spawnSync('strace', ['-y', '-qq', '-o', trace, ...options, ...command], { encoding: 'utf8' });
const mayTrace = strace('/dev/null', ['-e', 'trace=write'], ['true']).status === 0;

test('a kill at the system calls that write: all or nothing', { timeout: 300_000 }, (context) => {
  if (!mayTrace) context.skip('strace is missing or may not trace here');
  const { store } = ownStore();
  store.close();
  const scripts = freshDir();
  const path = importer(scripts);
  const length = 40;
  let nothing = 0;
  let all = 0;
  // writes come by the dozen and are alike: every seventh is enough
  for (const [call, stride] of Object.entries({ pwrite64: 7, fdatasync: 1, fsync: 1, ftruncate: 1 })) {
    for (let n = 1, finished = false; !finished; n += stride) {
      const dir = freshDir();
      cpSync(store.dataDir, dir, { recursive: true });
      const trace = join(scripts, 'trace');
      const options = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`];
      const { stdout } = strace(trace, options, [process.execPath, path, dir, '1', '1', String(length)]);
      finished = stdout.includes('done 1') && !/= \?$/m.test(readFileSync(trace, 'utf8'));
      const reopened = openStore(dir);
      const count = reopened.messages.count();
      expect([0, length]).toContain(count);
      expect(reopened.imports.unfinished()).toEqual([]);
      reopened.close();
      expect(rowsIn(dir)).toMatchObject({ sound: true, rows: count });
      if (!finished && count === 0) nothing++;
      else if (!finished) all++;
      rmSync(dir, { recursive: true });
    }
  }
  expect(nothing).toBeGreaterThan(3);
  expect(all).toBeGreaterThan(0);
});

test('two imports at once: one waits, the other is whole', { timeout: 300_000 }, async () => {
  const { store } = ownStore();
  const path = importer(store.dataDir);
  const child = run(path, store.dataDir, '1', '1', '20000');
  const end = ended(child);
  while (store.imports.unfinished().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const error: unknown = await importMessages(store, exportOf(chatWith('Ben 2', 10)), direct).catch((e: unknown) => e);
  expect(error).toMatchObject({ exitCode: 75 });
  const beside = openStore(store.dataDir); // opening does not take a living import for a dead one
  beside.close();
  expect((await end).output).toContain('done 1 20000');
  expect(store.messages.count()).toBe(20_000);
});

test(
  '20,000 messages are imported while another process logs: it never has to give up',
  { timeout: 120_000 },
  async () => {
    const { store, owner } = ownStore();
    const contact = store.people.resolve(['491@c.us']);
    say(store, contact, 'granted');
    const chat = directChat(store, '491@c.us', owner, contact);
    const child = run(importer(store.dataDir), store.dataDir, '1', '1', '20000');
    let isOver = false;
    const end = ended(child).finally(() => (isOver = true));
    await firstLine(child);
    let logged = 0;
    let longestMs = 0;
    while (!isOver) {
      const begunMs = performance.now();
      put(store, draft(chat, contact, `live ${logged++}`)); // throws SQLITE_BUSY after 5 s
      longestMs = Math.max(longestMs, performance.now() - begunMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect((await end).output).toContain('done 1 20000');
    expect(store.messages.count()).toBe(20_000 + logged);
    expect(logged).toBeGreaterThan(3);
    process.stdout.write(`beside an import: ${logged} messages logged, the slowest in ${Math.round(longestMs)} ms\n`);
  },
);
