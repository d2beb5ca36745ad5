/**
 * One line in, its header out: the numbers of date and time, the day period, and a signature. Two lines with the same
 * signature were written in the same shape (same punctuation, order of parts, year length, digits of the same script).
 * Never decides day and month: that takes the whole file (shape.ts).
 */
import type { DayPeriod } from './day-periods.ts';
import { lex } from './lexer.ts';
import type { LexedNumber } from './lexer.ts';
import type { Era } from './words.ts';

export type Platform = 'android' | 'ios' | 'legacy-ios';

/** What headers have in common that differ in their numbers only. */
export interface HeaderForm {
  signature: string;
  platform: Platform;
  /** the export has seconds */
  seconds: boolean;
  period: DayPeriod | null;
  era: Era | null;
  /** a word stands beside the time that may be a day period and is in no table */
  unknownWord: boolean;
}

export interface Header {
  form: HeaderForm;
  /** the three numbers of the date in written order, hour, minute, and second where the form has it */
  numbers: LexedNumber[];
  /** where the text after the header begins */
  end: number;
}

// Patterns of one to some thirty letters, see lexer.ts
const date = String.raw`(?:E ?)?[nY](?<gap>[./\-] ?|D ?| )(?:E ?)?[nY](?:\k<gap>| )(?:E ?)?[nY](?: ?[.D])?(?: ?E| ?\(E\)){0,2}`;
const clock = String.raw`n(?:[:.]| ?H ?)n(?:(?:[:.]| ?M ?)n| ?M)?(?: ?S)?`;
const time = String.raw`(?:[P?] ?${clock}(?: ?U)?|${clock}(?: ?U)?(?: ?[PU?])?)`;
const join = String.raw`(?:, ?| - | )?(?:[J?][, ] ?)?\(?`;
const close = String.raw`\)?(?: ?\]| -| ?:)`;
const dateFirst = new RegExp(String.raw`^(?:\[ ?)?${date}${join}${time}${close}$`);
const timeFirst = new RegExp(String.raw`^(?:\[ ?)?${time}${join}${date}${close}$`);

/** The header at the start of a line, or undefined where the line cannot be the start of a message. */
export function readHeader(line: string): Header | undefined {
  const lexed = lex(line);
  if (lexed === undefined) return undefined;
  const pattern = patternOf(lexed.pattern);
  const isTimeFirst = !dateFirst.test(pattern);
  if (isTimeFirst && !timeFirst.test(pattern)) return undefined;
  const { numbers: written, period, era, end } = lexed;
  const numbers = isTimeFirst ? [...written.slice(-3), ...written.slice(0, -3)] : written;
  if (!isClock(numbers.slice(3))) return undefined;
  const unknownWord = pattern.includes('?');
  const form: HeaderForm = {
    // whether a word is known differs between the lines of one shape, and must not part them
    signature: `${isTimeFirst ? 'time ' : ''}${pattern.replaceAll('?', 'P')}|${lexed.scripts}`,
    platform: pattern.startsWith('[') ? 'ios' : pattern.endsWith('-') ? 'android' : 'legacy-ios',
    seconds: numbers.length === 6,
    period: unknownWord ? null : period,
    era,
    unknownWord,
  };
  return { form, numbers, end };
}

/** A word after a clock that has another meaning elsewhere (`4:28 r.`) is one that nobody knows there. */
function patternOf(pattern: string): string {
  return dateFirst.test(pattern) ? pattern : pattern.replace(/(n ?(?:U ?)?)[DEHJM]( ?\)?(?: ?\]| -| ?:))$/, '$1?$2');
}

/** Hour, minute and second in their bounds. */
export function isClock([hour, minute, second]: readonly { value: number; digits: number }[]): boolean {
  return (
    hour !== undefined &&
    minute !== undefined &&
    hour.digits <= 2 &&
    hour.value <= 23 &&
    minute.digits <= 2 &&
    minute.value <= 59 &&
    (second === undefined || (second.digits <= 2 && second.value <= 59))
  );
}
