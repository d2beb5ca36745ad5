/** How memory is counted, and when a browser that works is replaced. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/util/log.ts';
import type { Logger } from '../../src/util/log.ts';
import { memoryOf, memoryOfTree } from '../../src/whatsapp/memory.ts';
import { defaultTimeouts } from '../../src/whatsapp/timeouts.ts';
import { Upkeep } from '../../src/whatsapp/upkeep.ts';
import { TestClock } from '../support/clock.ts';

const mb = 1024 * 1024;
const hourMs = 3_600_000;
const noProc = process.platform === 'linux' ? '' : 'there is no /proc';

test.skipIf(noProc !== '')(`memory is that of a process with all below it ${noProc}`, async () => {
  const grow = `globalThis.held = Buffer.alloc(${64 * mb}, 1);`;
  const program = `${grow} require('node:child_process').spawn(process.execPath, ['-e',
    "${grow} console.log('grown'); setInterval(() => {}, 1000)"], { stdio: ['ignore', 'inherit', 'inherit'] });
    setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const [alone, tree] = [memoryOf(pid) ?? 0, memoryOfTree(pid) ?? 0];
  process.kill(-pid, 'SIGKILL');
  expect(alone).toBeGreaterThan(64 * mb);
  expect(tree - alone).toBeGreaterThan(64 * mb);
  await once(child, 'close');
  expect(memoryOfTree(pid)).toBeUndefined();
});

describe('a browser', () => {
  /** One that began now, beside a clock of its own. */
  function browser(options: { memoryLimit?: number; settled?: () => Promise<void>; log?: Logger } = {}) {
    const clock = new TestClock(true);
    const upkeep = new Upkeep({
      clock,
      timeouts: defaultTimeouts,
      log: options.log ?? silentLog,
      memoryLimit: options.memoryLimit,
      settled: options.settled ?? (() => Promise.resolve()),
    });
    const facts = { pid: process.pid, startedAtMs: 0, activeAtMs: 0, callsUnderWay: 0 };
    void clock.sleep(Infinity);
    const after = async (ms: number, changes: Partial<typeof facts> = {}): Promise<string | undefined> => {
      await clock.pass(ms);
      return upkeep.due(Object.assign(facts, changes));
    };
    return { after, now: () => clock.now() };
  }

  test('that is neither large nor old is left alone, for days', async () => {
    const { after } = browser({ memoryLimit: 1024 * 1024 * mb });
    for (let hour = 0; hour < 24 * 6; hour++) expect(await after(hourMs)).toBeUndefined();
  });

  test('that is a week old is replaced once a minute was quiet; after an hour without one, between two calls', async () => {
    const calm = browser();
    await calm.after(7 * 24 * hourMs - 1, { activeAtMs: 0 });
    expect(await calm.after(30_000, { activeAtMs: calm.now() })).toBeUndefined();
    expect(await calm.after(61_000)).toContain('age');

    const busy = browser();
    await busy.after(7 * 24 * hourMs, { activeAtMs: 7 * 24 * hourMs });
    for (let minute = 0; minute < 59; minute++)
      expect(await busy.after(60_000, { activeAtMs: busy.now() + 60_000 })).toBeUndefined();
    expect(await busy.after(60_000, { activeAtMs: busy.now() + 60_000, callsUnderWay: 1 })).toBeUndefined();
    expect(await busy.after(60_000, { activeAtMs: busy.now() + 60_000, callsUnderWay: 0 })).toContain('age');
  });

  test.skipIf(noProc !== '')(`over the limit is replaced, and then not for six hours ${noProc}`, async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const { after } = browser({ memoryLimit: 1, log });
    expect(await after(61_000)).toContain('memory');
    expect(await after(5 * hourMs)).toBeUndefined();
    expect(await after(60_000)).toBeUndefined();
    expect(lines.filter((line) => line.includes('MEMORY_LIMIT_MB'))).toHaveLength(1);
    expect(await after(hourMs)).toContain('memory');
  });

  test('is never replaced while a reply is under way', async () => {
    let isSettled = false;
    const settled = (): Promise<void> => (isSettled ? Promise.resolve() : new Promise(() => undefined));
    const { after } = browser({ settled });
    expect(await after(8 * 24 * hourMs)).toBeUndefined();
    expect(await after(2 * hourMs)).toBeUndefined();
    isSettled = true;
    expect(await after(60_000)).toContain('age');
  });
});
