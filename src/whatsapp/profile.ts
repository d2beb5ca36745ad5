/**
 * The browser profile that holds the linked session (`<sessionDir>/session`, the folder LocalAuth uses). Chromium marks a
 * profile in use by `Singleton*` links; after a crash, or when a container comes back under another name, they stay and
 * keep Chromium from starting. They are removed only where no process owns the profile.
 */
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, ExitCode, UserError } from '../util/errors.ts';

export function profileDir(sessionDir: string): string {
  return resolve(sessionDir, 'session');
}

/** Process that runs a browser on this profile now, if any. */
export function profileOwner(profile: string): number | undefined {
  let target: string;
  try {
    target = readlinkSync(join(profile, 'SingletonLock')); // `<host>-<pid>`
  } catch {
    return undefined;
  }
  const cut = target.lastIndexOf('-');
  const pid = Number(target.slice(cut + 1));
  const isHere = target.slice(0, cut) === hostname() && Number.isInteger(pid) && pid > 0;
  return isHere && isAlive(pid) && usesProfile(pid, profile) ? pid : undefined;
}

/**
 * Make the profile free to start on. A browser whose program was killed needs a moment to notice, so a living owner is
 * waited for.
 * @throws UserError (exit 75) where another browser keeps the profile for `waitMs`
 */
export async function claimProfile(profile: string, waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (let owner = profileOwner(profile); owner !== undefined; owner = profileOwner(profile)) {
    if (Date.now() > deadline) {
      const hint = `End process ${owner}, or the program that started it, then try again.`;
      throw new UserError(`Another browser uses ${profile}.`, hint, { exitCode: ExitCode.busy });
    }
    await sleep(100);
  }
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket'])
    rmSync(join(profile, name), { force: true });
}

/** Forget the session; for after a log-out, when no browser runs on it. */
export function removeProfile(profile: string): void {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Process ids are used again: on Linux the command line tells. Elsewhere a living process counts as the owner. */
function usesProfile(pid: number, profile: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(profile);
  } catch {
    return false;
  }
}
