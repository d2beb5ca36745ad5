/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2): text into ids and back. Ids are those of
 * Hugging Face's tokenizers for the same tokenizer.json, with special tokens in text taken as the plain text they are
 * (there: `split_special_tokens=True`).
 */
import { check } from '../util/errors.ts';
import type { BpeModel, LiteralToken } from './bpe-model.ts';
import { createMerger } from './merge.ts';
import { createPreTokenizer } from './pre-tokenizer.ts';
import { createWordCache } from './word-cache.ts';

export type { BpeModel } from './bpe-model.ts';
export { trainBpe, type TrainBpeOptions } from './train-bpe.ts';

export interface Tokenizer {
  /** ids are 0 to vocabSize - 1 */
  readonly vocabSize: number;
  /** ids of all special tokens, in rising order */
  readonly specialIds: readonly number[];
  /**
   * Ids of plain text, never a special one. Lone surrogates become U+FFFD, everything else comes back from `decode` (in
   * form NFC where the tokenizer asks for that).
   */
  encode(text: string): number[];
  /** Text of ids; specials are skipped, bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Id of a special token by its name (`<|end|>`); throws on a name that is none. */
  specialId(name: string): number;
  isSpecial(id: number): boolean;
  /** UTF-8 bytes that an id stands for; 0 for specials. */
  byteLength(id: number): number;
}

export function createTokenizer(model: BpeModel): Tokenizer {
  const { tokens, specials } = model;
  const vocabSize = tokens.length;
  const specialIds = [...new Set(specials.values())].sort((a, b) => a - b);
  const special = new Set(specialIds);
  const cut = createPreTokenizer(model.cuts);
  const encodeWord = createWordCache(createWordEncoder(model));
  const splitOff = createLiteralFinder(model);

  return {
    vocabSize,
    specialIds,
    encode: (text) => {
      const ids: number[] = [];
      for (const part of splitOff(text)) {
        if (typeof part === 'number') ids.push(part);
        else cut(part, (piece, from, to) => encodeWord(piece, from, to, ids));
      }
      return ids;
    },
    decode: (ids) => {
      const parts: Uint8Array[] = [];
      for (const id of ids) {
        const bytes = tokens[id];
        check(bytes, `id ${id} of a vocabulary of ${vocabSize}`);
        parts.push(bytes);
      }
      return Buffer.concat(parts).toString();
    },
    specialId: (name) => {
      const id = specials.get(name);
      check(id !== undefined, `no special token is called ${name}`);
      return id;
    },
    isSpecial: (id) => special.has(id),
    byteLength: (id) => tokens[id]?.length ?? 0,
  };
}

/** Ids of one piece; valid until the next one is asked for. */
function createWordEncoder(model: BpeModel): (word: string) => Int32Array {
  const { byteIds } = model;
  const merge = createMerger(model.merges);
  const whole = model.ignoreMerges ? wholeWords(model) : undefined;
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(256);
  let ids = new Int32Array(256);

  return (word) => {
    if (bytes.length < 3 * word.length) {
      bytes = new Uint8Array(3 * word.length);
      ids = new Int32Array(3 * word.length);
    }
    const { written } = encoder.encodeInto(word, bytes);
    const known = whole?.get(latin1(bytes.subarray(0, written)));
    if (known !== undefined) return Int32Array.of(known);
    for (let i = 0; i < written; i++) ids[i] = byteIds[bytes[i]!]!;
    return ids.subarray(0, merge(ids, written));
  };
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Ids of the vocabulary by their bytes, literal tokens apart. */
function wholeWords({ tokens, literals }: BpeModel): Map<string, number> {
  const apart = new Set(literals.map(({ id }) => id));
  return new Map(tokens.flatMap((bytes, id) => (bytes.length === 0 || apart.has(id) ? [] : [[latin1(bytes), id]])));
}

/**
 * Text to normalized parts and the ids of literal tokens between them. Leftmost and longest wins. Special tokens take part in the
 * search, so that nothing inside one is found, and stay text.
 */
function createLiteralFinder(model: BpeModel): (text: string) => (string | number)[] {
  const { literals, specials } = model;
  const normalize = (text: string): string => (model.normalizer === null ? text : text.normalize(model.normalizer));
  if (literals.length === 0) return (text) => [normalize(text)];
  const splitBy = (tokens: readonly LiteralToken[], names: Iterable<string>) => {
    const idOf = new Map(tokens.map(({ content, id }) => [content, id]));
    const all = [...idOf.keys(), ...names].sort((a, b) => b.length - a.length);
    if (all.length === 0) return (text: string): (string | number)[] => [text];
    const regex = new RegExp(all.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&')).join('|'), 'gu');
    return (text: string): (string | number)[] => {
      const parts: (string | number)[] = [];
      let end = 0;
      for (const match of text.matchAll(regex)) {
        const id = idOf.get(match[0]);
        if (id === undefined) continue;
        if (match.index > end) parts.push(text.slice(end, match.index));
        parts.push(id);
        end = match.index + match[0].length;
      }
      if (end < text.length) parts.push(text.slice(end));
      return parts;
    };
  };
  const before = splitBy(
    literals.filter(({ normalized }) => !normalized),
    specials.keys(),
  );
  const after = splitBy(
    literals.filter(({ normalized }) => normalized).map((token) => ({ ...token, content: normalize(token.content) })),
    [],
  );
  return (text) => before(text).flatMap((part) => (typeof part === 'number' ? [part] : after(normalize(part))));
}
