/**
 * The library's events -> ours. Every message comes through `message_create`, and those of others through `message` as
 * well: the same object at once, which is passed on once. Where either goes missing (each has, before) or comes at another
 * time, the other is passed on too, and the bot drops what it knows. A failing listener never reaches the library.
 * Not covered: calls, polls, group changes.
 */
import type wweb from 'whatsapp-web.js';
import type { InboundMessage } from '../types.ts';
import type { Logger } from '../util/log.ts';
import { errorLine } from './errors.ts';
import { chatKindOf, originalKey, toInbound, type RawMessage } from './inbound.ts';
import { idText, keyText, type LooseKey } from './shim.ts';

/** What happens in chats. */
export interface ChatEvents {
  /** every live message, of the account and of others; the same one may come several times and out of order */
  onMessage(message: InboundMessage): void;
  /** a text or caption was changed; `atMs` is the editor's clock */
  onEdit(chatId: string, messageId: string, text: string, atMs: number): void;
  /** deleted for everyone */
  onRevoke(chatId: string, messageId: string): void;
  /** an empty emoji takes the reaction back */
  onReaction(reaction: { chatId: string; messageId: string; senderId: string; emoji: string; atMs: number }): void;
}

export interface WiringContext {
  events: ChatEvents;
  log: Logger;
  /** the account's own ids */
  own: () => readonly string[];
  /** these ids are one person's */
  learn: (ids: readonly string[]) => void;
  /** run when the account is known: at once, or in order once it is */
  whenReady(work: () => void): void;
}

export function wireChatEvents(client: wweb.Client, context: WiringContext): void {
  const { events, log, own } = context;
  const deliver = (work: () => void): void =>
    context.whenReady(() => {
      try {
        work();
      } catch (error) {
        log.error({ error: errorLine(error) }, 'an event could not be handled');
      }
    });

  const onMessage = (message: wweb.Message): void =>
    deliver(() => {
      const raw = message.rawData as RawMessage;
      context.learn(samePerson(raw, own()));
      if (raw.type === 'revoked') events.onRevoke(idText(raw.id.remote), keyText(originalKey(raw)));
      else events.onMessage(toInbound(raw, own(), false));
    });

  let created: wweb.Message | undefined;
  client.on('message_create', (message) => {
    created = message;
    onMessage(message);
  });
  client.on('message', (message) => {
    if (message !== created) onMessage(message);
  });
  client.on('message_edit', (message, _newBody, previousBody) =>
    deliver(() => {
      const raw = message.rawData as RawMessage;
      if (!isEdit(raw, previousBody)) return;
      const { id, chatId, text } = toInbound(raw, own(), false);
      events.onEdit(chatId, id, text, raw.latestEditSenderTimestampMs ?? Date.now());
    }),
  );
  client.on('message_revoke_everyone', (message) =>
    deliver(() => {
      const raw = message.rawData as RawMessage;
      events.onRevoke(idText(raw.id.remote), keyText(originalKey(raw)));
    }),
  );
  client.on('message_reaction', (reaction) =>
    deliver(() => {
      const key = reaction.msgId as LooseKey;
      const senderId = idText(reaction.senderId);
      const atMs = Math.round(reaction.timestamp * 1000);
      const emoji = reaction.reaction;
      events.onReaction({ chatId: idText(key.remote), messageId: keyText(key), senderId, emoji, atMs });
    }),
  );
}

/** The library also calls it an edit when a text is decrypted late, or a thumbnail is replaced. */
function isEdit(raw: RawMessage, previousBody: unknown): boolean {
  if ((raw.latestEditSenderTimestampMs ?? 0) > 0) return true;
  return raw.type === 'chat' && typeof previousBody === 'string' && previousBody !== '';
}

/** In a direct chat the chat's id and the other's id are one person's, also where one is hidden and one a number. */
function samePerson(raw: RawMessage, own: readonly string[]): string[] {
  const chatId = idText(raw.id.remote);
  if (chatKindOf(chatId, own) !== 'direct') return [];
  const other = idText(raw.id.fromMe ? raw.to : raw.from);
  return other === '' || own.includes(other) ? [] : [chatId, other];
}
