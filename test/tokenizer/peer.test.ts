/**
 * The same ids as @huggingface/tokenizers for any text, on each shape of tokenizer.json. Special tokens are taken out of the files
 * for it, since it knows no `split_special_tokens`; what the Python library makes of them is in tokenizer-json.test.ts.
 */
import { readFileSync } from 'node:fs';
import * as peerLibrary from '@huggingface/tokenizers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { readTokenizerJson } from '../../src/tokenizer/read-tokenizer-json.ts';
import { anyText } from './examples.ts';

/** Its own declarations name files without their endings, which TypeScript does not follow from an ES module. */
interface Peer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = peerLibrary as unknown as { Tokenizer: new (file: object, config: object) => Peer };

const pieces = [
  ...["I'll", "WE'LL", "it'S", "'d'", "x'ſ", '\ud83d', '\udc00', 'tonight', ' tonight', ' the', 'see', 'theatre'],
  ...['1', '12', '123', '1234567', '3.14', '٣', '½', 'ⅷ', '２３', '一二'],
  ...[' ', '   ', '\n', '\n\n', '\r\n', '\t', ' \n ', '\u00a0', '\u3000', '\u2028', '!!!\n', '...', '?!', ' (', '/'],
  ...[
    'camelCase',
    'HTTPServer',
    'ǅ',
    'İı',
    'Straße',
    'e\u0301',
    '\u0301\u0302',
    '\u212b',
    '\u1100\u1161',
    '漢字カタカナひらがな',
  ],
  ...['<tool_call>', '</tool_call>', '<tool_', '\u212bngstr\u00f6m', 'A\u030angstro\u0308m', '<|im_start|>', '<|bos|>'],
];
const text = fc
  .array(fc.oneof(anyText, fc.constantFrom(...pieces), fc.constantFrom(...pieces)), { maxLength: 8 })
  .map((parts) => parts.join(''));

/**
 * Where it differs from the Rust library, which this program follows: white space is JavaScript's, which has U+FEFF and lacks
 * U+0085; `(?i:s)` is not the long s; and Digits are ASCII's.
 */
const differs = /[\u0085\ufeff\u017f]/gu;
const differsInDigits = /[\u0085\ufeff\u017f]|(?!\d)\p{N}/gu;

test.each(['own', 'gpt2', 'llama3', 'qwen2', 'smollm2', 'o200k', 'deepseek', 'digit-runs'])('%s', (shape) => {
  const json = readFileSync(new URL(`fixtures/${shape}.json`, import.meta.url), 'utf8');
  const file = JSON.parse(json) as { added_tokens: { special: boolean }[] };
  const peer = new Tokenizer({ ...file, added_tokens: file.added_tokens.filter(({ special }) => !special) }, {});
  const tokenizer = createTokenizer(readTokenizerJson(json));
  const left = ['smollm2', 'digit-runs'].includes(shape) ? differsInDigits : differs;
  fc.assert(
    fc.property(text, (drawn) => {
      const both = drawn.replace(left, '');
      expect(tokenizer.encode(both)).toEqual(peer.encode(both, { add_special_tokens: false }).ids);
    }),
    { numRuns: 300 },
  );
});
