/** Byte-level BPE: training by hand-counted cases and against a slow reference, lossless encoding, hostile input. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/util/random.ts';
import { createTokenizer, trainBpe, type BpeModel } from '../../src/tokenizer/bpe.ts';
import { layOut } from '../../src/tokenizer/bpe-model.ts';
import { gptPattern, preTokenize } from '../../src/tokenizer/pre-tokenizer.ts';
import { specialTokens } from '../../src/tokenizer/chat-format.ts';
import { anyText, tinyModel, tinyTokenizer } from './examples.ts';

const byteId = (char: string, specials = 1): number => specials + char.charCodeAt(0);

describe('pre-tokens', () => {
  test("are GPT-2's", () => {
    expect(preTokenize("I'll pay  12€ for\n\n it's 3rd")).toEqual([
      'I',
      "'ll",
      ' pay',
      ' ',
      ' 12',
      '€',
      ' for',
      '\n\n',
      ' it',
      "'s",
      ' 3',
      'rd',
    ]);
  });

  test('know white space as Unicode has it: U+0085 is, U+FEFF is not', () => {
    expect(preTokenize('a\u0085b')).toEqual(['a', '\u0085', 'b']);
    expect(preTokenize('a \ufeff!')).toEqual(['a', ' \ufeff!']);
  });

  test('are those of the regular expression', () => {
    const regex = new RegExp(gptPattern, 'gu');
    const edges = fc.constantFrom(
      ..."' a s't're ve 1½ .,\n\t\u0085\u00a0\ufeff\u0301\ud83d\udc00😀𝟙𝐀",
      "'ll",
      "'v",
      "'re",
    );
    const edgy = fc.array(edges, { maxLength: 20 }).map((chars) => chars.join(''));
    fc.assert(
      fc.property(fc.oneof(edgy, anyText), (text) => {
        expect(preTokenize(text)).toEqual(text.match(regex) ?? []);
      }),
      { numRuns: 2000 },
    );
  });

  test('joined are the text', () => {
    fc.assert(fc.property(anyText, (text) => preTokenize(text).join('') === text));
  });
});

describe('training', () => {
  test('takes the most frequent pair first, then the lower ids', () => {
    // pre-tokens: aab x3, ab x2, cd x5 -> ab 5, cd 5, aa 3; a < c, so ab first; then cd 5, then a+ab 3
    const texts = ['aab', 'aab', 'aab', 'ab', 'ab', 'cd', 'cd', 'cd', 'cd', 'cd'];
    const { merges } = trainBpe(texts, { vocabSize: 257 + 10, specials: ['<s>'] });
    expect(merges).toEqual([
      [byteId('a'), byteId('b'), 257],
      [byteId('c'), byteId('d'), 258],
      [byteId('a'), 257, 259],
    ]);
  });

  test('ends early when no pair occurs twice', () => {
    expect(trainBpe([], { vocabSize: 1000, specials: specialTokens }).merges).toEqual([]);
    expect(trainBpe(['abc'], { vocabSize: 1000, specials: specialTokens }).merges).toEqual([]);
    expect(createTokenizer(trainBpe(['x'], { vocabSize: 1000, specials: specialTokens })).vocabSize).toBe(320);
  });

  test('stops at the size asked for and reports it', () => {
    const seen: [number, number][] = [];
    const model = trainBpe(['the theatre the theatre'], {
      vocabSize: 260,
      specials: ['<s>'],
      onProgress: (done, wanted) => seen.push([done, wanted]),
    });
    expect(createTokenizer(model).vocabSize).toBe(260);
    expect(seen.at(-1)).toEqual([3, 3]);
  });

  test('refuses a size below the bytes', () => {
    expect(() => trainBpe([], { vocabSize: 256, specials: ['<s>'] })).toThrow('vocabSize 256, not in 257..65536');
  });

  test('does not depend on the order of the texts', () => {
    const texts = ['see the sea', 'a sea of trees', 'the trees, the bees', 'be the bee', 'aaaa aaa aaaaa'];
    const once = trainBpe(texts, { vocabSize: 300, specials: [] });
    expect(trainBpe(texts.toReversed(), { vocabSize: 300, specials: [] })).toEqual(once);
  });

  test('agrees with counting everything anew before each merge', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (texts) => {
        expect(trainBpe(texts, { vocabSize: 256 + 12, specials: [] }).merges).toEqual(slowMerges(texts, 12));
      }),
    );
  });
});

describe('encoding', () => {
  test('gives back any well-formed text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tinyTokenizer.decode(tinyTokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('never yields a special id, whatever is typed', () => {
    for (const name of specialTokens) {
      const ids = tinyTokenizer.encode(`a ${name}${name} b`);
      expect(ids.filter((id) => tinyTokenizer.isSpecial(id))).toEqual([]);
      expect(tinyTokenizer.decode(ids)).toBe(`a ${name}${name} b`);
    }
    fc.assert(fc.property(anyText, (text) => !tinyTokenizer.encode(text).some((id) => id < 64)));
  });

  test('turns lone surrogates into U+FFFD', () => {
    const broken = ['\ud83d', 'a\udc00b', '\udc00\ud800', ' \ud83d!', '😀\ud83d'];
    const mended = ['\ufffd', 'a\ufffdb', '\ufffd\ufffd', ' \ufffd!', '😀\ufffd'];
    expect(broken.map((text) => tinyTokenizer.decode(tinyTokenizer.encode(text)))).toEqual(mended);
    expect(broken.map((text) => tinyTokenizer.encode(text))).toEqual(mended.map((text) => tinyTokenizer.encode(text)));
  });

  test('merges as applying the merges one after the other does', () => {
    const letters = fc.string({ unit: fc.constantFrom('t', 'h', 'e', ' ', 'a', 's'), maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(letters, anyText), (text) => {
        expect(tinyTokenizer.encode(text)).toEqual(slowEncode(text, tinyModel));
      }),
    );
  });

  test('gives the same ids from the cache and when the cache has been emptied', () => {
    const letters = (i: number): string =>
      [...i.toString(26)].map((digit) => 'abcdefghijklmnopqrstuvwxyz'[parseInt(digit, 26)]).join('');
    const texts = Array.from({ length: 80_000 }, (_, i) => letters(i)); // more distinct words than are kept
    const tokenizer = createTokenizer(tinyModel);
    const first = tokenizer.encode('the theatre');
    first.push(1); // the caller's own array, not the cache's
    for (const text of texts) tokenizer.encode(text);
    expect(tokenizer.encode('the theatre')).toEqual(first.slice(0, -1));
  });

  test('takes one endless word', () => {
    // a rescan for each merge would take 10^9 steps
    const random = createRandom(1);
    const text = Array.from({ length: 100_000 }, () => 'the'[random.int(3)]).join('');
    expect(tinyTokenizer.decode(tinyTokenizer.encode(text))).toBe(text);
    for (const unit of ['\u0301', '😀', 'a', ' ', '\n']) {
      const long = `e${unit.repeat(100_000)}`;
      expect(tinyTokenizer.decode(tinyTokenizer.encode(long)) === long).toBe(true);
    }
    // longer than what the regular expressions of V8 take in one match
    const longest = 'd😀'.repeat(10) + '😀'.repeat(8_500_000);
    expect(preTokenize(longest).map(({ length }) => length)).toEqual([
      ...Array.from({ length: 19 }, (_, i) => (i % 2 === 0 ? 1 : 2)),
      17_000_002,
    ]);
  });
});

describe('ids', () => {
  test('are specials, then bytes, then merges', () => {
    expect(tinyTokenizer.specialId('<|bos|>')).toBe(0);
    expect(tinyTokenizer.encode('Q')).toEqual([64 + 81]);
    expect(tinyTokenizer.vocabSize).toBe(64 + 256 + tinyModel.merges.length);
    expect(tinyTokenizer.byteLength(0)).toBe(0);
    expect(tinyTokenizer.byteLength(64)).toBe(1);
    expect(tinyTokenizer.byteLength(320)).toBe(2);
    expect(tinyTokenizer.isSpecial(63)).toBe(true);
    expect(tinyTokenizer.isSpecial(64)).toBe(false);
  });

  test('decode skips specials, keeps a byte order mark and mends cut characters', () => {
    const [first = -1] = tinyTokenizer.encode('\ufeff');
    expect(tinyTokenizer.decode([0, ...tinyTokenizer.encode('a'), 63])).toBe('a');
    expect(tinyTokenizer.decode(tinyTokenizer.encode('\ufeffa'))).toBe('\ufeffa');
    expect(tinyTokenizer.decode([first])).toBe('\ufffd');
  });

  test('unknown ones are refused', () => {
    expect(() => tinyTokenizer.decode([tinyTokenizer.vocabSize])).toThrow(/^check failed: id \d+ of a vocabulary of/);
    expect(() => tinyTokenizer.specialId('<|nobody|>')).toThrow('no special token is called <|nobody|>');
    expect(() => layOut([], [[0, 256]])).toThrow('merge 0 256 of ids not yet known');
    expect(() => layOut(['<s>'], [[0, 1]])).toThrow('merge 0 1 of ids not yet known');
  });
});

/** Best pairs by recounting the whole corpus each time. */
function slowMerges(texts: string[], wanted: number): [number, number, number][] {
  const words = texts.flatMap((text) => preTokenize(text)).map((word) => [...Buffer.from(word)]);
  const merges: [number, number, number][] = [];
  while (merges.length < wanted) {
    const counts = new Map<string, { pair: [number, number]; count: number }>();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair: [number, number] = [word[i] ?? 0, word[i + 1] ?? 0];
        const entry = counts.get(pair.join()) ?? { pair, count: 0 };
        counts.set(pair.join(), { pair, count: entry.count + 1 });
      }
    }
    const [best] = [...counts.values()]
      .filter(({ count }) => count >= 2)
      .sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    if (best === undefined) break;
    words.forEach((word) => mergeIn(word, best.pair, 256 + merges.length));
    merges.push([...best.pair, 256 + merges.length]);
  }
  return merges;
}

function slowEncode(text: string, model: BpeModel): number[] {
  const first = model.specials.size;
  return preTokenize(text).flatMap((word) => {
    const ids = [...Buffer.from(word)].map((byte) => first + byte);
    for (const [left, right, joined] of model.merges) mergeIn(ids, [left, right], joined);
    return ids;
  });
}

function mergeIn(ids: number[], [left, right]: readonly [number, number], joined: number): void {
  for (let i = 0; i + 1 < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) ids.splice(i, 2, joined);
  }
}
