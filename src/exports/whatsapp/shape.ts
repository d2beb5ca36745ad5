/**
 * The one shape that a file's headers have, found from all of its lines: punctuation, clock, calendar, order of day, month
 * and year, names that hold a colon. Lines in, a `Shape` out, or a `UserError` where the file leaves something open.
 */
import { UserError } from '../../util/errors.ts';
import type { Calendar } from './calendar.ts';
import { addDate, createEvidence, decideOrder } from './date-order.ts';
import type { DateEvidence, DateOrder } from './date-order.ts';
import { createHeaderLog } from './header-log.ts';
import type { HeaderLog } from './header-log.ts';
import type { HeaderForm, Platform } from './header.ts';
import type { Lines } from './lines.ts';
import { createHeaderScanner } from './scanner.ts';
import type { HeaderScanner } from './scanner.ts';
import { createNameSurvey } from './senders.ts';
import type { NameSurvey, NamesWithColon } from './senders.ts';
import { hour24 } from './words.ts';

export type { DateOrder } from './date-order.ts';

export interface Shape {
  platform: Platform;
  order: DateOrder;
  clock: 12 | 24;
  seconds: boolean;
  calendar: Calendar;
}

/** A shape with what it takes to read the messages that have it. */
export interface DetectedShape extends Shape {
  signature: string;
  /** for the numbers of date and time: 2 or 1 where numbers below ten always have that many digits */
  digits: (1 | 2 | null)[];
  names: NamesWithColon;
  /** line of the first header, and the most UTF-16 units from one header to the next */
  firstLine: number;
  longest: number;
  headers: HeaderLog;
}

const places = [0, 1, 2, 3, 4, 5] as const;
/** A log pasted into a chat may hold headers of any shape. */
const mostTallies = 1000;

/** What the file holds of one signature. */
interface Tally {
  form: HeaderForm;
  twelveHours: boolean;
  count: number;
  firstLine: number;
  lastStart: number;
  longest: number;
  unknownWordLine: number;
  wrongHour: number;
  wrongHourLine: number;
  /** of new dates, hours, minutes, seconds: [written with 1 digit, with 2] among numbers below ten */
  padding: [number, number][];
  dates: DateEvidence;
  names: NameSurvey;
}

/**
 * Reads all lines of a file.
 * @param name what errors call the file
 * @throws UserError where no line is a header, or the order of day and month stays open
 */
export function detectShape(lines: Lines, name: string, wanted?: DateOrder): DetectedShape {
  const scanner = createHeaderScanner();
  const headers = createHeaderLog(scanner);
  const tallies = new Map<string, Tally>();
  let firstText = 0;
  let tally: Tally | undefined;
  while (lines.next()) {
    if (firstText === 0 && lines.text.slice(lines.start, lines.end).trim() !== '') firstText = lines.number;
    const form = scanner.scan(lines);
    if (form === undefined) continue;
    if (tally?.form !== form) {
      tally = tallies.get(form.signature) ?? createTally(form, lines);
      if (tallies.size < mostTallies) tallies.set(form.signature, tally);
    }
    add(tally, form, scanner, lines);
    headers.add(lines, form, tally.names.add(lines, scanner.end));
  }
  if (firstText === 0)
    throw new UserError(`${name} is empty`, 'Export the chat again in WhatsApp and import that file.');
  const chosen = choose([...tallies.values()], firstText);
  if (chosen === undefined) {
    throw new UserError(
      `${name}, line ${firstText}: not a chat exported by WhatsApp (no line begins with date and time)`,
      'In WhatsApp open the chat, choose Export chat, and import the .txt or .zip that it makes.',
    );
  }
  return { ...shapeOf(chosen, lines, name, wanted), headers };
}

