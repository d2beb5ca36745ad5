/** Text of others in a terminal. */
import { expect, test } from 'vitest';
import { shown, shownLines } from '../../src/util/shown.ts';

test.each([
  ['\u001b[31mMia\u001b[0m', '\\u001b[31mMia\\u001b[0m'],
  ['Mia\r\n2026 INFO all is well', 'Mia\\u000d\\u000a2026 INFO all is well'],
  ['\u202eaiM\u202c \u2066x\u2069 \u200e\u061c', '\\u202eaiM\\u202c \\u2066x\\u2069 \\u200e\\u061c'],
  ['a\u009b2Jb\u0007\u2028\ufeff', 'a\\u009b2Jb\\u0007\\u2028\\ufeff'],
  ['Zoë 👩‍👩‍👧 دانة 한 ~ Jo (+49 151)', 'Zoë 👩‍👩‍👧 دانة 한 ~ Jo (+49 151)'],
])('%j', (text, want) => {
  expect(shown(text)).toBe(want);
});

test('several lines stay several lines', () => {
  expect(shownLines('a\u001b\nb\r')).toBe('a\\u001b\nb\\u000d');
});
