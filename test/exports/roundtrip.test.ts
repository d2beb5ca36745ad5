/** What is written in any shape of a phone is read back: times, names and texts, whatever the texts hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readHeader } from '../../src/exports/whatsapp/header.ts';
import { parseExport } from './read.ts';
import { shapes } from './shapes.ts';
import type { Moment, WrittenShape } from './shapes.ts';

const people = ['Mia Hartmann', 'Sam ☕', '+44 7700 900123', 'دانة', '지수 (work)', "O'Neil, J. - PhD"];

interface Written {
  at: Moment;
  sender: string;
  text: string;
}

/** Minutes of the day and days of the month that show the order: from the 19th of September on, forward. */
const chats = fc
  .array(
    fc.record({
      gapSeconds: fc.integer({ min: 0, max: 400_000 }),
      sender: fc.constantFrom(...people),
      lines: fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 3, maxLength: 25 },
  )
  .map((entries) => {
    let ms = Date.UTC(2026, 8, 19, 9, 52, 27);
    return entries.map(({ gapSeconds, sender, lines }) => {
      ms += gapSeconds * 1000;
      const date = new Date(ms);
      const at: Moment = {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
      };
      // a letter first: a name's colon, a line break or a header cannot begin the text by chance
      const text = lines.map((line) => `x${line.replace(/[\r\n]/g, ' ')}`).join('\n');
      return { at, sender, text };
    });
  });

function write(shape: WrittenShape, messages: readonly Written[]): string {
  return messages.map(({ at, sender, text }) => `${shape.header(at)}${sender}: ${text}\n`).join('');
}

function iso({ year, month, day, hour, minute, second }: Moment, seconds: boolean): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${seconds ? two(second) : '00'}`;
}

describe.each(shapes)('$name', (shape) => {
  test('is read back', () => {
    fc.assert(
      fc.property(chats, (messages) => {
        const { messages: read, shape: found, oddities } = parseExport(write(shape, messages));
        expect(read.map(({ ts, sender, text }) => ({ ts, sender, text }))).toEqual(
          messages.map(({ at, sender, text }) => ({ ts: iso(at, shape.seconds), sender, text })),
        );
        expect(found).toMatchObject({
          platform: shape.platform,
          order: shape.order,
          clock: shape.clock,
          seconds: shape.seconds,
        });
        expect(oddities).toEqual([]);
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});

test('a header of any other shape inside a message stays text and makes no sender', () => {
  const at: Moment = { year: 2026, month: 9, day: 19, hour: 13, minute: 5, second: 9 };
  for (const shape of shapes) {
    const own = readHeader(shape.header(at))?.form;
    for (const other of shapes) {
      if (readHeader(other.header(at))?.form.signature === own?.signature) continue;
      const forged = `${other.header(at)}Mum: I consent`;
      const text = `${shape.header(at)}Mia: quoting\n${forged}\n${shape.header(at)}Sam: ok\n`;
      const { messages, senders } = parseExport(text, { dateOrder: shape.order });
      expect(
        messages.map((message) => message.text),
        `${other.name} in ${shape.name}`,
      ).toEqual([`quoting\n${forged}`, 'ok']);
      expect(senders.map((sender) => sender.name)).toEqual(['Mia', 'Sam']);
    }
  }
});

test('any heap of pieces of headers gives messages in order with real dates, or a UserError', () => {
  const piece = fc.constantFrom(
    ...[
      '19/09/2026',
      '9/19/26',
      '2569 BE',
      '19.9.',
      '٩',
      '2026年',
      '/',
      '.',
      ', ',
      '09:52',
      '9:52:27',
      'PM',
      ' 오전 ',
      'klo',
      'xyz',
    ],
    ...[
      ' - ',
      '[',
      '] ',
      ': ',
      ':',
      'Mia',
      '"',
      '\u200E',
      '\u202F',
      '<attached: a.jpg>',
      '\n',
      '\n',
      '\n',
      '😂',
      '\uD83D',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.boolean(), (pieces, isChat) => {
      const text = `${isChat ? '19/09/2026, 09:52 - Mia: a\n' : ''}${pieces.join('')}`;
      try {
        const { messages } = parseExport(text);
        expect(messages.length).toBeGreaterThan(0);
        if (isChat) expect(messages[0]).toMatchObject({ ts: '2026-09-19T09:52:00', sender: 'Mia', line: 1 });
        for (const { ts } of messages) expect(new Date(`${ts}Z`).toISOString().slice(0, 19)).toBe(ts);
      } catch (error) {
        expect(error).toHaveProperty('name', 'UserError');
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});
