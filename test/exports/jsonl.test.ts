/** Plain JSONL, and what a dry run prints. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJsonl, toJsonLine } from '../../src/exports/jsonl.ts';
import { readExport } from './read.ts';
import { anyText, refusal, temporaryFiles } from './temporary.ts';

const { put } = temporaryFiles();
const line = (fields: object = {}): string =>
  JSON.stringify({ ts: '2026-09-19T09:52:00', sender: 'Mia', text: 'hello', ...fields }) + '\n';

test('one message a line', async () => {
  const file = await readExport(
    put(`${line()}\n${line({ sender: 'Sam', text: 'two\nlines \u{1F600}', ts: '2026-09-19 09:53' })}`),
  );
  expect(file).toEqual({
    source: 'jsonl',
    shape: null,
    hasSeconds: false,
    senders: [
      { name: 'Mia', messages: 1 },
      { name: 'Sam', messages: 1 },
    ],
    counts: { text: 2, media: 0, system: 0, deleted: 0, edited: 0, call: 0, poll: 0, location: 0, contact: 0 },
    span: { first: '2026-09-19T09:52:00', last: '2026-09-19T09:53:00' },
    oddities: [],
    mediaFiles: 0,
    messages: [
      { ts: '2026-09-19T09:52:00', sender: 'Mia', text: 'hello', kind: 'text', media: null, line: 1 },
      { ts: '2026-09-19T09:53:00', sender: 'Sam', text: 'two\nlines \u{1F600}', kind: 'text', media: null, line: 3 },
    ],
  });
});

test.each<[string | number, string, number | undefined]>([
  ['2026-09-19T09:52', '2026-09-19T09:52:00', undefined],
  ['2026-09-19T09:52:27.123', '2026-09-19T09:52:27', undefined],
  ['2026-09-19T09:52:27Z', '2026-09-19T09:52:27', Date.UTC(2026, 8, 19, 9, 52, 27)],
  ['2026-09-19T09:52:27+02:00', '2026-09-19T09:52:27', Date.UTC(2026, 8, 19, 7, 52, 27)],
  ['2026-09-19T09:52:27-0330', '2026-09-19T09:52:27', Date.UTC(2026, 8, 19, 13, 22, 27)],
  ['2026-09-19 09:52:27.5+09', '2026-09-19T09:52:27', Date.UTC(2026, 8, 19, 0, 52, 27)],
  [1789804347, '2026-09-19T07:52:27', 1789804347000],
  [1789804347.25, '2026-09-19T07:52:27', 1789804347250],
  [1789804347123, '2026-09-19T07:52:27', 1789804347123],
  ['1789804347', '2026-09-19T07:52:27', 1789804347000],
])('the time %s', async (ts, local, timestampMs) => {
  const { messages } = await readExport(put(line({ ts })));
  expect(messages[0]?.ts).toBe(local);
  expect(messages[0]?.timestampMs).toBe(timestampMs);
});

test('optional keys', async () => {
  const { messages, oddities } = await readExport(
    put(
      [
        line({ media: 'image', text: 'us' }),
        line({ media: 'voice', text: '' }),
        line({ media: 'location', text: '' }),
        line({ kind: 'media', text: '<Media omitted>\nus' }),
        line({ kind: 'system', sender: null }),
        line({ id: 7, replyTo: 'x', forwarded: true, media: null }),
      ].join(''),
    ),
  );
  expect(messages.map(({ kind, media, text }) => [kind, media, text])).toEqual([
    ['media', 'image', '<image>\nus'],
    ['media', 'voice', '<voice>'],
    ['location', 'location', ''],
    ['media', null, '<Media omitted>\nus'],
    ['system', null, 'hello'],
    ['text', null, 'hello'],
  ]);
  expect(messages[5]).toMatchObject({ id: '7', replyToId: 'x', isForwarded: true });
  expect(oddities).toEqual(['forwarded messages and messages made by bots, which are never stored: 1']);
});

test('what a dry run prints of an export reads back as the same messages', async () => {
  const whatsApp = await readExport(
    put(
      [
        '[19/09/2026, 09:52:27] Mia: \u200Eimage omitted',
        '[19/09/2026, 09:52:28] Mia: hello',
        'second line',
        '[19/09/2026, 09:52:29] \u200EMessages and calls are end-to-end encrypted.',
        '[19/09/2026, 09:53:00] Sam: \u200EMissed voice call',
        '[19/09/2026, 09:54:01] Sam: late \u200E<This message was edited>',
        '[19/09/2026, 09:55:01] Sam: \u200EThis message was deleted.',
      ].join('\n'),
    ),
  );
  const printed = whatsApp.messages.map(({ ts, sender, text, kind }) => JSON.stringify({ ts, sender, text, kind }));
  const back = await readExport(put(printed.join('\n')));
  expect(back.counts).toEqual(whatsApp.counts);
  expect(back.senders).toEqual(whatsApp.senders);
  const known = ({ ts, sender, text, kind }: (typeof back.messages)[number]): unknown => ({ ts, sender, text, kind });
  expect(back.messages.map(known)).toEqual(whatsApp.messages.map(known));
});

test('toJsonLine loses nothing', async () => {
  const text = [
    line({ ts: '2026-09-19T09:52:27+02:00', id: 'a', media: 'image', text: 'us' }),
    line({ replyTo: 'a', forwarded: true }),
    line({ kind: 'contact' }),
  ].join('');
  const { messages } = await readExport(put(text));
  const back = await readExport(put(messages.map((found) => JSON.stringify(toJsonLine(found))).join('\n')));
  expect(back.messages).toEqual(messages);
});

test('any text comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1, maxLength: 5 }), (texts) => {
      const lines = texts.map((text) => line({ text }).trimEnd());
      const found = [...readJsonl(() => lines, 'x').messages()];
      expect(found.map(({ text }) => text)).toEqual(texts);
    }),
  );
});

test('two files one after the other: older messages below newer ones are noted', async () => {
  const { oddities } = await readExport(put(line() + line({ ts: '2026-09-01T09:52:00' })));
  expect(oddities).toEqual(['messages dated more than a day before the message above them: 1 (the first is line 2)']);
});

test.each<[string, string, string]>([
  ['an unknown key', line({ extras: 'secret', more: 1 }), ', line 1: unknown key "extras"'],
  ['an escape in a key', line({ '\u001b[2J': 1 }), ', line 1: unknown key "\\u001b[2J"'],
  ['no JSON', `${line()}{"ts": secret}\n`, ', line 2: not valid JSON'],
  ['half a line', line() + line({ text: 'secret' }).slice(0, 50), ', line 2: not valid JSON'],
  ['an array', `${line()}["secret"]\n`, ', line 2: not a JSON object'],
  ['a number as text', line({ text: 7 }), ', line 1: "text" is missing or of the wrong type'],
  ['no text', line({ text: undefined }), ', line 1: "text" is missing or of the wrong type'],
  ['an unknown kind', line({ kind: 'secret' }), ', line 1: "kind" is missing or of the wrong type'],
  ['an unknown medium', line({ media: 'secret' }), ', line 1: "media" is missing or of the wrong type'],
  ['media with another kind', line({ kind: 'text', media: 'image' }), ', line 1: "media" does not go with this "kind"'],
  ['no sender', line({ sender: null }), ', line 1: "sender" is missing (only lines with "kind" may lack it)'],
  ['an empty sender', line({ sender: '' }), ', line 1: "sender" is missing or of the wrong type'],
  [
    'a date alone',
    line({ ts: '2026-09-19' }),
    ', line 1: "ts" is no time: write 2026-09-19T09:52:00, with or without an offset, or a Unix time',
  ],
  [
    'words as time',
    line({ ts: 'secret' }),
    ', line 1: "ts" is no time: write 2026-09-19T09:52:00, with or without an offset, or a Unix time',
  ],
  [
    'a day that is none',
    line({ ts: '2026-02-30T09:52:00' }),
    ', line 1: "ts" is a time that no calendar between 1990 and 2100 has',
  ],
  [
    'an hour that is none',
    line({ ts: '2026-02-03T24:00:00' }),
    ', line 1: "ts" is a time that no calendar between 1990 and 2100 has',
  ],
  [
    'microseconds',
    line({ ts: 1789804347123456 }),
    ', line 1: "ts" is no time between 1990 and 2100, in seconds or milliseconds since 1970',
  ],
  [
    'days',
    line({ ts: 20715 }),
    ', line 1: "ts" is no time between 1990 and 2100, in seconds or milliseconds since 1970',
  ],
  [
    'seconds as timestampMs',
    line({ timestampMs: 1789804347 }),
    ', line 1: "timestampMs" is no time between 1990 and 2100',
  ],
  ['an id twice', line({ id: 1 }) + line({ id: 2 }) + line({ id: '1' }), ', line 3: the "id" of an earlier line'],
  ['a NUL', line({ text: 'secret\0' }), ', line 1: the text holds a NUL character, which text does not hold'],
  [
    'half a character',
    line({ text: 'secret\ud83d' }),
    ', line 1: the text holds half a surrogate pair, which is no character',
  ],
  ['a long text', line({ text: 'x'.repeat(65_537) }), ', line 1: the text is longer than 65536 characters'],
  ['a text of 2 MB', line({ text: 'secret'.repeat(350_000) }), ', line 1: the line is longer than any message'],
])('%s is refused', async (_name, text, reason) => {
  const path = put(text, 'refused.jsonl');
  const error = await refusal(path);
  expect(error.message).toBe(path + reason);
  expect(error.hint).toContain('docs/import.md');
});
