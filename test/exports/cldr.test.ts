/** Every shape that CLDR implies is read right or refused with line and remedy, never read wrong. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { lookUpWord, hour24 } from '../../src/exports/whatsapp/words.ts';
import { UserError } from '../../src/util/errors.ts';
import { chats, writeChat } from './chats.ts';
import { cldrShapes, locales, readCalendars } from './cldr-shapes.ts';
import type { CldrShape } from './cldr-shapes.ts';
import { parseExport } from './read.ts';
import type { WholeExport } from './read.ts';

const hasAllLocales = new Intl.DateTimeFormat('ko').resolvedOptions().locale === 'ko';

/** Every hour of a day, from the 13th of August to the end of September: days that are no months, and time runs forward. */
const clear = Array.from({ length: 24 }, (_, i) => {
  return new Date(Date.UTC(2026, 7, 13 + Math.floor(i * 1.9), i, (i * 7) % 60, (i * 11) % 60));
});
/** Days that may be months, and the other way round. */
const open = [new Date(Date.UTC(2026, 3, 5, 9, 4, 5)), new Date(Date.UTC(2026, 3, 6, 13, 4, 5))];

function write({ header }: CldrShape, moments: readonly Date[]): string {
  return moments.map((at, i) => `${header(at)}${i % 2 ? 'Sam' : 'Mia'}: hi ${i}\n`).join('');
}

