/** The 36 exports of test/exports/fixtures: 34 with the expected messages, two by judgement. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseExport, readExport } from './read.ts';

interface Expected {
  platform: 'android' | 'ios' | 'ios_legacy';
  messages: { ts: string; sender: string | null; text: string; kind: string }[];
}

const folder = join(import.meta.dirname, 'fixtures');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

test('there are 36 exports, 34 of them with expectations', () => {
  expect(files).toHaveLength(36);
  expect(files.filter((file) => file in expected)).toHaveLength(34);
});

describe.each(Object.keys(expected))('%s', (file) => {
  const want = expected[file] as Expected;

  test('gives the expected messages', async () => {
    const { messages, shape, oddities } = await readExport(join(folder, file));
    expect(messages.map(({ ts, sender, text, kind }) => ({ ts, sender, text, kind }))).toEqual(want.messages);
    expect(shape?.platform).toBe(want.platform === 'ios_legacy' ? 'legacy-ios' : want.platform);
    expect(oddities).toEqual([]);
  });
});

describe.each(files)('%s', (file) => {
  test('says the same with LF, CRLF and a byte order mark, as text and as bytes', async () => {
    const text = readFileSync(join(folder, file), 'utf8');
    const plain = await readExport(join(folder, file));
    expect(plain.messages.every(({ line }, i, all) => line > (all[i - 1]?.line ?? 0))).toBe(true);
    expect(parseExport(text)).toEqual(plain);
    expect(parseExport(text.replaceAll('\n', '\r\n'))).toEqual(plain);
    expect(parseExport(`\uFEFF${text.replaceAll('\n', '\r\n')}`)).toEqual(plain);
    expect(parseExport(text.trimEnd())).toEqual(plain);
    expect(parseExport(text.trimEnd().split('\n'))).toEqual(plain);
  });
});

test('a group: phone numbers, `~` names, titles with a colon', async () => {
  const { messages, senders } = await readExport(join(folder, 'edge_group_phones_tilde.txt'));
  // Notices have no sender, also where a quoted title holds a colon. Names are given as a person types them, with plain
  // spaces, since --me and --i-have-consent-from are typed; texts keep every mark.
  expect(messages.map(({ ts, sender, text, kind }) => [ts.slice(11, 16), sender, text, kind])).toEqual([
    [
      '09:00',
      null,
      'Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, or share them. *Learn more*',
      'system',
    ],
    ['09:00', null, 'Mia created group "Trip: Lisbon"', 'system'],
    ['09:01', null, 'Mia added ~\u202FJo', 'system'],
    ['09:02', '+44 7700 900123', 'hi all', 'text'],
    ['09:03', '~ Jo', 'hey', 'text'],
    ['09:04', 'Mia', '@\u2068+44 7700 900123\u2069 welcome', 'text'],
    ['09:05', null, 'Mia changed the subject from "Trip: Lisbon" to "Trip"', 'system'],
    ['09:06', null, '~\u202FJo left', 'system'],
  ]);
  expect(senders.map(({ name }) => name)).toEqual(['+44 7700 900123', '~ Jo', 'Mia']);
});

test('time stamps inside messages, and what Android writes in place of view-once media', async () => {
  const { messages, oddities } = await readExport(join(folder, 'edge_timestamp_inside_body.txt'));
  expect(messages.map(({ sender, text, kind, media }) => [sender, text, kind, media])).toEqual([
    // the bracketed line has another shape, the next one no ` - `, the last no time: all of them are text
    [
      'Mia',
      'quoting the log:\n[18/09/2026, 22:10:05] boom\n18/09/2026, 22:10 something happened\nnote: not a sender',
      'text',
      null,
    ],
    ['Sam', 'time 12:30 - works: yes', 'text', null],
    // WhatsApp sends no empty message: something stood here that the export leaves out
    ['Mia', '', 'media', null],
    ['Sam', 'POLL:\nPizza or sushi?\nOPTION: Pizza (2 votes)\nOPTION: Sushi (0 votes)', 'poll', null],
    ['Mia', 'location: https://maps.google.com/?q=52.0,13.0', 'location', 'location'],
    // `null` is what Android writes for view-once media; learning it as a word would be worse than losing a typed one
    ['Sam', 'null', 'media', null],
  ]);
  expect(oddities).toEqual([
    'lines that begin like a message in another date format, kept as text of the message above: 1 (the first is line 2)',
  ]);
});
