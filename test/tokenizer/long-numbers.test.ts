/** Digits of long numbers carry no loss in training; everything around them does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { encodeConversation, lossKind } from '../../src/tokenizer/chat-format.ts';
import { hasLongNumber, inLongNumbers } from '../../src/tokenizer/long-numbers.ts';
import { fromTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../../src/util/dist.ts';

const tokenizerFile = join(projectRoot, 'models', 'base', 'nano', 'tokenizer.json');
const tokenizer = createTokenizer(fromTokenizerJson(readFileSync(tokenizerFile, 'utf8')));

/** What of a persona's message carries loss. */
function learned(text: string, skipsLongNumbers: boolean): string {
  const { ids, kinds } = encodeConversation(
    [
      {
        ...{ rowId: 1, personId: 1, isPersona: true, isBot: false, timestampMs: null, minutePrecision: false },
        ...{ text, media: null, quotedRowId: null },
      },
    ],
    tokenizer,
    { skipsLongNumbers },
  );
  return tokenizer.decode([...ids].filter((id, at) => kinds[at] === lossKind.text && !tokenizer.isSpecial(id)));
}

test('six digits and more are left out, in any script; five are not, and what stands around them stays', () => {
  expect(learned('the door is 914616 now', true)).toMatch(/^the door is ? now$/);
  expect(learned('the door is 914616 now', false)).toBe('the door is 914616 now');
  expect(learned('the door is 91461 now', true)).toBe('the door is 91461 now');
  expect(learned('الباب ٩١٤٦١٦', true)).toMatch(/^الباب ?$/);
  expect(hasLongNumber('at 12:30, 19 of 20')).toBe(false);
});

test('whatever surrounds it: no digit of a long number is learned, and no other word is lost', () => {
  const words = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Nd}/u.test(text));
  const digits = fc.stringMatching(/^\d{6,12}$/);
  fc.assert(
    fc.property(words, digits, words, (before, number, after) => {
      const text = `${before} ${number} ${after}`;
      expect(learned(text, true)).not.toMatch(/\d/);
      const ids = tokenizer.encode(text);
      const skipped = inLongNumbers(text, ids, tokenizer);
      expect(tokenizer.decode(ids.filter((_, at) => skipped[at])).trim()).toBe(number);
    }),
  );
});
