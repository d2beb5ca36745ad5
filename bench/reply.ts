/**
 * Reply time: from a message's event to the call that sends the first answer, through the real bot, store, worker, ranking
 * and guard, without the learned pause (`typing: instant`, whose 50 ms of waiting for more messages count). A `small` network
 * with random weights (time does not depend on them) whose candidates are 30 tokens each, as many as in production; the
 * prompt fills its two thirds of the context. Idle, and while `persona retrain` of a `small` runs as the bot starts it, in turns
 * (it is stopped and goes on), so that drift of the machine meets both.
 * Run: npm run build && npx tsc -p bench && node dist/bench/reply.js [--replies 60] [--rounds 4] [--size small]
 * Prints a table and writes bench/results/reply.json.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createBot, type Bot } from '../src/bot/bot.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { openVoice, type SpeakRequest } from '../src/reply/voice.ts';
import type { InboundMessage, ModelSize } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { silentLog } from '../src/util/log.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';
import { startRetrain } from './reply/background.ts';
import { publishRandomRun, sampling } from './reply/random-run.ts';

const newTokens = 30;
/** before each round, not measured */
const warmUps = 2;
const account = '491700000001@c.us';
const contact = '491700000002@c.us';
const nothing = (): Promise<void> => Promise.resolve();

interface Measured {
  /** ms from the event to the call of send */
  times: number[];
  /** of them in the worker */
  worker: number[];
  candidates: number[];
  silent: number;
}

interface Running {
  bot: Bot;
  store: Store;
  /** resolves with the time of the next send call; undefined: silence */
  nextSend: () => Promise<number | undefined>;
  spoken: { latencyMs: number; candidates: number }[];
  close: () => Promise<void>;
}

function openBot(dataDir: string, modelsDir: string): Running {
  const store = openStore(dataDir, { backup: false });
  const me = store.people.resolve(['me', account]);
  for (const scope of ['log', 'imitate'] as const) {
    store.consent.append({ personId: me, scope, action: 'granted', atMs: 0, noticeHash: '', chatId: null });
  }
  const them = store.people.resolve([contact]);
  const chat = store.chats.resolve(contact, 'direct');
  for (const person of [me, them]) store.chats.addMember(chat, person);
  store.consent.append({ personId: them, scope: 'log', action: 'granted', atMs: 0, noticeHash: '', chatId: chat });
  store.chats.set(chat, { collect: true, bot: true, disclosedAtMs: Date.now() });

  const voice = openVoice({ modelsDir, backend: 'auto', log: silentLog, redaction: { regions: ['DE', 'US'] } });
  const spoken: Running['spoken'] = [];
  let tell: ((atMs: number | undefined) => void) | undefined;
  let number = 0;
  const speak = async (request: SpeakRequest) => {
    const answer = await voice.speak({ ...request, maxNewTokens: newTokens });
    if (answer !== undefined) spoken.push({ latencyMs: answer.latencyMs, candidates: answer.candidates.length });
    return answer;
  };
  const bot = createBot({
    ...{ store, log: silentLog, now: Date.now, random: createRandom('reply bench'), speak, hasRun: () => true },
    settings: {
      ...{ personaName: 'Juno', language: 'en', speaker: 'me', timezone: 'UTC', ownerNumbers: [], sampling },
      ...{ redaction: { regions: ['DE', 'US'] }, noticesDir: join(projectRoot, 'persona', 'notices') },
      replies: {
        ...{ quote: 'auto' as const, typing: 'instant' as const, quietHours: null, takeoverMinutes: 0 },
        caps: { perChatSeconds: 0, perChatHour: 100_000, perDay: 100_000 },
      },
    },
    send: (chatId) => {
      tell?.(performance.now());
      tell = undefined;
      return Promise.resolve(`true_${chatId}_${++number}`);
    },
    sendFile: () => Promise.reject(new Error('nothing here sends files')),
    setTyping: nothing,
    aliases: (id) => Promise.resolve([id]),
    models: {
      list: () => Promise.resolve([]),
      use: nothing,
      rollBack: () => Promise.resolve(''),
      retrain: () => 'running',
    },
    quiz: { ask: () => Promise.reject(new Error('nothing here asks')), answered: nothing },
    forget: nothing,
  });
  bot.onReady({ aliases: [account] });
  return {
    ...{ bot, store, spoken },
    nextSend: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
    close: async () => {
      await bot.close();
      await voice.close();
      store.close();
    },
  };
}

