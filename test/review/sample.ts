/** Chats for the pages to show: the sample that ships with the project, an Arabic thread, a group. */
import { importMessages } from '../../src/store/import.ts';
import type { Store } from '../../src/store/store.ts';
import { openExport } from '../../src/exports/read.ts';
import { sample } from '../../scripts/sample.ts';
import { admitted, draft, say } from '../store/support.ts';

const start = Date.UTC(2026, 2, 2, 7, 0);
const minute = 60_000;

export interface SmallChats {
  arabic: number;
  group: number;
}

/** The demo's chat, imported as the demo does. Returns the chat's id. */
export async function addDemoChat(store: Store): Promise<number> {
  say(store, store.people.resolve(['me']), 'granted', start);
  const file = await openExport(sample.file);
  const { chatKey } = await importMessages(store, file, {
    me: sample.persona,
    persona: sample.persona,
    speaker: 'me',
    attested: [sample.other],
    timezone: sample.timezone,
    minutePrecision: true,
    nowMs: start,
  });
  return store.chats.find(chatKey)!;
}

/** A reply of the bot in a chat, with nearest lines to be found in the sample. */
export function addReply(store: Store, chatId: number): void {
  store.chats.set(chatId, { collect: true, bot: true });
  const outboxId = store.outbox.begin({ chatId, kind: 'reply', inReplyTo: 'asked', textHash: 'h' });
  store.replies.add({
    chatId,
    inReplyTo: 'asked',
    runId: '2026-08-10T03-00-12-nano',
    backend: 'simd',
    seed: 20_260_810,
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    promptRowIds: [1, 2, 3],
    promptHash: '',
    bubbles: ['pickle is asleep on the laundry again', 'see u at six'],
    latencyMs: 402,
    outboxId,
  });
  while (!store.review.catchUp().isDone);
}

export function addSmallChats(store: Store): SmallChats {
  const me = store.people.resolve(['me']);
  if (store.people.nameOf(me) === '') store.people.setName(me, sample.persona);
  say(store, me, 'granted', start);
  return { arabic: arabicChat(store, me), group: group(store, me) };
}

function person(store: Store, alias: string, name: string): number {
  const id = store.people.resolve([alias]);
  store.people.setName(id, name);
  say(store, id, 'granted', start);
  return id;
}

/** Right to left, mixed with Latin words, numbers, an emoji of several parts, and controls that turn the order around. */
function arabicChat(store: Store, me: number): number {
  const layla = person(store, '962790000001@c.us', 'ليلى حداد');
  const chat = store.chats.resolve('962790000001@c.us', 'direct');
  for (const id of [me, layla]) store.chats.addMember(chat, id);
  const texts: [number, string][] = [
    [layla, 'صباح الخير يا جونو! كيف حالك اليوم؟'],
    [me, 'صباح النور ☀️ الحمد لله'],
    [layla, 'هل نلتقي في Café Central الساعة 18:30؟'],
    [me, 'تمام 👍🏽 see you there'],
    [layla, 'أرسلت لك الملف \u202egpj.exe\u202c، افتحيه لاحقًا'],
    [me, 'ok, لكن ليس الآن 👩‍👩‍👧‍👦'],
    [layla, 'שלום גם בעברית: תודה רבה!'],
  ];
  texts.forEach(([personId, text], at) => {
    const place = { fromMe: personId === me, waId: `ar${at}`, timestampMs: start + at * minute };
    store.messages.add(admitted(draft(chat, personId, text, { ...place, quotedWaId: at === 3 ? 'ar2' : null })));
  });
  store.reactions.set(chat, 'ar3', layla, '❤️', start + 9 * minute);
  return chat;
}

function group(store: Store, me: number): number {
  const [ben, mia] = [
    person(store, '4915100000001@c.us', 'Ben Okafor'),
    person(store, '4915100000002@c.us', 'Mia Lund'),
  ];
  const chat = store.chats.resolve('120363000000000002@g.us', 'group');
  for (const id of [me, ben, mia]) store.chats.addMember(chat, id);
  const texts: [number, string, object][] = [
    [ben, 'who brings the projector on friday?', {}],
    [mia, 'I can, but I need a lift', {}],
    [me, 'i can pick u up at 6', { quotedWaId: 'gr1' }],
    [ben, '', { kind: 'media', media: 'image' }],
    [me, 'love it', { origin: 'bot' }],
    [mia, 'deal', {}],
  ];
  texts.forEach(([personId, text, changes], at) => {
    store.messages.add(
      admitted(
        draft(chat, personId, text, {
          fromMe: personId === me,
          waId: `gr${at}`,
          timestampMs: start + at * minute,
          ...changes,
        }),
      ),
    );
  });
  store.messages.edit(chat, 'gr5', 'deal, 6 it is');
  return chat;
}
