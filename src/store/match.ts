/**
 * When is a message of an export one that is stored already? Exports carry minutes and no ids, names differ between
 * phones, and the same chat may be logged live. The rule, within one chat (for two people: all their direct chats):
 *
 * - the same person;
 * - the same text, after what phones add or change is taken off (`matchText`), or media of the same kind, where the kind
 *   is known on both sides, with the same caption or none on one side;
 * - the same minute, or the same second where both sides know seconds; a text of 16 characters or more, and anything that
 *   the bot sent, may also stand a minute beside it, since two phones' clocks differ;
 * - every stored message stands for one message of the export, the nearest match first: "ok" sent twice stays two.
 *
 * Not covered: an export whose times are read in a wrong time zone; two exports in a different language whose texts
 * WhatsApp itself translated (system lines are not stored).
 */
import type { Database } from 'better-sqlite3';
import { storableText } from '../consent/policy.ts';
import type { MediaKind, MessageDraft } from '../types.ts';
import type { MessageRow } from './rows.ts';

const minuteMs = 60_000;
/** stored rows are looked up for an hour at once: most messages of an export stand near the one before */
const blockMs = 60 * minuteMs;
const mostBlocks = 8;
/** a text this long is hardly said twice within two minutes by chance */
const distinctChars = 16;

/** What is compared of a message. */
export interface Comparable {
  personId: number;
  timestampMs: number;
  minutePrecision: boolean;
  /** of `matchText` */
  text: string;
  media: MediaKind | null;
}

/**
 * A text as it is compared: NFC, mentions reduced to `@` (one phone writes the number, the other a name of its own
 * address book), no bidi marks, no mark of an edit, one kind of line break, no space around it.
 */
export function matchText(text: string): string {
  return storableText(text.normalize('NFC'))
    .replace(/@[\u2066-\u2068][^\u2069\n]*\u2069/gu, '@')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .replace(/\r\n?/g, '\n')
    .trim();
}

/** What is compared of a draft or a row; `personId` is given where the row's own may be outdated. */
export function comparable(
  message: Pick<MessageDraft, 'personId' | 'timestampMs' | 'minutePrecision' | 'text' | 'media'>,
): Comparable {
  const { personId, timestampMs, minutePrecision, text, media } = message;
  return { personId, timestampMs, minutePrecision, text: matchText(text), media };
}

/**
 * How well two messages match: 0 in everything, 1 with something unknown on one side, 2 with a minute between them,
 * undefined not at all.
 */
export function matchRank(a: Comparable, b: Comparable, isBot = false): 0 | 1 | 2 | undefined {
  if (a.personId !== b.personId || (a.media === null) !== (b.media === null)) return undefined;
  const isSameText = a.text === b.text;
  if (a.media === null ? !isSameText : !isSameMedia(a, b, isSameText)) return undefined;
  const unit = a.minutePrecision || b.minutePrecision ? minuteMs : 1000;
  if (Math.floor(a.timestampMs / unit) === Math.floor(b.timestampMs / unit)) {
    return isSameText && a.media === b.media ? 0 : 1;
  }
  const mayDiffer = isBot || (a.media === null && a.text.length >= distinctChars);
  const apart = Math.abs(Math.floor(a.timestampMs / unit) - Math.floor(b.timestampMs / unit)) * unit;
  return mayDiffer && apart <= minuteMs ? 2 : undefined;
}

/** `file` is what an export says that leaves the kind open ("<Media omitted>"). */
function isSameMedia(a: Comparable, b: Comparable, isSameText: boolean): boolean {
  const mayBeSameKind = a.media === b.media || a.media === 'file' || b.media === 'file';
  return mayBeSameKind && (isSameText || a.text === '' || b.text === '');
}

interface Candidate extends Comparable {
  rowId: number;
  isBot: boolean;
}

/** Finds stored messages, each once. */
export interface Matcher {
  /** Take the stored message that this is, or undefined. `times`: instants that it may have been written at. */
  take(found: Comparable, times: readonly number[]): number | undefined;
  isTaken(rowId: number): boolean;
}

/**
 * @param chatIds chats whose visible rows are compared
 * @param personOf the person of a row, after mergers
 */
