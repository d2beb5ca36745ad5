/** When the next browser may start (promise B3). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff, maxRestartsPerHour } from '../../src/whatsapp/backoff.ts';
import type { Clock } from '../../src/whatsapp/clock.ts';

const hourMs = 3_600_000;

/** Browsers that live so long and then break, one after the other; when each was started again. */
function startsOf(livesMs: readonly { ms: number; isPlanned: boolean }[]): number[] {
  let now = 1000;
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const backoff = new Backoff(clock, 1000);
  return livesMs.map(({ ms, isPlanned }) => {
    now += ms;
    now += backoff.waitMs(isPlanned);
    backoff.note();
    return now;
  });
}

test('never more than six in any hour, whatever breaks when', () => {
  const life = fc.record({ ms: fc.oneof(fc.nat(50), fc.nat(hourMs)), isPlanned: fc.boolean() });
  fc.assert(
    fc.property(fc.array(life, { maxLength: 60 }), (lives) => {
      const starts = startsOf(lives);
      for (const [at, start] of starts.entries()) {
        const before = starts[at - maxRestartsPerHour];
        if (before !== undefined) expect(start - before).toBeGreaterThanOrEqual(hourMs);
      }
    }),
  );
});

test('each pause within an hour is longer, and the first is short again after a quiet hour', () => {
  const breaks = Array.from({ length: 6 }, () => ({ ms: 0, isPlanned: false }));
  const starts = startsOf([...breaks, { ms: 2 * hourMs, isPlanned: false }]);
  const pauses = starts.map((atMs, index) => atMs - (starts[index - 1] ?? 1000));
  expect(pauses).toEqual([1000, 5000, 25_000, 125_000, 625_000, 900_000, 2 * hourMs + 1000]);
});
