/**
 * A chat as its people know it, a page at a time: messages by (time, row id), forwards or backwards from anywhere, with
 * what they quote, reactions, and what was said of them on the review page. Rows of people who are sealed now stand as
 * gaps without a word. Not covered: who the persona is (the caller knows the person's id), and names.
 */
import type { Database } from 'better-sqlite3';
import type { MediaKind, MessageKind } from '../types.ts';
import { phraseHashes } from '../util/phrases.ts';
import { parseHidden, type Span } from './review-hidden.ts';
import {
  createReviewGate,
  reviewedColumns,
  reviewedJoin,
  type ReviewedRow,
  type ReviewReason,
} from './review-training.ts';
import { correctionMark, playedMark } from './rows.ts';
import type { Decision } from './search.ts';
import type { Seal } from './seal.ts';

export interface ThreadMessage {
  id: number;
  chatId: number;
  personId: number;
  isBot: boolean;
  /**
   * correction: said with `!no`, or on the playground, in the place of a reply of the bot's; played: the owner wrote it on the
   * playground in the part of somebody else
   */
  origin: 'live' | 'import' | 'bot' | 'correction' | 'played';
  timestampMs: number;
  minutePrecision: boolean;
  kind: MessageKind;
  media: MediaKind | null;
  /** as it is stored; '' where it is sealed */
  text: string;
  editedAtMs: number | null;
  /** null: nothing; `id` null: a message that is not stored */
  quotes: Quoted | null;
  /** the bot's reply that this corrects */
  corrects: Quoted | null;
  reactions: { emoji: string; personId: number }[];
  decision: Decision | null;
  /** hidden by hand, offsets of `text` */
  hidden: Span[];
  /** to be learned in the place of `text` */
  line: string | null;
  /** why the review leaves it out tonight; null: it does not */
  leftOut: ReviewReason | null;
  /** consent is gone: kept, and shown to nobody */
  isSealed: boolean;
}

export interface Quoted {
  id: number | null;
  personId: number | null;
  /** its beginning; '' where it is sealed, or not stored */
  text: string;
  media: MediaKind | null;
}

/** A place in a chat. A message that is gone by now is looked for by its id's neighbours. */
export type Place = { messageId: number } | { timestampMs: number };

export interface ThreadRequest {
  /** before and after leave the place itself out, around has it in the middle; default: the newest messages */
  before?: Place;
  after?: Place;
  around?: Place;
  /** default 50, at most 500 */
  limit?: number;
  /** as for `trainable` */
  reviewRequired?: boolean;
}

export interface ThreadPage {
  /** oldest first */
  messages: ThreadMessage[];
  hasBefore: boolean;
  hasAfter: boolean;
}

export interface Threads {
  page(chatId: number, request?: ThreadRequest): ThreadPage;
  message(id: number, options?: { reviewRequired?: boolean }): ThreadMessage | undefined;
  /**
   * Ids of messages that may say the same as this text, word for word, in any chat: they share its first six words, or all
   * of its up to five. Oldest row first, at most 50; whoever asks compares.
   */
  likely(text: string): number[];
  /** the first message at or after this instant, or the last one; undefined: the chat is empty */
  placeAt(chatId: number, timestampMs: number): { messageId: number; timestampMs: number } | undefined;
  /** unix ms of the first and the last message; null: there is none */
  span(chatId: number): { firstMs: number; lastMs: number } | null;
  /** Message counts between rising instants: [boundaries[0], boundaries[1]), ... for a ruler of dates. */
  histogram(chatId: number, boundaries: readonly number[]): number[];
}

/** characters of a quoted text */
const quotedLength = 120;

interface Bound {
  chatId: number;
  ms: number;
  id: number;
  limit: number;
}

