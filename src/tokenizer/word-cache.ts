/**
 * Ids of words that came before. Most words of a chat did, so this is where encoding spends its time: words are looked up
 * by their place in the text, without making a string of each. Fixed memory, about 7 MB; emptied when full.
 */

/** Longer words are rare and do not come back. */
const longestKept = 48;
const slotCount = 2 ** 17;
const maxWords = slotCount / 2;
const maxUnits = 2 ** 20;
const maxIds = 2 ** 20;

/** Appends the ids of `text.slice(from, to)`. */
export type WordEncoder = (text: string, from: number, to: number, ids: number[]) => void;

export function createWordCache(encode: (word: string) => Int32Array): WordEncoder {
  /** word + 1 by hash, open addressing; 0 where free */
  const slots = new Int32Array(slotCount);
  /** (maxWords + 1) where a word's UTF-16 code units and ids begin; they end where the next word's do */
  const unitsAt = new Int32Array(maxWords + 1);
  const idsAt = new Int32Array(maxWords + 1);
  const units = new Uint16Array(maxUnits);
  const idPool = new Int32Array(maxIds);
  let words = 0;

  const isWord = (word: number, text: string, from: number, to: number): boolean => {
    const start = unitsAt[word]!;
    if (unitsAt[word + 1]! - start !== to - from) return false;
    for (let i = 0; i < to - from; i++) if (units[start + i] !== text.charCodeAt(from + i)) return false;
    return true;
  };

  const keep = (slot: number, text: string, from: number, to: number, encoded: Int32Array): void => {
    const unitsEnd = unitsAt[words]! + to - from;
    const idsEnd = idsAt[words]! + encoded.length;
    if (words === maxWords || unitsEnd > maxUnits || idsEnd > maxIds) {
      slots.fill(0);
      words = 0;
      return; // kept when it comes again
    }
    for (let i = from; i < to; i++) units[unitsEnd - to + i] = text.charCodeAt(i);
    idPool.set(encoded, idsAt[words]);
    slots[slot] = ++words;
    unitsAt[words] = unitsEnd;
    idsAt[words] = idsEnd;
  };

  return (text, from, to, ids) => {
    if (to - from > longestKept) {
      for (const id of encode(text.slice(from, to))) ids.push(id);
      return;
    }
    let hash = 0;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1);
    let slot = (hash ^ (hash >>> 15)) & (slotCount - 1);
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (isWord(entry - 1, text, from, to)) {
        for (let i = idsAt[entry - 1]!; i < idsAt[entry]!; i++) ids.push(idPool[i]!);
        return;
      }
      slot = (slot + 1) & (slotCount - 1);
    }
    const encoded = encode(text.slice(from, to));
    for (const id of encoded) ids.push(id);
    keep(slot, text, from, to, encoded);
  };
}
