/**
 * Bytes of a text file -> its lines, one at a time, without a string for each: what decides about a line mostly stands in
 * its first bytes. Refuses, with the line, what cannot be an export: bytes that are not UTF-8, NUL, lines longer than any
 * message. LF and CRLF end lines; a byte order mark is dropped.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { UserError } from '../../util/errors.ts';

const newline = 0x0a;
const pieceBytes = 1 << 20;
const longestLineBytes = 1 << 20;
const remedy = 'Export the chat again in WhatsApp and import the file as the phone made it.';

/** The lines of a file, one after the other: `next` goes to the first, then on, until it says false. */
export interface Lines {
  /** whole lines, among them the current one: `bytes[start]` to `bytes[end]`, its line break not included */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** 1-based */
  readonly number: number;
  /** bytes of the file before `bytes` */
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
    bytes: Buffer.alloc(0) as Buffer,
    start: 0,
    end: 0,
    number: 0,
    offset: 0,
    next(): boolean {
      if (position >= this.bytes.length) {
        const { done, value } = chunks.next();
        if (done === true) return false;
        this.offset += this.bytes.length;
        this.bytes = value;
        position = this.offset === 0 && value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf ? 3 : 0;
        if (position === value.length) return this.next();
      }
      const found = this.bytes.indexOf(newline, position);
      const end = found < 0 ? this.bytes.length : found;
      this.start = position;
      this.end = end > position && this.bytes[end - 1] === 0x0d ? end - 1 : end;
      this.number++;
      position = end + 1;
      if (end - this.start > longestLineBytes) throw notText(name, this.number, 'the line is longer than any message');
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
    while (lines.next()) yield lines.bytes.toString('utf8', lines.start, lines.end);
  } finally {
    lines.close();
  }
}

/** The pieces of a file on disk. The file is closed when the iteration ends or is left. */
export function* piecesOfFile(path: string): Generator<Uint8Array> {
  const fd = openSync(path, 'r');
  try {
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

/** Whole lines, as many as a piece holds; a line that is cut by the end of a piece comes alone. `line` counts those before. */
function* chunksOf(pieces: Iterable<Uint8Array>, name: string, line: () => number): Generator<Buffer, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const first = bytes.indexOf(newline) + 1;
    if (first === 0) {
      rest = Buffer.concat([rest, bytes]);
      if (rest.length > longestLineBytes) throw notText(name, line() + 1, 'the line is longer than any message');
      continue;
    }
    const last = bytes.lastIndexOf(newline) + 1;
    if (rest.length > 0) yield checked(Buffer.concat([rest, bytes.subarray(0, first)]), name, line());
    const start = rest.length > 0 ? first : 0;
    rest = Buffer.from(bytes.subarray(last));
    if (last > start) yield checked(bytes.subarray(start, last), name, line());
  }
  if (rest.length > 0) yield checked(rest, name, line());
}

/** The same bytes, if they are text. */
function checked(bytes: Buffer, name: string, linesBefore: number): Buffer {
  if (isUtf8(bytes) && !bytes.includes(0)) return bytes;
  let number = linesBefore;
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    number++;
    if (!isUtf8(line)) throw notText(name, number, 'bytes that are not UTF-8 text');
    if (line.includes(0)) throw notText(name, number, 'a NUL byte, which text does not hold');
    start = end + 1;
  }
  return bytes;
}

function notText(name: string, lineNumber: number, reason: string): UserError {
  return new UserError(`${name}, line ${lineNumber}: ${reason}`, remedy);
}
