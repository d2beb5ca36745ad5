// Four numbers at a time: sums, exponentials, transposes.

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

// Constants of exp4, in memory: V8 rebuilds or spills vector constants when there are more than it has registers.
// 0 upper and 4 lower end of the range, 8 log2(e), 12 2^23 * 1.5 (rounds to an integer), 16 and 20 ln 2 in two parts,
// 24..44 the polynomial, 48 one.
const constants = memory.data<f32>(
  [
    88.0, -87.3, 1.44269504088896341, 12582912.0, 0.693359375, -2.1219444e-4, 1.98756915e-4, 1.3981999507e-3,
    8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0,
  ],
  16,
);
// @ts-ignore: decorator
@inline function constant(offset: usize): v128 {
  return v128.load32_splat(constants + offset);
}

/** e^x to about 2 units in the last place (Cephes expf); x is held within -87.3 to 88. NaN stays NaN. */
// @ts-ignore: decorator
@inline export function exp4(x0: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(x0, constant(0)), constant(4));
  const magic = constant(12);
  const t = f32x4.add(f32x4.mul(x, constant(8)), magic);
  const n = f32x4.sub(t, magic);
  let r = f32x4.sub(x, f32x4.mul(n, constant(16)));
  r = f32x4.sub(r, f32x4.mul(n, constant(20)));
  let p = constant(24);
  p = f32x4.add(f32x4.mul(p, r), constant(28));
  p = f32x4.add(f32x4.mul(p, r), constant(32));
  p = f32x4.add(f32x4.mul(p, r), constant(36));
  p = f32x4.add(f32x4.mul(p, r), constant(40));
  p = f32x4.add(f32x4.mul(p, r), constant(44));
  const one = constant(48);
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), one);
  // t holds n in its low bits; shifted to the exponent and added to the bits of 1.0 it is 2^n
  return f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), one));
}

/** e^x, and 0 below -64: shares of a softmax that small would only become denormals, which are slow to compute with. */
// @ts-ignore: decorator
@inline export function softmaxExp4(x: v128): v128 {
  return v128.andnot(exp4(x), f32x4.lt(x, f32x4.splat(-64)));
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
