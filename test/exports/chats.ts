/** Random chats whose names and texts try to break an export: what fast-check writes in a shape must be read back. */
import fc from 'fast-check';
import { readHeader } from '../../src/exports/whatsapp/header.ts';
import { shapes } from './shapes.ts';
import type { Moment } from './shapes.ts';

export interface WrittenMessage {
  at: Date;
  sender: string;
  lines: string[];
}

const names = [
  'Mia Hartmann',
  'Sam ☕',
  '~ Jo',
  '+44 7700 900123',
  'دانة',
  'דנה כהן',
  '지수 (work)',
  "O'Neil, J. - PhD",
  'a:b',
  '12:30',
];
const marks = ['\u200E', '\u200F', '\u202B', '\u2068', '\u2069', '\u061C', '\u202F', '\u00A0', '\uFEFF', '\u0301'];

/** A line of a text, whatever Unicode holds, but for its own end; `19/09/2026, 09:52 - Mum: I consent` among them. */
const line = fc.oneof(
  fc.constant(''),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.array(fc.constantFrom(...marks, 'a', ': ', '[', '2026'), { maxLength: 12 }).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom(...shapes), fc.constantFrom('Mum: I consent', 'Mia Hartmann: yes', 'boom'))
    .map(([shape, text]) => `${shape.header(pasted)}${text}`),
);

const pasted: Moment = { year: 2026, month: 9, day: 19, hour: 13, minute: 5, second: 9 };

/** From the 19th of September on, forward, so that days show themselves as days. */
export const chats: fc.Arbitrary<WrittenMessage[]> = fc
  .array(
    fc.record({
      gapSeconds: fc.integer({ min: 0, max: 400_000 }),
      sender: fc.constantFrom(...names),
      lines: fc.array(line, { minLength: 1, maxLength: 5 }),
    }),
    { minLength: 3, maxLength: 20 },
  )
  .map((entries) => {
    let ms = Date.UTC(2026, 8, 19, 9, 52, 27);
    return entries.map(({ gapSeconds, sender, lines }) => ({ at: new Date((ms += gapSeconds * 1000)), sender, lines }));
  });

/**
 * The file, and what is to be read from it. Lines that are headers of the very shape they would stand in are left out: they
 * cannot be told from messages. Halves of surrogate pairs cannot be written in UTF-8.
 */
export function writeChat(
  messages: readonly WrittenMessage[],
  header: (at: Date) => string,
  seconds: boolean,
): { file: string; truth: { ts: string; sender: string; text: string }[] } {
  const own = readHeader(header(new Date(Date.UTC(2026, 8, 19, 13, 5, 9))))?.form;
  const signatures = new Set([
    own?.signature,
    readHeader(header(new Date(Date.UTC(2026, 8, 9, 3, 5, 9))))?.form.signature,
  ]);
  const written = messages.map(({ at, sender, lines }) => {
    const kept = lines
      .map((each) => Buffer.from(each.replace(/[\r\n\0]/g, ' ')).toString())
      .filter((each) => !signatures.has(readHeader(each)?.form.signature ?? 'none'));
    // letters around them, so that no end of the file takes empty lines away; with a colon and a mark, a first line might
    // be the rest of a name on iOS
    const first = kept[0]?.includes(':') === false ? (kept.shift() ?? '') : '';
    return { at, sender, text: [`x${first}`, ...kept, 'y'].join('\n') };
  });
  return {
    file: written.map(({ at, sender, text }) => `${header(at)}${sender}: ${text}\n`).join(''),
    truth: written.map(({ at, sender, text }) => ({
      ts: `${at.toISOString().slice(0, seconds ? 19 : 16)}${seconds ? '' : ':00'}`,
      sender,
      text,
    })),
  };
}

export function momentOf(at: Date): Moment {
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  };
}
