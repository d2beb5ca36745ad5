/**
 * One chat of Telegram Desktop's JSON export (`result.json`) -> its messages. The format is what the program's own writer
 * produces (Telegram/SourceFiles/export/output/export_output_json.cpp; https://core.telegram.org/import-export); it has
 * no version, so unknown fields are passed over and unknown kinds of messages are counted.
 * Not covered: whole accounts and channels (refused), where a link points that has other words as its text, reactions.
 */
import type { ExportMessage, MediaKind } from '../types.ts';
import { UserError } from '../util/errors.ts';
import type { ChatExport } from './chat-export.ts';
import { countMessages, odditiesOf } from './count.ts';
import { jsonParts } from './json-parts.ts';
import { textProblem } from './text.ts';

const oneChat =
  'In Telegram Desktop open the chat, choose "Export chat history" from its menu, format "Machine-readable JSON", and import result.json.';

/** Kinds of chats in which nobody talks with anybody. */
const noConversation = /^(?:private_channel|public_channel|replies|verification_codes)$/;
const calls = new Set(['phone_call', 'group_call', 'conference_call']);
const mediaTypes = new Map<unknown, MediaKind>([
  ['sticker', 'sticker'],
  ['voice_message', 'voice'],
  ['audio_file', 'voice'],
  ['video_message', 'video'],
  ['video_file', 'video'],
  ['animation', 'video'],
]);

/** A message as the file has it: fields by name, none of them trusted. */
type Raw = Readonly<Record<string, unknown>>;

/** Who writes in the chat, by Telegram's id (`user123`): the name shown, null for deleted accounts. */
type People = Map<string, string | null>;

/**
 * Read through an export once and prove it readable. `pieces` begins anew on every call; `name` is what errors call the
 * file. Forwarded messages and those that a bot made (`via_bot`) are marked, so that nobody is given words not their own.
 * @throws UserError naming file, line and remedy, for anything but the export of one conversation
 */
export function readTelegram(pieces: () => Iterable<Uint8Array>, name: string): ChatExport {
  const people: People = new Map();
  let unread = 0;
  const survey = { people, countUnread: () => unread++ };
  const counted = countMessages(readMessages(pieces(), name, (id) => id, survey));
  if (counted.span === null) throw new UserError(`${name} holds no messages`, oneChat);
  const nameOf = uniqueNames(people);
  const oddities = odditiesOf(counted);
  if (unread > 0) oddities.push(`messages of kinds that are not read (games, lists, newer ones), left out: ${unread}`);
  return {
    source: 'telegram',
    shape: null,
    hasSeconds: true,
    senders: counted.senders.map((sender) => ({ ...sender, name: nameOf(sender.name) })),
    counts: counted.counts,
    span: counted.span,
    oddities,
    mediaFiles: 0,
    messages: () => readMessages(pieces(), name, nameOf),
  };
}

interface Survey {
  people: People;
  countUnread: () => void;
}

function* readMessages(
  pieces: Iterable<Uint8Array>,
  name: string,
  nameOf: (id: string) => string,
  survey?: Survey,
): Generator<ExportMessage> {
  const seen = new Set<string>();
  let chats = 0;
  const parts = jsonParts({ pieces, name, remedy: oneChat }, (path) => {
    seen.add(path);
    if (path === 'type' || path === 'messages/*') return 'take';
    if (path === 'chats/list/*' || path === 'left_chats/list/*') return 'count';
    return /^(?:messages|(?:left_)?chats(?:\/list)?)$/.test(path) ? 'enter' : 'skip';
  });
  for (const { path, line, value } of parts) {
    if (path === 'type') {
      if (noConversation.test(String(value)))
        throw new UserError(`${name}: an export of a channel, where nobody talks with anybody`, oneChat);
    } else if (path === 'messages/*') {
      const message = toMessage(new Fields(value, `${name}, line ${line}`), line, nameOf, survey?.people);
      if (message === undefined) survey?.countUnread();
      else yield message;
    } else chats++;
  }
  if (seen.has('chats') || seen.has('left_chats'))
    throw new UserError(`${name}: an export of a whole account, with ${chats} chats`, oneChat);
  if (!seen.has('messages')) throw new UserError(`${name}: JSON, but not a chat exported by Telegram`, oneChat);
}

/** One message's fields, each checked when it is asked for. Errors name the field and never what is in it. */
class Fields {
  private readonly raw: Raw;
  private readonly where: string;

