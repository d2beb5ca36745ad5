/**
 * Text -> words as the search index holds them, and what a person typed -> what is looked for. A word is a run of letters,
 * digits and their marks without case, accents, vowel signs of Arabic and Hebrew, and compatibility forms; scripts that
 * write without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) give a word for each letter with its marks, so that any part
 * of a run is found as neighbours; an emoji is a word, whatever its skin or style.
 * Not covered: stems ("went" does not find "go"), typing errors, words of another script with the same sound.
 */

/** A word and where it stands in the text, in UTF-16 units. */
export interface Word {
  text: string;
  start: number;
  end: number;
}

/** Words that must stand next to each other, in this order. */
export interface Term {
  words: readonly string[];
  /** the last word may go on */
  isPrefix: boolean;
}

/** Words after these are ignored. */
const maxTerms = 16;
const maxQueryLength = 300;

const dense =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const denseCluster = new RegExp(`[${dense}]\\p{M}*`, 'gu');
const denseOrRun = new RegExp(`[${dense}]\\p{M}*|[^${dense}]+`, 'gu');
const hasDense = new RegExp(`[${dense}]`, 'u');
/** letters and digits with their marks, joined by apostrophes and joiners; or an emoji, or a flag's two letters */
const pieces =
  /[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}\u200c\u200d]|['’ʼ](?=[\p{L}\p{N}]))*|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}/gu;
const asciiPieces = /[a-z0-9]+(?:'[a-z0-9]+)*/g;
const isAscii = /^[\n\x20-\x7e]*$/;
/** accents and vowel signs that people leave out when they search; the marks of Indic scripts are letters to them */
const droppedMarks =
  /[\p{Script=Inherited}\p{Default_Ignorable_Code_Point}\u0591-\u05c7\u0610-\u061a\u06d6-\u06ed\u0640]/gu;
/** letters that one keyboard has for another's */
const alike: Readonly<Record<string, string>> = { ي: 'ی', ى: 'ی', ك: 'ک', ة: 'ه', ς: 'σ' };

/** Words of a text, in order. */
export function wordsIn(text: string): Word[] {
  const found: Word[] = [];
  if (isAscii.test(text)) {
    for (const match of text.toLowerCase().matchAll(asciiPieces)) {
      found.push({ text: match[0].replaceAll("'", ''), start: match.index, end: match.index + match[0].length });
    }
    return found;
  }
  for (const match of text.matchAll(pieces)) {
    const [piece] = match;
    if (!hasDense.test(piece)) {
      add(found, piece, match.index);
      continue;
    }
    let at = 0;
    for (const cluster of piece.matchAll(denseCluster)) {
      if (cluster.index > at) add(found, piece.slice(at, cluster.index), match.index + at);
      add(found, cluster[0], match.index + cluster.index);
      at = cluster.index + cluster[0].length;
    }
    if (at < piece.length) add(found, piece.slice(at), match.index + at);
  }
  return found;
}

/** A letter of compatibility may turn out to be one of a script without spaces: then it is a word too, at the same place. */
function add(found: Word[], piece: string, start: number): void {
  const folded = foldWord(piece);
  if (folded === '') return;
  const texts = hasDense.test(folded) ? folded.match(denseOrRun)! : [folded];
  for (const text of texts) found.push({ text, start, end: start + piece.length });
}

function foldWord(piece: string): string {
  return piece
    .normalize('NFKC')
    .toUpperCase() // there and back: ß is SS in capitals, so both become ss
    .toLowerCase()
    .normalize('NFD')
    .replace(droppedMarks, '')
    .replace(/[يىكةς]/g, (letter) => alike[letter]!)
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}\p{Regional_Indicator}]/gu, '');
}

/** What the index holds of a text: its words with a space between. */
export function indexedText(text: string): string {
  return wordsIn(text)
    .map((word) => word.text)
    .join(' ');
}

