/** The gate's decision for each case it knows. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/nightly/gate.ts';
import type { BitsReport } from '../../src/types.ts';

const bits = (bitsPerByte: number): BitsReport => ({ bits: 100 * bitsPerByte, bytes: 100, bitsPerByte, markBits: 0 });
const learned = { before: 6, after: 3 };
const fresh = { championStale: false, learned };

describe('gate', () => {
  test.each([
    ['first run', { run: bits(2.5), champion: null, ngram: null }, fresh, 'promoted', 'first run: 2.500'],
    ['better', { run: bits(2.4), champion: bits(2.5), ngram: null }, fresh, 'promoted', '2.400 bits per byte'],
    ['equal', { run: bits(2.5), champion: bits(2.5), ngram: null }, fresh, 'promoted', '2.500 before'],
    ['worse', { run: bits(2.6), champion: bits(2.5), ngram: null }, fresh, 'kept', '2.500 before'],
    ['nothing held out', { run: null, champion: null, ngram: null }, fresh, 'promoted', 'no conversation is held out'],
    [
      'worse, but the champion saw what is gone',
      { run: bits(2.6), champion: bits(2.5), ngram: null },
      { championStale: true, learned },
      'promoted',
      'changed or are gone',
    ],
    [
      'learned nothing',
      { run: bits(2.4), champion: null, ngram: null },
      { championStale: false, learned: { before: 6, after: 6 } },
      'kept',
      'did not lower the loss',
    ],
    [
      'diverged',
      { run: bits(2.4), champion: null, ngram: null },
      { championStale: true, learned: { before: 6, after: NaN } },
      'kept',
      'did not lower the loss',
    ],
    ['held-out loss is no number', { run: bits(NaN), champion: bits(2), ngram: null }, fresh, 'kept', 'finite'],
  ] as const)('%s', (_name, heldOut, circumstances, verdict, words) => {
    const decision = decide(heldOut, circumstances);
    expect(decision.verdict).toBe(verdict);
    expect(decision.reason).toContain(words);
  });
});
