/** A night on a real store with the real network, kept short: what is published, skipped, refused, replaced and retired. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentFile, loadServing } from '../../src/checkpoint/current.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { isInLexicon } from '../../src/dataset/lexicon.ts';
import { modelConfig } from '../../src/model/sizes.ts';
import { unfinishedNight } from '../../src/nightly/night-state.ts';
import { retrain } from '../../src/nightly/retrain.ts';
import type { RetrainOptions, RetrainResult } from '../../src/nightly/retrain.ts';
import { lacksRoom, timeOf } from '../../src/nightly/room.ts';
import { trainOnDataset } from '../../src/nightly/training.ts';
import { acquireLock } from '../../src/store/lock.ts';
import type { RunningNight } from '../../src/store/night.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { filesHolding } from '../support/cli.ts';
import { importInvented, timezone } from './invented.ts';

let dir: string;
let nights = 0;
let freeWeek: number;
const first = '2026-09-01T03-00-00Z';

const night = (changes: Partial<RetrainOptions> = {}): Promise<RetrainResult> =>
  retrain({
    dataDir: join(dir, 'data'),
    modelsDir: join(dir, 'models'),
    speaker: 'me',
    timezone,
    size: 'nano',
    maxMinutes: 240,
    backend: 'simd',
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    samples: 60,
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

const serving = (): string | undefined => loadServing(join(dir, 'models'))?.runId;

/** The oldest message of the first chat is deleted for everyone: every run has seen it. */
function deleteOne(): void {
  withStore((store) => {
    const chat = store.chats.list()[0];
    const [message] = store.messages.recent(chat?.id ?? 0, 10_000);
    expect(store.messages.erase(chat?.id ?? 0, message?.waId ?? '')).toBe(true);
  });
}

/** A network that learned from a twelfth of what there is. */
const learnLittle: RetrainOptions['learn'] = (dataset, options) => {
  const train = dataset.conversations.filter(({ split }) => split === 'train');
  return trainOnDataset({ ...dataset, conversations: train.slice(0, Math.ceil(train.length / 12)) }, options);
};

/** The same, and it came to nothing. */
const learnNothing: RetrainOptions['learn'] = async (dataset, options) => {
  const trained = await learnLittle(dataset, options);
  const weights = await trained.engine.exportWeights();
  weights.get('model.norm.weight')!.data[0] = NaN;
  trained.engine.importWeights(weights);
  return trained;
};

