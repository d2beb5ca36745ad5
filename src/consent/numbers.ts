/**
 * Numbers that lead to a person: phone numbers, payment cards, IBANs. Works on plain text (plain.ts) and looks at runs
 * of digit groups, so that cost grows with the length of the text and not with its shape. Years, dates, times, amounts
 * and scores stay. Not covered: numbers written as words, and national numbers of regions that were not given.
 */
import { isPossiblePhoneNumber, isValidPhoneNumber, type CountryCode, isSupportedCountry } from 'libphonenumber-js/max';

export interface FoundNumber {
  start: number;
  end: number;
  token: 'phone' | 'card';
}

interface Group {
  start: number;
  end: number;
  digits: string;
}

/** A number is at most this many digits; longer runs are no number that a person would have. */
const [maxPhoneDigits, maxCardDigits] = [15, 19];
const longRunDigits = 60;
/** after so many questions per text, whatever might be a phone number is taken for one */
const maxLookups = 400;

const contextWords =
  'call|text|phone|fone|mobile|cell|number|num|nr|tel|whatsapp|sms|dial|handy|nummer|telefon|rufnummer|anrufen|ruf|' +
  'número|numero|teléfono|telefono|móvil|movil|celular|llama|llámame|numéro|téléphone|portable|appelle|cellulare|chiama|' +
  'telefone|telefoon|numer|zadzwoń|tlf|puhelin|номер|телефон|тел|звони|позвони|позвоните|numara|numaram|' +
  'फोन|फ़ोन|नंबर|कॉल|رقم|رقمي|هاتف|جوال|اتصل|טלפון|מספר|נייד';
const contextBefore = new RegExp(`(?<![\\p{L}\\p{M}\\p{N}])(?:${contextWords})(?![\\p{L}\\p{M}\\p{N}])`, 'iu');
const denseContext = /電話|电话|手机|號碼|号码|携帯|전화|번호|โทร|เบอร์/;
const amountAfter =
  /^\s?(?:[$€£¥₹₽%]|(?:dollars?|euros?|pounds?|usd|eur|gbp|inr|yen|rupees|bucks|views|people|followers|subscribers|likes|km|kg|steps|mil|mio|million)(?!\p{L}))/iu;
const amountBefore = /(?:[$€£¥₹₽]|(?<!\p{L})(?:isbn|usd|eur|gbp|rs\.?|inr|version|v))\s?$/iu;

