/** One process a role (promise A10). Needs dist/. Run: npm run build && npx vitest run test/store/lock.test.ts */
import { chmodSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { acquireLock, type LockRole } from '../../src/store/lock.ts';
import { UserError } from '../../src/util/errors.ts';
import { compiled, ended, firstLine, run, script, type Child } from './child.ts';
import { freshDir } from './support.ts';

function refusal(dir: string, role: LockRole): UserError {
  try {
    acquireLock(dir, role).release();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`${role} was free`);
}

const locker = (dir: string): string =>
  script(
    dir,
    `import { acquireLock } from ${compiled('src/store/lock.ts')};
    try {
      acquireLock(process.argv[2], 'start');
    } catch (error) {
      console.log('refused ' + error.exitCode);
      process.exit(error.exitCode);
    }
    globalThis.gc(); // nobody keeps the lock's handle: it must hold all the same
    console.log('holds');
    process.stdin.resume(); // until killed`,
  );

test('a role is held once, and free again after release', () => {
  const dir = freshDir();
  const lock = acquireLock(dir, 'start');
  for (const [role, what, hint] of [
    ['start', 'WhatsApp is connected', 'Stop the running `persona start` first, or use that one.'],
    ['retrain', 'training', 'Wait for the running `persona retrain` to end, or stop it.'],
    ['write-admin', 'forgetting, restoring or upgrading', 'Wait until it has ended.'],
  ] as const) {
    const held = role === 'start' ? lock : acquireLock(dir, role); // roles do not touch each other
    const error = refusal(dir, role);
    expect(error.message).toBe(`Another process has the role "${role}" (${what}) in ${dir}.`);
    expect(error.hint).toBe(hint);
    expect(error.exitCode).toBe(75);
    held.release();
    held.release();
    acquireLock(dir, role).release();
  }
});

test('asking again in the process that holds a role does not free it for others', async () => {
  const dir = freshDir();
  const lock = acquireLock(dir, 'start');
  onTestFinished(() => lock.release());
  expect(refusal(dir, 'start').exitCode).toBe(75);
  const { output, code } = await ended(run(locker(dir), dir));
  expect([output, code]).toEqual(['refused 75\n', 75]);
});

test('lock files are private, and what is not is refused', () => {
  const dir = freshDir();
  acquireLock(dir, 'start').release();
  expect(statSync(join(dir, 'locks')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(dir, 'locks'))).toEqual(['start.sqlite']);
  expect(statSync(join(dir, 'locks', 'start.sqlite')).mode & 0o777).toBe(0o600);
  symlinkSync(join(dir, 'locks', 'start.sqlite'), join(dir, 'locks', 'retrain.sqlite'));
  expect(refusal(dir, 'retrain').message).toMatch(/retrain\.sqlite is a symbolic link/);
  chmodSync(dir, 0o755);
  expect(refusal(dir, 'start').message).toMatch(/can be opened by other users/);
});

test('ten races of six processes: one wins, five end with 75; kill -9 frees the role at once', async () => {
  const dir = freshDir();
  const path = locker(dir);
  const alive = new Set<Child>();
  onTestFinished(() => alive.forEach((child) => child.kill('SIGKILL')));
  for (let race = 0; race < 10; race++) {
    const children = Array.from({ length: 6 }, () => run(path, dir));
    children.forEach((child) => alive.add(child));
    const ends = children.map(ended);
    const said = await Promise.all(children.map(firstLine));
    expect(said.sort()).toEqual(['holds', ...Array<string>(5).fill('refused 75')]);
    expect(refusal(dir, 'start').exitCode).toBe(75);
    children.forEach((child) => child.kill('SIGKILL'));
    const results = await Promise.all(ends);
    expect(results.filter(({ signal }) => signal === 'SIGKILL').length).toBeGreaterThanOrEqual(1);
    acquireLock(dir, 'start').release();
    children.forEach((child) => alive.delete(child));
  }
}, 300_000);
