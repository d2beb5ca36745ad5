/**
 * A flood: 2,000 messages as fast as the stand-in for WhatsApp Web delivers them, through the real whatsapp-web.js and a
 * real Chromium, with the bot behind it and with nothing behind it, in turns. Lost, twice, sends against the caps, our share
 * of the processor time, and memory.
 * Run: npm run build && npx tsc -p bench && node dist/bench/flood.js [--messages 2000] [--rounds 3] [--together MS]
 * Prints a table and writes bench/results/flood.json; ends with 1 where something was lost, came twice or broke a cap.
 * Needs /proc (Linux). The messages come through the browser's page, as live ones do.
 *
 * What is whose: the run with nothing behind it is whatsapp-web.js, the driver of the browser and our thin layer over them
 * (src/whatsapp); the difference to the run with the bot is ours. A last, profiled run tells what src/whatsapp takes, and that
 * is moved from the library's side to ours. whatsapp-web.js does not work without its browser, so its cost is that of its Node
 * side and of Chromium; the share of the Node side alone stands beside it.
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
import { machine } from './machine.ts';

const contacts = Array.from({ length: 5 }, (_, i) => `49151000000${i + 10}@c.us`);

/** Everything at once, the contacts in turns. */
function pour(standIn: StandIn, messages: number): void {
  for (let n = 0; n < messages; n++) {
    standIn.incoming({
      from: contacts[n % contacts.length]!,
      body: `message ${n} of many, so that there is something to read`,
    });
  }
}

async function run(
  kind: FloodOrder['kind'],
  messages: number,
  options: Pick<FloodOrder, 'togetherMs' | 'isProfiled'>,
): Promise<FloodResult> {
  const standIn = await startStandIn();
  const folder = mkdtempSync(join(tmpdir(), 'persona-flood-'));
  const child = fork(distFile('bench/flood/child.ts'), { execArgv: ['--expose-gc'] });
  try {
    for (const contact of contacts) standIn.contact(contact, { name: contact });
    let result: FloodResult | undefined;
    child.on('message', (message: ToParent) => {
      if (message.type === 'qr') standIn.pair();
      else if (message.type === 'ready') child.send('begin');
      else if (message.type === 'counting') pour(standIn, messages);
      else result = message.result;
    });
    const order: FloodOrder = {
      ...{ kind, folder, contacts, messages, ...options },
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

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

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
      rounds: { type: 'string', default: '3' },
      together: { type: 'string' },
    },
  });
  const messages = Number(values.messages);
  const togetherMs = values.together === undefined ? null : Number(values.together);
  console.log(JSON.stringify(machine));
  const runs: FloodResult[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of ['nothing', 'bot'] as const) {
      runs.push(await run(kind, messages, { togetherMs, isProfiled: false }));
      const { seconds, cpuMs, browserCpuMs, rssBeforeMiB, rssAfterMiB, stored, sends, writtenMs } = runs.at(-1)!;
      console.log(kind, {
        ...{ seconds, cpuMs, browserCpuMs, rssBeforeMiB, rssAfterMiB, stored, sends: sends?.length, writtenMs },
      });
    }
  }
  const { profile } = await run('bot', messages, { togetherMs, isProfiled: true });
  console.log(profile);
  const layer = (profile?.owners['src/whatsapp'] ?? Number.NaN) / messages;

  const of = (kind: FloodOrder['kind'], figure: (run: FloodResult) => number): number =>
    median(runs.filter((each) => each.kind === kind).map(figure));
  const bots = runs.filter(({ kind }) => kind === 'bot');
  const nothing = of('nothing', ({ cpuMs }) => cpuMs) / messages;
  const library = nothing - layer;
  const browser = of('nothing', ({ browserCpuMs }) => browserCpuMs) / messages;
  const bot = of('bot', ({ cpuMs }) => cpuMs) / messages - nothing;
  const ours = bot + layer;
  const growth = (kind: FloodOrder['kind']): number => of(kind, (each) => each.rssAfterMiB - each.rssBeforeMiB);
  const figures = {
    ...{ messages, rounds: Number(values.rounds), togetherMs: togetherMs ?? writeTogetherMs },
    lost: Math.max(...bots.map(({ stored }) => messages - (stored?.distinct ?? 0))),
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
      ofItSrcWhatsapp: rounded(layer),
      ofItTheBot: rounded(bot),
    },
    share: {
      what: 'ours / whatsapp-web.js: of its Node side and its Chromium, and of its Node side alone',
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
