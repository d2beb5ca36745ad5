/**
 * A data folder and a models folder with everything in it that can hold somebody's words: rows by two people besides the
 * owner, runs with real networks and their datasets, copies of every kind, exports, an unfinished training.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { publish } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import type { DatasetManifest } from '../../src/dataset/build.ts';
import type { ForgetOptions } from '../../src/nightly/forget.ts';
import { trainingDir } from '../../src/nightly/forgotten.ts';
import { writeManifest } from '../../src/nightly/manifest.ts';
import { backupsDir, createBackup } from '../../src/store/backup.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { tinyParts } from '../checkpoint/examples.ts';
import { directChat, draft, freshDir, put, say } from '../store/support.ts';
import { filesHolding } from '../support/cli.ts';

export const nowMs = Date.UTC(2026, 10, 20, 3);
const dayMs = 86_400_000;
const weekMs = 7 * dayMs;

export interface ForgetWorld {
  dir: string;
  dataDir: string;
  modelsDir: string;
  owner: number;
  /** who will be forgotten */
  anna: number;
  ben: number;
  /** direct chat of owner and anna */
  chat: number;
  canaries: string[];
  /** words of ben, which must stay */
  bens: string;
  options: ForgetOptions;
  open: () => Store;
  /** files under both folders that hold a canary, or any of these words */
  holding: (words?: readonly string[]) => string[];
}

/** @param messages of anna; every fourth holds a canary until there are 50 */
export async function forgetWorld(messages = 240): Promise<ForgetWorld> {
  const dir = freshDir();
  const dataDir = join(dir, 'data');
  const modelsDir = join(dir, 'models');
  const open = (): Store => openStore(dataDir, { now: () => nowMs });
  const store = open();
  const owner = store.people.resolve(['me', '4900@c.us']);
  const anna = store.people.resolve(['4911@c.us', '77@lid']);
  const ben = store.people.resolve(['4922@c.us']);
  const chat = directChat(store, '4911@c.us', owner, anna);
  store.people.resolve(['4911@c.us', 'name:4911@c.us:Anna Quartermain']);
  store.people.setName(anna, 'Anna Quartermain');
  const group = store.chats.resolve('1@g.us', 'group');
  for (const person of [owner, anna, ben]) {
    say(store, person, 'granted');
    store.chats.addMember(group, person);
  }
  const canaries = Array.from({ length: 50 }, (_, n) => `zebrafish-${7000 + n * 13}`);
  const bens = 'bens own words about the allotment';
  store.transaction(() => {
    for (let n = 0; n < messages; n++) {
      const isCanary = n % 4 === 0 && n / 4 < canaries.length;
      const text = isCanary ? `do not tell anybody about ${canaries[n / 4]!} please` : `what anna says number ${n}`;
      const atMs = nowMs - 200 * dayMs + (n * 40 * weekMs) / messages;
      put(store, draft(n % 8 === 0 ? group : chat, anna, text, { timestampMs: atMs, waId: `anna${n}` }));
      put(store, draft(chat, owner, `what the owner says ${n}`, { timestampMs: atMs + 1000, fromMe: true }));
    }
    put(store, draft(group, ben, bens, { timestampMs: nowMs - dayMs }));
    const outboxId = store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: 'anna0', textHash: 'h' });
    store.outbox.sent(outboxId, 'bot0');
    put(store, draft(chat, owner, `you said ${canaries[0]}`, { waId: 'bot0', origin: 'bot', fromMe: true }));
    store.replies.add({
      chatId: chat,
      inReplyTo: 'anna0',
      runId: 'saw',
      backend: 'cpu',
      seed: 1,
      sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
      promptRowIds: [],
      promptHash: '',
      bubbles: [`you said ${canaries[0]}`],
      latencyMs: 1,
      outboxId,
    });
  });
  const rowIds = store.lookups.rowIds(anna);
  const run = (id: string, rows: readonly number[], report: string): void => {
    const parts = tinyParts(rows.length);
    const datasetHash = `dataset-of-${id}`;
    writeManifest(dataDir, {
      hash: datasetHash,
      rows: rows.map((row) => ({ id: row, sha256: '' })),
    } as unknown as DatasetManifest);
    saveCheckpoint(modelsDir, id, { ...parts, details: { ...parts.details, datasetHash } });
    writeFileSync(join(modelsDir, 'runs', id, 'report.md'), report);
    store.runs.add({
      id,
      startedAtMs: nowMs,
      finishedAtMs: nowMs,
      verdict: 'promoted',
      reason: 'first run',
      report: { datasetHash, report },
    });
    publish(modelsDir, id);
  };
  run('clean', store.lookups.rowIds(ben), 'nothing of anna');
  run('saw', [...rowIds, ...store.lookups.rowIds(ben)], `a sample: ${canaries[1]}`);
  store.close();

  // copies: a nightly one, one before a migration, one that a restore took away, one that was begun
  const { path } = await createBackup(dataDir, nowMs - dayMs);
  const folder = backupsDir(dataDir);
  cpSync(path, join(folder, `before-schema-3-${path.slice(path.indexOf('2026'), path.lastIndexOf('Z') + 1)}.sqlite`));
  cpSync(path, join(folder, `replaced-${path.slice(path.indexOf('2026'))}`));
  writeFileSync(join(folder, 'damaged-2026-11-19T03-00-00-000Z.sqlite'), `no database: ${canaries[2]}`);
  writeFileSync(join(folder, '.copy-99999.sqlite'), canaries[3]!);
  mkdirSync(join(dataDir, '.restore'));
  writeFileSync(join(dataDir, '.restore', 'persona.sqlite'), canaries[4]!);
  // exports: training data, a chat with her, one without, a loose note
  mkdirSync(join(dataDir, 'exports', 'notes'), { recursive: true });
  writeFileSync(join(dataDir, 'exports', 'sft.jsonl'), `{"prompt": "hi", "completion": "about ${canaries[5]}"}\n`);
  const line = (n: number, who: string, text: string): string => `20/11/2026, 14:${10 + n} - ${who}: ${text}\n`;
  writeFileSync(
    join(dataDir, 'exports', 'with-anna.txt'),
    [0, 1, 2, 3].map((n) => line(n, n % 2 ? 'Anna Quartermain' : 'Ida', `it was ${canaries[6 + n]}`)).join(''),
  );
  writeFileSync(
    join(dataDir, 'exports', 'without-anna.txt'),
    [0, 1, 2, 3].map((n) => line(n, n % 2 ? 'Cem' : 'Ida', `nothing of hers ${n}`)).join(''),
  );
  writeFileSync(join(dataDir, 'exports', 'notes', 'copied.md'), `> do not tell anybody about ${canaries[1]} please\n`);
  writeFileSync(join(dataDir, 'exports', 'notes', 'own.md'), 'my own note\n');
  mkdirSync(join(trainingDir(dataDir), 'way'), { recursive: true });
  writeFileSync(join(trainingDir(dataDir), 'way', 'state.json'), canaries[7]!);
  writeFileSync(join(dataDir, 'search.sqlite'), `index of ${canaries[8]}`);

  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return {
    dir,
    dataDir,
    modelsDir,
    owner,
    anna,
    ben,
    chat,
    canaries,
    bens,
    options: {
      dataDir,
      modelsDir,
      speaker: 'me',
      timezone: 'UTC',
      redaction: { regions: ['GB'] },
      measure: false,
      freshCopy: false,
      now: () => nowMs,
    },
    open,
    holding: (words = canaries) => filesHolding(dir, words),
  };
}

