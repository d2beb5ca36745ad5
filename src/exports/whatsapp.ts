/**
 * The text of a WhatsApp export -> its messages, with the shape they were found in.
 * All languages and clocks of the phones go through one grammar (whatsapp/header.ts); a line begins a message only in the
 * one shape that the whole file proves (whatsapp/shape.ts), everything else is the text of the message above.
 * Not covered: dates with the month as a word, Islamic calendars.
 */
import { UserError } from '../util/errors.ts';
import type { ExportMessage } from '../types.ts';
import type { ChatExport, ExportOptions } from './chat-export.ts';
import { countMessages } from './count.ts';
import { longestText } from './text.ts';
import { ownTextMark } from './whatsapp/characters.ts';
import { createClock } from './whatsapp/clock.ts';
import type { Platform } from './whatsapp/header.ts';
import { classify } from './whatsapp/kinds.ts';
import { linesOfPieces } from './whatsapp/lines.ts';
import type { Lines } from './whatsapp/lines.ts';
import { isPlainText } from './whatsapp/plain-text.ts';
import { createHeaderScanner } from './whatsapp/scanner.ts';
import { createAuthorReader } from './whatsapp/senders.ts';
import { createFitting, detectShape } from './whatsapp/shape.ts';
import type { DetectedShape } from './whatsapp/shape.ts';

/** WhatsApp's own limit is 65,536 characters (text.ts); attachments add a file name, notices some names. */
const longestMessage = 70_000;
const mostLinesBefore = 20;

/**
 * Read an export once: its shape, and that it is sound. Its messages are read on demand, and so is what they count up to: one
 * pass more, on the first use of `senders`, `counts`, `span` or `oddities`.
 * @param pieces the bytes of the file, anew on every call
 * @param name what errors call the file
 * @throws UserError naming file, line and remedy, for anything that is not one readable export
 */
export function readWhatsApp(
  pieces: () => Iterable<Uint8Array>,
  name: string,
  options: ExportOptions = {},
): ChatExport {
  const shape = detectShape(linesOfPieces(pieces(), name), name, options.dateOrder);
  const messages = (oddities = createOddities()): Generator<ExportMessage> =>
    readMessages(linesOfPieces(pieces(), name), shape, name, oddities);
  let counted: Pick<ChatExport, 'senders' | 'counts' | 'span' | 'oddities'> | undefined;
  const count = (): NonNullable<typeof counted> => {
    const oddities = createOddities();
    const { senders, counts, span } = countMessages(messages(oddities));
    return { senders, counts, span, oddities: oddities.list() };
  };
  // a message too long, or too much before the first one, shows in the shape already, but is refused by the reader
  if (shape.longest > longestMessage || shape.firstLine > mostLinesBefore) counted = count();
  const { platform, order, clock, seconds, calendar } = shape;
  return {
    source: 'whatsapp',
    shape: { platform, order, clock, seconds, calendar },
    hasSeconds: seconds,
    get senders() {
      return (counted ??= count()).senders;
    },
    get counts() {
      return (counted ??= count()).counts;
    },
    get span() {
      return (counted ??= count()).span;
    },
    get oddities() {
      return (counted ??= count()).oddities;
    },
    mediaFiles: 0,
    messages: () => messages(),
  };
}

/** A message whose lines are not all read yet. */
interface Open {
  ts: string;
  sender: string | null;
  /** 0 before the first message */
  line: number;
  /** its text so far: the part in earlier chunks of the file, and where the rest lies in this one */
  before: string;
  text: string;
  codes: Uint16Array;
  start: number;
  /** of its first line */
  lineEnd: number;
  end: number;
  /** lines of it end with CR and LF */
  hasReturns: boolean;
}

