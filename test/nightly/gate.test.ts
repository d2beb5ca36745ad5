/** The gate's decision for each rule that it knows: the run that passes them all, changed in one thing at a time. */
import { describe, expect, test } from 'vitest';
import type { SampleFindings } from '../../src/nightly/findings.ts';
import { decide, type GateInput } from '../../src/nightly/gate.ts';
import type { HeldOut, MeasuredPair } from '../../src/nightly/measure.ts';
import type { BitsReport } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';

const bits = (bitsPerByte: number): BitsReport => ({ bits: 1000 * bitsPerByte, bytes: 1000, bitsPerByte, markBits: 0 });

/** Conversations with one person or two in turn, of which the run costs `ratio` times what the other costs, more or less. */
function pairs(count: number, ratio: number, { spread = 0.02, people = [7] } = {}): MeasuredPair[] {
  const random = createRandom(`pairs ${ratio}`);
  return Array.from({ length: count }, (_, i) => {
    const other = 100 + 50 * random.next();
    return { run: other * (ratio + spread * (random.next() - 0.5)), other, others: [people[i % people.length]!] };
  });
}

const heldOut = (ratio: number, count = 40, more: Parameters<typeof pairs>[2] = {}): HeldOut => ({
  bits: { run: bits(2 * ratio), champion: bits(2), ngram: bits(2.5), base: null },
  pairs: pairs(count, ratio, more),
  against: 'champion',
  excluded: 0,
  costs: [],
});

const samples: SampleFindings = {
  samples: 500,
  contexts: 500,
  split: 'test',
  empty: 0.01,
  tooLong: 0.02,
  repetitive: 0.01,
  overlap: { texts: 300, longest: 9, copied: 0.2 },
  heldOutOverlap: { texts: 100, longest: 8, copied: 0.1 },
  latencyMs: { median: 100, p95: 200 },
  processorMs: { median: 100, p95: 200 },
};

const good: GateInput = {
  heldOut: heldOut(0.97),
  learned: { before: 6, after: 3 },
  championRun: 'old',
  championStale: false,
  samples,
  replyMs: 800,
  probe: null,
  seed: 1,
};
const nobody = { run: null, champion: null, ngram: null, base: null };
const onBase = (ratio: number): HeldOut => ({
  ...heldOut(ratio),
  bits: { ...nobody, run: bits(2 * ratio), base: bits(2) },
  against: 'base',
});
const first = { championRun: null, heldOut: onBase(0.9) };
const spoken = (changes: Partial<SampleFindings>): Partial<GateInput> => ({ samples: { ...samples, ...changes } });

describe('promoted', () => {
  test.each<[string, Partial<GateInput>, string]>([
    ['better', {}, '1.940 bits per byte on held-out replies, 2.000 before'],
    ['the same model', { heldOut: heldOut(1, 40, { spread: 0 }) }, '2.000 before'],
    ['first run, better than its base', first, 'first run: '],
    [
      'first run from scratch, beside the 5-gram',
      {
        championRun: null,
        heldOut: {
          ...heldOut(0.9),
          bits: { ...nobody, run: bits(1.8), ngram: bits(2.5) },
          pairs: [],
          against: 'untrained',
        },
      },
      'first run: 1.800 bits per byte on held-out replies, a byte 5-gram 2.500',
    ],
    [
      'nothing held out',
      { heldOut: { bits: nobody, pairs: [], against: 'nothing', excluded: 0, costs: [] } },
      'no conversation is held out',
    ],
    [
      'what serves saw what is gone: compared with the base instead',
      { championStale: true, heldOut: onBase(0.9) },
      'changed or are gone',
    ],
    ['nobody to answer', { samples: undefined }, '2.000 before'],
    ['one of sixty samples unfit', spoken({ samples: 60, empty: 1 / 60, tooLong: 1 / 60 }), '2.000 before'],
    [
      'copies, but no real reply tells what is usual',
      spoken({ overlap: { texts: 300, longest: 9, copied: 1 }, heldOutOverlap: null }),
      '2.000 before',
    ],
    ['copies no more than people do', spoken({ overlap: { texts: 300, longest: 16, copied: 0.35 } }), '2.000 before'],
  ])('%s', (_name, changes, words) => {
    const { verdict, reason, findings } = decide({ ...good, ...changes });
    expect([verdict, reason]).toEqual(['promoted', expect.stringContaining(words)]);
    expect(findings.failed).toEqual([]);
  });
});

