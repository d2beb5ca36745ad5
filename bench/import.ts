/**
 * Reading WhatsApp exports beside npm whatsapp-chat-parser, on the same made-up 100 MB file: from its path to every message
 * seen once. Every run is a process of its own, rounds alternate, the median counts; peak memory is the process's own
 * (`maxRSS`), Node included. A second figure is ours to the end: the messages of a smaller file in a new store; with
 * --million those of the whole file, a million in 100 MB, and the same file into the same store once more.
 * Run: npm run build && npx tsc -p bench && node dist/bench/import.js [--megabytes 100] [--rounds 3] [--store-megabytes 10 or 0]
 *      [--million]
 * Prints tables and writes bench/results/import.json.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';
import { temporaryFolder } from './peers/child.ts';
import type { ImportRun } from './peers/import.ts';
import { installPackages } from './peers/install.ts';

const peerVersion = '4.0.2';

const { values: args } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
    'store-megabytes': { type: 'string', default: '10' },
    million: { type: 'boolean', default: false },
  },
});
const [megabytes, rounds] = [Number(args.megabytes), Number(args.rounds)];
const storeMegabytes = Number(args['store-megabytes']);

/** A chat of two people over years, as Android writes it: short texts, emoji, accents, some lines, some media. */
function writeChat(path: string, megabytes: number): void {
  const random = createRandom('bench/import');
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!;
  const syllables = [
    'ka',
    'lo',
    'mi',
    'né',
    'su',
    'ta',
    'ver',
    'pil',
    'dor',
    'an',
    'ish',
    'öl',
    'be',
    'ri',
    'go',
    'mu',
  ];
  const words = Array.from({ length: 20_000 }, () =>
    Array.from({ length: 1 + random.int(4) }, () => pick(syllables)).join(''),
  );
  const text = (): string => Array.from({ length: 1 + random.int(18) }, () => pick(words)).join(' ');
  const two = (value: number): string => String(value).padStart(2, '0');
  const body = (): string => {
    const chance = random.int(100);
    if (chance < 4) return '<Media omitted>';
    if (chance < 5) return 'This message was deleted';
    if (chance < 12) return `${text()}\n${text()}`;
    return text() + (chance < 30 ? pick([' 😂', ' ❤️', '!', '?', ' 👍🏽']) : '');
  };
  const file = openSync(path, 'w');
  let ms = Date.UTC(2012, 8, 19);
  for (let written = 0; written < megabytes * 1e6;) {
    let lines = '';
    while (lines.length < 1e6) {
      ms += random.int(700_000);
      const at = new Date(ms);
      const date = `${two(at.getUTCDate())}/${two(at.getUTCMonth() + 1)}/${at.getUTCFullYear()}`;
      const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
      lines += `${date}, ${time} - ${pick(['Mia Hartmann', 'Sam ☕'])}: ${body()}\n`;
    }
    written += writeSync(file, lines);
  }
  closeSync(file);
}

/** One contender, once, in a process of its own. */
function run(contender: string, file: string, modules: string, dataDir = temporaryFolder()): ImportRun {
  const child = join(import.meta.dirname, 'peers', 'import.js');
  const said = execFileSync(process.execPath, [child, contender, file, modules, dataDir], {
    encoding: 'utf8',
    timeout: 1_200_000,
  });
  return JSON.parse(said.trim().split('\n').at(-1)!) as ImportRun;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

function summary(name: string, runs: readonly ImportRun[], bytes: number) {
  const speeds = runs.map(({ seconds }) => bytes / 1e6 / seconds);
  return {
    name,
    messages: runs[0]!.messages,
    characters: runs[0]!.characters,
    megabytesPerSecond: round(median(speeds)),
    rounds: speeds.map((speed) => round(speed)),
    cpuSeconds: round(median(runs.map(({ cpuSeconds }) => cpuSeconds)), 2),
    peakRssMiB: Math.round(Math.max(...runs.map(({ peakRssMiB }) => peakRssMiB))),
  };
}

console.log(machine);
const folder = temporaryFolder();
const file = join(folder, 'WhatsApp Chat with Sam.txt');
writeChat(file, megabytes);
const { size: bytes } = statSync(file);
const modules = await installPackages([`whatsapp-chat-parser@${peerVersion}`]);
const ours: ImportRun[] = [];
const peer: ImportRun[] = [];
for (let i = 0; i < rounds; i++) {
  ours.push(run('ours', file, modules));
  peer.push(run('peer', file, modules));
}
const reading = [summary('ours', ours, bytes), summary(`npm whatsapp-chat-parser ${peerVersion}`, peer, bytes)];
console.table(reading.map((row) => ({ ...row, rounds: row.rounds.join(' ') })));
/** processor time counts the start of Node and the compiling of both too */
const timesLessCpu = round(reading[1]!.cpuSeconds / reading[0]!.cpuSeconds, 2);
const timesFaster = round(reading[0]!.megabytesPerSecond / reading[1]!.megabytesPerSecond, 2);
console.log(
  `${round(bytes / 1e6)} MB; ours reads ${timesFaster} times as many MB/s, ${timesLessCpu} times as many a CPU second`,
);

const storeFile = join(folder, 'WhatsApp Chat with Mia.txt');
if (storeMegabytes > 0) writeChat(storeFile, storeMegabytes);
const intoStore =
  storeMegabytes > 0
    ? {
        megabytes: round(statSync(storeFile).size / 1e6),
        ...summary('ours, into the store', [run('store', storeFile, modules)], statSync(storeFile).size),
      }
    : null;
if (intoStore !== null) console.table([{ ...intoStore, rounds: intoStore.rounds.join(' ') }]);

/** A file into a store, and into the same one again. */
function intoStoreTwice(): { megabytes: number; first: ImportRun; again: ImportRun } {
  const dataDir = temporaryFolder();
  const [first, again] = [run('store', file, modules, dataDir), run('store', file, modules, dataDir)];
  for (const [what, { messages, seconds, cpuSeconds, peakRssMiB }] of Object.entries({ first, again })) {
    console.log(
      `${round(bytes / 1e6)} MB into the store, ${what}: ${messages} inserted in ${round(seconds)} s (${round(cpuSeconds)} s CPU), peak ${Math.round(peakRssMiB)} MiB`,
    );
  }
  return { megabytes: round(bytes / 1e6), first, again };
}
const million = args.million ? intoStoreTwice() : null;

const result = { machine, megabytes: round(bytes / 1e6), reading, timesFaster, timesLessCpu, intoStore, million };
mkdirSync(join(projectRoot, 'bench', 'results'), { recursive: true });
writeFileSync(join(projectRoot, 'bench', 'results', 'import.json'), `${JSON.stringify(result, null, 2)}\n`);
