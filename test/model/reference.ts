/** The network in plain loops over Float64Array, written from the formulas: what the tensor code is held against. */
import type { ModelConfig, TokenBatch, Weights } from '../../src/types.ts';

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

/** Llama 3.1's rotary frequencies (`_compute_llama3_parameters` of transformers), by wavelength as it is written there. */
export function frequencies({ width, heads, ropeTheta, ropeScaling }: ModelConfig): number[] {
  const headWidth = width / heads;
  return Array.from({ length: headWidth / 2 }, (_, i) => {
    const plain = ropeTheta ** (-(2 * i) / headWidth);
    if (ropeScaling === null) return plain;
    const { factor, lowFreqFactor, highFreqFactor, originalContextLength } = ropeScaling;
    const wavelength = (2 * Math.PI) / plain;
    if (wavelength < originalContextLength / highFreqFactor) return plain;
    if (wavelength > originalContextLength / lowFreqFactor) return plain / factor;
    const smooth = (originalContextLength / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return (1 - smooth) * (plain / factor) + smooth * plain;
  });
}

/** x (G, T, D): Hugging Face's apply_rotary_pos_emb, position = index in T. */
export function rope(x: Numbers, length: number, frequencies: readonly number[]): Numbers {
  const half = frequencies.length;
  return x.map((value, at) => {
    const j = at % (2 * half);
    const position = Math.floor(at / (2 * half)) % length;
    const angle = position * frequencies[j % half]!;
    const other = j < half ? -x[at + half]! : x[at - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

export interface AttentionShape {
  heads: number;
  kvHeads: number;
  length: number;
  frequencies: readonly number[];
}

/** q (B * T, H * D), k and v (B * T, K * D) -> (B * T, H * D); head h looks at keys of head floor(h K / H). */
export function attention(
  [q, k, v]: [Numbers, Numbers, Numbers],
  { heads, kvHeads, length, frequencies }: AttentionShape,
): Numbers {
  const headWidth = 2 * frequencies.length;
  const rows = q.length / (heads * headWidth);
  const out = new Float64Array(q.length);
  for (let start = 0; start < rows; start += length) {
    for (let h = 0; h < heads; h++) {
      const part = (y: Numbers, head: number, of: number): Numbers => {
        const cut = new Float64Array(length * headWidth);
        for (let t = 0; t < length; t++) {
          for (let d = 0; d < headWidth; d++) cut[t * headWidth + d] = y[((start + t) * of + head) * headWidth + d]!;
        }
        return cut;
      };
      const keyHead = Math.floor((h * kvHeads) / heads);
      const qh = rope(part(q, h, heads), length, frequencies);
      const kh = rope(part(k, keyHead, kvHeads), length, frequencies);
      const vh = part(v, keyHead, kvHeads);
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
          out[((start + t) * heads + h) * headWidth + d] = sum;
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

/** gate and up (N, F) -> silu(gate) up */
export function swiglu(gate: Numbers, up: Numbers): Numbers {
  return gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
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

/** The matrix (V, C) that turns hidden states into logits. */
export function outputTable(config: ModelConfig, weights: Weights): Numbers {
  return Float64Array.from(weights.get(config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight')!.data);
}

/** Weights under Hugging Face's names, ids of rows of `length` -> normed hidden states (N, C). */
export function hiddenStates(config: ModelConfig, weights: Weights, ids: ArrayLike<number>, length: number): Numbers {
  const { width, heads, kvHeads, normEps } = config;
  const rows = ids.length;
  const shape: AttentionShape = { heads, kvHeads, length, frequencies: frequencies(config) };
  const plain = (name: string): Numbers => Float64Array.from(weights.get(name)!.data);
  /** x (N, in) times the weight (out, in) under this name -> (N, out) */
  const linear = (x: Numbers, name: string): Numbers => {
    const { shape, data } = weights.get(name)!;
    const [outWidth, inWidth] = shape as [number, number];
    const turned = new Float64Array(data.length);
    for (let o = 0; o < outWidth; o++)
      for (let i = 0; i < inWidth; i++) turned[i * outWidth + o] = data[o * inWidth + i]!;
    return matMul(x, turned, rows, inWidth, outWidth);
  };
  const table = plain('model.embed_tokens.weight');
  let x: Numbers = Float64Array.from(
    { length: rows * width },
    (_, i) => table[ids[Math.floor(i / width)]! * width + (i % width)]!,
  );
  for (let i = 0; i < config.layers; i++) {
    const name = `model.layers.${i}`;
    const normed = rmsNorm(x, plain(`${name}.input_layernorm.weight`), normEps);
    const [q, k, v] = ['q', 'k', 'v'].map((p) => linear(normed, `${name}.self_attn.${p}_proj.weight`));
    x = add(x, linear(attention([q!, k!, v!], shape), `${name}.self_attn.o_proj.weight`));
    const second = rmsNorm(x, plain(`${name}.post_attention_layernorm.weight`), normEps);
    const inner = swiglu(linear(second, `${name}.mlp.gate_proj.weight`), linear(second, `${name}.mlp.up_proj.weight`));
    x = add(x, linear(inner, `${name}.mlp.down_proj.weight`));
  }
  return rmsNorm(x, plain('model.norm.weight'), normEps);
}

/** The same, ids of rows of `length` -> logits (N, V). */
export function logits(config: ModelConfig, weights: Weights, ids: ArrayLike<number>, length: number): Numbers {
  const { width, vocabSize } = config;
  const hidden = hiddenStates(config, weights, ids, length);
  const table = outputTable(config, weights);
  const turned = new Float64Array(table.length);
  for (let v = 0; v < vocabSize; v++) for (let i = 0; i < width; i++) turned[i * vocabSize + v] = table[v * width + i]!;
  return matMul(hidden, turned, ids.length, width, vocabSize);
}

/** Mean nats over the targets of a batch. */
export function meanLoss(config: ModelConfig, weights: Weights, { inputs, targets, length }: TokenBatch): number {
  const table = outputTable(config, weights);
  const losses: number[] = [];
  for (let start = 0; start < inputs.length; start += length) {
    const hidden = hiddenStates(config, weights, inputs.subarray(start, start + length), length);
    losses.push(...crossEntropy(hidden, table, targets.subarray(start, start + length), config.width));
  }
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}
