/**
 * Exported conversations are what other trainers read without help: JSON Lines of one schema, as Hugging Face's `datasets`
 * infers it (docs/scale-out.md), in which every assistant turn is the persona's own words to be learned.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { importSample, sample } from '../../scripts/sample.ts';
import { buildDataset } from '../../src/dataset/build.ts';
import type { Conversation } from '../../src/dataset/conversations.ts';
import { isScored } from '../../src/dataset/conversations.ts';
import { sftFormats, sftLine, sftRows, type SftOptions, type SftRow } from '../../src/dataset/sft.ts';
import { exportSft } from '../../src/nightly/export-sft.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { anyConversation, message } from '../tokenizer/examples.ts';

const text = z.string().refine((value) => value.trim() !== '', 'no text');
const turn = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text });
const schemas = {
  text: z.strictObject({ prompt: z.string().startsWith('<|bos|>'), completion: z.string().endsWith('<|end|>') }),
  'prompt-completion': z.strictObject({ prompt: z.array(turn).min(1), completion: z.tuple([turn]) }),
  messages: z.strictObject({ messages: z.array(turn).min(2).refine(alternates, 'roles alternate') }),
  sharegpt: z.strictObject({
    conversations: z.array(z.strictObject({ from: z.enum(['system', 'human', 'gpt']), value: text })).min(2),
  }),
};

/** One system turn at most; the user begins, the assistant ends. */
function alternates(turns: readonly { role: string }[]): boolean {
  const roles = turns.map(({ role }) => role);
  const said = roles[0] === 'system' ? roles.slice(1) : roles;
  return said.length % 2 === 0 && said.every((role, i) => role === (i % 2 === 0 ? 'user' : 'assistant'));
}

/** Arrow's type of a JSON value; lists and objects must hold one type throughout. @throws Error naming the place */
function arrowType(value: unknown, at = '$'): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    const types = new Set(value.map((each, i) => arrowType(each, `${at}[${i}]`)));
    if (types.size > 1) throw new Error(`${at} mixes ${[...types].join(' and ')}`);
    return `list<${[...types][0] ?? 'null'}>`;
  }
  if (typeof value !== 'object') return typeof value;
  const fields = Object.entries(value).map(([key, each]) => `${key}: ${arrowType(each, `${at}.${key}`)}`);
  return `struct<${fields.join(', ')}>`;
}

/** The type that all lines of a file have, as bytes that a strict reader takes. @throws Error where there is none */
function schemaOf(file: Buffer): string {
  const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file);
  expect(decoded.startsWith('\ufeff')).toBe(false);
  expect(decoded.endsWith('\n')).toBe(true);
  expect(decoded).not.toMatch(/[\r\u0085\u2028\u2029]|\\ud[89a-f]/i);
  const types = new Set(
    decoded
      .trimEnd()
      .split('\n')
      .map((line) => arrowType(JSON.parse(line))),
  );
  if (types.size !== 1) throw new Error(`lines of ${types.size} types`);
  const [type = ''] = types;
  if (type.includes('null')) throw new Error(`null in ${type}`);
  return type;
}

const redact: SftOptions['redact'] = (given) => {
  const start = given.indexOf('555 0100');
  return start < 0 ? [] : [{ start, end: start + 8, token: 'phone' as const }];
};
const asMessages: SftOptions = { format: 'messages', redact };

function conversation(messages: ConversationMessage[], changes: Partial<Conversation> = {}): Conversation {
  return { chatKey: 'chat', startMs: null, previousMs: null, messages, withoutLoss: new Set(), ...changes };
}

/** `u: text` and `a: text`, a letter a turn. */
const shown = (rows: readonly SftRow[]): string[][] =>
  rows.map((row) => ('messages' in row ? row.messages.map(({ role, content }) => `${role[0]}: ${content}`) : []));

const user = (rowId: number, said: string, changes: Partial<ConversationMessage> = {}): ConversationMessage =>
  message({ rowId, text: said, ...changes });
const own = (rowId: number, said: string, changes: Partial<ConversationMessage> = {}): ConversationMessage =>
  message({ rowId, text: said, isPersona: true, ...changes });
const bot = (rowId: number, said: string): ConversationMessage =>
  message({ rowId, text: said, personId: 1, isBot: true });

