/** What a training step needs beside products and attention: norms, rotation, tables, losses, sums, AdamW. */
import { describe, expect, test } from 'vitest';
import { partialCount, partialElements } from '../../src/kernels/tape.ts';
import { normals, usePools, worst } from './helpers.ts';
import * as reference from './reference.ts';

const { onEveryPool } = usePools();

describe('rmsNorm', () => {
  for (const [rows, width] of [
    [1, 4],
    [5, 12],
    [7, 36],
    [33, 64],
  ] as const) {
    const x = normals(rows * width, 1, 3);
    const gain = normals(width, 2);
    const dy = normals(rows * width, 3);
    const eps = 1e-5;

    test(`(${rows}, ${width})`, () => {
      const y = onEveryPool(({ pool, put, room, get }) => {
        const at = room(rows * width);
        pool.tape.rmsNorm({ x: put(x), gain: put(gain), y: at, rstd: room(rows), rows, width, eps });
        pool.tape.run();
        return get(at, rows * width);
      });
      expect(worst(y, reference.rmsNorm(x, gain, rows, width, eps))).toBeLessThan(1e-6);
    });

    test(`(${rows}, ${width}) gradient to x, written or added, and to the gain`, () => {
      const toX = reference.numericGradient(x, dy, (v) => reference.rmsNorm(v, gain, rows, width, eps));
      const toGain = reference.numericGradient(gain, dy, (v) => reference.rmsNorm(x, v, rows, width, eps));
      for (const accumulate of [false, true]) {
        const result = onEveryPool(({ pool, put, room, get }) => {
          const gradients = room(rows * width + width);
          pool.floats(gradients, rows * width + width).fill(2);
          const dgain = gradients + 4 * rows * width;
          const at = { x: put(x), gain: put(gain), rstd: room(rows), rows, width };
          const gradient = put(dy);
          pool.tape.rmsNorm({ ...at, y: room(rows * width), eps });
          pool.tape.rmsNormBackward({ ...at, dy: gradient, dx: gradients, accumulate });
          pool.tape.rmsNormGain({ ...at, dy: gradient, dgain });
          pool.tape.run();
          return get(gradients, rows * width + width);
        });
        const before = accumulate ? 2 : 0;
        expect(
          worst(
            result.subarray(0, rows * width),
            toX.map((g) => g + before),
          ),
        ).toBeLessThan(1e-5);
        expect(
          worst(
            result.subarray(rows * width),
            toGain.map((g) => g + 2),
          ),
        ).toBeLessThan(1e-5);
      }
    });
  }
});

describe('rope', () => {
  for (const headWidth of [4, 8, 12, 20]) {
    test(`heads of ${headWidth}: rotates pairs by position, leaves the rest, and back`, () => {
      const [rows, length, start, heads, ld] = [10, 5, 3, 2, 3 * headWidth];
      const half = headWidth / 2;
      const angles = Float64Array.from(
        { length: 8 * half },
        (_, i) => Math.floor(i / half) * 100 ** (-(i % half) / half),
      );
      const x = normals(rows * ld, 1);
      const rotate = (inverses: boolean[]): Float32Array =>
        onEveryPool(({ pool, put, get }) => {
          const at = put(x);
          const tables = { cos: put(angles.map(Math.cos)), sin: put(angles.map(Math.sin)) };
          for (const inverse of inverses) {
            pool.tape.rope({ x: at, ld, ...tables, rows, length, start, heads, headWidth, inverse });
          }
          pool.tape.run();
          return get(at, rows * ld);
        });
      const expected = Float64Array.from(x);
      for (let r = 0; r < rows; r++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < half; i++) {
            const at = r * ld + h * headWidth + i;
            const angle = angles[(start + (r % length)) * half + i]!;
            expected[at] = x[at]! * Math.cos(angle) - x[at + half]! * Math.sin(angle);
            expected[at + half] = x[at + half]! * Math.cos(angle) + x[at]! * Math.sin(angle);
          }
        }
      }
      expect(worst(rotate([false]), expected)).toBeLessThan(1e-6);
      expect(worst(rotate([false, true]), x)).toBeLessThan(1e-6);
    });
  }
});

