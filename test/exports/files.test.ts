/** Files as they lie on disk: text, zip, and everything that is neither. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/util/errors.ts';
import { createRandom } from '../../src/util/random.ts';
import { readChatFromZip, zipLimits } from '../../src/exports/whatsapp/zip.ts';
import { parseExport, readExport } from './read.ts';
import { writeZip } from './zip-writer.ts';
import type { ZipEntry } from './zip-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const chat = '19/09/2026, 09:52 - Mia: hello\n19/09/2026, 09:53 - Sam: secret word\n';

let files = 0;
function put(data: Buffer | string, name = `file-${files++}.txt`): string {
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
}

async function refusal(path: string): Promise<UserError> {
  const error: unknown = await readExport(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) throw new Error(`not refused with a UserError: ${String(error)}`);
  expect(error.hint).not.toBe('');
  expect(`${error.message} ${error.hint}`).not.toContain('secret');
  return error;
}

describe('text files', () => {
  test.each([
    ['', 'is empty'],
    ['\n \r\n\t\n', 'is empty'],
    ['dear diary\nsecret\n', ', line 1: not a chat exported by WhatsApp (no line begins with date and time)'],
    ['\n\nsecret\n', ', line 3: not a chat exported by WhatsApp (no line begins with date and time)'],
    [Buffer.concat([Buffer.from(chat), Buffer.from([0x73, 0xff, 0x0a])]), ', line 3: bytes that are not UTF-8 text'],
    [`${chat}sec\0ret\n`, ', line 3: a NUL byte, which text does not hold'],
    [Buffer.from(`\uFEFF${chat}`, 'utf16le'), ', line 1: the file is UTF-16, not UTF-8'],
    [Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), ', line 1: bytes that are not UTF-8 text'],
    [
      `${chat}${'secret '.repeat(20_000)}\n`,
      ', line 2: one message of more than 65,536 characters, so the file seems to hold dates in more than one format',
    ],
    [`${chat}${'x'.repeat(1_100_000)}`, ', line 3: the line is longer than any message'],
    [`${'secret\n'.repeat(30)}${chat}`, ', line 1: the file does not begin with a message'],
  ])('%# is refused', async (data, message) => {
    const path = put(data);
    expect((await refusal(path)).message).toBe(`${path}${message.startsWith(',') ? '' : ' '}${message}`);
  });

  test('what is not there, or no file, is refused', async () => {
    const missing = join(folder, 'missing.txt');
    expect((await refusal(missing)).message).toBe(`${missing} does not exist`);
    mkdirSync(join(folder, 'folder.txt'));
    expect((await refusal(join(folder, 'folder.txt'))).message).toContain('is not a file');
  });

  test('a message as long as WhatsApp allows is read', async () => {
    const long = 'ab\n'.repeat(21_845) + 'c';
    const { messages } = await readExport(put(`${chat}19/09/2026, 09:54 - Mia: ${long}\n`));
    expect(messages[2]?.text).toBe(long);
  });

  test('empty lines within a message stay, empty lines at the end of the file go', async () => {
    const { messages } = await readExport(
      put(`19/09/2026, 09:52 - Mia: a\n\n  b \n\n19/09/2026, 09:53 - Sam: c\n\n\n`),
    );
    expect(messages.map(({ text, line }) => [text, line])).toEqual([
      ['a\n\n  b \n', 1],
      ['c', 5],
    ]);
  });

  test('5 MB are read line by line, characters across pieces of the file included', async () => {
    const lines: string[] = [];
    for (let i = 0; i < 70_000; i++)
      lines.push(
        `${String((i % 9) + 20)}/09/2026, 09:${String(i % 60).padStart(2, '0')} - ${i % 2 ? 'Sam ☕' : 'دانة'}: ${'ü😂한 ok '.repeat(3)}${i}`,
      );
    const text = `${lines.join('\n')}\n`;
    expect(Buffer.byteLength(text)).toBeGreaterThan(5_000_000);
    const { messages } = await readExport(put(text));
    expect(messages).toHaveLength(70_000);
    expect(messages[69_999]?.text).toBe(`${'ü😂한 ok '.repeat(3)}69999`);
    expect(messages.every(({ sender }) => sender === 'Sam ☕' || sender === 'دانة')).toBe(true);
  });

  test('lines made to slow patterns down are read (a quadratic pattern would run into the time limit)', () => {
    const hard = [
      '<'.repeat(30_000),
      '„'.repeat(30_000),
      '( 1'.repeat(10_000),
      ': '.repeat(15_000),
      ' '.repeat(30_000),
      '\u200E<a'.repeat(10_000),
      '1/'.repeat(15_000),
      'a. '.repeat(10_000),
    ];
    for (const line of hard) {
      const text = `19/09/2026, 09:52 - Mia: ${line}\n19/09/2026, 09:52 - ${line}\n[19/09/2026, 09:52:27] ${line}>`;
      expect(parseExport(text).messages.map(({ ts }) => ts.slice(0, 10))).toEqual(['2026-09-19', '2026-09-19']);
      expect(parseExport(`[19/09/2026, 09:52:27] Mia: \u200E${line}`).messages).toHaveLength(1);
    }
  });
});

describe('zip archives', () => {
  const entry = (name: string, data: ZipEntry['data'] = chat, more: Partial<ZipEntry> = {}): ZipEntry => ({
    name,
    data,
    ...more,
  });
  const photo = entry('00000012-PHOTO-2026-09-19-13-20-01.jpg', 'not really a photo');

  test.each([
    ['iOS', [entry('_chat.txt', chat, { packed: true }), photo, entry('00000013-notes.txt', 'secret')]],
    ['Android', [photo, entry('WhatsApp Chat with Sam.txt'), entry('My plan.txt', 'secret')]],
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
    ['no chat', [photo], 'the .zip holds no chat (_chat.txt or a .txt)'],
    ['an empty archive', [], 'the .zip holds no chat (_chat.txt or a .txt)'],
    ['two chats', [entry('_chat.txt'), entry('_chat.txt')], 'the .zip holds 2 texts that may be the chat'],
    [
      'two chats in folders',
      [entry('a/_chat.txt'), entry('b/_CHAT.TXT')],
      'the .zip holds 2 texts that may be the chat',
    ],
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
      'a size past the limit',
      [entry('_chat.txt', chat, { packed: true, claimedSize: 300_000_000 })],
      'the chat in the .zip is larger than 209715200 bytes',
    ],
  ])('%s is refused', async (_name, entries, message) => {
    const path = put(writeZip(entries), `archive-${files++}.zip`);
    expect((await refusal(path)).message).toBe(`${path}: ${message}`);
  });

  test('more than 10,000 entries are refused', async () => {
    const many = Array.from({ length: 10_001 }, (_, i) => entry(`${i}.jpg`, ''));
    expect((await refusal(put(writeZip([...many, entry('_chat.txt')])))).message).toContain('more than 10000 entries');
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
});
