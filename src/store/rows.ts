/** Message rows as SQLite holds them, and as the rest of the program sees them. */
import type { ConversationMessage, MediaKind, MessageDraft, MessageKind, MessageOrigin } from '../types.ts';

export interface StoredMessage extends MessageDraft {
  /** order of arrival; stable, never used again */
  rowId: number;
  editedAtMs: number | null;
}

export interface MessageRow {
  id: number;
  chat_id: number;
  from_me: number;
  wa_id: string;
  person_id: number;
  origin: MessageOrigin;
  timestamp_ms: number;
  minute_precision: number;
  kind: MessageKind;
  text: string;
  media: MediaKind | null;
  quoted_wa_id: string | null;
  edited_at_ms: number | null;
  /** the import that brought it; null: logged live, or imported before imports were recorded */
  import_id: number | null;
}

/** Before the id of the corrected reply in `quotedWaId`: no message has such an id, so nothing is quoted. */
export const correctionMark = 'corrects:';

/**
 * As `quotedWaId` of what the owner wrote on the playground in the part of somebody else: it is the owner's own line, and
 * where the owner's voice is learned it is nevertheless not the persona's.
 */
export const playedMark = 'played:other';

/** Takes the values of `toColumns`. */
export const insertMessage = `
  INSERT INTO messages (chat_id, from_me, wa_id, person_id, origin, timestamp_ms, minute_precision, kind, text, media,
    quoted_wa_id, import_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (chat_id, from_me, wa_id) DO NOTHING`;

/** Parameters of `insertMessage`. */
export function toColumns(
  message: MessageDraft,
  personId: number,
  importId: number | null,
): (string | number | null)[] {
  const { chatId, fromMe, waId, origin, timestampMs, minutePrecision, kind, text, media, quotedWaId } = message;
  const minutes = minutePrecision ? 1 : 0;
  const from = fromMe ? 1 : 0;
  return [chatId, from, waId, personId, origin, timestampMs, minutes, kind, text, media, quotedWaId, importId];
}

export function toStored(row: MessageRow): StoredMessage {
  return {
    rowId: row.id,
    waId: row.wa_id,
    chatId: row.chat_id,
    personId: row.person_id,
    fromMe: row.from_me === 1,
    origin: row.origin,
    timestampMs: row.timestamp_ms,
    minutePrecision: row.minute_precision === 1,
    kind: row.kind,
    text: row.text,
    media: row.media,
    quotedWaId: row.quoted_wa_id,
    editedAtMs: row.edited_at_ms,
  };
}

/** @param quotedRowId row id of a message of that chat by WhatsApp id, null where it is not stored */
export function toConversationMessage(
  message: StoredMessage,
  personaId: number,
  quotedRowId: (chatId: number, waId: string) => number | null,
): ConversationMessage {
  const isBot = message.origin === 'bot';
  const { chatId, quotedWaId } = message;
  const isPlayed = quotedWaId === playedMark;
  const corrected =
    quotedWaId?.startsWith(correctionMark) === true ? quotedWaId.slice(correctionMark.length) : undefined;
  return {
    rowId: message.rowId,
    personId: message.personId,
    isPersona: message.personId === personaId && !isBot && !isPlayed,
    isBot,
    timestampMs: message.timestampMs,
    minutePrecision: message.minutePrecision,
    text: message.text,
    media: message.media,
    quotedRowId: quotedWaId === null || isPlayed || corrected !== undefined ? null : quotedRowId(chatId, quotedWaId),
    ...(corrected === undefined ? {} : { corrects: quotedRowId(chatId, corrected) }),
  };
}
