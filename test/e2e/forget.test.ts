/**
 * Forgetting as people have it: `!forget` in a chat while `persona start` runs, and `persona forget --everything`, which takes
 * this device off the account. The real whatsapp-web.js in a real Chromium, on the stand-in for WhatsApp Web.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { testBrowser } from '../support/browser.ts';
import { filesHolding, makeHome, persona, startPersona } from '../support/cli.ts';
import type { Home, Running } from '../support/cli.ts';
import { startStandIn } from '../support/whatsapp-web/server.ts';
import type { StandIn } from '../support/whatsapp-web/server.ts';

const elias = '4915112345777@c.us';
const canaries = Array.from({ length: 10 }, (_, n) => `canary-wombat-${7000 + n}`);
let home: Home;
let standIn: StandIn;
let bot: Running;

const sentTo = (): string[] => standIn.sent.map((message) => message.body ?? '');

async function until(what: string, holds: () => boolean, timeoutMs = 90_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}\n${bot.output()}`);
    await sleep(100);
  }
}

describe.sequential('forgetting, as people have it', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    standIn = await startStandIn();
    standIn.contact(elias, { name: 'Elias', pushname: 'elias' });
    home = makeHome({ CHROME_PATH: await testBrowser(), CHROME_ARGS: JSON.stringify(standIn.chromiumArgs()) });
    const done = await persona(home, [
      'init',
      '--name',
      'Juno',
      '--timezone',
      'Europe/London',
      '--size',
      'nano',
      '--yes',
    ]);
    expect(done.code).toBe(0);
    bot = startPersona(home, ['start']);
    await bot.shows(/Scan with WhatsApp/, 90_000);
    standIn.pair();
    await bot.shows(/"state":"ready"/, 90_000);
  }, 300_000);

  afterAll(async () => {
    if (bot.child.exitCode === null) await bot.stop();
    await standIn.stop();
    home.remove();
  });

  test('!forget: acknowledged, every row gone, and it is on the receipt', async () => {
    standIn.fromPhone({ chat: elias, body: '!collect on' });
    await until('the notice', () => sentTo().some((body) => body.includes('!consent yes')));
    standIn.incoming({ from: elias, body: '!consent yes' });
    await until('the thanks', () => sentTo().some((body) => body.startsWith('Thank you')));
    await sleep(1100); // whole seconds: what follows is surely after the consent
    for (const canary of canaries) standIn.incoming({ from: elias, body: `about ${canary}` });
    await until('the rows', () => filesHolding(home.dataDir, canaries, ['session']).length > 0);
    await sleep(500);
    const askedMs = performance.now();
    standIn.incoming({ from: elias, body: '!forget' });
    await until('the answer', () => sentTo().some((body) => body.startsWith('Forgotten.')), 60_000);
    expect(performance.now() - askedMs).toBeLessThan(60_000);
    expect(filesHolding(home.dataDir, canaries, ['session'])).toEqual([]);
    const store = openStore(home.dataDir);
    try {
      expect(store.receipts.list()).toMatchObject([{ report: { what: 'person', rows: { messages: 10 }, left: [] } }]);
    } finally {
      store.close();
    }
    standIn.incoming({ from: elias, body: `more of ${canaries[0]}` });
    await sleep(1500);
    expect(filesHolding(home.dataDir, canaries, ['session'])).toEqual([]);
  });

  test('somebody unknown, nobody in particular, and without a word of agreement: refused with a hint', async () => {
    expect(await persona(home, ['forget', 'Nobody', '--yes'])).toMatchObject({ code: 1, stdout: '' });
    expect((await persona(home, ['forget'])).code).toBe(2);
    const unsure = await persona(home, ['forget', '+49 1511 2345777']);
    expect(unsure.code).toBe(1);
    expect(unsure.stderr).toContain('add --yes');
  });

  test('everything, while start runs: 75, and how to go on', async () => {
    const refused = await persona(home, ['forget', '--everything', '--yes']);
    expect(refused.code).toBe(75);
    expect(refused.stderr).toContain('Stop the running `persona start` first');
    expect(existsSync(join(home.dataDir, 'session'))).toBe(true);
  });

  test('everything: this device is off the account, and the folders are empty', async () => {
    expect(await bot.stop()).toBe(0);
    writeFileSync(join(home.dataDir, 'note-of-the-owner.txt'), 'mine');
    const done = await persona(home, ['forget', '--everything', '--yes', '--json']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(done.stdout)).toMatchObject({
      what: 'everything',
      device: 'unlinked',
      left: [expect.stringContaining('note-of-the-owner.txt')],
    });
    expect(readdirSync(home.dataDir).sort()).toEqual([
      'forgetting',
      'locks',
      'note-of-the-owner.txt',
      'persona.sqlite',
    ]);
    expect(readFileSync(join(home.dataDir, 'persona.sqlite')).includes('4915112345777')).toBe(false);
    const receipts = await persona(home, ['forget', '--receipts']);
    expect(receipts.stdout).toContain('this device: unlinked');
  });
});
