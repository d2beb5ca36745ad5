/**
 * data/forgetting/: one file for each forgetting that was begun, written before anything is erased and removed when all of
 * it is gone. A process that dies over it leaves the file, and the next command of any kind goes on (finishForgetting).
 * Holds the number of the person's row and nothing else.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withBallast } from '../store/ballast.ts';
import { ensureDataDir } from '../store/folder.ts';
import { ensurePrivateDir, syncDir, writeFileAtomic } from '../util/files.ts';

/** a person's row, or everything */
export type Forgetting = number | 'everything';

const folderOf = (dataDir: string): string => join(dataDir, 'forgetting');
const nameOf = (what: Forgetting): string => (what === 'everything' ? what : `person-${what}`);
const pattern = /^(?:(everything)|person-(\d+))$/;

/** What was begun and is not finished; everything first. Cheap where there is nothing. */
export function begunForgetting(dataDir: string): Forgetting[] {
  if (!existsSync(folderOf(dataDir))) return [];
  const names = readdirSync(folderOf(dataDir)).sort();
  return names.flatMap((name): Forgetting[] => {
    const found = pattern.exec(name);
    if (found === null) return [];
    return found[1] === undefined ? [Number(found[2])] : ['everything'];
  });
}

/** Note it on the disk. */
export function beginForgetting(dataDir: string, what: Forgetting): void {
  ensureDataDir(dataDir);
  withBallast(dataDir, () => {
    ensurePrivateDir(folderOf(dataDir));
    writeFileAtomic(join(folderOf(dataDir), nameOf(what)), '');
    syncDir(dataDir); // the folder itself may be new
  });
}

export function endForgetting(dataDir: string, what: Forgetting): void {
  const folder = folderOf(dataDir);
  if (!existsSync(folder)) return;
  rmSync(join(folder, nameOf(what)), { force: true });
  syncDir(folder);
}
