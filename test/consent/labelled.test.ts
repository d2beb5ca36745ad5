/**
 * Redaction held to the labelled set, which was written apart from the rules (labelled/README.md): nearly every phone
 * number, e-mail address, IBAN and card is found, and hardly a clean line changes. Names without configuration and addresses
 * are best effort: counted and printed, not held to a figure.
 */
import { expect, test } from 'vitest';
import { defaultRegions, redactSpans } from '../../src/consent/redact.ts';
import { measure, readCases, regionOf, tableOf } from './labelled/measure.ts';

const measured = measure(readCases(), ({ text, locale, names }) =>
  redactSpans(text, { regions: [...new Set([...defaultRegions, regionOf[locale]!])], ...(names && { names }) }),
);
const overall = measured.rows.filter(({ locale }) => locale === 'all');

test('prints its table', () => {
  const rows = tableOf(measured);
  const columns = Object.keys(rows[0]!);
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]!))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const text = lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')).join('\n');
  process.stdout.write(`redaction, found / labelled:\n${text}\n`);
  expect(rows).toHaveLength(Object.keys(regionOf).length + 1);
});

test.each(['phone', 'email', 'iban', 'card'])('%s: at least 99 of 100 are found', (kind) => {
  const { cases, found } = overall.find((row) => row.kind === kind)!;
  expect(found / cases).toBeGreaterThanOrEqual(0.99);
});

test('at most 5 % of the clean lines change', () => {
  const { lines, changed } = measured.clean.find(({ locale }) => locale === 'all')!;
  expect(changed / lines).toBeLessThanOrEqual(0.05);
});

test('at least 95 % of what is found has the token of its kind', () => {
  const found = overall.reduce((sum, row) => sum + row.found, 0);
  const right = overall.reduce((sum, row) => sum + row.rightToken, 0);
  expect(right / found).toBeGreaterThanOrEqual(0.95);
});

test('what stands beside a secret is kept', () => {
  expect(measured.takenBeside).toBeLessThanOrEqual(0.05);
});
