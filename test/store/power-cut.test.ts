/**
 * Promise A2: 120 simulated power cuts while messages are stored, edited and erased; what was acknowledged is there on every
 * disk that such a cut could have left. The control does the same without `synchronous=FULL`, and loses. Needs dist/ and
 * strace; bench/durability.ts cuts 1,000 times.
 * Run: npm run build && npx vitest run test/store/power-cut.test.ts
 */
import { expect, test } from 'vitest';
import { canTrace, cutPower } from '../../bench/durability/power-cut.ts';
import { createRandom } from '../../src/util/random.ts';
import { freshDir } from './support.ts';

const mayTrace = canTrace();
const noStrace = 'strace is missing or may not trace here';
const messages = 100;

test('120 power cuts: nothing acknowledged is lost, no disk is damaged', { timeout: 300_000 }, (context) => {
  if (!mayTrace) context.skip(noStrace);
  const random = createRandom('power cuts');
  const result = cutPower(freshDir(), { cuts: 120, messages, synchronous: 'FULL', random });
  process.stdout.write(`power cuts: ${JSON.stringify(result)}\n`);
  expect(result).toMatchObject({ cuts: 120, acknowledged: 107, cutsWithLosses: 0, mostLost: 0, corrupt: 0 });
  expect(result.flushes).toBeGreaterThan(result.acknowledged); // each commit waited for the disk
});

test('80 power cuts of the bot, which writes several messages at once', { timeout: 300_000 }, (context) => {
  if (!mayTrace) context.skip(noStrace);
  const random = createRandom('power cuts of the bot');
  const result = cutPower(freshDir(), { cuts: 80, messages, synchronous: 'FULL', random, writer: 'bot' });
  process.stdout.write(`power cuts of the bot: ${JSON.stringify(result)}\n`);
  expect(result).toMatchObject({ cuts: 80, acknowledged: messages, cutsWithLosses: 0, mostLost: 0, corrupt: 0 });
  expect(result.flushes).toBeLessThan(result.acknowledged); // they share commits
});

test('control: without FULL the same cuts lose what was acknowledged', { timeout: 300_000 }, (context) => {
  if (!mayTrace) context.skip(noStrace);
  const random = createRandom('power cuts');
  const result = cutPower(freshDir(), { cuts: 60, messages, synchronous: 'NORMAL', random });
  process.stdout.write(`power cuts with synchronous=NORMAL: ${JSON.stringify(result)}\n`);
  expect(result.cutsWithLosses).toBeGreaterThan(30);
  expect(result.corrupt).toBe(0);
});
