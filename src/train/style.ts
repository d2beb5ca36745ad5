/**
 * How far sampled replies are from a person's own in manner, not in content: one number and its parts, from counts alone.
 * Numbers are compared by the two-sample Kolmogorov-Smirnov statistic (the largest difference of the two cumulative
 * distributions; Smirnov 1948), kinds by the Jensen-Shannon distance (square root of the divergence in bits; Lin 1991,
 * Endres & Schindelin 2003). Both are 0 for the same set, 1 for sets with nothing in common, and symmetric.
 * Two samples of one person are not at 0 either: give `styleDistance` two halves of the real ones to know the floor.
 */
import { check } from '../util/errors.ts';

/** The messages of one turn, in order; none where the model stayed silent. */
export type Turn = readonly string[];

export interface StyleParts {
  /** characters of a message: Kolmogorov-Smirnov */
  messageLength: number;
  /** messages of a turn: Kolmogorov-Smirnov */
  burstLength: number;
  /** emoji of a message: Kolmogorov-Smirnov */
  emoji: number;
  /** messages by case of the first letter and of the others: Jensen-Shannon */
  casing: number;
  /** marks within messages, and what ends each: Jensen-Shannon */
  punctuation: number;
  /** words in lower case, those both use most and one class of all others (cf. Burrows 2002, "Delta"): Jensen-Shannon */
  vocabulary: number;
}

export interface StyleDistance {
  /** mean of the parts, 0 to 1 */
  distance: number;
  parts: StyleParts;
}

/** Words with a class of their own; rarer ones tell of the topic, and of how little was sampled. */
const frequentWords = 200;

/** Neither side may be empty; turns may be. Where only one side has messages, what is counted on messages is 1. */
export function styleDistance(a: readonly Turn[], b: readonly Turn[]): StyleDistance {
  check(a.length > 0 && b.length > 0, `style of ${a.length} and ${b.length} turns`);
  const [left, right] = [a.flat(), b.flat()];
  const numbers = (of: (text: string) => number): number => smirnov(left.map(of), right.map(of));
  const kinds = (of: (text: string) => string[]): number =>
    jensenShannon(countsOf(left.flatMap(of)), countsOf(right.flatMap(of)));
  const parts: StyleParts = {
    messageLength: numbers((text) => Array.from(text).length),
    burstLength: smirnov(
      a.map((turn) => turn.length),
      b.map((turn) => turn.length),
    ),
    emoji: numbers((text) => text.match(emoji)?.length ?? 0),
    casing: kinds((text) => [casingOf(text)]),
    punctuation: kinds(marksOf),
    vocabulary: jensenShannon(...withoutRare(countsOf(left.flatMap(wordsOf)), countsOf(right.flatMap(wordsOf)))),
  };
  const values = Object.values(parts) as number[];
  return { distance: values.reduce((sum, value) => sum + value, 0) / values.length, parts };
}

// === What is counted

/** A pictograph with its joined ones, and flags; digits, which may become keycaps, are none. */
const emoji =
  /\p{Regional_Indicator}{2}|\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F|\u200D\p{Extended_Pictographic})*/gu;

/** First letter and the share of capitals among the others: `lower none`, `upper some`, ... `no letters`. */
function casingOf(text: string): string {
  const letters = text.match(/[\p{Lu}\p{Ll}]/gu) ?? [];
  const [first, ...others] = letters.map((letter) => /\p{Lu}/u.test(letter));
  if (first === undefined) return 'no letters';
  const capitals = others.filter(Boolean).length;
  const share = capitals === 0 ? 'none' : capitals <= others.length / 2 ? 'some' : 'most';
  return `${first ? 'upper' : 'lower'} ${share}`;
}

/** Runs of marks (`?`, `!!`, `...` as up to three of them), and one entry for how the message ends. */
function marksOf(text: string): string[] {
  const marks = (text.match(/(\p{P})\1*/gu) ?? []).map((run) => Array.from(run).slice(0, 3).join(''));
  const endsInMark = /\p{P}$/u.test(text.trimEnd());
  return [...marks, endsInMark ? `end ${marks.at(-1) ?? ''}` : 'end without'];
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’]\p{L}+)*/gu) ?? [];

/** All but the words that are most frequent in both together become one class. */
function withoutRare(a: Counts, b: Counts): [Counts, Counts] {
  const [totalA, totalB] = [totalOf(a), totalOf(b)];
  const share = (word: string): number => (a.get(word) ?? 0) / totalA + (b.get(word) ?? 0) / totalB;
  const ranked = [...new Set([...a.keys(), ...b.keys()])]
    .map((word) => ({ word, share: share(word) }))
    .sort((x, y) => y.share - x.share || (x.word < y.word ? -1 : 1));
  const frequent = new Set(ranked.slice(0, frequentWords).map(({ word }) => word));
  const rare = '';
  const merged = (counts: Counts): Counts => {
    const result: Counts = new Map();
    for (const [word, count] of counts) {
      const key = frequent.has(word) ? word : rare;
      result.set(key, (result.get(key) ?? 0) + count);
    }
    return result;
  };
  return [merged(a), merged(b)];
}

// === Distances

type Counts = Map<string, number>;

function countsOf(items: readonly string[]): Counts {
  const counts: Counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** 1 for nothing, so that it can divide. */
const totalOf = (counts: ReadonlyMap<string, number>): number =>
  Math.max(
    1,
    [...counts.values()].reduce((sum, count) => sum + count, 0),
  );

/** Distance of two distributions given as counts, 0 to 1; 1 where just one is empty. */
export function jensenShannon(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  if (a.size === 0 || b.size === 0) return a.size === b.size ? 0 : 1;
  const [totalA, totalB] = [totalOf(a), totalOf(b)];
  let divergence = 0;
  for (const key of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [p, q] = [(a.get(key) ?? 0) / totalA, (b.get(key) ?? 0) / totalB];
    const mean = (p + q) / 2;
    const bits = (x: number): number => (x === 0 ? 0 : x * Math.log2(x / mean));
    divergence += (bits(p) + bits(q)) / 2;
  }
  return Math.sqrt(Math.min(1, Math.max(0, divergence)));
}

/** Largest difference of the two samples' cumulative distributions, 0 to 1; 1 where just one is empty. */
export function smirnov(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : 1;
  const left = [...a].sort((x, y) => x - y);
  const right = [...b].sort((x, y) => x - y);
  let [i, j, largest] = [0, 0, 0];
  while (i < left.length && j < right.length) {
    const value = Math.min(left[i]!, right[j]!);
    while (left[i] === value) i++;
    while (right[j] === value) j++;
    largest = Math.max(largest, Math.abs(i / left.length - j / right.length));
  }
  return largest;
}
