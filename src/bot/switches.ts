/**
 * What is on where, and how the persona writes there. `!bot off all` switches replies off in every chat and sets a mark;
 * `!bot on` in one chat takes the mark away and switches replies on in that chat alone. So the others stay silent until
 * somebody says so in each. Quiet hours and temperature: what was said in the chat, else in the self-chat (for every
 * chat), else persona.json. What the owner writes in person pauses the bot in that chat for a while.
 */
import type { Store } from '../store/store.ts';
import type { SamplingOptions } from '../types.ts';
import type { BotSettings } from './deps.ts';

const offEverywhereKey = 'bot.offEverywhere';

export function isBotOn(store: Store, chatId: number): boolean {
  return store.chats.get(chatId).bot && store.settings.get(offEverywhereKey) === undefined;
}

export function botOn(store: Store, chatId: number, nowMs: number): void {
  store.transaction(() => {
    store.settings.delete(offEverywhereKey);
    handBack(store, chatId, nowMs);
    store.chats.set(chatId, { bot: true });
  });
}

export function botOff(store: Store, chatId: number): void {
  store.chats.set(chatId, { bot: false });
}

export function botOffEverywhere(store: Store, nowMs: number): void {
  store.transaction(() => {
    store.settings.set(offEverywhereKey, String(nowMs));
    for (const chat of store.chats.list()) if (chat.bot) store.chats.set(chat.id, { bot: false });
  });
}

/**
 * The owner writes in person: the bot is silent in this chat until then. What was written before the last `handBack`, or
 * before what silences it already, changes nothing: messages are found late, and are delivered again.
 */
export function takeOver(store: Store, chatId: number, typedAtMs: number, untilMs: number): void {
  const [until, handedBack] = [takenOverKey(chatId), handedBackKey(chatId)].map((key) =>
    Number(store.settings.get(key) ?? 0),
  );
  const isOlder = typedAtMs < Math.floor((handedBack ?? 0) / 1000) * 1000; // WhatsApp dates by whole seconds
  if (!isOlder && untilMs > (until ?? 0)) store.settings.set(takenOverKey(chatId), String(untilMs));
}

export function handBack(store: Store, chatId: number, nowMs: number): void {
  store.settings.set(handedBackKey(chatId), String(nowMs));
  store.settings.delete(takenOverKey(chatId));
}

export function isTakenOver(store: Store, chatId: number, nowMs: number): boolean {
  return nowMs < Number(store.settings.get(takenOverKey(chatId)) ?? 0);
}

function takenOverKey(chatId: number): string {
  return `bot.takenOverUntil.${chatId}`;
}

function handedBackKey(chatId: number): string {
  return `bot.handedBack.${chatId}`;
}

/** `null`: every chat in which nothing else was said. */
export type Scope = number | null;

const quietOff = 'off';

/** @param hours `22:00-08:00`; null: no quiet hours */
export function setQuietHours(store: Store, scope: Scope, hours: string | null): void {
  store.settings.set(keyOf('quietHours', scope), hours ?? quietOff);
}

/** `22:00-08:00`, or null where there are none. */
export function quietHoursIn(
  store: Store,
  settings: { replies: Pick<BotSettings['replies'], 'quietHours'> },
  chatId: number,
): string | null {
  const said = valueOf(store, 'quietHours', chatId);
  if (said === undefined) return settings.replies.quietHours;
  return said === quietOff ? null : said;
}

export function setTemperature(store: Store, scope: Scope, temperature: number): void {
  store.settings.set(keyOf('temperature', scope), String(temperature));
}

export function samplingIn(store: Store, settings: BotSettings, chatId: number): SamplingOptions {
  const said = valueOf(store, 'temperature', chatId);
  return said === undefined ? settings.sampling : { ...settings.sampling, temperature: Number(said) };
}

function valueOf(store: Store, name: 'quietHours' | 'temperature', chatId: number): string | undefined {
  return store.settings.get(keyOf(name, chatId)) ?? store.settings.get(keyOf(name, null));
}

function keyOf(name: 'quietHours' | 'temperature', scope: Scope): string {
  return scope === null ? `bot.${name}` : `bot.${name}.${scope}`;
}
