/** The bot of the flood: five contacts who agreed, replies on, a network that knows nothing; and what it left behind. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createBot, type Bot } from '../../src/bot/bot.ts';
import { openVoice } from '../../src/reply/voice.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { silentLog } from '../../src/util/log.ts';
import { createRandom } from '../../src/util/random.ts';
import type { WhatsAppClient } from '../../src/whatsapp/client.ts';
import { publishRandomRun, sampling } from '../reply/random-run.ts';

export const caps = { perChatSeconds: 5, perChatHour: 20, perDay: 100 };

export type Phone = Pick<WhatsAppClient, 'send' | 'sendFile' | 'setTyping' | 'aliases'>;

export interface FloodBot {
  bot: Bot;
  store: Store;
  /** when something was sent, unix ms */
  sends: number[];
  close: () => Promise<void>;
}

/** @param phone asked for each time: it comes later than the bot */
export async function openFloodBot(
  folder: string,
  contacts: readonly string[],
  phone: () => Phone,
  togetherMs: number | null,
): Promise<FloodBot> {
  const modelsDir = join(folder, 'models');
  mkdirSync(modelsDir, { mode: 0o700 });
  publishRandomRun(modelsDir, 'nano');
  const voice = openVoice({ modelsDir, backend: 'auto', log: silentLog });
  await voice.speak({ context: [], seed: 1, sampling, maxNewTokens: 1 }); // loaded: a model is no growth
  const store = openBotStore(folder, contacts);
  const sends: number[] = [];
  const bot = createBot({
    ...{ store, log: silentLog, now: Date.now, random: createRandom('flood'), hasRun: () => true },
    settings: {
      ...{ personaName: 'Juno', language: 'en', speaker: 'me', timezone: 'UTC', ownerNumbers: [], sampling },
      ...{ redaction: { regions: ['DE', 'US'] }, noticesDir: join(projectRoot, 'persona', 'notices') },
      replies: { quote: 'auto', typing: 'instant', quietHours: null, takeoverMinutes: 30, caps },
    },
    send: (chatId, text, options) => {
      sends.push(Date.now());
      return phone().send(chatId, text, options);
    },
    sendFile: (chatId, file, caption) => phone().sendFile(chatId, file, caption),
    setTyping: (chatId, typing) => phone().setTyping(chatId, typing),
    aliases: (id) => phone().aliases(id),
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
  const close = async (): Promise<void> => {
    await bot.close();
    await voice.close();
    store.close();
  };
  return { bot, store, sends, close };
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

/** When a reply was complete, unix ms. */
export function repliesIn(store: Store, contact: string): number[] {
  const chat = store.chats.find(contact);
  const replies = store.replies.list(10_000).filter(({ chatId }) => chatId === chat);
  return replies.map(({ atMs }) => atMs).sort((a, b) => a - b);
}

/** Ids of the contact's messages that are stored. */
export function rowsOf(store: Store, contact: string): string[] {
  const chat = store.chats.find(contact);
  if (chat === undefined) return [];
  const rows = store.messages.recent(chat, 100_000);
  return rows.filter(({ fromMe }) => !fromMe).map(({ waId }) => waId);
}