describe('embedding', () => {
  const [rows, width, vocab] = [9, 20, 6];
  const ids = [5, 0, 3, 3, 1, 0, 3, 5, 2];

  test('gathers rows, and adds gradients of ids that come more than once', () => {
    const table = normals(vocab * width, 1);
    const x = onEveryPool(({ pool, put, ints, room, get }) => {
      const at = room(rows * width);
      pool.tape.embedding({ ids: ints(ids), table: put(table), x: at, rows, width });
      pool.tape.run();
      return get(at, rows * width);
    });
    expect([...x]).toEqual(ids.flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]));

    const dx = normals(rows * width, 2);
    const before = normals(vocab * width, 3);
    const dtable = onEveryPool(({ pool, put, ints, get }) => {
      const at = put(before);
      pool.tape.embeddingBackward({ ids: ints(ids), dx: put(dx), dtable: at, rows, width });
      pool.tape.run();
      return get(at, vocab * width);
    });
    const expected = Float64Array.from(before);
    for (const [r, id] of ids.entries()) {
      for (let c = 0; c < width; c++) expected[id * width + c]! += dx[r * width + c]!;
    }
    expect(worst(dtable, expected)).toBeLessThan(1e-6);
  });
});

describe('swiglu', () => {
  for (const [rows, hidden] of [
    [1, 4],
    [5, 12],
    [6, 40],
  ] as const) {
    test(`(${rows}, ${hidden}) and its gradient`, () => {
      const gateUp = normals(2 * rows * hidden, 1, 3);
      const dy = normals(rows * hidden, 2);
      const result = onEveryPool(({ pool, put, room, get }) => {
        const y = room(3 * rows * hidden);
        const dgateUp = y + 4 * rows * hidden;
        const at = put(gateUp);
        pool.tape.swiglu({ gateUp: at, y, rows, hidden });
        pool.tape.swigluBackward({ gateUp: at, dy: put(dy), dgateUp, rows, hidden });
        pool.tape.run();
        return get(y, 3 * rows * hidden);
      });
      const f = (x: reference.Numbers): Float64Array => reference.swiglu(x, rows, hidden);
      expect(worst(result.subarray(0, rows * hidden), f(gateUp))).toBeLessThan(1e-6);
      expect(worst(result.subarray(rows * hidden), reference.numericGradient(gateUp, dy, f))).toBeLessThan(1e-6);
    });
  }

  test('gates far out: 0 below, the gate itself above', () => {
    const y = onEveryPool(({ pool, put, room, get }) => {
      const at = room(4);
      pool.tape.swiglu({ gateUp: put([-200, -90, 90, 200, 1, 1, 1, 1]), y: at, rows: 1, hidden: 4 });
      pool.tape.run();
      return get(at, 4);
    });
    expect(Math.abs(y[0]!) + Math.abs(y[1]!)).toBeLessThan(1e-30);
    expect([...y.subarray(2)]).toEqual([90, 200]);
  });
});

