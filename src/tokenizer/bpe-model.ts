/**
 * All that a byte-level BPE tokenizer is made of, whether it was trained here (`layOut`) or read from a tokenizer.json
 * that came with a base (read-tokenizer-json.ts).
 */
import { check } from '../util/errors.ts';
import { gptCuts, type Cut } from './pre-tokenizer.ts';

/** Ids that a merge joins, and the id of the result. */
export type Merge = readonly [left: number, right: number, joined: number];

/** A token that people may type: found in the text before it is cut. */
export interface LiteralToken {
  content: string;
  id: number;
  /** looked for after the normalizer rather than before it */
  normalized: boolean;
}

export interface BpeModel {
  /** (vocabSize) UTF-8 bytes of every id; empty for special tokens and for ids that nothing uses */
  tokens: readonly Uint8Array[];
  /** (256) id of each byte; -1 for one that no UTF-8 holds and the vocabulary lacks */
  byteIds: Int32Array;
  /** special tokens by name; no text ever becomes one of them */
  specials: ReadonlyMap<string, number>;
  literals: readonly LiteralToken[];
  /** by rank: the earlier ones are applied first */
  merges: readonly Merge[];
  /** what cuts a text into the pieces that no merge crosses, one after the other */
  cuts: readonly Cut[];
  normalizer: 'NFC' | null;
  /** a piece that is a token as a whole becomes that token, whatever the merges say */
  ignoreMerges: boolean;
  /** the id that the file puts before every text, for a base; null where it puts none */
  bosId: number | null;
}

export const byteCount = 256;

/**
 * The layout of tokenizers trained here: special tokens first, then the 256 bytes, then one id per merge. Merge `i` joins
 * two earlier ids that are not special into id `specials.length + 256 + i`.
 */
export function layOut(specials: readonly string[], pairs: Iterable<readonly [left: number, right: number]>): BpeModel {
  const tokens: Uint8Array[] = specials.map(() => new Uint8Array(0));
  for (let byte = 0; byte < byteCount; byte++) tokens.push(Uint8Array.of(byte));
  const merges: Merge[] = [];
  for (const [left, right] of pairs) {
    const parts = [tokens[left], tokens[right]];
    check(
      left >= specials.length && right >= specials.length && parts[0] && parts[1],
      `merge ${left} ${right} of ids not yet known`,
    );
    merges.push([left, right, tokens.length]);
    tokens.push(Uint8Array.of(...parts[0], ...parts[1]));
  }
  return {
    tokens,
    byteIds: Int32Array.from({ length: byteCount }, (_, byte) => specials.length + byte),
    specials: new Map(specials.map((name, id) => [name, id])),
    literals: [],
    merges,
    cuts: gptCuts,
    normalizer: null,
    ignoreMerges: false,
    bosId: null,
  };
}
