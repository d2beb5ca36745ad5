/**
 * A bot over a real store in a temporary folder, with a clock that the test moves, a phone that records what is sent
 * and gives it back as echoes (as WhatsApp Web does), and a voice whose words the test chooses.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createBot } from '../../src/bot/bot.ts';
import type { Bot, BotDeps, BotSettings } from '../../src/bot/bot.ts';
import type { KnownModel, OpenQuestion, OutgoingFile } from '../../src/bot/host.ts';
import { admit } from '../../src/consent/policy.ts';
import type { ConsentedMessage } from '../../src/consent/policy.ts';
import type { Spoken, Voice } from '../../src/reply/voice.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { InboundMessage } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { createRandom } from '../../src/util/random.ts';

export const account = { c: '491700000001@c.us', lid: '700000001@lid' };
export const anna = { c: '491700000002@c.us', lid: '700000002@lid' };
export const ben = { c: '491700000003@c.us', lid: '700000003@lid' };
export const ownerNumber = { c: '491700000009@c.us', lid: '700000009@lid', digits: '491700000009' };
/** Friday, 2026-11-20, 12:00 UTC */
export const noon = Date.UTC(2026, 10, 20, 12);

export interface Sent {
  chatId: string;
  text: string;
  quotedId: string | undefined;
  id: string;
  atMs: number;
  file?: OutgoingFile;
}

export interface Clock {
  nowMs: number;
  wait(ms: number): Promise<void>;
  /** Let time pass, waking who waits on the way. */
  advance(ms: number): Promise<void>;
  /** Let time pass until nobody waits any more (at most a day). */
  runOut(): Promise<void>;
}

export function createClock(startMs: number): Clock {
  let waiting: { atMs: number; wake: () => void }[] = [];
  const clock: Clock = {
    nowMs: startMs,
    wait: (ms) =>
      new Promise((wake) => {
        waiting.push({ atMs: clock.nowMs + ms, wake });
      }),
    advance: async (ms) => {
      const end = clock.nowMs + ms;
      for (;;) {
        await breathe();
        const next = waiting.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        waiting = waiting.filter((waiter) => waiter !== next);
        clock.nowMs = Math.max(clock.nowMs, next.atMs);
        next.wake();
      }
      clock.nowMs = end;
      await breathe();
    },
    runOut: async () => {
      const dayMs = 86_400_000;
      for (let steps = 0; steps < 1000; steps++) {
        await breathe();
        const next = waiting.map(({ atMs }) => atMs).sort((a, b) => a - b)[0];
        if (next === undefined || next > clock.nowMs + dayMs) return;
        await clock.advance(Math.max(0, next - clock.nowMs));
      }
      throw new Error('somebody waits for ever');
    },
  };
  return clock;
}

