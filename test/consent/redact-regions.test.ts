/** Whose national numbers are known, from the persona's settings; names on their way to the redactor; what identifies both. */
import { expect, test } from 'vitest';
import { defaultRegions, redactionId, redactorOf, rememberingRedactor } from '../../src/consent/redact.ts';
import { isKnownRegion, redactionOf } from '../../src/consent/redact-regions.ts';

const unset = { names: [], regions: null };

test('regions come from languages, time zone and the large ones', () => {
  const { regions } = redactionOf({ languages: ['pt-PT', 'sw'], timezone: 'Asia/Tokyo', redaction: unset });
  expect(regions).toEqual(['PT', 'TZ', 'JP', ...defaultRegions]);
  expect(new Set(regions).size).toBe(regions.length);
});

test.each([
  ['Asia/Kolkata', ['ar'], ['EG', 'IN']],
  ['Asia/Calcutta', ['hi'], ['IN']],
  ['UTC', ['en'], ['US']],
  ['Europe/London', ['eo'], ['GB']],
])('%s, %j', (timezone, languages, expected) => {
  expect(redactionOf({ languages, timezone, redaction: unset }).regions).toEqual(expect.arrayContaining(expected));
});

test('regions that were given are the only ones', () => {
  const redaction = { names: ['Zelda'], regions: ['DK'] };
  const options = redactionOf({ languages: ['de'], timezone: 'Europe/Berlin', redaction });
  expect(options).toEqual({ names: ['Zelda'], regions: ['DK'] });
  const hidden = redactorOf(options);
  expect(hidden('ok 601 234 567 ok')).toEqual([]); // Polish
  expect(hidden('ok 32 12 34 56 ok').map(({ token }) => token)).toEqual(['phone']);
  expect(hidden('zeldas dog').map(({ token }) => token)).toEqual(['name']);
});

test('a redactor that remembers says the same', () => {
  const options = { regions: ['DE'], names: ['Zelda'] };
  const remembering = rememberingRedactor(options);
  for (const text of ['zelda: 0171 3920001', 'nothing', 'zelda: 0171 3920001']) {
    expect(remembering(text)).toEqual(redactorOf(options)(text));
  }
});

test('codes in capital letters only', () => {
  expect(['DE', 'XK', 'de', 'EU', ''].map(isKnownRegion)).toEqual([true, true, false, false, false]);
});

test('what was hidden is told apart without telling it', () => {
  const id = redactionId({ regions: ['DE', 'GB'], names: ['Zelda', 'Yan'] });
  expect(redactionId({ regions: ['GB', 'DE'], names: ['Yan', 'Zelda'] })).toBe(id);
  expect(redactionId({ regions: ['GB', 'DE'] })).not.toBe(id);
  expect(redactionId({ regions: ['GB'], names: ['Yan', 'Zelda'] })).not.toBe(id);
  expect(id).toMatch(/^[\da-f]{64}$/);
});
