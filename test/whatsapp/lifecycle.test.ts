/**
 * What the WhatsApp client survives, and what it reports, on the real whatsapp-web.js in a real Chromium: restarts,
 * a sync that is over too early or never ends, a dead browser, a cut network, reloads, log-outs, a locked profile.
 * Each failure was first seen with the bare library (docs of the failure beside each test).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../src/util/errors.ts';
import { silentLog } from '../../src/util/log.ts';
import { openWhatsApp, type ClientState } from '../../src/whatsapp/client.ts';
import { profileDir, profileOwner } from '../../src/whatsapp/profile.ts';
import { testBrowser } from '../support/browser.ts';
import { killBrowserOn, noProcessOn, openTestClient, processesOn, Recorder } from '../support/whatsapp-web/harness.ts';
import { ana, Worlds } from '../support/whatsapp-web/worlds.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 }); // a loaded machine takes its time

const worlds = new Worlds();
const world = worlds.unpaired.bind(worlds);
const pairedWorld = worlds.paired.bind(worlds);
const open = worlds.open.bind(worlds);
const openPaired = worlds.pair.bind(worlds);

beforeAll(() => worlds.begin());
afterEach(() => worlds.closeAll());
afterAll(() => worlds.end());

/** States less those that a fast page may skip, or say as it goes. */
const steps = ({ states }: Recorder): ClientState[] =>
  states.filter((state) => state !== 'syncing' && state !== 'phone offline');

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

const commandLines = (folder: string): string[] => processesOn(folder).map(commandLine);

