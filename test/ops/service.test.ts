/**
 * `persona start` as a service (promise B2): the real command with the real library in a real Chromium, the stand-in for
 * WhatsApp Web on the other side, and a listener in the place of systemd. The watchdog is fed after a real write and an
 * answer of the page, and not while the page hangs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testBrowser } from '../support/browser.ts';
import { makeHome, persona, startPersona } from '../support/cli.ts';
import type { Home, Running } from '../support/cli.ts';
import { startStandIn } from '../support/whatsapp-web/server.ts';
import type { StandIn } from '../support/whatsapp-web/server.ts';
import { listen, noListener } from './listener.ts';
import type { Listener } from './listener.ts';

const watchdogMs = 6000;
const reason = noListener();

let home: Home;
let standIn: StandIn;
let systemd: Listener;
let bot: Running;

async function until(what: string, holds: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}\n${bot.output()}`);
    await sleep(50);
  }
}

function ask(path: string): Promise<{ status: number; body: string }> {
  const port = Number(/127\.0\.0\.1:(\d+)\/metrics/.exec(bot.output())?.[1]);
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path }, (response) => {
      let body = '';
      response.on('data', (piece: Buffer) => (body += piece.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

/** Chromium's processes that run pages, among the descendants of this one. */
function renderersOf(root: number): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      try {
        const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
        return [{ pid, parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
      } catch {
        return []; // it ended just now
      }
    });
  const family = new Set([root]);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid, command }) => family.has(pid) && command.includes('--type=renderer')).map(({ pid }) => pid);
}

const fed = (): number => systemd.heard.filter((field) => field === 'WATCHDOG=1').length;

describe.skipIf(reason !== '').sequential(`as a service ${reason}`, { timeout: 240_000 }, () => {
  beforeAll(async () => {
    standIn = await startStandIn();
    systemd = await listen();
    home = makeHome({
      CHROME_PATH: await testBrowser(),
      CHROME_ARGS: JSON.stringify(standIn.chromiumArgs()),
      METRICS_PORT: '0',
      NOTIFY_SOCKET: systemd.socket,
      WATCHDOG_USEC: String(watchdogMs * 1000),
    });
    await persona(home, ['init', '--name', 'Juno', '--timezone', 'Europe/London', '--size', 'nano', '--yes']);
    bot = startPersona(home, ['start']);
  }, 300_000);

  afterAll(async () => {
    if (bot.child.exitCode === null) await bot.stop();
    await standIn.stop();
    systemd.stop();
    home.remove();
  });

  test('is ready once the page shows its QR code, and is well', async () => {
    await until('READY=1', () => systemd.heard.includes('READY=1'));
    await bot.shows(/Scan with WhatsApp/);
    await until('the state', () => systemd.heard.some((field) => field.startsWith('STATUS=pairing; 0 messages')));
    standIn.pair();
    await bot.shows(/"state":"ready"/);
    const { status, body } = await ask('/healthz');
    expect(JSON.parse(body)).toMatchObject({ ok: true, whatsapp: 'ready' });
    expect(status).toBe(200);
  });

  test('tells metrics, and nobody’s number or name in them', async () => {
    const { status, body } = await ask('/metrics');
    expect(status).toBe(200);
    expect(body).toContain('persona_whatsapp_state{state="ready"} 1');
    expect(body).toContain('persona_messages_stored 0');
    expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(Number(/^persona_page_probe_age_seconds (.*)$/m.exec(body)?.[1])).toBeLessThan(watchdogMs / 1000);
    expect(body).not.toMatch(/@c\.us|@lid|Juno/);
  });

  test('feeds the watchdog while all is well, and not while the page hangs', async () => {
    const before = fed();
    await until('two more meals', () => fed() >= before + 2, 5 * watchdogMs);
    const pages = renderersOf(bot.child.pid ?? 0);
    expect(pages.length).toBeGreaterThan(0);
    for (const pid of pages) process.kill(pid, 'SIGSTOP');
    await sleep(1000); // a look may have been under way
    const hungry = fed();
    await sleep(2 * watchdogMs);
    expect(fed()).toBe(hungry);
    for (const pid of pages) process.kill(pid, 'SIGCONT');
    await until('another meal', () => fed() > hungry);
    await bot.shows(/did not answer/);
    await bot.shows(/answer again/);
  });

  test('says that it stops, and stops', async () => {
    expect(await bot.stop()).toBe(0);
    await until('STOPPING=1', () => systemd.heard.includes('STOPPING=1'), 5000);
    expect(systemd.heard.indexOf('READY=1')).toBeLessThan(systemd.heard.indexOf('STOPPING=1'));
    expect(systemd.heard.filter((field) => field === 'READY=1')).toHaveLength(1);
  });
});
