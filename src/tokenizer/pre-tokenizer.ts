/**
 * Cutting a text into the pieces that no merge crosses, as Hugging Face's pre-tokenizers do: one regular expression after
 * the other, each cutting the pieces of the one before.
 */

/** One step. Its matches become pieces of their own. */
export interface Cut {
  /** source of a JavaScript regular expression for the flags `gu` */
  pattern: string;
  /** whether what lies between matches is a piece too, or is dropped */
  keepRest: boolean;
}

/**
 * GPT-2's pre-tokenizer, Hugging Face's `ByteLevel(use_regex=True)`. White space is Unicode's, as in Rust and Oniguruma;
 * JavaScript's own \s would add U+FEFF and miss U+0085. A lone surrogate falls in the class of U+FFFD, by which it is
 * replaced, so cuts are the same.
 */
export const gptPattern =
  "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
  '|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+';
export const gptCuts: readonly Cut[] = [{ pattern: gptPattern, keepRest: true }];

/** Told of every piece, `text.slice(from, to)`, in order. */
export type OnPiece = (text: string, from: number, to: number) => void;

/** Pieces joined are the text, unless a cut drops what it does not match. No piece is empty. */
export function createPreTokenizer(cuts: readonly Cut[]): (text: string, onPiece: OnPiece) => void {
  if (cuts.length === 1 && cuts[0]!.pattern === gptPattern) return cutLikeGpt;
  const steps = cuts.map(({ pattern, keepRest }) => ({ regex: new RegExp(pattern, 'gu'), keepRest }));
  return (text, onPiece) => {
    let pieces = text === '' ? [] : [text];
    for (const { regex, keepRest } of steps) {
      const cutOne = (piece: string): string[] => {
        const matches = piece.match(regex) ?? [];
        if (!keepRest) return matches.filter((match) => match !== '');
        return coversAll(matches, piece.length) ? matches : withRest(piece, regex);
      };
      pieces = pieces.length === 1 ? cutOne(pieces[0]!) : pieces.flatMap(cutOne);
    }
    for (const piece of pieces) onPiece(piece, 0, piece.length);
  };
}

function coversAll(matches: readonly string[], length: number): boolean {
  let covered = 0;
  for (const match of matches) {
    if (match === '') return false;
    covered += match.length;
  }
  return covered === length;
}

/** Matches and what lies between them. */
function withRest(piece: string, regex: RegExp): string[] {
  const pieces: string[] = [];
  let end = 0;
  const push = (from: number, to: number): void => {
    if (to > from) pieces.push(piece.slice(from, to));
  };
  for (const match of piece.matchAll(regex)) {
    push(end, match.index);
    end = match.index + match[0].length;
    push(match.index, end);
  }
  push(end, piece.length);
  return pieces;
}

/** Pieces of tokenizers trained here. */
export function preTokenize(text: string): string[] {
  const pieces: string[] = [];
  cutLikeGpt(text, (_, from, to) => pieces.push(text.slice(from, to)));
  return pieces;
}

// === GPT-2's pattern without a regular expression: about five times as fast, and no text is too long for it

const [other, letter, digit, space] = [1, 2, 3, 4];
/** Class of every code point, 0 where not yet known. */
const classes = new Uint8Array(0x110000);
const [apostrophe, blank] = [0x27, 0x20];

function classOf(code: number): number {
  const known = classes[code]!;
  if (known !== 0) return known;
  const char = String.fromCodePoint(code);
  const found = /\p{L}/u.test(char)
    ? letter
    : /\p{N}/u.test(char)
      ? digit
      : /\p{White_Space}/u.test(char)
        ? space
        : other;
  classes[code] = found;
  return found;
}

/** Where the run of one class ends that begins at `from`. */
function runEnd(text: string, from: number, kind: number): number {
  let at = from;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    const code = unit >= 0xd800 && unit < 0xdc00 ? text.codePointAt(at)! : unit;
    if (classOf(code) !== kind) break;
    at += code > 0xffff ? 2 : 1;
  }
  return at;
}

/** Length of 's, 't, 're, 've, 'm, 'll or 'd at an apostrophe, 0 where none of them stands there. */
function contraction(text: string, at: number): number {
  const next = text[at + 1];
  if (next === 's' || next === 't' || next === 'm' || next === 'd') return 2;
  const third = text[at + 2];
  return ((next === 'r' || next === 'v') && third === 'e') || (next === 'l' && third === 'l') ? 3 : 0;
}

function cutLikeGpt(text: string, onPiece: OnPiece): void {
  for (let from = 0, to = 0; from < text.length; from = to) {
    const unit = text.charCodeAt(from);
    const short = unit === apostrophe ? contraction(text, from) : 0;
    if (short > 0) {
      to = from + short;
    } else {
      const start = unit === blank && from + 1 < text.length ? from + 1 : from;
      const kind = classOf(text.codePointAt(start)!);
      to = runEnd(text, start, kind);
      // white space leaves its last character to what follows, if it has more than one
      if (kind === space && to < text.length && to - from > 1) to--;
    }
    onPiece(text, from, to);
  }
}
