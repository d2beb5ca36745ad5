/** Models that saw what was forgotten stop serving at once; the others go on. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { currentFile, publish, readCurrent, withdraw } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import type { DatasetManifest } from '../../src/dataset/build.ts';
import { writeManifest } from '../../src/nightly/manifest.ts';
import { retireRuns } from '../../src/nightly/retire.ts';
import { temporaryModels, tinyParts } from '../checkpoint/examples.ts';

/** Published in this order, each trained on these rows; null: nobody knows on which. */
function trained(runs: Record<string, number[] | null>): { dataDir: string; modelsDir: string } {
  const modelsDir = temporaryModels();
  const dataDir = mkdtempSync(join(tmpdir(), 'persona-retire-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  Object.entries(runs).forEach(([run, rows], n) => {
    const parts = tinyParts(n);
    const datasetHash = `dataset-of-${run}`;
    saveCheckpoint(modelsDir, run, { ...parts, details: { ...parts.details, datasetHash } });
    publish(modelsDir, run);
    if (rows === null) return;
    const manifest = { hash: datasetHash, rows: rows.map((id) => ({ id, sha256: '' })) };
    writeManifest(dataDir, manifest as unknown as DatasetManifest);
  });
  return { dataDir, modelsDir };
}

test('a run that saw a forgotten row serves no more; the newest that did not serves again', () => {
  const dirs = trained({ a: [1, 2], b: [1], c: [1, 2, 3] });
  expect(retireRuns([2, 9], dirs)).toEqual(['c', 'a']);
  expect(readCurrent(dirs.modelsDir)).toEqual({ run: 'b', previous: [] });
});

test('where every run saw it, none serves', () => {
  const dirs = trained({ a: [1], b: [1, 2] });
  expect(retireRuns([1], dirs)).toEqual(['b', 'a']);
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
  expect(retireRuns([1], dirs)).toEqual([]);
});

test('of what nobody knows what it saw, the worst is assumed', () => {
  const dirs = trained({ a: [5], b: null });
  expect(retireRuns([1], dirs)).toEqual(['b']);
  rmSync(join(dirs.modelsDir, 'runs', 'a', 'manifest.json'));
  expect(retireRuns([1], dirs)).toEqual(['a']);
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
});

test('a damaged current.json serves nothing', () => {
  const dirs = trained({ a: [5] });
  writeFileSync(currentFile(dirs.modelsDir), '{');
  expect(retireRuns([1], dirs)).toEqual(['current.json']);
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
});

test('runs that saw none of it are left alone', () => {
  const dirs = trained({ a: [1], b: [2] });
  expect(retireRuns([3], dirs)).toEqual([]);
  expect(retireRuns([], dirs)).toEqual([]);
  withdraw(dirs.modelsDir, []);
  expect(readCurrent(dirs.modelsDir)).toEqual({ run: 'b', previous: ['a'] });
});
