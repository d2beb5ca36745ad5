/**
 * Conversations from a file of `persona evaluate`: one JSON object a line, `{"id", "turns": [{"s", "t", "ts"?}]}`, where
 * a turn is one message, `s` its speaker, `t` its text and `ts` its time: a Unix time in seconds (in milliseconds from
 * 10^11 up), ISO 8601 (`T` or a space; UTC without an offset), or a time elapsed as `days:hours:minutes:seconds`. Any
 * other string is a time nobody knows. Times without seconds, and files whose times are all whole minutes, count as known
 * to the minute only, as in WhatsApp's exports. Other fields are ignored. Errors name file and line, never the content.
 */
import { DateTime } from 'luxon';
import { z } from 'zod';
import { UserError } from '../util/errors.ts';
import type { ConversationMessage } from '../types.ts';
import { groupConversations, type Conversation } from './conversations.ts';

const turnSchema = z.object({ s: z.string(), t: z.string(), ts: z.union([z.number(), z.string()]).nullish() });
const lineSchema = z.object({ id: z.union([z.string(), z.number()]), turns: z.array(turnSchema) });
type Line = z.infer<typeof lineSchema>;

/** Numbers from here up are milliseconds: as seconds they would lie after the year 5000. */
const firstMilliseconds = 1e11;
/** The last time that a JavaScript Date can hold. */
const maxDateMs = 8.64e15;
const minuteMs = 60_000;
const elapsedTime = /^(-?)(\d{1,4}):(\d\d):(\d\d):(\d\d)$/;
const isoDate = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;
const isoMinutes = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?!\d|:\d)/;
const personaId = 1;
const hint = 'Give one {"id","turns":[{"s","t","ts"?}]} a line, as docs/chat-format.md describes.';

/** One line of a file: what was said, in order. */
export interface Dialogue {
  id: string;
  turns: Line['turns'];
  /** file and line, for errors */
  where: string;
}

/** @throws UserError for a line that cannot be read. @param file the name used in errors */
export function parseDialogues(text: string, file: string): Dialogue[] {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line, at) => ({ line: line.trim(), where: `${file}:${at + 1}` }))
    .filter(({ line }) => line !== '')
    .map(({ line, where }) => {
      const { id, turns } = parseLine(line, where);
      return { id: String(id), turns, where };
    });
}

/**
 * Parse a whole file. A line becomes one conversation, or several where its times have silences of more than 6 h.
 * @param options `persona` is the speaker (`s`) whose messages count; `file` is the name used in errors
 * @throws UserError for a line that cannot be read, and when the persona says nothing in the file
 */
export function parseConversations(text: string, options: { persona: string; file: string }): Conversation[] {
  const dialogues = parseDialogues(text, options.file);
  if (!dialogues.some(({ turns }) => turns.some(({ s }) => s === options.persona))) {
    throw new UserError(`${options.file}: no turn is by the persona.`, 'Give --persona as "s" in the file spells it.');
  }
  return toConversations(dialogues, options.persona);
}

/** One speaker's view of dialogues: `persona` is the speaker whose messages count. @throws UserError for a time out of range */
export function toConversations(dialogues: readonly Dialogue[], persona: string): Conversation[] {
  const people = new Map([[persona, personaId]]);
  let rowId = 0;
  const chats = dialogues.map(({ id, turns, where }) => ({
    chatKey: id,
    messages: turns.map(({ s, t, ts }): ConversationMessage => {
      const personId = people.get(s) ?? people.size + 1;
      people.set(s, personId);
      return {
        rowId: ++rowId,
        personId,
        isPersona: personId === personaId,
        isBot: false,
        ...readTime(ts ?? null, where),
        text: t,
        media: null,
        quotedRowId: null,
      };
    }),
  }));
  const isMinute = ({ timestampMs }: ConversationMessage): boolean =>
    timestampMs === null || timestampMs % minuteMs === 0;
  const minutesOnly = chats.every(({ messages }) => messages.every(isMinute));
  const withPrecision = (message: ConversationMessage): ConversationMessage =>
    minutesOnly ? { ...message, minutePrecision: true } : message;
  return chats.flatMap(({ chatKey, messages }) =>
    groupConversations({ chatKey, messages: messages.map(withPrecision) }),
  );
}

function parseLine(line: string, where: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new UserError(`${where}: not JSON.`, hint); // the parser's message would quote the line
  }
  const result = lineSchema.safeParse(value);
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.map(String).join('.') ?? '';
  throw new UserError(`${where}: ${field === '' ? 'the line' : `"${field}"`} is missing or of the wrong type.`, hint);
}

function readTime(ts: number | string | null, where: string): { timestampMs: number | null; minutePrecision: boolean } {
  if (typeof ts === 'string') {
    const timestampMs = readTimeString(ts);
    return { timestampMs, minutePrecision: timestampMs !== null && isoMinutes.test(ts) };
  }
  if (ts === null) return { timestampMs: null, minutePrecision: false };
  const timestampMs = Math.round(Math.abs(ts) < firstMilliseconds ? ts * 1000 : ts);
  if (Math.abs(timestampMs) > maxDateMs) throw new UserError(`${where}: "ts" is no Unix time.`, hint);
  return { timestampMs, minutePrecision: false };
}

function readTimeString(ts: string): number | null {
  const elapsed = elapsedTime.exec(ts);
  if (elapsed !== null) {
    const [, sign, days, hours, minutes, seconds] = elapsed;
    const total = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
    return (sign === '-' ? -total : total) * 1000;
  }
  if (!isoDate.test(ts)) return null;
  const date = DateTime.fromISO(ts.replace(' ', 'T'), { zone: 'utc' });
  return date.isValid ? date.toMillis() : null;
}
