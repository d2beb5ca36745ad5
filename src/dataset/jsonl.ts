/**
 * Conversations from a file of `persona evaluate`: one JSON object a line, `{"id", "turns": [{"s", "t", "ts"?}]}`, where
 * a turn is one message, `s` its speaker, `t` its text, and `ts` a Unix time in seconds, or in milliseconds from 10^11
 * up, or an ISO 8601 string (without an offset: UTC). A file whose times are all whole minutes is read as one that knows
 * minutes only, as WhatsApp's exports do. Other fields are ignored. Errors name file and line, never the content.
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
const minuteMs = 60_000;
const personaId = 1;
const hint = 'Give one {"id","turns":[{"s","t","ts"?}]} a line, as docs/chat-format.md describes.';

/**
 * Parse a whole file. A line becomes one conversation, or several where its times have silences of more than 6 h.
 * @param options `persona` is the speaker (`s`) whose messages count; `file` is the name used in errors
 * @throws UserError for a line that cannot be read, and when the persona says nothing in the file
 */
export function parseConversations(text: string, options: { persona: string; file: string }): Conversation[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line, at) => ({ line: line.trim(), where: `${options.file}:${at + 1}` }))
    .filter(({ line }) => line !== '')
    .map(({ line, where }) => ({ ...parseLine(line, where), where }));
  if (!lines.some(({ turns }) => turns.some(({ s }) => s === options.persona))) {
    throw new UserError(`${options.file}: no turn is by the persona.`, 'Give --persona as "s" in the file spells it.');
  }
  const people = new Map([[options.persona, personaId]]);
  let rowId = 0;
  const chats = lines.map(({ id, turns, where }) => ({
    chatKey: String(id),
    messages: turns.map(({ s, t, ts }): ConversationMessage => {
      const personId = people.get(s) ?? people.size + 1;
      people.set(s, personId);
      return {
        rowId: ++rowId,
        personId,
        isPersona: personId === personaId,
        isBot: false,
        timestampMs: timeMs(ts ?? null, where),
        minutePrecision: false,
        text: t,
        media: null,
        quotedRowId: null,
      };
    }),
  }));
  const minutePrecision = chats.every(({ messages }) =>
    messages.every(({ timestampMs }) => timestampMs === null || timestampMs % minuteMs === 0),
  );
  return chats.flatMap(({ chatKey, messages }) =>
    groupConversations({ chatKey, messages: messages.map((message) => ({ ...message, minutePrecision })) }),
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

function timeMs(ts: number | string | null, where: string): number | null {
  if (ts === null) return null;
  const ms =
    typeof ts === 'string'
      ? DateTime.fromISO(ts, { zone: 'utc' }).toMillis()
      : ts * (ts < firstMilliseconds ? 1000 : 1);
  if (!Number.isFinite(ms)) throw new UserError(`${where}: "ts" is neither a Unix time nor ISO 8601.`, hint);
  return Math.round(ms);
}
