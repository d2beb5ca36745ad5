/**
 * Digits of a text in groups, and groups that stand together in runs, for numbers.ts and numbers-cards.ts. A run ends at
 * a date, a range of years or an address of a computer, since those are no numbers that lead to a person.
 */

export interface FoundNumber {
  start: number;
  end: number;
  token: 'phone' | 'card';
}

/** Digits in a row: [start, end) in the text. */
export interface Group {
  start: number;
  end: number;
  digits: string;
}

const maxBetween = 3;
/** what people put between the groups of one number; the last one is Japanese */
const separators = /^[ .\-/()_|~*\\\n\t\u30fc]+$/;

/** Runs of groups with at most three separators between them, without dates. */
export function digitRuns(text: string): Group[][] {
  const runs: Group[][] = [];
  let last: Group | undefined;
  for (const match of text.matchAll(/\d+/g)) {
    const group = { start: match.index, end: match.index + match[0].length, digits: match[0] };
    const between = last === undefined ? undefined : text.slice(last.end, group.start);
    if (between !== undefined && between.length <= maxBetween && separators.test(between)) runs.at(-1)!.push(group);
    else runs.push([group]);
    last = group;
  }
  return runs.flatMap((run) => splitAtDates(text, run));
}

/** Dates (12/04/1990, 1990-04-12), year ranges and IP addresses are not phone numbers: a run ends where one stands. */
function splitAtDates(text: string, run: Group[]): Group[][] {
  if (run.length === 4 && run.every((group) => Number(group.digits) <= 255) && hasOnlyDots(text, run)) {
    if (run.some(({ digits }) => digits.length !== 2) && !/^0\d/.test(run[0]!.digits)) return [];
  }
  const parts: Group[][] = [[]];
  for (let index = 0; index < run.length;) {
    const length = isDateAt(text, run, index) ? 3 : isYearRangeAt(run, index) ? 2 : 0;
    if (length === 0) parts.at(-1)!.push(run[index]!);
    else parts.push([]);
    index += Math.max(length, 1);
  }
  return parts.filter((part) => part.length > 0);
}

function isDateAt(text: string, run: Group[], index: number): boolean {
  const parts = run.slice(index, index + 3);
  if (parts.length < 3) return false;
  const between = parts.slice(1).map((part, at) => text.slice(parts[at]!.end, part.start).replaceAll(' ', ''));
  if (!/^[./-]$/.test(between[0]!) || between[0] !== between[1]) return false;
  const next = run[index + 3];
  const before = run[index - 1];
  if (next !== undefined && text.slice(parts.at(-1)!.end, next.start) === between[0]) return false;
  if (before !== undefined && text.slice(before.end, parts[0]!.start) === between[0]) return false;
  const [a, b, c] = parts.map((part) => part.digits) as [string, string, string];
  const isDayMonth = (x: string, y: string): boolean =>
    x.length <= 2 && y.length <= 2 && Math.max(+x, +y) <= 31 && Math.min(+x, +y) <= 12;
  return a.length === 4 ? isYear(a) && isDayMonth(b, c) : isDayMonth(a, b) && (c.length === 2 || isYear(c));
}

/** 1400 to 1499 and 2500 to 2599 are years of today in the Persian, Islamic and Thai calendars */
const isYear = (digits: string): boolean => /^(?:19|20|14|25)\d\d$/.test(digits);

function isYearRangeAt(run: Group[], index: number): boolean {
  const [first, second] = [run[index], run[index + 1]];
  return (
    first !== undefined && second !== undefined && [first, second].every(({ digits }) => /^(?:19|20)\d\d$/.test(digits))
  );
}

/** `20241231` and `31122024`: days in one piece. */
export function isCompactDate(digits: string): boolean {
  const isDay = (day: string, month: string): boolean => +day >= 1 && +day <= 31 && +month >= 1 && +month <= 12;
  if (digits.length !== 8) return false;
  const [a, b, c, d] = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6), digits.slice(6)];
  return (isYear(a + b) && isDay(d, c)) || (isYear(c + d) && (isDay(a, b) || isDay(b, a)));
}

function hasOnlyDots(text: string, groups: Group[]): boolean {
  return groups.slice(1).every((group, at) => text.slice(groups[at]!.end, group.start) === '.');
}
