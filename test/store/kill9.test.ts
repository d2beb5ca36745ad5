/**
 * Promise A1: 260 `kill -9` at random moments of logging. After each, everything that was acknowledged is there, once,
 * and the file is sound. Power cuts are another matter (power-cut.test.ts). Needs dist/; bench/durability.ts kills 1,000
 * times.
 * Run: npm run build && npx vitest run test/store/kill9.test.ts
 */
import { expect, test } from 'vitest';
import { killRepeatedly, type KillCounts } from '../../bench/durability/kills.ts';
import { createRandom } from '../../src/util/random.ts';
import { freshDir } from './support.ts';

const lanes = 4;

test.each([
  { writer: 'logger', what: 'a writer of one message a commit', killsPerFile: 50 },
  { writer: 'bot', what: 'the bot, which writes several at once', killsPerFile: 15 },
] as const)(
  'kills of $what: nothing acknowledged is lost or twice',
  async ({ writer, killsPerFile }) => {
    const results = await Promise.all(
      Array.from({ length: lanes }, (_, lane) =>
        killRepeatedly(freshDir(), killsPerFile, createRandom(`kill9 ${lane}`), writer),
      ),
    );
    const sum = (key: keyof KillCounts): number => results.reduce((total, lane) => total + lane[key], 0);
    process.stdout.write(
      `kill -9 of the ${writer}: ${sum('kills')} kills, ${sum('acknowledged')} acknowledged, ${sum('lost')} lost\n`,
    );
    expect({ kills: sum('kills'), lost: sum('lost'), duplicates: sum('duplicates'), unsound: sum('unsound') }).toEqual({
      kills: lanes * killsPerFile,
      lost: 0,
      duplicates: 0,
      unsound: 0,
    });
    expect(sum('acknowledged')).toBeGreaterThan(lanes * killsPerFile);
  },
  300_000,
);
