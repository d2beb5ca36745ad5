/** Files as they lie on disk: text, folders, and everything that is no export. */
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { largestFileBytes, openExport } from '../../src/exports/read.ts';
import { parseExport, readExport } from './read.ts';
import { refusal, temporaryFiles } from './temporary.ts';

const { folder, put } = temporaryFiles();
const chat = '19/09/2026, 09:52 - Mia: hello\n19/09/2026, 09:53 - Sam: secret word\n';

describe('text files', () => {
  test.each([
    ['', 'is empty'],
    ['\n \r\n\t\n', 'is empty'],
    ['dear diary\nsecret\n', ', line 1: not a chat exported by WhatsApp (no line begins with date and time)'],
    ['\n\nsecret\n', ', line 3: not a chat exported by WhatsApp (no line begins with date and time)'],
    [Buffer.concat([Buffer.from(chat), Buffer.from([0x73, 0xff, 0x0a])]), ', line 3: bytes that are not UTF-8 text'],
    [`${chat}sec\0ret\n`, ', line 3: a NUL byte, which text does not hold'],
    [Buffer.from('00018b50030405060000000d4948feff', 'hex'), ', line 1: bytes that are not UTF-8 text'],
    [Buffer.from(chat.replace('hello', 'h\u00e9llo'), 'latin1'), ', line 1: bytes that are not UTF-8 text'],
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

  test.each([
    ['a web page', '<!DOCTYPE html>\n<html>secret', 'is a web page', 'Machine-readable JSON'],
    ['a mail', 'From: mia@example.org\nSubject: secret\nMIME-Version: 1.0\n\n' + chat, 'is an e-mail', 'attachment'],
    ['a database', 'SQLite format 3\0secret', 'is a database, not an export', 'Export the chat'],
    ['a document', '{\\rtf1\\ansi secret}', 'is a document, not an export', 'as the phone made it'],
    ['gzip', Buffer.from('1f8b0800', 'hex'), 'is packed in another way than .zip', 'Unpack'],
    ['a picture', Buffer.from('89504e470d0a1a0a', 'hex'), 'is a picture, a sound or a film', 'Export the chat'],
    ['a JSON array', '[\n {"text": "secret"}\n]', 'is a JSON array', 'one object a line'],
  ])('%s is named and refused', async (_name, data, message, remedy) => {
    const path = put(data);
    const error = await refusal(path);
    expect(error.message).toBe(`${path} ${message}`);
    expect(error.hint).toContain(remedy);
  });

  test('what is not there, or may not be read, is refused', async () => {
    const missing = join(folder, 'missing.txt');
    expect((await refusal(missing)).message).toBe(`${missing} does not exist`);
    expect((await refusal('/dev/null')).message).toBe('/dev/null is not a file');
  });

  test('a file of more than 2 GiB is refused before it is read', async () => {
    const path = put('');
    truncateSync(path, largestFileBytes + 1); // a hole, which takes no space
    expect((await refusal(path)).message).toBe(`${path}: larger than 2147483648 bytes`);
  });

  test.skipIf(process.getuid?.() === 0)(
    'a file without the right to read it is refused (root may read all)',
    async () => {
      const path = put(chat);
      chmodSync(path, 0);
      expect((await refusal(path)).message).toBe(`${path} cannot be read (EACCES)`);
    },
  );

  test.each(['utf16le', 'utf16be'])('%s with its mark is read as what it is', async (encoding) => {
    const body = 'h\u00e9 \u{1F600}x'.repeat(2_000); // the whole is more than one piece of a file
    const text = `\uFEFF${`19/09/2026, 09:52 - Mia: ${body}\r\n`.repeat(60)}`;
    const bytes = Buffer.from(text, 'utf16le');
    const { messages } = await readExport(put(encoding === 'utf16be' ? bytes.swap16() : bytes));
    expect(messages.map((message) => message.text)).toEqual(Array.from({ length: 60 }, () => body));
  });

  test('UTF-16 that breaks off within a character is refused', async () => {
    const path = put(Buffer.concat([Buffer.from(`\uFEFF${chat}`, 'utf16le'), Buffer.from([0x3d])]));
    expect((await refusal(path)).message).toBe(`${path}: the file begins as UTF-16 but holds bytes that are not`);
  });

  test('whatever Unicode allows in a message is read as it is', async () => {
    const hard = [
      `e${'\u0301'.repeat(100_000)}`,
      Array.from({ length: 8_000 }, () => '\u{1F468}').join('\u200d'),
      '\u202edlrow\u202c \u2066olleh\u2069 \u200f',
      '\u0007\u001b[31m red \u0085 \u2028 \u2029 end',
      "=cmd|'/c calc'!A1 $(rm -rf /) `id` \"; DROP TABLE messages; --",
    ];
    const text = hard.map((body) => `19/09/2026, 09:52 - Mia: x${body}\n`).join('');
    const { messages } = await readExport(put(text));
    expect(messages.map((message) => message.text)).toEqual(hard.map((body) => `x${body}`));
  });

  test('20 MB in one line are refused without being kept', async () => {
    const path = put(`${chat}19/09/2026, 09:54 - Mia: ${'secret '.repeat(3_000_000)}\n`);
    expect((await refusal(path)).message).toBe(`${path}, line 3: the line is longer than any message`);
  });

  test('two exports in one file: later dates first are noted, another date format too', async () => {
    const earlier = chat.replaceAll('/2026', '/2025');
    const { messages, oddities } = await readExport(put(`\uFEFF${chat}\uFEFF${earlier}`));
    expect(messages).toHaveLength(4);
    expect(oddities).toEqual(['messages dated more than a day before the message above them: 1 (the first is line 3)']);
    const mixed = await readExport(put(`${chat}${chat}[19/09/2026, 09:52:00] Mia: hello\n`));
    expect(mixed.oddities.join()).toContain('another date format, kept as text of the message above: 1');
  });

  test('a message as long as WhatsApp allows is read', async () => {
    const long = 'ab\n'.repeat(21_845) + 'c';
    const { messages } = await readExport(put(`${chat}19/09/2026, 09:54 - Mia: ${long}\n`));
    expect(messages[2]?.text).toBe(long);
  });

  test('longer ones in one line are kept whole and reported', async () => {
    const long = 'x'.repeat(65_537);
    const { messages, oddities } = await readExport(put(`${chat}19/09/2026, 09:54 - Mia: ${long}\n`));
    expect(messages[2]?.text).toBe(long);
    expect(oddities).toEqual([
      'messages of more than the 65,536 characters that WhatsApp allows, kept whole: 1 (the first is line 3)',
    ]);
    const allowed = await readExport(put(`${chat}19/09/2026, 09:54 - Mia: ${long.slice(1)}\n`));
    expect(allowed.oddities).toEqual([]);
  });

  test('a file that changes between two readings is refused, not read half', async () => {
    const path = put(chat);
    const file = await openExport(path);
    expect([...file.messages()]).toHaveLength(2);
    appendFileSync(path, chat);
    expect(() => [...file.messages()]).toThrow(`${path} changed while it was read`);
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

describe('folders', () => {
  const unpacked = (names: Record<string, string>): string => {
    const path = mkdtempSync(join(folder, 'unpacked-'));
    for (const [name, data] of Object.entries(names)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), data);
    }
    return path;
  };

  test('the one chat in it is read, the rest counted', async () => {
    const path = unpacked({
      '_chat.txt': chat,
      '00000012-PHOTO.jpg': '',
      '00000013-notes.txt': 'secret',
      '.DS_Store': '',
      'more/a.jpg': '',
      'more/_chat.txt': 'secret',
    });
    const { messages, mediaFiles } = await readExport(path);
    expect(messages).toEqual(parseExport(chat).messages);
    expect(mediaFiles).toBe(4);
  });

  test('links in it are not followed', async () => {
    const path = unpacked({});
    symlinkSync(put(chat), join(path, '_chat.txt'));
    expect((await refusal(path)).message).toContain('the folder holds no chat');
  });

  test.each([
    [{ 'a.jpg': '' }, 'holds no chat (_chat.txt, another .txt, or result.json)'],
    [{ 'a.txt': chat, 'b.txt': chat }, 'holds 2 texts that may be the chat'],
    [{ 'messages.html': '<html>' }, 'holds a chat as web pages only'],
    [{ 'x/_chat.txt': chat }, 'holds no chat (_chat.txt, another .txt, or result.json)'],
  ])('%# is refused', async (names, message) => {
    const path = unpacked(names);
    expect((await refusal(path)).message).toBe(`${path}: the folder ${message}`);
  });
});

test('a chat is read anew on every call, and may be left at any message', async () => {
  const file = await openExport(put(chat));
  for (const message of file.messages()) {
    expect(message.line).toBe(1);
    break;
  }
  expect([...file.messages()]).toEqual([...file.messages()]);
});