function parsed(text: string, options = {}): WholeExport | UserError {
  try {
    return parseExport(text, options);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** What is written, as it is to be read. */
function truth({ seconds }: CldrShape, moments: readonly Date[]): string[] {
  return moments.map((at, i) => `${at.toISOString().slice(0, seconds ? 19 : 16)}${seconds ? '' : ':00'} hi ${i}`);
}

const said = ({ messages }: WholeExport): string[] => messages.map(({ ts, text }) => `${ts} ${text}`);

/** The ways in which programs between phone and import change a file, one after the other. */
const changes: readonly ((text: string) => string)[] = [
  (text) => text.replaceAll('\n', '\r\n'),
  (text) => `\uFEFF${text.replaceAll('\n', '\r\n')}`,
  (text) => text.replaceAll('\u202F', ' '),
  (text) => text.replaceAll('\u202F', '\u00A0'),
  (text) => text.replace(/ (?=\p{L})/gu, '\u202F'),
  (text) => text.replace(/^/gm, '\u200E').slice(0, -1),
  (text) => text.replace(/^(?=.)/gm, '\u200F'),
  (text) => text.replace(/[\u200E\u200F\u061C]/g, ''),
];

describe.runIf(hasAllLocales)('shapes of CLDR', () => {
  let shapes: CldrShape[] = [];
  let right: CldrShape[] = [];

  beforeAll(() => {
    shapes = cldrShapes();
  });

  test('are many', () => {
    expect(shapes.length).toBeGreaterThan(1000);
    expect(shapes.filter(({ platform }) => platform === 'ios').length).toBeGreaterThan(400);
  });

  test('are read right, or refused with line and remedy', () => {
    const wrong: string[] = [];
    const refused: CldrShape[] = [];
    for (const shape of shapes) {
      const found = parsed(write(shape, clear));
      if (found instanceof UserError) {
        refused.push(shape);
        if (!/^the export, line \d+: \S/.test(found.message) || found.hint === '') wrong.push(found.message);
      } else if (said(found).join('\n') !== truth(shape, clear).join('\n')) wrong.push(shape.name);
    }
    expect(wrong).toEqual([]);
    right = shapes.filter((shape) => !refused.includes(shape));
    const readable = shapes.filter(({ calendar, order }) => readCalendars.has(calendar) && order !== null);
    expect(right.length).toBeGreaterThan(1000);
    expect(right.length).toBeGreaterThan(0.93 * readable.length);
    // the languages that WhatsApp is translated into are never refused where the calendar is Gregorian
    const ours = new Set(translated);
    const unread = refused.filter(({ locale, calendar }) => calendar === 'gregory' && ours.has(locale));
    expect(unread.map(({ name }) => name).filter((name) => !name.includes('parts of the day'))).toEqual([]);
  });

  test('no other calendar is taken for one that is read', () => {
    expect(right.filter(({ calendar }) => !readCalendars.has(calendar)).map(({ name }) => name)).toEqual([]);
  });

  test('are read right after the changes that programs make on the way', () => {
    const wrong: string[] = [];
    for (const [i, shape] of right.entries()) {
      const found = parsed((changes[i % changes.length] ?? String)(write(shape, clear)));
      if (found instanceof UserError || said(found).join('\n') !== truth(shape, clear).join('\n'))
        wrong.push(shape.name);
    }
    expect(wrong).toEqual([]);
  });

  test('are read back whatever names and texts hold', () => {
    const some = right.filter((_, i) => i % 20 === 0);
    expect(some.length).toBeGreaterThan(60);
    for (const { header, seconds, order, name } of some) {
      fc.assert(
        fc.property(chats, (messages) => {
          const { file, truth: wanted } = writeChat(messages, header, seconds);
          const { messages: found } = parseExport(file, { dateOrder: order ?? undefined });
          expect(
            found.map(({ ts, sender, text }) => ({ ts, sender, text })),
            name,
          ).toEqual(wanted);
        }),
        { numRuns: 3, seed: 1 },
      );
    }
  });

  test('with dates that may be read in two orders are refused by the option to give, and read with it', () => {
    const wrong: string[] = [];
    for (const shape of right) {
      const text = write(shape, open);
      const found = parsed(text);
      const isRight = (file: WholeExport | UserError): boolean =>
        !(file instanceof UserError) && said(file).join('\n') === truth(shape, open).join('\n');
      const isRefused = found instanceof UserError && found.hint.includes(`--date-order`) && shape.order !== 'ymd';
      const isFirstYear = found instanceof UserError && found.hint.includes('ymd');
      if (!isRight(found) && !isRefused && !isFirstYear) wrong.push(`${shape.name} without`);
      if (shape.order !== null && !isRight(parsed(text, { dateOrder: shape.order }))) wrong.push(`${shape.name} with`);
    }
    expect(wrong).toEqual([]);
  });
});

/** Languages of WhatsApp's own list on Android and iOS. */
const translated = (
  'af sq ar az bn bg ca zh zh-HK zh-TW hr cs da nl en en-US en-IN et fil fi fr de el gu he hi hu id ga it ja kn kk ko lo lv ' +
  'lt mk ms ml mr nb fa pl pt ro ru sr sk sl es sw sv ta te th tr uk ur uz vi'
).split(' ');

test.runIf(hasAllLocales)('no day period of CLDR stands for another hour', () => {
  const wrong: string[] = [];
  let known = 0;
  let all = 0;
  for (const locale of locales) {
    for (const dayPeriod of [undefined, 'short', 'long'] as const) {
      const format = new Intl.DateTimeFormat(locale, { hour: 'numeric', hour12: true, dayPeriod, timeZone: 'UTC' });
      for (let hour = 0; hour < 24; hour++) {
        const parts = format.formatToParts(new Date(Date.UTC(2026, 8, 19, hour)));
        const word = parts.find(({ type }) => type === 'dayPeriod')?.value;
        if (word === undefined) continue;
        all++;
        const found = lookUpWord(word, false);
        if (found?.role === 'P') known++;
        // Inari Sami writes ip for the morning, Finnish for the afternoon; its afternoon is unknown, so its files are refused
        if (found?.role !== 'P' || locale === 'smn') continue;
        if (hour24(hour % 12 || 12, found.period ?? null) !== hour) wrong.push(`${locale} ${hour} ${word}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(known).toBeGreaterThan(0.95 * all);
});