/** What must hold once anna is forgotten, whatever happened on the way. */
export function expectForgotten(world: ForgetWorld): void {
  const { dataDir, modelsDir } = world;
  expect(world.holding()).toEqual([]);
  expect(world.holding(['Quartermain'])).toEqual([]);
  expect(readdirSync(join(modelsDir, 'runs'))).toEqual(['clean']);
  expect(readdirSync(join(dataDir, 'datasets'))).toEqual(['dataset-of-clean']);
  expect(readdirSync(join(dataDir, 'exports')).sort()).toEqual(['notes', 'without-anna.txt']);
  expect(readdirSync(join(dataDir, 'exports', 'notes'))).toEqual(['own.md']);
  expect(readdirSync(join(dataDir, 'forgetting'))).toEqual([]);
  expect(world.holding([world.bens])).not.toEqual([]);
  const store = world.open();
  try {
    expect(store.lookups.rowIds(world.anna)).toEqual([]);
    expect(store.consent.state(world.anna, 'log').state).toBe('withdrawn');
    expect(store.consent.history(world.anna).filter(({ action }) => action === 'forgotten')).toHaveLength(1);
    const [receipt, ...others] = store.receipts.list();
    expect(others).toEqual([]);
    expect(receipt?.finishedMs).not.toBeNull();
    expect(store.runs.get('saw')?.report).toEqual({});
  } finally {
    store.close();
  }
}
