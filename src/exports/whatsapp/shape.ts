/**
 * The one shape that a file's headers have, found from all of its lines: punctuation, clock, calendar, and the order of
 * day, month and year. Lines in, a `Shape` out, or a `UserError` where the file leaves something open: a date is read
 * in an order that the file proves, or in the one the user gave, never in a guessed one.
 * Proof is a number that can only be a day, or time that runs forward in one order and not in the other.
 * Not proof: the language, the separator, what is usual somewhere.
 */
import { UserError } from '../../util/errors.ts';
import { toDate } from './calendar.ts';
import type { Calendar, CalendarDate } from './calendar.ts';
import { readHeader } from './header.ts';
import type { Header, Platform } from './header.ts';
import { hour24 } from './words.ts';

export type DateOrder = 'dmy' | 'mdy' | 'ymd';

export interface Shape {
  platform: Platform;
  order: DateOrder;
  clock: 12 | 24;
  seconds: boolean;
  calendar: Calendar;
}

/** A shape with what it takes to recognise its headers. */
export interface DetectedShape extends Shape {
  signature: string;
  /** for the three numbers of the date and the hour: 2 or 1 where numbers below ten always have that many digits */
  digits: (1 | 2 | null)[];
}

const orders: readonly DateOrder[] = ['dmy', 'mdy', 'ymd'];
const dayMs = 86_400_000;

/** How well one order fits the headers seen so far. */
interface Fit {
  invalid: number;
  firstInvalid: number;
  /** headers dated more than a day before the header above them */
  backward: number;
  previousMs: number;
  calendars: Map<Calendar, number>;
}

interface Tally {
  signature: string;
  sample: Header;
  count: number;
  firstLine: number;
  unknownWordLine: number;
  wrongHour: number;
  wrongHourLine: number;
  /** [date 1, date 2, date 3, hour][written with 1 digit, with 2] among numbers below ten */
  padding: [number, number][];
  /** how often each number of the date differs from the header above */
  changes: [number, number, number];
  previous: [number, number, number] | null;
  fits: Record<DateOrder, Fit>;
}

/** Gregorian date of a header in a given order, or undefined where the numbers do not allow it. */
export function dateOf(header: Header, order: DateOrder): CalendarDate | undefined {
  const [a, b, c] = header.date;
  if (order === 'ymd') return toDate(a, b, c, header.era);
  return order === 'dmy' ? toDate(c, b, a, header.era) : toDate(c, a, b, header.era);
}

/**
 * @param lines all lines of the file
 * @param name what errors call the file
 * @throws UserError where no line is a header, or the order of day and month stays open
 */
export function detectShape(lines: Iterable<string>, name: string, wanted?: DateOrder): DetectedShape {
  const tallies = new Map<string, Tally>();
  let lineNumber = 0;
  let firstText = 0;
  for (const line of lines) {
    lineNumber++;
    if (firstText === 0 && line.trim() !== '') firstText = lineNumber;
    const header = readHeader(line);
    if (header) add(tallies, header, lineNumber);
  }
  if (firstText === 0)
    throw new UserError(`${name} is empty`, 'Export the chat again in WhatsApp and import that file.');
  const tally = choose([...tallies.values()], firstText);
  if (tally === undefined) {
    throw new UserError(
      `${name}, line ${firstText}: not a chat exported by WhatsApp (no line begins with date and time)`,
      'In WhatsApp open the chat, choose Export chat, and import the .txt or .zip that it makes.',
    );
  }
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
  const order = decideOrder(tally, name, wanted);
  const [calendar] = [...tally.fits[order].calendars].sort((x, y) => y[1] - x[1])[0] ?? ['gregorian' as const];
  const { signature, sample } = tally;
  return {
    platform: sample.platform,
    order,
    clock: sample.period === null ? 24 : 12,
    seconds: sample.second !== null,
    calendar,
    signature,
    digits: tally.padding.map(([one, two]) => (one === two ? null : one * 4 <= two ? 2 : two * 4 <= one ? 1 : null)),
  };
}

/** True where a header was written in the detected shape; its date may still be impossible. */
export function fits(header: Header, shape: DetectedShape): boolean {
  if (header.signature !== shape.signature) return false;
  return [...header.date, header.hour].every(
    ({ value, digits }, i) => value > 9 || digits > 2 || (shape.digits[i] ?? digits) === digits,
  );
}

