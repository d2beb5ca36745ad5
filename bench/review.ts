/**
 * The review page's questions to the store with a million messages: the first page, a thread of 100,000 messages, search,
 * decisions and their undo; p50 and p95 over many calls with other inputs each. Messages are made of invented words whose
 * frequencies are those of language (Zipf), over five years; the same for everybody who runs this.
 * Run: npm run build && npx tsc -p bench && node dist/bench/review.js [--messages 1000000] [--calls 200] [--folder DIR] [--step MS]
 * `--reuse DIR` takes a folder that an ended run left, `--step` is how long a step of building the index takes.
 * Writes bench/results/review.json unless --no-write. Not covered: HTTP and the browser.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/store/open.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { check } from '../src/util/errors.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    calls: { type: 'string', default: '200' },
    folder: { type: 'string', default: tmpdir() },
    step: { type: 'string', default: '50' },
    fill: { type: 'string' },
    reuse: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
const calls = Number(values.calls);

const startMs = Date.UTC(2021, 0, 1);
const spanMs = 5 * 365 * 86_400_000;
const chats = 300;
/** share of all messages that the longest thread has */
const longestShare = 0.1;
const vocabulary = 40_000;

/** Invented word number `rank`; each another one. */
function wordOf(rank: number): string {
  const consonants = 'bdfgklmnprstvz';
  const vowels = 'aeiou';
  let word = '';
  for (let left = rank + 70; left > 0; left = Math.floor(left / 70)) {
    word += consonants[(left % 70) % 14]! + vowels[Math.floor((left % 70) / 14)]!;
  }
  return word;
}

const random = createRandom('bench review');
/** Ranks with the frequencies of language: about 1/rank. */
const zipf = (): number => Math.min(vocabulary - 1, Math.floor(vocabulary ** random.next()) - 1);

function fill(dir: string): void {
  const store = openStore(dir);
  const me = store.people.resolve(['me']);
  const others = Array.from({ length: chats }, (_, n) => store.people.resolve([`49${1_000_000 + n}@c.us`]));
  for (const personId of [me, ...others]) {
    store.consent.append({ personId, scope: 'log', action: 'granted', atMs: 1, noticeHash: '', chatId: null });
  }
  const threads = others.map((other, n) => {
    const isGroup = n % 10 === 9;
    const chat = store.chats.resolve(isGroup ? `${n}@g.us` : `49${1_000_000 + n}@c.us`, isGroup ? 'group' : 'direct');
    const people = [me, other, ...(isGroup ? others.slice(0, 6) : [])];
    for (const person of people) store.chats.addMember(chat, person);
    return { chat, people };
  });
  store.close();
  const db = openDatabase(dir);
  const insert = db.prepare(
    `INSERT INTO messages (chat_id, from_me, wa_id, person_id, origin, timestamp_ms, minute_precision, kind, text, media)
     VALUES (?, ?, ?, ?, 'live', ?, 0, ?, ?, ?)`,
  );
  let row = 0;
  const some = db.transaction((upTo: number) => {
    for (; row < upTo; row++) {
      const at = random.next() < longestShare ? 0 : Math.floor(threads.length * random.next() ** 2);
      const { chat, people } = threads[at]!;
      const person = people[random.int(people.length)]!;
      const isMedia = random.int(20) === 0;
      const text = Array.from({ length: 1 + random.int(14) }, () => wordOf(zipf())).join(' ');
      const timestampMs = startMs + Math.floor((spanMs * row) / messages);
      const values = [chat, person === me ? 1 : 0, `wa${row}`, person, timestampMs];
      insert.run(...values, isMedia ? 'media' : 'text', text, isMedia ? 'image' : null);
    }
  });
  while (row < messages) some(Math.min(messages, row + 20_000));
  db.close();
}

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

if (values.fill !== undefined) fill(values.fill);
else {
  const dir = values.reuse ?? mkdtempSync(join(values.folder, 'persona-bench-review-'));
  try {
    if (values.reuse === undefined) fillElsewhere(dir);
    const databaseMb = round(statSync(join(dir, 'persona.sqlite')).size / 2 ** 20);
    const result = { machine, messages, chats, calls, unit: 'ms', databaseMb, ...measure(dir) };
    console.log(JSON.stringify(result, null, 2));
    if (!values['no-write']) {
      writeFileSync(join(projectRoot, 'bench', 'results', 'review.json'), `${JSON.stringify(result, null, 2)}\n`);
    }
  } finally {
    if (values.reuse === undefined) rmSync(dir, { recursive: true, force: true });
  }
}
