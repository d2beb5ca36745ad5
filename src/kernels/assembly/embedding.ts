// Rows of a table by id, and the way back. ids (rows) i32; table (any, width); x, dx (rows, width).

import { address, first, firstElement, int, last, lastElement } from './shared';

/** x[r] = table[ids[r]] */
export function embedding(entry: usize): void {
  const ids = address(entry, 0);
  const table = address(entry, 1);
  const x = address(entry, 2);
  const rows = int(entry, 3);
  const bytes = <usize>int(entry, 4) << 2;
  for (let r = first(rows); r < last(rows); r++) {
    memory.copy(x + <usize>r * bytes, table + <usize>load<u32>(ids + (<usize>r << 2)) * bytes, bytes);
  }
}

/** dtable[ids[r]] += dx[r]; threads take columns, because an id may come more than once */
export function embeddingBackward(entry: usize): void {
  const ids = address(entry, 0);
  const dx = address(entry, 1);
  const dtable = address(entry, 2);
  const rows = int(entry, 3);
  const width = int(entry, 4);
  const bytes = <usize>width << 2;
  const begin = <usize>firstElement(width) << 2;
  const end = <usize>lastElement(width) << 2;
  for (let r = 0; r < rows; r++) {
    const from = dx + <usize>r * bytes;
    const to = dtable + <usize>load<u32>(ids + (<usize>r << 2)) * bytes;
    for (let at = begin; at < end; at += 16) v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
  }
}
