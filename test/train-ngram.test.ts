/** The byte n-gram baseline: a case worked by hand, a slow reference, sums of 1, and what counts as a scored byte. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Conversation } from '../src/dataset/conversations.ts';
import { ngramBaselines, ngramBits, trainConversationNgram, trainNgram } from '../src/train/ngram.ts';
import { createRandom } from '../src/util/random.ts';
import type { ConversationMessage } from '../src/types.ts';
import { message } from './tokenizer/examples.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

function conversation(messages: ConversationMessage[], withoutLoss: number[] = []): Conversation {
  return { chatKey: 'c', startMs: null, previousMs: null, messages, withoutLoss: new Set(withoutLoss) };
}

describe('Witten-Bell', () => {
  test('a bigram of "aab", by hand', () => {
    // no context: c(a) 2, c(b) 1, T 2, N 3. After a: c(a) 1, c(b) 1, T 2, N 2. After b: nothing.
    const model = trainNgram(['aab'], 2);
    const a = (2 + 2 / 256) / 5;
    const b = (1 + 2 / 256) / 5;
    const z = 2 / 256 / 5;
    expect(model.probability(bytes(''), 97)).toBeCloseTo(a, 12);
    expect(model.probability(bytes(''), 98)).toBeCloseTo(b, 12);
    expect(model.probability(bytes('a'), 97)).toBeCloseTo((1 + 2 * a) / 4, 12);
    expect(model.probability(bytes('a'), 98)).toBeCloseTo((1 + 2 * b) / 4, 12);
    expect(model.probability(bytes('a'), 122)).toBeCloseTo((2 * z) / 4, 12);
    expect(model.probability(bytes('b'), 97)).toBeCloseTo(a, 12);
    expect(model.probability(bytes('zzza'), 97)).toBeCloseTo((1 + 2 * a) / 4, 12);
    expect(model.nodes).toBe(1 + 2 + 2);
  });

  test('knows nothing before training', () => {
    expect(trainNgram([], 5).probability(bytes('abc'), 0)).toBe(1 / 256);
  });

  test('sums to 1 over the 256 bytes, whatever the context', () => {
    const model = trainNgram(['the theatre then', 'hey there 😀\n', new Uint8Array([0, 255, 0, 255])], 5);
    const near = fc.string({ unit: fc.constantFrom('t', 'h', 'e', ' ', 'n', 'a'), maxLength: 6 }).map(bytes);
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 6 })), (context) => {
        const all = Array.from({ length: 256 }, (_, byte) => model.probability(context, byte));
        expect(Math.min(...all)).toBeGreaterThan(0);
        expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
      }),
    );
  });

  test('agrees with counting by strings', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 20 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, fc.integer({ min: 1, max: 5 }), (texts, context, order) => {
        const model = trainNgram(texts, order);
        for (const byte of [97, 98, 99, 100]) {
          expect(model.probability(bytes(context), byte)).toBeCloseTo(slowProbability(texts, order, context, byte), 12);
        }
      }),
    );
  });

  test('grows past its first arrays', () => {
    const random = createRandom(5);
    const noise = Uint8Array.from({ length: 40_000 }, () => random.int(256));
    const model = trainNgram([noise], 3);
    expect(model.nodes).toBeGreaterThan(66_000);
    expect(model.probability(noise.subarray(0, 2), noise[2] ?? 0)).toBeGreaterThan(0.25);
  });

  test('refuses an order that is none', () => {
    expect(() => trainNgram([], 0)).toThrow('order 0, not in 1..16');
    expect(() => trainNgram([], 2.5)).toThrow('order 2.5, not in 1..16');
  });
});

describe('bits per byte', () => {
  test('are those of the persona text and newlines, read in the context of the conversation', () => {
    const model = trainNgram(['hi?\nyes\nhi?\nno\n'], 5);
    const held = conversation([
      message({ rowId: 1, text: 'hi?' }),
      message({ rowId: 2, text: 'yes', isPersona: true }),
      message({ rowId: 3, text: 'é', isPersona: true }),
    ]);
    const stream = bytes('hi?\nyes\né\n');
    let bits = 0;
    for (let at = 4; at < stream.length; at++) {
      bits -= Math.log2(model.probability(stream.subarray(Math.max(0, at - 4), at), stream[at] ?? -1));
    }
    const report = ngramBits(model, [held]);
    expect(report.bytes).toBe(4 + 3);
    expect(report.bits).toBeCloseTo(bits, 9);
    expect(report.bitsPerByte).toBeCloseTo(bits / 7, 9);
    expect(report.markBits).toBe(0);
  });

  test('leave out bot messages and messages said before', () => {
    const model = trainNgram(['abc\n'], 3);
    const rows = [
      message({ rowId: 1, text: 'abc', isPersona: true }),
      message({ rowId: 2, text: 'abc', isBot: true, isPersona: true }),
      message({ rowId: 3, text: 'abcabc', isPersona: true }),
    ];
    expect(ngramBits(model, [conversation(rows, [3])]).bytes).toBe(4);
    expect(ngramBits(model, [conversation(rows)]).bytes).toBe(4 + 7);
    expect(ngramBits(model, [conversation([])])).toEqual({ bits: 0, bytes: 0, bitsPerByte: 0, markBits: 0 });
  });

  test('contexts do not cross conversations', () => {
    const one = conversation([message({ rowId: 1, text: 'ab' })]);
    const two = conversation([message({ rowId: 2, text: 'c', isPersona: true })]);
    const model = trainConversationNgram([one, two], { personaOnly: false, order: 5 });
    expect(model.probability(bytes('ab\n'), 99)).toBe(model.probability(bytes(''), 99));
  });

  test('persona-only training counts the persona bytes, after the words of the others', () => {
    const train = conversation([
      message({ rowId: 1, text: 'long question?' }),
      message({ rowId: 2, text: 'k' }),
      message({ rowId: 3, text: 'yes', isPersona: true }),
      message({ rowId: 4, text: 'yes yes yes', isBot: true }),
    ]);
    const model = trainConversationNgram([train], { personaOnly: true, order: 5 });
    expect(model.probability(bytes(''), 113)).toBeCloseTo(4 / 256 / 8, 12); // q: only the four bytes of "yes\n" count
    const once = (p: number): number => (1 + p) / 2; // y was seen once after each of these contexts
    const y = (1 + 4 / 256) / 8;
    expect(model.probability(bytes('\nk\n'), 121)).toBeCloseTo(once(once(once(y))), 12);
    expect(model.probability(bytes('?\nk\n'), 121)).toBeCloseTo(once(once(once(once(y)))), 12);
  });

  test('baselines are given for both ways of training', () => {
    const chat = conversation([
      message({ rowId: 1, text: 'where are you' }),
      message({ rowId: 2, text: 'at home', isPersona: true }),
    ]);
    const { bothSides, personaOnly } = ngramBaselines([chat], [chat]);
    expect(bothSides).toEqual(ngramBits(trainConversationNgram([chat], { personaOnly: false }), [chat]));
    expect(personaOnly).toEqual(ngramBits(trainConversationNgram([chat], { personaOnly: true }), [chat]));
    expect(personaOnly.bits).toBeLessThan(bothSides.bits);
  });
});

/** The definition, by searching the texts. */
function slowProbability(texts: string[], order: number, context: string, byte: number): number {
  let p = 1 / 256;
  for (let k = 0; k <= Math.min(order - 1, context.length); k++) {
    const history = context.slice(context.length - k);
    const following: string[] = [];
    for (const text of texts) {
      for (let at = 0; at + k < text.length; at++) {
        if (text.slice(at, at + k) === history) following.push(text[at + k] ?? '');
      }
    }
    if (following.length === 0) return p;
    const types = new Set(following).size;
    const count = following.filter((each) => each === String.fromCharCode(byte)).length;
    p = (count + types * p) / (following.length + types);
  }
  return p;
}
