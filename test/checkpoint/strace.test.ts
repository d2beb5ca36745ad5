/**
 * The publish promise, system call by system call (promises A3 and C1): strace kills the publisher at its n-th call that
 * changes the disk, for every n, or answers its n-th write with "disk full". The run that was served or the new one must
 * serve, whole, every time, and the next publish must work over what was left. Skipped where strace cannot trace.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { publish } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { modelsWithRunZero, nightlyPublisher, publisher, servingNumber, tinyParts } from './examples.ts';

/** Only the main thread is traced, which is the one that touches files; `-y` names them. */
const strace = (trace: string, options: string[], command: string[]) =>
  spawnSync('strace', ['-y', '-qq', '-o', trace, ...options, ...command], { encoding: 'utf8' });
const mayTrace = strace('/dev/null', ['-e', 'trace=write'], ['true']).status === 0;
const noStrace = 'strace is missing or may not trace here';

interface Outcome {
  models: string;
  /** the program ran to its end */
  finished: boolean;
  stderr: string;
  /** which call of the models folder it was, from 1; 0: it was one of Node's own */
  hit: number;
}

/** Publish run-1 over run-0, prune, and do `what` to the n-th call of this name. */
function publishUnder(call: string, what: string, n: number, publish = publisher): Outcome {
  const { models, origin } = modelsWithRunZero();
  const trace = join(models, 'trace');
  const options = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${n}`];
  const { stdout, stderr } = strace(trace, options, [process.execPath, ...publish(origin, models, 1, 1)]);
  const lines = readFileSync(trace, 'utf8').split('\n');
  const tampered = lines.findLastIndex((line) => /INJECTED|= \?$/.test(line));
  const ours = lines.slice(0, tampered + 1).filter((line) => line.includes(models));
  rmSync(trace);
  const hit = lines[tampered]?.includes(models) === true ? ours.length : 0;
  return { models, finished: stdout.includes('done 1\n'), stderr, hit };
}

/** Calls of this name that Node makes for itself come first, one more or less each time: none of ours is before the n given. */
function firstOfOurs(call: string): number {
  const { models, origin } = modelsWithRunZero();
  const trace = join(models, 'trace');
  strace(trace, ['-e', `trace=${call}`], [process.execPath, ...nightlyPublisher(origin, models, 1, 1)]);
  const first = readFileSync(trace, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(models));
  rmSync(models, { recursive: true });
  return Math.max(1, first - 2);
}
/** How often the calls are gone through, where chance has left one out. */
const mostRounds = 6;

test('a kill at every system call that changes the disk', { timeout: 900_000 }, async (context) => {
  if (!mayTrace) context.skip(noStrace);
  // of each: a folder; seven files, the card and current.json twice; those, the folders they are in, and the folder of
  // runs; run-1, the card, current.json and the pruned run; its seven files and itself, by whichever call this Node
  // removes them with
  const calls = { mkdir: 1, write: 10, fsync: 14, rename: 4, unlink: 0, rmdir: 0, unlinkat: 0 };
  const leastRemovals = 8;
  let removals = 0;
  let kills = 0;
  let servedNew = 0;
  for (const [call, least] of Object.entries(calls)) {
    const hits = new Set<number>();
    const hasAll = (): boolean => hits.size >= least && Math.max(0, ...hits) === hits.size;
    const first = firstOfOurs(call);
    for (let round = 0; round === 0 || (round < mostRounds && !hasAll()); round++) {
      for (let n = first, finished = false; !finished; n++) {
        const { models, hit, ...outcome } = publishUnder(call, 'signal=KILL', n, nightlyPublisher);
        finished = outcome.finished;
        const serving = servingNumber(models);
        expect([0, 1]).toContain(serving);
        // the next publish works over whatever was left, and clears it away
        saveCheckpoint(models, 'run-2', { ...tinyParts(0), details: { seed: 2 } });
        publish(models, 'run-2');
        expect(servingNumber(models)).toBe(2);
        expect(readdirSync(join(models, 'runs')).filter((name) => name.startsWith('.'))).toEqual([]);
        expect(readdirSync(models).filter((name) => name.includes('.tmp'))).toEqual([]);
        rmSync(models, { recursive: true });
        if (hit === 0) continue;
        hits.add(hit);
        kills++;
        servedNew += serving;
      }
    }
    expect([call, hasAll()]).toEqual([call, true]);
    if (least === 0) removals += hits.size;
  }
  expect(removals).toBeGreaterThanOrEqual(leastRemovals);
  expect(servedNew).toBeGreaterThan(0);
  expect(servedNew).toBeLessThan(kills);
  await context.annotate(`${kills} kills, ${kills - servedNew} served the old run and ${servedNew} the new one`);
});

test('a full disk at every write leaves the served run in place', { timeout: 900_000 }, (context) => {
  if (!mayTrace) context.skip(noStrace);
  let refused = 0;
  for (let n = 1, finished = false; !finished; n++) {
    const { models, stderr, hit, ...outcome } = publishUnder('write', 'error=ENOSPC', n);
    finished = outcome.finished && refused > 0; // some of Node's own writes may fail unnoticed
    if (hit > 0) {
      expect(stderr).toMatch(/UserError: disk full while (saving|publishing) run run-1/);
      refused++;
    }
    expect([0, 1]).toContain(servingNumber(models));
    expect(readdirSync(join(models, 'runs')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(models).filter((name) => name.includes('.tmp'))).toEqual([]);
    rmSync(models, { recursive: true });
  }
  expect(refused).toBeGreaterThanOrEqual(9); // seven files, and current.json twice
});