describe('conversations', () => {
  const chat = conversation([
    own(1, 'opens'),
    user(2, 'are you up?'),
    user(3, 'call 555 0100', { personId: 3 }),
    own(4, 'yes'),
    own(5, 'on the way', { media: 'image' }),
    user(6, 'ok'),
    own(7, 'see you'),
    user(8, 'bye'),
  ]);

  test('begin with the user and end with the persona; what is said in a row is one turn', () => {
    expect(shown(sftRows(chat, asMessages))).toEqual([
      ['u: are you up?\ncall [phone]', 'a: yes\n[image]on the way', 'u: ok', 'a: see you'],
    ]);
  });

  test('as ShareGPT, and with a system message', () => {
    const [row] = sftRows(chat, { format: 'sharegpt', redact, system: 'You are Juno.' });
    expect(row).toEqual({
      conversations: [
        { from: 'system', value: 'You are Juno.' },
        { from: 'human', value: 'are you up?\ncall [phone]' },
        { from: 'gpt', value: 'yes\n[image]on the way' },
        { from: 'human', value: 'ok' },
        { from: 'gpt', value: 'see you' },
      ],
    });
    expect(shown(sftRows(chat, { ...asMessages, system: 'Be brief.' }))[0]?.[0]).toBe('s: Be brief.');
  });

  test('end before a turn that is not to be learned, and begin again after it', () => {
    const around = (middle: ConversationMessage[], withoutLoss: number[] = []): string[][] =>
      shown(
        sftRows(
          conversation(
            [user(1, 'hey'), own(2, 'yo'), user(3, 'so?'), ...middle, own(7, 'lost'), user(8, 'and?'), own(9, 'fine')],
            { withoutLoss: new Set(withoutLoss) },
          ),
          asMessages,
        ),
      );
    const cut = [
      ['u: hey', 'a: yo'],
      ['u: and?', 'a: fine'],
    ];
    expect(around([bot(4, 'I am the bot')])).toEqual(cut);
    expect(around([own(4, 'said before')], [4])).toEqual(cut);
    expect(around([own(4, 'new'), bot(5, 'I am the bot')])).toEqual([
      ['u: hey', 'a: yo', 'u: so?', 'a: new'],
      ['u: and?', 'a: fine'],
    ]);
    const picture = [user(1, 'hey'), own(2, '', { media: 'image' }), user(3, 'nice'), own(4, 'right')];
    expect(shown(sftRows(conversation(picture), asMessages))).toEqual([['u: nice', 'a: right']]);
  });

  test('that are long go on in another row, no turn cut', () => {
    const long = conversation([1, 3, 5].flatMap((id) => [user(id, 'u'.repeat(30)), own(id + 1, 'a'.repeat(30))]));
    const lengths = (maxChars: number): number[] =>
      sftRows(long, { ...asMessages, maxChars }).map((row) => ('messages' in row ? row.messages.length : 0));
    expect(lengths(180)).toEqual([6]);
    expect(lengths(179)).toEqual([4, 2]);
    expect(lengths(1)).toEqual([2, 2, 2]);
  });

  test('hold nothing but own words as assistant, whatever is said, and none twice', () => {
    fc.assert(
      fc.property(
        fc.array(anyConversation(16), { maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        (lists, maxChars) => {
          const chats = lists.map((messages, i) => ({
            chatKey: `chat${i}`,
            messages: messages.map((each, at) => ({ ...each, rowId: i * 100 + at })),
          }));
          for (const { conversation: part } of buildDataset({ chats, timezone: 'UTC' }).conversations) {
            const rows = sftRows(part, { ...asMessages, maxChars });
            for (const row of rows) expect(schemas.messages.safeParse(row).error).toBeUndefined();
            const learned = rows.flatMap((row) =>
              'messages' in row ? row.messages.filter(({ role }) => role === 'assistant') : [],
            );
            const targets = part.messages.filter((each) => isScored(each, part));
            expect(learned.length).toBeLessThanOrEqual(targets.length);
            // with a mark in every own message that is a target, nothing else shows up as assistant
            const marked = part.messages.map((each) => ({
              ...each,
              text: `${isScored(each, part) ? 'OWN' : 'OTHER'}${each.text}`,
            }));
            const all = sftRows({ ...part, messages: marked }, { ...asMessages, maxChars })
              .flatMap((row) => ('messages' in row ? row.messages : []))
              .filter(({ role }) => role === 'assistant')
              .map(({ content }) => content)
              .join('\n');
            expect(all).not.toContain('OTHER');
            expect(all.split('OWN').length - 1).toBeLessThanOrEqual(targets.length);
          }
        },
      ),
    );
  });
});

describe('files', () => {
  const expected = {
    text: 'struct<prompt: string, completion: string>',
    'prompt-completion':
      'struct<prompt: list<struct<role: string, content: string>>, completion: list<struct<role: string, content: string>>>',
    messages: 'struct<messages: list<struct<role: string, content: string>>>',
    sharegpt: 'struct<conversations: list<struct<from: string, value: string>>>',
  };

  test('of the sample chat have one schema over all lines, in every format', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'persona-sft-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const dataDir = join(dir, 'data');
    await importSample(dataDir);
    for (const format of sftFormats) {
      const where = { dataDir, speaker: 'me', timezone: sample.timezone, file: join(dir, `${format}.jsonl`) };
      const { file, rows } = exportSft({ ...where, format });
      const bytes = readFileSync(file);
      expect(schemaOf(bytes), format).toBe(expected[format]);
      const lines = bytes.toString().trimEnd().split('\n');
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(schemas[format].safeParse(JSON.parse(line)).error, line).toBeUndefined();
    }
  });

  test('take any text: half surrogates, line ends of other kinds, a byte order mark', () => {
    const odd = ['\ud800 a \udc00', 'b\u2028c\u2029d\u0085e\r\nf', '\ufeffg\0h', '"\\u2028\\ud800"'];
    for (const format of sftFormats) {
      const lines = odd.flatMap((each, i) =>
        sftRows(conversation([user(i, each), own(i + 10, each)]), { format, redact }).map(sftLine),
      );
      expect(lines).toHaveLength(odd.length);
      const bytes = Buffer.from(lines.slice(0, 3).join(''));
      expect(schemaOf(bytes)).toBe(expected[format]);
      expect(lines.map((line) => JSON.stringify(JSON.parse(line))).join('')).toContain('b\u2028c\u2029d\u0085e');
    }
  });

  test('the check itself sees what Arrow refuses', () => {
    const file = (...rows: unknown[]): Buffer => Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(() => schemaOf(file({ a: 'x' }, { a: 1 }))).toThrow('lines of 2 types');
    expect(() => schemaOf(file({ a: ['x', 1] }))).toThrow('$.a mixes string and number');
    expect(() => schemaOf(file({ a: 'x' }, { a: 'x', b: 'y' }))).toThrow('lines of 2 types');
    expect(() => schemaOf(file({ a: null }))).toThrow('null');
  });
});
