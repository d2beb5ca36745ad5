/**
 * A flood: 2,000 messages as fast as the stand-in for WhatsApp Web delivers them, through the real whatsapp-web.js and a
 * real Chromium, with the bot behind it and with nothing behind it, in turns. Lost, twice, sends against the caps, our share
 * of the processor time, and memory.
 * Run: npm run build && npx tsc -p bench && node dist/bench/flood.js [--messages 2000] [--rounds 5] [--together MS]
 * Prints a table and writes bench/results/flood.json; ends with 1 where something was lost, came twice or broke a cap.
 * Needs /proc (Linux). The messages come through the browser's page, as live ones do; before those that are measured come 500
 * others, so that code and caches are as in a program that has run for a while.
 *
 * What is whose. whatsapp-web.js does not work without its browser, so its cost is that of its Node side (with puppeteer) and
 * of Chromium while nothing is behind it; the share of its Node side alone stands beside it. Ours is the bot, its store and our layer
 * over the library (src/whatsapp), measured in two ways, of which the larger one counts:
 * - alone: the recorded events of a run once more at the same times, without browser and library, less the same with nothing
 *   behind them; and src/whatsapp by its share of a profile, times the processor time of the runs without a profiler (which
 *   slows everything down). The share is of what was sampled outside of src/store, whose samples are of waiting for the disk too.
 * - by profile: the share of all of src/ in it, waiting included.
 * The difference between the runs with the bot and with nothing is told too. It has what the library itself does for the bot's
 * replies (typing, sending), and it goes up and down with the machine by more than it is.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeTogetherMs } from '../src/bot/deps.ts';
import { distFile, projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { testBrowser } from '../test/support/browser.ts';
import { startStandIn, type StandIn } from '../test/support/whatsapp-web/server.ts';
import type { FloodOrder, FloodResult, ToParent } from './flood/child.ts';
import type { Owners } from './flood/profile.ts';
import { machine } from './machine.ts';

const contacts = Array.from({ length: 5 }, (_, i) => `49151000000${i + 10}@c.us`);

/** Everything at once, the contacts in turns. */
function pour(standIn: StandIn, first: number, messages: number): void {
  for (let n = first; n < first + messages; n++) {
    standIn.incoming({
      from: contacts[n % contacts.length]!,
      body: `message ${n} of many, so that there is something to read`,
    });
  }
}

/** Before the flood, not measured. */
const warmUp = 500;

type Options = Pick<FloodOrder, 'kind' | 'from' | 'recordingFile' | 'messages' | 'togetherMs' | 'isProfiled'>;

