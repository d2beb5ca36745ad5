/**
 * What the program says to its owner by itself, a sentence after a night: in the self-chat, or where OWNER_NUMBERS names another
 * phone, in a chat with it that the owner opened. Nobody else ever gets a message that they did not ask for.
 */
import type { Chat } from '../store/chats.ts';
import type { BotDeps } from './deps.ts';
import type { Sender } from './send.ts';
import type { Who } from './who.ts';

export interface OwnerChat {
  /** False: no such chat is known yet, or the message did not leave for sure. */
  tell: (text: string) => Promise<boolean>;
}

interface Place {
  chat: Chat;
  to: string;
}

export function createOwnerChat({ settings }: Pick<BotDeps, 'settings'>, who: Who, sender: Sender): OwnerChat {
  const places = async (): Promise<Place[]> => {
    if (!who.isSpareAccount()) {
      const own = who.account();
      const to = own.find((id) => id.endsWith('@c.us')) ?? own[0];
      return to === undefined ? [] : [{ chat: await who.openChat({ chatId: to, chatKind: 'self' }), to }];
    }
    const known: Place[] = [];
    for (const digits of settings.ownerNumbers) {
      const to = `${digits}@c.us`;
      const chat = await who.findChat({ chatId: to, chatKind: 'direct' });
      if (chat !== undefined) known.push({ chat, to });
    }
    return known;
  };

  return {
    tell: async (text) => {
      let isTold = false;
      for (const { chat, to } of await places()) {
        const { outcome } = await sender.send({ chatId: chat.id, to, text, kind: 'notice', inReplyTo: null });
        isTold ||= outcome === 'sent' || outcome === 'unknown';
      }
      return isTold;
    },
  };
}