function shapeOf(
  tally: Tally,
  { offset, text }: Lines,
  name: string,
  wanted?: DateOrder,
): Omit<DetectedShape, 'headers'> {
  if (tally.unknownWordLine > 0) {
    throw new UserError(
      `${name}, line ${tally.unknownWordLine}: the word beside the time is not known, so morning and evening cannot be told apart`,
      'Set the phone to a 24-hour clock, export the chat again, and report the language of the phone.',
    );
  }
  if (tally.wrongHour * 100 > tally.count) {
    throw new UserError(
      `${name}, line ${tally.wrongHourLine}: hour and AM or PM contradict each other`,
      'Export the chat again and import that file.',
    );
  }
  const order = decideOrder(tally.dates, name, wanted);
  const [calendar] = [...tally.dates.fits[order].calendars].sort((x, y) => y[1] - x[1])[0] ?? ['gregorian' as const];
  const { form, firstLine, lastStart, longest } = tally;
  return {
    platform: form.platform,
    order,
    clock: tally.twelveHours ? 12 : 24,
    seconds: form.seconds,
    calendar,
    signature: form.signature,
    digits: tally.padding.map(([one, two]) => (one === two ? null : one * 4 <= two ? 2 : two * 4 <= one ? 1 : null)),
    names: tally.names.result(form.platform !== 'android'),
    firstLine,
    longest: Math.max(longest, offset + text.length - lastStart),
  };
}

/** Tells whether the header found last was written in the detected shape; its date may still be impossible. */
export function createFitting(scanner: HeaderScanner, shape: DetectedShape): (form: HeaderForm) => boolean {
  const { values, digits } = scanner;
  const usual = Int32Array.from(shape.digits, (each) => each ?? 0);
  const count = shape.seconds ? 6 : 5;
  const isFitting = (place: number): boolean =>
    values[place]! >= 10 || digits[place]! > 2 || digits[place] === usual[place] || usual[place] === 0;
  let lastForm: HeaderForm | undefined;
  let dateId = -1;
  let isOfShape = false;
  /** of the time, since only a number written with another count of digits can be wrong */
  let isOpen = false;
  return (form) => {
    if (dateId !== scanner.dateId || form !== lastForm) {
      dateId = scanner.dateId;
      lastForm = form;
      isOfShape = form.signature === shape.signature && isFitting(0) && isFitting(1) && isFitting(2);
      isOpen = [3, 4, 5].some((place) => digits[place] !== usual[place]);
    }
    if (!isOfShape || !isOpen) return isOfShape;
    for (let place = 3; place < count; place++) if (!isFitting(place)) return false;
    return true;
  };
}

function createTally(form: HeaderForm, { number, offset, start }: Lines): Tally {
  return {
    form,
    twelveHours: form.period !== null,
    count: 0,
    firstLine: number,
    lastStart: offset + start,
    longest: 0,
    unknownWordLine: 0,
    wrongHour: 0,
    wrongHourLine: 0,
    padding: places.map(() => [0, 0]),
    dates: createEvidence(form.signature, number),
    names: createNameSurvey(),
  };
}

function add(tally: Tally, form: HeaderForm, scanner: HeaderScanner, lines: Lines): void {
  const { values, digits } = scanner;
  tally.count++;
  const start = lines.offset + lines.start;
  tally.longest = Math.max(tally.longest, start - tally.lastStart);
  tally.lastStart = start;
  if (form.unknownWord && tally.unknownWordLine === 0) tally.unknownWordLine = lines.number;
  if (hour24(values[3]!, form.period) < 0 && tally.wrongHour++ === 0) tally.wrongHourLine = lines.number;
  const isNewDate = addDate(tally.dates, form, scanner, lines.number);
  for (let i = isNewDate ? 0 : 3; i < (form.seconds ? 6 : 5); i++) {
    if (values[i]! < 10 && digits[i]! <= 2) tally.padding[i]![digits[i] === 1 ? 0 : 1]++;
  }
}

/** An export begins with a header, so the first line's shape wins unless it is a stray; else the most frequent one. */
function choose(tallies: Tally[], firstText: number): Tally | undefined {
  const [best] = tallies.sort((x, y) => y.count - x.count || x.firstLine - y.firstLine);
  const first = tallies.find((tally) => tally.firstLine === firstText);
  return first && best && first.count * 50 >= best.count ? first : best;
}
