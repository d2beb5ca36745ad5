/**
 * How long a backup and its restoring take (promise A9: five minutes at 1 GB). Fills a database with messages and the
 * index of their phrases, then times the copy, its check, and restoring it into an empty folder and over the database.
 * Run: npm run build && npx tsc -p bench && node dist/bench/backup.js [--megabytes 1024] [--folder DIR]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createBackup, databaseBytes, verifyBackup } from '../src/store/backup.ts';
import { openDatabase } from '../src/store/open.ts';
import { restoreBackup } from '../src/store/restore.ts';
import { openStore } from '../src/store/store.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '1024' }, folder: { type: 'string', default: tmpdir() } },
});
const targetBytes = Number(values.megabytes) * 1_048_576;
const rowsAtOnce = 20_000;

/** Random words under the ids of two people; as many phrase hashes as words, as real messages have. */
function fill(dir: string): number {
  const store = openStore(dir);
  const people = ['me', '4911@c.us'].map((alias) => store.people.resolve([alias]));
  for (const personId of people) {
    store.consent.append({ personId, scope: 'log', action: 'granted', atMs: 1, noticeHash: '', chatId: null });
  }
  const chat = store.chats.resolve('4911@c.us', 'direct');
  for (const person of people) store.chats.addMember(chat, person);
  store.close();
  const db = openDatabase(dir);
  const message = db.prepare(
    `INSERT INTO messages (chat_id, from_me, wa_id, person_id, origin, timestamp_ms, minute_precision, kind, text)
     VALUES (?, 0, ?, ?, 'live', ?, 0, 'text', ?)`,
  );
  const phrase = db.prepare('INSERT OR IGNORE INTO phrases VALUES (?, ?, ?)');
  const random = createRandom('bench backup');
  const word = (): string => random.int(2 ** 30).toString(36);
  let rows = 0;
  const some = db.transaction(() => {
    for (let n = 0; n < rowsAtOnce; n++, rows++) {
      const words = Array.from({ length: 6 + random.int(12) }, word);
      const { lastInsertRowid } = message.run(chat, `wa${rows}`, people[rows % 2], rows * 1000, words.join(' '));
      for (let six = 0; six < words.length - 5; six++) phrase.run(random.int(2 ** 31) * 2 ** 20, chat, lastInsertRowid);
    }
  });
  while (databaseBytes(join(dir, 'persona.sqlite')) < targetBytes) some();
  db.close();
  return rows;
}

const seconds: Record<string, number> = {};
async function time<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await work();
  seconds[name] = Number(((performance.now() - startMs) / 1000).toFixed(1));
  console.log(`${name.padEnd(28)} ${seconds[name]} s`);
  return result;
}

const [dir, empty] = [0, 1].map(() => mkdtempSync(join(values.folder, 'bench-backup-'))) as [string, string];
try {
  const messages = await time('fill', () => fill(dir));
  const bytes = databaseBytes(join(dir, 'persona.sqlite'));
  const made = await time('backup create', () => createBackup(dir, Date.now()));
  await time('backup verify', () => verifyBackup(made.path));
  await time('restore, empty folder', () => restoreBackup({ dataDir: empty, file: made.path, nowMs: Date.now() }));
  await time('first open after it', () => openStore(empty).close());
  await time('restore, over a database', () => restoreBackup({ dataDir: dir, file: made.path, nowMs: Date.now() }));
  const result = { bytes, messages, seconds, machine };
  writeFileSync(join(projectRoot, 'bench', 'results', 'backup.json'), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  for (const folder of [dir, empty]) rmSync(folder, { recursive: true, force: true });
}
