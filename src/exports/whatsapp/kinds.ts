/**
 * What a message is: text, or WhatsApp's own words in place of media, a call, a deleted message. Body in, kind out.
 * The shape of a placeholder decides before its words do (a mark before it, a file name, a map link), so that languages
 * missing from placeholders.ts are mostly recognised too. Written by people, the same words without mark or brackets stay text
 * where the platform marks its own.
 */
import type { MediaKind, MessageKind } from '../../types.ts';
import { foldPhrase, isMark, stripMarks } from './characters.ts';
import type { Platform } from './header.ts';
import {
  attachedPhrases,
  callPhrases,
  deletedPhrases,
  editedPhrases,
  markedCallPhrases,
  noticeBeginnings,
  omittedPhrases,
  pollPhrases,
} from './placeholders.ts';
import { longestPhrase } from './plain-text.ts';

/** What is known about a body before it is looked at. */
interface Body {
  text: string;
  platform: Platform;
  /** WhatsApp's mark stood before the text (iOS) */
  marked: boolean;
  hasSender: boolean;
}

export interface Classified {
  kind: MessageKind;
  media: MediaKind | null;
}

const plainText: Classified = { kind: 'text', media: null };

/** WhatsApp's own words that were met before, by platform, and marked or not: thousands in a chat, a few different ones. */
type Met = Map<string, Classified>;
const met: Record<Platform, readonly [unmarked: Met, marked: Met]> = {
  android: [new Map<string, Classified>(), new Map<string, Classified>()],
  ios: [new Map<string, Classified>(), new Map<string, Classified>()],
  'legacy-ios': [new Map<string, Classified>(), new Map<string, Classified>()],
};
const longestMet = 60;
const mostMet = 500;

/** What a message is that may not be plain text (plain-text.ts). */
export function classify(body: Body): Classified {
  const { text, platform, marked, hasSender } = body;
  if (!hasSender || text.length > longestMet) return lookCloser(body);
  const known = met[platform][marked ? 1 : 0];
  let found = known.get(text);
  if (found !== undefined) return found;
  found = lookCloser(body);
  const isOwn = found.kind === 'media' || found.kind === 'deleted' || found.kind === 'call';
  if (isOwn && known.size < mostMet) known.set(text, found);
  return found;
}

function lookCloser(body: Body): Classified {
  const { text, platform, marked, hasSender } = body;
  const lines = text.split('\n');
  const first = lines[0] ?? '';
  const last = lines.at(-1) ?? '';
  const media =
    attachment(first, platform) ??
    attachment(last, platform) ??
    omission(first, body) ??
    (lines.length > 1 ? omission(last, body) : undefined);
  if (media !== undefined) return ofMedia(media);
  if (isLocation(first)) return { kind: 'location', media: 'location' };
  const phrase = lines.length === 1 && text.length <= longestPhrase ? foldPhrase(text) : '';
  if (omittedPhrases.get(phrase) === 'location') return { kind: 'location', media: 'location' };
  if (deletedPhrases.has(phrase) || phrase.startsWith('this message was deleted by admin '))
    return { kind: 'deleted', media: null };
  if (isCall(phrase, first, marked)) return { kind: 'call', media: null };
  if (isPoll(lines)) return { kind: 'poll', media: null };
  if (!hasSender) return { kind: 'system', media: null };
  if (isEdited(last, text)) return { kind: 'edited', media: null };
  if (platform === 'android' && (text === 'null' || text.trim() === '')) return { kind: 'media', media: null };
  if (marked && !text.startsWith('@')) return { kind: 'system', media: null };
  if (platform !== 'android' && isNotice(first)) return { kind: 'system', media: null };
  return plainText;
}

function ofMedia(media: MediaKind | 'media'): Classified {
  if (media === 'contact' || media === 'location') return { kind: media, media };
  return { kind: 'media', media: media === 'media' ? null : media };
}

const extensions: Readonly<Record<string, MediaKind>> = {
  ...Object.fromEntries(['jpg', 'jpeg', 'png', 'heic', 'heif', 'bmp', 'avif'].map((extension) => [extension, 'image'])),
  ...Object.fromEntries(
    ['mp4', 'mov', '3gp', 'avi', 'mkv', 'webm', 'gif', 'm4v'].map((extension) => [extension, 'video']),
  ),
  ...Object.fromEntries(
    ['opus', 'ogg', 'oga', 'm4a', 'aac', 'amr', 'mp3', 'wav', 'caf'].map((extension) => [extension, 'voice']),
  ),
  webp: 'sticker',
  was: 'sticker',
  vcf: 'contact',
};

/** What a file is, by the name WhatsApp gave it (`00000012-PHOTO-…`, `STK-…`) and its extension; undefined where it is no file name. */
function fileKind(name: string): MediaKind | undefined {
  const extension = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase();
  if (extension === undefined) return undefined;
  if (/^\d{8}-STICKER-|^STK-/.test(name)) return 'sticker';
  if (/^\d{8}-PHOTO-|^IMG-\d{8}-WA/.test(name)) return 'image';
  if (/^\d{8}-(?:VIDEO|GIF)-|^VID-\d{8}-WA/.test(name)) return 'video';
  if (/^\d{8}-AUDIO-|^(?:PTT|AUD)-\d{8}-WA/.test(name)) return 'voice';
  return extensions[extension] ?? 'file';
}

