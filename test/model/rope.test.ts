/** Rotary frequencies and tables: the formulas, and Llama 3.1's scaling at its ends, its borders and between. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ropeFrequencies, ropeTables } from '../../src/model/rope.ts';
import { expectClose } from './helpers.ts';

const llama3 = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 8192 };
const big = { width: 4096, heads: 32, contextLength: 131_072, ropeTheta: 500_000 };
const small = { width: 16, heads: 2, contextLength: 6, ropeTheta: 10_000, ropeScaling: null };

test('plain frequencies are powers of theta', () => {
  expectClose(ropeFrequencies(small), [1, 0.1, 0.01, 0.001], 1e-12, 'frequencies');
});

test('tables hold the angle of every position and pair', () => {
  const { cos, sin } = ropeTables(small);
  expect([cos.length, sin.length]).toEqual([24, 24]);
  expect([cos[0], sin[0]]).toEqual([1, 0]);
  expect(cos[3 * 4 + 1]).toBe(Math.fround(Math.cos(0.3)));
  expect(sin[5 * 4 + 2]).toBe(Math.fround(Math.sin(0.05)));
});

describe("Llama 3.1's scaling", () => {
  const plain = ropeFrequencies({ ...big, ropeScaling: null });
  const scaled = ropeFrequencies({ ...big, ropeScaling: llama3 });
  const wavelength = (frequency: number): number => (2 * Math.PI) / frequency;

  test('keeps short waves, slows long ones by the factor, and blends between', () => {
    const kinds = [...plain].map((frequency, i) => {
      const ratio = frequency / scaled[i]!;
      // the borders, in wavelengths: 8192 / 4 and 8192 / 1
      if (wavelength(frequency) < 2048) expect(ratio).toBe(1);
      else if (wavelength(frequency) > 8192) expect(ratio).toBeCloseTo(8, 9);
      else {
        const smooth = (8192 / wavelength(frequency) - 1) / (4 - 1);
        expect(scaled[i]).toBeCloseTo((1 - smooth) * (frequency / 8) + smooth * frequency, 15);
      }
      return ratio === 1 ? 'short' : ratio > 7.999 ? 'long' : 'between';
    });
    expect([...new Set(kinds)]).toEqual(['short', 'between', 'long']);
  });

  test('is between the plain frequency and its part, and in the same order, whatever the numbers', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 64, noNaN: true }),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        fc.double({ min: 0.1, max: 16, noNaN: true }),
        fc.integer({ min: 16, max: 16_384 }),
        (factor, lowFreqFactor, width, originalContextLength) => {
          const ropeScaling = { factor, lowFreqFactor, highFreqFactor: lowFreqFactor + width, originalContextLength };
          const frequencies = ropeFrequencies({ ...big, ropeScaling });
          frequencies.forEach((frequency, i) => {
            expect(frequency).toBeLessThanOrEqual(plain[i]! * (1 + 1e-12));
            expect(frequency).toBeGreaterThanOrEqual((plain[i]! / factor) * (1 - 1e-12));
            if (i > 0) expect(frequency).toBeLessThan(frequencies[i - 1]!);
          });
        },
      ),
    );
  });
});
