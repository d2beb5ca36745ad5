/** A probe run: canaries planted in memory, measured, and gone. It passes for what a night does, and fails where it should. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probe, probeCanaries, type ProbeOptions } from '../../src/nightly/probe.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { openStore } from '../../src/store/store.ts';
import { exposureLimits, makeCanaries } from '../../src/train/exposure.ts';
import { filesHolding } from '../support/cli.ts';
import { importInvented, timezone } from './invented.ts';

let dir: string;
let options: ProbeOptions;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'persona-probe-'));
  await importInvented(join(dir, 'data'), { conversations: { train: 12, validation: 1, test: 0 } });
  options = {
    dataDir: join(dir, 'data'),
    speaker: 'me',
    timezone,
    maxMinutes: 240,
    backend: 'simd',
    nowMs: Date.UTC(2026, 8, 1, 3),
    candidates: 256,
  };
});
afterAll(() => rmSync(dir, { recursive: true }));

const digits = makeCanaries(probeCanaries, 1).map((canary) => canary.digits);

test('once each: not remembered, recorded, and nothing else is left of it', { timeout: 300_000 }, async () => {
  const found = await probe(options);
  expect(found).toMatchObject({ canaries: 10, copies: 1, extracted: 0, passed: true });
  expect(found!.mean - found!.controlMean).toBeLessThan(exposureLimits.meanOverControl);
  const store = openStore(options.dataDir);
  expect(store.nights.latestProbe()).toEqual({ atMs: options.nowMs, report: found });
  store.close();
  expect(existsSync(join(dir, 'models'))).toBe(false);
  expect(existsSync(join(options.dataDir, 'training'))).toBe(false);
  expect(filesHolding(options.dataDir, digits)).toEqual([]);
});

test('forty times each: remembered, and it says so', { timeout: 300_000 }, async () => {
  const found = await probe({ ...options, copies: 40, candidates: 1024 });
  expect(found?.passed).toBe(false);
  expect(found!.mean).toBeGreaterThan(found!.controlMean + exposureLimits.meanOverControl);
});

test('not while a night runs, and not where there is nothing to learn', async () => {
  const lock = acquireLock(options.dataDir, 'retrain');
  await expect(probe(options)).rejects.toMatchObject({ exitCode: 75 });
  lock.release();
  expect(await probe({ ...options, dataDir: join(dir, 'empty') })).toBeUndefined();
});