describe('a restart', () => {
  test('needs no QR code, and finds what was missed', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const since = Date.now() - 1000;
    const missed = standIn.incoming({ from: ana, body: 'while you were away' });
    const edited = standIn.incoming({ from: ana, body: 'befor' });
    standIn.edit(edited, 'before');
    const deleted = standIn.incoming({ from: ana, body: 'gone' });
    standIn.revoke(deleted);
    const { client, seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    expect(seen.qrs).toEqual([]);
    expect(steps(seen)).toEqual(['starting', 'ready']);
    const found = await client.fetchSince(ana, since);
    expect(found.map(({ id, kind, text, isCatchUp }) => [id, kind, text, isCatchUp])).toEqual([
      [missed, 'text', 'while you were away', true],
      [edited, 'edited', 'before', true],
      [deleted, 'deleted', '', true],
    ]);
    expect(seen.messages).toEqual([]);
  });

  test('also after a program with this profile was killed: its browser goes with it', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const executablePath = await testBrowser();
    // launched as library.ts does, in a process that can be killed
    const program = `import puppeteer from 'puppeteer';
      await puppeteer.launch({ executablePath: ${JSON.stringify(executablePath)}, pipe: true, args: ['--no-sandbox'],
        userDataDir: ${JSON.stringify(profileDir(sessionDir))} });
      console.log('running');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(profileOwner(profileDir(sessionDir))).toBeDefined();
    child.kill('SIGKILL');
    const { seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    expect(seen.qrs).toEqual([]);
    expect(commandLines(sessionDir).some((line) => line.includes('--remote-debugging-pipe'))).toBe(true);
  });

  test('after a crash elsewhere: marks of an owner that is gone are removed', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    symlinkSync('another-container-4242', join(profileDir(sessionDir), 'SingletonLock'));
    const { seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    expect(seen.qrs).toEqual([]);
  });

  test('on a profile in use is refused, naming the process', async () => {
    const { standIn, sessionDir } = await world();
    const first = await openPaired(standIn, sessionDir);
    const owner = profileOwner(profileDir(sessionDir));
    const refused = await openTestClient(standIn, sessionDir, { timeouts: { closeMs: 500 } }).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(UserError);
    expect(refused).toMatchObject({ exitCode: 75, hint: expect.stringContaining(`process ${owner}`) as string });
    await first.client.send(ana, 'still here');
    await standIn.waitForSent('still here');
  });
});

describe('the start', () => {
  test('a sync that ended before the library listened (issues #5748, #3785, #201821)', async () => {
    const { standIn, sessionDir } = await pairedWorld({ sync: 'race' });
    const { seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    expect(steps(seen)).toEqual(['starting', 'ready']);
    expect(seen.ready).toHaveLength(1);
  });

  test('a sync that never ends: the next browser', async () => {
    const { standIn, sessionDir } = await pairedWorld({ sync: 'never' });
    const before = standIn.ops('online').length;
    const { seen } = await open(standIn, sessionDir, { timeouts: { readyMs: 2000 } });
    await standIn.waitForCount('online', before + 2);
    standIn.setOptions({ sync: 'wait' });
    await seen.becomesReady();
  });

  test('a socket that stays OPENING: the next browser', async () => {
    const { standIn, sessionDir } = await pairedWorld({ stuckOpening: true });
    const before = standIn.ops('boot').length;
    const { seen } = await open(standIn, sessionDir, { timeouts: { startMs: 5000 } });
    await standIn.waitForCount('boot', before + 1);
    standIn.setOptions({ stuckOpening: false });
    await seen.becomesReady();
  });

  test('a page that reloads while the library prepares it', async () => {
    const { standIn, sessionDir } = await pairedWorld({ reloadOnceMs: 500 });
    const { seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    const id = standIn.incoming({ from: ana, body: 'after it' });
    await seen.message(id);
  });

  test('QR codes are renewed after WhatsApp stopped showing them', async () => {
    const { standIn, sessionDir } = await world({ qrEveryMs: 200, qrRefs: 2 });
    const { seen } = await open(standIn, sessionDir);
    await standIn.waitFor('refreshQR');
    await seen.until(() => new Set(seen.qrs).size >= 3, 'a third QR code');
    standIn.setOptions({ qrEveryMs: 20_000 });
    standIn.pair();
    await seen.becomesReady();
  });

  test('a browser that does not start is told as such', async () => {
    const { standIn, sessionDir } = await world();
    const browser = { executablePath: '/bin/false', args: standIn.chromiumArgs() };
    const failed = await openWhatsApp({ sessionDir, browser, log: silentLog, events: new Recorder() }).catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(UserError);
    expect((failed as UserError).message).toContain('could not be started');
  });

  test('closing at once, before the browser is up, leaves none behind', async () => {
    const { standIn, sessionDir } = await world();
    const { client, seen } = await openTestClient(standIn, sessionDir);
    await client.close();
    expect(seen.states.at(-1)).toBe('stopped');
    await noProcessOn(sessionDir);
  });
});

describe('a running session', () => {
  test('a killed browser comes back, and sends meanwhile are refused', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const { client, seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    process.kill(profileOwner(profileDir(sessionDir)) ?? 0, 'SIGSTOP'); // so that it dies with a question unread
    const unanswered = client.setTyping(ana, true);
    expect(killBrowserOn(sessionDir)).toBeGreaterThan(0);
    await unanswered;
    await seen.until(() => seen.states.at(-1) === 'starting', 'restart');
    await expect(client.send(ana, 'too early')).rejects.toThrow('not connected');
    await seen.becomesReady(2);
    expect(seen.qrs).toEqual([]);
    await client.send(ana, 'back again');
    await standIn.waitForSent('back again');
    expect(standIn.sent).toHaveLength(1);
  });

  test('a browser that does not close is ended by force', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const { client, seen } = await open(standIn, sessionDir, { timeouts: { closeMs: 500 } });
    await seen.becomesReady();
    process.kill(profileOwner(profileDir(sessionDir)) ?? 0, 'SIGSTOP');
    await client.close();
    await noProcessOn(sessionDir);
  });

  test('a listener that throws stops nothing, and the log names nobody and quotes nothing', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const seen = new Recorder();
    const note = seen.onMessage;
    seen.onMessage = (message) => {
      note(message);
      throw new Error(`could not read a message of ${message.chatId}`);
    };
    const { client } = await open(standIn, sessionDir, { log, seen });
    await seen.becomesReady();
    await seen.message(standIn.incoming({ from: ana, body: 'a secret' }));
    await seen.message(standIn.incoming({ from: ana, body: 'another secret' }));
    await client.send('4900000000@c.us', 'a third secret').catch(() => undefined);
    killBrowserOn(sessionDir);
    await seen.becomesReady(2);
    const all = lines.join('');
    expect(all).toContain('an event could not be handled');
    expect(all).toContain('the browser is gone');
    expect(all).not.toMatch(/secret|Ana|4915112345678|4900000000/);
  });

  test('a crashed page comes back', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const { seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    const renderers = processesOn(sessionDir).filter((pid) => commandLine(pid).includes('--type=renderer'));
    for (const pid of renderers) process.kill(pid, 'SIGKILL');
    await seen.becomesReady(2);
    expect(steps(seen)).toEqual(['starting', 'ready', 'starting', 'ready']);
  });

  test('a cut network: said, survived, and nothing is lost', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const { client, seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    standIn.drop(700);
    await seen.until(() => seen.states.at(-1) === 'phone offline', 'offline');
    await expect(client.send(ana, 'x')).rejects.toThrow('not connected');
    const id = standIn.incoming({ from: ana, body: 'meanwhile' });
    expect(await seen.message(id)).toMatchObject({ text: 'meanwhile', isCatchUp: false });
    await seen.until(() => seen.states.at(-1) === 'ready', 'online');
    expect(seen.ready).toHaveLength(1);
    expect(standIn.sent).toEqual([]);
  });

  test('a reloaded page is ready again, and says each message once more only by `message_create`', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    const { client, seen } = await open(standIn, sessionDir);
    await seen.becomesReady();
    standIn.setOptions({ replaceStates: 3, syncDelayMs: 900 }); // navigations that made the bare library listen 4 times
    standIn.reloadPage();
    await seen.becomesReady(2);
    expect(steps(seen)).toEqual(['starting', 'ready', 'ready']);
    expect(seen.states).toContain('syncing');
    const id = standIn.incoming({ from: ana, body: 'once' });
    const last = standIn.incoming({ from: ana, body: 'last' });
    await seen.message(last);
    expect(seen.messages.filter((message) => message.id === id)).toHaveLength(1);
    standIn.spuriousSync();
    await seen.message(standIn.incoming({ from: ana, body: 'after it' }));
    await client.send(ana, 'and several questions to the page later');
    expect(seen.ready).toHaveLength(2);
  });
});

describe('what only the owner can mend', () => {
  test('unlinked on the phone: reported, and the profile is gone', async () => {
    const { standIn, sessionDir } = await world();
    const { client, seen } = await openPaired(standIn, sessionDir);
    standIn.unlink();
    const error = await seen.until(() => seen.fatals[0], 'report');
    expect(error.message).toContain('logged this device out');
    expect(seen.states.at(-1)).toBe('logged out');
    expect(existsSync(profileDir(sessionDir))).toBe(false);
    await client.close();
    await noProcessOn(sessionDir);
    // a new client pairs afresh and keeps that session
    const second = await openPaired(standIn, sessionDir);
    await second.client.close();
    const third = await open(standIn, sessionDir);
    await third.seen.becomesReady();
    expect(third.seen.qrs).toEqual([]);
  });

  test('unlinked while stopped: the same report', async () => {
    const { standIn, sessionDir } = await pairedWorld();
    standIn.unlink();
    const { seen } = await open(standIn, sessionDir);
    await seen.until(() => seen.fatals.length > 0, 'report');
    expect(seen.states.at(-1)).toBe('logged out');
    expect(existsSync(profileDir(sessionDir))).toBe(false);
  });

  test.each([
    { state: 'CONFLICT', last: 'stopped', words: 'in use elsewhere' },
    { state: 'TOS_BLOCK', last: 'blocked', words: 'blocked' },
    { state: 'UNPAIRED', last: 'logged out', words: 'logged this device out' },
    { state: 'DEPRECATED_VERSION', last: 'outdated', words: 'refuses this version' },
  ])('$state: reported once, the session kept', async ({ state, last, words }) => {
    const { standIn, sessionDir } = await pairedWorld();
    const { seen, client } = await open(standIn, sessionDir);
    await seen.becomesReady();
    standIn.rawState(state);
    await seen.until(() => seen.fatals.length > 0, 'report');
    await client.close();
    expect(seen.fatals.map((error) => error.message)).toEqual([expect.stringContaining(words)]);
    expect(seen.states.at(-1)).toBe(last);
    expect(existsSync(profileDir(sessionDir))).toBe(true);
  });
});
