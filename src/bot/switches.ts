/**
 * What is on where, and how the persona writes there. `!bot off all` switches replies off in every chat and sets a mark;
 * `!bot on` in one chat takes the mark away and switches replies on in that chat alone. So the others stay silent until
 * somebody says so in each; only the review page brings back exactly what was on, as long as nothing else was said since.
 * Quiet hours and temperature: what was said in the chat, else in the self-chat (for every chat), else persona.json. Caps:
 * what was said on the review page, else persona.json. What the owner writes in person pauses the bot in that chat for a
 * while.
 */
import { withBallast } from '../store/ballast.ts';
import type { Store } from '../store/store.ts';
import type { SamplingOptions } from '../types.ts';
import type { ReplyCaps } from './caps.ts';
import type { BotSettings } from './deps.ts';

const offEverywhereKey = 'bot.offEverywhere';
/** ids of the chats that `!bot off all` switched off, as JSON */
const onBeforeKey = 'bot.onBefore';

/** What was switched off and is not written yet. */
interface Off {
  chats: Set<number>;
  /** of them, those in which nothing is collected any more either */
  stopped: Set<number>;
  /** since when everywhere, unix ms */
  everywhereMs: number | undefined;
}

/** Here and not in the bot, since the review page switches off too. */
const unwritten = new WeakMap<Store, Off>();

export function isBotOn(store: Store, chatId: number): boolean {
  const isSilenced = unwritten.get(store)?.chats.has(chatId) === true;
  return !isSilenced && !isOffEverywhere(store) && store.chats.get(chatId).bot;
}

/** `!bot off all` was said, and no `!bot on` since. */
export function isOffEverywhere(store: Store): boolean {
  return unwritten.get(store)?.everywhereMs !== undefined || store.settings.get(offEverywhereKey) !== undefined;
}

export function botOn(store: Store, chatId: number, nowMs: number): void {
  store.transaction(() => {
    writeOff(store);
    store.settings.delete(offEverywhereKey);
    store.settings.delete(onBeforeKey);
    handBack(store, chatId, nowMs);
    store.chats.set(chatId, { bot: true });
  });
  unwritten.delete(store);
}

/**
 * Chats that `!bot off all` switched off, as far as they are still collected and were not switched off by themselves since;
 * none once anything was switched on since.
 */
export function chatsOnBefore(store: Store): number[] {
  const ids = new Set(JSON.parse(store.settings.get(onBeforeKey) ?? '[]') as number[]);
  if (ids.size === 0) return [];
  const known = store.chats.list().filter(({ id, collect }) => collect && ids.has(id));
  return known.map(({ id }) => id);
}

/** Takes `!bot off all` back: replies are on again exactly where they were. @returns those chats */
export function botOnAsBefore(store: Store, nowMs: number): number[] {
  const before = store.transaction(() => {
    writeOff(store);
    const chats = chatsOnBefore(store);
    store.settings.delete(offEverywhereKey);
    store.settings.delete(onBeforeKey);
    for (const chatId of chats) {
      handBack(store, chatId, nowMs);
      store.chats.set(chatId, { bot: true });
    }
    return chats;
  });
  unwritten.delete(store);
  return before;
}

/** From now on, whatever the disk says. @returns whether it is written */
export function botOff(store: Store, chatId: number): boolean {
  offOf(store).chats.add(chatId);
  return flushSwitches(store);
}

/** The same, and nothing is collected in this chat any more. */
export function stopChat(store: Store, chatId: number): boolean {
  offOf(store).stopped.add(chatId);
  return botOff(store, chatId);
}

/** From now on, whatever the disk says. @returns whether it is written */
export function botOffEverywhere(store: Store, nowMs: number): boolean {
  offOf(store).everywhereMs = nowMs;
  return flushSwitches(store);
}

/** Write what could not be written before. @returns whether nothing is left */
export function flushSwitches(store: Store): boolean {
  if (!unwritten.has(store)) return true;
  try {
    withBallast(store.dataDir, () => store.transaction(() => writeOff(store)));
  } catch {
    return false;
  }
  unwritten.delete(store);
  return true;
}

function offOf(store: Store): Off {
  const off = unwritten.get(store) ?? { chats: new Set(), stopped: new Set(), everywhereMs: undefined };
  unwritten.set(store, off);
  return off;
}

function writeOff(store: Store): void {
  const off = unwritten.get(store);
  if (off === undefined) return;
  const isEverywhere = off.everywhereMs !== undefined;
  for (const id of off.stopped) store.chats.set(id, { collect: false });
  const wasOn = store.chats.list().filter(({ bot }) => bot);
  for (const { id } of wasOn) if (isEverywhere || off.chats.has(id)) store.chats.set(id, { bot: false });
  if (isEverywhere) store.settings.set(offEverywhereKey, String(off.everywhereMs));
  const already = chatsOnBefore(store); // said twice, both count
  const before = [...already, ...(isEverywhere ? wasOn.map(({ id }) => id) : [])].filter((id) => !off.chats.has(id));
  if (before.length > 0 || already.length > 0) store.settings.set(onBeforeKey, JSON.stringify(before));
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

/** What was said of one chat holds no more: what is said of all does. With null: persona.json does. */
export function unsetQuietHours(store: Store, scope: Scope): void {
  store.settings.delete(keyOf('quietHours', scope));
}

/** What was said of exactly this: `22:00-08:00`, null: none, undefined: nothing was said. */
export function saidQuietHours(store: Store, scope: Scope): string | null | undefined {
  const said = store.settings.get(keyOf('quietHours', scope));
  return said === quietOff ? null : said;
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

const capsKey = 'bot.caps';

/** The caps that hold now: what was said on the review page, else persona.json. */
export function capsNow(store: Store, settings: { replies: Pick<BotSettings['replies'], 'caps'> }): ReplyCaps {
  const said = store.settings.get(capsKey);
  return said === undefined ? settings.replies.caps : (JSON.parse(said) as ReplyCaps);
}

/** @param caps null: as persona.json says */
export function setCaps(store: Store, caps: ReplyCaps | null): void {
  if (caps === null) store.settings.delete(capsKey);
  else {
    const { perChatSeconds, perChatHour, perDay } = caps;
    store.settings.set(capsKey, JSON.stringify({ perChatSeconds, perChatHour, perDay }));
  }
}

function valueOf(store: Store, name: 'quietHours' | 'temperature', chatId: number): string | undefined {
  return store.settings.get(keyOf(name, chatId)) ?? store.settings.get(keyOf(name, null));
}

function keyOf(name: 'quietHours' | 'temperature', scope: Scope): string {
  return scope === null ? `bot.${name}` : `bot.${name}.${scope}`;
}
