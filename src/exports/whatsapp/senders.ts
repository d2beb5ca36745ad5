/**
 * Who wrote a line: the text after a header is `Name: text`, or a notice of WhatsApp's own without a name. Names may hold
 * a colon themselves, and so may the quoted titles in notices; both are told apart by all lines of the file together.
 */
import { isMark, isSpace, plainName, unitsOf } from './characters.ts';
import { mostNames as mostNumbers } from './header-log.ts';
import type { Lines } from './lines.ts';

interface Author {
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

/** A line is surveyed in two names' length, and the quotation that the second may end in. */
const longestSurveyed = 3 * longestName + 16;
const mostKnownNames = 32;
/** So many are looked through without an order. */
const fewNames = 4;

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

export interface NameSurvey {
  /** Adds the current line, whose header ends at `start`; returns the number by which its name is known, or 0. */
  add(line: Lines, start: number): number;
  /** @param marksOwnText the platform puts a mark before its own words (iOS) */
  result(marksOwnText: boolean): NamesWithColon;
}

/** Collects, line by line, what is needed to know names with a colon; `result` gives them. */
export function createNameSurvey(): NameSurvey {
  const continuations = new Map<string, Continuations>();
  const known = createNameTable<Continuations>();
  return {
    add(line, start) {
      const entry = known.find(line, start);
      if (entry !== undefined) {
        if (entry.value.parts.size > mostParts) return entry.number; // no name with a colon begins like this
        const colon = line.text.indexOf(':', start + entry.prefix.length);
        if (colon < 0 || colon >= line.end) {
          entry.value.lines++;
          return entry.number;
        }
      }
      const rest = line.text.slice(start, Math.min(line.end, start + longestSurveyed));
      const name = rest.slice(0, Math.max(0, nameEnd(rest, 0)));
      if (name === '') return 0;
      let seen = continuations.get(name);
      if (seen === undefined) continuations.set(name, (seen = { lines: 0, parts: new Map() }));
      seen.lines++;
      const number = entry?.number ?? known.add(rest, name, seen);
      const second = nameEnd(rest, name.length + 1);
      if (second < 0 || seen.parts.size > mostParts) return number;
      const part = rest.slice(0, second);
      const before = seen.parts.get(part) ?? { lines: 0, beforeMark: false };
      before.lines++;
      before.beforeMark ||= isMark(rest.charCodeAt(second + 2));
      seen.parts.set(part, before);
      return number;
    },
    result(marksOwnText) {
      const names = new Map<string, string>();
      for (const [name, { lines, parts }] of continuations) {
        if (parts.size > mostParts) continue;
        for (const [part, seen] of parts) {
          const isUsual = seen.lines >= 3 && seen.lines * 3 >= lines * 2;
          // what stands before such a mark is a name even in a single line
          if (isUsual || (marksOwnText && seen.beforeMark && seen.lines === lines)) names.set(name, part);
        }
      }
      return names;
    },
  };
}

/** Who wrote a line, and where the text after the name begins. */
export interface AuthorReader {
  /** as a person would type it, null for a notice, of the line read last */
  readonly sender: string | null;
  /**
   * Reads the current line, whose header ends at `start`; returns where the text after the name begins.
   * @param number by which the survey knows the name, or 0
   */
  read(line: Lines, start: number, number: number): number;
}

export function createAuthorReader(names: NamesWithColon): AuthorReader {
  const known = createNameTable<string>();
  const byNumber: (KnownName<string> | undefined)[] = Array.from({ length: mostNumbers });
  const reader = {
    sender: null as string | null,
    read(line: Lines, start: number, number: number): number {
      const entry = byNumber[number] ?? known.find(line, start);
      if (entry !== undefined) {
        if (number > 0) byNumber[number] = entry;
        this.sender = entry.value;
        return start + entry.prefix.length;
      }
      const { text, end } = line;
      const rest = text.slice(start, end);
      const { sender, body } = splitAuthor(rest, names);
      this.sender = sender;
      if (sender === null) return start;
      const written = rest.slice(0, nameEnd(rest, 0));
      if (!names.has(written)) known.add(rest, written, sender);
      return end - body.length;
    },
  };
  return reader;
}

interface KnownName<T> {
  /** the name as written, its colon and the space after it */
  prefix: Uint16Array;
  value: T;
  /** 1 and up, or 0 where numbers ran out */
  number: number;
}

interface NameTable<T> {
  find(line: Lines, start: number): KnownName<T> | undefined;
  /** Adds the name at the start of a line, unless what follows may decide where a name of this kind ends; gives its number. */
  add(rest: string, name: string, value: T): number;
}

/** Names that lines began with before; those seen often move to the front. */
function createNameTable<T>(): NameTable<T> {
  const entries: KnownName<T>[] = [];
  let count = 0;
  return {
    find({ codes, end }, start) {
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i]!;
        if (!startsWith(codes, start, end, entry.prefix)) continue;
        if (i >= fewNames) [entries[i - 1], entries[i]] = [entry, entries[i - 1]!];
        return entry;
      }
      return undefined;
    },
    add(rest, name, value) {
      if (rest.charAt(name.length + 1) !== ' ' || [...name].some((character) => character in closers)) return 0;
      const number = count + 1 < mostNumbers ? ++count : 0;
      if (entries.length === mostKnownNames) entries.pop();
      entries.push({ prefix: Uint16Array.from(unitsOf(`${name}: `)), value, number });
      return number;
    },
  };
}

function startsWith(codes: Uint16Array, start: number, end: number, prefix: Uint16Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (codes[start + i] !== prefix[i]) return false;
  return true;
}

/** Split the text after a header. */
function splitAuthor(rest: string, names: NamesWithColon): Author {
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