/** `<attached: 00000012-PHOTO-….jpg>` at the end (iOS) or `IMG-….jpg (file attached)` as the whole line (Android). */
function attachment(line: string, platform: Platform): MediaKind | undefined {
  const plain = stripMarks(line).trim();
  if (platform === 'android') {
    const open = plain.endsWith(')') ? plain.lastIndexOf(' (') : -1;
    if (open < 1 || open > 260 || plain.length - open > 60) return undefined;
    const name = plain.slice(0, open);
    const isOwn =
      /^[\u200E\u200F]/.test(line) ||
      /^[A-Z]{3}-\d{8}-WA\d{4}\./.test(name) ||
      attachedPhrases.has(foldPhrase(plain.slice(open + 2, -1)));
    return isOwn ? fileKind(name) : undefined;
  }
  const open = plain.endsWith('>') ? plain.lastIndexOf('<') : -1;
  if (open < 0 || plain.length - open > 320) return undefined;
  const found = /^<[^:<>]{2,40}: ?([^<>]+)>$/.exec(plain.slice(open));
  return found?.[1] === undefined ? undefined : fileKind(found[1]);
}

/** `<Media omitted>` as the whole line (Android); `image omitted`, alone or after a caption and a mark (iOS). */
function omission(line: string, { platform, marked }: Body): MediaKind | 'media' | undefined {
  if (platform === 'android') {
    const plain = stripMarks(line).trim();
    return plain.startsWith('<') && plain.endsWith('>') && plain.length <= longestPhrase
      ? omittedPhrases.get(foldPhrase(plain))
      : undefined;
  }
  let start = line.length - 1;
  while (start >= 0 && !isMark(line.charCodeAt(start)) && line.length - start <= longestPhrase) start--;
  if (start >= 0 && isMark(line.charCodeAt(start))) return omittedPhrases.get(foldPhrase(line.slice(start)));
  if (line.length > longestPhrase) return undefined;
  const whole = omittedPhrases.get(foldPhrase(line));
  if (whole !== undefined || marked) return whole;
  // files that lost their marks: `Some.pdf • 2 pages document omitted`
  const afterName = /\.[a-z0-9]{2,5}(?: • \S+ \S+)? (\S.*)$/i.exec(line)?.[1];
  return afterName !== undefined && omittedPhrases.get(foldPhrase(afterName)) === 'file' ? 'file' : undefined;
}

/** A map link that WhatsApp made, alone or after one label (`location: https://…`, `Place (Street): https://…`). */
function isLocation(line: string): boolean {
  const plain = stripMarks(line).trim();
  const start = plain.indexOf('https://');
  if (start < 0 || start > 300) return false;
  const label = plain.slice(0, start).trim();
  const link = plain.slice(start);
  if (link.startsWith('https://foursquare.com/v/')) return label.endsWith(':') && !link.includes(' ');
  return (
    /^https:\/\/maps\.google\.com\/\?q=-?\d{1,3}(?:\.\d{1,20})?,-?\d{1,3}(?:\.\d{1,20})?$/.test(link) &&
    (label === '' || label.endsWith(':'))
  );
}

function isCall(phrase: string, first: string, marked: boolean): boolean {
  if (callPhrases.has(phrase)) return true;
  if (!marked || first.length > longestPhrase) return false;
  const head = foldPhrase(/^[^.,،。、•]*/.exec(first)?.[0] ?? '');
  return callPhrases.has(head) || markedCallPhrases.has(head);
}

/** `POLL:`, a question, then `OPTION: … (2 votes)` twice or more. The option lines tell a poll in any language. */
function isPoll(lines: readonly string[]): boolean {
  const head = stripMarks(lines[0] ?? '').trim();
  if (!/[:：]$/.test(head) || head.length > 60 || lines.length < 3) return false;
  if (pollPhrases.has(foldPhrase(head.slice(0, -1)))) return true;
  const options = lines.slice(2).map((line) => stripMarks(line));
  const label = /^\p{Lu}[^\s:]{2,20}: /u.exec(options[0] ?? '')?.[0];
  return (
    label !== undefined &&
    options.length >= 2 &&
    options.every((option) => option.startsWith(label) && /\(\D{0,20}\p{Nd}+\D{0,30}\)$/u.test(option))
  );
}

function isEdited(last: string, text: string): boolean {
  const open = last.trimEnd().endsWith('>') ? last.lastIndexOf('<') : -1;
  if (open < 1 || last.length - open > longestPhrase) return false;
  const marker = last.slice(open).trimEnd();
  const hasMark = /[\u200E\u200F]$/.test(last.slice(0, open));
  return text.length > marker.length && (editedPhrases.has(foldPhrase(marker)) || (hasMark && !marker.includes(':')));
}

function isNotice(line: string): boolean {
  const start = foldPhrase(line.slice(0, longestPhrase));
  return noticeBeginnings.some((beginning) => start.startsWith(beginning));
}