/** The messages of a file whose shape is known, one after the other. */
function* readMessages(
  lines: Lines,
  shape: DetectedShape,
  name: string,
  oddities: Oddities,
): Generator<ExportMessage, undefined> {
  const scanner = shape.headers.replay() ?? createHeaderScanner();
  const authors = createAuthorReader(shape.names);
  const fits = createFitting(scanner, shape);
  const clock = createClock(scanner, shape);
  const { platform } = shape;
  const open: Open = {
    ts: '',
    sender: null,
    line: 0,
    before: '',
    text: lines.text,
    codes: lines.codes,
    start: 0,
    lineEnd: 0,
    end: 0,
    hasReturns: false,
  };

  /** Goes to the header of the next message; gives the message above it, or undefined at the end of the file. */
  function next(): ExportMessage | undefined {
    while (lines.next()) {
      const form = scanner.scan(lines);
      if (form !== undefined && fits(form) && clock.read(form)) {
        const above = open.line > 0 ? toMessage(open, platform, name, oddities) : undefined;
        if (clock.ranBackward) oddities.add('backward', lines.number);
        open.start = authors.read(lines, scanner.end, scanner.name);
        open.sender = authors.sender;
        open.ts = clock.ts;
        open.line = lines.number;
        open.before = '';
        open.text = lines.text;
        open.codes = lines.codes;
        open.lineEnd = lines.end;
        open.end = lines.end;
        open.hasReturns = false;
        if (above !== undefined) return above;
      } else {
        if (form !== undefined) oddities.add('otherShape', lines.number);
        if (open.line > 0) extend(open, lines, name);
        else leaveOut(lines, oddities, name);
      }
    }
    return undefined;
  }

  try {
    for (let message = next(); message !== undefined; message = next()) yield message;
    if (open.line > 0) yield toMessage(open, platform, name, oddities, true);
  } finally {
    lines.close();
  }
}

function leaveOut({ text, start, end, number }: Lines, oddities: Oddities, name: string): void {
  if (text.slice(start, end).trim() !== '') oddities.add('before', number);
  if (oddities.count('before') <= mostLinesBefore) return;
  throw new UserError(
    `${name}, line 1: the file does not begin with a message`,
    'Export the chat again in WhatsApp and import the file as the phone made it.',
  );
}

/** The current line is text of the open message too. */
function extend(open: Open, { text, codes, start, end, number }: Lines, name: string): void {
  if (open.codes === codes) {
    open.hasReturns ||= codes[open.end] === 0x0d;
  } else {
    open.before = `${textSoFar(open)}\n`;
    open.text = text;
    open.codes = codes;
    open.start = start;
    if (open.before.length > longestMessage && number > open.line + 1) throw tooLong(open, name);
  }
  open.end = end;
}

function textSoFar({ before, text, start, end, hasReturns }: Open): string {
  const last = text.slice(start, end);
  const rest = hasReturns ? last.replaceAll('\r\n', '\n') : last;
  return before === '' ? rest : before + rest;
}

function tooLong({ line }: Open, name: string): UserError {
  return new UserError(
    `${name}, line ${line}: one message of more than 65,536 characters, so the file seems to hold dates in more than one format`,
    'Import each export as its own file, as the phone made it.',
  );
}

/** @param isLast empty lines at the end of a file are no text */
function toMessage(open: Open, platform: Platform, name: string, oddities: Oddities, isLast = false): ExportMessage {
  const { ts, sender, line, before, codes, start, lineEnd, end } = open;
  let text = textSoFar(open);
  const isWhole = sender !== null && before === '' && end - start <= longestText && !isLast;
  if (isWhole && isPlainText(codes, start, lineEnd, end, platform))
    return { ts, sender, text, kind: 'text', media: null, line };
  if (text.length > longestText) {
    if (text.length > longestMessage && text.includes('\n')) throw tooLong(open, name);
    oddities.add('tooLong', line);
  }
  while (isLast && text.endsWith('\n')) text = text.slice(0, -1);
  // iOS puts a mark before its own words; Android keeps it as part of the message
  const marked = platform !== 'android' && ownTextMark.test(text);
  if (marked) text = text.replace(ownTextMark, '');
  const { kind, media } = classify({ text, platform, marked, hasSender: sender !== null });
  return { ts, sender, text, kind, media, line };
}

type Oddity = 'before' | 'otherShape' | 'backward' | 'tooLong';

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
    tooLong: { count: 0, line: 0 },
  };
  const say: Record<Oddity, string> = {
    before: 'lines before the first message, left out',
    otherShape: 'lines that begin like a message in another date format, kept as text of the message above',
    backward: 'messages dated more than a day before the message above them',
    tooLong: 'messages of more than the 65,536 characters that WhatsApp allows, kept whole',
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
