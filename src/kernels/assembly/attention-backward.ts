// Gradient of causal attention, all of dqkv. Probabilities are computed again from q, k and the log-sum-exp. A thread takes
// a head of keys with every head of queries that reads it, so that no two threads add to the same keys.
//
//   p = exp(scale q k' - lse)   dp = dout v'   ds = p (dp - rowsum(dout out)) scale
//   dq = ds k   dk = ds' q   dv = p' dout
//
// Queries go by blocks of rows, from the last: the last block reaches every key and writes dk and dv, the others add.

import { align64, panelsOf } from './attention';
import { exponentialTable, softmaxExp4, sum4 } from './math';
import { tileRows } from './microkernel';
import { multiplyStrip, packColumnMajor, packRowMajor, panelRow } from './panels';
import { address, first, int, last, scratch } from './shared';

const mostRows: i32 = (64 / tileRows) * tileRows;
// words of a block of scores that two of them share the L2 cache with
const blockWords: i32 = 1 << 16;

export function attentionBackward(entry: usize): void {
  const qkv = address(entry, 0);
  const out = address(entry, 1);
  const lse = address(entry, 2);
  const dout = address(entry, 3);
  const dqkv = address(entry, 4);
  const batch = int(entry, 5);
  const length = int(entry, 6);
  const heads = int(entry, 7);
  const kvHeads = int(entry, 8);
  const headWidth = int(entry, 9);
  const group = heads / kvHeads;
  const headBytes = <usize>headWidth << 2;
  const ld = <usize>(heads + 2 * kvHeads) * headBytes;
  const ldo = <usize>heads * headBytes;
  const scale: f32 = 1 / sqrt<f32>(<f32>headWidth);

  const ldScores = (panelsOf(length) << 5) + 64;
  const blockRows = max(tileRows, min(mostRows, (blockWords / <i32>(ldScores >> 2) / tileRows) * tileRows));
  const byKey = <usize>headWidth * panelRow; // panels of 8 keys
  const byColumn = align64(<usize>length * panelRow) + 64; // panels of 8 columns of a head, over all keys
  const blockPanel = <usize>blockRows * panelRow + 64; // and over a block of queries
  const p = scratch;
  const ds = align64(p + <usize>blockRows * ldScores);
  const keysT = align64(ds + <usize>blockRows * ldScores);
  const valuesT = align64(keysT + panelsOf(length) * byKey);
  const keys = align64(valuesT + panelsOf(length) * byKey);
  const queryBlock = align64(keys + panelsOf(headWidth) * byColumn);
  const gradientBlock = align64(queryBlock + panelsOf(headWidth) * blockPanel);

  for (let unit = first(batch * kvHeads); unit < last(batch * kvHeads); unit++) {
    const b = unit / kvHeads;
    const kv = unit % kvHeads;
    const rows = qkv + <usize>(b * length) * ld;
    const k = rows + <usize>(heads + kv) * headBytes;
    const v = k + <usize>kvHeads * headBytes;
    packColumnMajor(k, ld, headWidth, length, keysT, byKey);
    packColumnMajor(v, ld, headWidth, length, valuesT, byKey);
    packRowMajor(k, ld, length, headWidth, keys, byColumn);
    const dk = dqkv + (k - qkv);
    const dv = dqkv + (v - qkv);

    for (let h = kv * group; h < (kv + 1) * group; h++) {
      const q = rows + <usize>h * headBytes;
      const dq = dqkv + (q - qkv);
      const o = <usize>(b * length) * ldo + <usize>h * headBytes;
      const sums = lse + (<usize>((b * heads + h) * length) << 2);
      for (let i0 = ((length - 1) / blockRows) * blockRows; i0 >= 0; i0 -= blockRows) {
        const block = min(blockRows, length - i0);
        for (let i = 0; i < block; i += tileRows) {
          const strip = min(tileRows, block - i);
          const row = <usize>(i0 + i);
          const seen = i0 + i + strip;
          const columns = (seen + 7) & ~7;
          const at = <usize>i * ldScores;
          multiplyStrip(false, strip, columns, headWidth, q + row * ld, ld, keysT, byKey, p + at, ldScores, 0);
          multiplyStrip(false, strip, columns, headWidth, dout + o + row * ldo, ldo, valuesT, byKey, ds + at, ldScores, 0);
          for (let r = 0; r < strip; r++) {
            const query = row + <usize>r;
            const mean = dot(dout + o + query * ldo, out + o + query * ldo, headBytes);
            const line = at + <usize>r * ldScores;
            scoreGradient(p + line, ds + line, <i32>query + 1, seen, scale, load<f32>(sums + (query << 2)), mean);
          }
          multiplyStrip(false, strip, headWidth, seen, ds + at, ldScores, keys, byColumn, dq + row * ld, ld, 0);
        }
        packRowMajor(q + <usize>i0 * ld, ld, block, headWidth, queryBlock, blockPanel);
        packRowMajor(dout + o + <usize>i0 * ldo, ldo, block, headWidth, gradientBlock, blockPanel);
        const add = i32(h > kv * group || i0 + block < length);
        for (let j = 0; j < i0 + block; j += tileRows) {
          const strip = min(tileRows, i0 + block - j);
          const skip = max(0, j - i0); // queries of the block before key j do not see it
          const count = block - skip;
          const from = <usize>skip * ldScores + (<usize>j << 2);
          const panels = <usize>skip * panelRow;
          const key = <usize>j * ld;
          multiplyStrip(true, strip, headWidth, count, p + from, ldScores, gradientBlock + panels, blockPanel, dv + key, ld, add);
          multiplyStrip(true, strip, headWidth, count, ds + from, ldScores, queryBlock + panels, blockPanel, dk + key, ld, add);
        }
      }
    }
  }
}

function dot(a: usize, b: usize, bytes: usize): f32 {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  return sum4(sum);
}

/** p: scores -> probabilities; ds: dp -> p (dp - mean) scale; both 0 from n to `end`, which the other queries of the strip see */
function scoreGradient(p: usize, ds: usize, n: i32, end: i32, scale: f32, lse: f32, mean: f32): void {
  const bytes = <usize>n << 2;
  const scales = f32x4.splat(scale);
  const offsets = f32x4.splat(lse);
  const means = f32x4.splat(mean);
  const table = exponentialTable;
  // the last vector may reach past n: into padding that is zeroed below
  for (let at: usize = 0; at < bytes; at += 16) {
    const e = softmaxExp4(f32x4.sub(f32x4.mul(v128.load(p + at), scales), offsets), table);
    v128.store(p + at, e);
    v128.store(ds + at, f32x4.mul(f32x4.mul(e, scales), f32x4.sub(v128.load(ds + at), means)));
  }
  for (let j = n; j < end; j++) {
    store<f32>(p + (<usize>j << 2), 0);
    store<f32>(ds + (<usize>j << 2), 0);
  }
}
