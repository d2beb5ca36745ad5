/**
 * Half-precision numbers as bit patterns: IEEE 754 binary16 and bfloat16, to and from f32, rounding to nearest even.
 * Node 20 has no Float16Array. Patterns go in and out as Uint16Array; NaN stays NaN (its payload may shrink).
 */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Round half to even: drop the low `bits` bits of a non-negative integer below 2^53. */
function dropBits(value: number, bits: number): number {
  const unit = 2 ** bits;
  const floor = Math.floor(value / unit);
  const rest = value - floor * unit;
  if (rest > unit / 2) return floor + 1;
  return rest === unit / 2 ? floor + (floor & 1) : floor;
}

/** f32 value -> binary16 pattern; beyond 65504 (after rounding) it becomes infinity. */
export function toHalf(value: number): number {
  f32[0] = value;
  const pattern = u32[0]!;
  const sign = (pattern >>> 16) & 0x8000;
  const exponent = (pattern >>> 23) & 0xff;
  const fraction = pattern & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200 | (fraction >>> 13));
  if (exponent >= 113) {
    // normal: a carry out of the fraction moves into the exponent, and into infinity at the top, by itself
    const half = dropBits(((exponent - 112) << 23) | fraction, 13);
    return sign | Math.min(half, 0x7c00);
  }
  if (exponent === 0) return sign; // f32 subnormals lie far below half of the smallest binary16
  return sign | dropBits(0x800000 | fraction, 126 - exponent);
}

/** binary16 pattern -> f32 value, exact. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** f32 value -> bfloat16 pattern: the upper half of the f32 pattern, rounded. */
export function toBfloat16(value: number): number {
  f32[0] = value;
  const pattern = u32[0]!;
  if (Number.isNaN(value)) return (pattern >>> 16) | 0x40;
  return dropBits(pattern, 16) & 0xffff;
}

/** bfloat16 pattern -> f32 value, exact. */
export function fromBfloat16(pattern: number): number {
  u32[0] = (pattern << 16) >>> 0;
  return f32[0]!;
}

// === Whole arrays, in plain loops: `from` with a callback takes a hundred times as long

export function encodeHalf(numbers: Float32Array): Uint16Array {
  const patterns = new Uint16Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) patterns[i] = toHalf(numbers[i]!);
  return patterns;
}

export function encodeBfloat16(numbers: Float32Array): Uint16Array {
  const patterns = new Uint16Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) patterns[i] = toBfloat16(numbers[i]!);
  return patterns;
}

export function decodeHalf(patterns: Uint16Array): Float32Array {
  valueOfHalf ??= Float32Array.from({ length: 0x10000 }, (_, pattern) => fromHalf(pattern));
  const numbers = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) numbers[i] = valueOfHalf[patterns[i]!]!;
  return numbers;
}

/** (65536) every binary16 value by its pattern, made when first asked for */
let valueOfHalf: Float32Array | undefined;

export function decodeBfloat16(patterns: Uint16Array): Float32Array {
  const raised = new Uint32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) raised[i] = patterns[i]! << 16;
  return new Float32Array(raised.buffer);
}
