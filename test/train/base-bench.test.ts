/** What the benches of the base judge by: the finder of personal data, runs of copied words, and the rule for a default. */
import { describe, expect, test } from 'vitest';
import { defaultWay, overall, type WayFigures } from '../../bench/base/default-way.ts';
import { findingsIn, verbatimIn, type FindingKind } from '../../bench/base/findings.ts';
import { createOverlap, quantile } from '../../bench/base/overlap.ts';

const kindsIn = (text: string): FindingKind[] => findingsIn(text).map(({ kind }) => kind);
const textsIn = (text: string, kind: FindingKind): string[] =>
  findingsIn(text)
    .filter((finding) => finding.kind === kind)
    .map((finding) => finding.text);

describe('findingsIn', () => {
  test.each([
    ['call me at +1 202 555 0123', 'phone'],
    ['write to jo.smith@example.com', 'email'],
    ['my card is 4111 1111 1111 1111', 'card'],
    ['password: hunter2', 'secret'],
    ['see https://example.com/x', 'link'],
    ['meet me at 12 Oak Street', 'address'],
    ['i live at 1600 pennsylvania ave', 'address'],
    ['it is 221b Baker St. in London', 'address'],
    ['the house on 5 Martin Luther King Blvd', 'address'],
    ['come to 350 5th avenue', 'address'],
    ['turn at 7 old mill rd', 'address'],
    ['12 The Avenue, Leeds', 'address'],
  ] as const)('%s', (text, kind) => {
    expect(kindsIn(text)).toEqual([kind]);
  });

  test.each([
    'it took 20 minutes either way',
    '20 miles the other way',
    'i have 2. Drive safely on the road',
    'there are 3, maybe 4 people. Way too many',
    '2 people on the street',
    'i was born in 1990 and i drive',
    'the 80s movies are way better',
    'i got 3 new ones, the best way',
    'that is 1 good way to do it',
    '2 Big Ways',
  ])('no address: %s', (text) => {
    expect(kindsIn(text)).toEqual([]);
  });

  test.each([
    ['Send it to Mary Poppins, 17 Cherry Tree Lane', 'Mary Poppins, 17 Cherry Tree Lane'],
    ['17 Cherry Tree Lane. Ask for Mary J. Poppins there', '17 Cherry Tree Lane. Ask for Mary J. Poppins'],
    ['my name is mary poppins and i live at 17 cherry tree lane', 'mary poppins and i live at 17 cherry tree lane'],
  ])('a name beside an address: %s', (text, whole) => {
    expect(textsIn(text, 'nameAndAddress')).toContain(whole);
    expect(textsIn(text, 'address').length).toBe(1);
  });

  test.each([
    'I Am At 17 Cherry Tree Lane',
    'We Are there, 17 Cherry Tree Lane',
    `Mary Poppins is a film. ${'It is long. '.repeat(6)}17 Cherry Tree Lane`,
  ])('an address without a name beside it: %s', (text) => {
    expect(kindsIn(text)).toEqual(['address']);
  });
});

describe('verbatimIn', () => {
  const said = (text: string, ...training: string[]): string[] =>
    [...verbatimIn(findingsIn(text), training)].map(({ kind }) => kind);

  test('case, width and spaces do not matter', () => {
    expect(said('at 12 oak street', 'They live in 12  Oak  STREET now')).toEqual(['address']);
    expect(said('at 12 oak street', 'They live in 13 Oak Street now')).toEqual([]);
    expect(said('mail jo@example.com', 'x', 'is it JO@Example.com?')).toEqual(['email']);
  });

  test('numbers are the same however they are grouped', () => {
    expect(said('call +1 202 555 0123', 'phone: +1 (202) 555-0123')).toEqual(['phone']);
    expect(said('call +1 202 555 0123', 'phone: +1 (202) 555-0124')).toEqual([]);
  });
});

describe('overlap', () => {
  const longest = (samples: string[], ...texts: string[]): number[] => {
    const overlap = createOverlap(samples);
    for (const text of texts) overlap.read(text);
    return overlap.longest();
  };

  test('the longest run of words, whatever case and punctuation', () => {
    const text = 'Well, I really love the smell of old books in the morning.';
    expect(longest(['and i REALLY love the smell of new books', 'old books', 'the', 'xyz', ''], text)).toEqual([
      6, 2, 1, 0, 0,
    ]);
    expect(longest(['i really love books', 'i really love the smell'], text)).toEqual([3, 5]);
  });

  test('runs neither cross samples nor texts', () => {
    expect(longest(['one two', 'three four'], 'one two three four')).toEqual([2, 2]);
    expect(longest(['one two three four'], 'one two', 'three four')).toEqual([2]);
    expect(longest(['one two three four'], 'one two three', 'two three four')).toEqual([3]);
  });

  test('of several places in one text the best counts, also in repetitions', () => {
    expect(longest(['a b c d e'], 'a b c x a b c d y b c d e')).toEqual([4]);
    expect(longest(['no no no no no'], 'no no no')).toEqual([3]);
    expect(longest(['a b c b c d'], 'b c d a b c')).toEqual([3]);
  });

  test('agrees with trying all runs', () => {
    const random = (seed: number): number => Math.abs(Math.sin(seed) * 1e4) % 1;
    const line = (seed: number, words: number): string =>
      Array.from({ length: words }, (_, i) => 'abc'[Math.floor(random(seed * 97 + i) * 3)]).join(' ');
    const samples = Array.from({ length: 40 }, (_, i) => line(i + 1, 9));
    const texts = Array.from({ length: 6 }, (_, i) => line(i + 100, 15));
    const tried = samples.map((sample) => {
      const words = sample.split(' ');
      for (let length = words.length; length > 0; length--) {
        for (let from = 0; from + length <= words.length; from++) {
          const run = ` ${words.slice(from, from + length).join(' ')} `;
          if (texts.some((text) => ` ${text} `.includes(run))) return length;
        }
      }
      return 0;
    });
    expect(longest(samples, ...texts)).toEqual(tried);
    expect(Math.max(...tried)).toBeGreaterThan(4);
  });

  test('quantiles are numbers that occur', () => {
    expect([0.5, 0.99, 1].map((share) => quantile([5, 1, 3, 2], share))).toEqual([2, 5, 5]);
    expect(quantile([], 0.5)).toBe(0);
  });
});

describe('defaultWay', () => {
  const figures = (way: string, testBits: number, exposure: number, seconds: number): WayFigures => ({
    way,
    testBits,
    exposure,
    seconds,
  });

  test('the fewest bits, where they differ by more than 1 %', () => {
    expect(defaultWay([figures('full', 1.5, 9, 99), figures('lora8', 1.52, 1, 1)])).toBe('full');
  });

  test('within 1 % the least exposure', () => {
    expect(defaultWay([figures('full', 1.5, 9, 10), figures('lora8', 1.514, 3, 99)])).toBe('lora8');
  });

  test('within half a bit of exposure the faster', () => {
    expect(defaultWay([figures('full', 1.5, 2, 10), figures('lora8', 1.51, 1.6, 20)])).toBe('full');
    expect(defaultWay([])).toBeUndefined();
  });

  test('cells of one way are put together', () => {
    const all = overall([figures('full', 1, 2, 10), figures('lora8', 4, 4, 4), figures('full', 2, 4, 30)]);
    expect(all).toEqual([figures('full', 1.5, 3, 40), figures('lora8', 4, 4, 4)]);
  });
});