  constructor(value: unknown, where: string) {
    this.where = where;
    if (typeof value !== 'object' || value === null) throw this.refused('not a message as Telegram exports it');
    this.raw = value as Raw;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.raw, key);
  }

  get(key: string): unknown {
    return this.has(key) ? this.raw[key] : undefined;
  }

  /** A string, or a number as one; undefined where there is neither. */
  string(key: string): string | undefined {
    const value = this.get(key);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
  }

  /** A string, or a list of strings and of pieces with a string in `text`, joined. */
  text(key: string): string {
    const value = this.get(key) ?? '';
    const parts: unknown[] = Array.isArray(value) ? value : [value];
    const strings = parts.map((part) =>
      typeof part === 'object' && part !== null && 'text' in part ? part.text : part,
    );
    if (!strings.every((part) => typeof part === 'string')) throw this.refused(`"${key}" is not a text`);
    const text = strings.join('');
    const problem = textProblem(text);
    if (problem !== undefined) throw this.refused(`the text ${problem}`);
    return text;
  }

  refused(reason: string): UserError {
    return new UserError(`${this.where}: ${reason}`, oneChat);
  }
}

/** The message, or undefined where it is of a kind without words that is not known here. */
function toMessage(
  raw: Fields,
  line: number,
  nameOf: (id: string) => string,
  people: People | undefined,
): ExportMessage | undefined {
  const type = raw.string('type');
  if (type === undefined) throw raw.refused('not a message as Telegram exports it');
  if (type !== 'message' && type !== 'service') return undefined; // `unsupported` has no time and no author
  const shared = { ...timeOf(raw), line, ...(raw.has('id') && { id: raw.string('id') ?? '' }) };
  const action = raw.string('action');
  const isCall = type === 'service' && calls.has(action ?? '');
  if (type === 'service' && !isCall)
    return { ...shared, sender: null, text: action ?? '', kind: 'system', media: null };

  const who = type === 'service' ? 'actor' : 'from';
  const id = raw.string(`${who}_id`) ?? `name ${raw.string(who) ?? ''}`;
  if (people !== undefined && (people.get(id) ?? null) === null) people.set(id, raw.string(who) ?? null);
  const sender = nameOf(id);
  if (isCall) return { ...shared, sender, text: action ?? '', kind: 'call', media: null };
  const content = contentOf(raw);
  if (content === undefined) return undefined;
  const replyToId = raw.string('reply_to_message_id');
  // an answer to a message of another chat names that chat
  const isHere = replyToId !== undefined && !raw.has('reply_to_peer_id');
  const isForwarded = raw.has('forwarded_from') || raw.has('saved_from') || raw.has('via_bot');
  return { ...shared, sender, ...content, ...(isHere && { replyToId }), ...(isForwarded && { isForwarded }) };
}

/** `date` is the local time of the computer that exported; `date_unixtime` (since 2022) is the instant. */
function timeOf(raw: Fields): { ts: string; timestampMs?: number } {
  const seconds = Number(raw.string('date_unixtime') ?? NaN);
  const timestampMs = Number.isSafeInteger(seconds) && Math.abs(seconds) < 1e11 ? seconds * 1000 : undefined;
  const date = raw.string('date');
  const ts =
    date !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(date) && !Number.isNaN(Date.parse(`${date}Z`))
      ? date
      : undefined;
  if (timestampMs === undefined && ts === undefined) throw raw.refused('a message without a time ("date")');
  if (timestampMs === undefined) return { ts: ts ?? '' };
  return { ts: ts ?? new Date(timestampMs).toISOString().slice(0, 19), timestampMs };
}

/** Text and kind. The first line of a media message stands for the file, as in WhatsApp's exports; its caption follows. */
function contentOf(raw: Fields): Pick<ExportMessage, 'text' | 'kind' | 'media'> | undefined {
  const text = raw.has('text') ? raw.text('text') : raw.text('text_entities');
  if (raw.has('poll')) return { text, kind: 'poll', media: null };
  if (raw.has('contact_information') || raw.has('contact_vcard')) return { text, kind: 'contact', media: 'contact' };
  if (raw.has('location_information') || raw.has('place_name')) return { text, kind: 'location', media: 'location' };
  const media = mediaOf(raw);
  if (media !== undefined) return { text: text === '' ? `<${media}>` : `<${media}>\n${text}`, kind: 'media', media };
  return text === '' ? undefined : { text, kind: 'text', media: null };
}

function mediaOf(raw: Fields): MediaKind | undefined {
  if (raw.has('photo')) return 'image';
  const known = mediaTypes.get(raw.get('media_type'));
  if (known !== undefined) return known;
  if (!raw.has('file') && !raw.has('media_type')) return undefined;
  const mime = raw.string('mime_type') ?? '';
  return mime.startsWith('image/') ? 'image' : mime.startsWith('video/') ? 'video' : 'file';
}

/** What people are called: by name, and by name and id where two share one. */
function uniqueNames(people: People): (id: string) => string {
  const shown = [...people].map(([id, name]) => ({ id, name: name?.trim() || 'Deleted account' }));
  const bearers = new Map<string, number>();
  for (const { name } of shown) bearers.set(name, (bearers.get(name) ?? 0) + 1);
  const names = new Map(shown.map(({ id, name }) => [id, bearers.get(name) === 1 ? name : `${name} (${id})`]));
  return (id) => names.get(id) ?? id;
}
