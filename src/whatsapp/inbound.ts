/**
 * whatsapp-web.js message -> InboundMessage: plain data, ids as strings, times in ms, kinds by our names. Reads the raw
 * fields, since the library gives a picture's thumbnail as its text and hides what a quote points to. Decides nothing
 * about consent. Only text and captions are taken over: no contact cards, places, polls, thumbnails or quoted bodies.
 */
import type { ChatKind, InboundMessage, MediaKind, MessageKind } from '../types.ts';
import { idText, keyText, type LooseId, type LooseKey } from './shim.ts';

/** The fields of the library's `Message.rawData` that are read here (types as seen, not as the library declares them). */
export interface RawMessage {
  id: LooseKey;
  type: string;
  /** unix seconds */
  t: number;
  body?: string | null;
  caption?: string | null;
  from?: LooseId | null;
  to?: LooseId | null;
  author?: LooseId | null;
  quotedStanzaID?: string | null;
  quotedParticipant?: LooseId | null;
  /** the quoted message's chat where it is another one: a status or a group */
  quotedRemoteJid?: LooseId | null;
  mentionedJidList?: LooseId[] | null;
  isForwarded?: boolean;
  forwardingScore?: number;
  isEphemeral?: boolean;
  ephemeralDuration?: number;
  isViewOnce?: boolean;
  latestEditSenderTimestampMs?: number | null;
  /** of a revoked message: the key it had before */
  protocolMessageKey?: LooseKey | null;
}

const mediaTypes: Readonly<Record<string, MediaKind>> = {
  image: 'image',
  video: 'video',
  ptv: 'video',
  ptt: 'voice',
  audio: 'voice',
  sticker: 'sticker',
  document: 'file',
};

const otherTypes: Readonly<Record<string, { kind: MessageKind; media: MediaKind | null }>> = {
  chat: { kind: 'text', media: null },
  location: { kind: 'location', media: 'location' },
  live_location: { kind: 'location', media: 'location' },
  vcard: { kind: 'contact', media: 'contact' },
  multi_vcard: { kind: 'contact', media: 'contact' },
  revoked: { kind: 'deleted', media: null },
  call_log: { kind: 'call', media: null },
  poll_creation: { kind: 'poll', media: null },
};

/**
 * @param own the account's own ids
 * @param isCatchUp found by the sweep after downtime
 */
export function toInbound(raw: RawMessage, own: readonly string[], isCatchUp: boolean): InboundMessage {
  const { fromMe } = raw.id;
  const chatId = idText(raw.id.remote);
  const { kind, media } = kindOf(raw);
  const author = idText(raw.author) || idText(raw.id.participant) || idText(raw.from) || chatId;
  const text = media === null ? raw.body : raw.caption;
  return {
    id: keyText(originalKey(raw)),
    chatId,
    chatKind: chatKindOf(chatId, own),
    senderId: fromMe ? (own[0] ?? author) : author,
    fromMe,
    timestampMs: raw.t * 1000,
    kind,
    text: kind === 'text' || kind === 'edited' || kind === 'media' ? (text ?? '') : '',
    media,
    quotedId: quotedIdOf(raw, own),
    ...((raw.mentionedJidList ?? []).some((id) => own.includes(idText(id))) && { mentionsMe: true }),
    isForwarded: raw.isForwarded === true || (raw.forwardingScore ?? 0) > 0,
    isEphemeral: raw.isEphemeral === true || (raw.ephemeralDuration ?? 0) > 0 || raw.isViewOnce === true,
    isCatchUp,
  };
}

/** The key that a message had when it was written; deleting for everyone may give it a new one. */
export function originalKey(raw: RawMessage): LooseKey {
  return raw.type === 'revoked' && raw.protocolMessageKey ? raw.protocolMessageKey : raw.id;
}

export function chatKindOf(chatId: string, own: readonly string[]): ChatKind {
  if (own.includes(chatId)) return 'self';
  if (chatId === 'status@broadcast') return 'status';
  if (chatId.endsWith('@g.us')) return 'group';
  if (chatId.endsWith('@broadcast')) return 'broadcast';
  return chatId.endsWith('@newsletter') ? 'newsletter' : 'direct';
}

/** Unknown types count as system: nothing of them is text that a person typed. */
function kindOf(raw: RawMessage): { kind: MessageKind; media: MediaKind | null } {
  const media = mediaTypes[raw.type];
  if (media !== undefined) return { kind: 'media', media };
  const found = otherTypes[raw.type] ?? { kind: 'system', media: null };
  const isEdited = found.kind === 'text' && (raw.latestEditSenderTimestampMs ?? 0) > 0;
  return isEdited ? { kind: 'edited', media: null } : found;
}

/** A quote carries the quoted message's stanza id and author; chat and direction make it an id again. */
function quotedIdOf(raw: RawMessage, own: readonly string[]): string | null {
  if (!raw.quotedStanzaID) return null;
  const participant = idText(raw.quotedParticipant);
  const chatId = idText(raw.quotedRemoteJid) || idText(raw.id.remote);
  const isDirect = !/@(?:g\.us|broadcast)$/.test(chatId);
  const key: LooseKey = { fromMe: own.includes(participant), remote: chatId, id: raw.quotedStanzaID };
  return keyText(isDirect ? key : { ...key, participant });
}
