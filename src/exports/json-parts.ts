/**
 * A JSON document of any size -> the few values of it that a reader wants, one at a time, so that memory holds one value
 * and not the document. Structure is read here, byte by byte; values go through JSON.parse.
 * Not covered: wrong JSON inside values that nobody wants (their brackets and strings are followed, no more).
 */
import { isUtf8 } from 'node:buffer';
import { UserError } from '../util/errors.ts';

/** What to do with the value at a path: go into it, parse it, only say that it is there, or pass over it. */
export type Wanted = 'enter' | 'take' | 'count' | 'skip';

export interface JsonPart {
  /** keys from the top, `/` between them, `*` for any element of an array: `messages/*` */
  path: string;
  /** 1-based line where the value begins */
  line: number;
  /** undefined where it was only counted */
  value: unknown;
}

export interface JsonSource {
  pieces: Iterable<Uint8Array>;
  /** what errors call the file */
  name: string;
  /** what to do about a document that cannot be read */
  remedy: string;
}

/** No message of any messenger comes near it. */
export const largestValueBytes = 4 * 1024 * 1024;

const [quote, backslash, comma, colon, newline] = [0x22, 0x5c, 0x2c, 0x3a, 0x0a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);

/**
 * The values at the paths that `wanted` says to take or to count, in the order of the document.
 * @throws UserError with file, line and byte for what is not JSON, ends early, or goes on after its end
 */
export function* jsonParts(source: JsonSource, wanted: (path: string) => Wanted): Generator<JsonPart> {
  const reader = new JsonReader(source);
  try {
    yield* partsAt('', reader, wanted);
    if (reader.token() !== undefined) throw reader.refused('more text after the end of the JSON document');
  } finally {
    reader.close();
  }
}

function* partsAt(path: string, reader: JsonReader, wanted: (path: string) => Wanted): Generator<JsonPart> {
  const what = path === '' ? 'enter' : wanted(path);
  const first = reader.token();
  const { line } = reader;
  if (what === 'enter' && (first === openBrace || first === openBracket)) {
    yield* partsWithin(path, first === openBrace, reader, wanted);
  } else if (what === 'take') {
    yield { path, line, value: reader.value() };
  } else {
    reader.pass(false);
    if (what === 'count') yield { path, line, value: undefined };
  }
}

function* partsWithin(
  path: string,
  isObject: boolean,
  reader: JsonReader,
  wanted: (path: string) => Wanted,
): Generator<JsonPart> {
  const before = path === '' ? '' : `${path}/`;
  const end = isObject ? closeBrace : closeBracket;
  reader.skipByte();
  if (reader.token() === end) {
    reader.skipByte();
    return;
  }
  for (;;) {
    let key = '*';
    if (isObject) {
      if (reader.token() !== quote) throw reader.notJson();
      key = String(reader.value());
      if (reader.token() !== colon) throw reader.notJson();
      reader.skipByte();
    }
    yield* partsAt(before + key, reader, wanted);
    const next = reader.token();
    if (next !== comma && next !== end) throw reader.notJson();
    reader.skipByte();
    if (next === end) return;
  }
}

class JsonReader {
  line = 1;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  /** bytes before `bytes` */
  private before = 0;
  private readonly pieces: Iterator<Uint8Array>;
  private readonly source: JsonSource;

  constructor(source: JsonSource) {
    this.source = source;
    this.pieces = source.pieces[Symbol.iterator]();
    if (this.peek() === 0xef) this.skipMark();
  }

  /** The next byte that is no white space, not yet passed over; undefined at the end of the file. */
  token(): number | undefined {
    let byte = this.peek();
    while (isSpace(byte)) {
      if (byte === newline) this.line++;
      this.at++;
      byte = this.peek();
    }
    return byte;
  }

  skipByte(): void {
    this.at++;
  }

  /** Pass over the value that begins here and parse it. */
  value(): unknown {
    const start = this.position();
    const bytes = this.pass(true);
    if (!isUtf8(bytes)) throw this.refused('bytes that are not UTF-8 text', start);
    const text = bytes.toString('utf8');
    const value = parse(text) ?? parse(repaired(text));
    if (value === undefined) throw this.notJson(start);
    return value.parsed;
  }

  /** Pass over the value that begins here. @returns its bytes, or none where they are not kept */
  pass(keep: boolean): Buffer {
    const position = this.position();
    const kept: Uint8Array[] = [];
    let length = 0;
    let depth = 0;
    let inString = false;
    let escaped = false;
    let done = false;
    while (!done) {
      if (this.peek() === undefined) {
        if (depth > 0 || inString) throw this.refused('the file ends in the middle of the JSON document');
        break;
      }
      const { bytes } = this;
      const start = this.at;
      let at = start;
      for (; at < bytes.length && !done; at++) {
        const byte = bytes[at];
        if (byte === newline && (inString || depth > 0)) this.line++;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) {
            inString = false;
            done = depth === 0;
          }
        } else if (byte === quote) inString = true;
        else if (byte === openBrace || byte === openBracket) depth++;
        else if (byte === closeBrace || byte === closeBracket) {
          if (depth === 0) break;
          done = --depth === 0;
        } else if (depth === 0 && (byte === comma || isSpace(byte))) break;
      }
      if (at < bytes.length) done = true;
      if (keep) kept.push(bytes.subarray(start, at));
      length += at - start;
      this.at = at;
      if (keep && length > largestValueBytes) {
        throw this.refused(`one value of more than ${largestValueBytes} bytes`, position);
      }
    }
    if (length === 0) throw this.notJson(position);
    return Buffer.concat(kept);
  }

  notJson(position = this.position()): UserError {
    return this.refused('not valid JSON', position);
  }

  refused(reason: string, { line, byte } = this.position()): UserError {
    const { name, remedy } = this.source;
    return new UserError(`${name}, line ${line} (byte ${byte}): ${reason}`, remedy);
  }

  /** Let go of the file. */
  close(): void {
    this.pieces.return?.();
  }

  private position(): { line: number; byte: number } {
    return { line: this.line, byte: this.before + this.at + 1 };
  }

  private peek(): number | undefined {
    while (this.at >= this.bytes.length) {
      const next = this.pieces.next();
      if (next.done === true) return undefined;
      this.before += this.bytes.length;
      this.at -= this.bytes.length;
      this.bytes = next.value;
    }
    return this.bytes[this.at];
  }

  /** A byte order mark before the document. */
  private skipMark(): void {
    for (const byte of [0xef, 0xbb, 0xbf]) if (this.peek() === byte) this.at++;
  }
}

function parse(text: string): { parsed: unknown } | undefined {
  try {
    return { parsed: JSON.parse(text) as unknown };
  } catch {
    return undefined; // its message would quote the text
  }
}

/** Older versions of Telegram Desktop write control characters as `\x1F`, which is not JSON. */
function repaired(text: string): string {
  return text.replace(/\\(?:x([\dA-Fa-f]{2})|[\s\S])/g, (all, hex: string | undefined) =>
    hex === undefined ? all : `\\u00${hex}`,
  );
}