/** Let promises and immediates run. */
export async function breathe(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface WorldOptions {
  settings?: Partial<BotSettings>;
  replies?: Partial<BotSettings['replies']>;
  /** the owner agreed in `init`; default true */
  initialised?: boolean;
  /** persona messages from an import; default 300 */
  voice?: number;
  hasRun?: boolean;
  echoes?: boolean;
  /** where the store's folder is made; default: the system's folder for temporary files */
  parent?: string;
  /** real time in which messages are collected to be written together; default: each is written at once */
  togetherMs?: number;
  /** called with each store that is opened */
  onOpen?: (store: Store) => void;
}

export type World = ReturnType<typeof createWorld>;

export function createWorld(options: WorldOptions = {}) {
  const dir = mkdtempSync(join(options.parent ?? tmpdir(), 'persona-bot-'));
  const clock = createClock(noon);
  const logLines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logLines.push(line) });
  const sent: Sent[] = [];
  const typing: { chatId: string; typing: boolean }[] = [];
  const spoken: Parameters<Voice['speak']>[0][] = [];
  const asked: string[] = [];
  /** rows that were reported as forgotten, in order */
  const forgotten: number[][] = [];
  const models = {
    known: [] as KnownModel[],
    refusal: undefined as Error | undefined,
    used: [] as string[],
    /** listing takes until this resolves */
    hold: undefined as Promise<void> | undefined,
    trainings: 0,
    isTraining: false,
  };
  const quiz = {
    question: {
      run: 'run-1',
      messageId: 1,
      context: [{ who: 'other', text: 'are you home?' }],
      options: [['not yet'], ['almost', 'ten minutes']],
      real: 2,
    } as OpenQuestion,
    refusal: undefined as Error | undefined,
    /** times that an answer was reported */
    told: 0,
  };
  const phone = {
    /** what becomes of the next sends: reject with this error; sent ones are given back as echoes */
    failures: [] as (Error | undefined)[],
    /** after a failure the message left nevertheless, and its echo arrives */
    leavesAnyway: false,
    echoes: options.echoes ?? true,
    /** how a text comes back */
    echoText: (text: string): string => text,
    /** resolve sends only when the test says so */
    hold: undefined as Promise<void> | undefined,
    /** the program is killed in the next send, before or after the message left */
    dies: undefined as 'before' | 'after' | undefined,
    /** told of each send before it happens */
    onSend: undefined as ((chatId: string, text: string) => void) | undefined,
    known: [account, anna, ben, ownerNumber],
  };
  let say: (n: number, candidate: number) => string[] | undefined = () => ['fine by me'];
  let thinking: Promise<void> | undefined;
  let number = 0;
  /** A process that was killed gets no answers and has no effect any more. */
  let life = { isDead: false };
  let store = openStore(dir, { now: () => clock.nowMs, backup: false });
  options.onOpen?.(store);
  let bot: Bot;
  const abandoned: Store[] = [];

  const settings: BotSettings = {
    personaName: 'Juno',
    language: 'en',
    speaker: 'me',
    timezone: 'UTC',
    ownerNumbers: [],
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    redaction: { regions: ['DE', 'US'] },
    noticesDir: join(projectRoot, 'persona', 'notices'),
    ...options.settings,
    replies: {
      quote: 'auto',
      caps: { perChatSeconds: 5, perChatHour: 20, perDay: 100 },
      typing: 'instant',
      quietHours: null,
      takeoverMinutes: 0,
      ...options.replies,
    },
  };

  const inbound = (chat: { c: string }, text: string, fields: Partial<InboundMessage> = {}): InboundMessage => {
    const fromMe = fields.fromMe ?? false;
    const chatId = fields.chatId ?? chat.c;
    return {
      id: `${fromMe}_${chatId}_3A${String(++number).padStart(8, '0')}`,
      chatId,
      chatKind: chatId.endsWith('@g.us') ? 'group' : 'direct',
      senderId: fromMe ? account.c : chatId,
      fromMe,
      timestampMs: Math.floor(clock.nowMs / 1000) * 1000,
      kind: 'text',
      text,
      media: null,
      quotedId: null,
      isForwarded: false,
      isEphemeral: false,
      isCatchUp: false,
      ...fields,
    };
  };

  const send: BotDeps['send'] = (chatId, text, { quotedId } = {}) =>
    leave(chatId, text, quotedId, { quotedId: quotedId ?? null });

  const leave = async (
    chatId: string,
    text: string,
    quotedId: string | undefined,
    fields: Partial<InboundMessage>,
    file?: OutgoingFile,
  ): Promise<string> => {
    phone.onSend?.(chatId, text);
    const dies = phone.dies;
    phone.dies = undefined;
    if (dies !== undefined) kill();
    if (dies === 'before') return never;
    const failure = phone.failures.shift();
    const message = inbound({ c: chatId }, text, { fromMe: true, chatId, ...fields });
    const leaves = failure === undefined || phone.leavesAnyway;
    if (leaves) sent.push({ chatId, text, quotedId, id: message.id, atMs: clock.nowMs, ...(file && { file }) });
    if (dies === 'after') return never;
    if (leaves && phone.echoes) {
      const echo = { ...message, text: phone.echoText(text) };
      void bot.onMessage(echo); // before the send resolves, as WhatsApp Web does
      setImmediate(() => void bot.onMessage(echo));
    }
    await phone.hold;
    if (failure !== undefined) throw failure;
    return message.id;
  };

  const kill = (): void => {
    life.isDead = true;
    store.close();
  };

  const deps = (): BotDeps => {
    const self = (life = { isDead: false });
    const lives = <T>(work: () => Promise<T>): Promise<T> => {
      const result = self.isDead ? never : work();
      const orNever = (): Promise<T> => (self.isDead ? never : result);
      return result.then(orNever, orNever);
    };
    const all = depsOf();
    return {
      ...all,
      send: (...args) => lives(() => all.send(...args)),
      sendFile: (...args) => lives(() => all.sendFile(...args)),
      aliases: (id) => lives(() => all.aliases(id)),
      speak: (request) => lives(() => all.speak(request)),
      wait: (ms) => lives(() => clock.wait(ms)),
      models: { ...all.models, list: () => lives(all.models.list) },
    };
  };

  const depsOf = (): BotDeps => ({
    store,
    log,
    now: () => clock.nowMs,
    random: createRandom('bot tests'),
    settings,
    send,
    sendFile: (chatId, file, caption) => leave(chatId, caption, undefined, { kind: 'media', media: 'file' }, file),
    models: {
      list: async () => {
        await models.hold;
        return models.known;
      },
      use: (run) => {
        if (models.refusal !== undefined) return Promise.reject(models.refusal);
        models.used.push(run);
        return Promise.resolve();
      },
      rollBack: () =>
        models.refusal === undefined ? Promise.resolve('the run before') : Promise.reject(models.refusal),
      retrain: () => {
        if (models.isTraining) return 'running';
        models.trainings++;
        return 'started';
      },
    },
    forget: (personId) => {
      forgotten.push(store.lookups.rowIds(personId));
      store.forget(personId);
      return Promise.resolve();
    },
    quiz: {
      ask: () => (quiz.refusal === undefined ? Promise.resolve(quiz.question) : Promise.reject(quiz.refusal)),
      answered: () => Promise.resolve(void quiz.told++),
    },
    setTyping: (chatId, isTyping) => Promise.resolve(void typing.push({ chatId, typing: isTyping })),
    aliases: (id) => {
      asked.push(id);
      const person = phone.known.find(({ c, lid }) => c === id || lid === id);
      return Promise.resolve(person === undefined ? [id] : [person.c, person.lid]);
    },
    speak: async (request) => {
      spoken.push(request);
      const candidates = Array.from({ length: candidatesOfAReply }, (_, i) => say(spoken.length, i + 1));
      await breathe(); // a model takes its time
      await thinking;
      return candidates.every((texts) => texts !== undefined) ? spokenOf(candidates, request) : undefined;
    },
    hasRun: () => options.hasRun ?? true,
    togetherMs: options.togetherMs ?? 0,
  });

  const open = (): void => {
    store = openStore(dir, { now: () => clock.nowMs, backup: false });
    options.onOpen?.(store);
    bot = createBot(deps());
    bot.onReady({ aliases: [account.c, account.lid] });
  };

  if (options.initialised !== false) grantOwner(store, clock.nowMs);
  giveVoice(store, options.voice ?? 300);
  bot = createBot(deps());
  bot.onReady({ aliases: [account.c, account.lid] });

  const world = {
    dir,
    clock,
    phone,
    sent,
    typing,
    spoken,
    asked,
    forgotten,
    models,
    quiz,
    logLines,
    log,
    settings,
    get store() {
      return store;
    },
    get bot() {
      return bot;
    },
    /** each candidate (from 1), best first, when the model is asked for the n-th time (from 1); undefined: no run to serve */
    says: (words: (n: number, candidate: number) => string[] | undefined) => {
      say = words;
    },
    /** The model answers when this resolves. */
    thinks: (until: Promise<void>) => {
      thinking = until;
    },
    inbound,
    /** A message from a contact, delivered twice as WhatsApp Web does; time moves on a second. */
    hear: async (chat: { c: string }, text: string, fields: Partial<InboundMessage> = {}): Promise<InboundMessage> => {
      const message = inbound(chat, text, fields);
      await world.deliver(message);
      return message;
    },
    /** Typed by the owner on the phone. */
    type: (chat: { c: string }, text: string, fields: Partial<InboundMessage> = {}): Promise<InboundMessage> =>
      world.hear(chat, text, { fromMe: true, ...fields }),
    deliver: async (message: InboundMessage): Promise<void> => {
      await Promise.all([bot.onMessage(message), bot.onMessage(message)]);
      await breathe();
      clock.nowMs += 1000;
    },
    /** Everything that was begun is finished; time passes as it must. */
    settle: async (): Promise<void> => {
      await clock.runOut();
      await bot.settled();
      await breathe();
      await bot.settled();
    },
    /** The process ends and another one starts on the same folder. */
    restart: async (): Promise<void> => {
      await Promise.all([bot.close(), clock.runOut()]);
      store.close();
      open();
    },
    /** Killed: what was committed is in the files, nothing else is left. */
    kill,
    get isDead() {
      return life.isDead;
    },
    /** Start the program, after it was killed or closed. */
    start: open,
    /** The process was killed: another one starts on the same folder, and nothing of the old one was finished. */
    replace: async (): Promise<void> => {
      abandoned.push(store);
      open();
      await breathe();
    },
    /** texts sent since the last call */
    takeSent: (): string[] => sent.splice(0).map(({ text }) => text),
    rows: (): string[] =>
      store.chats
        .list()
        .filter(({ key }) => !key.startsWith('import:'))
        .flatMap(({ id }) => store.messages.recent(id, 10_000).map(({ text }) => text)),
    chat: (who: { c: string }) => store.chats.get(store.chats.find(who.c) ?? -1),
    person: (who: { c: string }) => store.people.find(who.c) ?? -1,
    state: (who: { c: string }) => {
      const person = store.people.find(who.c);
      return person === undefined ? 'nobody' : store.consent.state(person, 'log').state;
    },
    /** Collection on, asked, agreed. */
    agree: async (who: { c: string }): Promise<void> => {
      await world.type(who, '!collect on');
      await world.hear(who, '!consent yes');
      await world.settle();
      sent.splice(0);
    },
    /** The same, and replies on. */
    open: async (who: { c: string }): Promise<void> => {
      await world.agree(who);
      await world.type(who, '!bot on');
      await world.settle();
      sent.splice(0);
    },
    close: async (): Promise<void> => {
      if (!life.isDead) await Promise.all([bot.close(), clock.runOut()]);
      for (const open of [...abandoned, store]) open.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return world;
}

const never = new Promise<never>(() => undefined);
const candidatesOfAReply = 4;

function spokenOf(candidates: string[][], { context, seed }: Parameters<Voice['speak']>[0]): Spoken {
  return {
    runId: 'run-1',
    backend: 'cpu',
    candidates: candidates.map((texts, i) => ({
      seed: seed + i,
      bubbles: texts.map((text) => ({ text, gap: null, quote: null })),
      information: 0,
      agreement: 0,
      score: -i,
      unknownWords: [],
    })),
    promptRowIds: context.map(({ rowId }) => rowId),
    promptHash: 'hash',
    latencyMs: 1,
    personaP99Chars: 200,
  };
}

function grantOwner(store: Store, atMs: number): void {
  const personId = store.people.resolve(['me']);
  for (const scope of ['log', 'imitate'] as const) {
    store.consent.append({ personId, scope, action: 'granted', atMs: atMs - 60_000, noticeHash: '', chatId: null });
  }
}

/** An imported chat with so many messages of the owner. */
function giveVoice(store: Store, count: number): void {
  const chatId = store.chats.resolve('import:voice', 'direct');
  const personId = store.people.resolve(['me']);
  const friend = store.people.resolve(['name:import:voice:Friend']);
  for (const id of [personId, friend]) store.chats.addMember(chatId, id);
  const messages: ConsentedMessage[] = [];
  for (let i = 0; i < count; i++) {
    const message = admit(
      {
        waId: `import:${i}`,
        chatId,
        personId,
        fromMe: true,
        origin: 'import',
        timestampMs: i,
        minutePrecision: true,
        kind: 'text',
        text: `imported ${i}`,
        media: null,
        quotedWaId: null,
      },
      {
        chatKind: 'group',
        collecting: true,
        collectSinceMs: null,
        author: { state: 'unknown', sinceMs: null },
        others: [],
        isForwarded: false,
        isEphemeral: false,
        isImport: true,
        attested: true,
      },
    );
    if (message !== undefined) messages.push(message);
  }
  store.messages.addMany(messages);
}

/** Does any file under this folder contain these bytes? */
export function bytesOnDisk(dir: string, needle: string): boolean {
  const wanted = Buffer.from(needle);
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name));
  return files.some((path) => statSync(path).isFile() && readFileSync(path).includes(wanted));
}
