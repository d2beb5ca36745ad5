/**
 * Most messages are plain text and can be known as such by their edges: this tells them from those that kinds.ts has to look
 * at. A body in, true where no placeholder, notice, link or mark of WhatsApp's can be in it; false means only "look closer".
 */
import { isMark, isSpace } from './characters.ts';
import type { Platform } from './header.ts';
import { callPhrases, deletedPhrases, noticeBeginnings, omittedPhrases } from './placeholders.ts';

/** Longer lines are not looked up in placeholders.ts. */
export const longestPhrase = 200;

/** What is known about a body before it is looked at. */
export interface Body {
  text: string;
  platform: Platform;
  /** WhatsApp's mark stood before the text (iOS) */
  marked: boolean;
  hasSender: boolean;
  /** false where no colon is in it */
  hasColon: boolean;
  /** false where it is one line */
  hasBreaks: boolean;
}

export function isPlainText({ text, platform, marked, hasColon, hasBreaks }: Body): boolean {
  const { length } = text;
  if (marked || endsSpecially(text, length) || (hasColon && text.includes('://'))) return false;
  const lineEnd = hasBreaks ? text.indexOf('\n') : -1;
  if (lineEnd >= 0 && endsSpecially(text, lineEnd)) return false;
  if (platform !== 'android' && (lineEnd >= 0 || holdsMark(text) || mayBeNotice(text) || mayBeDocument(text)))
    return false;
  return lineEnd >= 0 || length > longestLooked || !mayBePhrase(text);
}

/** `(file attached)`, `<Media omitted>`, `POLL:`, and what ends in white space or a mark that may hide one of them. */
function endsSpecially(text: string, end: number): boolean {
  if (end === 0) return true;
  const last = text.charCodeAt(end - 1);
  if (last < 0x80) return last <= 0x20 || last === 0x29 || last === 0x3e || last === 0x3a;
  return last === 0xff1a || isSpace(last) || isMark(last);
}

function holdsMark(text: string): boolean {
  return /[\u061C\u070F\u200B\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/.test(text);
}

/** `Some.pdf • 2 pages document omitted` */
function mayBeDocument(text: string): boolean {
  return text.includes('.') && text.length <= longestPhrase && documentEnds.has(endOf(text, lastIndex(text)));
}

function mayBeNotice(text: string): boolean {
  return noticeStarts.has(startOf(text, firstIndex(text)));
}

/** A small number for a beginning and an end; another pair with the same number is looked at closer for nothing. */
function keyOf(start: number, end: number): number {
  return (start * 31 + end) & 0x3fffffff;
}

function mayBePhrase(text: string): boolean {
  if (text.length === 4 && text === 'null') return true;
  const first = firstIndex(text);
  const start = startOf(text, first);
  const longest = phraseEdges.get(keyOf(start, endOf(text, lastIndex(text))));
  if (longest !== undefined && text.length <= 2 * longest) return true;
  return (
    start === adminStart &&
    text
      .slice(first, first + 24)
      .toLowerCase()
      .startsWith('this message was')
  );
}

/** Index of the first letter as foldPhrase leaves it: brackets, spaces, marks and full stops before it left out. */
function firstIndex(text: string): number {
  let i = 0;
  while (i < text.length && isBeside(text.charCodeAt(i))) i++;
  return i;
}

function lastIndex(text: string): number {
  let i = text.length - 1;
  while (i >= 0 && isBeside(text.charCodeAt(i))) i--;
  return i;
}

/** The character that a text begins with, in lower case, with the next one where both are Latin letters. */
function startOf(text: string, i: number): number {
  const first = latin(text, i);
  if (first > 0) return first | (latin(text, i + 1) << 8);
  return isAlone(text, i) ? text.charCodeAt(i) : normal(text.slice(i, i + 3)).charCodeAt(0);
}

function endOf(text: string, i: number): number {
  const last = latin(text, i);
  if (last > 0) return last | (latin(text, i - 1) << 8);
  if (isAlone(text, i)) return text.charCodeAt(i);
  const folded = normal(text.slice(Math.max(0, i - 2), i + 1));
  return folded.charCodeAt(folded.length - 1);
}

/** ASCII and halves of emoji, which stay themselves. */
function isAlone(text: string, i: number): boolean {
  const code = text.charCodeAt(i);
  return (code < 0x80 || (code >= 0xd800 && code < 0xe000)) && !(text.charCodeAt(i + 1) >= 0x300);
}

/** A Latin letter in lower case; 0 for any other, and where the character after it may belong to it. */
function latin(text: string, i: number): number {
  const code = text.charCodeAt(i) | 0x20;
  return code >= 0x61 && code <= 0x7a && !(text.charCodeAt(i + 1) >= 0x300) ? code : 0;
}

function isBeside(code: number): boolean {
  if (code < 0x80) return code <= 0x20 || code === 0x3c || code === 0x3e || code === 0x2e;
  return isSpace(code) || isMark(code) || code === 0x3002 || code === 0x964;
}

function normal(letters: string): string {
  return letters.normalize('NFC').toLowerCase();
}

/** Beginnings and ends of the phrases that stand alone, and how long the longest with these is. */
const phraseEdges: ReadonlyMap<number, number> = (() => {
  const found = new Map<number, number>();
  for (const phrase of [...omittedPhrases.keys(), ...deletedPhrases, ...callPhrases]) {
    const key = keyOf(startOf(phrase, firstIndex(phrase)), endOf(phrase, lastIndex(phrase)));
    found.set(key, Math.max(found.get(key) ?? 0, phrase.length));
  }
  return found;
})();

/** Twice the length of a phrase leaves room for marks; `this message was deleted by admin …` ends with a name. */
const longestLooked = Math.min(longestPhrase, 2 * Math.max(...phraseEdges.values()));

const noticeStarts: ReadonlySet<number> = new Set(
  noticeBeginnings.map((notice) => startOf(notice, firstIndex(notice))),
);
const adminStart = startOf('this', 0);

const documentEnds: ReadonlySet<number> = new Set(
  [...omittedPhrases].filter(([, kind]) => kind === 'file').map(([phrase]) => endOf(phrase, lastIndex(phrase))),
);
