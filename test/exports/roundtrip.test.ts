/** What is written in any shape of a phone is read back: times, names and texts, whatever the texts hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readHeader } from '../../src/exports/whatsapp/header.ts';
import { chats, momentOf, writeChat } from './chats.ts';
import { parseExport } from './read.ts';
import type { WholeExport } from './read.ts';
import { shapes } from './shapes.ts';
import type { Moment } from './shapes.ts';

const read = ({ messages }: WholeExport): unknown[] => messages.map(({ ts, sender, text }) => ({ ts, sender, text }));

describe.each(shapes)('$name', (shape) => {
  test('is read back', () => {
    fc.assert(
      fc.property(chats, (messages) => {
        const { file, truth } = writeChat(messages, (at) => shape.header(momentOf(at)), shape.seconds);
        const found = parseExport(file);
        expect(read(found)).toEqual(truth);
        expect(found.shape).toMatchObject({
          platform: shape.platform,
          order: shape.order,
          clock: shape.clock,
          seconds: shape.seconds,
        });
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});

test('a name with a colon is known by its other messages', () => {
  fc.assert(
    fc.property(fc.constantFrom(...shapes), chats, (shape, messages) => {
      const named = messages.map((message) => ({ ...message, sender: 'Dr: Who' }));
      const { file, truth } = writeChat(named, (at) => shape.header(momentOf(at)), shape.seconds);
      expect(read(parseExport(file, { dateOrder: shape.order }))).toEqual(truth);
    }),
    { numRuns: 60, seed: 1 },
  );
});

test('the worst lines cost no more than their length', () => {
  const worst = [
    '1/'.repeat(50_000),
    '1 '.repeat(50_000),
    `19/09/2026, 09:52 ${'p. '.repeat(33_000)}`,
    `19/09/2026, 09:52 - ${'a'.repeat(100_000)}`,
    `19/09/2026, 09:52 - ${'"'.repeat(100_000)}: x`,
    `19/09/2026, 09:52 - ${': '.repeat(50_000)}`,
    `19/09/2026, 09:52 - Mia: ${'<'.repeat(100_000)}>`,
    `19/09/2026, 09:52 - Mia: ${'\u200E'.repeat(100_000)}`,
    `19/09/2026, 09:52 - Mia: ${'(1 '.repeat(33_000)})`,
    `19/09/2026, 09:52 - Mia: a.${'pdf • '.repeat(16_000)}omitted`,
    `19/09/2026, 09:52 - Mia: https://maps.google.com/?q=1${'1'.repeat(100_000)},1`,
    `[19/09/2026, 09:52:00] Mia: ${' . '.repeat(33_000)}`,
    `[19/09/2026, 09:52:00] Mia: ${'e\u0301'.repeat(50_000)}`,
  ];
  for (const line of worst) {
    const begin = performance.now();
    // a real message before it; what the line itself becomes is no matter here
    const above = line.startsWith('[') ? '[19/09/2026, 09:51:00] Mia: a' : '19/09/2026, 09:51 - Mia: a';
    try {
      expect(parseExport(`${above}\n${line}\n`).messages.length).toBeGreaterThan(0);
    } catch (error) {
      expect(error).toHaveProperty('name', 'UserError'); // too long for a message
    }
    // milliseconds where the machine is idle; what grows with the square of the length takes minutes
    expect(performance.now() - begin).toBeLessThan(5000);
  }
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
