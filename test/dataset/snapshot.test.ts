/** From a real store: what is sealed stays out, and the same database gives the same bytes wherever it is read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Dataset } from '../../src/dataset/build.ts';
import { toRows } from '../../src/dataset/rows.ts';
import { snapshot } from '../../src/nightly/snapshot.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import { sha256 } from '../../src/util/files.ts';
import { compiled, script } from '../store/child.ts';
import { directChat, draft, put, say } from '../store/support.ts';
import { tinyTokenizer } from '../tokenizer/examples.ts';

const timezone = 'Europe/Berlin';
const redact = (text: string) => {
  const start = text.indexOf('555 0100');
  return start < 0 ? [] : [{ start, end: start + 8, token: 'phone' as const }];
};

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'persona-snapshot-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Some months of a chat with `name`: everyday lines, several in the same minute, and a chain letter now and then. */
function addChat(store: Store, name: string, me: number): void {
  const friend = store.people.resolve([`${name}@c.us`]);
  store.people.setName(friend, name);
  say(store, friend, 'granted');
  const chat = directChat(store, `${name}@c.us`, me, friend);
  const lines = ['ok', 'good morning', 'İstanbul tomorrow? I said so', 'call 555 0100', 'straße ẞ ﬁne', '😀'];
  for (let i = 0; i < 240; i++) {
    const isMine = (i * name.length) % 5 < 2;
    const letter = i % 40 === 7 ? `send this to ten friends before midnight or else, ${name} ${i}` : undefined;
    const text = letter ?? `${lines[(i * name.length) % lines.length]} ${i % 9 === 0 ? i : ''}`.trim();
    put(
      store,
      draft(chat, isMine ? me : friend, text, {
        fromMe: isMine,
        timestampMs: Date.UTC(2026, 0, 1 + Math.floor(i / 3), 8 + (i % 3)),
        minutePrecision: true,
      }),
    );
  }
}

function fill(dataDir: string, names: readonly string[]): void {
  withStore(dataDir, (store) => {
    const me = store.people.resolve(['me']);
    say(store, me, 'granted');
    store.transaction(() => names.forEach((name) => addChat(store, name, me)));
  });
}

function withStore<T>(dataDir: string, work: (store: Store) => T): T {
  const store = openStore(dataDir);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

const read = (dataDir: string): Dataset => snapshot({ dataDir, speaker: 'me', timezone, redact });
const manifestHash = (dataset: Dataset): string => sha256(JSON.stringify(dataset.manifest));

/** Everything that training reads of a dataset, whatever the ids of its rows. */
function encodedHash(dataset: Dataset): string {
  const rows = toRows(
    dataset.conversations.map(({ conversation }) =>
      encodeConversation(conversation.messages, tinyTokenizer, { ...conversation, redact }),
    ),
    64,
  );
  const splits = dataset.conversations.map(({ split }) => split);
  return sha256(
    JSON.stringify([splits, rows.map(({ inputs, targets, kinds }) => [[...inputs], [...targets], [...kinds]])]),
  );
}

describe('the same database, the same bytes', () => {
  test('read again, and after VACUUM', () => {
    const dataDir = join(dir, 'vacuum');
    fill(dataDir, ['Ben', 'Cleo', 'Dmitri']);
    const once = read(dataDir);
    expect(once.manifest.leftOut.nearRepeatedMessages).toBeGreaterThan(0);
    expect(once.manifest.redactions?.phone).toBeGreaterThan(0);
    expect(Object.values(once.manifest.counts).every(({ personaMessages }) => personaMessages > 0)).toBe(true);
    const hashes = [manifestHash(once), encodedHash(once)];
    const db = new Sqlite(join(dataDir, 'persona.sqlite'));
    db.exec('VACUUM');
    db.close();
    const again = read(dataDir);
    expect([manifestHash(again), encodedHash(again)]).toEqual(hashes);
  });

  test('chats that came in another order give the same rows to learn from', () => {
    const [one, other] = [join(dir, 'one'), join(dir, 'other')];
    fill(one, ['Ben', 'Cleo', 'Dmitri']);
    fill(other, ['Dmitri', 'Ben', 'Cleo']);
    const [a, b] = [read(one), read(other)];
    expect(encodedHash(b)).toBe(encodedHash(a));
    expect(b.manifest.counts).toEqual(a.manifest.counts);
    expect(b.manifest.rows.map((row) => row.sha256)).toEqual(a.manifest.rows.map((row) => row.sha256));
  });

  test('in a process of another timezone and locale', () => {
    const dataDir = join(dir, 'elsewhere');
    fill(dataDir, ['Ben', 'Cleo']);
    const path = script(
      dir,
      `import { createHash } from 'node:crypto';
       import { snapshot } from ${compiled('src/nightly/snapshot.ts')};
       const redact = ${String(redact)};
       const { manifest } = snapshot({ dataDir: process.argv[2], speaker: 'me', timezone: '${timezone}', redact });
       console.log(new Date(0).getTimezoneOffset(), createHash('sha256').update(JSON.stringify(manifest)).digest('hex'));`,
    );
    const expected = manifestHash(read(dataDir));
    const outputs = [
      { TZ: 'Pacific/Auckland', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
      { TZ: 'America/St_Johns', LANG: 'C', LC_ALL: 'C' },
    ].map((env) => spawnSync(process.execPath, [path, dataDir], { encoding: 'utf8', env }).stdout.trim().split(' '));
    expect(outputs.map(([, hash]) => hash)).toEqual([expected, expected]);
    expect(outputs[0]?.[0]).not.toBe(outputs[1]?.[0]);
  });
});

test('rows of people who withdrew or never agreed are out and counted, on both sides of a direct chat', () => {
  const dataDir = join(dir, 'sealed');
  fill(dataDir, ['Ben', 'Cleo']);
  const before = read(dataDir);
  expect(before.manifest.leftOut.sealedMessages).toBe(0);
  withStore(dataDir, (store) => {
    const ben = store.people.list().find(({ name }) => name === 'Ben')!;
    say(store, ben.id, 'withdrawn', 1);
  });
  const after = read(dataDir);
  expect(after.manifest.leftOut.sealedMessages).toBe(240);
  const texts = after.conversations.flatMap(({ conversation }) => conversation.messages.map(({ text }) => text));
  expect(texts.some((text) => text.includes('Cleo'))).toBe(true);
  expect(texts.some((text) => text.includes('Ben'))).toBe(false);
  expect(after.shares.chats).toHaveLength(1);
});
