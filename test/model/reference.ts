/** The network in plain loops over Float64Array, written from the formulas: what the tensor code is held against. */
import type { ModelConfig, Weights } from '../../src/types.ts';

export type Numbers = Float64Array;

/** (n, k) x (k, m) -> (n, m) */
export function matMul(a: Numbers, b: Numbers, n: number, k: number, m: number): Numbers {
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[i * k + l]! * b[l * m + j]!;
      out[i * m + j] = sum;
    }
  }
  return out;
}

export function add(a: Numbers, b: Numbers): Numbers {
  return a.map((x, i) => x + b[i]!);
}

export function rmsNorm(x: Numbers, gain: Numbers, eps: number): Numbers {
  const width = gain.length;
  const out = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[row + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) out[row + i] = x[row + i]! * scale * gain[i]!;
  }
  return out;
}

/** x (G, T, D): Hugging Face's apply_rotary_pos_emb, position = index in T. */
export function rope(x: Numbers, length: number, headWidth: number, theta: number): Numbers {
  const half = headWidth / 2;
  return x.map((value, at) => {
    const j = at % headWidth;
    const position = Math.floor(at / headWidth) % length;
    const angle = position * theta ** (-(2 * (j % half)) / headWidth);
    const other = j < half ? -x[at + half]! : x[at - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** x (B * T, C), weights (C, C) -> (B * T, C) */
export function attention(
  x: Numbers,
  [query, key, value]: [Numbers, Numbers, Numbers],
  { heads, length, width, theta }: { heads: number; length: number; width: number; theta: number },
): Numbers {
  const rows = x.length / width;
  const headWidth = width / heads;
  const [q, k, v] = [query, key, value].map((w) => matMul(x, w, rows, width, width)) as [Numbers, Numbers, Numbers];
  const out = new Float64Array(x.length);
  for (let start = 0; start < rows; start += length) {
    for (let h = 0; h < heads; h++) {
      const part = (y: Numbers): Numbers => {
        const cut = new Float64Array(length * headWidth);
        for (let t = 0; t < length; t++) {
          for (let d = 0; d < headWidth; d++) cut[t * headWidth + d] = y[(start + t) * width + h * headWidth + d]!;
        }
        return cut;
      };
      const [qh, kh, vh] = [rope(part(q), length, headWidth, theta), rope(part(k), length, headWidth, theta), part(v)];
      for (let t = 0; t < length; t++) {
        const scores = Array.from({ length: t + 1 }, (_, s) => {
          let dot = 0;
          for (let d = 0; d < headWidth; d++) dot += qh[t * headWidth + d]! * kh[s * headWidth + d]!;
          return dot / Math.sqrt(headWidth);
        });
        const shares = softmax(scores);
        for (let d = 0; d < headWidth; d++) {
          let sum = 0;
          for (let s = 0; s <= t; s++) sum += shares[s]! * vh[s * headWidth + d]!;
          out[(start + t) * width + h * headWidth + d] = sum;
        }
      }
    }
  }
  return out;
}

export function softmax(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const exps = scores.map((s) => Math.exp(s - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

/** x (N, C), weights (C, F) */
export function swiglu(x: Numbers, gate: Numbers, up: Numbers, width: number): Numbers {
  const hidden = gate.length / width;
  const rows = x.length / width;
  const g = matMul(x, gate, rows, width, hidden);
  const u = matMul(x, up, rows, width, hidden);
  return g.map((value, i) => (value / (1 + Math.exp(-value))) * u[i]!);
}

/** hidden (N, C), table (V, C) -> nats of each position with a target */
export function crossEntropy(hidden: Numbers, table: Numbers, targets: ArrayLike<number>, width: number): Numbers {
  const losses: number[] = [];
  for (let n = 0; n < targets.length; n++) {
    if (targets[n]! < 0) continue;
    const logits = Array.from({ length: table.length / width }, (_, v) => {
      let dot = 0;
      for (let i = 0; i < width; i++) dot += hidden[n * width + i]! * table[v * width + i]!;
      return dot;
    });
    const top = Math.max(...logits);
    const logSum = top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
    losses.push(logSum - logits[targets[n]!]!);
  }
  return Float64Array.from(losses);
}

/** Weights under Hugging Face's names, ids of rows of `length` -> normed hidden states (N, C). */
export function hiddenStates(config: ModelConfig, weights: Weights, ids: ArrayLike<number>, length: number): Numbers {
  const { width, heads, hiddenWidth, normEps, ropeTheta } = config;
  const rows = ids.length;
  const plain = (name: string): Numbers => Float64Array.from(weights.get(name)!.data);
  /** (out, in) -> (in, out) */
  const linear = (name: string): Numbers => {
    const { shape, data } = weights.get(name)!;
    const [outWidth, inWidth] = shape as [number, number];
    const turned = new Float64Array(data.length);
    for (let o = 0; o < outWidth; o++)
      for (let i = 0; i < inWidth; i++) turned[i * outWidth + o] = data[o * inWidth + i]!;
    return turned;
  };
  const table = plain('model.embed_tokens.weight');
  let x = Float64Array.from(
    { length: rows * width },
    (_, i) => table[ids[Math.floor(i / width)]! * width + (i % width)]!,
  );
  for (let i = 0; i < config.layers; i++) {
    const name = `model.layers.${i}`;
    const normed = rmsNorm(x, plain(`${name}.input_layernorm.weight`), normEps);
    const projections = ['q', 'k', 'v'].map((p) => linear(`${name}.self_attn.${p}_proj.weight`)) as [
      Numbers,
      Numbers,
      Numbers,
    ];
    const mixed = attention(normed, projections, { heads, length, width, theta: ropeTheta });
    x = add(
      x,
      matMul(mixed, linear(`${name}.self_attn.o_proj.weight`), rows, width, width),
    ) as Float64Array<ArrayBuffer>;
    const inner = swiglu(
      rmsNorm(x, plain(`${name}.post_attention_layernorm.weight`), normEps),
      linear(`${name}.mlp.gate_proj.weight`),
      linear(`${name}.mlp.up_proj.weight`),
      width,
    );
    x = add(
      x,
      matMul(inner, linear(`${name}.mlp.down_proj.weight`), rows, hiddenWidth, width),
    ) as Float64Array<ArrayBuffer>;
  }
  return rmsNorm(x, plain('model.norm.weight'), normEps);
}
