/**
 * How many words in a row of a sample stand in other text. The samples are few and held in an index by their runs of three
 * words; the text, which may be large, streams by and needs no memory. Words are compared as they are after normalising,
 * without punctuation, so nothing hangs on a hash; runs do not cross the ends of samples or texts.
 */
import { normalise } from '../../src/dataset/dedupe.ts';

export const wordsOf = (text: string): string[] => normalise(text).match(/[\p{L}\p{M}\p{N}'’]+/gu) ?? [];

const order = 3;
const noWord = -1;

export interface Overlap {
  /** Take notice of a text. */
  read(text: string): void;
  /** For each sample, the words of its longest run that stands in a text read so far. */
  longest(): number[];
}

export function createOverlap(samples: readonly string[]): Overlap {
  const vocabulary = new Map<string, number>();
  const ids: number[] = []; // all samples, each ended by a word that is none
  const owner: number[] = [];
  samples.forEach((sample, at) => {
    for (const word of wordsOf(sample)) {
      if (!vocabulary.has(word)) vocabulary.set(word, vocabulary.size);
      ids.push(vocabulary.get(word)!);
      owner.push(at);
    }
    ids.push(noWord);
    owner.push(at);
  });
  const width = vocabulary.size;
  const isWordSeen = new Uint8Array(width);
  const pairKey = (of: readonly number[], at: number): number => of[at]! * width + of[at + 1]!;
  const runKey = (of: readonly number[], at: number): number => pairKey(of, at) * width + of[at + 2]!;
  const isRun = (of: readonly number[], at: number, words: number): boolean =>
    at + words <= of.length && !of.slice(at, at + words).includes(noWord);

  /** 0 = a pair of a sample that no text has had yet, 1 = one had it */
  const pairs = new Map<number, number>();
  const runs = new Map<number, number[]>();
  for (let at = 0; at < ids.length; at++) {
    if (isRun(ids, at, 2)) pairs.set(pairKey(ids, at), 0);
    if (!isRun(ids, at, order)) continue;
    const key = runKey(ids, at);
    const places = runs.get(key);
    if (places === undefined) runs.set(key, [at]);
    else places.push(at);
  }
  const longest = new Uint16Array(samples.length);

  const read = (text: string): void => {
    const words = wordsOf(text).map((word) => vocabulary.get(word) ?? noWord);
    for (let at = 0; at < words.length; at++) {
      if (words[at] === noWord) continue;
      isWordSeen[words[at]!] = 1;
      if (!isRun(words, at, 2)) continue;
      const pair = pairKey(words, at);
      if (!pairs.has(pair)) continue;
      pairs.set(pair, 1);
      if (!isRun(words, at, order)) continue;
      const before = words[at - 1] ?? noWord;
      for (const place of runs.get(runKey(words, at)) ?? []) {
        // begun a word earlier, it was counted there
        if (before !== noWord && ids[place - 1] === before) continue;
        let length = order;
        while (
          at + length < words.length &&
          words[at + length] !== noWord &&
          ids[place + length] === words[at + length]
        )
          length++;
        if (length > longest[owner[place]!]!) longest[owner[place]!] = length;
      }
    }
  };

  return {
    read,
    longest() {
      const result = Array.from(longest);
      for (let at = 0; at < ids.length; at++) {
        const sample = owner[at]!;
        if (ids[at] === noWord) continue;
        if (isWordSeen[ids[at]!] === 1) result[sample] = Math.max(result[sample]!, 1);
        if (isRun(ids, at, 2) && pairs.get(pairKey(ids, at)) === 1) result[sample] = Math.max(result[sample]!, 2);
      }
      return result;
    },
  };
}

/** The value below or at which this share of the numbers lies (nearest rank). */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
}
