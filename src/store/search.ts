/**
 * Search over stored messages, newest first. Words come from the index (search-index.ts), everything else from the
 * database as it is now, so a row that is sealed, gone or of an unfinished import is never found. Where many rows match,
 * weeks are walked back from the newest, so a page costs what its own weeks hold; a page that would take long ends early
 * and says where to go on. Not covered: ranking by relevance; in a chat people look for what was said last.
 */
import type { Database } from 'better-sqlite3';
import { mediaKinds, type MediaKind } from '../types.ts';
import type { Openness } from './review-open.ts';
import { weekMs, type IndexProgress, type OpenIndex, type SearchIndex } from './search-index.ts';
import { marksIn, matchText, parseQuery, snippetOf, type Term } from './search-words.ts';

/** Where a page begins: what stands before this message, in time. */
export interface Cursor {
  timestampMs: number;
  id: number;
}

export type Decision = 'approved' | 'rejected';

export interface SearchRequest {
  /** what somebody typed; any input is fine. Empty: whatever the filters say */
  text: string;
  chatId?: number;
  personId?: number;
  /** unix ms, from this instant and before that one */
  fromMs?: number;
  toMs?: number;
  kind?: 'text' | 'media' | MediaKind;
  decision?: Decision | 'undecided';
  /** default 50, at most 200 */
  limit?: number;
  before?: Cursor;
}

export interface Hit {
  messageId: number;
  chatId: number;
  personId: number;
  isBot: boolean;
  timestampMs: number;
  minutePrecision: boolean;
  media: MediaKind | null;
  decision: Decision | null;
  /** offsets of marks are of `text`, in UTF-16 units; never HTML */
  snippet: ReturnType<typeof snippetOf>;
}

export interface SearchPage {
  hits: Hit[];
  /** where the next page begins; null: there is no more */
  next: Cursor | null;
  /** how many there are in all; null: many */
  total: number | null;
  /** rows that are not in the index yet cannot be found; null: all are */
  indexing: IndexProgress | null;
}

export interface Search {
  search(request: SearchRequest): SearchPage;
}

/** this many rows are read and sorted at once; more are walked by weeks */
const candidateRows = 2000;
/** rows of a week that are read in full at once */
const rowsAtOnce = 200;
/** a page ends after about this long */
const pageMs = 40;
/** rows that came since the last look are indexed first, if that takes no longer */
const catchUpMs = 15;

interface Row {
  id: number;
  chat_id: number;
  person_id: number;
  is_bot: number;
  timestamp_ms: number;
  minute_precision: number;
  media: MediaKind | null;
  decision: Decision | null;
}

interface Parts {
  index: SearchIndex;
  openness: Openness;
}

