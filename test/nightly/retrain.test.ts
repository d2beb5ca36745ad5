/** A night on a real store with the real network, kept short: what is published, skipped, replaced and retired. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { currentFile, loadServing } from '../../src/checkpoint/current.ts';
import { retrain } from '../../src/nightly/retrain.ts';
import type { RetrainOptions, RetrainResult } from '../../src/nightly/retrain.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { filesHolding } from '../support/cli.ts';

let dir: string;
let nights = 0;

const night = (changes: Partial<RetrainOptions> = {}): Promise<RetrainResult> =>
  retrain({
    dataDir: join(dir, 'data'),
    modelsDir: join(dir, 'models'),
    speaker: 'me',
    timezone: sample.timezone,
    size: 'nano',
    maxMinutes: 0.05,
    backend: 'simd',
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    nowMs: Date.UTC(2026, 8, 1 + nights++, 3),
    ...changes,
  });

function withStore<T>(work: (store: Store) => T): T {
  const store = openStore(join(dir, 'data'));
  try {
    return work(store);
  } finally {
    store.close();
  }
}

describe.sequential('nights', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'persona-nights-'));
    await importSample(join(dir, 'data'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('the first is promoted, measured beside the 5-gram, and recorded', async () => {
    const result = await night();
    expect(result).toMatchObject({ verdict: 'promoted', run: '2026-09-01T03-00-00Z' });
    expect(result.bitsPerByte).toBeGreaterThan(1);
    expect(result.bitsPerByte).toBeLessThan(8);
    expect(result.report?.test.ngram?.bytes).toBe(result.report?.test.run?.bytes);
    expect(loadServing(join(dir, 'models'))?.runId).toBe(result.run);
    expect(withStore((store) => store.runs.latest())).toMatchObject({ id: result.run, verdict: 'promoted' });
  });

  test('its manifest in data/datasets names rows and holds no text', () => {
    expect(readdirSync(join(dir, 'data', 'datasets'))).toHaveLength(1);
    expect(filesHolding(join(dir, 'data', 'datasets'), ['moose', 'pickle'])).toEqual([]);
  });

  test('nothing new: skipped, and the model stays', async () => {
    const result = await night();
    expect(result.verdict).toBe('skipped');
    expect(result.reason).toContain('nothing changed');
    expect(loadServing(join(dir, 'models'))?.runId).toBe('2026-09-01T03-00-00Z');
  });

  test('while another night runs it ends with 75', async () => {
    const lock = acquireLock(join(dir, 'data'), 'retrain');
    try {
      await expect(night()).rejects.toMatchObject({ exitCode: 75 });
    } finally {
      lock.release();
    }
  });

  test('stopped by hand: nothing is published', async () => {
    const stop = new AbortController();
    const stopped = night({ force: true, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow('stopped before its end');
    expect(loadServing(join(dir, 'models'))?.runId).toBe('2026-09-01T03-00-00Z');
  });

  test('a name to hide is a reason to train again', async () => {
    const stop = new AbortController();
    const redaction = { regions: ['GB'], names: ['Moose'] };
    const begun = night({ redaction, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(begun).rejects.toThrow('stopped before its end');
  });

  test('a message was deleted: the model that saw it is replaced, better or not', async () => {
    withStore((store) => {
      const chat = store.chats.list()[0];
      const [message] = store.messages.recent(chat?.id ?? 0, 1);
      expect(store.messages.erase(chat?.id ?? 0, message?.waId ?? '')).toBe(true);
    });
    const result = await night({ maxMinutes: 0.03 });
    expect(result.verdict).toBe('promoted');
    expect(result.reason).toContain('changed or are gone');
    expect(loadServing(join(dir, 'models'))?.runId).toBe(result.run);
  });

  test('consent withdrawn and nothing left to train on: the model goes out of service', async () => {
    withStore((store) => {
      const personId = store.people.list().find(({ name }) => name === sample.other)?.id ?? 0;
      store.consent.append({
        personId,
        scope: 'log',
        action: 'withdrawn',
        atMs: Date.now(),
        noticeHash: '',
        chatId: null,
      });
    });
    const result = await night();
    expect(result.verdict).toBe('skipped');
    expect(result.reason).toContain('it is retired');
    expect(existsSync(currentFile(join(dir, 'models')))).toBe(false);
    expect(loadServing(join(dir, 'models'))).toBeUndefined();
  });
});
