// Element by element: activations, sums, copies, dropout, sums of squares. Four at a time; what is left at the end of an
// array goes through the same vector code, one element in its first lane.

import { partialElements } from './codes';
import { exp4, exponentialTable } from './math';
import { address, first, firstElement, int, last, lastElement, real } from './shared';

// @ts-ignore: decorator
@inline function load1(at: usize): v128 {
  return v128.load32_zero(at);
}
// @ts-ignore: decorator
@inline function store1(at: usize, value: v128): void {
  v128.store_lane<f32>(at, value, 0);
}

/** gateUp (rows, 2 hidden): y = silu(gate) up */
export function swiglu(entry: usize): void {
  const gateUp = address(entry, 0);
  const y = address(entry, 1);
  const rows = int(entry, 2);
  const bytes = <usize>int(entry, 3) << 2;
  const one = f32x4.splat(1);
  const table = exponentialTable;
  for (let r = first(rows); r < last(rows); r++) {
    const gate = gateUp + <usize>r * 2 * bytes;
    const up = gate + bytes;
    const to = y + <usize>r * bytes;
    for (let at: usize = 0; at < bytes; at += 16) {
      const g = v128.load(gate + at);
      const silu = f32x4.div(g, f32x4.add(one, exp4(f32x4.neg(g), table)));
      v128.store(to + at, f32x4.mul(silu, v128.load(up + at)));
    }
  }
}

/** dup = dy silu(gate); dgate = dy up (s + silu (1 - s)), s the sigmoid of gate */
export function swigluBackward(entry: usize): void {
  const gateUp = address(entry, 0);
  const dy = address(entry, 1);
  const dgateUp = address(entry, 2);
  const rows = int(entry, 3);
  const bytes = <usize>int(entry, 4) << 2;
  const one = f32x4.splat(1);
  const table = exponentialTable;
  for (let r = first(rows); r < last(rows); r++) {
    const gate = gateUp + <usize>r * 2 * bytes;
    const from = dy + <usize>r * bytes;
    const to = dgateUp + <usize>r * 2 * bytes;
    for (let at: usize = 0; at < bytes; at += 16) {
      const g = v128.load(gate + at);
      const u = v128.load(gate + bytes + at);
      const d = v128.load(from + at);
      const s = f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(g), table)));
      const silu = f32x4.mul(g, s);
      v128.store(to + bytes + at, f32x4.mul(d, silu));
      v128.store(to + at, f32x4.mul(f32x4.mul(d, u), f32x4.add(s, f32x4.mul(silu, f32x4.sub(one, s)))));
    }
  }
}

/** y = a x + b y; y is not read where b is 0, for it may hold anything */
export function axpby(entry: usize): void {
  const x = address(entry, 0);
  const y = address(entry, 1);
  const a = real(entry, 2);
  const b = real(entry, 3);
  const count = int(entry, 4);
  const as = f32x4.splat(a);
  const bs = f32x4.splat(b);
  let at = <usize>firstElement(count) << 2;
  const end = <usize>lastElement(count) << 2;
  if (b == 0) {
    for (; at + 16 <= end; at += 16) v128.store(y + at, f32x4.mul(as, v128.load(x + at)));
    for (; at < end; at += 4) store<f32>(y + at, a * load<f32>(x + at));
    return;
  }
  for (; at + 16 <= end; at += 16) {
    v128.store(y + at, f32x4.add(f32x4.mul(as, v128.load(x + at)), f32x4.mul(bs, v128.load(y + at))));
  }
  for (; at < end; at += 4) store<f32>(y + at, a * load<f32>(x + at) + b * load<f32>(y + at));
}

export function copy(entry: usize): void {
  const count = int(entry, 2);
  const from = <usize>firstElement(count) << 2;
  const to = <usize>lastElement(count) << 2;
  memory.copy(address(entry, 1) + from, address(entry, 0) + from, to - from);
}

export function zero(entry: usize): void {
  const count = int(entry, 1);
  const from = <usize>firstElement(count) << 2;
  const to = <usize>lastElement(count) << 2;
  memory.fill(address(entry, 0) + from, 0, to - from);
}

// The mask of dropout: a hash of seed and index, two rounds of multiply and xor-shift (after Ellis' lowbias32).
// @ts-ignore: decorator
@inline function hash4(index: v128, key: v128, key2: v128): v128 {
  let h = v128.xor(index, key);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, i32x4.splat(0x7feb352d));
  h = i32x4.add(v128.xor(h, i32x4.shr_u(h, 15)), key2);
  h = i32x4.mul(h, i32x4.splat(0x846ca68b));
  return v128.xor(h, i32x4.shr_u(h, 16));
}
function hash1(value: i32): i32 {
  return i32x4.extract_lane(hash4(i32x4.splat(value), i32x4.splat(0x3c6ef372), i32x4.splat(0x5bd1e995)), 0);
}

/** dropout of x (plus `base` unless 0) to y */
function dropoutTo(x: usize, base: usize, y: usize, count: i32, rate: f32, seed: i32): void {
  const key = i32x4.splat(hash1(seed));
  const key2 = i32x4.splat(hash1(~seed));
  // kept where the hash, as a number below 2^32, is at least rate x 2^32
  const threshold = i32x4.splat(<i32><u32><u64>(<f64>rate * 4294967296.0));
  const scale = f32x4.splat(1 / (1 - rate));
  const begin = firstElement(count);
  let index = i32x4.add(i32x4.splat(begin), i32x4(0, 1, 2, 3));
  let at = <usize>begin << 2;
  const end = <usize>lastElement(count) << 2;
  for (; at + 16 <= end; at += 16) {
    const kept = i32x4.ge_u(hash4(index, key, key2), threshold);
    const value = v128.and(f32x4.mul(v128.load(x + at), scale), kept);
    v128.store(y + at, base ? f32x4.add(v128.load(base + at), value) : value);
    index = i32x4.add(index, i32x4.splat(4));
  }
  for (; at < end; at += 4) {
    const kept = i32x4.ge_u(hash4(index, key, key2), threshold);
    const value = v128.and(f32x4.mul(load1(x + at), scale), kept);
    store1(y + at, base ? f32x4.add(load1(base + at), value) : value);
    index = i32x4.add(index, i32x4.splat(1));
  }
}

/** y = x mask / (1 - rate) */
export function dropout(entry: usize): void {
  dropoutTo(address(entry, 0), 0, address(entry, 1), int(entry, 2), real(entry, 3), int(entry, 4));
}

/** y = x + dropout(branch) */
export function dropoutAdd(entry: usize): void {
  dropoutTo(address(entry, 0), address(entry, 1), address(entry, 2), int(entry, 3), real(entry, 4), int(entry, 5));
}

/** one f64 sum per partialElements; in f64, so that no square overflows */
export function sumOfSquares(entry: usize): void {
  const x = address(entry, 0);
  const count = int(entry, 1);
  const partials = address(entry, 2);
  const chunks = (count + partialElements - 1) / partialElements;
  for (let chunk = first(chunks); chunk < last(chunks); chunk++) {
    let at = x + (<usize>(chunk * partialElements) << 2);
    const end = x + (<usize>min(count, (chunk + 1) * partialElements) << 2);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; at + 16 <= end; at += 16) {
      const v = v128.load(at);
      const a = f64x2.promote_low_f32x4(v);
      const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 0, 1));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    const sums = f64x2.add(low, high);
    let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
    for (; at < end; at += 4) sum += <f64>load<f32>(at) * <f64>load<f32>(at);
    store<f64>(partials + (<usize>chunk << 3), sum);
  }
}
