/** Figures beside values worked out by hand. */
import { describe, expect, test } from 'vitest';
import { countWords, heldOutOf } from '../../../src/nightly/report/figures.ts';
import { costs } from './night.ts';

describe('heldOutOf', () => {
  test('bits per byte, perplexity a word and the paired difference', () => {
    const { models, ...rest } = heldOutOf(costs, 'run')!;
    const [bytes, words] = [12 * 100 + 10 * 66, 12 * 20 + 2 * 66];
    expect(rest).toEqual({ conversations: 12, bytes, words });
    const runBits = 12 * 180 + 18 * 66;
    expect(models.run?.bitsPerByte).toBeCloseTo(runBits / bytes, 12);
    expect(models.run?.perplexity).toBeCloseTo(2 ** (runBits / words), 9);
    expect(models.run?.runAgainstIt).toBeNull();
    expect(models.champion?.runAgainstIt?.mean).toBeCloseTo(-0.1, 12);
    // the pairs differ by the same share, so nothing is left to chance
    expect(models.champion?.runAgainstIt?.interval?.low).toBeCloseTo(-0.1, 9);
    expect(models.champion?.runAgainstIt?.interval?.high).toBeCloseTo(-0.1, 9);
    expect(models.ngram).toBeNull();
  });

  test('an interval holds its mean and is wider where conversations differ', () => {
    const spread = costs.map((cost, i) => ({
      ...cost,
      bits: { ...cost.bits, run: cost.bits.run! * (i % 2 === 0 ? 0.5 : 1.5) },
    }));
    const { bitsPerByte, bitsPerByteInterval } = heldOutOf(spread, 'run')!.models.run!;
    expect(bitsPerByteInterval!.low).toBeLessThan(bitsPerByte);
    expect(bitsPerByteInterval!.high).toBeGreaterThan(bitsPerByte);
  });

  test('few conversations: no interval; none: no figures', () => {
    expect(heldOutOf(costs.slice(0, 4), 'run')?.models.run?.bitsPerByteInterval).toBeNull();
    expect(heldOutOf([], 'run')).toBeNull();
    expect(heldOutOf([{ ...costs[0]!, bytes: 0 }], 'run')).toBeNull();
  });
});

test('words stand between blanks', () => {
  expect(['', ' ', 'a', ' a  b\nc '].map(countWords)).toEqual([0, 0, 1, 3]);
});
