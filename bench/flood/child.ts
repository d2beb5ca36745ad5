/**
 * One run of the flood: the real whatsapp-web.js in a real Chromium, or its events played again, and behind it the bot or
 * nothing at all. Told what to do over IPC by bench/flood.ts; measures itself.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundMessage } from '../../src/types.ts';
import { check } from '../../src/util/errors.ts';
import { processesOn } from '../../test/support/whatsapp-web/harness.ts';
import { openFloodBot, repliesIn, rowsOf, type FloodBot } from './bot.ts';
import { startProfiling, type Owners } from './profile.ts';
import { openBrowserSource, openRecording, type Source } from './source.ts';

export interface FloodOrder {
  kind: 'bot' | 'nothing';
  /** `recording`: what an earlier run wrote to `recordingFile` */
  from: 'browser' | 'recording';
  /** from a browser: written where it is not null */
  recordingFile: string | null;
  folder: string;
  executablePath: string;
  args: string[];
  contacts: string[];
  /** messages before those that are measured: a program that has run for a while has compiled what it runs */
  warmUp: number;
  messages: number;
  /** ms in which messages are collected to be written together; null: as `persona start` does */
  togetherMs: number | null;
  /** with a profile; the profiler itself costs some time */
  isProfiled: boolean;
}

export interface FloodResult {
  kind: FloodOrder['kind'];
  from: FloodOrder['from'];
  events: number;
  /** distinct messages that came */
  arrived: number;
  seconds: number;
  /** processor time of this process's main thread while the messages came */
  cpuMs: number;
  /** and of Chromium */
  browserCpuMs: number;
  /** ms from a message's event until it is on disk */
  writtenMs: { p50: number; p99: number; most: number } | null;
  rssBeforeMiB: number;
  rssAfterMiB: number;
  stored: { rows: number; distinct: number } | null;
  sends: number[] | null;
  /** when a reply was complete, by chat */
  repliesMs: number[][] | null;
  profile: { owners: Owners; functions: Owners } | null;
}

export type ToParent =
  { type: 'qr' } | { type: 'ready' } | { type: 'pour'; messages: number } | { type: 'result'; result: FloodResult };

const tell = (message: ToParent): void => void process.send?.(message);
const mib = (): number => Math.round(process.memoryUsage().rss / 2 ** 20);
/** The main thread and none of the model's: ns on a processor, the first field. */
const mainThreadCpuMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

/** Fields 14 and 15 of a stat file, ticks of 10 ms; the name before them may hold blanks. */
function cpuMsIn(statFile: string): number {
  const stat = readFileSync(statFile, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function browserCpuMs(folder: string): number {
  let sum = 0;
  for (const pid of processesOn(folder)) {
    if (pid === process.pid) continue;
    try {
      sum += cpuMsIn(`/proc/${pid}/stat`);
    } catch {
      // ended meanwhile
    }
  }
  return sum;
}

async function flood(order: FloodOrder): Promise<void> {
  const { kind, from, folder, contacts, warmUp, messages, isProfiled } = order;
  const seen = new Set<string>();
  const pending = new Set<Promise<void>>();
  const writtenMs: number[] = [];
  let events = 0;
  let lastEventMs = 0;
  const parts: { source?: Source } = {};
  const phone = () => {
    check(parts.source, 'WhatsApp is connected');
    return parts.source.phone;
  };
  const isBot = kind === 'bot';
  const ours: FloodBot | undefined = isBot ? await openFloodBot(folder, contacts, phone, order.togetherMs) : undefined;
  const onMessage = (message: InboundMessage): void => {
    events++;
    const atMs = performance.now();
    lastEventMs = atMs;
    const isFirst = !message.fromMe && !seen.has(message.id);
    if (!message.fromMe) seen.add(message.id);
    const work = ours?.bot.onMessage(message);
    if (work === undefined || !isFirst) return;
    pending.add(work);
    void work.finally(() => {
      pending.delete(work);
      writtenMs.push(performance.now() - atMs);
    });
  };
  const listener = {
    onQr: () => tell({ type: 'qr' }),
    onReady: (account: { aliases: string[] }) => {
      ours?.bot.onReady(account);
      tell({ type: 'ready' });
    },
    onMessage,
  };
  const begin = new Promise((resolve) => process.once('message', resolve));
  parts.source =
    from === 'browser' ? await openBrowserSource(order, listener) : openRecording(order.recordingFile ?? '', listener);
  const { source } = parts;
  /** All there, all handled, and nothing more for a second. */
  const pour = async (more: number): Promise<void> => {
    const wanted = seen.size + more;
    const beganMs = performance.now();
    source.begin();
    tell({ type: 'pour', messages: more });
    while (seen.size < wanted || pending.size > 0 || performance.now() - lastEventMs < 1000) {
      await sleep(100);
      if (performance.now() - beganMs > 300_000) break; // what is lost by then is lost
    }
  };
  await begin;
  await sleep(2000);
  await pour(warmUp);
  await ours?.bot.settled();
  await sleep(2000);
  writtenMs.length = 0;
  globalThis.gc?.();
  const profiling = isProfiled ? await startProfiling() : undefined;
  const before = { rss: mib(), cpuMs: mainThreadCpuMs(), browserCpuMs: browserCpuMs(folder), atMs: performance.now() };
  await pour(messages);
  const after = { cpuMs: mainThreadCpuMs(), browserCpuMs: browserCpuMs(folder), atMs: lastEventMs };
  const profile = (await profiling?.stop()) ?? null;
  if (from === 'browser') await sleep(12_000); // replies
  await ours?.bot.settled();
  globalThis.gc?.();
  const rssAfterMiB = mib();
  const rows = ours === undefined ? [] : contacts.flatMap((contact) => rowsOf(ours.store, contact));
  const result: FloodResult = {
    ...{ kind, from, events, arrived: seen.size, seconds: (after.atMs - before.atMs) / 1000 },
    ...{ cpuMs: after.cpuMs - before.cpuMs, browserCpuMs: after.browserCpuMs - before.browserCpuMs },
    writtenMs: isBot ? quantiles(writtenMs) : null,
    ...{ rssBeforeMiB: before.rss, rssAfterMiB },
    stored: isBot ? { rows: rows.length, distinct: new Set(rows).size } : null,
    sends: ours?.sends ?? null,
    repliesMs: ours === undefined ? null : contacts.map((contact) => repliesIn(ours.store, contact)),
    profile,
  };
  tell({ type: 'result', result });
  await ours?.bot.close();
  await source.close();
  await ours?.close();
  process.disconnect();
}

function quantiles(values: number[]): { p50: number; p99: number; most: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(10 * (sorted[Math.ceil(share * sorted.length) - 1] ?? 0)) / 10;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

process.once('message', (order: FloodOrder) => void flood(order));
