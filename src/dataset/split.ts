/**
 * Which conversations are held out. By hash of chat and ISO week, so the answer never changes as chats grow, and what
 * was said in one week of a chat stays on one side. Weeks are those of the persona's timezone.
 */
import { DateTime, IANAZone } from 'luxon';
import { check } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';
import { playgroundKey, type Split } from '../types.ts';

const buckets = 20;
/** Offsets from UTC change by quarters of an hour at the finest, so one answer holds for a quarter. */
const quarterMs = 900_000;
const maxCachedQuarters = 200_000;
const weekCache = new Map<string, Map<number, string>>();

/** ISO 8601 week, `2026-W39`, of a time in an IANA timezone. */
export function isoWeek(timeMs: number, timezone: string): string {
  let weeks = weekCache.get(timezone);
  if (weeks === undefined) {
    check(IANAZone.isValidZone(timezone), `timezone ${timezone} is no IANA name`);
    weekCache.set(timezone, (weeks = new Map<number, string>()));
  }
  const quarter = Math.floor(timeMs / quarterMs);
  const known = weeks.get(quarter);
  if (known !== undefined) return known;
  const { weekYear, weekNumber } = DateTime.fromMillis(quarter * quarterMs, { zone: timezone });
  const week = `${weekYear}-W${String(weekNumber).padStart(2, '0')}`;
  if (weeks.size >= maxCachedQuarters) weeks.clear();
  weeks.set(quarter, week);
  return week;
}

/**
 * Split of a conversation: SHA-256 of `<chatKey>\n<ISO week of its start>`, first 8 hex digits mod 20: 0 test,
 * 1 validation, the rest train. Where the time is unknown, `undated:<row id of its first message>` stands for the week.
 * What was written on the playground is always train: it was chosen where the model did badly, and would measure that.
 */
export function splitOf(chatKey: string, startMs: number | null, timezone: string, firstRowId: number): Split {
  if (chatKey === playgroundKey) return 'train';
  const week = startMs === null ? `undated:${firstRowId}` : isoWeek(startMs, timezone);
  const bucket = parseInt(sha256(`${chatKey}\n${week}`).slice(0, 8), 16) % buckets;
  if (bucket === 0) return 'test';
  return bucket === 1 ? 'validation' : 'train';
}
