/**
 * An exported WhatsApp chat (.txt, or the .zip that a phone shares) -> its messages, with the shape they were found in.
 * All languages and clocks of the phones go through one grammar (export/header.ts); a line begins a message only in the one
 * shape that the whole file proves (export/shape.ts), everything else is the text of the message above.
 * Nothing is half read: what cannot be read for sure ends in a `UserError` with file, line, reason and remedy, which
 * holds no text of the chat.
 * Not covered: dates with the month as a word, Islamic calendars, exports of other programs; attached media is not opened.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { ExportMessage } from '../types.ts';
import { errorCode, UserError } from '../util/errors.ts';
import { ownTextMark } from './export/characters.ts';
import { readHeader } from './export/header.ts';
import type { Header } from './export/header.ts';
import { classify } from './export/kinds.ts';
import { linesOf, linesOfBytes, piecesOfFile } from './export/lines.ts';
import { createNameSurvey, splitAuthor } from './export/senders.ts';
import type { NamesWithColon } from './export/senders.ts';
import { dateOf, detectShape, fits } from './export/shape.ts';
import type { DateOrder, DetectedShape, Shape } from './export/shape.ts';
import { hour24 } from './export/words.ts';
import { readChatFromZip, zipLimits } from './export/zip.ts';

export type { DateOrder, Shape } from './export/shape.ts';

export interface ExportOptions {
  /** for files whose dates leave open whether day or month comes first */
  dateOrder?: DateOrder | undefined;
}

export interface ExportFile {
  messages: ExportMessage[];
  /** who wrote messages (notices do not count), most first */
  senders: { name: string; messages: number }[];
  shape: Shape;
  /** what a person should know before importing: counts and line numbers, never text */
  oddities: string[];
  /** files beside the chat in a .zip */
  mediaFiles: number;
}

/** WhatsApp's own limit for a message is 65,536 characters; attachments add a file name, notices some names. */
const longestMessage = 70_000;
const mostLinesBefore = 20;
const dayMs = 86_400_000;

/**
 * Read a .txt or .zip export. The file's bytes decide which it is, not its name.
 * @throws UserError naming file, line and remedy, for anything that is not one readable export
 */
export async function readExport(path: string, options: ExportOptions = {}): Promise<ExportFile> {
  if (isZip(path)) {
    const { pieces, mediaFiles } = await readChatFromZip(path);
    return { ...parseLines(() => linesOfBytes(pieces, path), path, options), mediaFiles };
  }
  return parseLines(() => linesOfBytes(piecesOfFile(path), path), path, options);
}

/** The same for text that is in memory already. `name` is what errors call it. */
export function parseExport(
  text: string | readonly string[],
  options: ExportOptions & { name?: string } = {},
): ExportFile {
  return parseLines(() => (typeof text === 'string' ? linesOf(text) : text), options.name ?? 'the export', options);
}

/** Three passes over the lines: the shape, the names that hold a colon, the messages. */
function parseLines(lines: () => Iterable<string>, name: string, options: ExportOptions): ExportFile {
  const shape = detectShape(lines(), name, options.dateOrder);
  const survey = createNameSurvey();
  for (const line of lines()) {
    const header = readHeader(line);
    if (header && fits(header, shape)) survey.add(line.slice(header.end));
  }
  const oddities = createOddities();
  const messages = [...readMessages(lines(), shape, survey.result(), name, oddities)];
  const { platform, order, clock, seconds, calendar } = shape;
  return {
    messages,
    senders: countSenders(messages),
    shape: { platform, order, clock, seconds, calendar },
    oddities: oddities.list(),
    mediaFiles: 0,
  };
}

