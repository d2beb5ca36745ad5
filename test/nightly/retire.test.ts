/** Models that saw what was forgotten stop serving at once and are removed; the others go on. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

const gone =
  (...ids: number[]) =>
  (id: number): boolean =>
    ids.includes(id);
const runsIn = ({ modelsDir }: { modelsDir: string }): string[] => readdirSync(join(modelsDir, 'runs')).sort();

test('a run that saw a forgotten row is gone with its dataset; the newest that did not serves again', () => {
  const dirs = trained({ a: [1, 2], b: [1], c: [1, 2, 3] });
  const retired = retireRuns(gone(2, 9), dirs);
  expect({ ...retired, runs: retired.runs.sort() }).toEqual({
    runs: ['a', 'c'],
    datasets: 2,
    served: 'c',
    serves: 'b',
  });
  expect(readCurrent(dirs.modelsDir)).toEqual({ run: 'b', previous: [] });
  expect(runsIn(dirs)).toEqual(['b']);
  expect(readdirSync(join(dirs.dataDir, 'datasets'))).toEqual(['dataset-of-b']);
});

test('a run that never served is removed too', () => {
  const dirs = trained({ a: [1], b: [2] });
  withdraw(dirs.modelsDir, ['a']);
  expect(retireRuns(gone(1), dirs)).toMatchObject({ runs: ['a'], served: null, serves: 'b' });
  expect(runsIn(dirs)).toEqual(['b']);
});

test('where every run saw it, none serves', () => {
  const dirs = trained({ a: [1], b: [1, 2] });
  expect(retireRuns(gone(1), dirs)).toMatchObject({ served: 'b', serves: null });
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
  expect(runsIn(dirs)).toEqual([]);
  expect(retireRuns(gone(1), dirs).runs).toEqual([]);
});

test('of what nobody knows what it saw, the worst is assumed', () => {
  const dirs = trained({ a: [5], b: null });
  expect(retireRuns(gone(1), dirs).runs).toEqual(['b']);
  rmSync(join(dirs.modelsDir, 'runs', 'a', 'manifest.json'));
  expect(retireRuns(gone(1), dirs).runs).toEqual(['a']);
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
});

test('a damaged current.json serves nothing, a damaged list of rows stands for any row', () => {
  const dirs = trained({ a: [5], b: [6] });
  writeFileSync(currentFile(dirs.modelsDir), '{');
  writeFileSync(join(dirs.dataDir, 'datasets', 'dataset-of-a', 'manifest.json'), '{');
  expect(retireRuns(gone(1), dirs)).toMatchObject({ runs: ['a'], serves: null });
  expect(existsSync(currentFile(dirs.modelsDir))).toBe(false);
});

test('a run that current.json names and nobody finds serves no more', () => {
  const dirs = trained({ a: [5], b: [6] });
  rmSync(join(dirs.modelsDir, 'runs', 'b'), { recursive: true });
  expect(retireRuns(gone(1), dirs)).toMatchObject({ runs: [], served: 'b', serves: 'a' });
});

test('runs that saw none of it are left alone', () => {
  const dirs = trained({ a: [1], b: [2] });
  expect(retireRuns(gone(3), dirs)).toEqual({ runs: [], datasets: 0, served: null, serves: 'b' });
  withdraw(dirs.modelsDir, []);
  expect(readCurrent(dirs.modelsDir)).toEqual({ run: 'b', previous: ['a'] });
  expect(runsIn(dirs)).toEqual(['a', 'b']);
});
