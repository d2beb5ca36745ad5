/**
 * The text of a WhatsApp export -> its messages, with the shape they were found in.
 * All languages and clocks of the phones go through one grammar (whatsapp/header.ts); a line begins a message only in the
 * one shape that the whole file proves (whatsapp/shape.ts), everything else is the text of the message above.
 * Not covered: dates with the month as a word, Islamic calendars.
 */
import { messageKinds, type ExportMessage, type MessageKind } from '../types.ts';
import { UserError } from '../util/errors.ts';
import type { ChatExport, ExportOptions } from './chat-export.ts';
import { ownTextMark } from './whatsapp/characters.ts';
import { readHeader } from './whatsapp/header.ts';
import type { Header } from './whatsapp/header.ts';
import { classify } from './whatsapp/kinds.ts';
import { createNameSurvey, splitAuthor } from './whatsapp/senders.ts';
import type { NamesWithColon } from './whatsapp/senders.ts';
import { dateOf, detectShape, fits } from './whatsapp/shape.ts';
import type { DetectedShape } from './whatsapp/shape.ts';
import { hour24 } from './whatsapp/words.ts';

/** WhatsApp's own limit for a message is 65,536 characters; attachments add a file name, notices some names. */
const longestMessage = 70_000;
const mostLinesBefore = 20;
const dayMs = 86_400_000;

/**
 * Read the lines of an export: the shape, the names that hold a colon, then the messages once, to count them and to know
 * that the file is sound. `lines` begins anew on every call; `name` is what errors call the file.
 * @throws UserError naming file, line and remedy, for anything that is not one readable export
 */
export function readWhatsApp(lines: () => Iterable<string>, name: string, options: ExportOptions = {}): ChatExport {
  const detected = detectShape(lines(), name, options.dateOrder);
  const survey = createNameSurvey();
  for (const line of lines()) {
    const header = readHeader(line);
    if (header && fits(header, detected)) survey.add(line.slice(header.end));
  }
  const names = survey.result();
  const oddities = createOddities();
  const found = countMessages(readMessages(lines(), detected, names, name, oddities));
  const { platform, order, clock, seconds, calendar } = detected;
  return {
    source: 'whatsapp',
    shape: { platform, order, clock, seconds, calendar },
    hasSeconds: seconds,
    ...found,
    oddities: oddities.list(),
    mediaFiles: 0,
    messages: () => readMessages(lines(), detected, names, name, createOddities()),
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

function countMessages(messages: Iterable<ExportMessage>): Pick<ChatExport, 'senders' | 'counts' | 'span'> {
  const counts = Object.fromEntries(messageKinds.map((kind) => [kind, 0])) as Record<MessageKind, number>;
  const bySender = new Map<string, number>();
  let span: ChatExport['span'] = null;
  for (const { ts, sender, kind } of messages) {
    counts[kind]++;
    if (span === null) span = { first: ts, last: ts };
    else span.last = ts;
    if (sender !== null && kind !== 'system') bySender.set(sender, (bySender.get(sender) ?? 0) + 1);
  }
  const senders = [...bySender].map(([name, count]) => ({ name, messages: count }));
  return { senders: senders.sort((a, b) => b.messages - a.messages), counts, span };
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
