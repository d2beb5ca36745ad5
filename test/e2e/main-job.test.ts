/**
 * The main job, whole: `persona start` as its own process, the real whatsapp-web.js in a real Chromium, the stand-in for
 * WhatsApp Web on the other side. Steps build on each other and run in order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { splitOf } from '../../src/dataset/split.ts';
import type { StoredReply } from '../../src/store/replies.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { createRandom } from '../../src/util/random.ts';
import { testBrowser } from '../support/browser.ts';
import { filesHolding, makeHome, persona, startPersona } from '../support/cli.ts';
import type { Home, Running } from '../support/cli.ts';
import { startStandIn } from '../support/whatsapp-web/server.ts';
import type { StandIn } from '../support/whatsapp-web/server.ts';

const timezone = 'Europe/London';
const sample = join(projectRoot, 'persona', 'sample', 'chat.txt');
const elias = contactInTrainSplit();
const forThisTest = { replies: { quote: 'always', typing: 'instant' }, training: { size: 'nano', maxMinutes: 0.2 } };
const before = ['canary-heron-7731 written by the contact', 'canary-otter-4410 written by the owner'];

/** A number whose conversations of this week fall into the train split, so that there is something to train on. */
function contactInTrainSplit(): string {
  for (let n = 4915112345600; ; n++) {
    const id = `${n}@c.us`;
    const soon = Date.now() + 10 * 60_000; // the week may turn while the test runs
    if ([Date.now(), soon].every((ms) => splitOf(id, ms, timezone, 0) === 'train')) return id;
  }
}

let home: Home;
let standIn: StandIn;
let bot: Running;

const read = <T>(work: (store: Store) => T): T => {
  const store = openStore(home.dataDir);
  try {
    return work(store);
  } finally {
    store.close();
  }
};
const fromElias = (body: string): string => standIn.incoming({ from: elias, body });
const fromOwner = (body: string): string => standIn.fromPhone({ chat: elias, body });
const sentTo = (): string[] => standIn.sent.map((message) => message.body ?? '');

