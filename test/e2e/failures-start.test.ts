/**
 * What may befall a start, injected into the real whatsapp-web.js in a real Chromium: a page that never gets there is
 * tried again, a refusal is told and not, a phone is linked by QR code or by a code that is typed, and a session that was
 * just made survives the end of the program. docs/failures.md says which test holds which failure.
 */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { profileDir, profileOwner } from '../../src/whatsapp/profile.ts';
import { noProcessOn } from '../support/whatsapp-web/harness.ts';
import { ana, Worlds } from '../support/whatsapp-web/worlds.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 }); // a loaded machine takes its time

const worlds = new Worlds();
const ownNumber = '4915550000001';

beforeAll(() => worlds.begin());
afterEach(() => worlds.closeAll());
afterAll(() => worlds.end());

test('WhatsApp`s code never loads (auth timeout): the next browser, and no other one left running', async () => {
  const { standIn, sessionDir } = await worlds.paired({ version: null });
  const { seen } = await worlds.open(standIn, sessionDir, { timeouts: { startMs: 5000 } });
  const first = profileOwner(profileDir(sessionDir));
  await standIn.waitForCount('boot', 2);
  standIn.setOptions({ version: '2.3000.1017054665' });
  await seen.becomesReady(1);
  expect(profileOwner(profileDir(sessionDir))).not.toBe(first);
  expect(seen.fatals).toEqual([]);
});

test.each([
  { state: 'CONFLICT', last: 'stopped', words: 'in use elsewhere' },
  { state: 'TOS_BLOCK', last: 'blocked', words: 'blocked' },
  { state: 'DEPRECATED_VERSION', last: 'outdated', words: 'refuses this version' },
])('$state from the start: reported once, not tried again, the session kept', async ({ state, last, words }) => {
  const { standIn, sessionDir } = await worlds.paired({ firstState: state });
  const { seen, client } = await worlds.open(standIn, sessionDir);
  await seen.until(() => seen.fatals.length > 0, 'report');
  await client.close();
  expect(seen.fatals.map((error) => error.message)).toEqual([expect.stringContaining(words)]);
  expect(seen.states.at(-1)).toBe(last);
  expect(seen.backOffs).toEqual([]);
  expect(standIn.ops('boot')).toHaveLength(1);
  expect(existsSync(profileDir(sessionDir))).toBe(true);
});

test('a QR code that nobody scans is not shown for ever: the owner is told', async () => {
  const { standIn, sessionDir } = await worlds.unpaired({ qrEveryMs: 100, qrRefs: 3 });
  const { seen } = await worlds.open(standIn, sessionDir, { timeouts: { pairingMs: 3000 } });
  await seen.until(() => seen.fatals.length > 0, 'report');
  expect(seen.fatals.map((error) => error.message)).toEqual([expect.stringContaining('Nobody linked')]);
  expect(standIn.ops('refreshQR').length).toBeGreaterThan(0);
  expect(seen.states).toEqual(['starting', 'pairing', 'stopped']);
  await noProcessOn(sessionDir);
});

describe('pairing by a code', () => {
  test('is shown instead of a QR code, for the number that was set; typed on the phone, it links', async () => {
    const { standIn, sessionDir } = await worlds.unpaired();
    const { client, seen } = await worlds.open(standIn, sessionDir, { pairingNumber: ownNumber });
    const code = await seen.until(() => seen.codes[0], 'code');
    expect(code).toMatch(/^[1-9A-Z]{8}$/);
    expect(standIn.ops('pairingCode')[0]).toMatchObject({ phone: ownNumber, showNotification: true });
    expect(() => standIn.enterCode('AAAAAAAA')).toThrow('wrong');
    standIn.enterCode(code);
    await seen.becomesReady();
    expect(seen.qrs).toEqual([]);
    expect(seen.states.filter((state) => state !== 'syncing')).toEqual(['starting', 'pairing', 'ready']);
    await client.send(ana, 'linked');
    await client.close();
    // the session stays, and no further code is asked for
    const next = await worlds.open(standIn, sessionDir, { pairingNumber: ownNumber });
    await next.seen.becomesReady();
    expect(standIn.ops('pairingCode')).toHaveLength(1);
  });

  test('that WhatsApp refuses is told at once, and not asked for again', async () => {
    const { standIn, sessionDir } = await worlds.unpaired({ refuseCodes: true });
    const { seen } = await worlds.open(standIn, sessionDir, { pairingNumber: ownNumber });
    const error = await seen.until(() => seen.fatals[0], 'report');
    expect(error.message).toContain('rate-overlimit');
    expect(error.hint).toContain('PAIRING_NUMBER');
    expect(error.message).not.toContain(ownNumber);
    expect(standIn.ops('pairingCode')).toHaveLength(1);
  });
});

describe('just after pairing', () => {
  test('a stop closes the browser properly: the session is on disk', async () => {
    const { standIn, sessionDir } = await worlds.unpaired();
    const first = await worlds.pair(standIn, sessionDir);
    await first.client.close();
    const second = await worlds.open(standIn, sessionDir);
    await second.seen.becomesReady();
    expect(second.seen.qrs).toEqual([]);
  });

  test('a browser that does not close is not killed before it had time to write the session', async () => {
    const { standIn, sessionDir } = await worlds.unpaired();
    const keepMs = 4000;
    const { client, seen } = await worlds.open(standIn, sessionDir, { timeouts: { closeMs: 100, keepMs } });
    await seen.until(() => seen.qrs.length > 0, 'QR code');
    const pairedAtMs = performance.now();
    standIn.pair();
    await seen.becomesReady();
    process.kill(profileOwner(profileDir(sessionDir)) ?? 0, 'SIGSTOP');
    await client.close();
    expect(performance.now() - pairedAtMs).toBeGreaterThanOrEqual(keepMs);
    await noProcessOn(sessionDir);
  });
});
