/** What each kernel takes (tape.ts says what it does): addresses, shapes, factors. */

/** Byte offset in the pool's shared memory, 64-byte aligned as allocated. */
export type Address = number;

/** How panels keep weights: as they are, or rounded to bfloat16 (half the memory to read). */
export type PanelType = 'f32' | 'bf16';

export interface Gemm {
  transA?: boolean;
  transB?: boolean;
  m: number;
  n: number;
  k: number;
  a: Address;
  lda: number;
  b: Address;
  ldb: number;
  c: Address;
  ldc: number;
  accumulate?: boolean;
}

export interface Embedding {
  /** (rows) i32 */
  ids: Address;
  table: Address;
  x: Address;
  rows: number;
  width: number;
}

export interface EmbeddingBackward {
  ids: Address;
  dx: Address;
  dtable: Address;
  rows: number;
  width: number;
}

export interface RmsNorm {
  x: Address;
  gain: Address;
  y: Address;
  /** (rows) 1 / root mean square, which the gradient needs */
  rstd: Address;
  rows: number;
  width: number;
  eps: number;
}

export interface RmsNormBackward {
  x: Address;
  gain: Address;
  rstd: Address;
  dy: Address;
  dx: Address;
  rows: number;
  width: number;
  accumulate: boolean;
}

export interface RmsNormGain {
  x: Address;
  rstd: Address;
  dy: Address;
  dgain: Address;
  rows: number;
  width: number;
}

export interface Rope {
  x: Address;
  ld: number;
  /** (context, headWidth / 2) */
  cos: Address;
  sin: Address;
  rows: number;
  length: number;
  start: number;
  heads: number;
  headWidth: number;
  inverse: boolean;
}

export interface Attention {
  /** (batch * length, (heads + 2 kvHeads) * headWidth): heads of q, then of k, then of v */
  qkv: Address;
  /** (batch * length, heads * headWidth) */
  out: Address;
  /** (batch * heads * length) log-sum-exp of the scaled scores */
  lse: Address;
  batch: number;
  length: number;
  heads: number;
  kvHeads: number;
  headWidth: number;
}

export interface AttentionBackward extends Attention {
  dout: Address;
  dqkv: Address;
}

export interface Swiglu {
  /** (rows, 2 * hidden): gate, then up */
  gateUp: Address;
  y: Address;
  rows: number;
  hidden: number;
}

export interface SwigluBackward {
  gateUp: Address;
  dy: Address;
  dgateUp: Address;
  rows: number;
  hidden: number;
}

export interface CrossEntropy {
  /** (rows, ld) */
  logits: Address;
  ld: number;
  vocab: number;
  /** (rows) i32, -1 = does not count */
  targets: Address;
  /** (rows) */
  losses: Address;
  rows: number;
  /** of the gradient that replaces the logits; 0 leaves them as they are */
  scale: number;
}

export interface Dropout {
  x: Address;
  y: Address;
  count: number;
  rate: number;
  /** any integer, modulo 2^32 */
  seed: number;
}

export interface DropoutAdd extends Dropout {
  branch: Address;
}

export interface AdamW {
  weight: Address;
  gradient: Address;
  m: Address;
  v: Address;
  count: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  decay: number;
  gradientScale: number;
  /** 1 for the first update */
  step: number;
}

export interface PackPanels {
  /** the logical (rows, columns) = (k, n) matrix; `trans`: stored as (n, k) */
  w: Address;
  rows: number;
  columns: number;
  trans: boolean;
  panels: Address;
  dtype: PanelType;
}

export interface Linear {
  x: Address;
  ldx: number;
  m: number;
  k: number;
  n: number;
  panels: Address;
  dtype: PanelType;
  y: Address;
  ldy: number;
  accumulate?: boolean;
}

export interface DecodeAttention {
  q: Address;
  ldq: number;
  /** (sharedLength, kvHeads * headWidth) */
  sharedK: Address;
  sharedV: Address;
  sharedLength: number;
  /** stream s: (ownLength, kvHeads * headWidth) at `ownStride` words times s */
  ownK: Address;
  ownV: Address;
  ownLength: number;
  ownStride: number;
  streams: number;
  heads: number;
  kvHeads: number;
  headWidth: number;
  out: Address;
  ldout: number;
}

export interface CopyRows {
  x: Address;
  ldx: number;
  y: Address;
  /** words from one row of y to the next */
  ldy: number;
  rows: number;
  columns: number;
}
