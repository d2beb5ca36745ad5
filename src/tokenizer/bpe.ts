/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2): learns merges from texts, then turns text
 * into ids and back without loss. Ids: special tokens first, then the 256 bytes, then one id per merge.
 * Pre-tokens are those of Hugging Face `ByteLevel(add_prefix_space=False, use_regex=True)`, so that tokenizer.json
 * gives the same ids there. Not covered: special tokens in text. `encode` treats them as the plain text they are.
 */
import { check } from '../util/errors.ts';
import { createHeap } from './heap.ts';

/** All that a tokenizer is made of. Merge `i` joins two ids into id `specials.length + 256 + i`. */
export interface BpeModel {
  specials: readonly string[];
  merges: readonly (readonly [left: number, right: number])[];
}

export interface TrainBpeOptions {
  /** ids wanted, specials and bytes included; fewer come out when no pair is left that occurs twice */
  vocabSize: number;
  specials: readonly string[];
  /** called now and then with the number of merges learned and wanted */
  onProgress?: (done: number, wanted: number) => void;
}

export interface Tokenizer {
  readonly vocabSize: number;
  /** Ids of plain text, never a special one. Lone surrogates become U+FFFD, everything else comes back from `decode`. */
  encode(text: string): number[];
  /** Text of ids; specials are skipped, bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Id of a special token by its name (`<|end|>`); throws on a name that is none. */
  specialId(name: string): number;
  isSpecial(id: number): boolean;
  /** UTF-8 bytes that an id stands for; 0 for specials. */
  byteLength(id: number): number;
}

const byteCount = 256;
/** Pair keys are `left * maxVocab + right`. */
const maxVocab = 65536;
/** A pair that occurs once is nobody's habit, and its token would hold a private word. */
const minPairCount = 2;
/** Longer pre-tokens (a page of "aaaa", base64) teach no words and slow training down. */
const maxTrainedBytes = 512;
const progressEvery = 256;
const maxCachedPreTokens = 50_000;
const maxCachedLength = 48;

/**
 * GPT-2's pre-tokenizer. White space is Unicode's, as in Rust and Oniguruma; JavaScript's own \s would add U+FEFF and
 * miss U+0085. A lone surrogate falls in the class of U+FFFD, by which it is replaced, so cuts are the same.
 */
const preTokens =
  /'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The pieces that no merge crosses; joined they are the text. */
export function preTokenize(text: string): string[] {
  return text.match(preTokens) ?? [];
}

/** Bytes of every id, specials empty. Checks that each merge joins ids that exist before it. */
export function tokenBytes(model: BpeModel): Uint8Array[] {
  const firstByte = model.specials.length;
  const bytes: Uint8Array[] = model.specials.map(() => new Uint8Array(0));
  for (let byte = 0; byte < byteCount; byte++) bytes.push(Uint8Array.of(byte));
  for (const [left, right] of model.merges) {
    const parts = [bytes[left], bytes[right]];
    check(
      left >= firstByte && right >= firstByte && parts[0] && parts[1],
      `merge ${left} ${right} of ids not yet known`,
    );
    bytes.push(Buffer.concat([parts[0], parts[1]]));
  }
  return bytes;
}

// === Training

