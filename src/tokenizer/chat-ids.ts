/**
 * The 64 special tokens of chat format v1 (docs/chat-format.md) and the ids that a tokenizer gives them. A tokenizer
 * trained here gives them 0 to 63; one that came with a base has them wherever they were added, so every other file asks
 * `chatIds(tokenizer)` and compares no id with a number of its own.
 */
import type { MediaKind } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Tokenizer } from './bpe.ts';

export const redactionKinds = ['phone', 'email', 'link', 'card', 'name', 'secret'] as const;
export type RedactionKind = (typeof redactionKinds)[number];

const mediaKinds: readonly MediaKind[] = ['image', 'video', 'voice', 'sticker', 'file', 'location', 'contact'];
const tokenCount = 64;

const numbered = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `<|${name}${from + i}|>`);
const otherTokens = ['<|other|>', ...numbered('other', 2, 8)];
const gapTokens = numbered('gap', 0, 6);
const quoteTokens = numbered('quote', 1, 8);

const namedTokens = [
  '<|bos|>',
  '<|persona|>',
  ...otherTokens,
  ...gapTokens,
  ...quoteTokens,
  ...mediaKinds.map((kind) => `<|${kind}|>`),
  ...redactionKinds.map((kind) => `<|${kind}|>`),
  '<|msg|>',
  '<|end|>',
];

/** The special tokens in their order; in a tokenizer trained here a token's place is its id. */
export const specialTokens: readonly string[] = [
  ...namedTokens,
  ...numbered('reserved', 0, tokenCount - namedTokens.length - 1),
];

export interface ChatIds {
  bos: number;
  persona: number;
  msg: number;
  end: number;
  /** speakers other than the persona, by first appearance */
  others: readonly number[];
  /** by gap index */
  gaps: readonly number[];
  /** at k - 1: quotes the k-th message back */
  quotes: readonly number[];
  media: Readonly<Record<MediaKind, number>>;
  redactions: Readonly<Record<RedactionKind, number>>;
  /** ids that a reply may not hold: all specials of the tokenizer but gap0..gap5, quotes, `<|msg|>` and `<|end|>` */
  bannedInReplies: ReadonlySet<number>;
  /** whether an id is a gap or a quote, whose cost is reported apart from the text's */
  isMark: (id: number) => boolean;
}

const known = new WeakMap<Tokenizer, ChatIds>();

/** The format's ids in a tokenizer. Throws where one of the 64 tokens is missing or two of them share an id. */
export function chatIds(tokenizer: Tokenizer): ChatIds {
  let ids = known.get(tokenizer);
  if (ids === undefined) {
    ids = lookUp(tokenizer);
    known.set(tokenizer, ids);
  }
  return ids;
}

function lookUp(tokenizer: Tokenizer): ChatIds {
  const idOf = (name: string): number => tokenizer.specialId(name);
  const all = new Set(specialTokens.map(idOf));
  check(all.size === tokenCount, `${tokenCount} special tokens share ${all.size} ids`);
  const gaps = gapTokens.map(idOf);
  const quotes = quoteTokens.map(idOf);
  const marks = new Set([...gaps, ...quotes]);
  const [msg, end] = [idOf('<|msg|>'), idOf('<|end|>')];
  const allowed = new Set([...gaps.slice(0, -1), ...quotes, msg, end]);
  return {
    bos: idOf('<|bos|>'),
    persona: idOf('<|persona|>'),
    msg,
    end,
    others: otherTokens.map(idOf),
    gaps,
    quotes,
    media: byName(mediaKinds, idOf),
    redactions: byName(redactionKinds, idOf),
    bannedInReplies: new Set(tokenizer.specialIds.filter((id) => !allowed.has(id))),
    isMark: (id) => marks.has(id),
  };
}

const byName = <Kind extends string>(kinds: readonly Kind[], idOf: (name: string) => number): Record<Kind, number> =>
  Object.fromEntries(kinds.map((kind) => [kind, idOf(`<|${kind}|>`)])) as Record<Kind, number>;