describe('crossEntropy', () => {
  const run = (
    logits: ArrayLike<number>,
    targets: number[],
    o: { vocab: number; ld: number; scale: number },
  ): { losses: Float32Array; logits: Float32Array } => {
    const rows = targets.length;
    const both = onEveryPool(({ pool, ints, room, get }) => {
      const losses = room(rows + rows * o.ld);
      const at = losses + 4 * rows;
      pool.floats(at, rows * o.ld).set(logits);
      pool.tape.crossEntropy({
        logits: at,
        ld: o.ld,
        vocab: o.vocab,
        targets: ints(targets),
        losses,
        rows,
        scale: o.scale,
      });
      pool.tape.run();
      return get(losses, rows + rows * o.ld);
    });
    return { losses: both.subarray(0, rows), logits: both.subarray(rows) };
  };

  for (const [vocab, ld] of [
    [5, 8],
    [8, 8],
    [67, 72],
  ] as const) {
    test(`a vocabulary of ${vocab}, masked targets, gradient in place, padding left alone`, () => {
      const targets = [0, vocab - 1, -1, 3, 2];
      const logits = normals(targets.length * ld, 1, 4);
      const scale = 0.25;
      const result = run(logits, targets, { vocab, ld, scale });
      expect(worst(result.losses, reference.crossEntropy(logits, targets, vocab, ld))).toBeLessThan(1e-6);
      expect(result.losses[2]).toBe(0);
      const weights = new Float64Array(targets.length).fill(scale);
      const gradient = reference.numericGradient(logits, weights, (x) => reference.crossEntropy(x, targets, vocab, ld));
      for (let r = 0; r < targets.length; r++) {
        const [actual, expected] = [result.logits, gradient].map((g) => g.slice(r * ld, r * ld + vocab)) as [
          Float32Array,
          Float64Array,
        ];
        for (let c = 0; c < vocab; c++) expect(Math.abs(actual[c]! - expected[c]!)).toBeLessThan(1e-6);
        expect(result.logits.slice(r * ld + vocab, (r + 1) * ld)).toEqual(logits.slice(r * ld + vocab, (r + 1) * ld));
      }
    });
  }

  test('scale 0 leaves the logits', () => {
    const logits = normals(12, 2);
    expect(run(logits, [1, 2], { vocab: 6, ld: 6, scale: 0 }).logits).toEqual(logits);
  });

  test('logits of ten thousand', () => {
    const logits = [1e4, -1e4, 9990, 0, 1e4, -1e4, 9990, 0];
    const { losses } = run(logits, [2, 1], { vocab: 4, ld: 4, scale: 1 });
    expect(worst(losses, reference.crossEntropy(logits, [2, 1], 4))).toBeLessThan(1e-6);
  });

  test.each([NaN, Infinity, -Infinity])('a logit of %d gives no finite loss, wherever it is', (value) => {
    for (let c = 0; c < 7; c++) {
      for (const scale of [0, 1]) {
        const logits = normals(7, 3);
        logits[c] = value;
        for (let target = 0; target < 7; target++) {
          expect(Number.isFinite(run(logits, [target], { vocab: 7, ld: 7, scale }).losses[0]!)).toBe(false);
        }
      }
    }
  });
});

describe('element by element', () => {
  // below a line, an exact number of lines, several lines and a part of a vector
  for (const count of [1, 3, 16, 70, 1027]) {
    test(`axpby, copy, zero of ${count}`, () => {
      const x = normals(count, 1);
      const y = normals(count, 2);
      const result = onEveryPool(({ pool, put, get }) => {
        const from = put(x);
        const after = [put(y), put(y.map(() => NaN)), put(y), put(y)] as const;
        const [mix, scaled, copied, cleared] = after;
        pool.tape.axpby({ x: from, y: mix, a: 0.5, b: -2, count });
        pool.tape.axpby({ x: from, y: scaled, a: 0.5, b: 0, count });
        pool.tape.copy({ x: from, y: copied, count });
        pool.tape.zero({ x: cleared, count });
        pool.tape.run();
        return Float32Array.from(after.flatMap((at) => [...get(at, count)]));
      });
      const f = Math.fround;
      const expected = [
        ...x.map((v, i) => f(f(0.5 * v) + f(-2 * y[i]!))),
        ...x.map((v) => 0.5 * v),
        ...x,
        ...x.map(() => 0),
      ];
      expect([...result]).toEqual(expected);
    });
  }

  test('dropout keeps its share, scales what it keeps, and repeats itself', () => {
    const count = 20_003;
    const drop = (rate: number, seed: number): Float32Array =>
      onEveryPool(({ pool, put, get }) => {
        const at = put(new Float32Array(count).fill(3));
        pool.tape.dropout({ x: at, y: at, count, rate, seed });
        pool.tape.run();
        return get(at, count);
      });
    const first = drop(0.2, 11);
    expect(new Set(first)).toEqual(new Set([0, Math.fround(3 * Math.fround(1 / Math.fround(0.8)))]));
    const dropped = (x: Float32Array): number => x.filter((v) => v === 0).length / count;
    expect(dropped(first)).toBeCloseTo(0.2, 2);
    expect(drop(0.2, 11)).toEqual(first);
    // another seed: independent, so both drop an element with probability 0.04, at every distance
    const second = drop(0.2, 12);
    for (const distance of [0, 1, 64]) {
      const both = first.filter((v, i) => v === 0 && second[(i + distance) % count] === 0).length / count;
      expect(both).toBeCloseTo(0.04, 2);
    }
    expect(drop(0, 11)).toEqual(new Float32Array(count).fill(3));
  });

  test('dropoutAdd adds the branch, with the mask that dropout uses on the gradient', () => {
    const count = 1003;
    const [x, branch] = [normals(count, 1), normals(count, 2)];
    const run = (rate: number): Float32Array =>
      onEveryPool(({ pool, put, room, get }) => {
        const y = room(2 * count);
        const from = put(branch);
        pool.tape.dropoutAdd({ branch: from, x: put(x), y, count, rate, seed: -5 });
        pool.tape.dropout({ x: from, y: y + 4 * count, count, rate, seed: -5 });
        pool.tape.run();
        return get(y, 2 * count);
      });
    const half = run(0.5);
    for (let i = 0; i < count; i++) expect(half[i]).toBe(Math.fround(x[i]! + half[count + i]!));
    expect(half.subarray(count).filter((v) => v === 0).length).toBeGreaterThan(400);
    expect([...run(0).subarray(0, count)]).toEqual([...x.map((v, i) => v + branch[i]!)]);
  });

  test('sumOfSquares: a partial sum for each 16,384 elements, in f64', () => {
    const count = 2 * partialElements + 7;
    const sums = (x: Float32Array): Float64Array => {
      const partials = partialCount(x.length);
      const words = onEveryPool(({ pool, put, room, get }) => {
        const at = room(2 * partials);
        pool.tape.sumOfSquares({ x: put(x), count: x.length, partials: at });
        pool.tape.run();
        return get(at, 2 * partials);
      });
      return new Float64Array(words.buffer);
    };
    const x = normals(count, 1);
    const expected = [0, 1, 2].map((i) =>
      x.subarray(i * partialElements, (i + 1) * partialElements).reduce((sum, v) => sum + v * v, 0),
    );
    expect(worst(sums(x), expected)).toBeLessThan(1e-12);
    expect(sums(Float32Array.of(1e30, 1e30))[0]).toBe(2 * Math.fround(1e30) ** 2);
    for (const value of [NaN, Infinity]) {
      x[count - 1] = value;
      expect(sums(x)[2]).toBe(value);
    }
  });
});

