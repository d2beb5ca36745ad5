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

/** Text to pieces; joined they are the text, unless a cut drops what it does not match. No piece is empty. */
export function createPreTokenizer(cuts: readonly Cut[]): (text: string) => string[] {
  const steps = cuts.map(({ pattern, keepRest }) => ({ regex: new RegExp(pattern, 'gu'), keepRest }));
  return (text) => {
    let pieces = text === '' ? [] : [text];
    for (const { regex, keepRest } of steps) {
      const cutOne = (piece: string): string[] => {
        const matches = piece.match(regex) ?? [];
        if (!keepRest) return matches.filter((match) => match !== '');
        return coversAll(matches, piece.length) ? matches : withRest(piece, regex);
      };
      pieces = pieces.length === 1 ? cutOne(pieces[0]!) : pieces.flatMap(cutOne);
    }
    return pieces;
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

/** Cuts of tokenizers trained here. */
export const preTokenize = createPreTokenizer(gptCuts);
