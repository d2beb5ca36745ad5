/**
 * What people change about what they wrote: edits and delete-for-everyone -> rows. Whatever the disk would not take is
 * tried again with the next message, and what was taken back stays away, also when a copy of it is delivered by the next
 * process. Not covered: changes of messages that were never stored.
 */
import type { Chat } from '../store/chats.ts';
import type { ConsentFlow } from './consent-flow.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import type { Recorder } from './record.ts';
import type { Seen } from './seen.ts';
import type { Who } from './who.ts';

export interface Changes {
  /** @param atMs when, by the editor's clock; null: unknown, and this is what it says now */
  edit: (chat: Chat, waId: string, text: string, atMs: number | null) => void;
  takeBack: (chat: Chat, waId: string) => void;
  /** Erase what should not have been stored. */
  drop: (chat: Chat, waId: string) => void;
  /** Try again what failed. */
  flush: () => void;
}

export function createChanges(
  { store, log }: BotDeps,
  { who, consent, recorder, seen }: { who: Who; consent: ConsentFlow; recorder: Recorder; seen: Seen },
): Changes {
  /** newest change of each message, by chat and id */
  const failed = new Map<string, () => void>();

  const attempt = (key: string, work: () => void): void => {
    try {
      work();
      failed.delete(key);
    } catch (error) {
      failed.set(key, work);
      log.error(describeError(error), 'a change of a message could not be written; it is tried again');
    }
  };
  /** Of chats where nobody agreed not even ids are kept. */
  const mayBeStored = (chat: Chat): boolean => {
    const contact = who.contactOf(chat);
    return chat.collect && contact !== undefined && consent.standing(contact, 'log').state === 'granted';
  };
  const keyOf = (chat: Chat, waId: string): string => `${chat.id} ${waId}`;

  return {
    edit: (chat, waId, text, atMs) => {
      attempt(keyOf(chat, waId), () => recorder.edit(store.chats.get(chat.id), waId, text, atMs));
    },
    takeBack: (chat, waId) => {
      seen.add(waId); // a copy that is delivered after this does not bring it back
      attempt(keyOf(chat, waId), () => {
        const wasStored = recorder.erase(chat, waId);
        if (wasStored || mayBeStored(store.chats.get(chat.id))) seen.addTakenBack(waId);
      });
    },
    drop: (chat, waId) => {
      attempt(keyOf(chat, waId), () => void recorder.erase(chat, waId));
    },
    flush: () => {
      for (const [key, work] of failed) attempt(key, work);
    },
  };
}
