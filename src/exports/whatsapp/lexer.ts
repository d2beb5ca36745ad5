/**
 * The beginning of a line -> its parts, a letter for each: numbers, punctuation, words by their role (words.ts). Reads at most
 * 80 characters, one at a time, up to the character that closes a header. What the parts mean is header.ts's matter.
 */
import { isMark, isSpace, zeroOf } from './characters.ts';
import type { DayPeriod } from './day-periods.ts';
import { isUnitLetter, lookUpWord } from './words.ts';
import type { Era } from './words.ts';

export interface HeaderNumber {
  value: number;
  /** digits written, so that 09 and 9 differ */
  digits: number;
}

export interface LexedNumber extends HeaderNumber {
  /** index of its first digit in the line, and the digit zero of its script */
  at: number;
  zero: number;
}

export interface Lexed {
  /** n number, Y number of four digits, roles of words.ts, ? what nobody knows, punctuation and single spaces as they are */
  pattern: string;
  numbers: LexedNumber[];
  /** the zeros of the scripts its digits are of */
  scripts: string;
  period: DayPeriod | null;
  era: Era | null;
  /** where the text after the header begins */
  end: number;
}

const longestHeader = 80;
const longestWord = 24;

/** Read until the character that closes a header: `]`, ` - `, or `: ` after the time. */
export function lex(line: string): Lexed | undefined {
  let i = skipMarks(line, 0);
  const bracketed = line[i] === '[';
  const stop = Math.min(line.length, i + longestHeader);
  const lexed: Lexed = { pattern: '', numbers: [], scripts: '', period: null, era: null, end: 0 };
  while (i < stop) {
    const code = line.charCodeAt(i);
    const zero = zeroOf(code);
    if (zero >= 0) {
      i = readNumber(line, i, zero, lexed);
      if (i < 0) return undefined;
    } else if (isMark(code)) {
      i++;
    } else if (isSpace(code)) {
      if (!lexed.pattern.endsWith(' ')) lexed.pattern += ' ';
      i++;
    } else if (beginsWord(line, i)) {
      i = readWord(line, i, lexed);
      if (i < 0) return undefined;
    } else {
      const mark = punctuation(line.charAt(i));
      if (mark === undefined) return undefined;
      lexed.pattern += mark;
      i++;
      if (closes(lexed, mark, bracketed, line, i)) {
        // the space after the close belongs to the header; marks after it belong to the text
        lexed.end = i < line.length && isSpace(line.charCodeAt(i)) ? i + 1 : i;
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
  if ('[]./-,:()'.includes(character)) return character;
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
  lexed.numbers.push({ value, digits, at: start, zero });
  return lexed.numbers.length > 6 ? -1 : i;
}

function beginsWord(line: string, i: number): boolean {
  return /[\p{L}\p{M}]/u.test(line.charAt(i)) || (/['’ʼ]/.test(line.charAt(i)) && /\p{L}/u.test(line.charAt(i + 1)));
}

/**
 * As many words as are known together (`a. m.`, `din după-amiază`), or else all of them as one that nobody knows; returns the
 * index after them, or -1.
 */
function readWord(line: string, start: number, lexed: Lexed): number {
  const before = lexed.numbers.length;
  const ends = isUnitLetter(line.charAt(start)) ? [start + 1] : endsOfWords(line, start);
  let longest = -1;
  for (const end of ends.reverse()) {
    const written = line.slice(start, end);
    longest = Math.max(longest, end);
    // `H31`: the era Heisei before the year; elsewhere h stands after an hour
    const isHeisei = written === 'H' && /[[./-]$/.test(lexed.pattern) && zeroOf(line.charCodeAt(end)) >= 0;
    const word = isHeisei ? ({ role: 'E', era: 'heisei' } as const) : lookUpWord(written, before < 4);
    if (word === undefined) continue;
    lexed.pattern += word.role;
    if ('period' in word) lexed.period = word.period ?? null;
    if ('era' in word) lexed.era = word.era ?? null;
    return end;
  }
  if (before === 0 || longest - start > longestWord) return -1; // most lines of messages end here
  lexed.pattern += '?';
  return longest;
}

/** Where the first word ends, the first two, three and so on, with their full stops. */
function endsOfWords(line: string, start: number): number[] {
  const ends: number[] = [];
  let end = start;
  for (let i = start; i < line.length && i - start <= longestWord + 1;) {
    const character = line.charAt(i);
    const joinsLetters = '-‐‑/'.includes(character) && /\p{L}/u.test(line.charAt(i + 1));
    if (joinsLetters || (/[\p{L}\p{M}.'’\u0F0B\u200C\u200D]/u.test(character) && !isUnitLetter(character))) {
      end = ++i;
      continue;
    }
    if (!isSpace(line.charCodeAt(i)) && !isMark(line.charCodeAt(i))) break;
    const next = skipSpacesAndMarks(line, i);
    if (!/\p{L}/u.test(line.charAt(next)) || isUnitLetter(line.charAt(next))) break;
    if (ends.at(-1) !== end) ends.push(end);
    i = next;
  }
  if (ends.at(-1) !== end) ends.push(end);
  return ends;
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
