/**
 * Promise A1: 200 `kill -9` at random moments of logging. After each, everything that was acknowledged is there, once,
 * and the file is sound. Power cuts are another matter (power-cut.test.ts). Needs dist/; bench/durability.ts kills 1,000
 * times.
 * Run: npm run build && npx vitest run test/store/kill9.test.ts
 */
import { expect, test } from 'vitest';
import { killRepeatedly, type KillCounts } from '../../bench/durability/kills.ts';
import { createRandom } from '../../src/util/random.ts';
import { freshDir } from './support.ts';

const lanes = 4;
const killsPerFile = 50;

test('200 kills: nothing acknowledged is lost, nothing is there twice, the file is sound', async () => {
  const results = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => killRepeatedly(freshDir(), killsPerFile, createRandom(`kill9 ${lane}`))),
  );
  const sum = (key: keyof KillCounts): number => results.reduce((total, lane) => total + lane[key], 0);
  process.stdout.write(`kill -9: ${sum('kills')} kills, ${sum('acknowledged')} acknowledged, ${sum('lost')} lost\n`);
  expect({ kills: sum('kills'), lost: sum('lost'), duplicates: sum('duplicates'), unsound: sum('unsound') }).toEqual({
    kills: lanes * killsPerFile,
    lost: 0,
    duplicates: 0,
    unsound: 0,
  });
  expect(sum('acknowledged')).toBeGreaterThan(lanes * killsPerFile);
}, 300_000);
