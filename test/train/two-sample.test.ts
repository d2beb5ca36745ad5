/** The reader finds what there is to find, and nothing where there is nothing. */
import { describe, expect, test } from 'vitest';
import { areaUnderCurve, twoSampleTest } from '../../src/train/two-sample.ts';
import { createRandom } from '../../src/util/random.ts';

const words = 'the cat sat on a warm mat and then it went home to sleep for an hour or so'.split(' ');
const random = createRandom('two-sample test');
const sentence = (length: number): string => Array.from({ length }, () => words[random.int(words.length)]!).join(' ');
const turns = (count: number, of: () => string[]): string[][] => Array.from({ length: count }, of);
const plain = (): string[] => [sentence(3 + random.int(5))];

describe('twoSampleTest', () => {
  test('the same manner on both sides: about a coin, and the interval holds one half', () => {
    const found = twoSampleTest(turns(120, plain), turns(120, plain), { seed: 1, resamples: 300 })!;
    expect(found.pairs).toBe(120);
    expect(found.aucInterval.low).toBeLessThan(0.5);
    expect(found.aucInterval.high).toBeGreaterThan(0.5);
    expect(found.auc).toBeGreaterThan(0.35);
    expect(found.auc).toBeLessThan(0.65);
  });

  test.each([
    ['an ending', () => [`${sentence(4)}!`]],
    ['lower and upper case', () => [sentence(4).toUpperCase()]],
    ['bursts', () => [sentence(2), sentence(2)]],
    ['silence', (): string[] => []],
  ])('%s gives it away', (_, sampled) => {
    const found = twoSampleTest(turns(60, plain), turns(60, sampled), { seed: 1, resamples: 100 })!;
    expect(found.auc).toBeGreaterThan(0.95);
    expect(found.accuracy).toBeGreaterThan(0.9);
    expect(found.aucInterval.low).toBeGreaterThan(0.8);
  });

  test('the topic of a context, which both replies share, gives nothing away', () => {
    const topics = turns(80, () => [`${sentence(3)} ${random.int(1e9)}`]);
    const found = twoSampleTest(topics, topics, { seed: 1, resamples: 100 })!;
    expect(found.auc).toBe(0.5);
  });

  test('the same seed gives the same numbers', () => {
    const [real, sampled] = [turns(30, plain), turns(30, plain)];
    expect(twoSampleTest(real, sampled, { seed: 3, resamples: 50 })).toEqual(
      twoSampleTest(real, sampled, { seed: 3, resamples: 50 }),
    );
  });

  test('too few pairs say nothing', () => {
    expect(twoSampleTest(turns(19, plain), turns(19, plain), { seed: 1 })).toBeUndefined();
  });
});

describe('areaUnderCurve', () => {
  test.each([
    [[2, 3], [0, 1], 1],
    [[0, 1], [2, 3], 0],
    [[1, 1], [1, 1], 0.5],
    [[1, 3], [2], 0.5],
    [[1, 2, 3], [2], 0.5],
    [[0.1, 0.4, 0.35, 0.8], [0.2, 0.3, 0.5], 7 / 12],
  ])('%j over %j', (positive, negative, area) => {
    expect(areaUnderCurve(positive, negative)).toBeCloseTo(area, 10);
  });
});
