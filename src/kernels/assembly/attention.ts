// Causal attention with grouped keys. A thread takes whole heads; for a head of keys it packs K and V once and then goes
// through the queries in strips of a tile's rows, whose scores (tileRows, length) stay in the L1 cache: a score matrix never exists.
// Only the part of the scores at or below the diagonal is computed, to within a tile.

import { tileRows } from './microkernel';
import { exponentialTable, max4, softmaxExp4, sum4 } from './math';
import { multiplyStrip, packColumnMajor, packRowMajor, panelRow } from './panels';
import { address, first, int, last, scratch } from './shared';

// @ts-ignore: decorator
@inline export function align64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}
// @ts-ignore: decorator
@inline export function panelsOf(columns: i32): usize {
  return <usize>((columns + 7) >> 3);
}

export function attention(entry: usize): void {
  const qkv = address(entry, 0);
  const out = address(entry, 1);
  const lse = address(entry, 2);
  const batch = int(entry, 3);
  const length = int(entry, 4);
  const heads = int(entry, 5);
  const kvHeads = int(entry, 6);
  const headWidth = int(entry, 7);
  const group = heads / kvHeads;
  const headBytes = <usize>headWidth << 2;
  const ld = <usize>(heads + 2 * kvHeads) * headBytes;
  const ldo = <usize>heads * headBytes;
  const scale: f32 = 1 / sqrt<f32>(<f32>headWidth);

  const keyPanel = <usize>headWidth * panelRow;
  const valuePanel = align64(<usize>length * panelRow) + 64;
  const ldScores = (panelsOf(length) << 5) + 64;
  const scores = scratch;
  const keys = align64(scores + <usize>tileRows * ldScores);
  const values = align64(keys + panelsOf(length) * keyPanel);

  let packed = -1;
  for (let unit = first(batch * heads); unit < last(batch * heads); unit++) {
    const b = unit / heads;
    const h = unit % heads;
    const kv = h / group;
    const rows = qkv + <usize>(b * length) * ld;
    if (packed != b * kvHeads + kv) {
      packed = b * kvHeads + kv;
      const k = rows + <usize>(heads + kv) * headBytes;
      packColumnMajor(k, ld, headWidth, length, keys, keyPanel);
      packRowMajor(k + <usize>kvHeads * headBytes, ld, length, headWidth, values, valuePanel);
    }
    for (let i = 0; i < length; i += tileRows) {
      const strip = min(tileRows, length - i);
      const seen = i + strip; // keys that the strip's last query sees
      const q = rows + <usize>i * ld + <usize>h * headBytes;
      multiplyStrip(false, strip, (seen + 7) & ~7, headWidth, q, ld, keys, keyPanel, scores, ldScores, 0);
      const to = out + <usize>(b * length + i) * ldo + <usize>h * headBytes;
      const sums = lse + (<usize>(unit * length + i) << 2);
      for (let r = 0; r < strip; r++) {
        softmaxRow(scores + <usize>r * ldScores, i + r + 1, seen, scale, sums + (<usize>r << 2));
      }
      multiplyStrip(false, strip, headWidth, seen, scores, ldScores, values, valuePanel, to, ldo, 0);
    }
  }
}

/** softmax(scale x) of the first n elements of a row in place, 0 from there to `end`; log-sum-exp to `lse` */
function softmaxRow(row: usize, n: i32, end: i32, scale: f32, lse: usize): void {
  const fours = row + (<usize>(n & ~3) << 2);
  const stop = row + (<usize>n << 2);
  let highest = f32x4.splat(-3.4028234e38);
  let at = row;
  for (; at < fours; at += 16) highest = f32x4.pmax(highest, v128.load(at));
  for (; at < stop; at += 4) highest = f32x4.pmax(highest, v128.load32_splat(at));
  const top = max4(highest) * scale;
  const tops = f32x4.splat(top);
  const scales = f32x4.splat(scale);
  let sum = f32x4.splat(0);
  const table = exponentialTable;
  for (at = row; at < fours; at += 16) {
    const e = softmaxExp4(f32x4.sub(f32x4.mul(v128.load(at), scales), tops), table);
    sum = f32x4.add(sum, e);
    v128.store(at, e);
  }
  let total = sum4(sum);
  for (; at < stop; at += 4) {
    const e = f32x4.extract_lane(softmaxExp4(f32x4.sub(f32x4.mul(v128.load32_splat(at), scales), tops), table), 0);
    total += e;
    store<f32>(at, e);
  }
  const factors = f32x4.splat(1 / total);
  for (at = row; at < stop; at += 16) v128.store(at, f32x4.mul(v128.load(at), factors));
  for (let j = n; j < end; j++) store<f32>(row + (<usize>j << 2), 0);
  store<f32>(lse, <f32>(Math.log(<f64>total) + <f64>top));
}