function inbound(n: number): InboundMessage {
  const words = ['so', 'what', 'about', 'tomorrow', 'then', 'we', 'could', 'meet', 'there', 'again', 'maybe', 'later'];
  const random = createRandom(`message ${n}`);
  return {
    ...{ id: `false_${contact}_3A${n}`, chatId: contact, chatKind: 'direct', senderId: contact, fromMe: false },
    ...{ timestampMs: Date.now(), kind: 'text', media: null, quotedId: null },
    text: Array.from({ length: 12 }, () => words[random.int(words.length)]).join(' '),
    ...{ isForwarded: false, isEphemeral: false, isCatchUp: false },
  };
}

let count = 0;
const nobody = (): Measured => ({ times: [], worker: [], candidates: [], silent: 0 });
async function measure(running: Running, replies: number, measured: Measured): Promise<void> {
  for (let i = -warmUps; i < replies; i++) {
    const message = inbound(++count);
    const sent = running.nextSend();
    const startedMs = performance.now();
    await running.bot.onMessage(message);
    const settled = running.bot.settled().then(() => undefined);
    const atMs = await Promise.race([sent, settled]);
    await settled;
    await sleep(200); // people do not write without a breath
    if (i < 0) continue;
    const spoken = running.spoken.at(-1);
    if (atMs === undefined || spoken === undefined) measured.silent++;
    else {
      measured.times.push(atMs - startedMs);
      measured.worker.push(spoken.latencyMs);
      measured.candidates.push(spoken.candidates);
    }
  }
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN);
};

function figures({ times, worker, candidates, silent }: Measured) {
  return {
    ...{ replies: times.length, silent, p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95) },
    ...{ mostMs: quantile(times, 1), workerP50Ms: quantile(worker, 0.5), workerP95Ms: quantile(worker, 0.95) },
    ...{ candidatesP50: quantile(candidates, 0.5), candidatesLeast: Math.min(...candidates) },
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      replies: { type: 'string', default: '60' },
      rounds: { type: 'string', default: '4' },
      size: { type: 'string', default: 'small' },
    },
  });
  const size = values.size as ModelSize;
  const replies = Number(values.replies);
  console.log(JSON.stringify(machine));
  const folder = mkdtempSync(join(tmpdir(), 'persona-reply-'));
  const dataDir = join(folder, 'data');
  const modelsDir = join(folder, 'models');
  for (const dir of [dataDir, modelsDir]) mkdirSync(dir, { mode: 0o700 });
  publishRandomRun(modelsDir, size);
  const running = openBot(dataDir, modelsDir);
  try {
    const idle = nobody();
    const busy = nobody();
    const rounds = Number(values.rounds);
    const retrain = await startRetrain(join(folder, 'night'), size);
    try {
      for (let round = 0; round < rounds; round++) {
        retrain.pause();
        await measure(running, Math.ceil(replies / rounds), idle);
        retrain.resume();
        await measure(running, Math.ceil(replies / rounds), busy);
        check(retrain.isTraining(), 'the retrain was under way to the end');
        console.table({ idle: figures(idle), 'while a retrain runs': figures(busy) });
      }
    } finally {
      await retrain.stop();
    }
    const rows = { idle: figures(idle), 'while a retrain runs': figures(busy) };
    const what = `ms from a message's event to the send call, replies of ${newTokens} tokens, without the learned pause`;
    const weights = 'random';
    const result = { date: new Date().toISOString(), what, machine, size, weights, newTokens, goalP95Ms: 700, rows };
    writeFileSync(join(projectRoot, 'bench', 'results', 'reply.json'), `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await running.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
