/**
 * data/ballast: room that is kept for forgetting. Erasing rows needs to write, which a full disk refuses; so some bytes
 * are held back while there is room, and let go when somebody must be forgotten. Random bytes: a file system that
 * compresses must not make nothing of them.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../util/errors.ts';
import { freeBytes, syncDir } from '../util/files.ts';

export const ballastBytes: number = 16 * 1_048_576;
/** made only where so much more than it is free */
const spareTimes = 20;

export function ballastFile(dataDir: string): string {
  return join(dataDir, 'ballast');
}

/** Make the ballast where it is missing and there is room. A disk that will not take it is no failure. */
export function keepBallast(dataDir: string, bytes: number = ballastBytes): void {
  const file = ballastFile(dataDir);
  if (statSync(file, { throwIfNoEntry: false })?.size === bytes) return;
  const temporary = `${file}.tmp-${process.pid}`;
  try {
    if (freeBytes(dataDir) < spareTimes * bytes) return;
    const fd = openSync(temporary, 'w', 0o600);
    try {
      const piece = Buffer.allocUnsafe(1_048_576);
      for (let left = bytes; left > 0; left -= piece.length) {
        writeSync(fd, randomFillSync(piece), 0, Math.min(left, piece.length));
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
    syncDir(dataDir);
  } catch {
    rmSync(temporary, { force: true }); // full, read-only: there is room for nothing extra
  }
}

/** Let it go. @returns whether there was any */
export function dropBallast(dataDir: string): boolean {
  const file = ballastFile(dataDir);
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(file, { force: true });
  return true;
}

/** Before anything else: even a lock needs some bytes. The ballast goes where the disk is full, or nearly. */
export function makeRoom(dataDir: string): void {
  if (statSync(dataDir, { throwIfNoEntry: false }) === undefined) return;
  const { bavail, bsize, files, ffree } = statfsSync(dataDir);
  if (bavail * bsize < ballastBytes / 4 || (files > 0 && ffree === 0)) dropBallast(dataDir);
}

/** A disk that is full, as SQLite, Node or this program says it. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE' || code === 'ENOSPC' || code === 'EDQUOT') return true;
  if (code?.startsWith('SQLITE_IOERR_WRITE') === true) return true;
  if (error instanceof UserError && error.cause !== undefined) return isDiskFull(error.cause);
  return error instanceof UserError && /^(?:The disk is|disk) (?:too )?full/i.test(error.message);
}

/** Do `work`; where the disk is full, let the ballast go and do it once more. `work` must be safe to repeat. */
export function withBallast<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFull(error) || !dropBallast(dataDir)) throw error;
    return work();
  }
}
