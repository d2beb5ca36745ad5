/** Telegram Desktop's JSON export. The documents here are written as the program writes them: one space of indent a level. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTelegram } from '../../src/exports/telegram.ts';
import type { ExportMessage } from '../../src/types.ts';
import { readExport } from './read.ts';
import { anyText, refusal, temporaryFiles } from './temporary.ts';
import { writeZip } from './zip-writer.ts';

const { put } = temporaryFiles();

type Fields = Record<string, unknown>;

const document = (messages: Fields[], chat: Fields = {}): string =>
  JSON.stringify({ name: 'Sam', type: 'personal_chat', id: 1234567, ...chat, messages }, null, 1);

let ids = 100;
const message = (fields: Fields): Fields => ({
  id: ++ids,
  type: 'message',
  date: '2026-09-19T09:52:27',
  date_unixtime: '1789804347',
  from: 'Mia',
  from_id: 'user1',
  text: '',
  text_entities: [],
  ...fields,
});

async function read(messages: Fields[], chat?: Fields): Promise<ExportMessage[]> {
  return (await readExport(put(document(messages, chat), 'result.json'))).messages;
}

test('a chat of one person with another', async () => {
  ids = 100;
  const file = await readExport(
    put(
      document([
        {
          id: 1,
          type: 'service',
          date: '2026-09-18T20:00:00',
          date_unixtime: '1789754400',
          actor: 'Sam',
          actor_id: 'user2',
          action: 'joined_telegram',
          text: '',
          text_entities: [],
        },
        message({ text: 'hello \u{1F600}\nsecond line', edited: '2026-09-19T09:53:00', edited_unixtime: '1789804380' }),
        message({
          from: 'Sam',
          from_id: 'user2',
          reply_to_message_id: 101,
          date: '2026-09-19T09:53:02',
          date_unixtime: '1789804382',
          text: ['look: ', { type: 'link', text: 'https://example.org' }, ' and ', { type: 'bold', text: 'this' }],
        }),
      ]),
    ),
  );
  expect(file).toEqual({
    source: 'telegram',
    shape: null,
    hasSeconds: true,
    senders: [
      { name: 'Mia', messages: 1 },
      { name: 'Sam', messages: 1 },
    ],
    counts: { text: 2, media: 0, system: 1, deleted: 0, edited: 0, call: 0, poll: 0, location: 0, contact: 0 },
    span: { first: '2026-09-18T20:00:00', last: '2026-09-19T09:53:02' },
    oddities: [],
    mediaFiles: 0,
    messages: [
      {
        ts: '2026-09-18T20:00:00',
        timestampMs: 1789754400000,
        id: '1',
        line: 6,
        sender: null,
        text: 'joined_telegram',
        kind: 'system',
        media: null,
      },
      {
        ts: '2026-09-19T09:52:27',
        timestampMs: 1789804347000,
        id: '101',
        line: 17,
        sender: 'Mia',
        text: 'hello \u{1F600}\nsecond line',
        kind: 'text',
        media: null,
      },
      {
        ts: '2026-09-19T09:53:02',
        timestampMs: 1789804382000,
        id: '102',
        line: 29,
        sender: 'Sam',
        text: 'look: https://example.org and this',
        kind: 'text',
        media: null,
        replyToId: '101',
      },
    ],
  });
});

test.each<[string, Fields, string, string, string | null]>([
  ['a photo', { photo: 'photos/photo_1.jpg', width: 1, height: 1 }, 'media', '<image>', 'image'],
  ['a photo with words', { photo: '(File not included.)', text: 'us' }, 'media', '<image>\nus', 'image'],
  [
    'a voice message',
    { file: 'voice_messages/a.ogg', media_type: 'voice_message', mime_type: 'audio/ogg' },
    'media',
    '<voice>',
    'voice',
  ],
  ['a round video', { file: 'a.mp4', media_type: 'video_message' }, 'media', '<video>', 'video'],
  [
    'a film',
    { file: 'a.mp4', media_type: 'video_file', text: ['a ', { type: 'bold', text: 'b' }] },
    'media',
    '<video>\na b',
    'video',
  ],
  ['an animation', { file: 'a.mp4', media_type: 'animation' }, 'media', '<video>', 'video'],
  ['music', { file: 'a.mp3', media_type: 'audio_file', performer: 'x', title: 'y' }, 'media', '<voice>', 'voice'],
  ['a sticker', { file: 's.webp', media_type: 'sticker', sticker_emoji: '\u{1F600}' }, 'media', '<sticker>', 'sticker'],
  ['a picture as a file', { file: 'a.png', mime_type: 'image/png' }, 'media', '<image>', 'image'],
  ['a document', { file: 'a.pdf', mime_type: 'application/pdf' }, 'media', '<file>', 'file'],
  ['a kind of media from later', { file: 'a.xyz', media_type: 'constructor' }, 'media', '<file>', 'file'],
  ['a poll', { poll: { question: 'secret?', closed: false, total_voters: 1, answers: [] } }, 'poll', '', null],
  ['a place', { location_information: { latitude: 1, longitude: 2 } }, 'location', '', 'location'],
  ['a venue', { place_name: 'Cafe', address: 'x' }, 'location', '', 'location'],
  ['a contact', { contact_information: { first_name: 'secret', phone_number: '1' } }, 'contact', '', 'contact'],
  [
    'only entities',
    {
      text: undefined,
      text_entities: [
        { type: 'plain', text: 'hi ' },
        { type: 'spoiler', text: 'you' },
      ],
    },
    'text',
    'hi you',
    null,
  ],
])('%s', async (_name, fields, kind, text, media) => {
  const [found] = await read([message(fields)]);
  expect({ kind: found?.kind, text: found?.text, media: found?.media }).toEqual({ kind, text, media });
  expect(found?.sender).toBe('Mia');
});

test('calls are calls of who called', async () => {
  const call = { type: 'service', actor: 'Sam', actor_id: 'user2', action: 'phone_call', discard_reason: 'missed' };
  const [found] = await read([message({ ...call, from: undefined, from_id: undefined })]);
  expect(found).toMatchObject({ kind: 'call', sender: 'Sam' });
});

test('forwarded words and words of a bot are marked and counted', async () => {
  const file = await readExport(
    put(
      document([
        message({ text: 'mine' }),
        message({ text: 'theirs', forwarded_from: 'Someone', forwarded_from_id: 'user9' }),
        message({ text: 'theirs', forwarded_from: null }),
        message({ text: 'saved', saved_from: 'Channel' }),
        message({ text: 'made', via_bot: '@gif' }),
      ]),
    ),
  );
  expect(file.messages.map(({ isForwarded }) => isForwarded)).toEqual([undefined, true, true, true, true]);
  expect(file.oddities).toEqual(['forwarded messages and messages made by bots, which are never stored: 4']);
});

test('people are told apart by id, whatever they are called', async () => {
  const file = await readExport(
    put(
      document(
        [
          message({ text: 'a', from: 'Alex', from_id: 'user1' }),
          message({ text: 'b', from: 'Alex', from_id: 'user2' }),
          message({ text: 'c', from: null, from_id: 'user3' }),
          message({ text: 'd', from: 'Kim', from_id: 4 }),
          message({ text: 'e', from: 'Lee', from_id: undefined }),
        ],
        { type: 'private_group' },
      ),
    ),
  );
  const names = ['Alex (user1)', 'Alex (user2)', 'Deleted account', 'Kim', 'Lee'];
  expect(file.messages.map(({ sender }) => sender)).toEqual(names);
  expect(file.senders.map(({ name }) => name)).toEqual(names);
});

test('what is not read is counted', async () => {
  const file = await readExport(
    put(document([message({ text: 'a' }), { id: 7, type: 'unsupported' }, message({ game_title: 'x' })])),
  );
  expect(file.messages).toHaveLength(1);
  expect(file.oddities).toEqual(['messages of kinds that are not read (games, lists, newer ones), left out: 2']);
});

test('files from before 2022 know local time only; an answer to another chat is no answer here', async () => {
  const [found] = await read([
    message({ text: 'a', date_unixtime: undefined, reply_to_message_id: 5, reply_to_peer_id: 'channel6' }),
  ]);
  expect(found).toMatchObject({ ts: '2026-09-19T09:52:27' });
  expect(found).not.toHaveProperty('timestampMs');
  expect(found).not.toHaveProperty('replyToId');
});

test('control characters as older versions write them, which is no JSON', async () => {
  const text = document([message({ text: 'a@b\\\\x0bc' })]).replace('@', '\\x0B');
  const file = await readExport(put(text));
  expect(file.messages[0]?.text).toBe('a\u000bb\\\\x0bc');
});

test('with a byte order mark, in one line, in a zip, in pieces of any size', async () => {
  const text = document([message({ text: 'a "quoted" \\ {[' }), message({ text: '\u{1F600}' })]);
  const expected = (await readExport(put(text))).messages;
  expect(expected.map((found) => found.text)).toEqual(['a "quoted" \\ {[', '\u{1F600}']);
  expect((await readExport(put(`\uFEFF${text}`))).messages).toEqual(expected);
  const oneLine = (await readExport(put(JSON.stringify(JSON.parse(text))))).messages;
  expect(oneLine).toEqual(expected.map((found) => ({ ...found, line: 1 })));
  const zip = writeZip([
    { name: 'ChatExport_2026/result.json', data: text, packed: true },
    { name: 'ChatExport_2026/photos/a.jpg', data: '' },
  ]);
  const zipped = await readExport(put(zip));
  expect(zipped.messages).toEqual(expected);
  expect(zipped.mediaFiles).toBe(1);
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 3, 7, 64]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    expect([...readTelegram(() => pieces, 'x').messages()]).toEqual(expected);
  }
});

test('any text comes back as it was, in one string or in pieces, however the file is cut', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.array(
          anyText.map((text) => `${text}.`),
          { minLength: 1, maxLength: 3 },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      fc.nat(50),
      (texts, cut) => {
        const messages = texts.map((parts) =>
          message({
            text: parts.length === 1 ? parts[0] : parts.map((text, i) => (i % 2 ? { type: 'bold', text } : text)),
          }),
        );
        const bytes = Buffer.from(document(messages));
        const pieces = [bytes.subarray(0, bytes.length - cut), bytes.subarray(bytes.length - cut)];
        const found = [...readTelegram(() => pieces, 'x').messages()];
        expect(found.map(({ text }) => text)).toEqual(texts.map((parts) => parts.join('')));
      },
    ),
  );
});

test.each<[string, string, string]>([
  [
    'a whole account',
    JSON.stringify({ about: 'secret', chats: { about: '', list: [{ name: 'a', messages: [] }, {}, {}] } }, null, 1),
    ': an export of a whole account, with 3 chats',
  ],
  [
    'an account in one line',
    JSON.stringify({ chats: { list: [] }, left_chats: { list: [{}] } }),
    ': an export of a whole account, with 1 chats',
  ],
  [
    'a channel',
    document([message({ text: 'secret' })], { type: 'public_channel' }),
    ': an export of a channel, where nobody talks with anybody',
  ],
  ['no messages', document([]), ' holds no messages'],
  ['another document', '{\n "contacts": ["secret"]\n}', ': JSON, but not a chat exported by Telegram'],
  [
    'messages of another program',
    '{\n "messages": [\n  {"sender_name": "secret"}\n ]\n}',
    ', line 3: not a message as Telegram exports it',
  ],
  [
    'no time',
    document([message({ date: 'secret', date_unixtime: undefined })]),
    ', line 6: a message without a time ("date")',
  ],
  ['text that is none', document([message({ text: { secret: 1 } })]), ', line 6: "text" is not a text'],
  [
    'a NUL',
    document([message({ text: 'secret\0' })]),
    ', line 6: the text holds a NUL character, which text does not hold',
  ],
  [
    'half a character',
    document([message({ text: 'secret\ud83d' })]),
    ', line 6: the text holds half a surrogate pair, which is no character',
  ],
  [
    'a long text',
    document([message({ text: 'secret'.repeat(11_000) })]),
    ', line 6: the text is longer than 65536 characters',
  ],
  [
    'a text of 20 MB',
    document([message({ text: 'secret'.repeat(3_500_000) })]),
    ', line 6 (byte 78): one value of more than 4194304 bytes',
  ],
  [
    'two documents',
    document([message({ text: 'a' })]) + '\n' + document([message({ text: 'b' })]),
    ', line 18 (byte 273): more text after the end of the JSON document',
  ],
  [
    'a missing comma',
    document([message({ text: 'secret' })]).replace('"Sam",', '"Sam"'),
    ', line 3 (byte 19): not valid JSON',
  ],
  [
    'a broken message',
    document([message({ text: 'secret' })]).replace('"from":', '"from"'),
    ', line 6 (byte 78): not valid JSON',
  ],
  ['a value left out', '{\n "messages": ,\n}', ', line 2 (byte 16): not valid JSON'],
])('%s is refused', async (_name, text, reason) => {
  const path = put(text, 'refused.json');
  expect((await refusal(path)).message).toBe(path + reason);
});

test('bytes that are not UTF-8 are refused, and every truncation', async () => {
  const whole = Buffer.from(document([message({ text: 'secret1' }), message({ text: 'caf\u00e9' })]));
  const broken = Buffer.from(whole);
  broken[broken.indexOf('\u00e9')] = 0xff;
  expect((await refusal(put(broken))).message).toMatch(/, line 16 \(byte \d+\): bytes that are not UTF-8 text$/);
  for (let length = 4; length < whole.length; length += 7) {
    await refusal(put(whole.subarray(0, length), 'cut.json'));
  }
});
