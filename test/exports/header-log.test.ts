/** What the opening pass notes of headers: the same as scanning again finds, and dropped where it would be too much. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHeaderLog, mostRuns, type HeaderLog } from '../../src/exports/whatsapp/header-log.ts';
import { linesOfPieces } from '../../src/exports/whatsapp/lines.ts';
import { createHeaderScanner, type HeaderScanner } from '../../src/exports/whatsapp/scanner.ts';
import { parseExport } from './read.ts';

const folder = join(import.meta.dirname, 'fixtures');
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

/** The headers that a scanner finds in the lines of a text: line, what it says of them, and what `see` does with each. */
function headersOf(text: string, scanner: HeaderScanner, see?: HeaderLog): unknown[] {
  const lines = linesOfPieces([Buffer.from(text)], 'the export');
  const found: unknown[] = [];
  while (lines.next()) {
    const form = scanner.scan(lines);
    if (form === undefined) continue;
    const name = found.length % 128;
    see?.add(lines, form, name);
    const values = [...scanner.values.slice(0, form.seconds ? 6 : 5)];
    found.push([lines.number, form, values, [...scanner.digits], scanner.end, see === undefined ? scanner.name : name]);
  }
  return found;
}

/** Headers whose numbers are written with more digits and with fewer, each one another date. */
const changing = Array.from(
  { length: 400 },
  (_, i) => `${(i % 28) + 1}/${(i % 12) + 1}/2025, ${i % 24}:${String(i % 60).padStart(2, '0')} - Mia: a\nb\n`,
).join('');

describe('the log', () => {
  test.each([...files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]), ['changing', changing]])(
    '%s: the same headers again, twice',
    (_name, text) => {
      const scanner = createHeaderScanner();
      const log = createHeaderLog(scanner);
      const found = headersOf(text, scanner, log);
      for (let i = 0; i < 2; i++) expect(headersOf(text, log.replay()!)).toEqual(found);
    },
  );

  test.each([
    [{ mostHeaders: 399, mostRuns: 1000 }, false],
    [{ mostHeaders: 400, mostRuns: 1000 }, true],
    [{ mostHeaders: 1000, mostRuns: 399 }, false],
    [{ mostHeaders: 1000, mostRuns: 400 }, true],
  ])('%j', (limits, isKept) => {
    const scanner = createHeaderScanner();
    const log = createHeaderLog(scanner, limits);
    headersOf(changing, scanner, log);
    expect(log.replay() !== undefined).toBe(isKept);
  });
});

test('a file with too many headers for a log is read like any other', () => {
  const one = (i: number): string => `1${i % 2}/${i % 2 ? 10 : 9}/2025, 21:07 - ${i % 3 ? 'Mia' : 'Sam'}: ${i}\n`;
  const first = '13/9/2025, 21:07 - Mia: hello\n';
  const text = first + Array.from({ length: mostRuns + 10 }, (_, i) => one(i)).join('');
  const { messages } = parseExport(text);
  expect(messages).toHaveLength(mostRuns + 11);
  expect(messages.at(-1)).toEqual({
    ts: mostRuns % 2 ? '2025-09-10T21:07:00' : '2025-10-11T21:07:00',
    sender: (mostRuns + 9) % 3 ? 'Mia' : 'Sam',
    text: String(mostRuns + 9),
    kind: 'text',
    media: null,
    line: mostRuns + 11,
  });
});
