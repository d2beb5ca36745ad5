// RMSNorm (Zhang & Sennrich 2019) and its gradients. x, y, dx, dy (rows, width); gain, dgain (width); rstd (rows).

import { address, first, firstElement, int, last, lastElement, real } from './shared';
import { sum4 } from './math';

/** y = x rstd gain, rstd = 1 / sqrt(mean(x^2) + eps) */
export function rmsNorm(entry: usize): void {
  const x = address(entry, 0);
  const gain = address(entry, 1);
  const y = address(entry, 2);
  const rstd = address(entry, 3);
  const rows = int(entry, 4);
  const width = int(entry, 5);
  const eps = real(entry, 6);
  const bytes = <usize>width << 2;
  for (let r = first(rows); r < last(rows); r++) {
    const from = x + <usize>r * bytes;
    const to = y + <usize>r * bytes;
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    let at: usize = 0;
    for (; at + 32 <= bytes; at += 32) {
      const left = v128.load(from + at);
      const right = v128.load(from + at, 16);
      even = f32x4.add(even, f32x4.mul(left, left));
      odd = f32x4.add(odd, f32x4.mul(right, right));
    }
    if (at < bytes) {
      const left = v128.load(from + at);
      even = f32x4.add(even, f32x4.mul(left, left));
    }
    const scale: f32 = 1 / sqrt<f32>(sum4(f32x4.add(even, odd)) / <f32>width + eps);
    store<f32>(rstd + (<usize>r << 2), scale);
    const scales = f32x4.splat(scale);
    for (at = 0; at < bytes; at += 16) {
      v128.store(to + at, f32x4.mul(f32x4.mul(v128.load(from + at), scales), v128.load(gain + at)));
    }
  }
}

/** dx (+)= rstd (gain dy - x rstd^2 mean(gain dy x)) */
export function rmsNormBackward(entry: usize): void {
  const x = address(entry, 0);
  const gain = address(entry, 1);
  const rstd = address(entry, 2);
  const dy = address(entry, 3);
  const dx = address(entry, 4);
  const rows = int(entry, 5);
  const width = int(entry, 6);
  const accumulate = int(entry, 7) != 0;
  const bytes = <usize>width << 2;
  for (let r = first(rows); r < last(rows); r++) {
    const row = <usize>r * bytes;
    const from = x + row;
    const gradient = dy + row;
    const to = dx + row;
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) {
      const product = f32x4.mul(v128.load(gradient + at), v128.load(from + at));
      sum = f32x4.add(sum, f32x4.mul(product, v128.load(gain + at)));
    }
    const scale = load<f32>(rstd + (<usize>r << 2));
    const scales = f32x4.splat(scale);
    const mean = f32x4.splat((sum4(sum) / <f32>width) * scale * scale * scale);
    for (let at: usize = 0; at < bytes; at += 16) {
      const direct = f32x4.mul(f32x4.mul(v128.load(gain + at), v128.load(gradient + at)), scales);
      const value = f32x4.sub(direct, f32x4.mul(v128.load(from + at), mean));
      v128.store(to + at, accumulate ? f32x4.add(v128.load(to + at), value) : value);
    }
  }
}

/** dgain += sum over rows of dy x rstd; threads take columns, so that each sum runs over all rows in order */
export function rmsNormGain(entry: usize): void {
  const x = address(entry, 0);
  const rstd = address(entry, 1);
  const dy = address(entry, 2);
  const dgain = address(entry, 3);
  const rows = int(entry, 4);
  const width = int(entry, 5);
  const bytes = <usize>width << 2;
  const begin = <usize>firstElement(width) << 2;
  const end = <usize>lastElement(width) << 2;
  for (let r = 0; r < rows; r++) {
    const row = <usize>r * bytes;
    const scale = v128.load32_splat(rstd + (<usize>r << 2));
    for (let at = begin; at < end; at += 16) {
      const value = f32x4.mul(f32x4.mul(v128.load(dy + row + at), v128.load(x + row + at)), scale);
      v128.store(dgain + at, f32x4.add(v128.load(dgain + at), value));
    }
  }
}
