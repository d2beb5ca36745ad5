// Four numbers at a time: sums, exponentials, transposes.

import { fused } from './microkernel';

// @ts-ignore: decorator
@inline export function sum4(v: v128): f32 {
  const t = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(t, 0) + f32x4.extract_lane(t, 1);
}
// @ts-ignore: decorator
@inline export function max4(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** a b + c; in one rounding where the variant has it */
// @ts-ignore: decorator
@inline export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (fused) return f32x4.relaxed_madd(a, b, c);
  else return f32x4.add(f32x4.mul(a, b), c);
}
/** c - a b */
// @ts-ignore: decorator
@inline function subtractProduct(a: v128, b: v128, c: v128): v128 {
  if (fused) return f32x4.relaxed_nmadd(a, b, c);
  else return f32x4.sub(c, f32x4.mul(a, b));
}

// Constants of exp4: upper and lower end of the range, log2(e), 2^23 * 1.5 (rounds to an integer), ln 2 in two parts, the
// polynomial from its highest power, one.
const exponentials = memory.data<f32>(
  [
    88.0, -87.3, 1.44269504088896341, 12582912.0, 0.693359375, -2.1219444e-4, 1.98756915e-4, 1.3981999507e-3,
    8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0,
  ],
  16,
);
export const exponentialBytes: usize = 13 * 16;
/**
 * Where this thread has them, four times each. Out of memory, because V8 rebuilds or spills vector constants when there are
 * more than it has registers; at an address that is no constant, because those cost an instruction more a load.
 */
export let exponentialTable: usize = 0;

export function setExponentials(at: usize): void {
  exponentialTable = at;
  for (let i: usize = 0; i < exponentialBytes; i += 16) v128.store(at + i, v128.load32_splat(exponentials + (i >> 2)));
}

/** e^x to about 2 units in the last place (Cephes expf); x is held within -87.3 to 88. NaN stays NaN. */
// @ts-ignore: decorator
@inline export function exp4(x0: v128, table: usize): v128 {
  const x = f32x4.pmax(f32x4.pmin(x0, v128.load(table)), v128.load(table, 16));
  const magic = v128.load(table, 48);
  const t = multiplyAdd(x, v128.load(table, 32), magic);
  const n = f32x4.sub(t, magic);
  let r = subtractProduct(n, v128.load(table, 64), x);
  r = subtractProduct(n, v128.load(table, 80), r);
  let p = multiplyAdd(v128.load(table, 96), r, v128.load(table, 112));
  p = multiplyAdd(p, r, v128.load(table, 128));
  p = multiplyAdd(p, r, v128.load(table, 144));
  p = multiplyAdd(p, r, v128.load(table, 160));
  p = multiplyAdd(p, r, v128.load(table, 176));
  const one = v128.load(table, 192);
  p = multiplyAdd(p, f32x4.mul(r, r), f32x4.add(r, one));
  // t holds n in its low bits; shifted to the exponent and added to the bits of 1.0 it is 2^n
  return f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), one));
}

/** e^x, and 0 below -64: shares of a softmax that small would only become denormals, which are slow to compute with. */
// @ts-ignore: decorator
@inline export function softmaxExp4(x: v128, table: usize): v128 {
  return v128.andnot(exp4(x, table), f32x4.lt(x, f32x4.splat(-64)));
}

/** Writes the transpose of the rows a, b, c, d (4 x 4) to p, rows `step` bytes apart. */
// @ts-ignore: decorator
@inline export function storeTransposed(a: v128, b: v128, c: v128, d: v128, p: usize, step: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(p, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(p + step, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  v128.store(p + 2 * step, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  v128.store(p + 3 * step, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}
