/**
 * One run of the flood: the real whatsapp-web.js in a real Chromium, and behind it the bot or nothing at all. Told what to do
 * over IPC by bench/flood.ts; measures itself.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBot, type Bot } from '../../src/bot/bot.ts';
import { openVoice } from '../../src/reply/voice.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { InboundMessage } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { silentLog } from '../../src/util/log.ts';
import { createRandom } from '../../src/util/random.ts';
import { openWhatsApp, type WhatsAppClient } from '../../src/whatsapp/client.ts';
import { processesOn } from '../../test/support/whatsapp-web/harness.ts';
import { publishRandomRun, sampling } from '../reply/random-run.ts';
import { startProfiling, type Owners } from './profile.ts';

export interface FloodOrder {
  kind: 'bot' | 'nothing';
  folder: string;
  executablePath: string;
  args: string[];
  contacts: string[];
  messages: number;
  /** ms in which messages are collected to be written together; null: as `persona start` does */
  togetherMs: number | null;
  /** with a profile; the profiler itself costs some time */
  isProfiled: boolean;
}

export interface FloodResult {
  kind: FloodOrder['kind'];
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
  { type: 'qr' } | { type: 'ready' } | { type: 'counting' } | { type: 'result'; result: FloodResult };

const caps = { perChatSeconds: 5, perChatHour: 20, perDay: 100 };
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

function openBotStore(folder: string, contacts: readonly string[]): Store {
  const store = openStore(join(folder, 'data'), { backup: false });
  const me = store.people.resolve(['me']);
  const grant = (personId: number, scope: 'log' | 'imitate'): void =>
    store.consent.append({ personId, scope, action: 'granted', atMs: 0, noticeHash: '', chatId: null });
  for (const scope of ['log', 'imitate'] as const) grant(me, scope);
  for (const contact of contacts) {
    const person = store.people.resolve([contact]);
    const chat = store.chats.resolve(contact, 'direct');
    for (const member of [me, person]) store.chats.addMember(chat, member);
    grant(person, 'log');
    store.chats.set(chat, { collect: true, bot: true });
  }
  return store;
}

async function flood(order: FloodOrder): Promise<void> {
  const { kind, folder, executablePath, args, contacts, messages, togetherMs, isProfiled } = order;
  const seen = new Set<string>();
  const pending = new Set<Promise<void>>();
  const sends: number[] = [];
  const writtenMs: number[] = [];
  let events = 0;
  let lastEventMs = 0;
  const parts: { client?: WhatsAppClient } = {};
  let bot: Bot | undefined;
  let store: Store | undefined;
  let closeVoice = (): Promise<void> => Promise.resolve();
  const connected = (): WhatsAppClient => {
    check(parts.client, 'WhatsApp is connected');
    return parts.client;
  };

  if (kind === 'bot') {
    const modelsDir = join(folder, 'models');
    mkdirSync(modelsDir, { mode: 0o700 });
    publishRandomRun(modelsDir, 'nano');
    const voice = openVoice({ modelsDir, backend: 'auto', log: silentLog });
    closeVoice = () => voice.close();
    await voice.speak({ context: [], seed: 1, sampling, maxNewTokens: 1 }); // loaded: a model is no growth
    store = openBotStore(folder, contacts);
    bot = createBot({
      ...{ store, log: silentLog, now: Date.now, random: createRandom('flood'), hasRun: () => true },
      settings: {
        ...{ personaName: 'Juno', language: 'en', speaker: 'me', timezone: 'UTC', ownerNumbers: [], sampling },
        ...{ redaction: { regions: ['DE', 'US'] }, noticesDir: join(projectRoot, 'persona', 'notices') },
        replies: { quote: 'auto', typing: 'instant', quietHours: null, takeoverMinutes: 30, caps },
      },
      send: (chatId, text, options) => {
        sends.push(Date.now());
        return connected().send(chatId, text, options);
      },
      sendFile: (chatId, file, caption) => connected().sendFile(chatId, file, caption),
      setTyping: (chatId, typing) => connected().setTyping(chatId, typing),
      aliases: (id) => connected().aliases(id),
      speak: (request) => voice.speak({ ...request, maxNewTokens: 30 }),
      models: {
        list: () => Promise.resolve([]),
        use: () => Promise.resolve(),
        rollBack: () => Promise.resolve(''),
        retrain: () => 'running',
      },
      quiz: { ask: () => Promise.reject(new Error('nothing here asks')), answered: () => Promise.resolve() },
      forget: () => Promise.resolve(),
      ...(togetherMs !== null && { togetherMs }),
    });
  }

  const onMessage = (message: InboundMessage): void => {
    events++;
    const atMs = performance.now();
    lastEventMs = atMs;
    const isFirst = !message.fromMe && !seen.has(message.id);
    if (!message.fromMe) seen.add(message.id);
    const work = bot?.onMessage(message);
    if (work === undefined || !isFirst) return;
    pending.add(work);
    void work.finally(() => {
      pending.delete(work);
      writtenMs.push(performance.now() - atMs);
    });
  };
  parts.client = await openWhatsApp({
    sessionDir: join(folder, 'session'),
    browser: { executablePath, args },
    log: silentLog,
    events: {
      onQr: () => tell({ type: 'qr' }),
      onReady: (account) => {
        bot?.onReady(account);
        tell({ type: 'ready' });
      },
      onMessage,
      onEdit: () => undefined,
      onRevoke: () => undefined,
      onReaction: () => undefined,
      onState: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    },
  });
  await new Promise((resolve) => process.once('message', resolve)); // the flood is about to begin
  await sleep(2000);
  globalThis.gc?.();
  const profiling = isProfiled ? await startProfiling() : undefined;
  const before = { rss: mib(), cpuMs: mainThreadCpuMs(), browserCpuMs: browserCpuMs(folder), atMs: performance.now() };
  tell({ type: 'counting' });
  // all there, all handled, and nothing more for a second
  while (seen.size < messages || pending.size > 0 || performance.now() - lastEventMs < 1000) {
    await sleep(100);
    if (performance.now() - before.atMs > 300_000) break; // what is lost by then is lost
  }
  const after = { cpuMs: mainThreadCpuMs(), browserCpuMs: browserCpuMs(folder), atMs: lastEventMs };
  const profile = (await profiling?.stop()) ?? null;
  await sleep(12_000); // replies
  await bot?.settled();
  globalThis.gc?.();
  const rssAfterMiB = mib();
  const rows = store === undefined ? [] : contacts.flatMap((contact) => rowsOf(store, contact));
  const result: FloodResult = {
    ...{ kind, events, arrived: seen.size, seconds: (after.atMs - before.atMs) / 1000 },
    ...{ cpuMs: after.cpuMs - before.cpuMs, browserCpuMs: after.browserCpuMs - before.browserCpuMs },
    writtenMs: store === undefined ? null : quantiles(writtenMs),
    ...{ rssBeforeMiB: before.rss, rssAfterMiB, profile },
    stored: store === undefined ? null : { rows: rows.length, distinct: new Set(rows).size },
    sends: store === undefined ? null : sends,
    repliesMs: store === undefined ? null : contacts.map((contact) => repliesIn(store, contact)),
  };
  tell({ type: 'result', result });
  await bot?.close();
  await parts.client.close();
  await closeVoice();
  store?.close();
  process.disconnect();
}

function quantiles(values: number[]): { p50: number; p99: number; most: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(10 * (sorted[Math.ceil(share * sorted.length) - 1] ?? 0)) / 10;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

function repliesIn(store: Store, contact: string): number[] {
  const chat = store.chats.find(contact);
  const replies = store.replies.list(10_000).filter(({ chatId }) => chatId === chat);
  return replies.map(({ atMs }) => atMs).sort((a, b) => a - b);
}

/** Ids of the contact's messages that are stored. */
function rowsOf(store: Store, contact: string): string[] {
  const chat = store.chats.find(contact);
  if (chat === undefined) return [];
  const rows = store.messages.recent(chat, 100_000);
  return rows.filter(({ fromMe }) => !fromMe).map(({ waId }) => waId);
}

process.once('message', (order: FloodOrder) => void flood(order));
