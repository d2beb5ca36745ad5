/**
 * Promise A7: a full disk does not keep anybody from being forgotten. A file system of 24 MB in memory is filled to the last
 * byte, the ballast lying in it. Skipped where this user may not mount one.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { forgetEverything } from '../../src/nightly/forget-everything.ts';
import { forgetPerson } from '../../src/nightly/forget.ts';
import { ballastFile, dropBallast, isDiskFull, withBallast } from '../../src/store/ballast.ts';
import { openStore } from '../../src/store/store.ts';
import { freeBytes } from '../../src/util/files.ts';
import { draft, freshDir, put } from '../store/support.ts';
import { filesHolding } from '../support/cli.ts';
import { expectForgotten, forgetWorld, nowMs, type ForgetWorld } from './forget-world.ts';

const megabyte = 1_048_576;

/** The world on a disk of its own, or undefined where none can be mounted. */
async function onFullDisk(messages: number): Promise<ForgetWorld | undefined> {
  const from = await forgetWorld(messages);
  const disk = join(freshDir(), 'disk');
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status !== 0) return undefined;
  onTestFinished(() => void spawnSync('umount', [disk]));
  const dir = join(disk, 'home');
  cpSync(from.dir, dir, { recursive: true });
  const dataDir = join(dir, 'data');
  const modelsDir = join(dir, 'models');
  const ballast = 4 * megabyte;
  writeFileSync(ballastFile(dataDir), Buffer.alloc(ballast, 1), { mode: 0o600 });
  // what the owner can delete is not deleted for them: the rest of the disk is somebody else's
  const filler = join(disk, 'filler');
  writeFileSync(filler, Buffer.alloc(freeBytes(disk)));
  expect(freeBytes(disk)).toBe(0);
  return {
    ...from,
    dir,
    dataDir,
    modelsDir,
    options: { ...from.options, dataDir, modelsDir },
    open: () => openStore(dataDir, { now: () => nowMs }),
    holding: (words = from.canaries) => filesHolding(dir, words),
  };
}

const noMount = 'no file system can be mounted here';

test(
  'a person is forgotten on a full disk, and the ballast is what makes room',
  { timeout: 120_000 },
  async (context) => {
    const world = await onFullDisk(2000);
    if (world === undefined) context.skip(noMount);
    else {
      // the disk really is full: nothing can be stored, and nothing be erased
      expect(() => {
        const store = world.open();
        try {
          put(store, draft(world.chat, world.anna, 'one more', { waId: 'more' }));
        } finally {
          store.close();
        }
      }).toThrow(/disk is full/);
      const report = await forgetPerson(world.anna, world.options);
      expect(report).toMatchObject({ rows: { messages: 2000 }, retired: ['saw'], serves: 'clean' });
      expect(existsSync(ballastFile(world.dataDir))).toBe(false);
      expectForgotten(world);
    }
  },
);

test('everything is forgotten on a full disk', { timeout: 120_000 }, async (context) => {
  const world = await onFullDisk(400);
  if (world === undefined) context.skip(noMount);
  else {
    const report = await forgetEverything(world.options);
    expect(report.retired).toEqual(['clean', 'saw']);
    expect(world.holding([...world.canaries, world.bens, 'Quartermain'])).toEqual([]);
  }
});

test('the ballast goes once, for a full disk and nothing else', () => {
  const dir = freshDir();
  const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  let tries = 0;
  const failing = (error: Error) => (): string => {
    if (++tries < 2) throw error;
    return 'done';
  };
  expect(() => withBallast(dir, failing(full))).toThrow('disk is full'); // there is no ballast
  writeFileSync(ballastFile(dir), 'x');
  tries = 0;
  expect(() => withBallast(dir, failing(new Error('something else')))).toThrow('something else');
  expect(existsSync(ballastFile(dir))).toBe(true);
  tries = 0;
  expect(withBallast(dir, failing(full))).toBe('done');
  expect(existsSync(ballastFile(dir))).toBe(false);
  expect(isDiskFull(Object.assign(new Error(), { code: 'ENOSPC' }))).toBe(true);
  expect(isDiskFull(Object.assign(new Error(), { code: 'SQLITE_BUSY' }))).toBe(false);
  rmSync(dir, { recursive: true });
  expect(dropBallast(dir)).toBe(false);
});