export function createSearch(db: Database, { index, openness }: Parts): Search {
  const columns = `m.id, m.chat_id, m.person_id, m.origin = 'bot' AS is_bot, m.timestamp_ms, m.minute_precision, m.media,
    r.decision`;
  const rowsOf = db.prepare<[string], Row>(`SELECT ${columns} FROM json_each(?) j
    JOIN visible_messages m ON m.id = j.value LEFT JOIN reviews r ON r.message_id = m.id`);
  const placesOf = db.prepare<[string], Placed>(
    'SELECT m.id, m.timestamp_ms FROM json_each(?) j JOIN messages m ON m.id = j.value',
  );
  const decided = db.prepare<[Decision, number], Row>(`SELECT ${columns} FROM reviews r
    JOIN visible_messages m ON m.id = r.message_id WHERE r.decision = ? LIMIT ?`);
  const textOf = db.prepare<[number], string>('SELECT text FROM messages WHERE id = ?').pluck();
  const idsOfPerson = db
    .prepare<{ id: number }, number>(
      `SELECT p.id FROM people p, people asked
    WHERE asked.id = :id AND COALESCE(p.merged_into, p.id) = COALESCE(asked.merged_into, asked.id)`,
    )
    .pluck();

  const ids = (open: OpenIndex, expression: string, limit: number): number[] =>
    open
      .prepare<[string, number], { rowid: number }>(
        'SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?',
      )
      .all(expression, limit)
      .map(({ rowid }) => rowid);

  const weeksBetween = (open: OpenIndex, fromMs: number, toMs: number): number[] =>
    open
      .prepare<[number, number], { week: number }>(
        'SELECT week FROM weeks WHERE week BETWEEN ? AND ? ORDER BY week DESC',
      )
      .all(Math.floor(fromMs / weekMs), Math.floor(toMs / weekMs))
      .map(({ week }) => week);

  /** Filters as tags, and what is sealed left out, so that the index does most of the work. */
  const expressionOf = (request: SearchRequest, terms: readonly Term[]): string | undefined => {
    const { chatId, personId, kind } = request;
    const all: string[] = [];
    if (terms.length > 0) all.push(`text : (${matchText(terms)})`);
    if (chatId !== undefined) all.push(tags([`c${chatId}`]));
    if (personId !== undefined) all.push(tags(idsOfPerson.all({ id: personId }).map((id) => `p${id}`)));
    if (kind !== undefined && kind !== 'text') all.push(tags(kind === 'media' ? mediaTags : [`k${kind}`]));
    if (all.length === 0) return undefined;
    const { chats, people } = openness.closed();
    const closed = [...chats.map((id) => `c${id}`), ...people.map((id) => `p${id}`)];
    const wanted = all.join(' AND ');
    return closed.length === 0 ? wanted : `(${wanted}) NOT ${tags(closed)}`;
  };

  const filter = (request: SearchRequest): ((row: Row) => boolean) => {
    const people = request.personId === undefined ? undefined : new Set(idsOfPerson.all({ id: request.personId }));
    const { chatId, kind, decision, fromMs = -Infinity, toMs = Infinity, before } = request;
    return (row) =>
      row.timestamp_ms >= fromMs &&
      row.timestamp_ms < toMs &&
      (before === undefined || isBefore(row, before)) &&
      (chatId === undefined || row.chat_id === chatId) &&
      (people === undefined || people.has(row.person_id)) &&
      (kind === undefined ||
        (kind === 'text' ? row.media === null : kind === 'media' ? row.media !== null : row.media === kind)) &&
      (decision === undefined || (row.decision ?? 'undecided') === decision);
  };

  const toHits = (rows: readonly Row[], terms: readonly Term[]): Hit[] => {
    return rows.flatMap((row): Hit[] => {
      const text = openness.isSure(row.chat_id, row.person_id) ? textOf.get(row.id) : undefined;
      const marks = text === undefined ? undefined : marksIn(text, terms);
      if (text === undefined || marks === undefined) return [];
      return [
        {
          messageId: row.id,
          chatId: row.chat_id,
          personId: row.person_id,
          isBot: row.is_bot === 1,
          timestampMs: row.timestamp_ms,
          minutePrecision: row.minute_precision === 1,
          media: row.media,
          decision: row.decision,
          snippet: snippetOf(text, marks),
        },
      ];
    });
  };

  const search = (request: SearchRequest, progress: IndexProgress, open: OpenIndex): SearchPage => {
    const startedMs = performance.now();
    const limit = Math.max(1, Math.min(200, request.limit ?? 50));
    const indexing = progress.indexedTo < progress.newest ? progress : null;
    const terms = parseQuery(request.text);
    const fits = filter(request);
    const isWanted = (row: Row): boolean => fits(row) && openness.isOpen(row.chat_id, row.person_id);
    const pageOf = (rows: Row[], isAll: boolean): SearchPage => {
      const page = rows.sort(newestFirst).slice(0, limit);
      const last = page.at(-1);
      const next = last !== undefined && rows.length > limit ? { timestampMs: last.timestamp_ms, id: last.id } : null;
      return { hits: toHits(page, terms), next, total: isAll ? rows.length : null, indexing };
    };
    if (request.text.trim() !== '' && terms.length === 0) return { hits: [], next: null, total: 0, indexing };

    if (request.decision === 'approved' || request.decision === 'rejected') {
      const rows = decided.all(request.decision, candidateRows + 1);
      if (rows.length <= candidateRows) {
        const found = rows.filter(isWanted);
        const hasAll = (row: Row): boolean => marksIn(textOf.get(row.id) ?? '', terms) !== undefined;
        return pageOf(terms.length === 0 ? found : found.filter(hasAll), request.before === undefined);
      }
    }
    const expression = expressionOf(request, terms);
    if (expression !== undefined) {
      const found = ids(open, expression, candidateRows + 1);
      if (found.length <= candidateRows) {
        const rows = rowsOf.all(JSON.stringify(found)).filter(isWanted);
        return pageOf(rows, request.before === undefined);
      }
    }

    const page: Row[] = [];
    const newestMs = Math.min(request.toMs ?? Infinity, request.before?.timestampMs ?? Infinity, latestMs);
    for (const week of weeksBetween(open, request.fromMs ?? earliestMs, newestMs)) {
      const own = tags([`w${week}`]);
      const inWeek = expression === undefined ? own : `${own} AND (${expression})`;
      // times first: only as many rows are read in full as the page takes
      const inOrder = placesOf.all(JSON.stringify(ids(open, inWeek, -1))).sort(newestFirst);
      for (let at = 0; at < inOrder.length && page.length <= limit; at += rowsAtOnce) {
        const some = inOrder.slice(at, at + rowsAtOnce).map(({ id }) => id);
        for (const row of rowsOf.all(JSON.stringify(some)).filter(isWanted).sort(newestFirst)) page.push(row);
      }
      if (page.length > limit) return pageOf(page, false);
      if (performance.now() - startedMs > pageMs) {
        return { hits: toHits(page, terms), next: { timestampMs: week * weekMs, id: 0 }, total: null, indexing };
      }
    }
    return pageOf(page, false);
  };
  return {
    search: (request) => {
      const progress = index.step(catchUpMs);
      return index.ask((open) => search(request, progress, open));
    },
  };
}

const earliestMs = -8.64e15;
const latestMs = 8.64e15;
const mediaTags = mediaKinds.map((kind) => `k${kind}`);

const tags = (any: readonly string[]): string => `tags : (${any.map((tag) => `"${tag}"`).join(' OR ')})`;

type Placed = Pick<Row, 'id' | 'timestamp_ms'>;

function newestFirst(a: Placed, b: Placed): number {
  return b.timestamp_ms - a.timestamp_ms || b.id - a.id;
}

function isBefore(row: Row, cursor: Cursor): boolean {
  return row.timestamp_ms < cursor.timestampMs || (row.timestamp_ms === cursor.timestampMs && row.id < cursor.id);
}