describe('kept', () => {
  test.each<[string, Partial<GateInput>, string]>([
    ['worse', { heldOut: heldOut(1.02) }, 'worse than what serves: 2.040 bits per byte'],
    [
      'better in the mean, but by chance perhaps not',
      { heldOut: heldOut(0.999, 12, { spread: 0.6 }) },
      'perhaps worse',
    ],
    ['no better than its base', { ...first, heldOut: onBase(1) }, 'no better than before it learned'],
    ['learned nothing', { learned: { before: 6, after: 6 } }, 'did not lower the loss'],
    ['diverged', { learned: { before: 6, after: NaN } }, 'not a finite number'],
    [
      'diverged, though what serves saw what is gone',
      { championStale: true, learned: { before: 6, after: NaN } },
      'finite',
    ],
    [
      'held-out loss is no number',
      { heldOut: { ...heldOut(NaN), bits: { ...nobody, run: bits(NaN), champion: bits(2) } } },
      'finite',
    ],
    [
      'copies',
      spoken({ overlap: { texts: 300, longest: 12, copied: 0.6 } }),
      '60 % of its longer messages copy six words',
    ],
    ['a whole message', spoken({ overlap: { texts: 300, longest: 25, copied: 0.1 } }), 'repeats 25 words'],
    ['silent', spoken({ empty: 0.5 }), '50 % of its replies are empty'],
    ['endless', spoken({ tooLong: 0.5 }), '50 % of its replies are too long'],
    ['round in circles', spoken({ repetitive: 0.4 }), '40 % of its replies go round'],
    ['slow', { replyMs: 31_000 }, 'a reply takes 31 s'],
  ])('%s', (_name, changes, words) => {
    const { verdict, reason, findings } = decide({ ...good, ...changes });
    expect([verdict, reason]).toEqual(['kept', expect.stringContaining(words)]);
    expect(findings.failed).toHaveLength(1);
  });

  test('everything that is wrong is said', () => {
    const bad = {
      ...good,
      heldOut: heldOut(1.1),
      ...spoken({ empty: 1, overlap: { texts: 9, longest: 40, copied: 1 } }),
    };
    expect(decide(bad).findings.failed).toHaveLength(4);
  });

  test('better in all, clearly worse with one of two people', () => {
    const withA = pairs(60, 0.9, { people: [7] });
    const withB = pairs(20, 1.1, { people: [8] });
    const all = [...withA, ...withB];
    const { reason, findings } = decide({ ...good, heldOut: { ...heldOut(0.95), pairs: all } });
    expect(reason).toContain('clearly worse with 1 of 2 people');
    expect(findings.contributors.map(({ personId, clearlyWorse }) => [personId, clearlyWorse])).toEqual([
      [7, false],
      [8, true],
    ]);
  });
});

describe('notes', () => {
  test.each<[string, Partial<GateInput>, string]>([
    [
      'few conversations: the mean alone',
      { heldOut: heldOut(0.999, 9, { spread: 0.2 }) },
      'only 9 held-out conversations',
    ],
    ['less time', spoken({ samples: 60 }), '60 samples instead of 500'],
    ['contexts that were trained on', spoken({ split: 'train' }), 'of the train split'],
    [
      'the champion saw some of the test',
      { heldOut: { ...heldOut(0.9), excluded: 3 } },
      '3 held-out conversations were left out',
    ],
  ])('%s', (_name, changes, words) => {
    const { verdict, findings } = decide({ ...good, ...changes });
    expect(verdict).toBe('promoted');
    expect(findings.notes.join()).toContain(words);
  });

  test('someone with few conversations is not judged', () => {
    const all = [...pairs(60, 0.9, { people: [7, 9] }), ...pairs(5, 1.5, { people: [8] })];
    const { findings } = decide({ ...good, heldOut: { ...heldOut(0.95), pairs: all } });
    expect(findings.contributors.map(({ personId }) => personId)).toEqual([7, 9]);
  });
});
