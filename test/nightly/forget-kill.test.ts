/**
 * Promise A3 for forgetting: `kill -9` at system calls that change the disk. What is left is finished by the next command,
 * and until then nothing serves or trains on the person's words. Usually at most six calls of a kind, evenly spread;
 * with KILLS_OF_A_KIND=1000 at every one. Skipped where strace cannot trace. Needs dist/.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { carryOutEverything } from '../../src/nightly/forget-everything.ts';
import { begunForgetting } from '../../src/nightly/forget-journal.ts';
import { finishPerson } from '../../src/nightly/forget.ts';
import { openStore } from '../../src/store/store.ts';
import { compiled, script } from '../store/child.ts';
import { freshDir } from '../store/support.ts';
import { filesHolding } from '../support/cli.ts';
import { expectForgotten, forgetWorld, nowMs, type ForgetWorld } from './forget-world.ts';

/** calls that change the disk, as Node and SQLite make them */
const calls = [
  'pwrite64',
  'write',
  'fsync',
  'fdatasync',
  'rename',
  'unlink',
  'rmdir',
  'unlinkat',
  'ftruncate',
  'mkdir',
];
const mostOfAKind = Number(process.env['KILLS_OF_A_KIND'] ?? 6);

const strace = (trace: string, options: string[], command: string[]) =>
  spawnSync('strace', ['-y', '-qq', '-o', trace, ...options, ...command], { encoding: 'utf8' });
const mayTrace = strace('/dev/null', ['-e', 'trace=write'], ['true']).status === 0;
const noStrace = 'strace is missing or may not trace here';

/** Forgets anna, or everything, in the folders that it is given. */
const worker = (dir: string): string =>
  script(
    dir,
    `import { writeSync } from 'node:fs';
    import { forgetPerson } from ${compiled('src/nightly/forget.ts')};
    import { forgetEverything } from ${compiled('src/nightly/forget-everything.ts')};
    const [dataDir, modelsDir, what] = process.argv.slice(2);
    const options = { dataDir, modelsDir, speaker: 'me', timezone: 'UTC', redaction: { regions: ['GB'] },
      measure: false, freshCopy: false, now: () => ${nowMs} };
    if (what === 'everything') await forgetEverything(options);
    else await forgetPerson(Number(what), options);
    writeSync(1, 'DONE\\n');`,
  );

/** A copy of the world in folders of its own. */
function cloneOf(world: ForgetWorld): ForgetWorld {
  const dir = freshDir();
  cpSync(world.dir, dir, { recursive: true });
  const dataDir = join(dir, 'data');
  const modelsDir = join(dir, 'models');
  return {
    ...world,
    dir,
    dataDir,
    modelsDir,
    options: { ...world.options, dataDir, modelsDir },
    open: () => openStore(dataDir, { now: () => nowMs }),
    holding: (words = world.canaries) => filesHolding(dir, words),
  };
}

/** Run to its end under strace: which of its calls of each kind touch the two folders, by their number among all of a kind. */
function callsOf(from: ForgetWorld, what: string, path: string): { call: string; n: number }[] {
  const world = cloneOf(from);
  const trace = join(freshDir(), 'trace');
  const { stdout, stderr } = strace(trace, ['-e', `trace=${calls.join()}`], command(world, what, path));
  expect(stdout, stderr).toContain('DONE');
  const count = new Map<string, number>();
  const found = new Map<string, number[]>(calls.map((call) => [call, []]));
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const call = /^\w+/.exec(line)?.[0] ?? '';
    const n = (count.get(call) ?? 0) + 1;
    count.set(call, n);
    if (line.includes(world.dir)) found.get(call)?.push(n);
  }
  return [...found].flatMap(([call, all]) => {
    const step = Math.max(1, all.length / mostOfAKind);
    const chosen = Array.from({ length: Math.min(all.length, mostOfAKind) }, (_, i) => all[Math.floor(i * step)]!);
    return chosen.map((n) => ({ call, n }));
  });
}

const command = (world: ForgetWorld, what: string, path: string): string[] => [
  process.execPath,
  path,
  world.dataDir,
  world.modelsDir,
  what,
];

/**
 * A fresh copy of the world, and the program killed in it at this call. Undefined where it ended before: Node's own writes are
 * not the same number each time.
 */
function killedAt(
  from: ForgetWorld,
  what: string,
  path: string,
  { call, n }: { call: string; n: number },
): ForgetWorld | undefined {
  const world = cloneOf(from);
  const options = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`];
  const { stdout } = strace('/dev/null', options, command(world, what, path));
  if (!stdout.includes('DONE')) return world;
  rmSync(world.dir, { recursive: true });
  return undefined;
}

/** Nothing was begun and all is as it was, or something was begun, or all of it is over. */
function stateOf(world: ForgetWorld): 'old' | 'begun' | 'new' {
  if (begunForgetting(world.dataDir).length > 0) return 'begun';
  return existsSync(join(world.modelsDir, 'runs', 'saw')) ? 'old' : 'new';
}

test('kill -9 at system calls while a person is forgotten', { timeout: 1_800_000 }, async (context) => {
  if (!mayTrace) context.skip(noStrace);
  const from = await forgetWorld(8);
  const path = worker(freshDir());
  const seen = { old: 0, begun: 0, new: 0 };
  const points = callsOf(from, String(from.anna), path);
  expect(points.length).toBeGreaterThan(4 * Math.min(mostOfAKind, 6));
  for (const point of points) {
    const world = killedAt(from, String(from.anna), path, point);
    if (world === undefined) continue;
    const state = stateOf(world);
    seen[state]++;
    if (state === 'old') {
      expect(readCurrent(world.modelsDir)?.run).toBe('saw');
      expect(world.holding().length).toBe(from.holding().length);
    } else {
      if (state === 'begun') await finishPerson(world.anna, world.options);
      expectForgotten(world);
    }
    rmSync(world.dir, { recursive: true });
  }
  expect(seen.begun).toBeGreaterThan(points.length / 2);
  await context.annotate(
    `${points.length} kills: ${seen.old} left all as it was, ${seen.begun} were finished by the next command, ${seen.new} came after the end`,
  );
});

test('kill -9 at system calls while everything is forgotten', { timeout: 1_800_000 }, async (context) => {
  if (!mayTrace) context.skip(noStrace);
  const from = await forgetWorld(8);
  const path = worker(freshDir());
  let begun = 0;
  const points = callsOf(from, 'everything', path);
  for (const point of points) {
    const world = killedAt(from, 'everything', path, point);
    if (world === undefined) continue;
    const state = stateOf(world);
    if (state === 'begun') {
      begun++;
      await carryOutEverything(world.options);
    }
    if (state === 'old') expect(world.holding().length).toBe(from.holding().length);
    else {
      expect(world.holding([...world.canaries, world.bens, 'Quartermain', '4911'])).toEqual([]);
      const store = world.open();
      expect(store.people.list()).toEqual([]);
      expect(store.receipts.list()).toHaveLength(1);
      store.close();
    }
    rmSync(world.dir, { recursive: true });
  }
  expect(begun).toBeGreaterThan(points.length / 2);
  await context.annotate(`${points.length} kills, ${begun} were finished by the next command`);
});
