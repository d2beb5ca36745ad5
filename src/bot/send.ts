/**
 * Everything the bot sends goes through here: one message at a time per chat, a row in the outbox before each, and the
 * outcome written after it. Nothing is ever sent a second time. Also tells our own echoes (every message we send comes
 * back as if typed on the phone) from what the owner typed: echoes wait until the send they may belong to has settled.
 */
import type { InboundMessage } from '../types.ts';
import { sha256 } from '../util/files.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import type { OutgoingFile } from './host.ts';
import { createLanes } from './lanes.ts';

export interface Outgoing {
  /** the store's chat */
  chatId: number;
  /** WhatsApp's chat id, as last received */
  to: string;
  /** the caption, where there is a file */
  text: string;
  file?: OutgoingFile;
  kind: 'reply' | 'notice' | 'ack';
  /** WhatsApp id of the message this answers; a second reply to it is refused */
  inReplyTo: string | null;
  quotedId?: string;
  /** Runs in the transaction that records the message as sent. */
  onSent?: (waId: string) => void;
}

/** `unknown`: may have left. `answered`: refused, that message has a reply. */
export type Outcome =
  | { outcome: 'sent'; outboxId: number; waId: string }
  | { outcome: 'failed' | 'unknown'; outboxId: number }
  | { outcome: 'answered' };

export interface Sender {
  send: (message: Outgoing) => Promise<Outcome>;
  /** Is this `fromMe` message one that we sent? Waits for a send in flight in that chat. */
  isOurs: (chatId: number, message: Pick<InboundMessage, 'id' | 'text'>) => Promise<boolean>;
  /** nothing in flight */
  idle: () => Promise<void>;
}

export function createSender({ store, log, send, sendFile }: BotDeps): Sender {
  const lanes = createLanes<number>();

  const hand = ({ to, text, file, quotedId }: Outgoing): Promise<string> => {
    if (file !== undefined) return sendFile(to, file, text);
    return send(to, text, quotedId === undefined ? {} : { quotedId });
  };

  const deliver = async (message: Outgoing): Promise<Outcome> => {
    const { chatId, kind, inReplyTo } = message;
    let outboxId: number;
    try {
      outboxId = store.outbox.begin({ chatId, kind, inReplyTo, textHash: echoHash(message.text) });
    } catch (error) {
      if (error instanceof Error && error.name === 'AlreadyAnswered') return { outcome: 'answered' };
      throw error;
    }
    let waId: string;
    try {
      waId = await hand(message);
    } catch (error) {
      const mayHaveLeft = error instanceof Error && error.name === 'SendTimeout';
      if (mayHaveLeft) store.outbox.unknown(outboxId);
      else store.outbox.failed(outboxId);
      log.warn(
        { chat: chatId, kind, outcome: mayHaveLeft ? 'unknown' : 'failed', ...describeError(error) },
        'send failed',
      );
      return { outcome: mayHaveLeft ? 'unknown' : 'failed', outboxId };
    }
    store.transaction(() => {
      store.outbox.sent(outboxId, waId);
      message.onSent?.(waId);
    });
    return { outcome: 'sent', outboxId, waId };
  };

  return {
    send: (message) => lanes.run(message.chatId, () => deliver(message)),
    isOurs: async (chatId, message) => {
      await lanes.current(chatId);
      if (store.lookups.sent(chatId, message.id) !== undefined) return true;
      const hash = echoHash(message.text);
      return store.outbox.awaitsEcho(chatId, hash) && store.outbox.claim(chatId, hash, message.id);
    },
    idle: lanes.idle,
  };
}

/** Hash of a text as it comes back: WhatsApp trims. */
function echoHash(text: string): string {
  return sha256(text.normalize('NFC').trim());
}
