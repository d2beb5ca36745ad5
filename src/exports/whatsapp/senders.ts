/**
 * Who wrote a line: the text after a header is `Name: text`, or a notice of WhatsApp's own without a name. Names may hold
 * a colon themselves, and so may the quoted titles in notices; both are told apart by all lines of the file together.
 */
import { isMark, isSpace, plainName } from './characters.ts';

export interface Author {
  /** as a person would type it, null for a notice */
  sender: string | null;
  /** the text after the name, as written */
  body: string;
}

/** How often a name is followed by which second part that ends in a colon (`Dr: Who: hello`). */
interface Continuations {
  lines: number;
  parts: Map<string, { lines: number; beforeMark: boolean }>;
}

/** A name is looked for in this many characters. */
const longestName = 200;

/** More different second parts than this are messages that hold a colon, not a name. */
const mostParts = 8;

const closers: Readonly<Record<string, string>> = {
  '"': '"',
  '“': '”',
  '”': '”',
  '„': '“”',
  '«': '»',
  '»': '«»',
  '「': '」',
  '『': '』',
  '‹': '›',
};

/** Names that hold a colon: first part -> whole name, as written. */
export type NamesWithColon = ReadonlyMap<string, string>;

/** Collects, line by line, what is needed to know names with a colon; `result` gives them. */
export function createNameSurvey(): { add(rest: string): void; result(): NamesWithColon } {
  const continuations = new Map<string, Continuations>();
  return {
    add(rest) {
      const end = nameEnd(rest, 0);
      if (end < 0) return;
      const name = rest.slice(0, end);
      let seen = continuations.get(name);
      if (seen === undefined) continuations.set(name, (seen = { lines: 0, parts: new Map() }));
      seen.lines++;
      const second = nameEnd(rest, end + 1);
      if (second < 0 || seen.parts.size > mostParts) return;
      const part = rest.slice(0, second);
      const known = seen.parts.get(part) ?? { lines: 0, beforeMark: false };
      known.lines++;
      known.beforeMark ||= isMark(rest.charCodeAt(second + 2));
      seen.parts.set(part, known);
    },
    result() {
      const names = new Map<string, string>();
      for (const [name, { lines, parts }] of continuations) {
        if (parts.size > mostParts) continue;
        for (const [part, seen] of parts) {
          const isUsual = seen.lines >= 3 && seen.lines * 3 >= lines * 2;
          // iOS: WhatsApp's own text begins with a mark, so what stands before it is a name even in a single line
          if (isUsual || (seen.beforeMark && seen.lines === lines)) names.set(name, part);
        }
      }
      return names;
    },
  };
}

/** Split the text after a header. */
export function splitAuthor(rest: string, names: NamesWithColon): Author {
  let end = nameEnd(rest, 0);
  if (end < 0) return { sender: null, body: rest };
  const longer = names.get(rest.slice(0, end));
  if (longer !== undefined) {
    if (!rest.startsWith(`${longer}:`)) return { sender: null, body: rest };
    end = longer.length;
  }
  const sender = plainName(rest.slice(0, end));
  if (sender === '') return { sender: null, body: rest };
  const body = rest.slice(end + 1);
  return { sender, body: isSpace(body.charCodeAt(0)) ? body.slice(1) : body };
}

/** Index of the colon that ends a name: before a space or at the end, and not within quotation marks; or -1. */
function nameEnd(text: string, start: number): number {
  const stop = Math.min(text.length, start + longestName);
  for (let i = start; i < stop; i++) {
    const character = text.charAt(i);
    if (character === ':' && (i + 1 === text.length || isSpace(text.charCodeAt(i + 1)))) return i;
    const closing = closers[character];
    if (closing === undefined) continue;
    const close = firstOf(text, closing, i + 1);
    if (close > 0) i = close;
  }
  return -1;
}

function firstOf(text: string, characters: string, start: number): number {
  const stop = Math.min(text.length, start + longestName);
  for (let i = start; i < stop; i++) if (characters.includes(text.charAt(i))) return i;
  return -1;
}
