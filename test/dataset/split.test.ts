/** The split rule, with values worked out by sha256sum and Python's isocalendar. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoWeek, splitOf } from '../../src/dataset/split.ts';

const week39 = Date.UTC(2026, 8, 23, 12);

test('isoWeek is the week of the timezone, with the year that the week belongs to', () => {
  const sundayNight = Date.UTC(2026, 8, 20, 22, 30); // Monday 00:30 in Berlin
  expect(isoWeek(sundayNight, 'UTC')).toBe('2026-W38');
  expect(isoWeek(sundayNight, 'Europe/Berlin')).toBe('2026-W39');
  expect(isoWeek(sundayNight - 30 * 60_000, 'Europe/Berlin')).toBe('2026-W39');
  expect(isoWeek(sundayNight - 30 * 60_000 - 1, 'Europe/Berlin')).toBe('2026-W38');
  expect(isoWeek(Date.UTC(2027, 0, 1, 12), 'UTC')).toBe('2026-W53');
  expect(isoWeek(Date.UTC(2024, 11, 30, 12), 'UTC')).toBe('2025-W01');
  expect(() => isoWeek(0, 'Mars/Olympus')).toThrow('timezone Mars/Olympus is no IANA name');
});

test('isoWeek turns at midnight where clocks differ by three quarters of an hour', () => {
  const midnight = Date.UTC(2026, 8, 20, 18, 15); // Monday 00:00 in Kathmandu, +05:45
  expect(isoWeek(midnight - 1, 'Asia/Kathmandu')).toBe('2026-W38');
  expect(isoWeek(midnight, 'Asia/Kathmandu')).toBe('2026-W39');
});

test('splitOf is SHA-256 of chat and week: its first 8 hex digits mod 20', () => {
  // chat9 38ccf2f8, chat14 3ee8a394: 0; chat2 fc6f7015, chat27 93405dc5: 1; a bd608968: 16
  const split = (chatKey: string): string => splitOf(chatKey, week39, 'UTC', 1);
  expect(['chat9', 'chat14', 'chat2', 'chat27', 'a', 'chat3'].map(split)).toEqual([
    'test',
    'test',
    'validation',
    'validation',
    'train',
    'train',
  ]);
});

test('splitOf goes by the week of the timezone', () => {
  const sundayNight = Date.UTC(2026, 8, 20, 22, 30);
  const chatKey = '4915100000000@c.us'; // W38 febd4c10: 0; W39 7182bd1f: 3
  expect(splitOf(chatKey, sundayNight, 'UTC', 1)).toBe('test');
  expect(splitOf(chatKey, sundayNight, 'Europe/Berlin', 1)).toBe('train');
});

test('splitOf goes by the first row where no time is known', () => {
  expect([9, 18, 7].map((firstRowId) => splitOf('a', null, 'UTC', firstRowId))).toEqual([
    'test',
    'validation',
    'train',
  ]);
});

test('splitOf does not depend on the row where the time is known, and keeps a week together', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 6 * 86_400_000 }), fc.nat(), (chatKey, withinMs, rowId) => {
      const monday = Date.UTC(2026, 8, 21);
      expect(splitOf(chatKey, monday + withinMs, 'UTC', rowId)).toBe(splitOf(chatKey, monday, 'UTC', 0));
    }),
  );
});

test('splitOf holds out about a twentieth for each', () => {
  const counts = { train: 0, validation: 0, test: 0 };
  for (let i = 0; i < 4000; i++) counts[splitOf(`chat ${i}`, week39, 'UTC', 0)]++;
  // 200 +- 6 standard deviations of 13.8
  expect(Math.abs(counts.test - 200)).toBeLessThan(83);
  expect(Math.abs(counts.validation - 200)).toBeLessThan(83);
});
