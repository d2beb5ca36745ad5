/**
 * The live screen in a real terminal (tmux): `persona start` with the real library in a real Chromium, the stand-in for
 * WhatsApp Web on the other side. docs/running.md shows such captures; `CAPTURE=1 npx vitest run
 * test/ops/terminal.test.ts` makes them anew, with a retrain in them, and a test holds their rows to the real ones.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { distFile, projectRoot } from '../../src/util/dist.ts';
import { testBrowser } from '../support/browser.ts';
import { makeHome, persona } from '../support/cli.ts';
import type { Home } from '../support/cli.ts';
import { startStandIn } from '../support/whatsapp-web/server.ts';
import type { StandIn } from '../support/whatsapp-web/server.ts';

const isCapture = process.env['CAPTURE'] === '1';
const reason = spawnSync('tmux', ['-V']).status === 0 ? '' : 'tmux is missing';
const running = join(projectRoot, 'docs', 'running.md');
const elias = '4915112345678@c.us';
const socket = `persona-test-${process.pid}`;
const tmux = (...args: string[]): string => execFileSync('tmux', ['-L', socket, ...args], { encoding: 'utf8' });

let home: Home;
let standIn: StandIn;

/** What the terminal shows, without empty lines at its end. */
const screen = (): string => tmux('capture-pane', '-p', '-t', 'bot').trimEnd();

async function shows(pattern: RegExp, timeoutMs = 60_000): Promise<string> {
  const deadline = Date.now() + timeoutMs;
  for (let text = screen(); ; text = screen()) {
    if (pattern.test(text)) return text;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${pattern}\n${text}`);
    await sleep(100);
  }
}

/** The captures in the document, each after the comment that names it. */
const captures = /(<!-- capture: (\w+) -->\s*```\n)([\s\S]*?)(\n```)/g;

function put(name: string, text: string): void {
  const document = readFileSync(running, 'utf8');
  writeFileSync(
    running,
    document.replaceAll(captures, (all, open: string, found: string, _old, close: string) =>
      found === name ? `${open}${text.trimStart()}${close}` : all,
    ),
  );
}

function captured(name: string): string {
  return [...readFileSync(running, 'utf8').matchAll(captures)].find((match) => match[2] === name)?.[3] ?? '';
}

/** The rows of the screen itself, by their labels. */
const labels = (text: string): string[] =>
  text
    .slice(text.lastIndexOf('on WhatsApp '))
    .split('\n')
    .slice(1)
    .map((line) => line.slice(0, 11).trim());

describe
  .skipIf(reason !== '')
  .sequential(`in a terminal ${reason}`, { timeout: isCapture ? 1_800_000 : 240_000 }, () => {
    beforeAll(async () => {
      standIn = await startStandIn();
      standIn.contact(elias, { name: 'Elias', pushname: 'elias' });
      home = makeHome({
        CHROME_PATH: await testBrowser(),
        CHROME_ARGS: JSON.stringify(standIn.chromiumArgs()),
        PAIRING_NUMBER: '+4915550000001',
        METRICS_PORT: isCapture ? '4681' : '0',
        LANG: 'C.UTF-8',
        TERM: 'screen-256color',
      });
      await persona(home, ['init', '--name', 'Juno', '--timezone', 'Europe/London', '--size', 'nano', '--yes']);
      if (isCapture) {
        const sample = join(projectRoot, 'persona', 'sample', 'chat.txt');
        const who = ['--me', 'Juno Varga', '--i-have-consent-from', 'Elias Brandt', '--yes'];
        await persona(home, ['import', sample, ...who]);
        const file = join(home.personaDir, 'persona.json');
        const settings = JSON.parse(readFileSync(file, 'utf8')) as object;
        writeFileSync(file, JSON.stringify({ ...settings, training: { size: 'nano', maxMinutes: 0.5 } }));
      }
      const env = Object.entries(home.env).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}=${value}`],
      );
      const command = ['env', '-i', ...env, process.execPath, distFile('scripts/persona.ts'), 'start'];
      tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'bot', '-x', '88', '-y', '36', ...command);
      tmux('set-option', '-t', 'bot', 'remain-on-exit', 'on');
    }, 300_000);

    afterAll(async () => {
      spawnSync('tmux', ['-L', socket, 'kill-server']);
      await standIn.stop();
      home.remove();
    });

    test('shows the pairing code until it is typed on the phone', async () => {
      const text = await shows(/Type on your phone[^\n]*\n\n[0-9A-Z]{4}-[0-9A-Z]{4}\n[\s\S]*WhatsApp +pairing since/);
      if (isCapture) put('pairing', text.slice(text.indexOf('Type on')));
      standIn.enterCode((/\n([0-9A-Z]{4}-[0-9A-Z]{4})\n/.exec(text)?.[1] ?? '').replace('-', ''));
      expect(await shows(/WhatsApp +ready since/)).not.toContain('Type on your phone');
      expect(labels(captured('pairing'))).toEqual(labels(text));
    });

    test('shows counts and never a word, with the log above it', async () => {
      standIn.fromPhone({ chat: elias, body: '!collect on' });
      await standIn.waitForSent(/!consent yes/, 30_000);
      standIn.incoming({ from: elias, body: '!consent yes' });
      await standIn.waitForSent(/^Thank you/, 30_000);
      await sleep(1100); // WhatsApp's times are whole seconds
      for (let n = 0; n < 40; n++) standIn.incoming({ from: elias, body: `a secret ${n}` });
      let text = await shows(/messages +40 today/);
      if (isCapture) {
        standIn.fromPhone({ chat: elias, body: '!retrain' });
        await shows(/retrain ended/, 1_500_000);
        text = await shows(/last \d\d:\d\d: \w/, 60_000);
        await sleep(5000);
        put('ready', (text = screen()));
      }
      expect(text).not.toMatch(/secret|elias|4915/i);
      expect(text.split('\n').every((line) => line.length <= 88)).toBe(true);
      expect(labels(captured('ready'))).toEqual(labels(text));
    });

    test('Ctrl-C stops it and gives the terminal back', async () => {
      tmux('send-keys', '-t', 'bot', 'C-c');
      const text = await shows(/Pane is dead|stopped/);
      expect(text).toContain('stopped');
    });
  });
