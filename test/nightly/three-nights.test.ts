/**
 * Three nights beside a running bot: `persona start` as its own process, the real whatsapp-web.js in a real Chromium, the
 * stand-in for WhatsApp Web on the other side. The first night publishes, a better one is promoted and answers the next
 * message, broken ones are refused with the reason and change nothing. Steps build on each other and run in order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCurrent } from '../../src/checkpoint/current.ts';
import type { Dataset } from '../../src/dataset/build.ts';
import type { Conversation } from '../../src/dataset/conversations.ts';
import { retrain, type RetrainOptions, type RetrainResult } from '../../src/nightly/retrain.ts';
import { trainOnDataset } from '../../src/nightly/training.ts';
import type { StoredReply } from '../../src/store/replies.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { Weights } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { testBrowser } from '../support/browser.ts';
import { makeHome, persona, startPersona, type Home, type Running } from '../support/cli.ts';
import { startStandIn, type StandIn } from '../support/whatsapp-web/server.ts';
import { importInvented, owner, timezone } from './invented.ts';

const elias = '4915112345678@c.us';
const forThisTest = { replies: { quote: 'always', typing: 'instant' }, training: { size: 'nano', maxMinutes: 240 } };

let home: Home;
let standIn: StandIn;
let bot: Running | undefined;
let freeWeek: number;
let nights = 0;

const read = <T>(work: (store: Store) => T): T => {
  const store = openStore(home.dataDir);
  try {
    return work(store);
  } finally {
    store.close();
  }
};
const sentTo = (): string[] => standIn.sent.map((message) => message.body ?? '');
const serving = (): string | undefined => readCurrent(home.modelsDir)?.run;

async function until(what: string, holds: () => boolean, timeoutMs = 180_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}\n${bot?.output()}`);
    await sleep(50);
  }
}

/** A night in this process; `learn` is another way to make a network. */
const night = (more: Partial<RetrainOptions> = {}): Promise<RetrainResult> =>
  retrain({
    dataDir: home.dataDir,
    modelsDir: home.modelsDir,
    speaker: 'me',
    timezone,
    size: 'nano',
    maxMinutes: 240,
    backend: 'simd',
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    samples: 60,
    nowMs: Date.UTC(2026, 8, 1 + nights++, 3),
    ...more,
  });

const asked: string[] = [];

/** Elias writes, and again where the guard refused every candidate, until there is a reply. @returns its record */
async function ask(): Promise<StoredReply> {
  for (let n = 0; n < 6; n++) {
    await sleep(5200); // at most one message in 5 s
    const id = standIn.incoming({
      from: elias,
      body: `so is the tiny kitchen tonight or the lost lamp ${asked.length}?`,
    });
    asked.push(id);
    const deadline = Date.now() + 120_000;
    for (let said = ''; said === '' && Date.now() < deadline; await sleep(100)) {
      const reply = read((store) => store.replies.list(20)).find(({ inReplyTo }) => inReplyTo === id);
      if (reply !== undefined) return reply;
      if (bot!.output().split('no candidate passed the guard').length - 1 > refused) said = 'refused';
    }
    refused = bot!.output().split('no candidate passed the guard').length - 1;
  }
  throw new Error(`no reply to ${asked.length} messages\n${bot!.output()}`);
}
let refused = 0;

/** The same dataset with other conversations to learn from, and none to stop early by. */
function learningFrom(dataset: Dataset, train: readonly Conversation[]): Dataset {
  const kept = dataset.conversations.filter(({ split }) => split === 'test');
  return {
    ...dataset,
    conversations: [...kept, ...train.map((conversation) => ({ conversation, split: 'train' as const }))],
  };
}

const trainOf = ({ conversations }: Dataset): Conversation[] =>
  conversations.filter(({ split }) => split === 'train').map(({ conversation }) => conversation);

