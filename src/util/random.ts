/**
 * Seeded pseudo-random numbers: the only source of chance in training, sampling and tests, so that a run can be
 * repeated. sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, passes BigCrush. Not for secrets.
 */
import { createHash } from 'node:crypto';

export type RandomState = readonly [number, number, number, number];

export interface Random {
  /** uniform in [0, 1) with 32 bits */
  next(): number;
  /** uniform integer in [0, n) */
  int(n: number): number;
  /** standard normal (Box-Muller) */
  normal(): number;
  /** Fisher-Yates, in place; returns the same array */
  shuffle<T>(items: T[]): T[];
  /** everything needed to go on from here: `createRandom(state)` */
  state(): RandomState;
}

export function createRandom(seed: number | string | RandomState): Random {
  let [a, b, c, d] = typeof seed === 'object' ? seed : seedState(seed);

  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  const int = (n: number): number => Math.floor(next() * n);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const shuffle = <T>(items: T[]): T[] => {
    for (let i = items.length - 1; i > 0; i--) {
      const j = int(i + 1);
      [items[i], items[j]] = [items[j] as T, items[i] as T];
    }
    return items;
  };
  return { next, int, normal, shuffle, state: () => [a, b, c, d] };
}

/** Any seed, spread over the whole state by SHA-256, so that neighbouring seeds share nothing. */
function seedState(seed: number | string): RandomState {
  const digest = createHash('sha256').update(String(seed)).digest();
  return [digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)];
}
