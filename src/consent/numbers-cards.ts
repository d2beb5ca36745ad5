/**
 * Payment cards and bank accounts: IBANs by their check digits (ISO 13616, ISO 7064 mod 97), or by their country's length
 * where a digit was mistyped; cards by the Luhn check, or by their usual grouping. Works on plain text (plain.ts).
 */
import type { FoundNumber, Group } from './numbers-runs.ts';

/** characters of an IBAN by country (SWIFT's IBAN registry) */
const ibanLengths = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 ' +
    'FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 ' +
    'LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 ' +
    'SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
/** A mistyped IBAN is still taken for one where it has the length of its country and this share of digits. */
const mistypedDigitShare = 0.6;
/** of a right one: Maltese accounts are written with letters */
const leastDigitShare = 0.4;

const shape = /[a-z]{2}[ .\-]?\d[ .\-]?\d(?:[ .\-/_\n]{0,3}[a-z0-9]){11,30}/giu;

/** @returns spans in order */
export function findIbans(text: string): FoundNumber[] {
  const found: FoundNumber[] = [];
  shape.lastIndex = 0;
  for (let match = shape.exec(text); match !== null; match = shape.exec(text)) {
    const isInWord = /[a-z]/i.test(text[match.index - 1] ?? '') && !/iban$/i.test(text.slice(0, match.index).slice(-4));
    const length = isInWord && /^[a-z]/.test(match[0]) ? undefined : ibanLength(match[0]);
    // another may begin inside of what was none: `nr 12 DE89 …`
    shape.lastIndex = match.index + (length ?? 2);
    if (length !== undefined) found.push({ start: match.index, end: match.index + length, token: 'card' });
  }
  return found;
}

/** Units of the longest IBAN that begins the text. */
function ibanLength(raw: string): number | undefined {
  const compact = raw.replace(/[^a-z0-9]/gi, '').toUpperCase();
  const length = ibanLengths.get(compact.slice(0, 2));
  const isSureStart = /^[A-Z]{2}\d/.test(raw);
  let count = compact.length;
  for (let end = raw.length; count >= 15; end--) {
    if (!/[a-z0-9]/i.test(raw[end - 1]!)) continue;
    const candidate = compact.slice(0, count);
    const isWordEnd = end === raw.length || !/[a-z0-9]/i.test(raw[end]!);
    count--;
    if (length === undefined ? !isSureStart || !isWordEnd || candidate.length > 34 : candidate.length !== length)
      continue;
    const share = digitShare(candidate);
    const isGlued = !isWordEnd && /[a-z]/i.test(raw[end - 1]!); // a letter more: `…0130 00bitte` ends before it
    if (share >= (length === undefined ? mistypedDigitShare : leastDigitShare) && isIban(candidate)) return end;
    // `es 612 …` is Spanish and no account
    if (isSureStart && length !== undefined && share >= mistypedDigitShare && !isGlued) return end;
  }
  return undefined;
}

const digitShare = (text: string): number => text.replace(/\D/g, '').length / text.length;

function isIban(compact: string): boolean {
  let remainder = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const value = parseInt(char, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

const [minCardDigits, maxCardDigits] = [12, 19];
/** cards of so few digits need a word beside them */
const minSureDigits = 14;
const contextBefore =
  /card|visa|master|amex|karte|carte|tarjeta|cart[aã]o|carta|kart|kaart|kort|карт|بطاق|كارت|כרטיס|कार्ड|卡|カード|카드/iu;
const contextAfter = /^[ ,;]{0,3}(?:exp|valid|gültig|cvv|cvc|ablauf|caduc|scad|val)/iu;

/** A card that begins at this group. @returns the number of groups it takes, or 0 */
export function cardGroups(text: string, groups: readonly Group[], index: number): number {
  const first = groups[index]!;
  if (text[first.start - 1] === '+' || first.digits.startsWith('00')) return 0;
  const isAfterPoint = /\d[.,]$/.test(text.slice(Math.max(0, first.start - 2), first.start));
  const isDecimal = groups[index + 1]?.start === first.end + 1 && text[first.end] === '.' && first.digits.length === 1;
  if (isAfterPoint || isDecimal) return 0;
  let digits = '';
  let [sure, likely, usual] = [0, 0, 0];
  let separator: string | undefined;
  for (let next = index; next < groups.length; next++) {
    const group = groups[next]!;
    if (next > index) {
      const between = text.slice(groups[next - 1]!.end, group.start);
      separator ??= between;
      if (between !== separator || !/^[ .\-_\n*]+$/.test(between)) break;
    }
    digits += group.digits;
    if (digits.length > maxCardDigits) break;
    if (digits.length < minCardDigits || /^(\d)\1+$/.test(digits)) continue;
    const count = next + 1 - index;
    const isUsual = isUsualGrouping(groups.slice(index, next + 1));
    if (/^[2-69]/.test(digits) && isLuhn(digits)) {
      if (isUsual) return count;
      if (digits.length >= minSureDigits) sure ||= count;
      else if (hasContext(text, first.start, group.end)) likely ||= count;
    }
    if (isUsual) usual ||= count;
  }
  return sure || usual || likely;
}

function hasContext(text: string, start: number, end: number): boolean {
  return contextBefore.test(text.slice(Math.max(0, start - 24), start)) || contextAfter.test(text.slice(end, end + 12));
}

/** four, four, four, four (and three), or four, six, five; or 16 and more in one piece */
function isUsualGrouping(groups: readonly Group[]): boolean {
  const lengths = groups.map(({ digits }) => digits.length).join(' ');
  if (/^(?:4 4 4 4(?: 3)?|4 6 5)$/.test(lengths)) {
    return !groups.every(({ digits }) => /^(?:(?:19|20)\d\d|\d{1,2}00)$/.test(digits)); // years, or prices
  }
  return /^1[6-9]$/.test(lengths) && !groups[0]!.digits.endsWith('000000');
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
