/** Near duplicates are exactly those that comparing every pair would find, at about the cost of reading the texts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findNearDuplicates, jaccard, resemblance, shinglesOf } from '../../src/dataset/near-duplicates.ts';
import { countOf, wordsOf } from '../../src/dataset/words.ts';
import { createRandom } from '../../src/util/random.ts';

const repeatsOf = (texts: readonly string[]): number[] => [...findNearDuplicates(texts.map(wordsOf)).repeats];

describe('words', () => {
  test('are one for texts that read the same, without punctuation and emoji', () => {
    expect(wordsOf("Don’t SHOUT, it's ｆｉｎｅ!! 😀 2 a.m.")).toEqual(['dont', 'shout', 'its', 'fine', '2', 'a', 'm']);
    expect(wordsOf('😀 !!!')).toEqual([]);
    expect(wordsOf('नमस्ते שָׁלוֹם')).toHaveLength(2);
  });

  test('of scripts without spaces are characters, two of which count as one word', () => {
    expect(wordsOf('ok我今天不想')).toEqual(['ok', '我', '今', '天', '不', '想']);
    expect(countOf(wordsOf('ok我今天不想'))).toBe(1 + 3);
    expect(countOf([])).toBe(0);
  });
});

describe('near duplicates', () => {
  const letter = 'send this to ten friends before midnight or the penguin will visit you at home';

  test('are the copies of a text with a few words more, fewer or other', () => {
    expect(
      repeatsOf([
        letter,
        `${letter} 😱`,
        `FWD: ${letter}!!`,
        letter.replace('home', 'work'),
        `not that letter at all, no`,
      ]),
    ).toEqual([0, 1, 1, 1, 0]);
  });

  test('the first of a group stays, and what resembles only a copy stays too', () => {
    const words = Array.from({ length: 30 }, (_, i) => `w${i}`);
    const text = (from: number): string =>
      [...words.slice(from), ...words.slice(0, from).map((w) => `${w}x`)].join(' ');
    // each resembles its neighbour, the third is too far from the first
    expect(jaccard(shinglesOf(wordsOf(text(0))), shinglesOf(wordsOf(text(3))))).toBeGreaterThanOrEqual(resemblance);
    expect(jaccard(shinglesOf(wordsOf(text(0))), shinglesOf(wordsOf(text(6))))).toBeLessThan(resemblance);
    expect(repeatsOf([text(0), text(3), text(6)])).toEqual([0, 1, 0]);
  });

  test('are none among texts too short for a shingle', () => {
    expect(repeatsOf(['ok', 'ok', 'good morning', 'good morning', ''])).toEqual([0, 0, 0, 0, 0]);
    expect(jaccard(shinglesOf([]), shinglesOf([]))).toBe(0);
  });

  test('are those that comparing every pair finds', () => {
    const word = fc.constantFrom('a', 'b', 'c', 'd');
    const text = fc.array(word, { maxLength: 24 });
    const edited = text.chain((words) => fc.tuple(fc.constant(words), fc.nat(30), word));
    const texts = fc.array(fc.oneof(text, edited), { maxLength: 24 }).map((given) =>
      given.flatMap((each): string[][] => {
        if (typeof each[1] !== 'number') return [each as string[]];
        const [words, at, other] = each as [string[], number, string];
        return [words, words.map((w, i) => (i === at ? other : w)), [...words, other]];
      }),
    );
    fc.assert(
      fc.property(texts, fc.constantFrom(0.5, 0.8, 1), (given, threshold) => {
        const sets = given.map(shinglesOf);
        const expected: number[] = [];
        sets.forEach((set, at) => {
          const isRepeat = sets.some((other, i) => i < at && expected[i] === 0 && jaccard(set, other) >= threshold);
          expected.push(isRepeat ? 1 : 0);
        });
        expect([...findNearDuplicates(given, threshold).repeats]).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('cost little beyond reading: few pairs are compared, and twice the texts cost twice as much', () => {
    const random = createRandom(7);
    // words as people use them: the k-th most frequent with a weight of 1 / k
    const word = (): string => `w${Math.floor(Math.exp(random.next() * Math.log(5000)))}`;
    const sentence = (): string[] => Array.from({ length: 8 + random.int(20) }, word);
    const chat = (n: number): string[][] => Array.from({ length: n }, sentence);
    const [small, large] = [chat(10_000), chat(20_000)].map((texts) => findNearDuplicates(texts).compared);
    expect(small).toBeLessThan(10_000);
    expect(large).toBeLessThan(20_000);
  });
});
