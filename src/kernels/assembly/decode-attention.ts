// Attention of one query a stream: over the rows of keys and values that all streams share (the prompt), then over the
// stream's own. Caches are (rows, kvHeads * headWidth). Threads take (head of keys, stream, head of queries), in this order,
// so that a thread reads the shared rows of a head while they are still in its cache.

import { exponentialTable, max4, softmaxExp4, sum4 } from './math';
import { address, first, int, last, scratch } from './shared';

export function decodeAttention(entry: usize): void {
  const q = address(entry, 0);
  const ldq = address(entry, 1) << 2;
  const sharedK = address(entry, 2);
  const sharedV = address(entry, 3);
  const sharedLength = int(entry, 4);
  const ownK = address(entry, 5);
  const ownV = address(entry, 6);
  const ownLength = int(entry, 7);
  const ownStride = address(entry, 8) << 2;
  const streams = int(entry, 9);
  const heads = int(entry, 10);
  const kvHeads = int(entry, 11);
  const headWidth = int(entry, 12);
  const out = address(entry, 13);
  const ldout = address(entry, 14) << 2;
  const group = heads / kvHeads;
  const headBytes = <usize>headWidth << 2;
  const ld = <usize>kvHeads * headBytes;
  const scale: f32 = 1 / sqrt<f32>(<f32>headWidth);
  const length = sharedLength + ownLength;
  const ownScores = scratch + (<usize>sharedLength << 2);
  for (let unit = first(heads * streams); unit < last(heads * streams); unit++) {
    const kv = unit / (group * streams);
    const stream = (unit / group) % streams;
    const h = kv * group + (unit % group);
    const query = q + <usize>stream * ldq + <usize>h * headBytes;
    const to = out + <usize>stream * ldout + <usize>h * headBytes;
    const head = <usize>kv * headBytes;
    const own = <usize>stream * ownStride + head;
    scores(query, headBytes, sharedK + head, ld, sharedLength, scale, scratch);
    scores(query, headBytes, ownK + own, ld, ownLength, scale, ownScores);
    const total = exponentials(scratch, length);
    memory.fill(to, 0, headBytes);
    addValues(scratch, sharedV + head, ld, sharedLength, to, headBytes);
    addValues(ownScores, ownV + own, ld, ownLength, to, headBytes);
    const factor = f32x4.splat(1 / total);
    for (let at: usize = 0; at < headBytes; at += 16) v128.store(to + at, f32x4.mul(v128.load(to + at), factor));
  }
}

/** to[j] = scale q . k_j */
function scores(q: usize, headBytes: usize, k: usize, ld: usize, length: i32, scale: f32, to: usize): void {
  let j = 0;
  let key = k;
  for (; j + 4 <= length; j += 4) {
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let c = f32x4.splat(0);
    let d = f32x4.splat(0);
    const key2 = key + 2 * ld;
    for (let at: usize = 0; at < headBytes; at += 16) {
      const x = v128.load(q + at);
      a = f32x4.add(a, f32x4.mul(x, v128.load(key + at)));
      b = f32x4.add(b, f32x4.mul(x, v128.load(key + ld + at)));
      c = f32x4.add(c, f32x4.mul(x, v128.load(key2 + at)));
      d = f32x4.add(d, f32x4.mul(x, v128.load(key2 + ld + at)));
    }
    // transposed and added: the four sums in one vector, in the order in which sum4 adds
    const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7));
    const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7));
    const sums = f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7));
    v128.store(to + (<usize>j << 2), f32x4.mul(sums, f32x4.splat(scale)));
    key += 4 * ld;
  }
  for (; j < length; j++) {
    let a = f32x4.splat(0);
    for (let at: usize = 0; at < headBytes; at += 16) a = f32x4.add(a, f32x4.mul(v128.load(q + at), v128.load(key + at)));
    store<f32>(to + (<usize>j << 2), sum4(a) * scale);
    key += ld;
  }
}

/** x = exp(x - max x) in place; their sum */
function exponentials(x: usize, count: i32): f32 {
  const fours = x + (<usize>(count & ~3) << 2);
  const end = x + (<usize>count << 2);
  let highest = f32x4.splat(-3.4028234e38);
  let at = x;
  for (; at < fours; at += 16) highest = f32x4.pmax(highest, v128.load(at));
  for (; at < end; at += 4) highest = f32x4.pmax(highest, v128.load32_splat(at));
  const tops = f32x4.splat(max4(highest));
  let sum = f32x4.splat(0);
  const table = exponentialTable;
  for (at = x; at < fours; at += 16) {
    const e = softmaxExp4(f32x4.sub(v128.load(at), tops), table);
    sum = f32x4.add(sum, e);
    v128.store(at, e);
  }
  let total = sum4(sum);
  for (; at < end; at += 4) {
    const e = f32x4.extract_lane(softmaxExp4(f32x4.sub(v128.load32_splat(at), tops), table), 0);
    total += e;
    store<f32>(at, e);
  }
  return total;
}

/** to (headWidth) += sum over j of p[j] v_j, 16 columns at a time */
function addValues(p: usize, v: usize, ld: usize, length: i32, to: usize, headBytes: usize): void {
  let at: usize = 0;
  const stop = p + (<usize>length << 2);
  for (; at + 64 <= headBytes; at += 64) {
    let a = v128.load(to + at);
    let b = v128.load(to + at, 16);
    let c = v128.load(to + at, 32);
    let d = v128.load(to + at, 48);
    let value = v + at;
    for (let share = p; share < stop; share += 4) {
      const s = v128.load32_splat(share);
      a = f32x4.add(a, f32x4.mul(s, v128.load(value)));
      b = f32x4.add(b, f32x4.mul(s, v128.load(value, 16)));
      c = f32x4.add(c, f32x4.mul(s, v128.load(value, 32)));
      d = f32x4.add(d, f32x4.mul(s, v128.load(value, 48)));
      value += ld;
    }
    v128.store(to + at, a);
    v128.store(to + at, b, 16);
    v128.store(to + at, c, 32);
    v128.store(to + at, d, 48);
  }
  for (; at < headBytes; at += 16) {
    let a = v128.load(to + at);
    let value = v + at;
    for (let share = p; share < stop; share += 4) {
      a = f32x4.add(a, f32x4.mul(v128.load32_splat(share), v128.load(value)));
      value += ld;
    }
    v128.store(to + at, a);
  }
}
