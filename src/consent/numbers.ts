/**
 * Phone numbers, and cards by way of numbers-cards.ts. Works on plain text (plain.ts) and looks at runs
 * of digit groups (numbers-runs.ts), so that cost grows with the length of the text and not with its shape. How a number
 * is written decides most cases; libphonenumber is asked about the rest. Years, dates, times, amounts and scores stay.
 * Not covered: numbers written as words, and short national numbers of regions that were not given.
 */
import {
  isPossiblePhoneNumber,
  isValidPhoneNumber,
  Metadata,
  type CountryCode,
  isSupportedCountry,
} from 'libphonenumber-js/max';
import { cardGroups } from './numbers-cards.ts';
import { isAmount, namesPhone, wordsAfter, wordsBefore } from './numbers-words.ts';
import { digitRuns, isCompactDate, type FoundNumber, type Group } from './numbers-runs.ts';

const [minPhoneDigits, maxPhoneDigits] = [7, 15];
/** a number never has so many digits; what has is hidden whole */
const longRunDigits = 60;
/** after so many questions per text, whatever might be a phone number is taken for one */
const maxLookups = 400;

/**
 * @param regions ISO 3166 codes whose national phone numbers to know (`['GB', 'DE']`); numbers with + are known anyway
 * @returns spans in order
 */
export function findNumbers(text: string, regions: readonly string[]): FoundNumber[] {
  if (!/\d/.test(text)) return [];
  const known = regions.filter((region): region is CountryCode => isSupportedCountry(region));
  const question: Question = { text, regions: known, lookups: maxLookups };
  const found: FoundNumber[] = [];
  for (const groups of digitRuns(text)) {
    if (groups.reduce((sum, { digits }) => sum + digits.length, 0) < minPhoneDigits) continue;
    let index = 0;
    while (index < groups.length) {
      const hit = numberAt(question, groups, index);
      if (hit === undefined) index++;
      else {
        found.push(hit.number);
        index = hit.next;
      }
    }
  }
  return found;
}

interface Question {
  text: string;
  regions: readonly CountryCode[];
  /** how often libphonenumber may still be asked about this text */
  lookups: number;
  /** whether the words before the group that is looked at speak of phones; undefined until asked */
  named?: boolean | undefined;
}

interface Hit {
  number: FoundNumber;
  /** first group after it */
  next: number;
}

function numberAt(question: Question, groups: readonly Group[], index: number): Hit | undefined {
  const first = groups[index]!;
  const hit = (start: number, count: number, token: FoundNumber['token']): Hit => {
    const next = index + count;
    return { number: { start, end: groups[next - 1]!.end, token }, next };
  };
  const cards = cardGroups(question.text, groups, index);
  if (cards > 0) return hit(first.start, cards, 'card');
  const start = leadStart(question.text, first.start);
  if (digitsFrom(groups, index) >= longRunDigits) return hit(start, groups.length - index, 'phone');
  question.named = undefined;
  for (let next = windowEnd(question.text, groups, index); next > index; next--) {
    if (isPhone(question, groups.slice(index, next), start)) return hit(start, next - index, 'phone');
  }
  return undefined;
}

