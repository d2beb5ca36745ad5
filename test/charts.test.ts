/** Charts line up in any terminal, show colour only where it is wanted, and let nothing through that a name may hide. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bars, blocks, columns, displayWidth, label, paint, percent, table, terminalStyle } from '../scripts/charts.ts';

const plain = { width: 80, color: false };

describe('style', () => {
  test('colour on a terminal only, and not with NO_COLOR or a dumb terminal', () => {
    const terminal = { isTTY: true, columns: 120 };
    expect(terminalStyle(terminal, {})).toEqual({ width: 110, color: true });
    expect(terminalStyle(terminal, { NO_COLOR: '' }).color).toBe(true);
    expect(terminalStyle(terminal, { NO_COLOR: '1' }).color).toBe(false);
    expect(terminalStyle(terminal, { TERM: 'dumb' }).color).toBe(false);
    expect(terminalStyle({}, {})).toEqual({ width: 80, color: false });
    expect(terminalStyle({ isTTY: true, columns: 10 }, {}).width).toBe(40);
  });

  test('colours take no columns', () => {
    const text = paint('x', 'bold', { width: 80, color: true });
    expect(text).toBe('\u001b[1mx\u001b[22m');
    expect(displayWidth(text)).toBe(1);
    expect(paint('x', 'bold', plain)).toBe('x');
  });
});

test('width in columns of a terminal', () => {
  expect(['abc', 'é', 'e\u0301', '日本', 'ｆ', '😀', '👩‍👩‍👧', '❤️', '🇩🇪', 'שָׁלוֹם', ''].map(displayWidth)).toEqual([
    3, 1, 1, 4, 2, 2, 2, 2, 2, 4, 0,
  ]);
});

test('a name is one line without control or direction characters, cut where it is long', () => {
  expect(label('Ada\n\u001b[31m\u202eevil', 20)).toBe('Ada[31mevil');
  expect(label('abcdefgh', 5)).toBe('abcd…');
  expect(label('日本語日本語', 6)).toBe('日本…');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (text, width) => {
      const shown = label(text, width);
      expect(displayWidth(shown)).toBeLessThanOrEqual(width);
      expect(shown).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test('percent: what is not nothing is never 0 %', () => {
  expect([0, 0.001, 0.005, 0.414, 1].map(percent)).toEqual(['0 %', '<1 %', '1 %', '41 %', '100 %']);
});

describe('charts', () => {
  test('bars: to one scale, notes in columns', () => {
    expect(
      bars(
        [
          { label: 'Ada', value: 4, notes: ['4', '67 %'] },
          { label: 'Ben 😀', value: 2, notes: ['12', '33 %'] },
          { label: '日本', value: 0, notes: [] },
        ],
        { width: 40, color: false },
      ),
    ).toEqual(['  Ada     ████████████████████   4  67 %', '  Ben 😀  ██████████            12  33 %', '  日本']);
    expect(bars([], plain)).toEqual([]);
  });

  test('blocks in eighths; the least is seen', () => {
    expect([0, 0.001, 0.5, 0.55, 1].map((share) => blocks(share, 2))).toEqual(['', '▏', '█', '█▏', '██']);
  });

  test('columns: upright, with a scale', () => {
    expect(columns([0, 1, 4, 2], ['a', '', 'c', ''], { height: 2, columnWidth: 2 }, plain)).toEqual([
      '  4     █',
      '  0   ▄ █ █',
      '    a   c',
    ]);
    expect(columns([0, 0], ['', ''], { height: 1, columnWidth: 2 }, plain)[0]).toBe('  0');
  });

  test('tables: names to the left, numbers to the right', () => {
    expect(
      table(
        ['', 'n'],
        [
          ['Ada', '1,200'],
          ['日本', '7'],
        ],
        plain,
      ),
    ).toEqual(['             n', '  Ada    1,200', '  日本       7']);
  });

  test('tables: a long name makes room for numbers', () => {
    const cells = ['A name that is long', '1,200,300', '100,200,300'];
    expect(table(['', 'n', 'm'], [cells], { width: 40, color: false })[1]).toBe(
      '  A name that i…  1,200,300  100,200,300',
    );
  });

  test('nothing is wider than the terminal, and everything lines up', () => {
    const row = fc.record({ label: fc.string({ unit: 'grapheme', maxLength: 30 }), value: fc.nat(1e6) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ min: 40, max: 110 }), (rows, width) => {
        const lines = bars(
          rows.map((each) => ({ ...each, notes: [String(each.value)] })),
          { width, color: false },
        );
        expect(new Set(lines.map(displayWidth)).size).toBeLessThanOrEqual(1);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
