/**
 * When the supervisor gives a page up, with the times it really uses and a clock that passes at will: what hangs or is
 * deaf is found in time for promise B1 (recovered within 90 s), and what is only idle or busy never is.
 */
import { expect, test } from 'vitest';
import type { Signs } from '../../src/whatsapp/page.ts';
import { Pulse } from '../../src/whatsapp/pulse.ts';
import { defaultTimeouts } from '../../src/whatsapp/timeouts.ts';
import { TestClock } from '../support/clock.ts';

const hourMs = 3_600_000;
const well: Signs = { socket: 'CONNECTED', hasSynced: true, isWired: true, fresh: [] };
const never = <T>(): Promise<T> => new Promise(() => undefined);

/** A page that answers as a test says, and the loop that looks at it as session.ts does. */
function page(
  answers: { look: () => Promise<Signs>; askServer?: () => Promise<void> },
  { isReady = true, probeMs = 5 } = {}, // a real limit would be waited for in real time
) {
  const clock = new TestClock(true);
  const asked = { looks: 0, server: 0, atOnce: 0, most: 0 };
  const limited = async <T>(work: Promise<T>): Promise<T> => {
    asked.most = Math.max(asked.most, ++asked.atOnce);
    return work.finally(() => asked.atOnce--);
  };
  const timeouts = { ...defaultTimeouts, probeMs, callMs: 5 };
  const pulse = new Pulse({
    clock,
    timeouts,
    look: () => {
      asked.looks++;
      return limited(answers.look());
    },
    askServer: () => {
      asked.server++;
      return answers.askServer?.() ?? Promise.resolve();
    },
  });
  const state: { dead?: string; deadAtMs?: number } = {};
  void (async () => {
    for (;;) {
      await clock.sleep(timeouts.pollMs);
      const { dead } = await pulse.beat(isReady);
      if (dead === undefined) continue;
      state.dead = dead;
      state.deadAtMs = clock.now();
      await clock.sleep(Infinity);
    }
  })();
  return { clock, pulse, asked, state };
}

test('a page that answers and says nothing for 24 h is left alone, and WhatsApp is asked rarely', async () => {
  const { clock, asked, state } = page({ look: () => Promise.resolve(well) });
  await clock.pass(24 * hourMs);
  expect(state.dead).toBeUndefined();
  expect(asked.looks).toBeGreaterThan(24 * 120);
  expect(asked.looks).toBeLessThan(24 * 260);
  expect(asked.server).toBeGreaterThanOrEqual(90);
  expect(asked.server).toBeLessThanOrEqual(96);
  expect(asked.most).toBe(1);
});

test('a page that hangs is given up soon enough to be back within 90 s', async () => {
  let answer = (): Promise<Signs> => Promise.resolve(well);
  const { clock, asked, state } = page({ look: () => answer() });
  await clock.pass(60_000);
  answer = never;
  const hungAtMs = clock.now();
  await clock.pass(60_000);
  expect(state.dead).toContain('hangs');
  // the looks took no time here; as long as they are given, the browser's end, the first pause: the rest is for the start
  const { probeMs, closeMs, backoffMs } = defaultTimeouts;
  const foundMs = (state.deadAtMs ?? Infinity) - hungAtMs + 2 * probeMs;
  expect(foundMs + closeMs + backoffMs).toBeLessThanOrEqual(60_000);
  expect(asked.most).toBe(2); // no pile-up
});

test('a page that is not ready yet gets more time', async () => {
  const { clock, asked, state } = page({ look: never }, { isReady: false });
  await clock.pass(30_000);
  expect(state.dead).toContain('hangs');
  expect(asked).toMatchObject({ looks: 4, most: 4 });
});

test('a look that fails while events arrive does not count: a flood is no hang', async () => {
  const { clock, pulse, state } = page({ look: never });
  for (let second = 0; second < 600; second++) {
    pulse.noteEvent();
    await clock.pass(1000);
  }
  expect(state.dead).toBeUndefined();
  await clock.pass(60_000);
  expect(state.dead).toContain('hangs');
});

test('a look that fails at once counts less: a page that loads anew gets as long as one that does not answer', async () => {
  const look = (): Promise<Signs> => Promise.reject(new Error('Execution context was destroyed'));
  const { clock, asked, state } = page({ look }, { probeMs: defaultTimeouts.probeMs });
  await clock.pass(15_000);
  expect(state.dead).toBeUndefined();
  expect(asked.looks).toBeGreaterThan(2);
  await clock.pass(15_000);
  expect(state.dead).toContain('hangs');
});

test('one look that fails, and one that finds the library gone, are forgiven', async () => {
  const answers = [never<Signs>, () => Promise.resolve(well), () => Promise.resolve({ ...well, isWired: false })];
  const { clock, state } = page({ look: () => answers.shift()?.() ?? Promise.resolve(well) });
  await clock.pass(hourMs);
  expect(state.dead).toBeUndefined();
});

test('connected, and the library gone from the page: deaf', async () => {
  const { clock, state } = page({ look: () => Promise.resolve({ ...well, isWired: false }) });
  await clock.pass(20_000);
  expect(state.dead).toContain('the library is gone');
});

test('connected, and a message in the page that nobody heard of: deaf; one that was heard, or was there before: not', async () => {
  let fresh = ['before'];
  const { clock, pulse, state } = page({ look: () => Promise.resolve({ ...well, fresh }) });
  pulse.begin(fresh);
  pulse.noteMessage('heard');
  fresh = ['before', 'heard'];
  await clock.pass(9 * 60_000);
  expect(state.dead).toBeUndefined();
  fresh = [...fresh, 'unheard'];
  await clock.pass(20_000);
  expect(state.dead).toContain('not heard of');
});

test('not connected: nothing can be heard, and nobody is deaf', async () => {
  const { clock, asked, state } = page({
    look: () => Promise.resolve({ ...well, socket: 'TIMEOUT', isWired: false, fresh: ['x'] }),
  });
  await clock.pass(24 * hourMs);
  expect(state.dead).toBeUndefined();
  expect(asked.server).toBe(0);
});

test('connected and silent, and WhatsApp does not answer either: deaf, but not before a long silence', async () => {
  const { clock, pulse, state } = page({ look: () => Promise.resolve(well), askServer: never });
  await clock.pass(defaultTimeouts.silenceMs - 30_000);
  pulse.noteEvent();
  await clock.pass(defaultTimeouts.silenceMs - 30_000);
  expect(state.dead).toBeUndefined();
  await clock.pass(90_000);
  expect(state.dead).toContain('WhatsApp does not answer');
});
