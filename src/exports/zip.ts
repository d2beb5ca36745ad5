/**
 * The .zip that a phone shares -> the bytes of its one chat text, in memory. Nothing is unpacked to disk and no path of the
 * archive is used. Refused: paths that lead out, links, names with NUL, more than one chat, encrypted or damaged entries,
 * entries that share bytes (Fifield, "A better zip bomb", WOOT 2019), and archives that grow too large, by the bytes that
 * really come out. Media is counted, never read.
 */
import { open } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { UserError } from '../util/errors.ts';
import { baseName, pickChat } from './pick-chat.ts';

/** The limits of an archive. Tests lower them. */
export const zipLimits = { maxBytes: 200 * 1024 * 1024, maxRatio: 200, maxEntries: 10_000 } as const;
export type ZipLimits = { readonly [limit in keyof typeof zipLimits]: number };

export interface ChatText {
  pieces: Buffer[];
  /** files in the archive beside the chat */
  mediaFiles: number;
}

const remedy = 'Share the chat again from WhatsApp and import that .zip, or unpack it and import the .txt.';

/** @throws UserError for an archive that breaks a limit or holds no single chat */
export async function readChatFromZip(path: string, limits: ZipLimits = zipLimits): Promise<ChatText> {
  const zip = await openZip(path);
  try {
    if (zip.entryCount > limits.maxEntries) throw refused(path, `more than ${limits.maxEntries} entries`);
    const entries: Entry[] = [];
    for await (const entry of entriesOf(zip, path)) {
      checkEntry(entry, path);
      entries.push(entry);
      if (entries.length > limits.maxEntries) throw refused(path, `more than ${limits.maxEntries} entries`);
    }
    checkOverlap(entries, path);
    const files = entries.filter(({ fileName }) => !fileName.endsWith('/') && !isResourceFork(fileName));
    const names = files.map(({ fileName }) => fileName);
    const chat = files[pickChat(names, `${path}: the .zip`)] as Entry;
    return { pieces: await readEntry(zip, chat, path, limits), mediaFiles: files.length - 1 };
  } finally {
    zip.close();
  }
}

function refused(path: string, reason: string, cause?: unknown): UserError {
  return new UserError(`${path}: ${reason}`, remedy, { cause });
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(
      path,
      { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true },
      (error, zip) => {
        if (error) reject(refused(path, 'the .zip is damaged or incomplete', error));
        else resolve(zip);
      },
    );
  });
}

async function* entriesOf(zip: ZipFile, path: string): AsyncGenerator<Entry> {
  try {
    yield* zip.eachEntry();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw refused(path, 'the .zip is damaged, or holds a path that leads out of it', error);
  }
}

/** Names that yauzl lets pass. */
function checkEntry(entry: Entry, path: string): void {
  if (entry.fileName.includes('\0')) throw refused(path, 'a name in the .zip holds a NUL character');
  const unixType = (entry.externalFileAttributes >>> 16) & 0xf000;
  if (unixType === 0xa000) throw refused(path, 'the .zip holds a symbolic link');
}

/** What macOS adds when a folder is packed by hand. */
function isResourceFork(name: string): boolean {
  return name.startsWith('__MACOSX/') || baseName(name).startsWith('._');
}

/** No two entries may lie on the same bytes: each takes at least its fixed header (30 bytes) and its packed data. */
function checkOverlap(entries: readonly Entry[], path: string): void {
  const byStart = entries.toSorted((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  let end = 0;
  for (const { relativeOffsetOfLocalHeader: start, compressedSize } of byStart) {
    if (start < end) throw refused(path, 'entries of the .zip overlap, as in a zip bomb');
    end = start + 30 + compressedSize;
  }
}

async function readEntry(zip: ZipFile, entry: Entry, path: string, limits: ZipLimits): Promise<Buffer[]> {
  if (entry.isEncrypted() || !entry.canDecodeFileData())
    throw refused(path, 'the chat in the .zip is encrypted or packed in an unknown way');
  const most = Math.min(limits.maxBytes, entry.compressedSize * limits.maxRatio);
  if (entry.uncompressedSize > limits.maxBytes)
    throw refused(path, `the chat in the .zip is larger than ${limits.maxBytes} bytes`);
  const pieces: Buffer[] = [];
  let bytes = 0;
  let crc = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > most)
        throw refused(
          path,
          `the chat in the .zip unpacks to more than ${limits.maxRatio} times its size, or past ${limits.maxBytes} bytes`,
        );
      crc = crc32(piece, crc);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw refused(path, 'the chat in the .zip is damaged', error);
  }
  if (crc >>> 0 !== entry.crc32 >>> 0) throw refused(path, 'the chat in the .zip is damaged (its checksum is wrong)');
  return pieces;
}

const crcTable: Int32Array = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 of zip (reflected, 0xEDB88320), going on from `previous`. yauzl does not check it. */
function crc32(bytes: Uint8Array, previous: number): number {
  let crc = ~previous;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc;
}
