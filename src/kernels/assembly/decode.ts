// Generation: weights packed once into panels, and a few rows times them. One row is bound by the speed of memory, so the
// panels are read in sequence, each weight once for all rows; several panels side by side keep enough sums going for one row.

import {
  halfRows, tileByRows, tileByRowsBf16, tileRows, wide1, wide1Panels, wide1bf16, wide2, wide2Panels, wide2bf16,
} from './microkernel';
import { copyEdge, packColumnMajor, packRowMajor, panelRow } from './panels';
import { address, edgeTile, first, int, last } from './shared';

/** Logical (k, n) weights -> panels; `trans`: stored (n, k). Threads take panels. */
export function packPanels(entry: usize): void {
  const w = address(entry, 0);
  const k = int(entry, 1);
  const n = int(entry, 2);
  const trans = int(entry, 3) != 0;
  const to = address(entry, 4);
  const half = int(entry, 5) != 0;
  const panels = (n + 7) >> 3;
  const panelBytes = <usize>k * (half ? panelRow >> 1 : panelRow);
  for (let p = first(panels); p < last(panels); p++) {
    const j = p << 3;
    const columns = min(8, n - j);
    const at = to + <usize>p * panelBytes;
    if (half) packHalves(w, k, n, j, columns, trans, at);
    else if (trans) packColumnMajor(w + (<usize>j * <usize>k << 2), <usize>k << 2, k, columns, at, panelBytes);
    else packRowMajor(w + (<usize>j << 2), <usize>n << 2, k, columns, at, panelBytes);
  }
}

/** One panel in bfloat16: column i in the low half of word i, column i + 4 in its high half. */
function packHalves(w: usize, k: i32, n: i32, j: i32, columns: i32, trans: bool, to: usize): void {
  for (let r = 0; r < k; r++) {
    for (let c = 0; c < 8; c++) {
      const from = trans ? <usize>(j + c) * <usize>k + <usize>r : <usize>r * <usize>n + <usize>(j + c);
      const at = to + <usize>r * 16 + (<usize>(c & 3) << 2) + <usize>((c >> 2) << 1);
      store<u16>(at, c < columns ? <u16>bfloat16(load<u32>(w + (from << 2))) : 0);
    }
  }
}

/** Upper half of an f32, rounded to nearest even; NaN stays NaN. */
function bfloat16(bits: u32): u32 {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >> 16) | 0x40;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/** y (m, n) (+)= x (m, k) W. Threads take panels; each row's sums are the same whatever m is. */
export function linear(entry: usize): void {
  const x = address(entry, 0);
  const ldx = address(entry, 1) << 2;
  const m = int(entry, 2);
  const k = int(entry, 3);
  const n = int(entry, 4);
  const panels = address(entry, 5);
  const half = int(entry, 6) != 0;
  const y = address(entry, 7);
  const ldy = address(entry, 8) << 2;
  const accumulate = int(entry, 9);
  const count = (n + 7) >> 3;
  const panelBytes = <usize>k * (half ? panelRow >> 1 : panelRow);
  // even heights: a low last tile would leave the adders idle and read the panel all the same
  const most = half ? halfRows : tileRows;
  const rounds = (m + most - 1) / most;
  const height = (m + rounds - 1) / rounds;
  const end = last(count);
  let p = first(count);
  if (m < 3) {
    const whole = min(end, n >> 3);
    const step = m == 1 ? wide1Panels : wide2Panels;
    for (; p + step <= whole; p += step) {
      const panel = panels + <usize>p * panelBytes;
      const to = y + (<usize>p << 5);
      if (m == 1) {
        if (half) wide1bf16(k, x, ldx, panel, to, ldy, accumulate, panelBytes);
        else wide1(k, x, ldx, panel, to, ldy, accumulate, panelBytes);
      } else {
        if (half) wide2bf16(k, x, ldx, panel, to, ldy, accumulate, panelBytes);
        else wide2(k, x, ldx, panel, to, ldy, accumulate, panelBytes);
      }
    }
  }
  for (; p < end; p++) {
    const panel = panels + <usize>p * panelBytes;
    const columns = min(8, n - (p << 3));
    for (let i = 0; i < m; i += height) {
      const rows = min(height, m - i);
      const from = x + <usize>i * ldx;
      const to = y + <usize>i * ldy + (<usize>p << 5);
      if (columns == 8) {
        multiply(half, rows, k, from, ldx, panel, to, ldy, accumulate);
      } else {
        multiply(half, rows, k, from, ldx, panel, edgeTile, panelRow, 0);
        copyEdge(rows, columns, to, ldy, accumulate);
      }
    }
  }
}

// @ts-ignore: decorator
@inline function multiply(
  half: bool, rows: i32, k: i32, x: usize, ldx: usize, panel: usize, y: usize, ldy: usize, accumulate: i32,
): void {
  if (half) tileByRowsBf16(rows, k, x, ldx, panel, y, ldy, accumulate);
  else tileByRows(rows, k, x, ldx, panel, y, ldy, accumulate);
}

/** row r of x -> y + r * step */
export function copyRows(entry: usize): void {
  const x = address(entry, 0);
  const ldx = address(entry, 1) << 2;
  const y = address(entry, 2);
  const step = address(entry, 3) << 2;
  const rows = int(entry, 4);
  const bytes = <usize>int(entry, 5) << 2;
  for (let r = first(rows); r < last(rows); r++) memory.copy(y + <usize>r * step, x + <usize>r * ldx, bytes);
}
