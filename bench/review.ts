/**
 * The review page with a million messages: the store's answers (first page, a thread of 150,000 messages, search, decisions
 * and their undo), the same through the real server with a session, the server's memory, and a browser that scrolls the
 * long thread; p50 and p95 over many calls with other inputs each.
 * Run: npm run build && npx tsc -p bench && node dist/bench/review.js [--messages 1000000] [--calls 200] [--folder DIR] [--step MS]
 * `--reuse DIR` takes a folder that an ended run left (`--keep` leaves one), `--step` is how long a step of building the
 * index takes, `--only http` leaves the store's own answers out. Writes bench/results/review.json unless --no-write.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openStore, type Store } from '../src/store/store.ts';
import { check } from '../src/util/errors.ts';
import { projectRoot } from '../src/util/dist.ts';
import { machine } from './machine.ts';
import { measureBrowser } from './review/browser.ts';
import { measureServer, serve } from './review/server.ts';
import { chats, fill, random, spanMs, startMs, wordOf } from './review/store.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    calls: { type: 'string', default: '200' },
    folder: { type: 'string', default: tmpdir() },
    step: { type: 'string', default: '50' },
    fill: { type: 'string' },
    reuse: { type: 'string' },
    keep: { type: 'boolean', default: false },
    only: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
const calls = Number(values.calls);

interface Times {
  p50: number;
  p95: number;
  max: number;
  /** p95 of processor time: what it would be about where nothing else runs */
  cpuP95: number;
}

const round = (value: number): number => Math.round(value * 100) / 100;

function timesOf(work: (call: number) => unknown): Times {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let call = 0; call < calls; call++) {
    const cpu = process.cpuUsage();
    const from = performance.now();
    work(call);
    walls.push(performance.now() - from);
    const { user, system } = process.cpuUsage(cpu);
    cpus.push((user + system) / 1000);
  }
  const at = (times: number[], share: number): number =>
    round(times.sort((a, b) => a - b)[Math.min(calls - 1, Math.floor(calls * share))]!);
  return { p50: at(walls, 0.5), p95: at(walls, 0.95), max: at(walls, 1), cpuP95: at(cpus, 0.95) };
}

function once(work: () => unknown): number {
  const from = performance.now();
  work();
  return round(performance.now() - from);
}