/** @param regions ISO 3166 codes whose national numbers to know (`['GB', 'DE']`); numbers with + are known anyway */
export function findNumbers(text: string, regions: readonly string[]): FoundNumber[] {
  const known = regions.filter((region): region is CountryCode => isSupportedCountry(region));
  const lookups = { left: maxLookups };
  const found = findIbans(text);
  for (const groups of digitRuns(text, found).flatMap((run) => splitAtDates(text, run))) {
    let index = 0;
    while (index < groups.length) {
      const hit = cardAt(text, groups, index) ?? phoneAt(text, groups, index, known, lookups);
      if (hit === undefined) index++;
      else {
        found.push(hit.number);
        index = hit.next;
      }
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** IBAN: country, check digits, 11 to 30 letters and digits in blocks; ISO 7064 mod 97 must be 1. */
function findIbans(text: string): FoundNumber[] {
  const found: FoundNumber[] = [];
  for (const match of text.matchAll(/(?<![a-z0-9])[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}/giu)) {
    for (let end = match[0].length; end >= 15; end--) {
      const candidate = match[0].slice(0, end);
      const isWhole =
        !/^[a-z0-9]/iu.test(text.slice(match.index + end, match.index + end + 1)) && /\S$/.test(candidate);
      if (!isWhole || !isIban(candidate)) continue;
      found.push({ start: match.index, end: match.index + end, token: 'card' });
      break;
    }
  }
  return found;
}

function isIban(candidate: string): boolean {
  const compact = candidate.replaceAll(' ', '').toUpperCase();
  if (compact.length < 15 || compact.length > 34) return false;
  let remainder = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const value = parseInt(char, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** Digit groups that stand together: between them at most three of space, dot, dash, slash, parentheses. */
function digitRuns(text: string, taken: readonly FoundNumber[]): Group[][] {
  const runs: Group[][] = [];
  let last: Group | undefined;
  for (const match of text.matchAll(/\d+/g)) {
    const group = { start: match.index, end: match.index + match[0].length, digits: match[0] };
    if (taken.some((span) => group.start < span.end && group.end > span.start)) continue;
    const between = last === undefined ? undefined : text.slice(last.end, group.start);
    if (between !== undefined && between.length <= 3 && /^[ .\-/()]+$/.test(between)) runs.at(-1)!.push(group);
    else runs.push([group]);
    last = group;
  }
  return runs;
}

/** Dates (12/04/1990, 1990-04-12), year ranges and IP addresses are not phone numbers: a run ends where one stands. */
function splitAtDates(text: string, run: Group[]): Group[][] {
  if (run.length === 4 && run.every((group) => Number(group.digits) <= 255) && hasOnlyDots(text, run)) return [];
  const parts: Group[][] = [[]];
  for (let index = 0; index < run.length;) {
    const length = isDateAt(text, run, index) ? 3 : isYearRangeAt(run, index) ? 2 : 0;
    if (length === 0) parts.at(-1)!.push(run[index]!);
    else parts.push([]);
    index += Math.max(length, 1);
  }
  return parts;
}

function isDateAt(text: string, run: Group[], index: number): boolean {
  const parts = run.slice(index, index + 3);
  if (parts.length < 3) return false;
  const separators = parts.slice(1).map((part, at) => text.slice(parts[at]!.end, part.start));
  if (!/^[./-]$/.test(separators[0]!) || separators[0] !== separators[1]) return false;
  const next = run[index + 3];
  const before = run[index - 1];
  if (next !== undefined && text.slice(parts.at(-1)!.end, next.start) === separators[0]) return false;
  if (before !== undefined && text.slice(before.end, parts[0]!.start) === separators[0]) return false;
  const [a, b, c] = parts.map((part) => part.digits) as [string, string, string];
  const isDayMonth = (x: string, y: string): boolean =>
    x.length <= 2 && y.length <= 2 && Math.max(+x, +y) <= 31 && Math.min(+x, +y) <= 12;
  return a.length === 4 ? isYear(a) && isDayMonth(b, c) : isDayMonth(a, b) && (c.length === 2 || isYear(c));
}

const isYear = (digits: string): boolean => /^(?:19|20)\d\d$/.test(digits);

function isYearRangeAt(run: Group[], index: number): boolean {
  return run.length - index >= 2 && isYear(run[index]!.digits) && isYear(run[index + 1]!.digits);
}

function hasOnlyDots(text: string, groups: Group[]): boolean {
  return groups.slice(1).every((group, at) => text.slice(groups[at]!.end, group.start) === '.');
}

interface Hit {
  number: FoundNumber;
  /** first group after it */
  next: number;
}

/** 13 to 19 digits in whole groups that pass the Luhn check and begin as cards do (2 to 6). */
function cardAt(text: string, groups: Group[], index: number): Hit | undefined {
  let digits = '';
  for (let next = index; next < groups.length && digits.length < maxCardDigits; next++) {
    const group = groups[next]!;
    if (next > index && !/^[ \-.]$/.test(text.slice(groups[next - 1]!.end, group.start))) return undefined;
    digits += group.digits;
    if (digits.length < 13 || digits.length > maxCardDigits || !/^[2-6]/.test(digits) || !isLuhn(digits)) continue;
    if (/^(\d)\1+$/.test(digits)) continue;
    return { number: { start: groups[index]!.start, end: group.end, token: 'card' }, next: next + 1 };
  }
  return undefined;
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** The longest phone number that begins at this group. */
function phoneAt(
  text: string,
  groups: Group[],
  index: number,
  regions: readonly CountryCode[],
  lookups: { left: number },
): Hit | undefined {
  const first = groups[index]!;
  if (runDigits(groups, index) >= longRunDigits) {
    const number = { start: first.start, end: groups.at(-1)!.end, token: 'phone' as const };
    return { number, next: groups.length };
  }
  const start = leadStart(text, first.start);
  for (let next = windowEnd(groups, index); next > index; next--) {
    const end = groups[next - 1]!.end;
    const window = groups.slice(index, next);
    if (isPhone(text, window, start, end, regions, lookups)) return { number: { start, end, token: 'phone' }, next };
  }
  return undefined;
}

function isPhone(
  text: string,
  window: Group[],
  start: number,
  end: number,
  regions: readonly CountryCode[],
  lookups: { left: number },
): boolean {
  const digits = window.map((group) => group.digits).join('');
  if (digits.length < 7 || digits.length > maxPhoneDigits) return false;
  const before = text.slice(Math.max(0, start - 32), start);
  const after = text.slice(end, end + 16);
  const raw = text.slice(start, end);
  if (raw.includes('+')) return lookups.left-- <= 0 || isPossiblePhoneNumber(raw) || digits.length >= 9;
  if (amountBefore.test(before) || amountAfter.test(after)) return false;

  if (window.length === 2 && raw.includes('.') && !raw.startsWith('0')) return false; // a decimal
  const isAlone = before.trim() === '' && after.trim() === '';
  const hasContext = contextBefore.test(before) || contextBefore.test(after) || denseContext.test(before + after);
  if (hasContext || (isAlone && (digits.startsWith('0') || window.some((group) => group.digits.length > 2))))
    return true;
  if (window.length > 2 && window.filter((group) => group.digits.length === 1).length * 2 > window.length) return false;
  if (window.length === 1 && digits.length >= 9) return !/0{6}$|^97[89]\d{10}$/.test(digits);
  if (window.length === 1) return false; // seven or eight digits in one piece are an amount as often as a number
  const isGrouped =
    window.slice(1).every((group) => group.digits.length === 3) && digits.length <= 9 && !raw.includes('-');
  if (isGrouped && !digits.startsWith('0')) return hasValid(raw, regions, lookups) && digits.length === 9;
  return hasValid(raw, regions, lookups) || (digits.startsWith('00') && digits.length >= 10);
}

function hasValid(raw: string, regions: readonly CountryCode[], lookups: { left: number }): boolean {
  lookups.left -= regions.length;
  return lookups.left <= 0 || regions.some((region) => isValidPhoneNumber(raw, region));
}

function windowEnd(groups: Group[], index: number): number {
  let count = 0;
  let next = index;
  while (next < groups.length && count + groups[next]!.digits.length <= maxPhoneDigits + 2) {
    count += groups[next]!.digits.length;
    next++;
  }
  return next;
}

function runDigits(groups: Group[], index: number): number {
  let count = 0;
  for (let at = index; at < groups.length && count < longRunDigits; at++) count += groups[at]!.digits.length;
  return count;
}

/** a plus or parenthesis right before the first digit belongs to the number */
function leadStart(text: string, start: number): number {
  let from = start;
  while (from > 0 && start - from < 2 && /[+(]/.test(text[from - 1]!)) from--;
  return from;
}