export function createThreads(db: Database, seal: Seal): Threads {
  const select = `SELECT ${reviewedColumns} FROM visible_messages m ${reviewedJoin} WHERE m.chat_id = :chatId AND`;
  const before = db.prepare<Bound, ReviewedRow>(
    `${select} (m.timestamp_ms, m.id) < (:ms, :id) ORDER BY m.timestamp_ms DESC, m.id DESC LIMIT :limit`,
  );
  const after = db.prepare<Bound, ReviewedRow>(
    `${select} (m.timestamp_ms, m.id) > (:ms, :id) ORDER BY m.timestamp_ms, m.id LIMIT :limit`,
  );
  const byId = db.prepare<[number], ReviewedRow>(
    `SELECT ${reviewedColumns} FROM visible_messages m ${reviewedJoin} WHERE m.id = ?`,
  );
  const byWaId = db.prepare<[number, string], ReviewedRow>(
    `SELECT ${reviewedColumns} FROM visible_messages m ${reviewedJoin} WHERE m.chat_id = ? AND m.wa_id = ? ORDER BY m.id`,
  );
  const nearId = db.prepare<[number, number], { ms: number; id: number }>(
    // by id, not by the index of the chat: the message itself is nearly always there
    'SELECT timestamp_ms AS ms, id FROM messages WHERE id <= ? AND +chat_id = ? ORDER BY id DESC LIMIT 1',
  );
  const firstFrom = db.prepare<[number, number], { ms: number; id: number }>(
    'SELECT timestamp_ms AS ms, id FROM visible_messages WHERE chat_id = ? AND timestamp_ms >= ? ORDER BY timestamp_ms, id LIMIT 1',
  );
  const last = db.prepare<[number], { ms: number; id: number }>(
    'SELECT timestamp_ms AS ms, id FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms DESC, id DESC LIMIT 1',
  );
  const between = db
    .prepare<[number, number, number], number>(
      'SELECT COUNT(*) FROM messages WHERE chat_id = ? AND timestamp_ms >= ? AND timestamp_ms < ?',
    )
    .pluck();
  const reactionsTo = db.prepare<[number, string], { emoji: string; personId: number }>(
    `SELECT emoji, person_id AS personId FROM reactions WHERE chat_id = ? AND message_wa_id = ? ORDER BY at_ms, person_id`,
  );
  const gate = createReviewGate(db);
  const sharing = (table: 'phrases' | 'short_messages') =>
    db.prepare<[bigint], number>(`SELECT message_id FROM ${table} WHERE hash = ? ORDER BY message_id LIMIT 50`).pluck();
  const sharingSix = sharing('phrases');
  const sharingShort = sharing('short_messages');

  const placeOf = (chatId: number, place: Place): { ms: number; id: number } => {
    if ('timestampMs' in place) return { ms: place.timestampMs, id: 0 };
    return nearId.get(place.messageId, chatId) ?? { ms: Number.MIN_SAFE_INTEGER, id: 0 };
  };

  const reader = (chatId: number, reviewRequired: boolean): ((row: ReviewedRow) => ThreadMessage) => {
    const open = new Set(seal.openPeople(chatId));
    const reasonOf = gate.reasons(reviewRequired);
    const quoted = (waId: string): Quoted => {
      const row = byWaId.get(chatId, waId);
      if (row === undefined) return { id: null, personId: null, text: '', media: null };
      const isOpen = open.has(row.person_id);
      const text = isOpen ? beginning(row.text, quotedLength) : '';
      return { id: row.id, personId: row.person_id, text, media: isOpen ? row.media : null };
    };
    return (row) => {
      const isSealed = !open.has(row.person_id);
      const corrected = row.quoted_wa_id?.startsWith(correctionMark) === true;
      const isPlayed = row.quoted_wa_id === playedMark;
      const text = isSealed ? '' : row.text;
      return {
        id: row.id,
        chatId: row.chat_id,
        personId: row.person_id,
        isBot: row.origin === 'bot',
        origin: corrected ? 'correction' : isPlayed ? 'played' : row.origin,
        timestampMs: row.timestamp_ms,
        minutePrecision: row.minute_precision === 1,
        kind: row.kind,
        media: isSealed ? null : row.media,
        text,
        editedAtMs: row.edited_at_ms,
        quotes: row.quoted_wa_id === null || corrected || isPlayed || isSealed ? null : quoted(row.quoted_wa_id),
        corrects: corrected && !isSealed ? quoted(row.quoted_wa_id!.slice(correctionMark.length)) : null,
        reactions: isSealed ? [] : reactionsTo.all(chatId, row.wa_id).filter(({ personId }) => open.has(personId)),
        decision: row.decision,
        hidden: parseHidden(row.hidden, text),
        line: isSealed ? null : row.line,
        leftOut: reasonOf(row) ?? null,
        isSealed,
      };
    };
  };

  const page = (chatId: number, request: ThreadRequest = {}): ThreadPage => {
    const limit = Math.max(1, Math.min(500, request.limit ?? 50));
    const read = reader(chatId, request.reviewRequired ?? false);
    const backwards = (from: { ms: number; id: number }, count: number) => {
      const rows = before.all({ chatId, ...from, limit: count + 1 });
      return { rows: rows.slice(0, count).reverse(), hasMore: rows.length > count };
    };
    const forwards = (from: { ms: number; id: number }, count: number) => {
      const rows = after.all({ chatId, ...from, limit: count + 1 });
      return { rows: rows.slice(0, count), hasMore: rows.length > count };
    };
    if (request.after !== undefined) {
      const from = placeOf(chatId, request.after);
      const { rows, hasMore } = forwards(from, limit);
      return { messages: rows.map(read), hasBefore: backwards(after1(from), 1).rows.length > 0, hasAfter: hasMore };
    }
    if (request.around !== undefined) {
      const place = placeOf(chatId, request.around);
      const half = Math.floor(limit / 2);
      const first = backwards(place, half);
      const rest = forwards({ ms: place.ms, id: place.id - 1 }, limit - first.rows.length);
      return { messages: [...first.rows, ...rest.rows].map(read), hasBefore: first.hasMore, hasAfter: rest.hasMore };
    }
    const from = request.before === undefined ? newestPlace : placeOf(chatId, request.before);
    const { rows, hasMore } = backwards(from, limit);
    const hasAfter = request.before !== undefined && forwards({ ms: from.ms, id: from.id - 1 }, 1).rows.length > 0;
    return { messages: rows.map(read), hasBefore: hasMore, hasAfter };
  };

  const toPlace = ({ ms, id }: { ms: number; id: number }) => ({ messageId: id, timestampMs: ms });
  return {
    page: db.transaction(page),
    message: (id, options) => {
      const row = byId.get(id);
      return row && reader(row.chat_id, options?.reviewRequired ?? false)(row);
    },
    likely: (text) => {
      const { sixes, short } = phraseHashes(text);
      if (short !== null) return sharingShort.all(short);
      return sixes[0] === undefined ? [] : sharingSix.all(sixes[0]);
    },
    placeAt: (chatId, timestampMs) => {
      const found = firstFrom.get(chatId, timestampMs) ?? last.get(chatId);
      return found && toPlace(found);
    },
    span: (chatId) => {
      const first = firstFrom.get(chatId, Number.MIN_SAFE_INTEGER);
      const end = last.get(chatId);
      return first === undefined || end === undefined ? null : { firstMs: first.ms, lastMs: end.ms };
    },
    histogram: (chatId, boundaries) => boundaries.slice(1).map((to, at) => between.get(chatId, boundaries[at]!, to)!),
  };
}

const newestPlace = { ms: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };

/** the place right after one, so that "before" has it too */
const after1 = ({ ms, id }: { ms: number; id: number }) => ({ ms, id: id + 1 });

/** The first characters, never half of a surrogate pair. */
function beginning(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\ud800-\udbff]/.test(text[length - 1]!) ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}