describe('adamW', () => {
  const options = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, gradientScale: 0.5, step: 3 };

  test.each([1, 5, 67, 1040])('%d weights', (count) => {
    const [w, g, m, v] = [normals(count, 1), normals(count, 2), normals(count, 3), normals(count, 4).map((x) => x * x)];
    const result = onEveryPool(({ pool, put, get }) => {
      const [weight, gradient, first, second] = [put(w), put(g), put(m), put(v)];
      pool.tape.adamW({ weight, gradient, m: first, v: second, count, ...options });
      pool.tape.run();
      return Float32Array.from([weight, first, second].flatMap((at) => [...get(at, count)]));
    });
    const { learningRate, beta1, beta2, eps, decay, gradientScale, step } = options;
    const first = Array.from(m, (x, i) => beta1 * x + (1 - beta1) * g[i]! * gradientScale);
    const second = Array.from(v, (x, i) => beta2 * x + (1 - beta2) * (g[i]! * gradientScale) ** 2);
    const weight = Array.from(w, (x, i) => {
      const root = Math.sqrt(second[i]! / (1 - beta2 ** step)) + eps;
      return x - learningRate * decay * x - (learningRate * first[i]!) / (1 - beta1 ** step) / root;
    });
    expect(worst(result, [...weight, ...first, ...second])).toBeLessThan(1e-6);
  });

  test('moments that would be denormal become 0, NaN stays', () => {
    const count = 5;
    const result = onEveryPool(({ pool, put, get }) => {
      const [m, v] = [put(new Float32Array(count).fill(1.2e-38)), put(new Float32Array(count).fill(-1e-40))];
      const gradient = put([0, 0, NaN, 0, 0]);
      pool.tape.adamW({ weight: put(normals(count, 1)), gradient, m, v, count, ...options });
      pool.tape.run();
      return Float32Array.from([...get(m, count), ...get(v, count)]);
    });
    expect([...result]).toEqual([0, 0, NaN, 0, 0, 0, 0, NaN, 0, 0]);
  });
});
