/**
 * Learning merges from texts (Sennrich et al. 2016), as Hugging Face's `BpeTrainer(min_frequency=2)` with a `ByteLevel`
 * pre-tokenizer and alphabet does: the same texts give the same merges there, ids apart. Two differences: pre-tokens longer
 * than `maxTrainedBytes` are left out here, and ids keep bytes in numeric order.
 */
import { check } from '../util/errors.ts';
import { layOut, byteCount, type BpeModel } from './bpe-model.ts';
import { bytesInOrder } from './byte-alphabet.ts';
import { createHeap } from './heap.ts';
import { preTokenize } from './pre-tokenizer.ts';

export interface TrainBpeOptions {
  /** ids wanted, specials and bytes included; fewer come out when no pair is left that occurs twice */
  vocabSize: number;
  specials: readonly string[];
  /** called now and then with the number of merges learned and wanted */
  onProgress?: (done: number, wanted: number) => void;
}

/** Pair keys are `left * maxVocab + right`. */
const maxVocab = 65536;
/** A pair that occurs once is nobody's habit, and its token would hold a private word. */
const minPairCount = 2;
/** Longer pre-tokens (a page of "aaaa", base64) teach no words and slow training down. */
const maxTrainedBytes = 512;
const progressEvery = 256;

/**
 * Learn merges, most frequent pair first; equal counts go to the lower left id, then the lower right id, as
 * Hugging Face numbers them (bytes by their character in tokenizer.json, then merges by age). The same texts give the same
 * model, in any order. Counts are kept up to date from merge to merge.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): BpeModel {
  const { vocabSize, specials } = options;
  const firstByte = specials.length;
  const firstMerge = firstByte + byteCount;
  check(vocabSize >= firstMerge && vocabSize <= maxVocab, `vocabSize ${vocabSize}, not in ${firstMerge}..${maxVocab}`);
  // counted in Hugging Face's ids: the bytes in its order, then the merges; ours have the specials and the bytes first
  const { words, counts } = countWords(texts);
  const pairs = countPairs(words, counts);
  const merges: [number, number][] = [];
  const wanted = vocabSize - firstMerge;
  const ownId = (id: number): number => firstByte + (bytesInOrder[id] ?? id);
  while (merges.length < wanted) {
    const pair = pairs.takeBest();
    if (pair === undefined) break;
    const left = Math.floor(pair / maxVocab);
    const right = pair % maxVocab;
    pairs.merge(pair, left, right, byteCount + merges.length);
    merges.push([ownId(left), ownId(right)]);
    if (merges.length % progressEvery === 0) options.onProgress?.(merges.length, wanted);
  }
  options.onProgress?.(merges.length, wanted);
  return layOut(specials, merges);
}

const orderOfByte = Int32Array.from({ length: byteCount }, (_, byte) => bytesInOrder.indexOf(byte));

/** Distinct pre-tokens as bytes in Hugging Face's order, and how often each occurs. */
function countWords(texts: Iterable<string>): { words: Int32Array[]; counts: number[] } {
  const countOf = new Map<string, number>();
  for (const text of texts) {
    for (const word of preTokenize(text)) countOf.set(word, (countOf.get(word) ?? 0) + 1);
  }
  const words: Int32Array[] = [];
  const counts: number[] = [];
  for (const [word, count] of countOf) {
    const bytes = Buffer.from(word);
    if (bytes.length < 2 || bytes.length > maxTrainedBytes) continue;
    words.push(Int32Array.from(bytes, (byte) => orderOfByte[byte]!));
    counts.push(count);
  }
  return { words, counts };
}

/** Counts of neighbouring ids over all words, with the words that hold each pair. Shortens `words` as it merges. */
function countPairs(words: Int32Array[], counts: number[]) {
  const countOf = new Map<number, number>();
  const wordsWith = new Map<number, number[]>();
  // entries may be older than the counts: a count that fell since is put back when its entry comes up
  const best = createHeap<readonly [count: number, pair: number]>(
    (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] < b[1]),
  );

  const add = (left: number, right: number, word: number): number => {
    const pair = left * maxVocab + right;
    countOf.set(pair, (countOf.get(pair) ?? 0) + counts[word]!);
    const holders = wordsWith.get(pair);
    if (holders === undefined) wordsWith.set(pair, [word]);
    else if (holders.at(-1) !== word) holders.push(word);
    return pair;
  };
  const remove = (left: number, right: number, word: number): void => {
    const pair = left * maxVocab + right;
    countOf.set(pair, (countOf.get(pair) ?? 0) - counts[word]!);
  };

  words.forEach((ids, word) => {
    for (let i = 0; i + 1 < ids.length; i++) add(ids[i]!, ids[i + 1]!, word);
  });
  for (const [pair, count] of countOf) best.push([count, pair]);

  const takeBest = (): number | undefined => {
    for (let entry = best.pop(); entry !== undefined; entry = best.pop()) {
      const [count, pair] = entry;
      const now = countOf.get(pair) ?? 0;
      if (now < minPairCount) continue;
      if (now === count) return pair;
      best.push([now, pair]);
    }
    return undefined;
  };

  const merge = (pair: number, left: number, right: number, joined: number): void => {
    const grown = new Set<number>();
    for (const word of wordsWith.get(pair) ?? []) {
      const ids = words[word]!;
      let end = 0;
      for (let i = 0; i < ids.length; end++) {
        if (ids[i] !== left || i + 1 >= ids.length || ids[i + 1] !== right) {
          ids[end] = ids[i++]!;
          continue;
        }
        if (end > 0) {
          remove(ids[end - 1]!, left, word);
          grown.add(add(ids[end - 1]!, joined, word));
        }
        i += 2;
        if (i < ids.length) {
          remove(right, ids[i]!, word);
          grown.add(add(joined, ids[i]!, word));
        }
        ids[end] = joined;
      }
      words[word] = ids.subarray(0, end);
    }
    countOf.delete(pair);
    wordsWith.delete(pair);
    for (const changed of grown) best.push([countOf.get(changed)!, changed]);
  };

  return { takeBest, merge };
}