function measure(dir: string): object {
  const openMs = once(() => openStore(dir).close());
  const store = openStore(dir);
  store.searchIndex.reset();
  const index = buildIndex(store);
  const { review } = store;
  const [longest] = review.chats.list({ limit: 200 }).chats.sort((a, b) => b.messages - a.messages);
  check(longest !== undefined && longest.firstMs !== null && longest.lastMs !== null, 'there is a longest thread');
  const { id: chatId, firstMs, lastMs } = longest;
  const anyMs = (): number => firstMs + Math.floor((lastMs - firstMs) * random.next());
  const anyPlace = (): number => review.threads.placeAt(chatId, anyMs())!.messageId;
  const places = Array.from({ length: calls }, anyPlace);
  const common = (call: number): string => wordOf(call % 20);
  const rare = (): string => wordOf(20_000 + random.int(15_000));
  const text = places.map((id) => review.threads.message(id)!.text);
  const page = (request: Parameters<typeof review.search>[0]): unknown => review.search(request);

  const queries = {
    firstPage: timesOf(() => review.chats.list()),
    secondPage: timesOf(() => review.chats.list({ after: longest })),
    people: timesOf(() => review.people.list()),
    threadNewest: timesOf(() => review.threads.page(chatId, { limit: 100 })),
    threadBefore: timesOf((n) => review.threads.page(chatId, { limit: 100, before: { messageId: places[n]! } })),
    threadAround: timesOf((n) => review.threads.page(chatId, { limit: 100, around: { messageId: places[n]! } })),
    threadAtDate: timesOf(() => review.threads.page(chatId, { limit: 100, around: { timestampMs: anyMs() } })),
    dateRuler: timesOf(() =>
      review.threads.histogram(
        chatId,
        Array.from({ length: 61 }, (_, month) => startMs + (spanMs * month) / 60),
      ),
    ),
    searchCommonWord: timesOf((n) => page({ text: common(n) })),
    searchRareWord: timesOf(() => page({ text: rare() })),
    searchBeginning: timesOf((n) => page({ text: wordOf(n).slice(0, 2) })),
    searchTwoWords: timesOf((n) => page({ text: `${common(n)} ${common(n + 7)} ` })),
    searchPhrase: timesOf((n) => page({ text: `"${text[n]!.split(' ').slice(0, 3).join(' ')}"` })),
    searchInThread: timesOf((n) => page({ text: common(n), chatId })),
    searchOldDates: timesOf((n) => page({ text: common(n), toMs: startMs + spanMs / 3 + n * 86_400_000 })),
    searchImages: timesOf((n) => page({ text: common(n), kind: 'image' })),
    searchDeepPage: timesOf((n) => page({ text: common(n), before: { timestampMs: anyMs(), id: 0 } })),
    nearestExamples: timesOf((n) => review.replies.nearest(text[n]!, longest.people[0]!.personId)),
    decideOne: timesOf((n) => review.decide({ ids: [places[n]!] }, n % 2 === 0 ? 'approved' : 'rejected')),
    hideWords: timesOf((n) => review.hide(places[n]!, [{ start: 0, end: 1 + (n % 5) }], null)),
    undo: timesOf(() => review.undo()),
  };
  const memoryMb = round(process.memoryUsage().rss / 2 ** 20);
  const bulk = {
    messages: longest.messages,
    approveWholeThreadMs: once(() => review.decide({ chatId }, 'approved')),
    undoMs: once(() => review.undo()),
  };
  const firstPageWhileDecided = timesOf(() => review.chats.list());
  const eraseOneMs = timesOf((n) => {
    const found = review.threads.message(places[n]!);
    if (found !== undefined) store.messages.erase(chatId, `wa${places[n]! - 1}`);
  });
  store.close();
  return { openMs, index, queries, bulk, firstPageWhileDecided, eraseOneMs, memoryMb };
}

/** In the steps that the page takes, with the longest pause that others see. */
function buildIndex(store: Store): object {
  let longestStepMs = 0;
  let steps = 0;
  const from = performance.now();
  for (let isDone = false; !isDone; steps++) {
    const step = performance.now();
    isDone = store.review.catchUp(Number(values.step)).isDone;
    longestStepMs = Math.max(longestStepMs, performance.now() - step);
  }
  const seconds = round((performance.now() - from) / 1000);
  const megabytes = round(statSync(join(store.dataDir, 'search.sqlite')).size / 2 ** 20);
  return { seconds, stepMs: Number(values.step), steps, longestStepMs: round(longestStepMs), megabytes };
}

/** In a process of its own, so that its memory is not counted. */
function fillElsewhere(dir: string): void {
  const self = [fileURLToPath(import.meta.url), '--fill', dir, '--messages', String(messages)];
  const { status } = spawnSync(process.execPath, self, { stdio: 'inherit' });
  check(status === 0, `filling ended with ${String(status)}`);
}

if (values.fill !== undefined) fill(values.fill, messages);
else {
  const dir = values.reuse ?? mkdtempSync(join(values.folder, 'persona-bench-review-'));
  try {
    if (values.reuse === undefined) fillElsewhere(dir);
    const databaseMb = round(statSync(join(dir, 'persona.sqlite')).size / 2 ** 20);
    const store = values.only === 'http' ? {} : { store: measure(dir) };
    const served = await serve(dir);
    try {
      const http = await measureServer(served, calls);
      const browser = await measureBrowser(served);
      const memoryMb = served.memoryMb();
      const result = { machine, messages, chats, calls, unit: 'ms', databaseMb, ...store, http, browser, memoryMb };
      console.log(JSON.stringify(result, null, 2));
      if (!values['no-write']) {
        writeFileSync(join(projectRoot, 'bench', 'results', 'review.json'), `${JSON.stringify(result, null, 2)}\n`);
      }
    } finally {
      await served.close();
    }
  } finally {
    if (values.reuse === undefined && !values.keep) rmSync(dir, { recursive: true, force: true });
    else console.log(`kept: ${dir}`);
  }
}
