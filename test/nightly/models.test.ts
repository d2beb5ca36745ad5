/** Runs chosen by hand: added from a folder, used, gone back from, and refused once they saw what is gone. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { adoptFolder, type Adopted, type AdoptOptions } from '../../src/nightly/adopt.ts';
import { exportSft, type ExportedSft } from '../../src/nightly/export-sft.ts';
import { listModels, rollBackModel, useModel, type ModelsOptions } from '../../src/nightly/models.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { openStore } from '../../src/store/store.ts';
import { projectRoot } from '../../src/util/dist.ts';

const references = join(projectRoot, 'test', 'checkpoint', 'references');
let dir: string;
let options: ModelsOptions;
let adopted = 0;
const sampling = { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 };

const adopt = (folder: string, changes: Partial<AdoptOptions> = {}): Promise<Adopted> =>
  adoptFolder(folder, {
    ...options,
    backend: 'simd',
    sampling,
    datasetHash: undefined,
    use: false,
    nowMs: Date.UTC(2026, 8, 1 + adopted++, 3),
    ...changes,
  });

const exported = (format: 'text' | 'messages' = 'text'): ExportedSft =>
  exportSft({ ...options, file: join(dir, 'out', `${format}.jsonl`), format });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'persona-runs-'));
  options = { dataDir: join(dir, 'data'), modelsDir: join(dir, 'models'), speaker: 'me', timezone: sample.timezone };
  await importSample(options.dataDir);
});
afterAll(() => rmSync(dir, { recursive: true }));

describe.sequential('runs', { timeout: 60_000 }, () => {
  test('none yet', () => {
    expect(listModels(options)).toEqual([]);
    expect(() => useModel('2026', options)).toThrow('there is no run 2026');
    expect(() => rollBackModel(options)).toThrow('no run served before this one');
  });

  test('the training conversations as JSON lines, for this user only', () => {
    const { file, rows, conversations } = exported();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(rows);
    expect(conversations).toBeGreaterThan(100);
    for (const line of lines) {
      const row = JSON.parse(line) as { prompt: string; completion: string };
      expect(row.prompt).toMatch(/^<\|bos\|>.*(<\|persona\|>|<\|msg\|>)$/s);
      expect(row.completion).toMatch(/<\|end\|>$/);
    }
    const spoken = readFileSync(exported('messages').file, 'utf8');
    expect(spoken).not.toMatch(/<\|/);
  });

  test('a folder is measured and added, and does not speak', async () => {
    const added = await adopt(join(references, 'own'));
    expect(added).toMatchObject({ run: '2026-09-01T03-00-00Z', datasetKnown: false, used: false });
    expect(added.bitsPerByte).toBeGreaterThan(8); // random weights
    expect(readCurrent(options.modelsDir)).toBeUndefined();
    expect(listModels(options)).toEqual([
      {
        run: '2026-09-01T03-00-00Z',
        current: false,
        served: false,
        verdict: 'kept',
        bitsPerByte: added.bitsPerByte,
        date: '2026-09-01T03:00:00.000Z',
        quiz: null,
        size: 'tiny',
        problem: null,
      },
    ]);
    const run = loadCheckpoint(join(options.modelsDir, 'runs', added.run));
    expect(run.weights).toEqual(loadCheckpoint(join(references, 'own')).weights);
    expect(run.manifest.details.personaP99Chars).toBeGreaterThan(10);
    expect(run.lexicon).toBeNull(); // nobody says what it has read
  });

  test('a folder that transformers saved comes back, known by what it was trained on', async () => {
    const back = join(dir, 'back');
    cpSync(join(references, 'resaved'), back, { recursive: true });
    cpSync(join(references, 'own', 'model.safetensors'), join(back, 'model.safetensors'));
    useModel('2026-09-01T03-00-00Z', options);
    const added = await adopt(back, { datasetHash: exported().datasetHash, use: true });
    expect(added).toMatchObject({ datasetKnown: true, used: true });
    expect(readCurrent(options.modelsDir)).toEqual({ run: added.run, previous: ['2026-09-01T03-00-00Z'] });
    expect(listModels(options)).toMatchObject([
      { run: added.run, current: true, served: false, verdict: 'promoted', problem: null },
      { run: '2026-09-01T03-00-00Z', current: false, served: true },
    ]);
  });

  test('back to the run before, and no further than there is', () => {
    expect(rollBackModel(options)).toBe('2026-09-01T03-00-00Z');
    expect(() => rollBackModel(options)).toThrow('no run served before this one');
    expect(readCurrent(options.modelsDir)).toEqual({ run: '2026-09-01T03-00-00Z', previous: [] });
    useModel('2026-09-02T03-00-00Z', options);
  });

  test.each([
    ['a model without a voice', 'grouped-f16', {}, 'lacks special tokens of chat format v1'],
    ['a dataset that nobody knows', 'own', { datasetHash: 'f'.repeat(64) }, 'no dataset ffff'],
    ['a folder that is not there', 'nowhere', {}, 'nowhere does not exist'],
  ])('%s is refused', async (_, name, changes, message) => {
    await expect(adopt(join(references, name), changes)).rejects.toThrow(message);
    expect(readdirSync(join(options.modelsDir, 'runs'))).toHaveLength(2);
  });

  test('while a night runs, nothing is changed', async () => {
    const lock = acquireLock(options.dataDir, 'retrain');
    try {
      expect(() => useModel('2026-09-01T03-00-00Z', options)).toThrow(expect.objectContaining({ exitCode: 75 }));
      expect(() => rollBackModel(options)).toThrow(expect.objectContaining({ exitCode: 75 }));
      await expect(adopt(join(references, 'own'))).rejects.toMatchObject({ exitCode: 75 });
    } finally {
      lock.release();
    }
  });

  test('a message was erased: a run that saw it may not speak again, nor may one from elsewhere', async () => {
    const { datasetHash } = exported();
    useModel('2026-09-01T03-00-00Z', options);
    const store = openStore(options.dataDir);
    const [chat] = store.chats.list();
    const [message] = store.messages.recent(chat?.id ?? 0, 1);
    expect(store.messages.erase(chat?.id ?? 0, message?.waId ?? '')).toBe(true);
    store.close();
    const reason = 'was trained on messages that changed or are gone since';
    expect(listModels(options)).toMatchObject([{ problem: reason }, { problem: null }]);
    expect(() => useModel('2026-09-02T03-00-00Z', options)).toThrow(`run 2026-09-02T03-00-00Z ${reason}`);
    expect(() => rollBackModel(options)).toThrow(reason);
    await expect(adopt(join(references, 'own'), { datasetHash })).rejects.toThrow(reason);
    expect(readCurrent(options.modelsDir)?.run).toBe('2026-09-01T03-00-00Z');
  });

  test('a damaged run is listed with what is wrong, and refused', () => {
    const runs = join(options.modelsDir, 'runs');
    truncateSync(join(runs, '2026-09-02T03-00-00Z', 'manifest.json'), 10);
    expect(listModels(options)[0]?.problem).toContain('manifest.json: not JSON');
    expect(() => useModel('2026-09-02T03-00-00Z', options)).toThrow('manifest.json: not JSON');
    truncateSync(join(runs, '2026-09-01T03-00-00Z', 'model.safetensors'), 10);
    expect(() => useModel('2026-09-01T03-00-00Z', options)).toThrow('10 bytes, but the manifest says');
  });

  test('a run of ours brings the words that it has read', async () => {
    const { config, weights, tokenizerJson } = loadCheckpoint(join(references, 'own'));
    const generation = { ...sampling, bosId: 0, endId: 41, bannedIds: [] };
    const lexicon = Uint32Array.of(3, 5);
    const parts = { config, weights, tokenizerJson, tokenizerConfigJson: '{}', generation, metrics: '', lexicon };
    const added = await adopt(saveCheckpoint(join(dir, 'elsewhere'), 'run-1', { ...parts, details: {} }));
    expect(loadCheckpoint(join(options.modelsDir, 'runs', added.run)).lexicon).toEqual(lexicon);
  });
});

test('nobody to learn from: nothing is exported', () => {
  const empty = mkdtempSync(join(tmpdir(), 'persona-empty-'));
  try {
    const nothing = { ...options, dataDir: empty, file: join(empty, 'x.jsonl'), format: 'text' } as const;
    expect(() => exportSft(nothing)).toThrow('there is no message of the persona to train on');
  } finally {
    rmSync(empty, { recursive: true });
  }
});
