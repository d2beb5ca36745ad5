/**
 * Bytes of a text file -> its lines, one at a time, without a string for each: what decides about a line mostly stands in
 * its first characters. Some thousand lines are decoded at once, to a string that texts are cut from, and to the same
 * UTF-16 units as numbers, which are quicker to compare. Refuses, with the line, what cannot be an export: bytes that are
 * not UTF-8, NUL, lines longer than any message. LF and CRLF end lines; a byte order mark is dropped.
 */
import { isUtf8, transcode } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { UserError } from '../../util/errors.ts';

const newline = 0x0a;
const pieceBytes = 1 << 20;
/** V8 keeps strings of 128 KiB and more apart, where making one costs more than reading it; a unit takes two bytes. */
const chunkBytes = 60_000;
const longestLineBytes = 1 << 20;
const remedy = 'Export the chat again in WhatsApp and import the file as the phone made it.';

/** The lines of a file, one after the other: `next` goes to the first, then on, until it says false. */
export interface Lines {
  /** whole lines, among them the current one: `codes[start]` to `codes[end]`, its line break not included */
  readonly codes: Uint16Array;
  /** the same lines as `codes` */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** 1-based */
  readonly number: number;
  /** UTF-16 units of the file before `codes` */
  readonly offset: number;
  next(): boolean;
  /** Leaves the file; needed only where the lines are not read to their end. */
  close(): void;
}

/** Lines of a file in pieces, which may be cut anywhere; `name` is what errors call it. */
export function linesOfPieces(pieces: Iterable<Uint8Array>, name: string): Lines {
  const chunks = chunksOf(pieces, name, () => lines.number);
  let position = 0;
  const lines = {
    codes: new Uint16Array(0) as Uint16Array,
    text: '',
    start: 0,
    end: 0,
    number: 0,
    offset: 0,
    next(): boolean {
      if (position >= this.text.length) {
        const { done, value } = chunks.next();
        if (done === true) return false;
        this.offset += this.text.length;
        this.codes = unitsOf(value);
        this.text = value.toString('utf16le');
        position = this.offset === 0 && this.codes[0] === 0xfeff ? 1 : 0;
        if (position === this.text.length) return this.next();
      }
      const found = this.text.indexOf('\n', position);
      const end = found < 0 ? this.text.length : found;
      this.start = position;
      this.end = end > position && this.codes[end - 1] === 0x0d ? end - 1 : end;
      this.number++;
      position = end + 1;
      return true;
    },
    close: () => void chunks.return(undefined),
  };
  return lines;
}

/** Lines of a file in pieces, as strings. */
export function* linesOfBytes(pieces: Iterable<Uint8Array>, name: string): Generator<string> {
  const lines = linesOfPieces(pieces, name);
  try {
    while (lines.next()) yield lines.text.slice(lines.start, lines.end);
  } finally {
    lines.close();
  }
}

/**
 * The pieces of a file on disk. The file is closed when the iteration ends or is left.
 * @param known what the file was when it was first read
 * @throws UserError where it is another one by now
 */
export function* piecesOfFile(path: string, known?: Pick<Stats, 'size' | 'mtimeMs'>): Generator<Uint8Array> {
  const fd = openSync(path, 'r');
  try {
    const { size, mtimeMs } = fstatSync(fd);
    if (known !== undefined && (known.size !== size || known.mtimeMs !== mtimeMs))
      throw new UserError(`${path} changed while it was read`, 'Import it again when nothing writes to it any more.');
    for (;;) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const n = readSync(fd, piece);
      if (n === 0) return;
      yield piece.subarray(0, n);
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Whole lines in UTF-16, as many as a chunk holds; a line that is longer, or cut by the end of a piece, comes alone.
 * `line` counts those before.
 */
function* chunksOf(pieces: Iterable<Uint8Array>, name: string, line: () => number): Generator<Buffer, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let start = bytes.indexOf(newline) + 1;
    if (start === 0) {
      rest = Buffer.concat([rest, bytes]);
      if (rest.length > longestLineBytes) throw tooLong(name, line() + 1);
      continue;
    }
    if (rest.length > 0) yield decode(Buffer.concat([rest, bytes.subarray(0, start)]), name, line());
    else start = 0;
    const last = bytes.lastIndexOf(newline) + 1;
    rest = Buffer.from(bytes.subarray(last));
    while (start < last) {
      const fitting = bytes.lastIndexOf(newline, start + chunkBytes - 1) + 1;
      const end = fitting > start ? fitting : bytes.indexOf(newline, start) + 1;
      yield decode(bytes.subarray(start, end), name, line());
      start = end;
    }
  }
  if (rest.length > 0) yield decode(rest, name, line());
}

/** The same in UTF-16, if it is text. Only the first line of a chunk can be too long. */
function decode(bytes: Buffer, name: string, linesBefore: number): Buffer {
  const lineEnd = bytes.indexOf(newline);
  if ((lineEnd < 0 ? bytes.length : lineEnd) > longestLineBytes) throw tooLong(name, linesBefore + 1);
  if (!isUtf8(bytes) || bytes.includes(0)) throw notTextOf(bytes, name, linesBefore);
  return transcode(bytes, 'utf8', 'utf16le');
}

/** What is wrong with bytes that are no text. */
function notTextOf(bytes: Buffer, name: string, linesBefore: number): UserError {
  let number = linesBefore + 1;
  for (let start = 0; ; number++) {
    const found = bytes.indexOf(newline, start);
    const line = bytes.subarray(start, found < 0 ? bytes.length : found);
    if (!isUtf8(line)) return notText(name, number, 'bytes that are not UTF-8 text');
    if (line.includes(0) || found < 0) return notText(name, number, 'a NUL byte, which text does not hold');
    start = found + 1;
  }
}

/** UTF-16 as numbers, copied where the bytes begin at an odd place. */
function unitsOf({ buffer, byteOffset, length }: Buffer): Uint16Array {
  if (byteOffset % 2 === 0) return new Uint16Array(buffer, byteOffset, length / 2);
  return new Uint16Array(buffer.slice(byteOffset, byteOffset + length));
}

function tooLong(name: string, lineNumber: number): UserError {
  return notText(name, lineNumber, 'the line is longer than any message');
}

function notText(name: string, lineNumber: number, reason: string): UserError {
  return new UserError(`${name}, line ${lineNumber}: ${reason}`, remedy);
}
