/**
 * Near duplicates: texts whose sets of word 3-shingles have a Jaccard resemblance (Broder 1997, "On the resemblance and
 * containment of documents") of at least a threshold. Copies of a text make a model give it back (Lee et al. 2022,
 * "Deduplicating Training Data Makes Language Models Better", which takes 0.8 as well).
 * Found by prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007, "Scaling up all pairs
 * similarity search"): with all shingles in one order, the rarest first, two sets that resemble each other by t share one
 * of the first `n - ceil(t n) + 1` of each. Shingles that stand in one text only are never looked up, so ordinary chats
 * cost about linear time; and unlike MinHash it misses nothing and needs no chance.
 * Not covered: texts of fewer words than a shingle, and paraphrases.
 */

export const shingleWords = 3;
export const resemblance = 0.8;

export interface NearDuplicates {
  /** (texts) 1 where a text resembles an earlier one that itself resembles none before it */
  repeats: Uint8Array;
  /** pairs whose sets were compared: the cost beyond linear */
  compared: number;
}

/** Fingerprints of a text's shingles, ascending. */
type ShingleSet = Float64Array;

/**
 * The first of a group stays, so that no two texts that stay resemble each other.
 * @param texts the words of each, in the order in which they count as first
 */
export function findNearDuplicates(texts: Iterable<readonly string[]>, threshold = resemblance): NearDuplicates {
  const sets = Array.from(texts, shinglesOf);
  const counts = countRepeated(sets);
  const repeats = new Uint8Array(sets.length);
  const holders = new Map<number, number[]>();
  let compared = 0;

  const resemblesEarlier = (set: ShingleSet, prefix: readonly number[]): boolean => {
    const seen = new Set<number>();
    for (const shingle of prefix) {
      for (const earlier of holders.get(shingle) ?? []) {
        const other = sets[earlier]!;
        if (seen.has(earlier) || Math.min(set.length, other.length) < threshold * Math.max(set.length, other.length))
          continue;
        seen.add(earlier);
        compared++;
        if (jaccard(set, other) >= threshold) return true;
      }
    }
    return false;
  };
  sets.forEach((set, at) => {
    const prefix = rarePrefix(set, counts, threshold);
    if (resemblesEarlier(set, prefix)) {
      repeats[at] = 1;
      return;
    }
    for (const shingle of prefix) {
      const list = holders.get(shingle);
      if (list === undefined) holders.set(shingle, [at]);
      else list.push(at);
    }
  });
  return { repeats, compared };
}

/** Those of the first `n - ceil(t n) + 1` shingles, rarest first, that stand in another text too. */
function rarePrefix(set: ShingleSet, counts: ReadonlyMap<number, number>, threshold: number): number[] {
  const needed = Math.ceil(threshold * set.length - 1e-9);
  const shared: { shingle: number; count: number }[] = [];
  for (const shingle of set) {
    const count = counts.get(shingle);
    if (count !== undefined) shared.push({ shingle, count });
  }
  const unique = set.length - shared.length;
  shared.sort((a, b) => a.count - b.count || a.shingle - b.shingle);
  return shared.slice(0, Math.max(0, set.length - needed + 1 - unique)).map(({ shingle }) => shingle);
}

/** Jaccard resemblance of two sets in ascending order, 0 to 1; 0 where both are empty. */
export function jaccard(a: ShingleSet, b: ShingleSet): number {
  let shared = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) shared++;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  return shared === 0 ? 0 : shared / (a.length + b.length - shared);
}

/**
 * Fingerprints of every 3 words in a row, labelled by occurrence (Broder 1997): the second "no no no" of a text is another
 * element than the first, so that what repeats itself does not resemble all that repeats the same.
 */
export function shinglesOf(words: readonly string[]): ShingleSet {
  const occurrences = new Map<string, number>();
  const shingles = new Float64Array(Math.max(0, words.length - shingleWords + 1));
  for (let at = 0; at < shingles.length; at++) {
    const text = words.slice(at, at + shingleWords).join(' ');
    const before = occurrences.get(text) ?? 0;
    occurrences.set(text, before + 1);
    shingles[at] = fingerprint(before === 0 ? text : `${text}#${before}`);
  }
  return shingles.sort();
}

/** How many sets hold a shingle, for those that more than one holds. */
function countRepeated(sets: readonly ShingleSet[]): Map<number, number> {
  const all = new Float64Array(sets.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const set of sets) {
    all.set(set, end);
    end += set.length;
  }
  all.sort();
  const counts = new Map<number, number>();
  for (let at = 1; at < end; at++) {
    if (all[at] === all[at - 1]) counts.set(all[at]!, (counts.get(all[at]!) ?? 1) + 1);
  }
  return counts;
}

/** 52 bits of two multiplicative hashes (FNV-1a and a sibling of it): a million shingles collide once in 9,000 chats. */
function fingerprint(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return (a >>> 0) * 0x100000 + ((b ^ (a >>> 7)) >>> 12);
}
