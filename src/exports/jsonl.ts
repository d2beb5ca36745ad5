/**
 * Plain JSONL -> messages, for every source that has no reader of its own: one `{"ts","sender","text"}` a line, with
 * optional `kind`, `media`, `id`, `replyTo`, `forwarded`, `timestampMs` (docs/import.md). Reads back what
 * `persona import FILE --dry-run --json` prints. Errors name file, line and key, never what is in it.
 */
import { z } from 'zod';
import { mediaKinds, messageKinds, type ExportMessage } from '../types.ts';
import { UserError } from '../util/errors.ts';
import type { ChatExport } from './chat-export.ts';
import { countMessages, odditiesOf } from './count.ts';
import { textProblem } from './text.ts';

const remedy = 'Give one {"ts","sender","text"} a line, as docs/import.md describes.';
const longestName = 1000;

const lineSchema = z.strictObject({
  ts: z.union([z.string(), z.number()]),
  sender: z.string().min(1).max(longestName).nullish(),
  text: z.string(),
  kind: z.enum(messageKinds).optional(),
  media: z.enum(mediaKinds).nullish(),
  id: z.union([z.string().min(1).max(longestName), z.number()]).optional(),
  replyTo: z.union([z.string().min(1).max(longestName), z.number()]).nullish(),
  forwarded: z.boolean().optional(),
  timestampMs: z.int().optional(),
});
type Line = z.infer<typeof lineSchema>;

/** Numbers from here up are milliseconds: as seconds they would lie after the year 5000. */
const firstMilliseconds = 1e11;
const earliestMs = Date.UTC(1990, 0);
const latestMs = Date.UTC(2100, 0);
const isoTime = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,]\d{1,9})?(?:(Z)|([+-])(\d\d):?(\d\d)?)?$/i;
const digits = /^\d{9,13}$/;

/**
 * Read through a file once and prove it readable. `lines` begins anew on every call; `name` is what errors call the file.
 * @throws UserError naming file, line, key and remedy
 */
export function readJsonl(lines: () => Iterable<string>, name: string): ChatExport {
  const counted = countMessages(readMessages(lines(), name, new Set()));
  if (counted.span === null) throw new UserError(`${name} holds no messages`, remedy);
  return {
    source: 'jsonl',
    shape: null,
    hasSeconds: counted.hasSeconds,
    senders: counted.senders,
    counts: counted.counts,
    span: counted.span,
    oddities: odditiesOf(counted),
    mediaFiles: 0,
    messages: () => readMessages(lines(), name),
  };
}

/** The line that reads back as this message. Keys that a message does not need are left out. */
export function toJsonLine({ ts, sender, text, kind, media, ...more }: ExportMessage): Record<string, unknown> {
  return {
    ts,
    sender,
    text,
    kind,
    ...(media !== null && media !== kind && { media }),
    ...(more.timestampMs !== undefined && { timestampMs: more.timestampMs }),
    ...(more.id !== undefined && { id: more.id }),
    ...(more.replyToId !== undefined && { replyTo: more.replyToId }),
    ...(more.isForwarded === true && { forwarded: true }),
  };
}

/** @param ids those seen, where each is to be checked; one reading of a file is enough for that */
function* readMessages(lines: Iterable<string>, name: string, ids?: Set<string>): Generator<ExportMessage> {
  let lineNumber = 0;
  for (const line of withRemedy(lines)) {
    lineNumber++;
    if (line.trim() === '') continue;
    const refused = (reason: string): UserError => new UserError(`${name}, line ${lineNumber}: ${reason}`, remedy);
    const message = toMessage(parseLine(line, refused), lineNumber, refused);
    if (ids !== undefined && message.id !== undefined) {
      if (ids.has(message.id)) throw refused('the "id" of an earlier line');
      ids.add(message.id);
    }
    yield message;
  }
}

type Refused = (reason: string) => UserError;