function add(tallies: Map<string, Tally>, header: Header, lineNumber: number): void {
  let tally = tallies.get(header.signature);
  if (tally === undefined) {
    if (tallies.size >= 1000) return; // a log pasted into a chat may hold anything
    const fit = (): Fit => ({ invalid: 0, firstInvalid: 0, backward: 0, previousMs: NaN, calendars: new Map() });
    tally = {
      signature: header.signature,
      sample: header,
      count: 0,
      firstLine: lineNumber,
      unknownWordLine: 0,
      wrongHour: 0,
      wrongHourLine: 0,
      padding: [0, 1, 2, 3].map(() => [0, 0]),
      changes: [0, 0, 0],
      previous: null,
      fits: { dmy: fit(), mdy: fit(), ymd: fit() },
    };
    tallies.set(header.signature, tally);
  }
  tally.count++;
  if (header.unknownWord && tally.unknownWordLine === 0) tally.unknownWordLine = lineNumber;
  const hour = hour24(header.hour.value, header.period);
  if (hour < 0 && tally.wrongHour++ === 0) tally.wrongHourLine = lineNumber;
  [...header.date, header.hour].forEach(({ value, digits }, i) => {
    const seen = tally.padding[i];
    if (seen && value < 10 && digits <= 2) seen[digits === 1 ? 0 : 1]++;
  });
  const [a, b, c] = header.date.map((number) => number.value) as [number, number, number];
  if (tally.previous !== null)
    [a, b, c].forEach((value, i) => (tally.changes[i as 0 | 1 | 2] += value === tally.previous?.[i] ? 0 : 1));
  tally.previous = [a, b, c];
  for (const order of orders) addTo(tally.fits[order], dateOf(header, order), tally.count, lineNumber);
}

function addTo(fit: Fit, date: CalendarDate | undefined, count: number, lineNumber: number): void {
  if (date === undefined) {
    if (fit.invalid++ === 0) fit.firstInvalid = lineNumber;
    return;
  }
  fit.calendars.set(date.calendar, (fit.calendars.get(date.calendar) ?? 0) + 1);
  const ms = Date.UTC(date.year, date.month - 1, date.day);
  // the first line is often a notice dated later than the messages after it
  if (count > 2 && ms < fit.previousMs - dayMs) fit.backward++;
  fit.previousMs = ms;
}

/** An export begins with a header, so the first line's shape wins unless it is a stray; else the most frequent one. */
function choose(tallies: Tally[], firstText: number): Tally | undefined {
  const [best] = tallies.sort((x, y) => y.count - x.count || x.firstLine - y.firstLine);
  const first = tallies.find((tally) => tally.firstLine === firstText);
  return first && best && first.count * 50 >= best.count ? first : best;
}

/** The orders that the written shape leaves open, before a single value is looked at. */
function possibleOrders({ signature, sample, changes }: Tally): DateOrder[] {
  const [first, , third] = sample.date;
  if (first.digits === 4 || signature.includes('nDn') || signature.includes('EnD')) return ['ymd'];
  if (third.digits === 4) return ['dmy', 'mdy'];
  // two-digit years: of the three numbers the year changes least (`26. 9. 19.` is Korean, or Serbian)
  const mayBeginWithYear = changes[2] > changes[0] || (signature.includes('n. n. n.') && changes[2] === changes[0]);
  return mayBeginWithYear ? ['dmy', 'mdy', 'ymd'] : ['dmy', 'mdy'];
}

function decideOrder(tally: Tally, name: string, wanted: DateOrder | undefined): DateOrder {
  if (wanted !== undefined) {
    if (isNearlyAlwaysValid(tally, wanted)) return wanted;
    const line = tally.fits[wanted].firstInvalid;
    throw new UserError(
      `${name}, line ${line}: the date cannot be read as ${wanted}`,
      'Leave --date-order out, or give another order.',
    );
  }
  const possible = possibleOrders(tally);
  const left = validOrders(tally, possible);
  const [order, ...others] = left.sort((x, y) => tally.fits[x].backward - tally.fits[y].backward);
  if (order === undefined) {
    const line = Math.max(...possible.map((each) => tally.fits[each].firstInvalid));
    throw new UserError(
      `${name}, line ${line}: the date fits no calendar that can be read (Gregorian, Buddhist, Japanese, Persian)`,
      'Set the phone to the Gregorian calendar, or check that the file was not changed, and export the chat again.',
    );
  }
  if (others.every((other) => tally.fits[other].backward >= 10 * tally.fits[order].backward + 1)) return order;
  throw new UserError(
    `${name}, line ${tally.firstLine}: nothing in the ${tally.count} dates of the file shows whether the day or the month comes first`,
    `Add --date-order ${left.sort().join('|')} (dmy: 31/12/26, mdy: 12/31/26, ymd: 26/12/31).`,
  );
}

function validOrders(tally: Tally, possible: DateOrder[]): DateOrder[] {
  const valid = possible.filter((order) => tally.fits[order].invalid === 0);
  if (valid.length > 0) return valid;
  if (!possible.includes('ymd') && tally.fits.ymd.invalid === 0) return ['ymd'];
  // a line of a message may look like a header and hold an impossible date: then every other order fails on most of the file
  const nearly = possible.filter((order) => isNearlyAlwaysValid(tally, order));
  const rest = possible.filter((order) => !nearly.includes(order));
  return nearly.length === 1 && rest.every((order) => tally.fits[order].invalid * 4 >= tally.count) ? nearly : [];
}

function isNearlyAlwaysValid({ fits, count }: Tally, order: DateOrder): boolean {
  const { invalid } = fits[order];
  return invalid * 50 <= count || (invalid === 1 && count >= 10);
}
