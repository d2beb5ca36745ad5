/** Style distance: the statistics by hand, what each part notices, and the laws that hold for any two sets of replies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jensenShannon, smirnov, styleDistance, type StyleParts, type Turn } from '../../src/train/style.ts';

const upper = (turns: readonly Turn[]): Turn[] => turns.map((turn) => turn.map((text) => text.toUpperCase()));
const turnsFrom = (words: fc.Arbitrary<string>): fc.Arbitrary<string[][]> => {
  const text = fc.array(words, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(' '));
  return fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });
};
const anyTurns = turnsFrom(
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 5 }),
    fc.constantFrom('ok', 'Yes!!', '...', '🙂', '👩‍👩‍👧', "don't", 'NO'),
  ),
);
const lowerTurns = turnsFrom(fc.constantFrom('ok', 'see', 'you', 'there', 'haha', 'no', "don't"));

describe('statistics', () => {
  test('Kolmogorov-Smirnov is the largest gap between the cumulative distributions', () => {
    expect(smirnov([1, 2, 3, 4], [3, 4, 5, 6])).toBe(0.5);
    expect(smirnov([1, 1, 1, 2], [1, 2])).toBe(0.25);
    expect(smirnov([1, 2], [7])).toBe(1);
    expect(smirnov([2, 1, 1, 2], [1, 2])).toBe(0);
    expect(smirnov([], [1])).toBe(1);
    expect(smirnov([], [])).toBe(0);
  });

  test('Jensen-Shannon is the root of the divergence in bits', () => {
    const a = new Map([
      ['x', 1],
      ['y', 1],
    ]);
    expect(jensenShannon(a, new Map([['x', 5]]))).toBeCloseTo(
      Math.sqrt(0.5 * Math.log2(4 / 3) + 0.25 * Math.log2(2 / 3) + 0.25),
      10,
    );
    expect(jensenShannon(a, new Map([['z', 3]]))).toBe(1);
    expect(jensenShannon(a, new Map([...a].map(([key, count]) => [key, 7 * count])))).toBe(0);
    expect(jensenShannon(a, new Map())).toBe(1);
  });
});

describe('styleDistance', () => {
  const real: Turn[] = [['are you there?', 'ok 🙂'], ["don't know"], ['see you at 8!']];
  const others = (changed: readonly Turn[], part: keyof StyleParts): StyleParts => ({
    ...styleDistance(real, changed).parts,
    [part]: 0,
  });
  const none = { messageLength: 0, burstLength: 0, emoji: 0, casing: 0, punctuation: 0, vocabulary: 0 };

  test('upper case changes casing alone', () => {
    expect(styleDistance(real, upper(real)).parts.casing).toBe(1);
    expect(others(upper(real), 'casing')).toEqual(none);
  });

  test('the same messages in turns of one change the burst alone', () => {
    const apart = real.flat().map((text) => [text]);
    expect(styleDistance(real, apart).parts.burstLength).toBeCloseTo(1 / 3, 10);
    expect(others(apart, 'burstLength')).toEqual(none);
  });

  test('another mark changes punctuation alone', () => {
    const asked = real.map((turn) => turn.map((text) => text.replace('?', '!')));
    expect(styleDistance(real, asked).parts.punctuation).toBeGreaterThan(0.2);
    expect(others(asked, 'punctuation')).toEqual(none);
  });

  test('an emoji is counted once, however many code points it has', () => {
    const family = [['hi 👩‍👩‍👧‍👦']];
    expect(styleDistance(family, [['hi 🇩🇪']]).parts.emoji).toBe(0);
    expect(styleDistance(family, [['hi 👍🏽👍']]).parts.emoji).toBe(1);
    expect(styleDistance([['call 5 #1']], [['call five']]).parts.emoji).toBe(0);
  });

  test('other words change the vocabulary, rare ones only by how many they are', () => {
    expect(styleDistance([['ja klar']], [['yes sure']]).parts.vocabulary).toBe(1);
    const said = (from: number): Turn[] => [
      ...Array.from({ length: 300 }, (_, i) => [`word${i} word${i}`]),
      ...Array.from({ length: 100 }, (_, i) => [`rare${from + i}`]),
    ];
    expect(styleDistance(said(0), said(1000)).parts.vocabulary).toBe(0);
  });

  test('a model that never says anything is as far away as can be on messages', () => {
    const { parts } = styleDistance(real, [[], []]);
    expect(parts).toMatchObject({
      messageLength: 1,
      burstLength: 1,
      emoji: 1,
      casing: 1,
      punctuation: 1,
      vocabulary: 1,
    });
  });

  test('no turn at all is refused', () => {
    expect(() => styleDistance([], real)).toThrow('style of 0 and 3 turns');
  });

  test('0 for the same set, in any order', () => {
    fc.assert(
      fc.property(anyTurns, (turns) => {
        expect(styleDistance(turns, [...turns].reverse()).distance).toBe(0);
      }),
    );
  });

  test('symmetric, and between 0 and 1', () => {
    fc.assert(
      fc.property(anyTurns, anyTurns, (a, b) => {
        const { distance, parts } = styleDistance(a, b);
        expect(styleDistance(b, a).distance).toBeCloseTo(distance, 10);
        for (const value of [distance, ...(Object.values(parts) as number[])]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('rises when one of two sets in lower case is put in capitals', () => {
    fc.assert(
      fc.property(lowerTurns, lowerTurns, (a, b) => {
        expect(styleDistance(a, upper(b)).distance).toBeGreaterThan(styleDistance(a, b).distance);
      }),
    );
  });
});
