/** tokenizer.json and the chat template against what Hugging Face made of them (fixtures/), and refusals by field. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../src/util/errors.ts';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { encodePrompt } from '../../src/tokenizer/chat-format.ts';
import { fromTokenizerJson, tokenizerConfigJson, toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import { message, tinyModel, tinyTokenizer } from './examples.ts';

const fixture = z
  .object({
    encoded: z.array(z.object({ text: z.string(), ids: z.array(z.number()) })),
    chatTemplate: z.string(),
    prompts: z.array(
      z.object({
        messages: z.array(z.object({ role: z.enum(['user', 'assistant', 'system']), content: z.string() })),
        ids: z.array(z.number()),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('fixtures/hugging-face.json', import.meta.url), 'utf8')));

describe('Hugging Face', () => {
  test('encodes to the same ids', () => {
    expect(fixture.encoded.length).toBeGreaterThan(60);
    for (const { text, ids } of fixture.encoded) expect(tinyTokenizer.encode(text)).toEqual(ids);
  });

  test('renders the chat template to the ids of encodePrompt', () => {
    expect(z.object({ chat_template: z.string() }).parse(JSON.parse(tokenizerConfigJson())).chat_template).toBe(
      fixture.chatTemplate, // a changed template needs a new fixture
    );
    for (const { messages, ids } of fixture.prompts) {
      const rows = messages
        .filter(({ role }) => role !== 'system')
        .map(({ role, content }, rowId) => message({ rowId, isPersona: role === 'assistant', text: content }));
      expect(encodePrompt(rows, tinyTokenizer, { maxTokens: 1000 }).ids).toEqual(ids);
    }
  });
});

describe('tokenizer.json', () => {
  test('comes back as the same model', () => {
    const again = fromTokenizerJson(toTokenizerJson(tinyModel));
    expect(again).toEqual(tinyModel);
    expect(toTokenizerJson(again)).toBe(toTokenizerJson(tinyModel));
  });

  test('may hold merges as pairs, as newer writers put them', () => {
    const json = change((file) => (file.model.merges = file.model.merges.map((merge) => String(merge).split(' '))));
    expect(fromTokenizerJson(json)).toEqual(tinyModel);
  });

  test('spells bytes in the printable alphabet', () => {
    const { model } = parseFile(toTokenizerJson({ ...tinyModel, merges: [[64 + 32, 64 + 10]] }));
    expect([model.vocab['Ġ'], model.vocab['Ċ'], model.vocab['a'], model.vocab['ÿ'], model.vocab['Ń']]).toEqual([
      64 + 32,
      64 + 10,
      64 + 97,
      64 + 255,
      64 + 173,
    ]);
    expect(model.merges).toEqual(['Ġ Ċ']);
  });

  test.each<[string, (file: TokenizerFile) => unknown, string]>([
    ['no model', (file) => Reflect.deleteProperty(file, 'model'), 'model is missing'],
    ['another model', (file) => (file.model.type = 'Unigram'), 'model.type is missing or not'],
    ['a dropout', (file) => (file.model['dropout'] = 0.1), 'model.dropout is missing or not'],
    ['a prefix space', (file) => (file.pre_tokenizer['add_prefix_space'] = true), 'pre_tokenizer.add_prefix_space is'],
    ['another splitter', (file) => (file.pre_tokenizer['type'] = 'Split'), 'pre_tokenizer.type is missing or not'],
    ['a normalizer', (file) => (file.normalizer = { type: 'NFC' }), 'normalizer is missing or not'],
    ['a special missing', (file) => file.added_tokens.pop(), 'added_tokens has 63 entries, chat format v1 has 64'],
    ['a special renamed', (file) => (at(file.added_tokens, 5).content = '<x>'), 'added_tokens[5] is not <|other4|>'],
    ['a special moved', (file) => (at(file.added_tokens, 6).id = 7), 'added_tokens[6] is not <|other5|> with id 6'],
    ['one not special', (file) => (at(file.added_tokens, 2).special = false), 'added_tokens.2.special is missing or'],
    ['a byte moved', (file) => (file.model.vocab['A'] = 3), 'model.vocab does not give id 129 to'],
    ['a fraction', (file) => (file.model.vocab['A'] = 0.5), 'model.vocab.A is missing or not'],
    ['a word too many', (file) => (file.model.vocab['zzz'] = 999), 'model.vocab has 401 entries'],
    [
      'a merge missing',
      (file) => file.model.merges.pop(),
      'model.vocab has 400 entries, specials, bytes and merges make 399',
    ],
    ['merges swapped', (file) => file.model.merges.reverse(), 'model.merges[0] does not join two ids'],
    ['a merge of three', (file) => (file.model.merges[0] = 'a b c'), 'model.merges[0] does not join two ids'],
    ['a merge of a special', (file) => (file.model.merges[3] = '<|end|> a'), 'model.merges[3] does not join two ids'],
    ['a merge that makes nothing', (file) => (file.model.merges[0] = 'Q Q'), 'model.vocab does not give id 320'],
  ])('with %s is refused, naming the field', (_, edit, problem) => {
    const refused = catchError(() => fromTokenizerJson(change(edit)));
    expect(refused).toBeInstanceOf(UserError);
    expect(refused?.message).toContain(`tokenizer.json: ${problem}`);
  });

  test('that is no JSON is refused without being quoted', () => {
    const refused = catchError(() => fromTokenizerJson('{"secret word'));
    expect(refused).toBeInstanceOf(UserError);
    expect(refused?.message).toBe('tokenizer.json is not JSON.');
    expect(catchError(() => fromTokenizerJson('[]'))?.message).toContain('tokenizer.json: the file is missing or not');
  });

  test('of a model without merges is whole', () => {
    const bytesOnly = fromTokenizerJson(toTokenizerJson({ ...tinyModel, merges: [] }));
    expect(createTokenizer(bytesOnly).encode('ab')).toEqual([64 + 97, 64 + 98]);
  });
});

interface TokenizerFile {
  added_tokens: { id: number; content: string; special: boolean }[];
  normalizer: unknown;
  pre_tokenizer: Record<string, unknown>;
  model: { type: string; vocab: Record<string, number>; merges: (string | string[])[]; [field: string]: unknown };
}

function parseFile(json: string): TokenizerFile {
  return JSON.parse(json) as TokenizerFile;
}

function change(edit: (file: TokenizerFile) => unknown): string {
  const file = parseFile(toTokenizerJson(tinyModel));
  edit(file);
  return JSON.stringify(file);
}

function at<T>(items: T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`no item ${index}`);
  return item;
}

function catchError(work: () => unknown): Error | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return undefined;
}
