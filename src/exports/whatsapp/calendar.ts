/**
 * Dates of the calendars that phones write: Gregorian, Thai Buddhist, Japanese eras and Persian. Numbers in, a Gregorian
 * date out, or undefined where the numbers are no date a chat can have. Islamic months begin by sighting or by one of
 * several tables, so those dates are never converted: a day off would go unnoticed.
 */
import type { HeaderNumber } from './lexer.ts';
import type { Era } from './words.ts';

export type Calendar = 'gregorian' | 'buddhist' | 'japanese' | 'persian';

export interface CalendarDate {
  year: number;
  month: number;
  day: number;
  calendar: Calendar;
}

/** WhatsApp exists since 2009; years far ahead are another calendar's. */
const firstYear = 2009;
const lastYear = new Date().getFullYear() + 1;

/** A year as written, in its calendar; `shift` is what to add for the Gregorian year (Persian: 0). */
function readYear(number: HeaderNumber, era: Era | null): { calendar: Calendar; year: number } | undefined {
  const { value, digits } = number;
  const candidates: { calendar: Calendar; year: number }[] = [];
  if (era === 'hijri') return undefined;
  if (era === 'persian')
    return { calendar: 'persian', year: digits === 4 ? value : value + (value < 80 ? 1400 : 1300) };
  if (era === 'reiwa') candidates.push({ calendar: 'japanese', year: 2018 + value });
  else if (era === 'heisei') candidates.push({ calendar: 'japanese', year: 1988 + value });
  else if (digits === 4) {
    if (value >= 1380 && value <= 1420 && era === null) return { calendar: 'persian', year: value };
    if (era !== 'buddhist') candidates.push({ calendar: 'gregorian', year: value });
    if (era !== 'gregorian') candidates.push({ calendar: 'buddhist', year: value - 543 });
  } else if (digits === 2) {
    if (era !== 'buddhist') candidates.push({ calendar: 'gregorian', year: 2000 + value });
    if (era !== 'gregorian') candidates.push({ calendar: 'buddhist', year: 2500 + value - 543 });
  }
  return candidates.find(({ year }) => year >= firstYear && year <= lastYear);
}

/** Year, month and day as written -> Gregorian date, or undefined. */
export function toDate(
  year: HeaderNumber,
  month: HeaderNumber,
  day: HeaderNumber,
  era: Era | null,
): CalendarDate | undefined {
  const read = readYear(year, era);
  if (read === undefined || month.digits > 2 || day.digits > 2 || month.value < 1 || month.value > 12 || day.value < 1)
    return undefined;
  if (read.calendar === 'persian') return fromPersian(read.year, month.value, day.value);
  if (day.value > new Date(Date.UTC(read.year, month.value, 0)).getUTCDate()) return undefined;
  return { year: read.year, month: month.value, day: day.value, calendar: read.calendar };
}

/** Leap years of the Persian calendar by the 33-year rule, exact for 1178 to 1633. */
function isPersianLeap(year: number): boolean {
  return (25 * year + 11) % 33 < 8;
}

function fromPersian(year: number, month: number, day: number): CalendarDate | undefined {
  const daysInMonth = month <= 6 ? 31 : month <= 11 || isPersianLeap(year) ? 30 : 29;
  if (day > daysInMonth) return undefined;
  // 1 Farvardin 1400 was 21 March 2021
  let days = (month - 1) * 30 + Math.min(month - 1, 6) + day - 1;
  for (let y = year; y < 1400; y++) days -= isPersianLeap(y) ? 366 : 365;
  for (let y = 1400; y < year; y++) days += isPersianLeap(y) ? 366 : 365;
  const date = new Date(Date.UTC(2021, 2, 21 + days));
  if (date.getUTCFullYear() < firstYear || date.getUTCFullYear() > lastYear) return undefined;
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), calendar: 'persian' };
}
