/** The seeded generator: repeatable, resumable, uniform enough to notice a slip. */
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/util/random.ts';

describe('random', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const draw = (seed: number | string): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw('a')).not.toEqual(draw('b'));
  });

  test('goes on from a saved state', () => {
    const random = createRandom(7);
    random.next();
    const resumed = createRandom(random.state());
    expect([resumed.next(), resumed.int(100), resumed.normal()]).toEqual([
      random.next(),
      random.int(100),
      random.normal(),
    ]);
  });

  test('numbers are spread over [0, 1), integers over [0, n), normals around 0 with deviation 1', () => {
    const random = createRandom('spread');
    const n = 20_000;
    const buckets = Array.from({ length: 10 }, () => 0);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const bucket = random.int(10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      const normal = random.normal();
      sum += normal;
      squares += normal * normal;
    }
    for (const count of buckets) expect(Math.abs(count / n - 0.1)).toBeLessThan(0.01);
    expect(Math.abs(sum / n)).toBeLessThan(0.03);
    expect(Math.abs(squares / n - 1)).toBeLessThan(0.05);
  });

  test('a shuffle keeps every item', () => {
    const items = Array.from({ length: 100 }, (_, i) => i);
    const shuffled = createRandom(3).shuffle([...items]);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });
});