/** The messages of a file whose shape is known, one after the other. */
function* readMessages(
  lines: Iterable<string>,
  shape: DetectedShape,
  names: NamesWithColon,
  name: string,
  oddities: Oddities,
): Generator<ExportMessage> {
  let open: { ts: string; rest: string[]; line: number; length: number } | undefined;
  let lineNumber = 0;
  let previousMs = NaN; // of the message above; not of the first line, a notice that is often dated later
  for (const line of lines) {
    lineNumber++;
    const header = readHeader(line);
    const ts = header && fits(header, shape) ? timestampOf(header, shape) : undefined;
    if (header && ts !== undefined) {
      const isFirst = open === undefined;
      if (open) yield toMessage(open, shape, names);
      open = { ts, rest: [line.slice(header.end)], line: lineNumber, length: line.length };
      const ms = Date.parse(`${ts}Z`);
      if (ms < previousMs - dayMs) oddities.add('backward', lineNumber);
      previousMs = isFirst ? NaN : ms;
      continue;
    }
    if (header) oddities.add('otherShape', lineNumber);
    if (open === undefined) {
      if (line.trim() !== '') oddities.add('before', lineNumber);
      if (oddities.count('before') > mostLinesBefore) {
        throw new UserError(
          `${name}, line 1: the file does not begin with a message`,
          'Export the chat again in WhatsApp and import the file as the phone made it.',
        );
      }
      continue;
    }
    open.rest.push(line);
    open.length += line.length + 1;
    if (open.length > longestMessage) {
      throw new UserError(
        `${name}, line ${open.line}: one message of more than 65,536 characters, so the file seems to hold dates in more than one format`,
        'Import each export as its own file, as the phone made it.',
      );
    }
  }
  if (open === undefined) return;
  while (open.rest.length > 1 && open.rest.at(-1) === '') open.rest.pop();
  yield toMessage(open, shape, names);
}

function toMessage(
  open: { ts: string; rest: string[]; line: number },
  shape: DetectedShape,
  names: NamesWithColon,
): ExportMessage {
  const [first = '', ...more] = open.rest;
  const { sender, body } = splitAuthor(first, names);
  // iOS puts a mark before its own words; Android keeps it as part of the message
  const marked = shape.platform !== 'android' && ownTextMark.test(body);
  const text = [marked ? body.replace(ownTextMark, '') : body, ...more].join('\n');
  const { kind, media } = classify({ text, platform: shape.platform, marked, hasSender: sender !== null });
  return { ts: open.ts, sender, text, kind, media, line: open.line };
}

/** Local time in ISO 8601, or undefined where the numbers are no time of this file's calendar. */
function timestampOf(header: Header, shape: DetectedShape): string | undefined {
  const date = dateOf(header, shape.order);
  const hour = hour24(header.hour.value, header.period);
  if (date === undefined || date.calendar !== shape.calendar || hour < 0) return undefined;
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.year}-${two(date.month)}-${two(date.day)}T${two(hour)}:${two(header.minute)}:${two(header.second ?? 0)}`;
}

function countSenders(messages: readonly ExportMessage[]): ExportFile['senders'] {
  const counts = new Map<string, number>();
  for (const { sender, kind } of messages)
    if (sender !== null && kind !== 'system') counts.set(sender, (counts.get(sender) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, messages: count })).sort((a, b) => b.messages - a.messages);
}

type Oddity = 'before' | 'otherShape' | 'backward';

interface Oddities {
  add(what: Oddity, line: number): void;
  count(what: Oddity): number;
  list(): string[];
}

function createOddities(): Oddities {
  const seen: Record<Oddity, { count: number; line: number }> = {
    before: { count: 0, line: 0 },
    otherShape: { count: 0, line: 0 },
    backward: { count: 0, line: 0 },
  };
  const say: Record<Oddity, string> = {
    before: 'lines before the first message, left out',
    otherShape: 'lines that begin like a message in another date format, kept as text of the message above',
    backward: 'messages dated more than a day before the message above them',
  };
  return {
    add: (what, line) => {
      if (seen[what].count++ === 0) seen[what].line = line;
    },
    count: (what) => seen[what].count,
    list: () =>
      (Object.keys(seen) as Oddity[])
        .filter((what) => seen[what].count > 0)
        .map((what) => `${say[what]}: ${seen[what].count} (the first is line ${seen[what].line})`),
  };
}

/** True for a zip archive; throws for what is not a readable file of a size an export can have. */
function isZip(path: string): boolean {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new UserError(`${path} is not a file`, 'Give the .txt or .zip that WhatsApp exported.');
    const fd = openSync(path, 'r');
    try {
      const start = Buffer.alloc(4);
      readSync(fd, start);
      const zip =
        start[0] === 0x50 &&
        start[1] === 0x4b &&
        ((start[2] === 3 && start[3] === 4) || (start[2] === 5 && start[3] === 6));
      if (!zip && stats.size > zipLimits.maxBytes) {
        throw new UserError(
          `${path}: larger than ${zipLimits.maxBytes} bytes`,
          'Export the chat without media and import the .txt.',
        );
      }
      return zip;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT') throw new UserError(`${path} does not exist`, 'Check the path of the exported chat.');
    throw new UserError(
      `${basename(path)} cannot be read (${code ?? 'unknown error'})`,
      'Check that you may read the file.',
      { cause: error },
    );
  }
}
