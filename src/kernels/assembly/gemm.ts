// c (m, n) (+)= op(a) op(b). B is packed into panels, a block of (blockK, blockN) at a time, small enough for the L2 cache.
// A is read where it is, row by row, unless it is stored transposed: then it is packed into strips of tileRows columns.
// Threads take columns or rows of c. A sum runs over k in order, in blocks of blockK, whatever the split.

import { address, first, int, last, scratch, shareOf, threadCount } from './shared';
import { tileColumns, tileRows } from './microkernel';
import { multiplyRows, multiplyStrip, packColumnMajor, packRowMajor, panelRow } from './panels';

const blockK: i32 = 384;
const blockN: i32 = 384;
const blockM: i32 = 16 * tileRows;
// a cache line more than the panel: panels a multiple of 4096 bytes apart would all fall on the same lines of the L1 cache
const panelPad: usize = 64;

export function gemm(entry: usize): void {
  const transA = int(entry, 0) != 0;
  const transB = int(entry, 1) != 0;
  const m = int(entry, 2);
  const n = int(entry, 3);
  const k = int(entry, 4);
  const a = address(entry, 5);
  const lda = address(entry, 6) << 2;
  const b = address(entry, 7);
  const ldb = address(entry, 8) << 2;
  const c = address(entry, 9);
  const ldc = address(entry, 10) << 2;
  const accumulate = int(entry, 11);
  if (k == 0) {
    if (!accumulate) for (let i = first(m); i < last(m); i++) memory.fill(c + <usize>i * ldc, 0, <usize>n << 2);
    return;
  }
  const strips = (m + tileRows - 1) / tileRows;
  const panels = (n + tileColumns - 1) / tileColumns;
  // the largest share counts; equal shares go by columns, because then nobody packs the same part of B
  const byRows = <f64>largestShare(strips) * panels < <f64>largestShare(panels) * strips;
  let m0 = 0;
  let m1 = m;
  let n0 = 0;
  let n1 = n;
  if (byRows) {
    m0 = min(m, first(strips) * tileRows);
    m1 = min(m, last(strips) * tileRows);
  } else {
    n0 = min(n, first(panels) * tileColumns);
    n1 = min(n, last(panels) * tileColumns);
  }
  if (m0 == m1 || n0 == n1) return;
  const part = a + (transA ? <usize>m0 << 2 : <usize>m0 * lda);
  const other = b + (transB ? <usize>n0 * ldb : <usize>n0 << 2);
  multiply(transA, transB, m1 - m0, n1 - n0, k, part, lda, other, ldb, c + <usize>m0 * ldc + (<usize>n0 << 2), ldc, accumulate);
}

function largestShare(count: i32): i32 {
  let largest = 0;
  for (let t = 0; t < threadCount; t++) largest = max(largest, shareOf(count, t + 1) - shareOf(count, t));
  return largest;
}

/** One thread's part. Strides in bytes. */
function multiply(
  transA: bool, transB: bool, m: i32, n: i32, k: i32, a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize,
  accumulate: i32,
): void {
  const strips = scratch;
  const panels = scratch + <usize>(blockK * blockM * 4);
  for (let k0 = 0; k0 < k; k0 += blockK) {
    const kc = min(blockK, k - k0);
    const add = accumulate | i32(k0 > 0);
    const panelBytes = <usize>kc * panelRow + panelPad;
    for (let n0 = 0; n0 < n; n0 += blockN) {
      const nc = min(blockN, n - n0);
      if (transB) packColumnMajor(b + <usize>n0 * ldb + (<usize>k0 << 2), ldb, kc, nc, panels, panelBytes);
      else packRowMajor(b + <usize>k0 * ldb + (<usize>n0 << 2), ldb, kc, nc, panels, panelBytes);
      const to = c + (<usize>n0 << 2);
      if (transA) {
        for (let m0 = 0; m0 < m; m0 += blockM) {
          const mc = min(blockM, m - m0);
          packStrips(a + <usize>k0 * lda + (<usize>m0 << 2), lda, kc, mc, strips);
          for (let i = 0; i < mc; i += tileRows) {
            const strip = strips + <usize>(i * kc << 2);
            const row = to + <usize>(m0 + i) * ldc;
            multiplyStrip(true, min(tileRows, mc - i), nc, kc, strip, tileRows << 2, panels, panelBytes, row, ldc, add);
          }
        }
      } else {
        multiplyRows(m, nc, kc, a + (<usize>k0 << 2), lda, panels, panelBytes, to, ldc, add);
      }
    }
  }
}

/**
 * A stored (kc, m), lda bytes a row -> strips of tileRows columns, kc rows each. Reads up to a strip past the end of a row;
 * what it finds there is never used.
 */
function packStrips(a: usize, lda: usize, kc: i32, m: i32, to: usize): void {
  const row = <usize>tileRows << 2;
  const stripBytes = <usize>kc * row;
  for (let k = 0; k < kc; k++) {
    let from = a + <usize>k * lda;
    let at = to + <usize>k * row;
    for (let i = 0; i < m; i += tileRows) {
      v128.store(at, v128.load(from));
      if (tileRows == 6) store<u64>(at, load<u64>(from, 16), 16);
      from += row;
      at += stripBytes;
    }
  }
}