function isPhone(question: Question, window: readonly Group[], start: number): boolean {
  const digits = window.map((group) => group.digits).join('');
  if (digits.length < minPhoneDigits) return false;
  const { text } = question;
  const end = window.at(-1)!.end;
  const raw = text.slice(start, end);
  if (digits.length > maxPhoneDigits + (/^0{2}/.test(digits) ? 2 : 0)) return false;
  const [before, after] = [wordsBefore(text, start), wordsAfter(text, end)];
  if (/^\+|^\(\+/.test(raw) || /^\+(?!\d)/.test(after)) return digits.length >= 9 || isPossible(question, raw);
  if (isAmount(before, after) || new Set(digits).size < 2) return false;
  if (window.length === 2 && raw.includes('.') && !raw.startsWith('0')) return false; // a decimal
  if (isList(window, raw)) return false;
  const isAlone = before.trim() === '' && after.trim() === '';
  const hasContext = () => (question.named ??= namesPhone(before)) || namesPhone(after);
  const isDate = window.length === 1 && isCompactDate(digits);
  const isRound = digits.endsWith('00000');
  if (!isDate && !(raw.includes('\n') && digits.length < 9) && hasContext()) return true;
  if (raw.includes('\n')) return isValid(question, raw.replaceAll(/\s/g, ' ')); // lines are rather a list
  if (window.length === 1) {
    if (digits.length >= 9) return !/0{6}$|^97[89]\d{10}$/.test(digits);
    // seven or eight digits in one piece are an amount as often as a number
    return !isDate && !isRound && !/\d[.,]$/.test(before) && (digits.startsWith('0') || isAlone);
  }
  if (isAlone && !isRound && (digits.startsWith('0') || window.some((group) => group.digits.length > 2))) return true;
  return isWrittenAsPhone(question, window, raw, digits);
}

/** Several groups, and no word around that helps. */
function isWrittenAsPhone(question: Question, window: readonly Group[], raw: string, digits: string): boolean {
  const lengths = window.map((group) => group.digits.length);
  const singles = lengths.filter((length) => length === 1).length;
  if (singles * 2 > lengths.length) return isSpelledByDigit(window, raw, digits);
  if (window.length === 2 && /\s/.test(raw) && window.some((group) => /^(?:19|20)\d\d$/.test(group.digits)))
    return false;
  const isPairs = lengths.every((length) => length === 2);
  const hasMarks = /[-(/]/.test(raw);
  const isThousands =
    lengths[0]! <= 3 && lengths.slice(1).every((length) => length === 3) && /^\d+(?:[ .]\d{3})+$/.test(raw);
  if (isThousands && !digits.startsWith('0')) return digits.length === 9 && isValid(question, raw);
  if (digits.startsWith('00')) return digits.length >= 10;
  if (digits.startsWith('0') && !isPairs && lengths[0]! > 1) return digits.length >= 8;
  if (digits.length >= 10 && !lengths.every((length) => length === 4) && lengths.some((length) => length > 2)) {
    if (hasMarks || usualShape.test(lengths.join(' '))) return true;
  }
  if (digits.length === 9 && hasMarks && lengths.some((length) => length > 2)) return true;
  return isValid(question, raw);
}

/** groups of national numbers that nothing else is written in: Russian, Turkish, Chinese, Indian, Brazilian, Mexican */
const usualShape = /^(?:[18] 3 3 2 2|3 3 2 2|3 4 4|5 5|2 5 4|2 4 4|[12] 3 3 4|2 3 3 2 2|3 2 3 4|2 [23] \d 4)$/;

/** Lots (`3 12 17 23 40`), scores (`6-4 3-6`, `20/20 17/20`) and short years (`95 98 2000`): small numbers. */
function isList(window: readonly Group[], raw: string): boolean {
  if (window.length < 3 || !/^[1-9]/.test(raw)) return false;
  if (/^\d{1,2}[-/]\d{1,2}(?: \d{1,2}[-/]\d{1,2})+/.test(raw) && window.every(({ digits }) => digits.length < 3))
    return true;
  if (/^\d\d?(?: \d\d?)* (?:19|20)\d\d$/.test(raw)) return true;
  const descents = window.filter((group, at) => at > 0 && Number(group.digits) < Number(window[at - 1]!.digits)).length;
  const isAscending = descents <= (window.length > 4 ? 1 : 0); // `6 3 12 17 23 40 41`: lot 6 and its numbers
  return window.length > 3 && isAscending && /^[1-9]\d?(?: [1-9]\d?)+$/.test(raw);
}

/** `0 1 5 1 2 3 4 …`, but not counting up or down */
function isSpelledByDigit(window: readonly Group[], raw: string, digits: string): boolean {
  if (!/^[+(]?\d{1,2}(?<between>[ .-])(?:\d{1,2}\k<between>)+\d{1,2}$/.test(raw)) return false;
  const steps = window.slice(1).map((group, at) => Number(group.digits) - Number(window[at]!.digits));
  const counted = [1, -1].map((step) => steps.filter((each) => each === step).length);
  return digits.length >= 9 && Math.max(...counted) < steps.length - 2 && new Set(digits).size > 3;
}

function isPossible(question: Question, raw: string): boolean {
  return question.lookups-- <= 0 || isPossiblePhoneNumber(raw);
}

function isValid(question: Question, raw: string): boolean {
  const { regions } = question;
  if (question.lookups <= 0) return true;
  question.lookups -= regions.length;
  const digits = raw.replaceAll(/\D/g, '').length;
  return regions.some((region) => mayBeLong(region, digits) && isValidPhoneNumber(raw, region));
}

const lengths = new Map<CountryCode, ReadonlySet<number>>();

/** Whether national numbers of a region have so many digits, with a trunk prefix of up to two; cheaper than to parse one. */
function mayBeLong(region: CountryCode, digits: number): boolean {
  let known = lengths.get(region);
  if (known === undefined) {
    const metadata = new Metadata();
    metadata.selectNumberingPlan(region);
    known = new Set(metadata.numberingPlan?.possibleLengths());
    lengths.set(region, known);
  }
  return known.has(digits) || known.has(digits - 1) || known.has(digits - 2);
}

/** after the last group that may belong to a number from here on */
function windowEnd(text: string, groups: readonly Group[], index: number): number {
  let count = 0;
  let next = index;
  while (next < groups.length && count + groups[next]!.digits.length <= maxPhoneDigits + 2) {
    const group = groups[next]!;
    const isNew = /^0\d\d/.test(group.digits) || /[/\n]/.test(text.slice(groups[next - 1]?.end ?? 0, group.start));
    // a number after another one, as `0151 2345678 0171 3456789`
    if (count >= 9 && isNew && digitsFrom(groups, next) >= 9) break;
    count += groups[next]!.digits.length;
    next++;
  }
  return next;
}

function digitsFrom(groups: readonly Group[], index: number): number {
  let count = 0;
  for (let at = index; at < groups.length && count < longRunDigits; at++) count += groups[at]!.digits.length;
  return count;
}

/** a plus or parenthesis before the first digit belongs to the number: `(+49)`, `+ 49` */
function leadStart(text: string, start: number): number {
  return start - (/(?:\+\s?\(?|\(\+?)$/.exec(text.slice(Math.max(0, start - 3), start))?.[0].length ?? 0);
}
