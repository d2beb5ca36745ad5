/**
 * What may befall a session that runs, injected into the real whatsapp-web.js in a real Chromium: a page that hangs or is
 * deaf is replaced and nothing is lost; one that is only idle never is. Intervals are short here; the times that the
 * program uses are held by test/whatsapp/pulse.test.ts. docs/failures.md says which test holds which failure.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SendTimeout } from '../../src/whatsapp/client.ts';
import { TestClock } from '../support/clock.ts';
import { processesOn } from '../support/whatsapp-web/harness.ts';
import { ana, Worlds } from '../support/whatsapp-web/worlds.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 }); // a loaded machine takes its time

const worlds = new Worlds();
/** As often and as short as makes a test fast; a machine under load only takes longer to find what it finds. */
const often = { pollMs: 100, pulseMs: 200, probeMs: 3000 };

beforeAll(() => worlds.begin());
afterEach(() => worlds.closeAll());
afterAll(() => worlds.end());

describe('a page that hangs', () => {
  test('is replaced by itself, and what came meanwhile is found', async () => {
    const { standIn, client, seen } = await worlds.ready({}, { timeouts: { ...often, probeMs: 1500 } });
    const since = Date.now() - 1000;
    standIn.hang(600_000);
    const missed = standIn.incoming({ from: ana, body: 'are you there' });
    await seen.becomesReady(2);
    expect(seen.qrs).toEqual([]);
    expect(seen.fatals).toEqual([]);
    const found = await client.fetchSince(ana, since);
    expect(found.map(({ id }) => id)).toEqual([missed]);
    await client.send(ana, 'back again');
    expect(standIn.sent.map(({ body }) => body)).toEqual(['back again']);
  });

  test('while it sends: the outcome is unknown, and what leaves later leaves once', async () => {
    const { standIn, client, seen } = await worlds.ready({}, { timeouts: { sendMs: 500 } });
    standIn.hang(2500, true);
    await expect(client.send(ana, 'late')).rejects.toThrow(SendTimeout);
    expect(standIn.sent).toEqual([]);
    await standIn.waitForSent('late');
    await client.send(ana, 'next');
    expect(standIn.sent.map(({ body }) => body)).toEqual(['late', 'next']);
    expect(seen.ready).toHaveLength(1);
  });
});

describe('a page that is connected but deaf', () => {
  test('because the library is gone from it: replaced', async () => {
    const { standIn, seen } = await worlds.ready({}, { timeouts: often });
    standIn.deafen('helpers');
    await seen.becomesReady(2);
    await seen.message(standIn.incoming({ from: ana, body: 'heard again' }));
  });

  test('because its listeners are: a message that nobody heard of gives it away, and is not lost', async () => {
    const { standIn, client, seen } = await worlds.ready({}, { timeouts: often });
    const since = Date.now() - 1000;
    const heard = standIn.incoming({ from: ana, body: 'heard' });
    await seen.message(heard);
    standIn.deafen('listeners');
    const missed = standIn.incoming({ from: ana, body: 'not heard' });
    await seen.becomesReady(2);
    expect(seen.messages.map(({ id }) => id)).not.toContain(missed);
    const found = await client.fetchSince(ana, since);
    expect(found.map(({ id }) => id)).toEqual([heard, missed]);
    await seen.message(standIn.incoming({ from: ana, body: 'heard again' }));
  });

  test('because its line is dead: no answer of WhatsApp gives it away', async () => {
    const timeouts = { ...often, silenceMs: 500, callMs: 1500 };
    const { standIn, seen } = await worlds.ready({}, { timeouts });
    standIn.setOptions({ mute: true });
    const missed = standIn.incoming({ from: ana, body: 'not delivered' });
    await seen.until(() => seen.states.at(-1) === 'starting', 'the next browser');
    standIn.setOptions({ mute: false });
    await seen.becomesReady(2);
    expect(seen.messages.map(({ id }) => id)).not.toContain(missed);
    await seen.message(standIn.incoming({ from: ana, body: 'heard again' }));
  });
});

test('24 hours of silence: looked at all the time, never replaced, and heard at once afterwards', async () => {
  const clock = new TestClock();
  const { standIn, seen } = await worlds.ready({}, { clock, timeouts: { pollMs: 10_000, pulseMs: 300_000 } });
  const before = standIn.ops('exists').length;
  await clock.pass(24 * 3_600_000);
  expect(seen.states.filter((state) => state === 'starting')).toHaveLength(1);
  expect(seen.states.at(-1)).toBe('ready');
  expect(seen.ready).toHaveLength(1);
  expect(standIn.ops('boot')).toHaveLength(1);
  expect(standIn.ops('exists').length - before).toBeGreaterThan(80); // it was really asked, in the real page
  expect(standIn.sent).toEqual([]);
  await seen.message(standIn.incoming({ from: ana, body: 'good morning' }));
  expect(standIn.pageErrors).toEqual([]);
});

describe('a browser that has grown', () => {
  const upkeep = { upkeepMs: 200, quietMs: 300, renewEveryMs: 600_000 };

  test('over the memory limit is replaced when no reply is under way, and only once for so long', async () => {
    let isSettled = false;
    const settled = (): Promise<void> => (isSettled ? Promise.resolve() : new Promise(() => undefined));
    const { standIn, sessionDir, client, seen } = await worlds.ready(
      {},
      { timeouts: { ...often, ...upkeep }, memoryLimit: 1024 * 1024, settled },
    );
    const first = processesOn(sessionDir);
    await new Promise((resolve) => setTimeout(resolve, 2000)); // many looks
    expect(seen.ready).toHaveLength(1);
    isSettled = true;
    await seen.becomesReady(2);
    expect(processesOn(sessionDir).filter((pid) => first.includes(pid))).toEqual([]);
    expect(seen.backOffs).toEqual([0]);
    expect(seen.qrs).toEqual([]);
    await client.send(ana, 'fresh');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(seen.ready).toHaveLength(2); // still over the limit, but new
    expect(standIn.sent).toHaveLength(1);
  });

  test('old is replaced too, at a quiet moment', async () => {
    const { client, seen } = await worlds.ready({}, { timeouts: { ...often, ...upkeep, maxAgeMs: 1000 } });
    await seen.becomesReady(2);
    expect(seen.backOffs[0]).toBe(0); // planned: no pause
    await client.close();
    expect(seen.fatals).toEqual([]);
  });
});
