/** A report card shows nothing that was deleted, edited or sealed since. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cardName, writeReportCard } from '../../../src/nightly/report/card.ts';
import { withholdStale } from '../../../src/nightly/report/exchanges.ts';
import type { ConversationMessage } from '../../../src/types.ts';
import { costs, message, night, sample } from './night.ts';

let modelsDir: string;
let rows: Map<number, ConversationMessage>;
const cardOf = (run: string): string => join(modelsDir, 'runs', run, cardName);
const read = (run = 'one'): string => readFileSync(cardOf(run), 'utf8');
const look = (): string[] =>
  withholdStale(modelsDir, cardName, (rowIds) => rowIds.flatMap((rowId) => rows.get(rowId) ?? []));

beforeEach(() => {
  modelsDir = mkdtempSync(join(tmpdir(), 'persona-exchanges-'));
  const said = [
    message('are you home?', { rowId: 5 }),
    message('not yet', { rowId: 7, isPersona: true, personId: 1 }),
    message('', { rowId: 8, isPersona: true, personId: 1, media: 'image' }),
    message('ten minutes', { rowId: 9, isPersona: true, personId: 1 }),
    message('in another run', { rowId: 20 }),
  ];
  rows = new Map(said.map((each) => [each.rowId, each]));
  const first = sample({ context: [said[0]!], realRowIds: [7, 8, 9] });
  for (const [run, samples] of Object.entries({
    one: [first],
    two: [sample({ context: [said[4]!], realRowIds: [7], real: ['not yet'] })],
  })) {
    mkdirSync(join(modelsDir, 'runs', run), { recursive: true });
    writeReportCard(join(modelsDir, 'runs', run), night({ samples }), { costs });
  }
});
afterEach(() => rmSync(modelsDir, { recursive: true }));

describe('withholdStale', () => {
  test('all as it was: nothing changes', () => {
    const before = read();
    expect(look()).toEqual([]);
    expect(read()).toBe(before);
  });

  test.each([
    ['deleted', () => rows.delete(5)],
    ['edited', () => rows.set(9, { ...rows.get(9)!, text: 'never' })],
  ])('a message was %s: its card keeps the figures and loses the words', (_, change) => {
    change();
    expect(look()).toEqual(['one']);
    expect(read()).not.toMatch(/home|not yet|ten minutes|almost/);
    expect(read()).toContain('Withheld: a message in it was deleted, edited or taken back since.');
    expect(read()).toContain('**Promoted.**');
    expect(read()).toContain('## Blind quiz');
    expect(statSync(cardOf('one')).mode & 0o777).toBe(0o600);
    expect(read('two')).toContain('in another run');
    expect(look()).toEqual([]);
  });

  test('one message in two cards', () => {
    rows.delete(7);
    expect(look().sort()).toEqual(['one', 'two']);
  });

  test('no runs yet', () => {
    expect(withholdStale(join(modelsDir, 'none'), cardName, () => [])).toEqual([]);
  });
});
