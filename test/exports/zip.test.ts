/** Archives as phones share them, and as nobody should. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { readChatFromZip, zipLimits } from '../../src/exports/zip.ts';
import { UserError } from '../../src/util/errors.ts';
import { createRandom } from '../../src/util/random.ts';
import { parseExport, readExport } from './read.ts';
import { refusal, temporaryFiles } from './temporary.ts';
import { writeZip } from './zip-writer.ts';
import type { ZipEntry } from './zip-writer.ts';

const { put } = temporaryFiles();
const chat = '19/09/2026, 09:52 - Mia: hello\n19/09/2026, 09:53 - Sam: secret word\n';

const entry = (name: string, data: ZipEntry['data'] = chat, more: Partial<ZipEntry> = {}): ZipEntry => ({
  name,
  data,
  ...more,
});
const photo = entry('00000012-PHOTO-2026-09-19-13-20-01.jpg', 'not really a photo');

test.each([
  ['iOS', [entry('_chat.txt', chat, { packed: true }), photo, entry('00000013-notes.txt', 'secret')]],
  ['Android', [photo, entry('WhatsApp Chat with Sam.txt'), entry('My plan.txt', 'secret')]],
  ['Android in Arabic', [entry('دردشة واتساب مع Sam.txt'), entry('My plan.txt', 'secret'), photo]],
  ['Android in another language', [entry('DOC-20260919-WA0001.txt', 'secret'), entry('Чат с Sam.txt'), photo]],
  [
    'packed again on a Mac',
    [entry('Chat/', ''), entry('Chat/_chat.txt'), entry('__MACOSX/Chat/._chat.txt', 'secret'), photo, photo],
  ],
])('%s: the chat is read, the rest counted', async (_name, entries) => {
  const { messages, mediaFiles } = await readExport(put(writeZip(entries)));
  expect(messages).toEqual(parseExport(chat).messages);
  expect(mediaFiles).toBe(2);
});

test.each<[string, ZipEntry[], string]>([
  ['no chat', [photo], 'the .zip holds no chat (_chat.txt, another .txt, or result.json)'],
  ['an empty archive', [], 'the .zip holds no chat (_chat.txt, another .txt, or result.json)'],
  [
    'web pages of Telegram',
    [entry('ChatExport/messages.html', '<html>secret'), entry('ChatExport/messages2.html')],
    'the .zip holds a chat as web pages only',
  ],
  ['two chats', [entry('_chat.txt'), entry('_chat.txt')], 'the .zip holds 2 texts that may be the chat'],
  ['two chats in folders', [entry('a/_chat.txt'), entry('b/_CHAT.TXT')], 'the .zip holds 2 texts that may be the chat'],
  [
    'two Android chats',
    [entry('WhatsApp Chat with A.txt'), entry('WhatsApp Chat with B.txt')],
    'the .zip holds 2 texts that may be the chat',
  ],
  [
    'a path upwards',
    [entry('_chat.txt'), entry('../../evil.txt')],
    'the .zip is damaged, or holds a path that leads out of it',
  ],
  ['an absolute path', [entry('/etc/_chat.txt')], 'the .zip is damaged, or holds a path that leads out of it'],
  ['a drive', [entry('C:/_chat.txt')], 'the .zip is damaged, or holds a path that leads out of it'],
  ['a backslash', [entry('..\\_chat.txt')], 'the .zip is damaged, or holds a path that leads out of it'],
  ['a NUL in a name', [entry('_chat.txt'), entry('a.jpg\0.txt')], 'a name in the .zip holds a NUL character'],
  ['a symbolic link', [entry('_chat.txt', '/etc/passwd', { unixMode: 0o120777 })], 'the .zip holds a symbolic link'],
  [
    'a smaller size claimed',
    [entry('_chat.txt', chat, { packed: true, claimedSize: 5 })],
    'the chat in the .zip is damaged',
  ],
  [
    'a larger size claimed',
    [entry('_chat.txt', chat, { packed: true, claimedSize: 5000 })],
    'the chat in the .zip is damaged',
  ],
  [
    'a wrong checksum',
    [entry('_chat.txt', chat, { claimedCrc: 7 })],
    'the chat in the .zip is damaged (its checksum is wrong)',
  ],
  [
    'encryption',
    [entry('_chat.txt', chat, { packed: true, encrypted: true })],
    'the chat in the .zip is encrypted or packed in an unknown way',
  ],
  [
    'a bomb',
    [entry('_chat.txt', Buffer.alloc(3_000_000, 'a'), { packed: true })],
    'the chat in the .zip unpacks to more than 200 times its size, or past 209715200 bytes',
  ],
  [
    'a bomb that claims to be small',
    [entry('_chat.txt', Buffer.alloc(3_000_000, 'a'), { packed: true, claimedSize: 60 })],
    'the chat in the .zip is damaged',
  ],
  [
    'entries on the same bytes',
    [entry('a.txt', chat, { packed: true }), entry('_chat.txt', chat, { packed: true, claimedOffset: 0 })],
    'entries of the .zip overlap, as in a zip bomb',
  ],
  [
    'an entry quoted in another', // Fifield's construction: each file holds the header of the next
    [entry('a.jpg', writeZip([entry('_chat.txt')])), entry('_chat.txt', chat, { claimedOffset: 35 })],
    'entries of the .zip overlap, as in a zip bomb',
  ],
  [
    'a folder on the bytes of a file',
    [entry('_chat.txt'), entry('x/', '', { claimedOffset: 10 })],
    'entries of the .zip overlap, as in a zip bomb',
  ],
  [
    'a size past the limit',
    [entry('_chat.txt', chat, { packed: true, claimedSize: 300_000_000 })],
    'the chat in the .zip is larger than 209715200 bytes',
  ],
])('%s is refused', async (_name, entries, message) => {
  const path = put(writeZip(entries));
  expect((await refusal(path)).message).toBe(`${path}: ${message}`);
});

test('more than 10,000 entries are refused', async () => {
  const many = Array.from({ length: 10_001 }, (_, i) => entry(`${i}.jpg`, ''));
  expect((await refusal(put(writeZip([...many, entry('_chat.txt')])))).message).toContain('more than 10000 entries');
});

test('nothing is written to disk, whatever the names in the archive say', async () => {
  const path = put(writeZip([entry('_chat.txt'), entry('evil.sh', 'secret'), entry('\u001b[2Jx.jpg', '')]));
  const before = readdirSync(dirname(path));
  const { mediaFiles } = await readExport(path);
  expect(mediaFiles).toBe(2);
  expect(readdirSync(dirname(path))).toEqual(before);
});

test('a chat of exactly the largest size is read, one byte more is refused', async () => {
  const random = createRandom(1);
  const data = Buffer.from(Array.from({ length: 200_000 }, () => 97 + random.int(26)));
  const path = put(writeZip([entry('_chat.txt', data, { packed: true })]));
  const read = (maxBytes: number): Promise<number> =>
    readChatFromZip(path, { ...zipLimits, maxBytes }).then(({ pieces }) => Buffer.concat(pieces).length);
  expect(await read(200_000)).toBe(200_000);
  await expect(read(199_999)).rejects.toThrow('is larger than 199999 bytes');
});

test('damaged archives are refused: every truncation, flipped bytes', async () => {
  const whole = writeZip([entry('_chat.txt', chat, { packed: true }), photo]);
  for (let length = 4; length < whole.length; length += 3) await refusal(put(whole.subarray(0, length), 'cut.zip'));
  const right = parseExport(chat).messages;
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 0x55;
    const path = put(flipped, 'flipped.zip');
    const messages = await readExport(path).then(
      (file) => file.messages,
      (error: unknown) => (error instanceof UserError ? undefined : Promise.reject(error as Error)),
    );
    // bytes that say nothing about the chat (dates, the other file) may change; the chat may not
    if (messages !== undefined) expect(messages).toEqual(right);
  }
});
