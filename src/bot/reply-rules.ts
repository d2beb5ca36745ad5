/**
 * When the bot may answer, and how: the conditions of every reply in one place. Facts come from the store at the moment
 * of asking, since any of them can change while the model is thinking.
 */
import type { Chat } from '../store/chats.ts';
import type { StoredMessage } from '../store/store.ts';
import type { InboundMessage } from '../types.ts';
import { isApproved } from './consent-flow.ts';
import type { ConsentFlow } from './consent-flow.ts';
import { answerFreshMs, disclosureEveryMs } from './deps.ts';
import type { BotDeps } from './deps.ts';
import { isQuiet } from './quiet.ts';
import { isBotOn, isTakenOver, quietHoursIn } from './switches.ts';
import type { Who } from './who.ts';

/** Why there is no reply; counted in the log. */
export type Silence = 'off' | 'taken over' | 'consent' | 'not here' | 'quiet hours' | 'too old' | 'answered';

export interface ReplyRules {
  /** Is this a chat for the persona's voice? With another person's voice: the self-chat, or where that person agreed. */
  maySpeakHere: (chat: Chat) => boolean;
  /** Why this message gets no reply now; undefined: it may. */
  silence: (chatId: number, target: InboundMessage) => Silence | undefined;
  /** Why a reply to this message that has begun does not go on. */
  silenceMidway: (chatId: number, target: InboundMessage) => Silence | undefined;
  /** Does the next reply in this chat have to say what the bot is? */
  needsDisclosure: (chat: Chat) => boolean;
}

export function createReplyRules({ store, settings, now }: BotDeps, who: Who, consent: ConsentFlow): ReplyRules {
  const maySpeakHere = (chat: Chat): boolean => {
    if (settings.speaker === 'me') return chat.kind === 'direct' || chat.kind === 'group';
    const persona = who.persona();
    if (consent.standing(persona, 'imitate').state !== 'granted') return false;
    if (chat.kind === 'self') return true;
    return chat.kind === 'direct' && isApproved(store.consent.history(persona), chat.id);
  };

  /** Before that message was written, by WhatsApp's whole seconds? */
  const hasAgreed = (personId: number | undefined, writtenMs: number): boolean => {
    if (personId === undefined) return false;
    const { state, sinceMs } = consent.standing(personId, 'log');
    return state === 'granted' && writtenMs >= Math.floor((sinceMs ?? 0) / 1000) * 1000;
  };

  /** Whoever is answered: in a group the author, else the other side, also where the owner asked for it (`!again`). */
  const partnerOf = (chat: Chat, target: InboundMessage): number | undefined =>
    chat.kind === 'group' ? who.memberOf(target) : (who.contactOf(chat) ?? who.me());

  const silenceMidway: ReplyRules['silenceMidway'] = (chatId, target) => {
    const chat = store.chats.get(chatId);
    if (!isBotOn(store, chatId)) return 'off';
    if (isTakenOver(store, chatId, now())) return 'taken over';
    if (!maySpeakHere(chat)) return 'not here';
    const partner = partnerOf(chat, target);
    const hasConsent = partner !== undefined && consent.standing(partner, 'log').state === 'granted';
    return hasConsent ? undefined : 'consent';
  };

  const silence: ReplyRules['silence'] = (chatId, target) => {
    const lasting = silenceMidway(chatId, target);
    if (lasting !== undefined) return lasting;
    if (!hasAgreed(partnerOf(store.chats.get(chatId), target), target.timestampMs)) return 'consent';
    if (now() - target.timestampMs > answerFreshMs) return 'too old';
    if (isQuiet(now(), quietHoursIn(store, settings, chatId), settings.timezone)) return 'quiet hours';
    if (store.outbox.answered(chatId, target.id)) return 'answered';
    return undefined;
  };

  const needsDisclosure = ({ disclosedAtMs }: Chat): boolean =>
    disclosedAtMs === null || now() - disclosedAtMs >= disclosureEveryMs;

  return { maySpeakHere, silence, silenceMidway, needsDisclosure };
}

/**
 * Quote the answered message? In a plain back-and-forth a quote is noise; it helps where several messages came since we
 * last wrote, or where something was written after the answered one.
 * @param recent the chat's stored messages, oldest first
 * @param unstored how many messages of the burst are not among them
 */
export function shouldQuote(
  mode: 'auto' | 'always' | 'never',
  target: InboundMessage,
  recent: readonly StoredMessage[],
  unstored: number,
): boolean {
  if (mode !== 'auto') return mode === 'always';
  const lastOurs = recent.findLastIndex((message) => message.fromMe && message.waId !== target.id);
  const sinceOurs = recent.length - 1 - lastOurs + unstored;
  const at = recent.findIndex((message) => message.waId === target.id);
  return sinceOurs > 1 || (at >= 0 && at < recent.length - 1);
}
