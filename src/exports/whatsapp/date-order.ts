/**
 * Whether day, month or year comes first: a date is read in an order that the file proves, or in the one the user gave, never
 * in a guessed one. Proof is a number that can only be a day, or time that runs forward in one order and not in the other.
 * Not proof: the language, the separator, what is usual somewhere.
 */
import { UserError } from '../../util/errors.ts';
import { toDate } from './calendar.ts';
import type { Calendar, CalendarDate } from './calendar.ts';
import type { HeaderForm } from './header.ts';
import type { HeaderScanner } from './scanner.ts';

export type DateOrder = 'dmy' | 'mdy' | 'ymd';

const orders: readonly DateOrder[] = ['dmy', 'mdy', 'ymd'];
const dayMs = 86_400_000;

/** How well one order fits the headers seen so far. */
interface Fit {
  /** the date of the header above */
  date: CalendarDate | undefined;
  invalid: number;
  firstInvalid: number;
  /** headers dated more than a day before the header above them */
  backward: number;
  previousMs: number;
  calendars: Map<Calendar, number>;
}

/** What the dates of all headers of one signature show. */
export interface DateEvidence {
  signature: string;
  firstLine: number;
  count: number;
  /** headers with the date of the one above them that are not in `fits` yet */
  repeats: number;
  /** how often each number of the date differs from the header above */
  changes: [number, number, number];
  /** of the header above: what the scanner calls its date, the date's numbers in written order, and the digits of each */
  dateId: number;
  date: [number, number, number];
  digits: [number, number, number];
  fits: Record<DateOrder, Fit>;
}

export function createEvidence(signature: string, firstLine: number): DateEvidence {
  const fit = (): Fit => ({
    date: undefined,
    invalid: 0,
    firstInvalid: 0,
    backward: 0,
    previousMs: NaN,
    calendars: new Map(),
  });
  return {
    signature,
    firstLine,
    count: 0,
    repeats: 0,
    changes: [0, 0, 0],
    dateId: -1,
    date: [-1, -1, -1],
    digits: [0, 0, 0],
    fits: { dmy: fit(), mdy: fit(), ymd: fit() },
  };
}

/** Adds the date of the header found last; true where it differs from the one above. */
export function addDate(dates: DateEvidence, form: HeaderForm, scanner: HeaderScanner, lineNumber: number): boolean {
  dates.count++;
  if (isSameDate(dates, scanner)) {
    dates.repeats++;
    return false;
  }
  addRepeats(dates);
  for (const order of orders) addTo(dates.fits[order], dateOf(scanner, form, order), dates.count, lineNumber);
  return true;
}

/** Adds the headers that have the date of the one above them: the same again, but for the direction of time. */
function addRepeats(dates: DateEvidence): void {
  for (const order of orders) {
    const { date, calendars } = dates.fits[order];
    if (date === undefined) dates.fits[order].invalid += dates.repeats;
    else calendars.set(date.calendar, (calendars.get(date.calendar) ?? 0) + dates.repeats);
  }
  dates.repeats = 0;
}

/** Gregorian date of the header found last, in a given order, or undefined where the numbers do not allow it. */
export function dateOf(
  { values, digits }: HeaderScanner,
  form: HeaderForm,
  order: DateOrder,
): CalendarDate | undefined {
  const [a, b, c] = [0, 1, 2].map((i) => ({ value: values[i] ?? 0, digits: digits[i] ?? 0 }));
  if (!a || !b || !c) return undefined;
  if (order === 'ymd') return toDate(a, b, c, form.era);
  return order === 'dmy' ? toDate(c, b, a, form.era) : toDate(c, a, b, form.era);
}

/** Compares the date of a header with that of the header above, and makes it the one to compare with. */
function isSameDate(dates: DateEvidence, scanner: HeaderScanner): boolean {
  if (dates.dateId === scanner.dateId) return true;
  const { date, digits, changes, count } = dates;
  dates.dateId = scanner.dateId;
  let isSame = true;
  for (let i = 0; i < 3; i++) {
    if (date[i] === scanner.values[i] && digits[i] === scanner.digits[i]) continue;
    if (count > 1 && date[i] !== scanner.values[i]) changes[i]!++;
    date[i] = scanner.values[i]!;
    digits[i] = scanner.digits[i]!;
    isSame = false;
  }
  return isSame;
}

function addTo(fit: Fit, date: CalendarDate | undefined, count: number, lineNumber: number): void {
  fit.date = date;
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

/** The orders that the written shape leaves open, before a single value is looked at. */
function possibleOrders({ signature, digits: [first, , third], changes }: DateEvidence): DateOrder[] {
  if (first === 4 || signature.includes('nDn') || signature.includes('EnD')) return ['ymd'];
  if (third === 4) return ['dmy', 'mdy'];
  // two-digit years: of the three numbers the year changes least (`26. 9. 19.` is Korean, or Serbian)
  const mayBeginWithYear = changes[2] > changes[0] || (signature.includes('n. n. n.') && changes[2] === changes[0]);
  return mayBeginWithYear ? ['dmy', 'mdy', 'ymd'] : ['dmy', 'mdy'];
}

/**
 * @param name what errors call the file
 * @param wanted the order that the user gave
 * @throws UserError where the dates prove no order, or another than the one wanted
 */
export function decideOrder(dates: DateEvidence, name: string, wanted: DateOrder | undefined): DateOrder {
  addRepeats(dates);
  if (wanted !== undefined) {
    if (isNearlyAlwaysValid(dates, wanted)) return wanted;
    const line = dates.fits[wanted].firstInvalid;
    throw new UserError(
      `${name}, line ${line}: the date cannot be read as ${wanted}`,
      'Leave --date-order out, or give another order.',
    );
  }
  const possible = possibleOrders(dates);
  const left = validOrders(dates, possible);
  const [order, ...others] = left.sort((x, y) => dates.fits[x].backward - dates.fits[y].backward);
  if (order === undefined) {
    const line = Math.max(...possible.map((each) => dates.fits[each].firstInvalid));
    throw new UserError(
      `${name}, line ${line}: the date fits no calendar that can be read (Gregorian, Buddhist, Japanese, Persian)`,
      'Set the phone to the Gregorian calendar, or check that the file was not changed, and export the chat again.',
    );
  }
  if (others.every((other) => dates.fits[other].backward >= 10 * dates.fits[order].backward + 1)) return order;
  throw new UserError(
    `${name}, line ${dates.firstLine}: nothing in the ${dates.count} dates of the file shows whether the day or the month comes first`,
    `Add --date-order ${left.sort().join('|')} (dmy: 31/12/26, mdy: 12/31/26, ymd: 26/12/31).`,
  );
}

function validOrders(dates: DateEvidence, possible: DateOrder[]): DateOrder[] {
  const valid = possible.filter((order) => dates.fits[order].invalid === 0);
  if (valid.length > 0) return valid;
  if (!possible.includes('ymd') && dates.fits.ymd.invalid === 0) return ['ymd'];
  // a line of a message may look like a header and hold an impossible date: then every other order fails on most of the file
  const nearly = possible.filter((order) => isNearlyAlwaysValid(dates, order));
  const rest = possible.filter((order) => !nearly.includes(order));
  return nearly.length === 1 && rest.every((order) => dates.fits[order].invalid * 4 >= dates.count) ? nearly : [];
}

function isNearlyAlwaysValid({ fits, count }: DateEvidence, order: DateOrder): boolean {
  const { invalid } = fits[order];
  return invalid * 50 <= count || (invalid === 1 && count >= 10);
}
