/**
 * Most messages are plain text and can be known as such by their edges: this tells them from those that kinds.ts has to look
 * at, before their text is even a string. UTF-16 units in, true where no placeholder, notice, link to a map or mark of WhatsApp's
 * can be in them; false means only "look closer".
 */
import { isMark, isSpace, unitsOf } from './characters.ts';
import type { Platform } from './header.ts';
import { callPhrases, deletedPhrases, noticeBeginnings, omittedPhrases } from './placeholders.ts';

/** Longer lines are not looked up in placeholders.ts. */
export const longestPhrase = 200;

/**
 * Of a message with a sender: `codes[start]` to `codes[end]`.
 * @param lineEnd where its first line ends
 */
export function isPlainText(
  codes: Uint16Array,
  start: number,
  lineEnd: number,
  end: number,
  platform: Platform,
): boolean {
  const isOneLine = lineEnd === end;
  if (endsSpecially(codes, start, end) || (!isOneLine && endsSpecially(codes, start, lineEnd))) return false;
  if (mayEndInLink(codes, start, lineEnd)) return false;
  const length = end - start;
  if (platform !== 'android') {
    if (!isOneLine || holdsMark(codes, start, end)) return false;
    if (noticeStarts.has(startOf(codes, firstIndex(codes, start, end), end))) return false;
    // `Some.pdf • 2 pages document omitted`
    const mayBeDocument =
      length <= longestPhrase && documentEnds.has(endOf(codes, start, lastIndex(codes, start, end)));
    if (mayBeDocument && codes.subarray(start, end).includes(0x2e)) return false;
  }
  return !isOneLine || length > longestLooked || !mayBePhrase(codes, start, end);
}

/** `(file attached)`, `<Media omitted>`, `POLL:`, and what ends in white space or a mark that may hide one of them. */
function endsSpecially(codes: Uint16Array, start: number, end: number): boolean {
  if (end === start) return true;
  const last = codes[end - 1]!;
  if (last < 0x80) return last <= 0x20 || last === 0x29 || last === 0x3e || last === 0x3a;
  return last === 0xff1a || isSpace(last) || isMark(last);
}

/** A link to a map goes on to the end of its line and holds no space. */
function mayEndInLink(codes: Uint16Array, start: number, end: number): boolean {
  for (let i = end - 1; i >= start && codes[i] !== 0x20; i--) if (codes[i] === 0x2f) return true;
  return false;
}

function holdsMark(codes: Uint16Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (codes[i]! >= 0x61c && isMark(codes[i]!)) return true;
  return false;
}

/** A small number for a beginning and an end; another pair with the same number is looked at closer for nothing. */
function keyOf(start: number, end: number): number {
  return (start * 31 + end) & 0x3fffffff;
}

function mayBePhrase(codes: Uint16Array, start: number, end: number): boolean {
  if (end - start === 4 && begins(codes, start, end, nullText)) return true;
  const first = firstIndex(codes, start, end);
  const beginning = startOf(codes, first, end);
  const longest = phraseEdges.get(keyOf(beginning, endOf(codes, start, lastIndex(codes, start, end))));
  if (longest !== undefined && end - start <= 2 * longest) return true;
  return beginning === adminStart && begins(codes, first, end, adminText);
}

/** True where these Latin letters and spaces stand there, in either case. */
function begins(codes: Uint16Array, at: number, end: number, letters: Uint16Array): boolean {
  if (end - at < letters.length) return false;
  for (let i = 0; i < letters.length; i++) if ((codes[at + i]! | 0x20) !== letters[i]) return false;
  return true;
}

/** Index of the first letter as foldPhrase leaves it: brackets, spaces, marks and full stops before it left out. */
function firstIndex(codes: Uint16Array, start: number, end: number): number {
  let i = start;
  while (i < end && isBeside(codes[i]!)) i++;
  return i;
}

function lastIndex(codes: Uint16Array, start: number, end: number): number {
  let i = end - 1;
  while (i >= start && isBeside(codes[i]!)) i--;
  return i;
}

