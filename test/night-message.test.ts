/** The night's message: once for a night that was judged, again when it did not leave, never for one that was skipped. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nightMessage } from '../scripts/night-message.ts';
import type { Context } from '../scripts/context.ts';
import { cardName } from '../src/nightly/report/card.ts';
import { openStore, type Store } from '../src/store/store.ts';
import type { Verdict } from '../src/types.ts';

let dir: string;
let store: Store;
let told: string[];
let leaves: boolean;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'persona-night-'));
  store = openStore(join(dir, 'data'));
  told = [];
  leaves = true;
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

const settled = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await setImmediate();
};
function start() {
  const context = {
    env: { modelsDir: join(dir, 'models'), personaDir: join(dir, 'persona') },
    persona: { name: 'Juno', languages: ['en'] },
  } as Context;
  const tell = (text: string): Promise<boolean> => {
    if (leaves) told.push(text);
    return Promise.resolve(leaves);
  };
  return nightMessage({ context, store, log: pino({ level: 'silent' }), tell });
}
const night = (id: string, verdict: Verdict): void =>
  store.runs.add({ id, verdict, startedAtMs: 1, finishedAtMs: 2, reason: 'it is worse', report: {} });

test.each([
  ['promoted', 'A new model speaks: run-1.'],
  ['kept', 'stays: it is worse'],
] as const)('a night that ended with %s is told once', async (verdict, words) => {
  const message = start();
  night('run-1', verdict);
  message.onVerdict(verdict);
  await settled();
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(words);
  message.onReady();
  await settled();
  expect(told).toHaveLength(1);
});

test.each(['skipped', 'failed'] as const)('a night that %s is not', async (verdict) => {
  const message = start();
  night('run-1', 'promoted'); // of the night before
  message.onVerdict(verdict);
  message.onReady();
  await settled();
  expect(told).toEqual([]);
});

test('what did not leave is tried again when WhatsApp is back', async () => {
  const message = start();
  night('run-1', 'promoted');
  leaves = false;
  message.onVerdict('promoted');
  await settled();
  leaves = true;
  message.onReady();
  message.onReady();
  await settled();
  expect(told).toHaveLength(1);
});

test('names the report where there is one', async () => {
  const message = start();
  night('run-1', 'promoted');
  mkdirSync(join(dir, 'models', 'runs', 'run-1'), { recursive: true });
  writeFileSync(join(dir, 'models', 'runs', 'run-1', cardName), '');
  message.onVerdict('promoted');
  await settled();
  expect(told[0]).toContain('run-1/report.md');
});
