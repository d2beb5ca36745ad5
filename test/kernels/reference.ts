/** The kernels' formulas, one loop each in float64: what the tests hold the wasm to. */

export type Numbers = ArrayLike<number>;

/** (m, k) x (k, n); `trans`: stored the other way round. */
export function matMul(
  a: Numbers,
  b: Numbers,
  shape: { m: number; n: number; k: number; transA?: boolean; transB?: boolean; lda?: number; ldb?: number },
): Float64Array {
  const { m, n, k, transA = false, transB = false } = shape;
  const lda = shape.lda ?? (transA ? m : k);
  const ldb = shape.ldb ?? (transB ? k : n);
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let x = 0; x < k; x++) {
        sum += a[transA ? x * lda + i : i * lda + x]! * b[transB ? j * ldb + x : x * ldb + j]!;
      }
      c[i * n + j] = sum;
    }
  }
  return c;
}

export function rmsNorm(x: Numbers, gain: Numbers, rows: number, width: number, eps: number): Float64Array {
  const y = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    for (let c = 0; c < width; c++) squares += x[r * width + c]! ** 2;
    const rstd = 1 / Math.sqrt(squares / width + eps);
    for (let c = 0; c < width; c++) y[r * width + c] = x[r * width + c]! * rstd * gain[c]!;
  }
  return y;
}

export function swiglu(gateUp: Numbers, rows: number, hidden: number): Float64Array {
  const y = new Float64Array(rows * hidden);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < hidden; c++) {
      const gate = gateUp[2 * r * hidden + c]!;
      y[r * hidden + c] = (gate / (1 + Math.exp(-gate))) * gateUp[(2 * r + 1) * hidden + c]!;
    }
  }
  return y;
}

/** -log softmax[target] of each row; 0 where the target is -1. */
export function crossEntropy(logits: Numbers, targets: Numbers, vocab: number, ld = vocab): Float64Array {
  return Float64Array.from({ length: targets.length }, (_, r) => {
    const target = targets[r]!;
    if (target < 0) return 0;
    let top = -Infinity;
    for (let c = 0; c < vocab; c++) top = Math.max(top, logits[r * ld + c]!);
    let sum = 0;
    for (let c = 0; c < vocab; c++) sum += Math.exp(logits[r * ld + c]! - top);
    return Math.log(sum) - (logits[r * ld + target]! - top);
  });
}

export interface AttentionShape {
  batch: number;
  length: number;
  heads: number;
  kvHeads: number;
  headWidth: number;
}

/** Softmax-weighted mean of `count` value rows for one query. */
function attend(
  q: (c: number) => number,
  k: (j: number, c: number) => number,
  v: (j: number, c: number) => number,
  count: number,
  width: number,
): { out: number[]; lse: number } {
  const scores = Array.from({ length: count }, (_, j) => {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += q(c) * k(j, c);
    return sum / Math.sqrt(width);
  });
  const top = Math.max(...scores);
  const shares = scores.map((s) => Math.exp(s - top));
  const total = shares.reduce((a, b) => a + b, 0);
  const out = Array.from({ length: width }, (_, c) => shares.reduce((sum, s, j) => sum + s * v(j, c), 0) / total);
  return { out, lse: top + Math.log(total) };
}

/** qkv as tape.ts's Attention -> out (batch * length, heads * headWidth) and lse (batch * heads * length). */
export function attention(qkv: Numbers, shape: AttentionShape): { out: Float64Array; lse: Float64Array } {
  const { batch, length, heads, kvHeads, headWidth } = shape;
  const ld = (heads + 2 * kvHeads) * headWidth;
  const out = new Float64Array(batch * length * heads * headWidth);
  const lse = new Float64Array(batch * heads * length);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      const at = (row: number, head: number, c: number): number => qkv[(b * length + row) * ld + head * headWidth + c]!;
      for (let i = 0; i < length; i++) {
        const result = attend(
          (c) => at(i, h, c),
          (j, c) => at(j, heads + kv, c),
          (j, c) => at(j, heads + kvHeads + kv, c),
          i + 1,
          headWidth,
        );
        out.set(result.out, ((b * length + i) * heads + h) * headWidth);
        lse[(b * heads + h) * length + i] = result.lse;
      }
    }
  }
  return { out, lse };
}

/** One query row a stream over shared rows of keys and values, then the stream's own (tape.ts's DecodeAttention, dense). */
export function decodeAttention(
  o: { q: Numbers; sharedK: Numbers; sharedV: Numbers; ownK: Numbers; ownV: Numbers },
  shape: { sharedLength: number; ownLength: number; streams: number } & Omit<AttentionShape, 'batch' | 'length'>,
): Float64Array {
  const { sharedLength, ownLength, streams, heads, kvHeads, headWidth } = shape;
  const width = kvHeads * headWidth;
  const out = new Float64Array(streams * heads * headWidth);
  for (let s = 0; s < streams; s++) {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads)) * headWidth;
      const row =
        (shared: Numbers, own: Numbers) =>
        (j: number, c: number): number =>
          j < sharedLength ? shared[j * width + kv + c]! : own[(s * ownLength + j - sharedLength) * width + kv + c]!;
      const q = (c: number): number => o.q[(s * heads + h) * headWidth + c]!;
      const result = attend(q, row(o.sharedK, o.ownK), row(o.sharedV, o.ownV), sharedLength + ownLength, headWidth);
      out.set(result.out, (s * heads + h) * headWidth);
    }
  }
  return out;
}

/** Gradient of sum(f(x) * weights) by central differences in float64, of the elements `at` alone (default: all). */
export function numericGradient(
  x: Numbers,
  weights: Numbers,
  f: (x: Float64Array) => Float64Array,
  at: readonly number[] = Array.from({ length: x.length }, (_, i) => i),
): Float64Array {
  const point = Float64Array.from(x);
  const step = 1e-5;
  const value = (): number => f(point).reduce((sum, y, i) => sum + y * weights[i]!, 0);
  return Float64Array.from(at, (i) => {
    const before = point[i]!;
    point[i] = before + step;
    const above = value();
    point[i] = before - step;
    const below = value();
    point[i] = before;
    return (above - below) / (2 * step);
  });
}