export function createMatcher(db: Database, chatIds: readonly number[]): Matcher {
  const between = db.prepare<[number, number, number], MessageRow>(
    'SELECT * FROM visible_messages WHERE chat_id = ? AND timestamp_ms >= ? AND timestamp_ms < ? ORDER BY timestamp_ms, id',
  );
  const first = db.prepare<[number]>('SELECT 1 FROM visible_messages WHERE chat_id = ? LIMIT 1');
  const filled = chatIds.filter((chatId) => first.get(chatId) !== undefined);
  const taken = new RowSet();
  /** of the hours looked up last: by chat, by minute */
  const blocks = new Map<number, Map<number, Candidate[]>[]>();
  let windowAt = NaN;
  let window: Candidate[] = [];

  const readBlock = (block: number): Map<number, Candidate[]>[] =>
    filled.map((chatId) => {
      const byMinute = new Map<number, Candidate[]>();
      for (const row of between.all(chatId, block * blockMs, (block + 1) * blockMs)) {
        const minute = Math.floor(row.timestamp_ms / minuteMs);
        const others = byMinute.get(minute);
        if (others === undefined) byMinute.set(minute, [toCandidate(row)]);
        else others.push(toCandidate(row));
      }
      return byMinute;
    });
  const blockAt = (minute: number): Map<number, Candidate[]>[] => {
    const at = Math.floor((minute * minuteMs) / blockMs);
    let block = blocks.get(at);
    if (block === undefined) {
      const [oldest] = blocks.keys();
      if (oldest !== undefined && blocks.size === mostBlocks) blocks.delete(oldest);
      blocks.set(at, (block = readBlock(at)));
    }
    return block;
  };
  const around = (timestampMs: number): Candidate[] => {
    const minute = Math.floor(timestampMs / minuteMs);
    if (minute !== windowAt) {
      const near = [minute - 1, minute, minute + 1];
      const found = near.map(blockAt);
      window = filled.flatMap((_, chat) => near.flatMap((each, i) => found[i]![chat]!.get(each) ?? []));
      windowAt = minute;
    }
    return window;
  };
  return {
    take: (found, times) => {
      if (filled.length === 0) return undefined;
      let best: { rowId: number; rank: number } | undefined;
      for (const timestampMs of times) {
        for (const candidate of around(timestampMs)) {
          if (taken.has(candidate.rowId)) continue;
          const rank = matchRank({ ...found, timestampMs }, candidate, candidate.isBot);
          if (rank !== undefined && (best === undefined || rank < best.rank)) best = { rowId: candidate.rowId, rank };
        }
      }
      if (best !== undefined) taken.add(best.rowId);
      return best?.rowId;
    },
    isTaken: (rowId) => taken.has(rowId),
  };
}

export function toCandidate(row: MessageRow): Candidate {
  return {
    rowId: row.id,
    personId: row.person_id,
    timestampMs: row.timestamp_ms,
    minutePrecision: row.minute_precision === 1,
    text: matchText(row.text),
    media: row.media,
    isBot: row.origin === 'bot',
  };
}

/**
 * For a message that arrives live (late, by catch-up) after an import brought it: the imported row takes over WhatsApp's
 * id and time. Answers its row id, or undefined where no import brought this message.
 */
export function adopter(db: Database): (message: MessageDraft, personId: number) => number | undefined {
  const near = db.prepare<[number, number, number, number], MessageRow>(
    `SELECT * FROM visible_messages WHERE chat_id = ? AND timestamp_ms >= ? AND timestamp_ms < ? AND person_id = ?
       AND origin = 'import' ORDER BY timestamp_ms, id`,
  );
  const takeOver = db.prepare<[number, string, number, string | null, number]>(
    `UPDATE messages SET origin = 'live', from_me = ?, wa_id = ?, timestamp_ms = ?, minute_precision = 0,
       quoted_wa_id = ? WHERE id = ?`,
  );
  return (message, personId) => {
    const minute = Math.floor(message.timestampMs / minuteMs);
    const rows = near.all(message.chatId, (minute - 1) * minuteMs, (minute + 2) * minuteMs, personId);
    if (rows.length === 0) return undefined;
    const mine = { ...comparable(message), personId };
    const ranked = rows
      .map((row) => ({ rowId: row.id, rank: matchRank(mine, toCandidate(row)) }))
      .filter(({ rank }) => rank !== undefined)
      .sort((a, b) => a.rank! - b.rank!);
    const best = ranked[0];
    if (best === undefined) return undefined;
    const { fromMe, waId, timestampMs, quotedWaId } = message;
    takeOver.run(fromMe ? 1 : 0, waId, timestampMs, quotedWaId, best.rowId);
    return best.rowId;
  };
}

/** Row ids, a bit each. */
class RowSet {
  #bits = new Uint8Array(1024);

  add(rowId: number): void {
    const at = Math.floor(rowId / 8);
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(2 * (at + 1));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at]! |= 1 << (rowId % 8);
  }

  has(rowId: number): boolean {
    return ((this.#bits[Math.floor(rowId / 8)] ?? 0) & (1 << (rowId % 8))) !== 0;
  }
}