/**
 * Learn merges, most frequent pair first; equal counts go by left id, then right id, so the same texts in the same
 * order always give the same model (in another order too). Counts are kept up to date from merge to merge.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): BpeModel {
  const { vocabSize, specials } = options;
  const firstByte = specials.length;
  const firstMerge = firstByte + byteCount;
  check(vocabSize >= firstMerge && vocabSize <= maxVocab, `vocabSize ${vocabSize}, not in ${firstMerge}..${maxVocab}`);
  const { words, counts } = countWords(texts, firstByte);
  const pairs = countPairs(words, counts);
  const merges: [number, number][] = [];
  const wanted = vocabSize - firstMerge;
  while (merges.length < wanted) {
    const pair = pairs.takeBest();
    if (pair === undefined) break;
    const left = Math.floor(pair / maxVocab);
    const right = pair % maxVocab;
    pairs.merge(pair, left, right, firstMerge + merges.length);
    merges.push([left, right]);
    if (merges.length % progressEvery === 0) options.onProgress?.(merges.length, wanted);
  }
  options.onProgress?.(merges.length, wanted);
  return { specials: [...specials], merges };
}

/** Distinct pre-tokens as byte ids, and how often each occurs. */
function countWords(texts: Iterable<string>, firstByte: number): { words: Int32Array[]; counts: number[] } {
  const countOf = new Map<string, number>();
  for (const text of texts) {
    for (const word of preTokenize(text)) countOf.set(word, (countOf.get(word) ?? 0) + 1);
  }
  const words: Int32Array[] = [];
  const counts: number[] = [];
  for (const [word, count] of countOf) {
    const bytes = Buffer.from(word);
    if (bytes.length < 2 || bytes.length > maxTrainedBytes) continue;
    words.push(Int32Array.from(bytes, (byte) => firstByte + byte));
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

// === Encoding and decoding

export function createTokenizer(model: BpeModel): Tokenizer {
  const firstByte = model.specials.length;
  const bytesOf = tokenBytes(model);
  const vocabSize = bytesOf.length;
  check(vocabSize <= maxVocab, `vocabulary of ${vocabSize}, more than ${maxVocab}`);
  const specialIds = new Map(model.specials.map((name, id) => [name, id]));
  const joinedBy = new Map(
    model.merges.map(([left, right], rank) => [left * maxVocab + right, firstByte + byteCount + rank]),
  );
  const cache = new Map<string, readonly number[]>();

  const encodeCached = (word: string): readonly number[] => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    const ids = mergeAll(
      Array.from(Buffer.from(word), (byte) => firstByte + byte),
      joinedBy,
    );
    if (word.length <= maxCachedLength) {
      if (cache.size >= maxCachedPreTokens) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  };

  return {
    vocabSize,
    encode: (text) => {
      const ids: number[] = [];
      for (const word of preTokenize(text)) for (const id of encodeCached(word)) ids.push(id);
      return ids;
    },
    decode: (ids) => {
      const parts: Uint8Array[] = [];
      for (const id of ids) {
        const bytes = bytesOf[id];
        check(bytes, `id ${id} of a vocabulary of ${vocabSize}`);
        parts.push(bytes);
      }
      return Buffer.concat(parts).toString();
    },
    specialId: (name) => {
      const id = specialIds.get(name);
      check(id !== undefined, `no special token is called ${name}`);
      return id;
    },
    isSpecial: (id) => id >= 0 && id < firstByte,
    byteLength: (id) => bytesOf[id]?.length ?? 0,
  };
}

/**
 * Join neighbours, the earliest learned merge first and the leftmost of equals, until none is left. A heap and a linked
 * list keep one endless "word" (a message of combining marks) from taking quadratic time.
 */
function mergeAll(ids: number[], joinedBy: ReadonlyMap<number, number>): readonly number[] {
  if (ids.length < 2) return ids;
  const end = ids.length;
  const next = Int32Array.from(ids, (_, i) => i + 1);
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const pending = createHeap<number>((a, b) => a < b); // joined * 2^31 + position: by rank, then from the left
  const offer = (at: number): void => {
    const joined = next[at]! < end ? joinedBy.get(ids[at]! * maxVocab + ids[next[at]!]!) : undefined;
    if (joined !== undefined) pending.push(joined * 2 ** 31 + at);
  };

  for (let at = 0; at + 1 < end; at++) offer(at);
  for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
    const at = entry % 2 ** 31;
    const joined = Math.floor(entry / 2 ** 31);
    // ids[at] is -1 once swallowed; a pair that changed since it was offered is not this one any more
    if (ids[at] === -1 || next[at]! >= end) continue;
    if (joinedBy.get(ids[at]! * maxVocab + ids[next[at]!]!) !== joined) continue;
    const swallowed = next[at]!;
    ids[at] = joined;
    ids[swallowed] = -1;
    next[at] = next[swallowed]!;
    if (next[at] < end) previous[next[at]] = at;
    offer(at);
    if (previous[at]! >= 0) offer(previous[at]!);
  }
  return ids.filter((id) => id !== -1);
}
