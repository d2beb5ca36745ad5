/**
 * Bytes of a text file -> its lines, one at a time, as UTF-8. Refuses, with the line, what cannot be an export: bytes that
 * are not UTF-8, NUL, lines longer than any message. LF and CRLF end lines; a byte order mark is dropped.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { UserError } from '../../util/errors.ts';

const newline = 0x0a;
const pieceBytes = 1 << 20;
const longestLineBytes = 1 << 20;
const remedy = 'Export the chat again in WhatsApp and import the file as the phone made it.';

/** Lines of a string; a newline at the end ends the last line and begins no other. */
export function* linesOf(text: string): Generator<string> {
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  while (start < text.length) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    yield text.slice(start, end > start && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end);
    start = end + 1;
  }
}

/** Lines of a file in pieces; `name` is what errors call it. */
export function* linesOfBytes(pieces: Iterable<Uint8Array>, name: string): Generator<string> {
  let rest = Buffer.alloc(0);
  let lineNumber = 0;
  for (const piece of pieces) {
    const bytes =
      rest.length === 0 ? Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength) : Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      yield decodeLine(bytes.subarray(start, end), ++lineNumber, name);
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
    if (rest.length > longestLineBytes) throw notText(name, lineNumber + 1, 'the line is longer than any message');
  }
  if (rest.length > 0) yield decodeLine(rest, lineNumber + 1, name);
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

function decodeLine(bytes: Buffer, lineNumber: number, name: string): string {
  if (
    lineNumber === 1 &&
    bytes.length >= 2 &&
    ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
  ) {
    throw new UserError(
      `${name}, line 1: the file is UTF-16, not UTF-8`,
      'Save it as UTF-8, or import the file as the phone made it.',
    );
  }
  if (!isUtf8(bytes)) throw notText(name, lineNumber, 'bytes that are not UTF-8 text');
  if (bytes.includes(0)) throw notText(name, lineNumber, 'a NUL byte, which text does not hold');
  const end = bytes.length > 0 && bytes[bytes.length - 1] === 0x0d ? bytes.length - 1 : bytes.length;
  const start = lineNumber === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return bytes.toString('utf8', start, Math.max(start, end));
}

function notText(name: string, lineNumber: number, reason: string): UserError {
  return new UserError(`${name}, line ${lineNumber}: ${reason}`, remedy);
}
