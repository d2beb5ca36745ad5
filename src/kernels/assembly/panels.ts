// Packing of matrices into panels of 8 columns (k rows of 8, 32 bytes each, column edges filled with 0) and strips times
// panels: what gemm, attention and linear have in common.

import { tileByColumns, tileByRows, tileRows } from './microkernel';
import { storeTransposed } from './math';
import { edgeTile } from './shared';

/** Bytes of one row of a panel. */
export const panelRow: usize = 32;

/** B (kc, n) row-major from b, ldb bytes a row -> panels at `to`, `panelBytes` apart. */
export function packRowMajor(b: usize, ldb: usize, kc: i32, n: i32, to: usize, panelBytes: usize): void {
  let j = 0;
  // two panels at a time: a whole cache line of each row
  for (; j + 16 <= n; j += 16) {
    let from = b + (<usize>j << 2);
    let left = to + <usize>(j >> 3) * panelBytes;
    let right = left + panelBytes;
    for (let k = 0; k < kc; k++) {
      v128.store(left, v128.load(from));
      v128.store(left, v128.load(from, 16), 16);
      v128.store(right, v128.load(from, 32));
      v128.store(right, v128.load(from, 48), 16);
      from += ldb;
      left += panelRow;
      right += panelRow;
    }
  }
  for (; j + 8 <= n; j += 8) {
    let from = b + (<usize>j << 2);
    let at = to + <usize>(j >> 3) * panelBytes;
    for (let k = 0; k < kc; k++) {
      v128.store(at, v128.load(from));
      v128.store(at, v128.load(from, 16), 16);
      from += ldb;
      at += panelRow;
    }
  }
  if (j < n) {
    let from = b + (<usize>j << 2);
    let at = to + <usize>(j >> 3) * panelBytes;
    for (let k = 0; k < kc; k++) {
      for (let i = 0; i < 8; i++) {
        const word = <usize>i << 2;
        store<f32>(at + word, i < n - j ? load<f32>(from + word) : 0);
      }
      from += ldb;
      at += panelRow;
    }
  }
}

/** B stored (n, kc) row-major, ldb bytes a row -> panels of the (kc, n) matrix. */
export function packColumnMajor(b: usize, ldb: usize, kc: i32, n: i32, to: usize, panelBytes: usize): void {
  for (let j = 0; j < n; j += 8) {
    const from = b + <usize>j * ldb;
    const at = to + <usize>(j >> 3) * panelBytes;
    if (n - j >= 8) packEightRows(from, ldb, kc, at);
    else packFewRows(from, ldb, n - j, kc, at);
  }
}

function packEightRows(b: usize, ldb: usize, kc: i32, to: usize): void {
  let from = b;
  let at = to;
  let k = 0;
  for (; k + 4 <= kc; k += 4) {
    const low = from + 4 * ldb;
    storeTransposed(v128.load(from), v128.load(from + ldb), v128.load(from + 2 * ldb), v128.load(from + 3 * ldb), at, panelRow);
    storeTransposed(v128.load(low), v128.load(low + ldb), v128.load(low + 2 * ldb), v128.load(low + 3 * ldb), at + 16, panelRow);
    from += 16;
    at += 4 * panelRow;
  }
  for (; k < kc; k++) {
    for (let i = 0; i < 8; i++) store<f32>(at + (<usize>i << 2), load<f32>(from + <usize>i * ldb));
    from += 4;
    at += panelRow;
  }
}

function packFewRows(b: usize, ldb: usize, rows: i32, kc: i32, to: usize): void {
  let at = to;
  for (let k = 0; k < kc; k++) {
    for (let i = 0; i < 8; i++) {
      store<f32>(at + (<usize>i << 2), i < rows ? load<f32>(b + <usize>i * ldb + (<usize>k << 2)) : 0);
    }
    at += panelRow;
  }
}

/** One tile of up to tileRows x 8. `byColumns`: a is column-major (microkernel.ts). */
// @ts-ignore: decorator
@inline function multiplyTile(
  byColumns: bool, rows: i32, kc: i32, a: usize, lda: usize, panel: usize, c: usize, ldc: usize, accumulate: i32,
): void {
  if (byColumns) tileByColumns(rows, kc, a, lda, panel, c, ldc, accumulate);
  else tileByRows(rows, kc, a, lda, panel, c, ldc, accumulate);
}

/** c (rows, n) (+)= strip of `rows` (1 to tileRows) rows of A times panels. Strides in bytes, kc >= 1. */
export function multiplyStrip(
  byColumns: bool, rows: i32, n: i32, kc: i32, a: usize, lda: usize, panels: usize, panelBytes: usize, c: usize, ldc: usize,
  accumulate: i32,
): void {
  let panel = panels;
  let to = c;
  let j = 0;
  for (; j + 8 <= n; j += 8) {
    multiplyTile(byColumns, rows, kc, a, lda, panel, to, ldc, accumulate);
    panel += panelBytes;
    to += 32;
  }
  if (j == n) return;
  // the right edge is outside of the tile's 8 columns: by way of a tile of its own
  multiplyTile(byColumns, rows, kc, a, lda, panel, edgeTile, panelRow, 0);
  copyEdge(rows, n - j, to, ldc, accumulate);
}

/** c (rows, columns) (+)= the upper left corner of the edge tile */
export function copyEdge(rows: i32, columns: i32, c: usize, ldc: usize, accumulate: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = c + <usize>i * ldc + (<usize>j << 2);
      const value = load<f32>(edgeTile + <usize>i * panelRow + (<usize>j << 2));
      store<f32>(at, accumulate ? load<f32>(at) + value : value);
    }
  }
}

/** c (m, n) (+)= A (m, kc) panels, A row-major. */
export function multiplyRows(
  m: i32, n: i32, kc: i32, a: usize, lda: usize, panels: usize, panelBytes: usize, c: usize, ldc: usize, accumulate: i32,
): void {
  for (let i = 0; i < m; i += tileRows) {
    const row = <usize>i;
    multiplyStrip(false, min(tileRows, m - i), n, kc, a + row * lda, lda, panels, panelBytes, c + row * ldc, ldc, accumulate);
  }
}
