/**
 * Applying merges to one word: the earliest learned merge first, the leftmost of equals, until none is left. Short words
 * rescan their pairs; long ones keep them in a heap over a linked list, so that one endless "word" (a page of combining
 * marks) takes n log n and not quadratic time. Nothing is allocated per merge: buffers grow with the longest word seen.
 */
import type { Merge } from './bpe-model.ts';

/** Joins the first `length` ids of a buffer in place. @returns how many ids are left at its start */
export type Merger = (ids: Int32Array, length: number) => number;

const none = 0x7fffffff;
/** Longest word for which a rescan per merge is faster than a heap. */
const longestScanned = 48;
/** Heap entries are rank * positions + position: by rank, then from the left. */
const positions = 2 ** 31;

export function createMerger(merges: readonly Merge[]): Merger {
  const rankOf = createPairTable(merges);
  const joinedBy = Int32Array.from(merges, ([, , joined]) => joined);
  const ranks = new Int32Array(longestScanned);
  let next = new Int32Array(0);
  let previous = new Int32Array(0);
  const heap = createNumberHeap();

  function mergeShort(ids: Int32Array, length: number): number {
    for (let i = 0; i + 1 < length; i++) ranks[i] = rankOf(ids[i]!, ids[i + 1]!);
    for (let end = length; ; end--) {
      let best = none;
      let at = 0;
      for (let i = 0; i + 1 < end; i++) {
        if (ranks[i]! < best) {
          best = ranks[i]!;
          at = i;
        }
      }
      if (best === none) return end;
      ids[at] = joinedBy[best]!;
      for (let i = at + 1; i + 1 < end; i++) {
        ids[i] = ids[i + 1]!;
        ranks[i] = ranks[i + 1]!;
      }
      if (at > 0) ranks[at - 1] = rankOf(ids[at - 1]!, ids[at]!);
      if (at + 2 < end) ranks[at] = rankOf(ids[at]!, ids[at + 1]!);
    }
  }

  function mergeLong(ids: Int32Array, length: number): number {
    if (next.length < length) {
      next = new Int32Array(2 * length);
      previous = new Int32Array(2 * length);
    }
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    const rankAt = (at: number): number => (next[at]! < length ? rankOf(ids[at]!, ids[next[at]!]!) : none);
    const offer = (at: number): void => {
      const rank = rankAt(at);
      if (rank !== none) heap.push(rank * positions + at);
    };
    for (let at = 0; at + 1 < length; at++) offer(at);
    while (heap.size() > 0) {
      const entry = heap.pop();
      const at = entry % positions;
      const rank = Math.floor(entry / positions);
      // ids[at] is -1 once swallowed; a pair that changed since it was offered is not this one any more
      if (ids[at] === -1 || rankAt(at) !== rank) continue;
      const swallowed = next[at]!;
      ids[at] = joinedBy[rank]!;
      ids[swallowed] = -1;
      next[at] = next[swallowed]!;
      if (next[at] < length) previous[next[at]] = at;
      offer(at);
      if (previous[at]! >= 0) offer(previous[at]!);
    }
    let kept = 0;
    for (let i = 0; i < length; i++) if (ids[i] !== -1) ids[kept++] = ids[i]!;
    return kept;
  }

  return (ids, length) => {
    if (length < 2) return length;
    return length <= longestScanned ? mergeShort(ids, length) : mergeLong(ids, length);
  };
}

/** Rank of a pair, `none` where no merge joins it. Open addressing at most half full; the last of two equal pairs counts. */
function createPairTable(merges: readonly Merge[]): (left: number, right: number) => number {
  let slots = 1024;
  while (slots < 2 * merges.length) slots *= 2;
  const mask = slots - 1;
  // left, right, rank, unused: one cache line holds a slot
  const table = new Int32Array(4 * slots).fill(-1);
  const slotOf = (left: number, right: number): number => {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (table[4 * slot] !== -1 && (table[4 * slot] !== left || table[4 * slot + 1] !== right))
      slot = (slot + 1) & mask;
    return 4 * slot;
  };
  merges.forEach(([left, right], rank) => {
    table.set([left, right, rank], slotOf(left, right));
  });
  return (left, right) => {
    const at = slotOf(left, right);
    return table[at] === -1 ? none : table[at + 2]!;
  };
}

/** Binary min-heap of numbers. */
function createNumberHeap() {
  let items = new Float64Array(1024);
  let size = 0;

  const push = (item: number): void => {
    if (size === items.length) {
      const grown = new Float64Array(2 * size);
      grown.set(items);
      items = grown;
    }
    let i = size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]! <= item) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  };

  /** the least; only where `size()` is not 0 */
  const pop = (): number => {
    const first = items[0]!;
    const last = items[--size]!;
    let i = 0;
    for (let child = 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return first;
  };

  return { push, pop, size: () => size };
}