/** The character that a text begins with, in lower case, with the next one where both are Latin letters. */
function startOf(codes: Uint16Array, i: number, end: number): number {
  const code = i < end ? codes[i]! : 0;
  const next = i + 1 < end ? codes[i + 1]! : 0;
  const afterNext = i + 2 < end ? codes[i + 2]! : 0;
  const first = latin(code, next);
  if (first > 0) return first | (latin(next, afterNext) << 8);
  const lower = lowerAt(code, next);
  return lower === dependent ? normal(codes.subarray(i, Math.min(end, i + 3))).charCodeAt(0) : lower;
}

/** The same of the end, `codes[i]`. What follows may be a mark. */
function endOf(codes: Uint16Array, start: number, i: number): number {
  const code = i >= start ? codes[i]! : 0;
  const before = i - 1 >= start ? codes[i - 1]! : 0;
  const last = latin(code, 0);
  if (last > 0) return last | (latin(before, code) << 8);
  const lower = lowerAt(code, 0);
  if (lower !== dependent) return lower;
  const folded = normal(codes.subarray(Math.max(start, i - 2), i + 1));
  return folded.charCodeAt(folded.length - 1);
}

/** Stands for a character that those beside it change. */
const dependent = 0xffff;
/** Each unit in lower case, or `dependent`; 0 where it was not asked for yet. */
const lowered = new Uint16Array(0x10000);
/** Whether a unit may join the one before it: 1 yes, 2 no, 0 not asked yet. */
const joining = new Uint8Array(0x10000);

/** A character in lower case, a half of an emoji as it is; `dependent` where those beside it count. */
function lowerAt(code: number, next: number): number {
  if (next >= 0x300 && joins(next)) return dependent;
  return (lowered[code] ||= lowerOf(code));
}

/** Σ has a form of its own at the end of a word. */
function lowerOf(code: number): number {
  const lower = normal([code]);
  return joins(code) || code === 0x3a3 || lower.length !== 1 ? dependent : lower.charCodeAt(0);
}

/** Marks and Korean letters do; the mark of emoji is one that joins nothing. */
function joins(code: number): boolean {
  joining[code] ||= /[\p{M}\u1160-\u11FF]/u.test(String.fromCharCode(code)) && code !== 0xfe0f ? 1 : 2;
  return joining[code] === 1;
}

/** A Latin letter in lower case; 0 for any other, and where the character after it may belong to it. */
function latin(code: number, next: number): number {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a && next < 0x300 ? lower : 0;
}

function isBeside(code: number): boolean {
  if (code < 0x80) return code <= 0x20 || code === 0x3c || code === 0x3e || code === 0x2e;
  return isSpace(code) || isMark(code) || code === 0x3002 || code === 0x964;
}

function normal(codes: Iterable<number>): string {
  return String.fromCharCode(...codes)
    .normalize('NFC')
    .toLowerCase();
}

/** Beginnings and ends of the phrases that stand alone, and how long the longest with these is. */
const phraseEdges: ReadonlyMap<number, number> = (() => {
  const found = new Map<number, number>();
  for (const phrase of [...omittedPhrases.keys(), ...deletedPhrases, ...callPhrases]) {
    const key = keyOf(beginningOf(phrase), endingOf(phrase));
    found.set(key, Math.max(found.get(key) ?? 0, phrase.length));
  }
  return found;
})();

/** Twice the length of a phrase leaves room for marks; `this message was deleted by admin …` ends with a name. */
const longestLooked = Math.min(longestPhrase, 2 * Math.max(...phraseEdges.values()));

const noticeStarts: ReadonlySet<number> = new Set(noticeBeginnings.map(beginningOf));
const documentEnds: ReadonlySet<number> = new Set(
  [...omittedPhrases].filter(([, kind]) => kind === 'file').map(([phrase]) => endingOf(phrase)),
);
const nullText = Uint16Array.from(unitsOf('null'));
const adminText = Uint16Array.from(unitsOf('this message was'));
const adminStart = beginningOf('this');

function beginningOf(phrase: string): number {
  const codes = Uint16Array.from(unitsOf(phrase));
  return startOf(codes, firstIndex(codes, 0, codes.length), codes.length);
}

function endingOf(phrase: string): number {
  const codes = Uint16Array.from(unitsOf(phrase));
  return endOf(codes, 0, lastIndex(codes, 0, codes.length));
}
