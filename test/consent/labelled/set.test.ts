/** The labelled redaction set is what its README says: counts, checksums, every value where it is said to be; and how a run is judged. */
import { describe, expect, test } from 'vitest';
import { judge, kinds, measure, readCases, regionOf, type Case, type Kind } from './measure.ts';

const cases = readCases();
const positive = cases.filter(({ secrets }) => secrets.length > 0);
const valuesOf = (kind: Kind): string[] =>
  cases.flatMap(({ secrets }) => secrets.filter((one) => one.kind === kind).map(({ value }) => value));

/** Digits of any script as ASCII, in the order of the text. */
function ascii(value: string): string {
  return value.normalize('NFKC').replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!;
    return String([0x30, 0x660, 0x6f0, 0x966].map((zero) => code - zero).find((n) => n >= 0 && n < 10));
  });
}

/** ISO/IEC 7812-1: every second digit from the right doubled, its digits added; the sum ends in 0. */
function luhn(digits: string): boolean {
  const values = [...digits].reverse().map((digit, i) => Number(digit) * (i % 2 === 0 ? 1 : 2));
  return values.reduce((sum, value) => sum + (value > 9 ? value - 9 : value), 0) % 10 === 0;
}

/** ISO 13616: the first four characters last, letters as 10 to 35; the number is 1 modulo 97. */
function ibanHolds(iban: string): boolean {
  const digits = [...iban.slice(4), ...iban.slice(0, 4)].map((char) => parseInt(char, 36)).join('');
  return [...digits].reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1;
}

describe('the labelled set', () => {
  test('has its cases in at least ten locales', () => {
    const locales = Object.keys(regionOf);
    expect([...new Set(cases.map(({ locale }) => locale))].sort()).toEqual([...locales].sort());
    for (const locale of locales) {
      const own = cases.filter((one) => one.locale === locale);
      expect(own.filter(({ secrets }) => secrets.length > 0).length, locale).toBeGreaterThanOrEqual(90);
      expect(own.filter(({ secrets }) => secrets.length === 0).length, locale).toBeGreaterThanOrEqual(48);
    }
    expect(positive.length).toBeGreaterThanOrEqual(1100);
    expect(cases.length - positive.length).toBeGreaterThanOrEqual(600);
    for (const kind of ['phone', 'email', 'iban', 'card'] as const) {
      expect(valuesOf(kind).length, kind).toBeGreaterThanOrEqual(100);
    }
  });

  test('names only what is in the text, exactly once, apart from the others', () => {
    for (const { text, secrets } of cases) {
      let rest = text;
      for (const { kind, value } of secrets) {
        expect(kinds).toContain(kind);
        expect(text.split(value).length, `${kind} in ${text}`).toBe(2);
        expect(rest, 'values do not overlap').toContain(value);
        rest = rest.replace(value, () => '\n');
      }
    }
    expect(new Set(cases.map(({ text }) => text)).size).toBe(cases.length);
  });

  test('has cards and IBANs whose check digits hold', () => {
    for (const card of valuesOf('card')) expect(luhn(ascii(card).replace(/\D/g, '')), card).toBe(true);
    for (const iban of valuesOf('iban')) {
      expect(ibanHolds(iban.replace(/[^0-9a-z]/gi, '').toUpperCase()), iban).toBe(true);
    }
  });
});

describe('judging', () => {
  const span = (start: number, end: number, token = 'phone') => ({ start, end, token });

  test.each([
    ['all covered', '030 23125 111', [span(3, 16)], true],
    ['nothing covered', '030 23125 111', [], false],
    ['three digits left', '030 23125 111', [span(3, 12)], true],
    ['four digits left, over a separator', '030 2312 5111', [span(3, 11)], false],
    ['four letters left', 'lena@example.de', [span(7, 18)], true],
    ['five letters left', 'lenas@example.de', [span(8, 19)], false],
    ['short, all left', '482', [], false],
    ['short, a part left', '482', [span(3, 4)], true],
    ['Arabic-Indic digits left', '٤٨٢١', [], false],
    ['a password in two spans', 'ab-cd-ef', [span(3, 5), span(6, 11)], true],
  ])('%s', (_, value, spans, found) => {
    expect(judge(`an ${value} da`, value, spans).found).toBe(found);
  });

  test('counts', () => {
    const lines: Case[] = [
      { text: 'ich 123456', secrets: [{ kind: 'phone', value: '123456' }], locale: 'de' },
      { text: 'du 1234567', secrets: [{ kind: 'iban', value: '1234567' }], locale: 'de' },
      { text: 'um 12', secrets: [], locale: 'de' },
      { text: 'um 13', secrets: [], locale: 'de' },
      { text: 'Ada', secrets: [{ kind: 'name', value: 'Ada' }], locale: 'fr', names: ['Ada'] },
    ];
    const measured = measure(lines, ({ text }) => (/^[idA]|13/.test(text) ? [span(1, text.length)] : []));
    expect(measured.rows.filter(({ locale }) => locale === 'all')).toEqual([
      { locale: 'all', kind: 'phone', cases: 1, found: 1, rightToken: 1 },
      { locale: 'all', kind: 'iban', cases: 1, found: 1, rightToken: 0 },
      { locale: 'all', kind: 'name (configured)', cases: 1, found: 1, rightToken: 0 },
    ]);
    expect(measured.clean).toEqual([
      { locale: 'de', lines: 2, changed: 1 },
      { locale: 'all', lines: 2, changed: 1 },
    ]);
    expect(measured.takenBeside).toBeCloseTo(3 / 5);
    expect(measured.wrongToken.map(({ value }) => value)).toEqual(['1234567', 'Ada']);
    expect(measured.missed).toEqual([]);
  });
});
