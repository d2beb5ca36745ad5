import { describe, expect, test } from 'vitest';
import {
  decodeBfloat16,
  decodeHalf,
  encodeBfloat16,
  encodeHalf,
  fromBfloat16,
  fromHalf,
  toBfloat16,
  toHalf,
} from '../../src/checkpoint/float16.ts';
import { createRandom } from '../../src/util/random.ts';

describe('binary16', () => {
  // value, pattern: IEEE 754-2008; ties go to the even pattern
  const cases: [string, number, number][] = [
    ['one', 1, 0x3c00],
    ['minus two', -2, 0xc000],
    ['zero', 0, 0x0000],
    ['minus zero', -0, 0x8000],
    ['a third', 1 / 3, 0x3555],
    ['largest', 65504, 0x7bff],
    ['just below the tie to infinity', 65519.996, 0x7bff],
    ['the tie to infinity', 65520, 0x7c00],
    ['beyond', 1e30, 0x7c00],
    ['infinity', Infinity, 0x7c00],
    ['minus infinity', -Infinity, 0xfc00],
    ['smallest normal', 2 ** -14, 0x0400],
    ['largest subnormal', 1023 * 2 ** -24, 0x03ff],
    ['between the two, rounds up into normal', 1023.5 * 2 ** -24, 0x0400],
    ['smallest subnormal', 2 ** -24, 0x0001],
    ['tie of 0 and 1 unit goes to 0', 2 ** -25, 0x0000],
    ['just above that tie', 2 ** -25 * (1 + 2 ** -23), 0x0001],
    ['tie of 1 and 2 units goes to 2', 1.5 * 2 ** -24, 0x0002],
    ['tie of 2 and 3 units goes to 2', 2.5 * 2 ** -24, 0x0002],
    ['far below', 1e-30, 0x0000],
    ['f32 subnormal', -1e-42, 0x8000],
    ['tie above 1 goes to even', 1 + 2 ** -11, 0x3c00],
    ['tie above the odd neighbour goes up', 1 + 3 * 2 ** -11, 0x3c02],
    ['carry into the exponent', 2 - 2 ** -12, 0x4000],
  ];
  test.each(cases)('%s', (_, value, pattern) => expect(toHalf(value)).toBe(pattern));

  test('every pattern comes back', () => {
    for (let pattern = 0; pattern < 0x10000; pattern++) {
      const value = fromHalf(pattern);
      if (Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBeNaN();
      else if (toHalf(value) !== pattern)
        expect.fail(`${pattern.toString(16)} -> ${value} -> ${toHalf(value).toString(16)}`);
    }
  });

  test('rounds any f32 to the nearest', () => {
    const random = createRandom(1);
    for (let i = 0; i < 20_000; i++) {
      const value = Math.fround(random.normal() * 2 ** (random.int(40) - 26));
      const half = toHalf(value);
      if ((half & 0x7fff) === 0x7c00) expect(Math.abs(value)).toBeGreaterThanOrEqual(65520);
      else {
        const error = Math.abs(fromHalf(half) - value);
        for (const neighbour of [half - 1, half + 1]) {
          if ((neighbour & 0x7fff) > 0x7bff || neighbour < 0) continue;
          expect(error).toBeLessThanOrEqual(Math.abs(fromHalf(neighbour) - value));
        }
      }
    }
  });
});

describe('bfloat16', () => {
  const cases: [string, number, number][] = [
    ['one', 1, 0x3f80],
    ['minus zero', -0, 0x8000],
    ['pi', Math.PI, 0x4049],
    ['tie goes to even, down', 1 + 2 ** -8, 0x3f80],
    ['tie goes to even, up', 1 + 3 * 2 ** -8, 0x3f82],
    ['largest f32 rounds to infinity', 3.4028234663852886e38, 0x7f80],
    ['minus infinity', -Infinity, 0xff80],
    ['subnormal', 2 ** -133, 0x0001],
  ];
  test.each(cases)('%s', (_, value, pattern) => expect(toBfloat16(value)).toBe(pattern));

  test('every pattern comes back', () => {
    for (let pattern = 0; pattern < 0x10000; pattern++) {
      const value = fromBfloat16(pattern);
      if (Number.isNaN(value)) expect(fromBfloat16(toBfloat16(value))).toBeNaN();
      else if (toBfloat16(value) !== pattern) expect.fail(`${pattern.toString(16)} -> ${value}`);
    }
  });
});

test('arrays are what their numbers are one by one', () => {
  const patterns = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);
  expect(decodeHalf(patterns)).toEqual(Float32Array.from(patterns, fromHalf));
  expect(decodeBfloat16(patterns)).toEqual(Float32Array.from(patterns, fromBfloat16));
  const numbers = Float32Array.from({ length: 1000 }, (_, i) => (i - 500) ** 3 / 777);
  expect(encodeHalf(numbers)).toEqual(Uint16Array.from(numbers, toHalf));
  expect(encodeBfloat16(numbers)).toEqual(Uint16Array.from(numbers, toBfloat16));
});
