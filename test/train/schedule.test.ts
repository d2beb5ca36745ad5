import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learningRateAt, type Schedule } from '../../src/train/schedule.ts';

const cosine: Schedule = {
  schedule: 'cosine',
  learningRate: 2,
  warmupShare: 0.2,
  decayShare: 0.5,
  minLearningRateShare: 0.1,
};
const noWarmup = { warmupShare: 0, minLearningRateShare: 0 };

describe('learningRateAt', () => {
  test('a cosine rises to its peak, falls, and ends at its last share', () => {
    const rate = (share: number): number => learningRateAt(share, cosine);
    expect(rate(0.05)).toBeCloseTo(0.5);
    expect(rate(0.1)).toBeCloseTo(1);
    expect(rate(0.2)).toBeCloseTo(2);
    expect(rate(0.6)).toBeCloseTo(0.2 + 1.8 / 2);
    expect(rate(1)).toBeCloseTo(0.2);
    expect(rate(1.5)).toBeCloseTo(0.2);
    expect(learningRateAt(0, { ...cosine, ...noWarmup })).toBe(2);
    expect(learningRateAt(1, { ...cosine, ...noWarmup })).toBeCloseTo(0);
  });

  test('a trapezoid holds its peak and falls on a line in its last part', () => {
    const rate = (share: number): number => learningRateAt(share, { ...cosine, schedule: 'trapezoid' });
    expect(rate(0.1)).toBeCloseTo(1);
    expect(rate(0.2)).toBeCloseTo(2);
    expect(rate(0.5)).toBeCloseTo(2);
    expect(rate(0.75)).toBeCloseTo((2 + 0.2) / 2);
    expect(rate(1)).toBeCloseTo(0.2);
    expect(rate(2)).toBeCloseTo(0.2);
  });

  test('a decay longer than what the warm-up leaves begins where the warm-up ends', () => {
    const options: Schedule = { ...cosine, schedule: 'trapezoid', decayShare: 1, minLearningRateShare: 0 };
    expect(learningRateAt(0.2, options)).toBeCloseTo(2);
    expect(learningRateAt(0.6, options)).toBeCloseTo(1);
  });

  test('every schedule rises, then never rises again, and has no jump', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.constantFrom('cosine' as const, 'trapezoid' as const),
        fc.constantFrom(0, 0.01, 0.05, 0.5),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        share,
        share,
        (schedule, warmupShare, decayShare, a, b) => {
          const options: Schedule = { schedule, warmupShare, decayShare, learningRate: 1, minLearningRateShare: 0.05 };
          const [first, second] = [Math.min(a, b), Math.max(a, b)];
          const [early, late] = [learningRateAt(first, options), learningRateAt(second, options)];
          if (second < warmupShare) expect(late).toBeGreaterThanOrEqual(early);
          else if (first >= warmupShare) expect(late).toBeLessThanOrEqual(early + 1e-12);
          // a straight line over the shortest part is the steepest that there can be
          const steepest = Math.max(1 / Math.max(warmupShare, 1e-9), Math.PI / 0.05);
          expect(Math.abs(late - early)).toBeLessThanOrEqual(steepest * (second - first) + 1e-9);
        },
      ),
    );
  });
});
