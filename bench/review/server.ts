/**
 * The real `persona review` over a store, as a process of its own: how long its answers take with a session, what it needs of
 * memory, and how long others wait for the database while it decides about a whole thread.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '../../src/store/store.ts';
import { distFile } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { random, wordOf } from './store.ts';

export interface Served {
  dataDir: string;
  origin: string;
  /** another one each time */
  link(): string;
  /** the longest thread */
  chatId: number;
  chatMessages: number;
  /** ids all over it */
  places: number[];
  /** the id half way through it */
  middle: number;
  /** resident memory of the server: now, and at most since it started */
  memoryMb(): { now: number; peak: number };
  /** processor time of the server since it started */
  cpuMs(): number;
  close(): Promise<void>;
}

/** What the long thread is, asked of the store before the server has it; the server's memory holds none of that. */
function longThread(dataDir: string): Pick<Served, 'chatId' | 'chatMessages' | 'places' | 'middle'> {
  const store = openStore(dataDir);
  try {
    while (!store.review.catchUp().isDone);
    const [longest] = store.review.chats.list({ limit: 200 }).chats.sort((a, b) => b.messages - a.messages);
    check(longest !== undefined && longest.firstMs !== null && longest.lastMs !== null, 'there is a longest thread');
    const { id, messages, firstMs, lastMs } = longest;
    const anyPlace = (): number =>
      store.review.threads.placeAt(id, firstMs + Math.floor((lastMs - firstMs) * random.next()))!.messageId;
    const places = Array.from({ length: 1000 }, anyPlace);
    const middle = store.review.threads.placeAt(id, (firstMs + lastMs) / 2)!.messageId;
    return { chatId: id, chatMessages: messages, places, middle };
  } finally {
    store.close();
  }
}

