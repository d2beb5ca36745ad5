/** The data folder: private to this user, or nothing is written to it. */
import { chmodSync, closeSync, existsSync, lstatSync, openSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../util/errors.ts';
import { ensurePrivateDir } from '../util/files.ts';

const isPosix = process.platform !== 'win32'; // mode bits mean nothing there

/**
 * Create the data folder (0700), or refuse one that other users can open, or that is a symbolic link.
 * A fresh clone brings the folder with a README.md and nothing private in it, as open as git made it: that one is closed.
 */
export function ensureDataDir(dataDir: string): void {
  const stats = lstatSync(dataDir, { throwIfNoEntry: false });
  if (stats === undefined) {
    ensurePrivateDir(dataDir);
    if (isPosix) chmodSync(dataDir, 0o700);
    return;
  }
  if (stats.isSymbolicLink()) {
    const target = existsSync(dataDir) ? realpathSync(dataDir) : 'the real folder';
    throw new UserError(
      `${dataDir} is a symbolic link, and private data is kept in real folders only.`,
      `Set DATA_DIR to ${target}, and run: chmod 700 ${target}`,
    );
  }
  if (!stats.isDirectory()) {
    throw new UserError(`${dataDir} is not a folder.`, 'Set DATA_DIR to a folder.');
  }
  if (!isPosix || (stats.mode & 0o077) === 0) return;
  const isAsCloned = existsSync(join(dataDir, 'README.md')) && !existsSync(join(dataDir, 'persona.sqlite'));
  if (isAsCloned) {
    chmodSync(dataDir, 0o700);
    return;
  }
  throw new UserError(
    `${dataDir} can be opened by other users (mode ${modeOf(stats.mode)}).`,
    `Close it, then try again: chmod 700 ${dataDir}`,
  );
}

/**
 * Make sure that a database file exists as 0600 (SQLite gives its companions the same mode), or refuse one that is a
 * symbolic link or that other users can read. A file that exists is never opened here: closing it again would drop every
 * lock that SQLite holds on it in this process (POSIX advisory locks; sqlite.org/howtocorrupt.html, section 2.2).
 */
export function ensurePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    checkPrivateFile(file);
  }
}

function checkPrivateFile(file: string): void {
  const stats = lstatSync(file);
  if (stats.isSymbolicLink()) {
    throw new UserError(
      `${file} is a symbolic link, and private data is kept in real files only.`,
      `Replace the link by the file itself: cp --remove-destination ${realTarget(file)} ${file} && chmod 600 ${file}`,
    );
  }
  if (!stats.isFile()) throw new UserError(`${file} is not a file.`, 'Move it away and try again.');
  if (isPosix && (stats.mode & 0o077) !== 0) {
    throw new UserError(
      `${file} can be read by other users (mode ${modeOf(stats.mode)}).`,
      `Close it, then try again: chmod 600 ${file}`,
    );
  }
}

function realTarget(link: string): string {
  return existsSync(link) ? realpathSync(link) : 'FILE';
}

function modeOf(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