/**
 * What somebody typed. Every term must be in a message; `"in quotes"` stand in that order; the last term may be the
 * beginning of a word. Any input is fine; without a letter, a digit or an emoji it asks for nothing.
 */
export function parseQuery(typed: string): Term[] {
  const query = typed.slice(0, maxQueryLength);
  const terms: Term[] = [];
  query.split('"').forEach((part, index) => {
    const isQuoted = index % 2 === 1;
    for (const text of isQuoted ? [part] : part.split(/\s+/u)) {
      const words = wordsIn(text).map((word) => word.text);
      if (words.length > 0) terms.push({ words, isPrefix: false });
    }
  });
  const last = terms.at(-1);
  if (last !== undefined && /[\p{L}\p{M}\p{N}]$/u.test(query)) {
    // one letter begins too many words, but where letters are words it is one already
    terms[terms.length - 1] = { ...last, isPrefix: Array.from(last.words.at(-1)!).length > 1 };
  }
  return terms.slice(0, maxTerms);
}

/** FTS5 expression for the column `text`. Words hold nothing but letters, digits, marks and emoji: nothing to escape. */
export function matchText(terms: readonly Term[]): string {
  return terms.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? ' *' : ''}`).join(' AND ');
}

/** Where the terms stand in a text, sorted, not overlapping; undefined where one of them does not. */
export function marksIn(text: string, terms: readonly Term[]): { start: number; end: number }[] | undefined {
  const words = wordsIn(text);
  const marks: { start: number; end: number }[] = [];
  for (const term of terms) {
    const found = placesOf(term, words);
    if (found.length === 0) return undefined;
    marks.push(...found);
  }
  marks.sort((a, b) => a.start - b.start || b.end - a.end);
  const merged: { start: number; end: number }[] = [];
  for (const mark of marks) {
    const last = merged.at(-1);
    if (last !== undefined && mark.start < last.end) last.end = Math.max(last.end, mark.end);
    else merged.push({ ...mark });
  }
  return merged;
}

function placesOf({ words: wanted, isPrefix }: Term, words: readonly Word[]): { start: number; end: number }[] {
  const places: { start: number; end: number }[] = [];
  for (let at = 0; at + wanted.length <= words.length; at++) {
    const fits = wanted.every((word, i) => {
      const found = words[at + i]!.text;
      return isPrefix && i === wanted.length - 1 ? found.startsWith(word) : found === word;
    });
    if (fits) places.push({ start: words[at]!.start, end: words[at + wanted.length - 1]!.end });
  }
  return places;
}

/** Characters of a snippet, about. */
const snippetLength = 160;

/** The part of a text around the first mark, with the marks in it: offsets in the snippet. */
export function snippetOf(
  text: string,
  marks: readonly { start: number; end: number }[],
): { text: string; marks: { start: number; end: number }[]; isCut: { start: boolean; end: boolean } } {
  const first = marks[0]?.start ?? 0;
  let start = text.length <= snippetLength ? 0 : Math.max(0, Math.min(first - 40, text.length - snippetLength));
  let end = Math.min(text.length, start + snippetLength);
  if (start > 0) start = wordEdge(text, start);
  if (end < text.length && isInsidePair(text, end)) end++;
  return {
    text: text.slice(start, end),
    marks: marks
      .filter((mark) => mark.start < end && mark.end > start)
      .map((mark) => ({ start: Math.max(0, mark.start - start), end: Math.min(end, mark.end) - start })),
    isCut: { start: start > 0, end: end < text.length },
  };
}

/** A little further, to where a word begins, and never into a surrogate pair. */
function wordEdge(text: string, from: number): number {
  const space = text.indexOf(' ', from);
  if (space >= 0 && space - from < 20) return space + 1;
  return isInsidePair(text, from) ? from - 1 : from;
}

function isInsidePair(text: string, at: number): boolean {
  return /[\udc00-\udfff]/.test(text[at] ?? '') && /[\ud800-\udbff]/.test(text[at - 1] ?? '');
}
