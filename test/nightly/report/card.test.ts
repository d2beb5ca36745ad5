/** What stands in a report card, that text stays text, and who can read the file. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardName, curveName, writeReportCard, type CardOptions } from '../../../src/nightly/report/card.ts';
import { updateQuizSection } from '../../../src/nightly/report/quiz-section.ts';
import type { JudgedNight } from '../../../src/nightly/findings.ts';
import { costs, message, night, report, sample } from './night.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'persona-card-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (name = cardName): string => readFileSync(join(folder, name), 'utf8');
function cardOf(fields: Partial<JudgedNight> = {}, options: CardOptions = {}): string {
  writeReportCard(folder, night(fields), { costs, ...options });
  return read();
}

describe('writeReportCard', () => {
  test('files of this user alone, and figures without text', () => {
    const figures = writeReportCard(folder, night(), { costs });
    for (const name of [cardName, curveName]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(figures)).not.toContain('almost');
    expect(JSON.stringify(figures)).not.toContain('home');
  });

  test('says verdict, data, models with intervals, manner, checks and speed', () => {
    const card = cardOf({}, { people: 2, tokens: 31_415 });
    expect(card).toContain('# Report card of run 2026-11-02T03-00-00Z');
    expect(card).toContain('**Promoted.**');
    expect(card).toContain('| to learn from | 10 | 2,400 | 1,200 | 36,000 |');
    expect(card).toContain('2 people, 31,415 tokens to learn from.');
    expect(card).toContain(
      'Left out: messages without consent, or whose consent was withdrawn (3); conversations that are there twice (1)',
    );
    expect(card).toMatch(/\| \*\*this run\*\* \| 1\.800 \(1\.800 to 1\.800\) \|/);
    expect(card).toMatch(/\| the model that served \| 2\.000 .*\| -10\.0 % \(-10\.0 % to -10\.0 %\) \|/);
    expect(card).not.toContain('byte 5-gram of');
    expect(card).toContain('gentle 3.210, strong 3.100 (taken)');
    expect(card).toContain('![Loss over the steps of training](curve.svg)');
    expect(card).toContain('12 pairs are too few');
    expect(card).toContain('| replies that repeat themselves | 3.0 % |');
    expect(card).toContain('900 tokens a second');
    expect(card).toContain('Nobody has tried yet');
  });

  test('a model that is kept back, with its reasons', () => {
    const card = cardOf({
      verdict: 'kept',
      reason: 'it is worse',
      report: {
        ...report,
        gate: { ...report.gate, failed: ['it repeats itself', 'it copies'], notes: ['few people'] },
      },
    });
    expect(card).toContain('**Not promoted; the model that served stays.** It is worse.');
    expect(card).toContain('- It repeats itself.\n- It copies.\n- Few people.\n');
  });

  test('nothing held out, nothing sampled', () => {
    const bare = { ...report, gate: { ...report.gate, samples: null, contributors: [] } };
    const card = cardOf({ samples: [], report: bare, curve: [] }, { costs: [] });
    expect(card).toContain('Nothing is held out yet');
    expect(card).toContain('Nothing was sampled to compare');
    expect(read(curveName)).toContain('nothing was trained');
  });

  test('ten exchanges, the real reply beside the sampled one', () => {
    const card = cardOf();
    expect(card).toContain('> **other**: are you home?');
    expect(card).toContain('| not yet<br>ten minutes | almost 0 |');
    expect(card).toContain('### 10');
    expect(card).not.toContain('### 11');
    expect(cardOf({ samples: [sample({ sampled: [] })] })).toContain('| not yet<br>ten minutes | *silence* |');
  });

  test('or none, where others would read it', () => {
    const card = cardOf({}, { withExchanges: false });
    expect(card).toContain('Withheld');
    expect(card).not.toContain('almost');
    expect(card).not.toContain('are you home');
  });

  test('what people wrote is never markup', () => {
    const evil = '# x | <img src=x> **b** [a](http://b) www.c.com `c` ~~d~~ &lt; \n\n- e\\';
    const card = cardOf({ samples: [sample({ context: [message(evil)], real: [evil], sampled: [evil] })] });
    const [, exchanges = ''] = card.split('## Sampled beside real');
    expect(exchanges).not.toMatch(/<(?!br>|!--)/);
    expect(exchanges).not.toMatch(/(?<!\\)(?:\[a\]|`c`|~~d)/);
    expect(exchanges).not.toMatch(/:\/\/|www\./);
    expect(exchanges).toContain('# x \\| &lt;img src=x\\> \\*\\*b');
    const row = exchanges.split('\n').filter((line) => line.startsWith('| #'));
    expect(row).toHaveLength(1);
    expect(row[0]?.match(/(?<!\\)\|/g)).toHaveLength(3);
  });

  test('numbers and addresses are placeholders', () => {
    const [number, mail] = ['+44 20 7946 0958', 'jo.smith@example.com'];
    const text = `call ${number} or ${mail}`;
    const card = cardOf({ samples: [sample({ context: [message(text)], real: [text], sampled: [text] })] });
    expect(card).not.toContain('7946');
    expect(card).not.toContain('smith');
    expect(card).toContain('\\[phone\\]');
    expect(card).toContain('\\[email\\]');
  });

  test('a real reply with a placeholder is no evidence of manner', () => {
    const odd = sample({ real: ['call +44 20 7946 0958'] });
    const figures = writeReportCard(folder, night({ samples: [sample(), odd] }), { costs });
    expect(figures.manner).toMatchObject({ pairs: 1, leftOut: 1 });
  });

  test('feedback: what came in, and what of it is learned', () => {
    const since = { corrections: 4, again: 1, liked: 5, disliked: 2, other: 0, newestRowId: 90 };
    const card = cardOf({}, { feedback: { since, corrections: { learned: 3, heldOut: 0, beyondCap: 1 } } });
    expect(card).toContain('4 corrections (`!no`), 1 reply asked for again');
    expect(card).toContain('3 learned, each in the place of the reply it corrects, 1 beyond the cap of one chat');
  });
});

describe('the blind quiz in a card', () => {
  test('is replaced, again and again, and the rest stays', () => {
    const before = cardOf();
    updateQuizSection(join(folder, cardName), { answers: 10, fooled: 4 });
    expect(read()).toContain('Fooling rate 40 % (17 to 69 %): in 4 of 10 questions');
    updateQuizSection(join(folder, cardName), { answers: 20, fooled: 10 });
    expect(read()).toContain('Fooling rate 50 % (30 to 70 %): in 10 of 20 questions');
    expect(read()).not.toContain('of 10 questions');
    const without = (card: string): string => card.replace(/<!-- quiz -->[\s\S]*<!-- end of quiz -->/, '');
    expect(without(read())).toBe(without(before));
  });

  test('a card that is gone stays gone', () => {
    const gone = join(folder, 'gone.md');
    updateQuizSection(gone, { answers: 1, fooled: 0 });
    expect(() => statSync(gone)).toThrow('ENOENT');
  });
});