describe.sequential('three nights', { timeout: 900_000 }, () => {
  beforeAll(async () => {
    standIn = await startStandIn();
    standIn.contact(elias, { name: 'Elias', pushname: 'elias' });
    home = makeHome({ CHROME_PATH: await testBrowser(), CHROME_ARGS: JSON.stringify(standIn.chromiumArgs()) });
    const done = await persona(home, ['init', '--name', owner, '--timezone', timezone, '--size', 'nano', '--yes']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const file = join(home.personaDir, 'persona.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...forThisTest }));
    freeWeek = await importInvented(home.dataDir, { conversations: { train: 14, validation: 2, test: 5 } });
  }, 300_000);

  afterAll(async () => {
    if (bot?.child.exitCode === null) await bot.stop();
    await standIn.stop();
    home.remove();
  });

  let first: string;
  test('night 1: the first model is published', async () => {
    const result = await night();
    expect(result).toMatchObject({ verdict: 'promoted', reason: expect.stringContaining('first run') as string });
    expect(result.report?.gate).toMatchObject({ against: 'untrained', championRun: null, failed: [] });
    expect(result.report?.gate.samples).toMatchObject({ samples: 60, split: 'test' });
    first = result.run!;
    expect(serving()).toBe(first);
  });

  test('it answers', async () => {
    // enough of the owner's messages for `!bot on`, said before and so learned from once
    await importInvented(home.dataDir, {
      conversations: { train: 120, validation: 0, test: 0 },
      contacts: ['Noor Haddad'],
      fromWeek: freeWeek,
      ask: () => 'hm?',
      answer: () => 'haha ok',
    });
    bot = startPersona(home, ['start']);
    await bot.shows(/Scan with WhatsApp/, 180_000);
    standIn.pair();
    await bot.shows(/"state":"ready"/, 180_000);
    standIn.fromPhone({ chat: elias, body: '!collect on' });
    await until('the notice', () => sentTo().some((body) => body.includes('!consent yes')));
    standIn.incoming({ from: elias, body: '!consent yes' });
    await until('the thanks', () => sentTo().some((body) => body.startsWith('Thank you')));
    standIn.fromPhone({ chat: elias, body: '!bot on' });
    await until('the confirmation', () => sentTo().some((body) => body.startsWith('Automated replies are on')));
    expect((await ask()).runId).toBe(first);
  });

  let second: string;
  test('night 2: a better one is promoted while the bot answers, and has the next word', async () => {
    await importInvented(home.dataDir, {
      conversations: { train: 16, validation: 1, test: 1 },
      contacts: ['Elias Brandt'],
      fromWeek: freeWeek,
    });
    const retraining = persona(home, ['retrain', '--json', '--from-scratch']);
    const meanwhile = await ask();
    const done = await retraining;
    const result = JSON.parse(done.stdout) as RetrainResult;
    expect([result.verdict, result.reason, done.code]).toEqual(['promoted', expect.stringContaining(' before'), 0]);
    second = result.run!;
    expect(serving()).toBe(second);
    expect([first, second]).toContain(meanwhile.runId);
    expect((await ask()).runId).toBe(second);
    const { report } = read((store) => store.runs.get(second))!;
    expect(report).toMatchObject({ gate: { against: 'champion', championRun: first, failed: [] } });
  });

  const runs = (): string[] => readdirSync(join(home.modelsDir, 'runs')).sort();

  test('night 3: weights that are no numbers are refused, and nothing of them is kept', async () => {
    const before = runs();
    const result = await night({
      force: true,
      learn: async (dataset, options) => {
        const trained = await trainOnDataset(learningFrom(dataset, trainOf(dataset).slice(0, 12)), options);
        const weights: Weights = await trained.engine.exportWeights();
        weights.get('model.norm.weight')!.data[0] = NaN;
        trained.engine.importWeights(weights);
        return trained;
      },
    });
    expect(result).toMatchObject({ verdict: 'kept', run: null, reason: 'the loss is not a finite number' });
    expect([serving(), runs()]).toEqual([second, before]);
  });

  test('night 3, shuffled labels: refused as worse', async () => {
    const random = createRandom('labels');
    const shuffled = (text: string): string => random.shuffle([...text]).join('');
    const result = await night({
      force: true,
      learn: (dataset, options) => {
        const train = trainOf(dataset).slice(0, 14);
        const wrong = train.map((conversation) => ({
          ...conversation,
          messages: conversation.messages.map((message) => ({ ...message, text: shuffled(message.text) })),
        }));
        return trainOnDataset(learningFrom(dataset, wrong), options);
      },
    });
    expect(result).toMatchObject({
      verdict: 'kept',
      reason: expect.stringContaining('worse than what serves') as string,
    });
    expect(serving()).toBe(second);
  });

  test('night 3, a tiny text by heart: refused as a copy', async () => {
    const result = await night({
      force: true,
      learn: (dataset, options) => {
        const few = trainOf(dataset).slice(0, 3);
        return trainOnDataset(learningFrom(dataset, Array.from({ length: 30 }, () => few).flat()), options);
      },
    });
    expect(result.verdict).toBe('kept');
    expect(result.report?.gate.failed).toContainEqual(expect.stringContaining('it repeats'));
    expect(result.report?.gate.samples!.overlap.copied).toBeGreaterThan(0.4);
    expect(serving()).toBe(second);
  });

  test('no message was lost, and the second model goes on answering', async () => {
    expect((await ask()).runId).toBe(second);
    const rows = read((store) => store.messages.recent(store.chats.find(elias) ?? 0, 500));
    expect(rows.filter(({ origin }) => origin === 'live').map(({ waId }) => waId)).toEqual(asked);
    const loaded = [...bot!.output().matchAll(/"run":"([^"]+)"[^\n]*run loaded/g)].map((match) => match[1]);
    expect(loaded).toEqual([first, second]);
  });
});
