/** A store in which two people agreed to everything, and programs that write into it: the compiled store, as `persona` runs it. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openStore } from '../../src/store/store.ts';
import { distFile, projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';

export interface Scene {
  dir: string;
  chat: number;
  contact: number;
}

/** Makes the store in this empty folder, and closes it. */
export function makeScene(dir: string): Scene {
  const store = openStore(dir, { backup: false });
  const owner = store.people.resolve(['me', '4900@c.us']);
  const contact = store.people.resolve(['4911@c.us']);
  const chat = store.chats.resolve('4911@c.us', 'direct');
  for (const personId of [owner, contact]) {
    store.chats.addMember(chat, personId);
    store.consent.append({ personId, scope: 'log', action: 'granted', atMs: 0, noticeHash: '', chatId: chat });
  }
  store.close();
  return { dir, chat, contact };
}

const compiled = (source: string): string => {
  check(existsSync(distFile(source)), `${distFile(source)} is missing: run npm run build`);
  return JSON.stringify(pathToFileURL(distFile(source)).href);
};

/** What every writer begins with: `put(n)` stores message n through consent, `ack` says that something is committed. */
const preamble = (): string => `
  import { writeSync } from 'node:fs';
  import { openDatabase } from ${compiled('src/store/open.ts')};
  import { Store } from ${compiled('src/store/store.ts')};
  import { admit } from ${compiled('src/consent/policy.ts')};
  const [dir, mode] = process.argv.slice(2, 4);
  const [chat, contact, start, count] = process.argv.slice(4).map(Number);
  const db = openDatabase(dir);
  if (mode === 'NORMAL') db.pragma('synchronous = NORMAL');
  const store = new Store(db, Date.now);
  const author = store.consent.state(contact, 'log');
  const ack = (what) => void writeSync(1, 'ACK ' + what + '\\n');
  const put = (n) => store.messages.add(admit(
    { waId: 'wa' + n, chatId: chat, personId: contact, fromMe: false, origin: 'live', timestampMs: n, minutePrecision: false,
      kind: 'text', text: 'message ' + n + ' ' + 'with some words '.repeat((n * 37) % 20), media: null, quotedWaId: null },
    { chatKind: 'direct', collecting: true, collectSinceMs: 0, author, others: [author], isForwarded: false,
      isEphemeral: false, isImport: false, attested: false }));`;

/** Logs messages start, start + 1, ... for ever, and says `ACK n` after each commit. */
const logger = `
  for (let n = start; ; n++) {
    put(n);
    ack(n);
  }`;

/**
 * Logs `count` messages, edits every 20th and erases every 50th soon after, and goes without closing anything. An edit or
 * an erasure cuts the write-ahead log, so that power is cut inside checkpoints too.
 */
const mixer = `
  for (let n = 0; n < count; n++) {
    put(n);
    ack('put ' + n);
    if (n % 20 === 19) {
      store.messages.edit(chat, 'wa' + (n - 3), 'edited ' + (n - 3));
      ack('edit ' + (n - 3));
    }
    if (n % 50 === 49) {
      store.messages.erase(chat, 'wa' + (n - 7));
      ack('erase ' + (n - 7));
    }
  }
  process.reallyExit(0);`;

/**
 * The bot, told of messages in bursts (each twice, as WhatsApp Web does), and saying `ACK put n` when it is done with one: it
 * writes those that come close together in one transaction. Ends after `count`; 0: never.
 */
const bot = (): string => `
  import { setTimeout as sleep } from 'node:timers/promises';
  import { createBot } from ${compiled('src/bot/bot.ts')};
  import { createRandom } from ${compiled('src/util/random.ts')};
  store.chats.set(chat, { collect: true });
  const fail = (fields, text) => { process.stderr.write(text + JSON.stringify(fields) + '\\n'); process.reallyExit(1); };
  const nothing = () => Promise.resolve();
  const never = () => fail({}, 'nothing here asks for this');
  const random = createRandom('burst ' + start);
  const persona = createBot({
    store, now: Date.now, random, hasRun: () => false,
    log: { error: fail, warn: fail, info: () => {}, debug: () => {} },
    settings: {
      personaName: 'Juno', language: 'en', speaker: 'me', timezone: 'UTC', ownerNumbers: [], redaction: { regions: [] },
      sampling: { temperature: 1, topK: 1, topP: 1, repetitionPenalty: 1 },
      noticesDir: ${JSON.stringify(join(projectRoot, 'persona', 'notices'))},
      replies: { quote: 'auto', typing: 'instant', quietHours: null, takeoverMinutes: 0,
        caps: { perChatSeconds: 1, perChatHour: 1, perDay: 1 } },
    },
    send: never, sendFile: never, setTyping: nothing, aliases: (id) => Promise.resolve([id]), speak: never,
    models: {}, quiz: {}, forget: nothing,
  });
  persona.onReady({ aliases: ['4900@c.us'] });
  const tell = (n) => persona.onMessage({
    id: 'wa' + n, chatId: '4911@c.us', chatKind: 'direct', senderId: '4911@c.us', fromMe: false, timestampMs: Date.now(),
    kind: 'text', text: 'message ' + n + ' ' + 'with some words '.repeat((n * 37) % 20), media: null, quotedId: null,
    isForwarded: false, isEphemeral: false, isCatchUp: false });
  const handled = [];
  for (let n = start; count === 0 || n < count;) {
    for (let left = 1 + random.int(9); left > 0 && (count === 0 || n < count); left--, n++) {
      const said = n;
      handled.push(tell(said).then(() => ack('put ' + said)));
      void tell(said);
    }
    await sleep(random.int(60));
  }
  await Promise.all(handled);
  process.reallyExit(0);`;

export type Writer = 'logger' | 'mixer' | 'bot';
export type Synchronous = 'FULL' | 'NORMAL';

/** Arguments of Node that run a writer on this scene. `NORMAL` is what better-sqlite3 does by itself; the store sets FULL. */
export function writerArgs(
  kind: Writer,
  { dir, chat, contact }: Scene,
  { start = 0, count = 0, synchronous = 'FULL' }: { start?: number; count?: number; synchronous?: Synchronous } = {},
): string[] {
  const path = join(dir, `${kind}.mjs`);
  writeFileSync(path, preamble() + { logger: () => logger, mixer: () => mixer, bot }[kind]());
  return [path, dir, synchronous, String(chat), String(contact), String(start), String(count)];
}
