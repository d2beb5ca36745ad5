/**
 * One line in, its header out: the numbers of date and time, the day period, and a signature. Two lines with the same
 * signature were written in the same shape (same punctuation, order of parts, year length, digits of the same script).
 * Reads at most the first 80 characters and never decides day and month: that takes the whole file (shape.ts).
 */
import { isMark, isSpace, zeroOf } from './characters.ts';
import { isUnitLetter, lookUpWord } from './words.ts';
import type { DayPeriod, Era } from './words.ts';

export type Platform = 'android' | 'ios' | 'legacy-ios';

export interface HeaderNumber {
  value: number;
  /** digits written, so that 09 and 9 differ */
  digits: number;
}

export interface Header {
  signature: string;
  platform: Platform;
  /** the three numbers of the date, in written order */
  date: [HeaderNumber, HeaderNumber, HeaderNumber];
  hour: HeaderNumber;
  minute: number;
  /** null where the export has no seconds */
  second: number | null;
  period: DayPeriod | null;
  era: Era | null;
  /** a word stands beside the time that may be a day period and is in no table */
  unknownWord: boolean;
  /** where the text after the header begins */
  end: number;
}

const longestHeader = 80;

/** What a line's beginning was read into: a letter for every part, and the parts themselves. */
interface Lexed {
  pattern: string;
  numbers: HeaderNumber[];
  scripts: string;
  period: DayPeriod | null;
  era: Era | null;
  end: number;
}

// Patterns of one to some thirty letters: n number, Y number of four digits, roles of words.ts, ? a word nobody knows.
const date = String.raw`(?:E ?)?[nY](?<gap>[./\-] ?|D ?| )(?:E ?)?[nY]\k<gap>(?:E ?)?[nY](?: ?[.D])?(?: ?E)?`;
const time = String.raw`(?:[P?] ?)?n(?:[:.]| ?H ?)n(?:(?:[:.]| ?M ?)n| ?M)?(?: ?S)?(?: ?[PU?])?`;
const join = String.raw`(?:, ?| )?(?:[J?][, ] ?)?`;
const close = String.raw`(?:\]| -|:)`;
const dateFirst = new RegExp(String.raw`^(?:\[ ?)?${date}${join}${time} ?${close}$`);
const timeFirst = new RegExp(String.raw`^(?:\[ ?)?${time}${join}${date} ?${close}$`);

/** The header at the start of a line, or undefined where the line cannot be the start of a message. */
export function readHeader(line: string): Header | undefined {
  const lexed = lex(line);
  if (lexed === undefined) return undefined;
  const { pattern, numbers } = lexed;
  const isTimeFirst = !dateFirst.test(pattern);
  if (isTimeFirst && !timeFirst.test(pattern)) return undefined;
  const clock = isTimeFirst ? numbers.slice(0, -3) : numbers.slice(3);
  const [first, second, third] = isTimeFirst ? numbers.slice(-3) : numbers;
  const [hour, minute, seconds] = clock;
  if (!first || !second || !third || !hour || !minute) return undefined;
  if (hour.value > 23 || minute.digits !== 2 || minute.value > 59) return undefined;
  if (seconds && (seconds.digits !== 2 || seconds.value > 59)) return undefined;
  return {
    signature: `${isTimeFirst ? 'time ' : ''}${pattern}|${lexed.scripts}`,
    platform: pattern.startsWith('[') ? 'ios' : pattern.endsWith('-') ? 'android' : 'legacy-ios',
    date: [first, second, third],
    hour,
    minute: minute.value,
    second: seconds?.value ?? null,
    period: lexed.period,
    era: lexed.era,
    unknownWord: pattern.includes('?'),
    end: lexed.end,
  };
}