function parseLine(line: string, refused: Refused): Line {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw refused('not valid JSON'); // the message of JSON.parse would quote the text
  }
  const { data, error } = lineSchema.safeParse(value);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  if (issue?.code === 'unrecognized_keys') {
    throw refused(`unknown key ${JSON.stringify((issue.keys[0] ?? '').slice(0, 40))}`);
  }
  const key = issue?.path[0];
  if (key === undefined) throw refused('not a JSON object');
  throw refused(`"${String(key)}" is missing or of the wrong type`);
}

function toMessage(data: Line, line: number, refused: Refused): ExportMessage {
  const { text, sender = null, replyTo = null } = data;
  const problem = textProblem(text) ?? textProblem(sender ?? '');
  if (problem !== undefined) throw refused(`the text ${problem}`);
  if (sender === null && data.kind === undefined)
    throw refused('"sender" is missing (only lines with "kind" may lack it)');
  const time = timeOf(data.ts);
  if (typeof time === 'string') throw refused(`"ts" ${time}`);
  const timestampMs = data.timestampMs ?? time.timestampMs;
  if (timestampMs !== undefined && !isLikely(timestampMs))
    throw refused('"timestampMs" is no time between 1990 and 2100');
  return {
    ts: time.ts,
    sender,
    ...contentOf(data, refused),
    line,
    ...(timestampMs !== undefined && { timestampMs }),
    ...(data.id !== undefined && { id: String(data.id) }),
    ...(replyTo !== null && { replyToId: String(replyTo) }),
    ...(data.forwarded === true && { isForwarded: true }),
  };
}

/** With `kind`, text is as a dry run prints it: the first line of media stands for the file. Without, it is the caption. */
function contentOf(
  { text, kind, media = null }: Line,
  refused: Refused,
): Pick<ExportMessage, 'text' | 'kind' | 'media'> {
  if (kind === undefined) {
    if (media === null) return { text, kind: 'text', media: null };
    if (media === 'location' || media === 'contact') return { text, kind: media, media };
    return { text: text === '' ? `<${media}>` : `<${media}>\n${text}`, kind: 'media', media };
  }
  const own = kind === 'location' || kind === 'contact' ? kind : null;
  if (media !== null && kind !== 'media' && media !== own) throw refused(`"media" does not go with this "kind"`);
  return { text, kind, media: media ?? own };
}

/** Local time and, where it is known, the instant; or what is wrong with it. */
function timeOf(given: string | number): { ts: string; timestampMs?: number } | string {
  if (typeof given === 'number' || digits.test(given)) {
    const number = Number(given);
    const timestampMs = Math.round(number < firstMilliseconds ? number * 1000 : number);
    if (!isLikely(timestampMs)) return 'is no time between 1990 and 2100, in seconds or milliseconds since 1970';
    return { ts: localTime(timestampMs), timestampMs };
  }
  const found = isoTime.exec(given);
  if (!found) return 'is no time: write 2026-09-19T09:52:00, with or without an offset, or a Unix time';
  const [, date = '', minutes = '', seconds = ':00', z, sign, hours = '00', rest = '00'] = found;
  const ts = `${date}T${minutes}${seconds}`;
  const asUtc = Date.parse(`${ts}Z`);
  const day = new Date(asUtc); // Date.parse takes 30 February for 2 March
  const exists = day.getUTCDate() === Number(date.slice(8)) && day.getUTCHours() === Number(minutes.slice(0, 2));
  if (!isLikely(asUtc) || !exists) return 'is a time that no calendar between 1990 and 2100 has';
  if (z === undefined && sign === undefined) return { ts };
  const offset = (Number(hours) * 60 + Number(rest)) * (sign === '-' ? -60_000 : 60_000);
  return { ts, timestampMs: asUtc - (z === undefined ? offset : 0) };
}

function isLikely(ms: number): boolean {
  return ms >= earliestMs && ms < latestMs;
}

function localTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}

/** The reader of lines is WhatsApp's too, and so are its remedies. */
function* withRemedy(lines: Iterable<string>): Generator<string> {
  try {
    yield* lines;
  } catch (error) {
    if (error instanceof UserError) throw new UserError(error.message, remedy);
    throw error;
  }
}
