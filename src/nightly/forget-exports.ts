/**
 * data/exports beside the store: training data and models that were written out of it, and exported chats that wait to be
 * imported. What was made from rows goes whenever somebody is forgotten; a chat goes when they take part in it; any other
 * file where their words stand in it. Not covered: what `--out` put elsewhere, pictures, and packed files that no reader
 * here knows, which are counted as left.
 */
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChatExport } from '../exports/chat-export.ts';
import { openExport } from '../exports/read.ts';
import { holdsForgotten } from '../store/import-forgotten.ts';
import type { Store } from '../store/store.ts';
import { UserError } from '../util/errors.ts';
import { syncDir } from '../util/files.ts';

export interface ForgottenExports {
  removed: number;
  /** packed or encrypted files that could not be looked into */
  unread: number;
}

/** keys of a row of `persona export sft`, in any of its formats (dataset/sft.ts) */
const sftRow = /^\s*\{\s*"(?:prompt|messages|conversations)"\s*:/;
const headBytes = 4096;
const pieceBytes = 1 << 20;

/**
 * @param toTimes local times of exports to instants
 * @param words texts of theirs; a file that holds one of them goes
 */
export async function removeExports(
  store: Store,
  toTimes: (ts: string) => number[],
  words: readonly string[],
): Promise<ForgottenExports> {
  const folder = join(store.dataDir, 'exports');
  const result: ForgottenExports = { removed: 0, unread: 0 };
  if (!existsSync(folder)) return result;
  const needles = words.map((text) => Buffer.from(text));

  const remove = (path: string): void => {
    rmSync(path, { recursive: true, force: true });
    result.removed++;
  };
  const visit = async (path: string): Promise<void> => {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return; // what it leads to is not ours
    const head = stats.isFile() ? headOf(path) : Buffer.alloc(0);
    if (isMadeFromRows(head)) return remove(path);
    const file = await opened(path);
    if (file !== undefined) {
      if (holdsForgotten(store, file, toTimes)) remove(path);
    } else if (stats.isDirectory()) {
      for (const name of readdirSync(path)) await visit(join(path, name));
    } else if (holdsWords(path, needles)) remove(path);
    else if (isPacked(head)) result.unread++;
  };
  for (const name of readdirSync(folder)) await visit(join(folder, name));
  if (result.removed > 0) syncDir(folder);
  return result;
}

async function opened(path: string): Promise<ChatExport | undefined> {
  try {
    return await openExport(path);
  } catch (error) {
    if (error instanceof UserError) return undefined; // no chat that can be read
    throw error;
  }
}

function isMadeFromRows(head: Buffer): boolean {
  return head.subarray(0, 4).toString('latin1') === 'GGUF' || sftRow.test(head.toString('utf8'));
}

/** zip, gzip, 7z, rar, SQLite's encrypted kin are told by their first bytes; pictures and sound are not text at all */
function isPacked(head: Buffer): boolean {
  return ['PK\x03\x04', '\x1f\x8b', '7z\xbc\xaf', 'Rar!'].some((mark) => head.toString('latin1').startsWith(mark));
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(fd, head, 0, headBytes, 0));
  } finally {
    closeSync(fd);
  }
}

/** Read in pieces that overlap by the longest needle. */
function holdsWords(path: string, needles: readonly Buffer[]): boolean {
  const overlap = Math.max(0, ...needles.map(({ length }) => length - 1));
  const piece = Buffer.alloc(pieceBytes + overlap);
  const fd = openSync(path, 'r');
  try {
    let kept = 0;
    for (;;) {
      const read = readSync(fd, piece, kept, pieceBytes, null);
      if (read === 0) return false;
      const seen = piece.subarray(0, kept + read);
      if (needles.some((needle) => seen.includes(needle))) return true;
      kept = Math.min(overlap, seen.length);
      seen.copy(piece, 0, seen.length - kept);
    }
  } finally {
    closeSync(fd);
  }
}