/** Read until the character that closes a header: `]`, ` - `, or `: ` after the time. */
function lex(line: string): Lexed | undefined {
  let i = skipMarks(line, 0);
  const bracketed = line[i] === '[';
  const stop = Math.min(line.length, i + longestHeader);
  const lexed: Lexed = { pattern: '', numbers: [], scripts: '', period: null, era: null, end: 0 };
  while (i < stop) {
    const code = line.charCodeAt(i);
    const zero = zeroOf(code);
    if (zero >= 0) {
      const next = readNumber(line, i, zero, lexed);
      if (next < 0) return undefined;
      i = next;
    } else if (isMark(code)) {
      i++;
    } else if (isSpace(code)) {
      if (!lexed.pattern.endsWith(' ')) lexed.pattern += ' ';
      i++;
    } else if (/\p{L}/u.test(line.charAt(i))) {
      i = readWord(line, i, lexed);
      if (i < 0) return undefined;
    } else {
      const mark = punctuation(line.charAt(i));
      if (mark === undefined) return undefined;
      lexed.pattern += mark;
      i++;
      if (closes(lexed, mark, bracketed, line, i)) {
        lexed.end = skipOneSpace(line, i);
        return lexed;
      }
    }
  }
  return undefined;
}

function closes(lexed: Lexed, mark: string, bracketed: boolean, line: string, next: number): boolean {
  if (lexed.numbers.length < 5) return false;
  if (bracketed) return mark === ']';
  if (mark === '-') return lexed.pattern.endsWith(' -') && (next >= line.length || isSpace(line.charCodeAt(next)));
  return mark === ':' && (next >= line.length || isSpace(line.charCodeAt(next)));
}

function punctuation(character: string): string | undefined {
  if ('[]./-,:'.includes(character)) return character;
  if ('،、，'.includes(character)) return ',';
  if ('–−‐‑'.includes(character)) return '-';
  if (character === '：') return ':';
  if (character === '．') return '.';
  return undefined;
}

/** A number of one, two or four digits; returns the index after it, or -1. */
function readNumber(line: string, start: number, zero: number, lexed: Lexed): number {
  let value = 0;
  let i = start;
  for (; i < line.length; i++) {
    const digit = line.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) break;
    if (i - start === 4) return -1;
    value = value * 10 + digit;
  }
  const digits = i - start;
  if (digits === 3 || zeroOf(line.charCodeAt(i)) >= 0) return -1;
  const script = zero.toString(16);
  if (!lexed.scripts.includes(script)) lexed.scripts += `${script} `;
  lexed.pattern += digits === 4 ? 'Y' : 'n';
  lexed.numbers.push({ value, digits });
  return lexed.numbers.length > 6 ? -1 : i;
}

/** A word with its full stops, and the words after it (`a. m.`, `din după-amiază`); returns the index after it, or -1. */
function readWord(line: string, start: number, lexed: Lexed): number {
  let i = start;
  if (isUnitLetter(line.charAt(i))) i++;
  else i = endOfWords(line, start);
  const written = line.slice(start, i);
  if (written.length > 24) return -1;
  // `H31`: the era Heisei before the year; elsewhere h stands after an hour
  const isHeisei = written === 'H' && /[[./-]$/.test(lexed.pattern) && zeroOf(line.charCodeAt(i)) >= 0;
  const word = isHeisei ? ({ role: 'E', era: 'heisei' } as const) : lookUpWord(written);
  if (word === undefined && lexed.numbers.length === 0) return -1; // most lines of messages end here
  lexed.pattern += word?.role ?? '?';
  if (word && 'period' in word) lexed.period = word.period ?? null;
  if (word && 'era' in word && word.era !== undefined) lexed.era = word.era;
  return i;
}

function endOfWords(line: string, start: number): number {
  let end = start;
  for (let i = start; i < line.length && i - start <= 24;) {
    if (!/[\p{L}\p{M}.'’\u200C\u200D]/u.test(line.charAt(i)) || isUnitLetter(line.charAt(i))) {
      if (!isSpace(line.charCodeAt(i)) && !isMark(line.charCodeAt(i))) break;
      const next = skipSpacesAndMarks(line, i);
      if (!/\p{L}/u.test(line.charAt(next)) || isUnitLetter(line.charAt(next))) break;
      i = next;
      continue;
    }
    end = ++i;
  }
  return end;
}

function skipMarks(line: string, start: number): number {
  let i = start;
  while (i < line.length && isMark(line.charCodeAt(i))) i++;
  return i;
}

function skipSpacesAndMarks(line: string, start: number): number {
  let i = start;
  while (i < line.length && (isSpace(line.charCodeAt(i)) || isMark(line.charCodeAt(i)))) i++;
  return i;
}

/** The space after the close belongs to the header; marks after it belong to the text. */
function skipOneSpace(line: string, start: number): number {
  return start < line.length && isSpace(line.charCodeAt(start)) ? start + 1 : start;
}