describe.sequential('nights', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'persona-nights-'));
    freeWeek = await importInvented(join(dir, 'data'), { conversations: { train: 14, validation: 2, test: 5 } });
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('the first is promoted, measured beside the 5-gram, recorded, and tells how far it is', async () => {
    let told: RunningNight | undefined;
    const result = await night({
      onProgress: ({ step }) => void (step === 3 && (told = withStore((store) => store.nights.running()))),
    });
    expect(result).toMatchObject({ verdict: 'promoted', run: first });
    expect(result.bitsPerByte).toBeGreaterThan(0.1);
    expect(result.bitsPerByte).toBeLessThan(8);
    const { report } = result;
    expect(report?.test.ngram?.bytes).toBe(report?.test.run?.bytes);
    expect(report?.gate).toMatchObject({ against: 'untrained', failed: [], samples: { samples: 60, split: 'test' } });
    expect(report?.peakMemory).toBeGreaterThan(50e6);
    expect(serving()).toBe(first);
    expect(withStore((store) => store.runs.latest())).toMatchObject({
      id: first,
      verdict: 'promoted',
      report: { key: report?.key, card: { heldOut: { conversations: 10 } } },
    });
    expect(told).toMatchObject({ phase: 'training nano on simd, from scratch', pid: process.pid });
    expect(withStore((store) => store.nights.running())).toBeUndefined();
  });

  test('its card lies in its folder, and its manifest says what was judged', () => {
    const folder = join(dir, 'models', 'runs', first);
    expect(readFileSync(join(folder, 'report.md'), 'utf8')).toContain(first);
    expect(loadCheckpoint(folder).manifest.details).toMatchObject({ verdict: 'promoted', gate: { failed: [] } });
  });

  test('it knows the words that it has read twice, and holds none of them as text', () => {
    const folder = join(dir, 'models', 'runs', first);
    const { lexicon } = loadCheckpoint(folder);
    expect(lexicon!.length).toBeGreaterThan(50);
    expect(['haha', 'rehearsal', 'zephyrine'].map((word) => isInLexicon(lexicon!, word))).toEqual([true, true, false]);
    expect(readFileSync(join(folder, 'lexicon.bin')).includes('rehearsal')).toBe(false);
  });

  test('its manifest in data/datasets names rows and holds no text; nothing unfinished is left', () => {
    expect(readdirSync(join(dir, 'data', 'datasets'))).toHaveLength(1);
    expect(filesHolding(join(dir, 'data', 'datasets'), ['haha', 'rehearsal'])).toEqual([]);
    expect(existsSync(join(dir, 'data', 'training'))).toBe(false);
  });

  test('nothing new: skipped, and the model stays', async () => {
    const result = await night();
    expect(result.verdict).toBe('skipped');
    expect(result.reason).toContain('nothing changed');
    expect(serving()).toBe(first);
  });

  test('while another night runs it ends with 75', async () => {
    const lock = acquireLock(join(dir, 'data'), 'retrain');
    try {
      await expect(night()).rejects.toMatchObject({ exitCode: 75 });
    } finally {
      lock.release();
    }
  });

  test('stopped by hand: nothing is published, and the next one can go on', async () => {
    const stop = new AbortController();
    const stopped = night({ force: true, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow('stopped before its end');
    expect(serving()).toBe(first);
    expect(unfinishedNight(join(dir, 'data'))).toMatchObject({ resumed: 0 });
    expect(existsSync(join(dir, 'data', 'training', 'from-scratch', 'state.json'))).toBe(true);
  });

  test('a name to hide is a reason to train again, and what was unfinished is of no use', async () => {
    const before = unfinishedNight(join(dir, 'data'));
    const stop = new AbortController();
    const redaction = { regions: ['GB'], names: ['kettle'] };
    const steps: number[] = [];
    const begun = night({
      redaction,
      signal: stop.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        stop.abort();
      },
    });
    await expect(begun).rejects.toThrow('stopped before its end');
    expect(steps).toEqual([1]);
    expect(unfinishedNight(join(dir, 'data'))?.key).not.toBe(before?.key);
  });

  test('a worse one is kept out of service, and not trained again while nothing changes', async () => {
    freeWeek = await importInvented(join(dir, 'data'), {
      conversations: { train: 4, validation: 0, test: 1 },
      contacts: ['Elias Brandt'],
      fromWeek: freeWeek,
    });
    const result = await night({ learn: learnLittle });
    expect(result.verdict).toBe('kept');
    expect(result.reason).toContain('worse than what serves');
    expect(serving()).toBe(first);
    expect(readdirSync(join(dir, 'models', 'runs')).sort()).toEqual([first, result.run]);
    const again = await night();
    expect(again).toMatchObject({ verdict: 'skipped' });
    expect(again.reason).toContain(`nothing changed since run ${result.run} was not good enough (`);
  });

  test('a message is deleted while a night learns from it: started anew; what saw it is replaced, better or not', async () => {
    const phases: string[] = [];
    let isDeleted = false;
    const result = await night({
      force: true,
      onPhase: (phase) => phases.push(phase),
      onProgress: ({ step }) => {
        if (step === 2 && !isDeleted) deleteOne();
        isDeleted ||= step === 2;
      },
    });
    expect(phases.filter((phase) => phase.endsWith('starting anew'))).toHaveLength(1);
    expect(result.verdict).toBe('promoted');
    expect(result.reason).toContain('changed or are gone');
    expect(result.report?.gate).toMatchObject({ championRun: first, championStale: true });
    expect(JSON.parse(readFileSync(currentFile(join(dir, 'models')), 'utf8'))).toMatchObject({
      run: result.run,
      previous: [],
    });
  });

  test('a message was deleted and the new one came to nothing: silence', async () => {
    deleteOne();
    const before = readdirSync(join(dir, 'models', 'runs'));
    const result = await night({ learn: learnNothing });
    expect(result).toMatchObject({ verdict: 'kept', run: null, reason: 'the loss is not a finite number' });
    expect(existsSync(currentFile(join(dir, 'models')))).toBe(false);
    expect(readdirSync(join(dir, 'models', 'runs'))).toEqual(before);
  });

  test('consent withdrawn and nothing left to train on: the model goes out of service', async () => {
    expect(await night({ force: true })).toMatchObject({ verdict: 'promoted' });
    withStore((store) => {
      for (const name of ['Elias Brandt', 'Mara Lind']) {
        const personId = store.people.list().find((person) => person.name === name)?.id ?? 0;
        const withdrawal = {
          scope: 'log',
          action: 'withdrawn',
          atMs: Date.now(),
          noticeHash: '',
          chatId: null,
        } as const;
        store.consent.append({ personId, ...withdrawal });
      }
    });
    const result = await night();
    expect(result.verdict).toBe('skipped');
    expect(result.reason).toContain('it is retired');
    expect(existsSync(currentFile(join(dir, 'models')))).toBe(false);
    expect(serving()).toBeUndefined();
  });
});

test('too little room is said before anything is trained', () => {
  const dirs = { dataDir: tmpdir(), modelsDir: join(tmpdir(), 'not', 'there', 'yet') };
  expect(lacksRoom(modelConfig('nano', 2048), dirs)).toBeUndefined();
  const huge = { ...modelConfig('large', 32_768), width: 400_000, hiddenWidth: 1_000_000 };
  expect(lacksRoom(huge, dirs)).toMatch(/^a night needs \d+ MB on the disk that holds .*, \d+ MB are free$/);
});

test('time is for training and judging together, and four hours at most', () => {
  expect(timeOf(10)).toEqual({ totalMs: 600_000, trainingMs: 510_000 });
  expect(timeOf(1e6)).toEqual({ totalMs: 240 * 60_000, trainingMs: 220 * 60_000 });
});
