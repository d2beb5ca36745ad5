/**
 * Promise A3 for backups: `kill -9` at random moments of `create` and `restore`, and a full disk at every write of them.
 * A copy with a name is whole; the database is the old or the new one, sound, and the next attempt works. Needs dist/.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { backupsDir, createBackup, listBackups, verifyBackup } from '../../src/store/backup.ts';
import { openSqlite } from '../../src/store/database.ts';
import { restoreBackup } from '../../src/store/restore.ts';
import { openStore } from '../../src/store/store.ts';
import { sha256 } from '../../src/util/files.ts';
import { createRandom } from '../../src/util/random.ts';
import { compiled, ended, firstLine, run, script } from './child.ts';
import { draft, freshDir, put, say, scene } from './support.ts';

const killsEach = 20;
const nowMs = Date.UTC(2026, 10, 20, 3);

const worker = (dir: string): string =>
  script(
    dir,
    `import { writeSync } from 'node:fs';
    import { createBackup } from ${compiled('src/store/backup.ts')};
    import { restoreBackup } from ${compiled('src/store/restore.ts')};
    const [what, dataDir, file] = process.argv.slice(2);
    writeSync(1, 'READY\\n');
    if (what === 'create') await createBackup(dataDir, ${nowMs + 1000});
    else await restoreBackup({ dataDir, file, nowMs: ${nowMs + 1000} });
    writeSync(1, 'DONE\\n');`,
  );

/** A folder with a copy in it, and a database that went on since: 300 more messages, and a no. */
function prepared(): { dir: string; copy: Promise<string> } {
  const dir = freshDir();
  const { store, contact, chat } = scene({ dir });
  store.messages.count();
  store.transaction(() => {
    for (let n = 0; n < 600; n++) put(store, draft(chat, contact, `message ${n} of some length`, { waId: `a${n}` }));
  });
  const copy = createBackup(dir, nowMs).then(({ path }) => {
    store.transaction(() => {
      for (let n = 0; n < 300; n++) put(store, draft(chat, contact, `later message ${n}`, { waId: `b${n}` }));
    });
    say(store, contact, 'withdrawn', nowMs + 1);
    store.close();
    return path;
  });
  return { dir, copy };
}

/** Hash of the rows that a restore changes, or what is wrong with the file. */
function stateOf(dir: string): string {
  openStore(dir).close(); // recovers, and refuses what is damaged
  const db = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
  try {
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') return 'unsound';
    const rows = ['messages', 'people', 'aliases', 'consent_events', 'chats', 'outbox'].map((table) =>
      db.prepare(`SELECT * FROM ${table}`).raw().all(),
    );
    return sha256(JSON.stringify(rows));
  } finally {
    db.close();
  }
}

function cloneOf(dir: string): string {
  const clone = freshDir();
  cpSync(dir, clone, { recursive: true });
  return clone;
}

/** From the first line of a run that is left alone to its end, ms: how long the work takes on this machine just now. */
async function durationOf(path: string, args: string[]): Promise<number> {
  const child = run(path, ...args);
  const end = ended(child);
  await firstLine(child);
  const startedMs = performance.now();
  await end;
  return performance.now() - startedMs;
}

async function killed(path: string, args: string[], afterMs: number): Promise<string> {
  const child = run(path, ...args);
  const end = ended(child);
  await firstLine(child);
  await sleep(afterMs);
  child.kill('SIGKILL');
  return (await end).output;
}

test(`${killsEach} kills while a copy is made: what has a name is whole`, { timeout: 300_000 }, async () => {
  const { dir, copy } = prepared();
  await copy;
  const path = worker(dir);
  const random = createRandom('kill create');
  const wholeMs = await durationOf(path, ['create', dir]);
  const before = stateOf(dir);
  let cut = 0;
  for (let kill = 0; kill < killsEach; kill++) {
    const output = await killed(path, ['create', dir], random.next() * wholeMs);
    if (!output.includes('DONE')) cut++;
    for (const file of listBackups(dir)) expect(verifyBackup(file.path).isHashKnown).toBe(true);
    expect(stateOf(dir)).toBe(before);
  }
  expect(cut).toBeGreaterThan(0);
  await createBackup(dir, nowMs + 5000);
  expect(readdirSync(backupsDir(dir)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test(`${killsEach} kills while a copy is restored: the old database or the new one`, { timeout: 300_000 }, async () => {
  const { dir, copy } = prepared();
  const file = await copy;
  const oldState = stateOf(dir);
  const done = cloneOf(dir);
  const wholeMs = await durationOf(worker(done), ['restore', done, file]);
  const newState = stateOf(done);
  expect(newState).not.toBe(oldState);
  const random = createRandom('kill restore');
  const seen = { old: 0, new: 0 };
  for (let kill = 0; kill < killsEach; kill++) {
    const clone = cloneOf(dir);
    const path = worker(clone);
    await killed(path, ['restore', clone, file], random.next() * wholeMs);
    const state = stateOf(clone);
    expect([oldState, newState]).toContain(state);
    seen[state === oldState ? 'old' : 'new']++;
    await restoreBackup({ dataDir: clone, file, nowMs: nowMs + 2000 });
    expect(stateOf(clone)).toBe(newState);
    expect(readdirSync(clone)).not.toContain('.restore');
  }
  process.stdout.write(`kill -9 in a restore: ${seen.old} left the old database, ${seen.new} the new one\n`);
  expect(seen.old).toBeGreaterThan(0);
});

const strace = (options: string[], command: string[]) =>
  spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', ...options, ...command], { encoding: 'utf8' });
const mayTrace = strace(['-e', 'trace=write'], ['true']).status === 0;

test('a full disk at any write: a clear message, and the old database', { timeout: 300_000 }, async (context) => {
  if (!mayTrace) context.skip('strace is missing or may not trace here');
  const { dir, copy } = prepared();
  const file = await copy;
  const oldState = stateOf(dir);
  let refused = 0;
  for (const what of ['create', 'restore']) {
    for (const n of [3, 10, 40, 120, 250]) {
      const clone = cloneOf(dir);
      const inject = ['-e', 'trace=pwrite64', '-e', `inject=pwrite64:error=ENOSPC:when=${n}+`];
      const done = strace(inject, [process.execPath, worker(clone), what, clone, file]);
      if (done.stdout.includes('DONE')) continue; // over before the n-th write
      refused++;
      expect(done.stderr).toMatch(/UserError: (?:The disk is full|.* cannot be written|The disk reported an error)/);
      expect(stateOf(clone)).toBe(oldState);
      expect(readdirSync(clone)).not.toContain('.restore');
      for (const { path } of listBackups(clone)) verifyBackup(path);
    }
  }
  expect(refused).toBeGreaterThanOrEqual(6);
});
