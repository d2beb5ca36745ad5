/** What is left of dialogues that others collected. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanDialogues, cleanText } from '../../src/dataset/clean.ts';

const dialogue = (id: string, ...texts: string[]) => ({
  id,
  turns: texts.map((t, i) => ({ s: i % 2 === 0 ? 'a' : 'b', t })),
});
const idsOf = (dialogues: { id: string }[]): string[] => dialogues.map(({ id }) => id);

describe('dialogues', () => {
  test('keep their register: case, slang, typing errors, emoji', () => {
    const texts = ['OMG did u see taht??', 'lol yeah 😂 👩‍👩‍👧', 'brb', 'k.'];
    const { dialogues, counts } = cleanDialogues([dialogue('1', ...texts)]);
    expect(dialogues[0]?.turns.map(({ t }) => t)).toEqual(texts);
    expect(counts).toMatchObject({ dialogues: 1, turns: 4, emptyOrLong: 0 });
  });

  test('lose empty and endless turns, and go where fewer than two speakers are left', () => {
    const { dialogues, counts } = cleanDialogues([
      dialogue('1', 'hello there', '  \u200b ', 'anyone?'),
      dialogue('2', 'hello you', 'x'.repeat(1001), 'hm', 'what'),
    ]);
    expect(idsOf(dialogues)).toEqual(['2']);
    expect(dialogues[0]?.turns).toHaveLength(3);
    expect(counts).toMatchObject({ emptyOrLong: 2, tooShort: 1 });
  });

  test('that were there before go, whatever their case and spaces', () => {
    const { dialogues, counts } = cleanDialogues([
      dialogue('1', 'How are you?', 'Fine  thanks'),
      dialogue('2', 'how are you?', 'fine thanks'),
      dialogue('3', 'How are you?', 'could be better'),
    ]);
    expect(idsOf(dialogues)).toEqual(['1', '3']);
    expect(counts.repeated).toBe(1);
  });

  test('go where most words stand in long turns seen before; short turns are everybody’s', () => {
    const form = 'may I have your name and your account number please';
    const { dialogues, counts } = cleanDialogues([
      dialogue('1', form, 'it is Ada', 'thanks', 'bye'),
      dialogue('2', form, 'Ben here', 'thanks', 'bye'),
      dialogue('3', form, 'why would I ever tell you that, who are you and what is this about', 'thanks', 'bye'),
    ]);
    expect(idsOf(dialogues)).toEqual(['1', '3']);
    expect(counts.mostlyRepeated).toBe(1);
  });

  test('keep whatever else a turn carries, and cleaning twice changes nothing', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.record({ s: fc.constantFrom('a', 'b'), t: texts, ts: fc.nat() }), { maxLength: 6 }), {
          maxLength: 6,
        }),
        (given) => {
          const once = cleanDialogues(given.map((turns, i) => ({ id: String(i), turns }))).dialogues;
          const twice = cleanDialogues(once).dialogues;
          expect(twice).toEqual(once);
          for (const { turns } of once) for (const { ts } of turns) expect(ts).toBeTypeOf('number');
        },
      ),
    );
  });
});

test('texts are one line of visible characters', () => {
  expect(cleanText(' a\tb\r\nc\u00a0d\ufeff ')).toBe('a b c d');
  expect(cleanText('e\u0301')).toBe('é');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const clean = cleanText(text);
      expect(clean).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]| {2}|^ | $/u);
      expect(cleanText(clean)).toBe(clean);
    }),
  );
});
