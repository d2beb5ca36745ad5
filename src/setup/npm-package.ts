/**
 * One package of the lock file, fetched by npm into a folder of its own: the version and the checksum are the lock's.
 * Not covered: its dependencies and its install scripts.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { check, UserError } from '../util/errors.ts';
import { CommandFailed, type Run } from './command.ts';

interface LockFile {
  packages: Record<string, { version: string; integrity?: string }>;
}

/** @throws UserError when npm cannot fetch it, or what came is not what the lock file says */
export async function fetchPackage(
  name: string,
  into: string,
  { lockFile, run, signal }: { lockFile: string; run: Run; signal: AbortSignal },
): Promise<void> {
  const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as LockFile;
  const locked = lock.packages[`node_modules/${name}`];
  check(locked?.integrity !== undefined, `no ${name} in ${lockFile}`);
  const incoming = `${into}.incoming`;
  mkdirSync(incoming, { recursive: true });
  mkdirSync(into, { recursive: true });
  try {
    const npm = process.env['npm_execpath'];
    const [program, ...first] = npm === undefined ? ['npm'] : [process.execPath, npm];
    const args = [...first, 'pack', `${name}@${locked.version}`, '--loglevel=error', '--pack-destination', incoming];
    const packed = (await run(program, args, { cwd: incoming, signal })).trim().split('\n').at(-1);
    check(packed, `npm packed nothing for ${name}`);
    const archive = join(incoming, packed);
    const [algorithm = '', expected] = locked.integrity.split(/-(.*)/s);
    if (createHash(algorithm).update(readFileSync(archive)).digest('base64') !== expected)
      throw new UserError(
        `what npm fetched for ${name} ${locked.version} is not what package-lock.json names`,
        'Check which registry npm is set to use, then run it again.',
      );
    await run('tar', ['-xzf', archive, '-C', into, '--strip-components=1'], { signal });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new UserError(
      `${name} ${locked.version} could not be fetched: ${reasonOf(error)}`,
      "Check the connection and npm's registry setting, then run it again.",
      { cause: error },
    );
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

/** The line of npm's output that says why: not its code, nor where its log is. */
function reasonOf({ tail, message }: CommandFailed): string {
  const lines = tail.split('\n').flatMap((line) => /^npm (?:error|ERR!) (.+)/.exec(line)?.[1] ?? []);
  return lines.find((line) => !/^(?:code|errno|syscall|type|A complete log) /.test(line)) ?? message;
}
