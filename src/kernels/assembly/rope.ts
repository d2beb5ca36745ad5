// Rotary position embedding (Su et al. 2021) in place, pairs (i, i + headWidth/2) as in Hugging Face's rotate_half.

import { address, first, int, last } from './shared';

export function rope(entry: usize): void {
  const x = address(entry, 0);
  const ld = address(entry, 1) << 2;
  const cos = address(entry, 2);
  const sin = address(entry, 3);
  const rows = int(entry, 4);
  const length = int(entry, 5);
  const start = int(entry, 6);
  const heads = int(entry, 7);
  const headWidth = int(entry, 8);
  const inverse = int(entry, 9) != 0;
  const half = <usize>headWidth << 1; // bytes of half a head
  const sign: f32 = inverse ? -1 : 1;
  const signs = f32x4.splat(sign);
  for (let r = first(rows); r < last(rows); r++) {
    const position = <usize>(start + (r % length)) * half;
    const c = cos + position;
    const s = sin + position;
    let head = x + <usize>r * ld;
    for (let h = 0; h < heads; h++) {
      let at: usize = 0;
      for (; at + 16 <= half; at += 16) {
        const a = v128.load(head + at);
        const b = v128.load(head + half + at);
        const cv = v128.load(c + at);
        const sv = f32x4.mul(v128.load(s + at), signs);
        v128.store(head + at, f32x4.sub(f32x4.mul(a, cv), f32x4.mul(b, sv)));
        v128.store(head + half + at, f32x4.add(f32x4.mul(b, cv), f32x4.mul(a, sv)));
      }
      // half a head may be an odd multiple of two
      for (; at < half; at += 4) {
        const a = load<f32>(head + at);
        const b = load<f32>(head + half + at);
        const cv = load<f32>(c + at);
        const sv = load<f32>(s + at) * sign;
        store<f32>(head + at, a * cv - b * sv);
        store<f32>(head + half + at, b * cv + a * sv);
      }
      head += 2 * half;
    }
  }
}
