// AdamW (Loshchilov & Hutter 2019); the host hands in the factors that depend on the step alone (tape.ts).

import { address, firstElement, int, lastElement, real } from './shared';

// Smallest normal number: below it, arithmetic is many times slower (wasm cannot flush to zero), and moments decay into it.
const smallest: f32 = 1.17549435e-38;
// @ts-ignore: decorator
@inline function normal(v: v128): v128 {
  return v128.andnot(v, f32x4.lt(f32x4.abs(v), f32x4.splat(smallest)));
}

export function adamW(entry: usize): void {
  const weight = address(entry, 0);
  const gradient = address(entry, 1);
  const m = address(entry, 2);
  const v = address(entry, 3);
  const count = int(entry, 4);
  const rate = f32x4.splat(real(entry, 5));
  const eps = f32x4.splat(real(entry, 6));
  const kept = f32x4.splat(real(entry, 7));
  const beta1 = f32x4.splat(real(entry, 8));
  const rest1 = f32x4.splat(real(entry, 9));
  const beta2 = f32x4.splat(real(entry, 10));
  const rest2 = f32x4.splat(real(entry, 11));
  const scale = f32x4.splat(real(entry, 12));
  let at = <usize>firstElement(count) << 2;
  const end = <usize>lastElement(count) << 2;
  for (; at + 16 <= end; at += 16) {
    const g = f32x4.mul(v128.load(gradient + at), scale);
    const m1 = normal(f32x4.add(f32x4.mul(v128.load(m + at), beta1), f32x4.mul(g, rest1)));
    const v1 = normal(f32x4.add(f32x4.mul(v128.load(v + at), beta2), f32x4.mul(f32x4.mul(g, g), rest2)));
    v128.store(m + at, m1);
    v128.store(v + at, v1);
    const step = f32x4.div(f32x4.mul(m1, rate), f32x4.add(f32x4.sqrt(v1), eps));
    v128.store(weight + at, f32x4.sub(f32x4.mul(v128.load(weight + at), kept), step));
  }
  // the same, one element in the first lane
  for (; at < end; at += 4) {
    const g = f32x4.mul(v128.load32_zero(gradient + at), scale);
    const m1 = normal(f32x4.add(f32x4.mul(v128.load32_zero(m + at), beta1), f32x4.mul(g, rest1)));
    const v1 = normal(f32x4.add(f32x4.mul(v128.load32_zero(v + at), beta2), f32x4.mul(f32x4.mul(g, g), rest2)));
    v128.store_lane<f32>(m + at, m1, 0);
    v128.store_lane<f32>(v + at, v1, 0);
    const step = f32x4.div(f32x4.mul(m1, rate), f32x4.add(f32x4.sqrt(v1), eps));
    const moved = f32x4.sub(f32x4.mul(v128.load32_zero(weight + at), kept), step);
    v128.store_lane<f32>(weight + at, moved, 0);
  }
}
