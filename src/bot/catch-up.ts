/**
 * After downtime WhatsApp Web has the missed messages but tells nobody (whatsapp-web.js emits no event for them): each
 * chat that matters is read again from where the last sweep ended, and what comes out goes through the same pipeline.
 * A chat matters while something is on in it, and a direct one while its contact could still refuse. Edits and deletions
 * are announced only to those who are there: after being away, messages that can still be changed are read once more.
 */
import type { Store } from '../store/store.ts';
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import type { Handled } from './pipeline.ts';
import type { Who } from './who.ts';

/** Messages of a chat newer than `sinceMs`, oldest first. */
export type FetchSince = (chatId: string, sinceMs: number) => Promise<InboundMessage[]>;

/** Sweeps overlap by this much: clocks differ, and messages arrive out of order. */
const overlapMs = 10 * 60_000;
/** WhatsApp lets a message be deleted for everyone for about two days, and edited for 15 minutes. */
const changeableMs = 3 * 24 * 3_600_000;

export interface Sweep {
  fetchSince: FetchSince;
  /** nobody listened for some time */
  wasAway: boolean;
}

/** @returns whether every chat that matters was read to its end */
export async function catchUp(
  { store, log, now }: BotDeps,
  who: Who,
  { fetchSince, wasAway }: Sweep,
  handle: (message: InboundMessage) => Promise<Handled>,
): Promise<boolean> {
  let isWhole = true;
  for (const chat of store.chats.list().filter(({ kind }) => kind === 'direct' || kind === 'group')) {
    const sinceMs = sweepFrom(store, chat, who.contactOf(chat), wasAway ? changeableMs : overlapMs);
    if (sinceMs === undefined) continue;
    const startedAtMs = now();
    try {
      const messages = await fetchSince(chat.key, sinceMs);
      const failed = await handleAll(messages, handle);
      log.info({ chat: chat.id, messages: messages.length, failed: failed.length }, 'caught up');
      if (failed.length > 0) throw failed[0];
      store.settings.set(sweptKey(chat.id), String(startedAtMs));
    } catch (error) {
      isWhole = false;
      log.warn(
        { chat: chat.id, ...describeError(error) },
        'catching up failed; the next sweep starts at the same place',
      );
    }
  }
  return isWhole;
}

/** In order; one that fails does not hold up those after it. Resolves when all are written, with what went wrong. */
async function handleAll(
  messages: readonly InboundMessage[],
  handle: (message: InboundMessage) => Promise<Handled>,
): Promise<unknown[]> {
  const failed: unknown[] = [];
  const writing: Promise<unknown>[] = [];
  for (const message of messages) {
    try {
      const { written } = await handle({ ...message, isCatchUp: true });
      writing.push(written.catch((error: unknown) => failed.push(error)));
    } catch (error) {
      failed.push(error);
    }
  }
  await Promise.all(writing);
  return failed;
}

/** Undefined: nothing in this chat concerns us. Messages from before consent are not stored wherever a sweep begins. */
function sweepFrom(store: Store, chat: Chat, contact: number | undefined, backMs: number): number | undefined {
  const isImport = contact === undefined && !(chat.kind === 'group' && chat.key.endsWith('@g.us'));
  if (isImport) return undefined;
  const asked = contact === undefined ? undefined : store.consent.history(contact)[0]?.atMs;
  const first = chat.collectSinceMs ?? asked;
  if (first === undefined && !chat.bot) return undefined;
  const swept = Number(store.settings.get(sweptKey(chat.id)) ?? 0);
  return Math.max(swept - backMs, first ?? 0);
}

function sweptKey(chatId: number): string {
  return `bot.sweptUntil.${chatId}`;
}