async function run(options: Options): Promise<FloodResult> {
  const { kind } = options;
  const standIn = await startStandIn();
  const folder = mkdtempSync(join(tmpdir(), 'persona-flood-'));
  const child = fork(distFile('bench/flood/child.ts'), { execArgv: ['--expose-gc'] });
  try {
    for (const contact of contacts) standIn.contact(contact, { name: contact });
    let result: FloodResult | undefined;
    let poured = 0;
    child.on('message', (message: ToParent) => {
      if (message.type === 'qr') standIn.pair();
      else if (message.type === 'ready') child.send('begin');
      else if (message.type === 'result') result = message.result;
      else if (options.from === 'browser') {
        pour(standIn, poured, message.messages);
        poured += message.messages;
      }
    });
    const order: FloodOrder = {
      ...{ ...options, folder, contacts, warmUp },
      ...{ executablePath: await testBrowser(), args: standIn.chromiumArgs() },
    };
    child.send(order);
    await once(child, 'exit');
    check(result, `the run of ${kind} told nothing`);
    return result;
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
    await standIn.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}
const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

const isOurs = (owner: string): boolean => owner.startsWith('src/');

/** Of what was sampled: how much of it is whose this says. */
function shareOf(isMeant: (owner: string) => boolean, owners: Owners): number {
  const sum = (of: (owner: string) => boolean): number =>
    Object.entries(owners).reduce((all, [owner, ms]) => all + (of(owner) ? ms : 0), 0);
  return sum(isMeant) / sum(() => true);
}

/** Shortest time between two replies of one chat, ms; a bubble is no reply. */
function shortestPauseMs(chats: readonly (readonly number[])[]): number {
  return Math.min(
    ...chats.flatMap((times) => times.slice(1).map((atMs, i) => atMs - times[i]!)),
    Number.POSITIVE_INFINITY,
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '5' },
      together: { type: 'string' },
    },
  });
  const messages = Number(values.messages);
  const togetherMs = values.together === undefined ? null : Number(values.together);
  console.log(JSON.stringify(machine));
  const folder = mkdtempSync(join(tmpdir(), 'persona-flood-'));
  const recordingFile = join(folder, 'events.json');
  const usual = { from: 'browser', recordingFile: null, messages, togetherMs, isProfiled: false } as const;
  const runs: FloodResult[] = [];
  const add = async (options: Options): Promise<void> => {
    runs.push(await run(options));
    const { kind, from, seconds, cpuMs, browserCpuMs, rssBeforeMiB, rssAfterMiB, stored, sends, writtenMs } =
      runs.at(-1)!;
    const memory = { rssBeforeMiB, rssAfterMiB };
    console.log(kind, from, { seconds, cpuMs, browserCpuMs, ...memory, stored, sends: sends?.length, writtenMs });
  };
  let profile: FloodResult['profile'];
  try {
    await run({ ...usual, kind: 'nothing', recordingFile }); // not counted: it warms the machine up, and is recorded
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const kind of ['nothing', 'bot'] as const) await add({ ...usual, kind });
      for (const kind of ['nothing', 'bot'] as const) await add({ ...usual, kind, from: 'recording', recordingFile });
    }
    ({ profile } = await run({ ...usual, kind: 'bot', isProfiled: true }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const of = (kind: FloodOrder['kind'], figure: (run: FloodResult) => number, from: FloodOrder['from'] = 'browser') =>
    median(runs.filter((each) => each.kind === kind && each.from === from).map(figure));
  const bots = runs.filter(({ kind, from }) => kind === 'bot' && from === 'browser');
  const cpu = ({ cpuMs }: FloodResult): number => cpuMs / messages;
  const nothing = of('nothing', cpu);
  const { 'src/store': _, ...sampled } = profile?.owners ?? {};
  const layer = shareOf((owner) => owner === 'src/whatsapp', sampled) * of('bot', cpu);
  const library = nothing - layer;
  const browser = of('nothing', ({ browserCpuMs }) => browserCpuMs / messages);
  const alone = of('bot', cpu, 'recording') - of('nothing', cpu, 'recording') + layer;
  const byProfile = shareOf(isOurs, profile?.owners ?? {}) * of('bot', cpu);
  const ours = Math.max(alone, byProfile);
  const growth = (kind: FloodOrder['kind']): number => of(kind, (each) => each.rssAfterMiB - each.rssBeforeMiB);
  const figures = {
    ...{ messages, rounds: Number(values.rounds), togetherMs: togetherMs ?? writeTogetherMs },
    warmUp,
    lost: Math.max(...bots.map(({ stored }) => warmUp + messages - (stored?.distinct ?? 0))),
    twice: Math.max(...bots.map(({ stored }) => (stored?.rows ?? 0) - (stored?.distinct ?? 0))),
    sends: median(bots.map(({ sends }) => sends?.length ?? 0)),
    replies: median(bots.map(({ repliesMs }) => (repliesMs ?? []).flat().length)),
    shortestPauseMs: Math.min(...bots.map(({ repliesMs }) => shortestPauseMs(repliesMs ?? []))),
    messagesPerSecond: {
      nothing: rounded(messages / of('nothing', ({ seconds }) => seconds), 1),
      bot: rounded(messages / of('bot', ({ seconds }) => seconds), 1),
    },
    cpuMsPerMessage: {
      libraryInNode: rounded(library),
      libraryInChromium: rounded(browser),
      ours: rounded(ours),
      oursBy: { alone: rounded(alone), ofItSrcWhatsapp: rounded(layer), profile: rounded(byProfile) },
      differenceWithTheLibrarysSends: rounded(of('bot', cpu) - nothing),
    },
    share: {
      what:
        'ours (the larger of both figures) / whatsapp-web.js (its Node side with puppeteer, and its Chromium); and the same of' +
        ' its Node side alone',
      ofLibraryWithItsBrowser: rounded(ours / (library + browser)),
      ofLibraryInNode: rounded(ours / library),
    },
    writtenMs: {
      what: 'from the event of a message until it is on disk',
      p50: median(bots.map(({ writtenMs }) => writtenMs?.p50 ?? Number.NaN)),
      p99: median(bots.map(({ writtenMs }) => writtenMs?.p99 ?? Number.NaN)),
      most: Math.max(...bots.map(({ writtenMs }) => writtenMs?.most ?? Number.NaN)),
    },
    rssGrowthMiB: { nothing: growth('nothing'), bot: growth('bot'), beyond: growth('bot') - growth('nothing') },
    goals: { shareOfLibraryWithItsBrowser: 0.05, rssGrowthBeyondMiB: 50 },
    profileMs: profile,
  };
  console.log(figures);
  const what =
    'messages as fast as the stand-in delivers them, whatsapp-web.js in Chromium, with the bot behind it and without';
  const result = { date: new Date().toISOString(), what, machine, ...figures, runs };
  writeFileSync(join(projectRoot, 'bench', 'results', 'flood.json'), `${JSON.stringify(result, null, 2)}\n`);
  const isBroken = figures.lost !== 0 || figures.twice !== 0 || figures.shortestPauseMs < 5000 || figures.sends > 100;
  if (isBroken) process.exitCode = 1;
}

await main();