async function until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}\n${bot.output()}`);
    await sleep(50);
  }
}

describe.sequential('from pairing to a reply, as a user has it', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    standIn = await startStandIn();
    standIn.contact(elias, { name: 'Elias', pushname: 'elias' });
    home = makeHome({ CHROME_PATH: await testBrowser(), CHROME_ARGS: JSON.stringify(standIn.chromiumArgs()) });
  }, 300_000);

  afterAll(async () => {
    if (bot.child.exitCode === null) await bot.stop();
    await standIn.stop();
    home.remove();
  });

  test('init writes persona.json and grants the owner’s own voice', async () => {
    const done = await persona(home, ['init', '--name', 'Juno', '--timezone', timezone, '--size', 'nano', '--yes']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const file = join(home.personaDir, 'persona.json');
    const settings = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...settings, ...forThisTest }));
  });

  test('start shows a QR code in the terminal, and is ready once it is scanned', async () => {
    bot = startPersona(home, ['start']);
    await bot.shows(/Scan with WhatsApp/);
    expect(bot.output()).toMatch(/[█▀▄]{20,}/);
    standIn.pair();
    await bot.shows(/"state":"ready"/);
  });

  test('before consent nothing that is written reaches data/ outside the session', async () => {
    fromElias(before[0] ?? '');
    fromOwner(before[1] ?? '');
    fromOwner('!collect on');
    await until('the notice', () => sentTo().some((body) => body.includes('!consent yes')));
    fromElias(before[0] ?? '');
    await sleep(1000);
    expect(filesHolding(home.dataDir, before, ['session'])).toEqual([]);
    expect(bot.output()).not.toMatch(/canary/);
    expect(read((store) => store.messages.count())).toBe(0);
  });

  test('after consent 200 messages both ways are logged once each, though delivered twice and out of order', async () => {
    fromElias('!consent yes');
    await until('the thanks', () => sentTo().some((body) => body.startsWith('Thank you')));
    await sleep(1100); // WhatsApp's times are whole seconds: the next second is surely after the consent
    const random = createRandom('e2e');
    const ids = Array.from({ length: 200 }, (_, n) => {
      const body = `${n % 2 === 0 ? 'so what about' : 'ngl i think'} plan ${n} ${'abcdefghij'[n % 10]}`;
      return n % 2 === 0
        ? standIn.incoming({ from: elias, body, deliver: false })
        : standIn.fromPhone({ chat: elias, body, deliver: false });
    });
    standIn.deliver(random.shuffle([...ids, ...ids]));
    await until('200 rows', () => read((store) => store.messages.count()) >= 200);
    await sleep(1000);
    const rows = read((store) => store.messages.recent(store.chats.find(elias) ?? 0, 500));
    expect(rows.map((row) => row.waId).sort()).toEqual([...ids].sort());
    expect(filesHolding(home.dataDir, before, ['session'])).toEqual([]);
  });

  test('retrain trains on them and publishes a run', async () => {
    const done = await persona(home, ['retrain', '--json', '--max-minutes', '0.3']);
    expect(done).toMatchObject({ code: 0 });
    expect(JSON.parse(done.stdout)).toMatchObject({ verdict: 'promoted' });
  });

  test('below 300 persona messages !bot on declines', async () => {
    fromOwner('!bot on');
    await until('the refusal', () => sentTo().some((body) => body.startsWith('No voice yet: 100 of 300')));
  });

  test('with an import above that, and a run trained on it, it works', async () => {
    const args = ['--me', 'Juno Varga', '--i-have-consent-from', 'Elias Brandt', '--yes', '--json'];
    const imported = await persona(home, ['import', sample, ...args]);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect((JSON.parse(imported.stdout) as { inserted: number }).inserted).toBeGreaterThan(1500);
    const again = await persona(home, ['import', sample, ...args]);
    expect(JSON.parse(again.stdout)).toMatchObject({ inserted: 0 });

    const trained = await persona(home, ['retrain', '--json', '--max-minutes', '0.6']);
    expect(JSON.parse(trained.stdout)).toMatchObject({ verdict: 'promoted' });

    fromOwner('!bot on');
    await until('the confirmation', () => sentTo().some((body) => body.startsWith('Automated replies are on')));
  });

  let asked: string;
  test('a message gets a reply that quotes it and says that it is an imitation', async () => {
    await sleep(5000); // at most one message in 5 s
    // the guard may refuse all four candidates for one message: that is silence, and one may ask again
    const replyTo = (id: string) => standIn.sent.find((message) => message.quotedStanzaID === id.split('_')[2]);
    for (const question of ['hey, you up?', 'what are you up to?', 'did you eat?', 'how is pickle?']) {
      asked = fromElias(question);
      const deadline = Date.now() + 20_000;
      while (replyTo(asked) === undefined && Date.now() < deadline) await sleep(100);
      if (replyTo(asked) !== undefined) break;
    }
    const reply = replyTo(asked);
    expect(reply?.body).toContain('automated imitation of Juno');
  });

  test('replay gives the same text again', async () => {
    const last = (): StoredReply | undefined => read((store) => store.replies.list(1))[0];
    await until('its record, once the last bubble is out', () => last() !== undefined);
    const stored = last();
    expect(stored?.inReplyTo).toBe(asked);
    const done = await persona(home, ['replay', String(stored?.id), '--json']);
    expect(done).toMatchObject({ code: 0 });
    expect(JSON.parse(done.stdout)).toMatchObject({
      text: stored?.bubbles.join('\n'),
      same: true,
      promptUnchanged: true,
    });
  });

  test('!bot off gives silence', async () => {
    fromOwner('!bot off');
    await until('the confirmation', () => sentTo().some((body) => body.startsWith('Automated replies are off')));
    await sleep(5500);
    const sent = standIn.sent.length;
    fromElias('are you still there?');
    await sleep(6000);
    expect(standIn.sent.length).toBe(sent);
  });

  test('!models lists the run, and !mydata sends the contact a file of their own messages', async () => {
    fromOwner('!models');
    await until('the list', () => sentTo().some((body) => /^Trained models[\s\S]*\n\* \d{4}-/.test(body)), 90_000);
    fromElias('!mydata');
    await until('the file', () => standIn.sent.some(({ type }) => type === 'document'));
    const file = standIn.sent.find(({ type }) => type === 'document');
    expect(file).toMatchObject({ to: elias, mimetype: 'application/json' });
    await sleep(1000);
    expect(read((store) => store.messages.recent(store.chats.find(elias) ?? 0, 1)[0]?.media)).toBeNull(); // not kept
  });

  test('stops cleanly on SIGTERM, and a restart needs no new QR code', async () => {
    expect(await bot.stop()).toBe(0);
    bot = startPersona(home, ['start']);
    await bot.shows(/"state":"ready"/);
    expect(bot.output()).not.toMatch(/Scan with WhatsApp/);
  });

  test('retrains by itself when RETRAIN_CRON says so', async () => {
    expect(await bot.stop()).toBe(0);
    bot = startPersona({ ...home, env: { ...home.env, RETRAIN_CRON: '*/5 * * * * *' } }, ['start']);
    await bot.shows(/"verdict":"(?:promoted|kept)".*retrain ended/, 90_000);
  });

  test('a second copy ends with 75 and says so', async () => {
    const second = await persona(home, ['start']);
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(/^persona: .*\n {2}-> .*\n$/);
  });
});
