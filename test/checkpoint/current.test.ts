import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadServing, pruneRuns, publish, readCurrent, rollBack } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { temporaryModels, tinyParts } from './examples.ts';

/** Models folder in which these runs were saved and published, one after the other. */
function published(...runIds: string[]): string {
  const models = temporaryModels();
  runIds.forEach((runId, i) => {
    saveCheckpoint(models, runId, tinyParts(i));
    publish(models, runId);
  });
  return models;
}

/** What serves, and what was reported on the way. */
function serving(models: string): { runId: string | undefined; refused: string[] } {
  const refused: string[] = [];
  const checkpoint = loadServing(models, (runId, reason) => refused.push(`${runId}: ${reason.message.split(': ')[1]}`));
  return { runId: checkpoint?.runId, refused };
}

const damage = (models: string, runId: string): void =>
  truncateSync(join(models, 'runs', runId, 'model.safetensors'), 100);

test('nothing published: nothing serves, and nothing is wrong', () => {
  const models = temporaryModels();
  expect(readCurrent(models)).toBeUndefined();
  expect(serving(models)).toEqual({ runId: undefined, refused: [] });
  saveCheckpoint(models, 'a', tinyParts(1));
  expect(serving(models)).toEqual({ runId: undefined, refused: [] }); // saved is not published
});

test('the last published run serves; the others are listed newest first', () => {
  const models = published('a', 'b', 'c');
  expect(serving(models)).toEqual({ runId: 'c', refused: [] });
  expect(readCurrent(models)).toEqual({ run: 'c', previous: ['b', 'a'] });
  expect(JSON.parse(readFileSync(join(models, 'current.json'), 'utf8'))).toEqual({
    format: 1,
    run: 'c',
    previous: ['b', 'a'],
  });
});

test('going back to a run lists the one left', () => {
  const models = published('a', 'b', 'c');
  publish(models, 'a');
  expect(readCurrent(models)).toEqual({ run: 'a', previous: ['c', 'b'] });
});

test('rolling back goes further back each time, and says when there is nothing left', () => {
  const models = published('a', 'b', 'c');
  expect(rollBack(models)).toBe('b');
  expect(readCurrent(models)).toEqual({ run: 'b', previous: ['a'] });
  expect(rollBack(models)).toBe('a');
  expect(() => rollBack(models)).toThrow('no run served before this one');
  expect(serving(models)).toEqual({ runId: 'a', refused: [] });
  expect(() => rollBack(temporaryModels())).toThrow('no run served before this one');
});

test('rolling back to a damaged run is refused, and the current one goes on', () => {
  const models = published('a', 'b');
  damage(models, 'a');
  expect(() => rollBack(models)).toThrow('100 bytes, but the manifest');
  expect(readCurrent(models)).toEqual({ run: 'b', previous: ['a'] });
});

test('a damaged run is reported, and the newest whole one before it serves', () => {
  const models = published('a', 'b', 'c');
  damage(models, 'c');
  expect(serving(models)).toMatchObject({
    runId: 'b',
    refused: [expect.stringMatching(/^c: 100 bytes, but the manifest/)],
  });
  rmSync(join(models, 'runs', 'b'), { recursive: true });
  expect(serving(models)).toMatchObject({
    runId: 'a',
    refused: [/^c: /, /^b: there is no such run/].map((r) => expect.stringMatching(r) as string),
  });
  damage(models, 'a');
  expect(serving(models)).toMatchObject({ runId: undefined, refused: { length: 3 } });
});

test('a run that was never published is not fallen back to', () => {
  const models = published('a');
  saveCheckpoint(models, 'z-failed-the-gate', tinyParts(9));
  damage(models, 'a');
  expect(serving(models).runId).toBeUndefined();
});

test('a run that is not whole cannot be published', () => {
  const models = published('a');
  saveCheckpoint(models, 'b', tinyParts(2));
  damage(models, 'b');
  expect(() => publish(models, 'b')).toThrow('model.safetensors: 100 bytes');
  expect(() => publish(models, 'c')).toThrow('there is no such run');
  expect(() => publish(models, '../runs/a')).toThrow('"../runs/a" cannot be the id of a run');
  expect(serving(models)).toEqual({ runId: 'a', refused: [] });
});

test.each([
  '',
  '{"format":1,"run":"a"',
  'null',
  '{"format":2,"run":"a","previous":[]}',
  '{"format":1,"run":"a","previous":[1]}',
])('a damaged current.json (%s) is reported, serves nothing, and is replaced by the next publish', (text) => {
  const models = published('a', 'b');
  writeFileSync(join(models, 'current.json'), text);
  expect(() => readCurrent(models)).toThrow('current.json: ');
  expect(serving(models)).toMatchObject({ runId: undefined, refused: [expect.stringMatching(/^current\.json: /)] });
  expect(() => pruneRuns(models)).toThrow('current.json: ');
  publish(models, 'b');
  expect(serving(models)).toEqual({ runId: 'b', refused: [] });
});

test('an id in current.json that is no folder name is refused like a damaged run', () => {
  const models = published('a');
  writeFileSync(join(models, 'current.json'), '{"format":1,"run":"../../etc","previous":["a"]}');
  expect(serving(models)).toMatchObject({ runId: 'a', refused: { length: 1 } });
});

test('pruning keeps the current run and the newest that served before', () => {
  const models = published('a', 'b', 'c', 'd');
  mkdirSync(join(models, 'runs', '.tmp-removed-a')); // a pruner killed half way
  writeFileSync(join(models, 'runs', '.tmp-removed-a', 'config.json'), '{}');
  expect(pruneRuns(models)).toEqual(['a']);
  expect(readdirSync(join(models, 'runs')).sort()).toEqual(['b', 'c', 'd']);
  expect(readCurrent(models)).toEqual({ run: 'd', previous: ['c', 'b'] });
  expect(pruneRuns(models)).toEqual([]);
});

test('pruning prefers runs that served to runs that never did, and the current one to all', () => {
  const models = published('a', 'b');
  saveCheckpoint(models, 'x-old', tinyParts(3));
  saveCheckpoint(models, 'y-new', tinyParts(4));
  expect(pruneRuns(models, 3)).toEqual(['x-old']);
  expect(pruneRuns(models, 2)).toEqual(['y-new']);
  publish(models, 'a');
  expect(pruneRuns(models, 1)).toEqual(['b']);
  expect(serving(models)).toEqual({ runId: 'a', refused: [] });
  expect(readCurrent(models)).toEqual({ run: 'a', previous: [] });
});

test('pruning does nothing before anything is published', () => {
  const models = temporaryModels();
  expect(pruneRuns(models)).toEqual([]);
  saveCheckpoint(models, 'a', tinyParts(1));
  expect(pruneRuns(models, 1)).toEqual([]);
  expect(existsSync(join(models, 'runs', 'a'))).toBe(true);
});