export async function serve(dataDir: string): Promise<Served> {
  const thread = longThread(dataDir);
  const home = mkdtempSync(join(tmpdir(), 'persona-bench-home-'));
  writeFileSync(join(home, 'persona.json'), JSON.stringify({ name: 'Bench' }));
  const env = {
    PATH: process.env['PATH'],
    DATA_DIR: dataDir,
    MODELS_DIR: join(home, 'models'),
    PERSONA_DIR: home,
    REVIEW_PORT: '0',
  };
  const start = () => spawn(process.execPath, [distFile('scripts/persona.ts'), 'review', '--json'], { env, cwd: home });
  const linkOf = async (child: ReturnType<typeof start>): Promise<string> => {
    child.stderr.pipe(process.stderr);
    let printed = '';
    for await (const piece of child.stdout) {
      printed += String(piece);
      if (printed.includes('\n')) break;
    }
    return (JSON.parse(printed) as { link: string }).link;
  };
  const server = start();
  let next = await linkOf(server);
  const { origin } = new URL(next);
  const links = [next];
  for (let n = 0; n < 2; n++) {
    const other = start(); // where the page runs already, the command only makes another link
    next = await linkOf(other);
    links.push(next);
  }
  return {
    dataDir,
    origin,
    ...thread,
    link: () => links.pop()!,
    memoryMb: () => {
      const status = readFileSync(`/proc/${server.pid!}/status`, 'utf8');
      const of = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024);
      return { now: of('VmRSS'), peak: of('VmHWM') };
    },
    cpuMs: () => {
      // user and system time are fields 14 and 15, in hundredths of a second (proc_pid_stat(5)); the name before may have spaces
      const fields = readFileSync(`/proc/${server.pid!}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return 10 * (Number(fields[11]) + Number(fields[12]));
    },
    close: async () => {
      const closed = once(server, 'close');
      server.kill('SIGTERM');
      await closed;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export interface Times {
  p50: number;
  p95: number;
  max: number;
}

const round = (value: number): number => Math.round(value * 100) / 100;

export function percentiles(values: readonly number[]): Times {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/**
 * Times from the request to the last byte of the answer, one request after the other on a connection that stays; beside them
 * the server's processor time for one, in the mean, which a busy machine distorts least.
 */
export async function measureServer(served: Served, calls: number): Promise<object> {
  const { origin, chatId, chatMessages, places } = served;
  const memory = { atStartMb: served.memoryMb().now };
  const login = await write(served, '/login', { token: new URL(served.link()).hash.slice(1) });
  const cookie = login.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
  const read = async (path: string): Promise<number> => {
    const from = performance.now();
    const response = await fetch(`${origin}${path}`, { headers: { Cookie: cookie } });
    await response.arrayBuffer();
    const tookMs = performance.now() - from;
    check(response.ok, `${path} answers ${response.status}`);
    return tookMs;
  };
  const timesOf = async (path: (call: number) => string): Promise<Times & { serverCpuMs: number }> => {
    const times: number[] = [];
    const cpuMs = served.cpuMs();
    for (let call = 0; call < calls; call++) times.push(await read(path(call)));
    return { ...percentiles(times), serverCpuMs: round((served.cpuMs() - cpuMs) / calls) };
  };
  const thread = `/api/thread?chat=${chatId}&limit=80`;
  const search = (text: string): string => `/api/search?text=${encodeURIComponent(text)}`;
  const requests = {
    firstPage: await timesOf(() => '/'),
    firstPageList: await timesOf(() => '/api/chats'),
    threadPage: await timesOf(() => `/chat/${chatId}`),
    threadInTheMiddle: await timesOf((n) => `${thread}&at=${places[n % 1000]!}`),
    threadOlder: await timesOf((n) => `${thread}&before=${places[(n + 300) % 1000]!}`),
    threadNewest: await timesOf(() => `${thread}&end=last`),
    searchCommonWord: await timesOf((n) => search(wordOf(n % 20))),
    searchRareWord: await timesOf(() => search(wordOf(20_000 + random.int(15_000)))),
    searchTwoWords: await timesOf((n) => search(`${wordOf(n % 20)} ${wordOf((n + 7) % 20)}`)),
    peoplePage: await timesOf(() => '/people'),
    botPage: await timesOf(() => '/bot'),
  };
  const afterRequestsMb = served.memoryMb().now;
  const bulk = await decideWholeThread(served, cookie, read);
  const memoryMb = { ...memory, afterRequestsMb, afterBulkMb: served.memoryMb().now };
  return { requests, bulk: { messages: chatMessages, ...bulk }, memoryMb };
}

function write({ origin }: Served, path: string, body: unknown, cookie = ''): Promise<Response> {
  return fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: origin, 'Sec-Fetch-Site': 'same-origin', Cookie: cookie },
    body: JSON.stringify(body),
  });
}

/** Approve all and undo it; meanwhile another process (this one) writes, and other pages are asked for. */
async function decideWholeThread(
  served: Served,
  cookie: string,
  read: (path: string) => Promise<number>,
): Promise<object> {
  const store = openStore(served.dataDir);
  const run = async (path: string, body: unknown) => {
    const from = performance.now();
    const waits: number[] = [];
    const pages: number[] = [];
    let isOver = false;
    const request = write(served, path, body, cookie).then(async (response) => {
      check(response.ok, `${path} answers ${response.status}`);
      const answer = (await response.json()) as { undo: { id: number } | null };
      isOver = true;
      return { seconds: round((performance.now() - from) / 1000), undo: answer.undo?.id };
    });
    const reading = (async () => {
      while (!isOver) pages.push(await read('/api/chats'));
    })();
    while (!isOver) {
      const begun = performance.now();
      store.settings.set('bench.write', String(begun));
      waits.push(performance.now() - begun);
      await sleep(10);
    }
    await reading;
    const { seconds, undo } = await request;
    return { seconds, undo, otherWrites: percentiles(waits), pageMeanwhile: percentiles(pages) };
  };
  try {
    const decided = await run('/api/review/decide', {
      selection: { chatId: served.chatId },
      decision: 'rejected',
      seenAtMs: Date.now(),
    });
    const undone = await run('/api/review/undo', { expectedId: decided.undo });
    const without = ({ seconds, otherWrites, pageMeanwhile }: typeof decided) => ({
      seconds,
      otherWrites,
      pageMeanwhile,
    });
    return { decide: without(decided), undo: without(undone) };
  } finally {
    store.close();
  }
}
