/** tokenizer.json and the chat template out and in, against what Hugging Face's libraries made of them; refusals by key. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../src/util/errors.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { layOut } from '../../src/tokenizer/bpe-model.ts';
import { spell } from '../../src/tokenizer/byte-alphabet.ts';
import { encodePrompt, specialTokens } from '../../src/tokenizer/chat-format.ts';
import { readTokenizerJson } from '../../src/tokenizer/read-tokenizer-json.ts';
import {
  fromTokenizerJson,
  tokenizerConfigJson,
  toTokenizerJson,
  withSpecialTokens,
} from '../../src/tokenizer/tokenizer-json.ts';
import { message, tinyModel, tinyTokenizer } from './examples.ts';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const texts = z.array(z.string()).parse(JSON.parse(fixture('texts.json')));
const shapes = ['gpt2', 'llama3', 'qwen2', 'smollm2', 'o200k', 'deepseek', 'digit-runs'];
const reference = z
  .object({
    encoded: z.record(z.string(), z.array(z.array(z.number()))),
    merges: z.array(z.string()),
    prompts: z.array(
      z.object({
        messages: z.array(z.object({ role: z.enum(['user', 'assistant', 'system']), content: z.string() })),
        ids: z.array(z.number()),
        extendedIds: z.array(z.number()),
      }),
    ),
  })
  .parse(JSON.parse(fixture('reference.json')));

describe('the Python libraries (fixtures/reference.py)', () => {
  test('read the files that are written here', async () => {
    // a change of either needs reference.py to be run again
    await expect(toTokenizerJson(tinyModel)).toMatchFileSnapshot('fixtures/own.json');
    await expect(tokenizerConfigJson()).toMatchFileSnapshot('fixtures/own-config.json');
    await expect(withSpecialTokens(fixture('llama3.json')).tokenizerJson).toMatchFileSnapshot('fixtures/extended.json');
  });

  test('open our own with AutoTokenizer and encode to the same ids', () => {
    expect(texts.length).toBeGreaterThan(60);
    expect(texts.map((text) => tinyTokenizer.encode(text))).toEqual(reference.encoded['own']);
  });

  test.each(shapes)('encode to the same ids with a tokenizer like %s', (shape) => {
    const tokenizer = createTokenizer(readTokenizerJson(fixture(`${shape}.json`)));
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(reference.encoded[shape]);
  });

  test('open a base with our tokens added and encode to the same ids', () => {
    const tokenizer = createTokenizer(fromTokenizerJson(fixture('extended.json')));
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(reference.encoded['extended']);
  });

  test('learn the same merges', () => {
    const { tokens, merges } = trainBpe([...texts, ...texts], { vocabSize: 800, specials: [] });
    const names = tokens.map(spell);
    expect(merges.map(([left, right]) => `${names[left]} ${names[right]}`)).toEqual(reference.merges);
  });

  test('render the chat template to the ids of encodePrompt', () => {
    const extended = createTokenizer(fromTokenizerJson(fixture('extended.json')));
    for (const { messages, ids, extendedIds } of reference.prompts) {
      const rows = messages
        .filter(({ role }) => role !== 'system')
        .map(({ role, content }, rowId) => message({ rowId, isPersona: role === 'assistant', text: content }));
      expect(encodePrompt(rows, tinyTokenizer, { maxTokens: 1000 }).ids).toEqual(ids);
      expect(encodePrompt(rows, extended, { maxTokens: 1000 }).ids).toEqual(extendedIds);
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
    const { model } = parseFile(toTokenizerJson(layOut(specialTokens, [[64 + 32, 64 + 10]])));
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
    ['no model', (file) => Reflect.deleteProperty(file, 'model'), 'model is missing or not'],
    ['another model', (file) => (file.model.type = 'Unigram'), 'model.type is missing or not'],
    ['a dropout', (file) => (file.model['dropout'] = 0.1), 'model.dropout is missing or not'],
    ['a word prefix', (file) => (file.model['continuing_subword_prefix'] = '##'), 'model.continuing_subword_prefix is'],
    ['a prefix space', (file) => (file.pre_tokenizer['add_prefix_space'] = true), 'pre_tokenizer.add_prefix_space is'],
    ['another splitter', (file) => (file.pre_tokenizer['type'] = 'Whitespace'), 'pre_tokenizer.type is missing or not'],
    ['another normalizer', (file) => (file.normalizer = { type: 'Lowercase' }), 'normalizer is missing or not'],
    [
      'normalizers among which is another',
      (file) => (file.normalizer = { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] }),
      'normalizer is missing or not',
    ],
    ['another decoder', (file) => (file.decoder = { type: 'WordPiece' }), 'decoder.type is missing or not'],
    ['a special missing', (file) => file.added_tokens.pop(), 'added_tokens lacks <|reserved23|>, a special token of'],
    [
      'a special renamed',
      (file) => (at(file.added_tokens, 5).content = '<x>'),
      'added_tokens[5] has id 5, which model',
    ],
    [
      'a special moved',
      (file) => (at(file.added_tokens, 6).id = 7),
      'added_tokens[6] has id 7, which model.vocab gives',
    ],
    [
      'one not special',
      (file) => (at(file.added_tokens, 2).special = false),
      'added_tokens lacks <|other|>, a special',
    ],
    [
      'one that takes spaces along',
      (file) => Object.assign(at(file.added_tokens, 2), { special: false, lstrip: true }),
      'added_tokens[2].lstrip is true for a token that is not special',
    ],
    ['a byte missing', (file) => Reflect.deleteProperty(file.model.vocab, 'A'), 'model.vocab has no token for byte 65'],
    ['an id twice', (file) => (file.model.vocab['A'] = 3), 'model.vocab gives id 3 twice'],
    ['a fraction', (file) => (file.model.vocab['A'] = 0.5), 'model.vocab has an id that is not a whole number'],
    [
      'an id beyond reason',
      (file) => (file.model.vocab['A'] = 1e9),
      'model.vocab has an id that is not a whole number',
    ],
    ['a token of no bytes', (file) => (file.model.vocab['你'] = 400), 'model.vocab spells id 400 with characters that'],
    ['a merge of one', (file) => (file.model.merges[0] = ['ab']), 'model.merges[0] does not join two tokens'],
    ['a merge with nothing', (file) => (file.model.merges[0] = 'a '), 'model.merges[0] does not join two tokens'],
    ['a merge of three', (file) => (file.model.merges[0] = 'a b c'), 'model.merges[0] does not join two tokens'],
    [
      'a merge of a special',
      (file) => (file.model.merges[3] = '<|end|> a'),
      'model.merges[3] does not join two tokens',
    ],
    [
      'a merge that makes nothing',
      (file) => (file.model.merges[0] = 'Q Q'),
      'model.merges[0] does not join two tokens',
    ],
    [
      'byte fallback',
      (file) => (file.model['byte_fallback'] = true),
      'model.byte_fallback is true, which SentencePiece',
    ],
    ['Metaspace', (file) => (file.pre_tokenizer = { type: 'Metaspace' }), 'pre_tokenizer has a Metaspace, which Sent'],
    [
      "Llama 2's normalizer",
      (file) => (file.normalizer = { type: 'Sequence', normalizers: [{ type: 'Prepend' }, { type: 'Replace' }] }),
      'normalizer has a Prepend, which SentencePiece-style tokenizers have; only byte-level BPE is read',
    ],
    [
      "Llama 2's decoder",
      (file) => (file.decoder = { type: 'Sequence', decoders: [{ type: 'ByteFallback' }] }),
      'decoder has a ByteFallback, which SentencePiece',
    ],
    ['no ByteLevel', (file) => (file.pre_tokenizer = sequence(splitBy('a'))), 'pre_tokenizer does not end in its one'],
    [
      'a splitter that drops text',
      (file) => (file.pre_tokenizer = sequence({ ...splitBy(' '), behavior: 'Removed' }, bytes)),
      'pre_tokenizer.pretokenizers[0].behavior drops what it matches',
    ],
    [
      'an unknown expression',
      (file) => (file.pre_tokenizer = sequence(splitBy('a'), splitBy('\\p{L}++'), bytes)),
      'pre_tokenizer.pretokenizers[1].pattern.Regex has the possessive ++, which is not read here',
    ],
  ])('with %s is refused, naming the key', (_, edit, problem) => {
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
    const bytesOnly = fromTokenizerJson(toTokenizerJson(layOut(specialTokens, [])));
    expect(createTokenizer(bytesOnly).encode('ab')).toEqual([64 + 97, 64 + 98]);
  });
});

describe('a tokenizer of another program', () => {
  test('may lack bytes that no text holds', () => {
    const json = change((file) => {
      for (const char of ['À', 'Á', 'õ', 'ÿ']) Reflect.deleteProperty(file.model.vocab, char); // 0xc0, 0xc1, 0xf5, 0xff
    });
    expect(createTokenizer(readTokenizerJson(json)).encode('ÿ')).toEqual(tinyTokenizer.encode('ÿ'));
  });

  test('may have its normalizers in a list', () => {
    const lists = [[], [{ type: 'NFC' }]].map((normalizers) =>
      change((file) => (file.normalizer = { type: 'Sequence', normalizers })),
    );
    expect(lists.map((json) => readTokenizerJson(json).normalizer)).toEqual([null, 'NFC']);
  });

  test('says which id it puts before a text', () => {
    expect(shapes.map((shape) => [shape, readTokenizerJson(fixture(`${shape}.json`)).bosId])).toEqual([
      ['gpt2', null],
      ['llama3', 480],
      ['qwen2', null],
      ['smollm2', null],
      ['o200k', null],
      ['deepseek', 480],
      ['digit-runs', null],
    ]);
  });

  test('comes back from its ids', () => {
    for (const shape of shapes) {
      const model = readTokenizerJson(fixture(`${shape}.json`));
      const tokenizer = createTokenizer(model);
      for (const text of texts) {
        const wanted = model.normalizer === null ? text : text.normalize(model.normalizer);
        // the sign for angstrom is a token that NFC would spell otherwise
        expect(tokenizer.decode(tokenizer.encode(text)).normalize('NFC')).toBe(wanted.normalize('NFC'));
      }
    }
  });

  test.each(shapes)('like %s keeps its ids when the chat format is added', (shape) => {
    const json = fixture(`${shape}.json`);
    const base = createTokenizer(readTokenizerJson(json));
    const { tokenizerJson, baseVocabSize, vocabSize } = withSpecialTokens(json);
    const extended = createTokenizer(fromTokenizerJson(tokenizerJson));
    expect([baseVocabSize, vocabSize, extended.vocabSize]).toEqual([base.vocabSize, base.vocabSize + 64, vocabSize]);
    expect(specialTokens.map((name) => extended.specialId(name))).toEqual(
      specialTokens.map((_, i) => baseVocabSize + i),
    );
    expect(extended.specialIds).toEqual([...base.specialIds, ...specialTokens.map((_, i) => baseVocabSize + i)]);
    for (const text of texts) expect(extended.encode(text)).toEqual(base.encode(text));
    expect(withSpecialTokens(tokenizerJson)).toEqual({ tokenizerJson, baseVocabSize: vocabSize, vocabSize });
    expect({ ...parseFile(tokenizerJson), added_tokens: null }).toEqual({ ...parseFile(json), added_tokens: null });
  });

  test('whose name of a special token is taken, or whose ids have a hole, gets none added', () => {
    const tries: [(file: TokenizerFile) => unknown, string][] = [
      [
        (file) => file.added_tokens.push({ id: 483, content: '<|end|>', special: false }),
        'tokenizer.json: has <|end|> as a token that is not special.',
      ],
      [(file) => (at(file.added_tokens, 2).id = 500), 'tokenizer.json: uses 483 of its 501 ids.'],
    ];
    for (const [edit, problem] of tries) {
      const file = parseFile(fixture('gpt2.json'));
      edit(file);
      const refused = catchError(() => withSpecialTokens(JSON.stringify(file)));
      expect(refused).toBeInstanceOf(UserError);
      expect(refused?.message).toBe(problem);
    }
  });
});

const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
const splitBy = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers });

interface TokenizerFile {
  added_tokens: { id: number; content: string; special: boolean }[];
  normalizer: unknown;
  decoder: unknown;
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
