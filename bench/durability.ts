/**
 * 1,000 `kill -9` and 1,000 simulated power cuts of the real store (promises A1, A2), and as a control the same cuts with the
 * `synchronous` setting that better-sqlite3 comes with.
 * Run: npm run build && npx tsc -p bench && node dist/bench/durability.js [--kills 1000] [--cuts 1000]
 * Needs strace for the power cuts. Prints the counts and writes bench/results/durability.json; ends with 1 where anything
 * acknowledged was lost.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { killRepeatedly, type KillCounts } from './durability/kills.ts';
import { canTrace, cutPower } from './durability/power-cut.ts';
import { machine } from './machine.ts';

/** files that are written and killed side by side */
const lanes = 4;
const messages = 400;

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, cuts: { type: 'string', default: '1000' } },
});
const folder = mkdtempSync(join(tmpdir(), 'persona-durability-'));
const fresh = (name: string): string => {
  const dir = join(folder, name);
  mkdirSync(dir, { mode: 0o700 });
  return dir;
};

async function kill(kills: number): Promise<KillCounts> {
  const each = Math.ceil(kills / lanes);
  const results = await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      killRepeatedly(fresh(`kill-${lane}`), Math.min(each, kills - lane * each), createRandom(`durability ${lane}`)),
    ),
  );
  const sum = (key: keyof KillCounts): number => results.reduce((total, lane) => total + lane[key], 0);
  return {
    ...{ kills: sum('kills'), acknowledged: sum('acknowledged'), lost: sum('lost') },
    ...{ duplicates: sum('duplicates'), unsound: sum('unsound') },
  };
}

const seconds = async <T>(work: () => T | Promise<T>): Promise<T & { seconds: number }> => {
  const startedMs = performance.now();
  const result = await work();
  return { ...result, seconds: Math.round((performance.now() - startedMs) / 100) / 10 };
};

try {
  console.log(JSON.stringify(machine));
  const kills = await seconds(() => kill(Number(values.kills)));
  console.log('kill -9', kills);
  const cuts = Number(values.cuts);
  const cut = (synchronous: 'FULL' | 'NORMAL') =>
    seconds(() => cutPower(fresh(synchronous), { cuts, messages, synchronous, random: createRandom('power cuts') }));
  const powerCuts = canTrace()
    ? { asTheStore: await cut('FULL'), withSynchronousNormal: await cut('NORMAL') }
    : 'not measured: strace is missing or may not trace here';
  console.log('power cuts', powerCuts);
  const what =
    'kill -9 at random moments, and simulated power cuts, of the store while it logs; losses of what was acknowledged';
  const result = { date: new Date().toISOString(), what, machine, kills, powerCuts };
  writeFileSync(join(projectRoot, 'bench', 'results', 'durability.json'), `${JSON.stringify(result, null, 2)}\n`);
  const cutLosses = typeof powerCuts === 'string' ? 0 : powerCuts.asTheStore.mostLost + powerCuts.asTheStore.corrupt;
  if (kills.lost + kills.duplicates + kills.unsound + cutLosses > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
