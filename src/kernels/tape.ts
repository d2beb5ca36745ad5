/**
 * The tape: kernel calls recorded as words in shared memory, run later by every thread inside wasm (assembly/tape.ts).
 * Recording an entry costs well under a microsecond, running it no call into JavaScript. Arguments are checked here, as
 * far as that is possible without looking at memory: an entry that is wrong fails with its name, before it runs.
 *
 * Matrices are row-major f32; `ld*` is a leading dimension in elements; addresses are byte offsets (KernelPool.allocate).
 * Widths are multiples of 4, rows are any number from 1 (0 records nothing). Outputs may not overlap inputs unless the
 * method says so. Each method is one kernel of assembly/, where the formulas are.
 */
import { check } from '../util/errors.ts';
import type {
  Address,
  PanelType,
  Gemm,
  Embedding,
  EmbeddingBackward,
  RmsNorm,
  RmsNormBackward,
  RmsNormGain,
  Rope,
  Attention,
  AttentionBackward,
  Swiglu,
  SwigluBackward,
  CrossEntropy,
  Dropout,
  DropoutAdd,
  AdamW,
  PackPanels,
  Linear,
  DecodeAttention,
  CopyRows,
} from './arguments.ts';

export type { Address, PanelType } from './arguments.ts';

/** Kernels by their code on the tape; build.ts hands the same list to the AssemblyScript side. */
export const operations = [
  'gemm',
  'embedding',
  'embeddingBackward',
  'rmsNorm',
  'rmsNormBackward',
  'rmsNormGain',
  'rope',
  'attention',
  'attentionBackward',
  'swiglu',
  'swigluBackward',
  'crossEntropy',
  'axpby',
  'copy',
  'zero',
  'dropout',
  'dropoutAdd',
  'sumOfSquares',
  'adamW',
  'packPanels',
  'linear',
  'decodeAttention',
  'copyRows',
] as const;
export type Operation = (typeof operations)[number];

/** Words of an entry: its code and up to 15 arguments (one cache line). */
export const entryWords = 16;

/** Elements that one partial sum of `sumOfSquares` covers, whatever the number of threads. */
export const partialElements = 16_384;

/** Widest head, and most key columns a head (length x headWidth), that attention's scratch holds. */
export const maxHeadWidth = 128;
export const maxKeyWords = 1 << 19;

/** Columns of one panel of packed weights. */
export const panelColumns = 8;

/** Words of the panels of a (k, n) matrix: whole panels of 8 columns. */
export function panelWords(k: number, n: number, dtype: PanelType): number {
  const words = Math.ceil(n / panelColumns) * panelColumns * k;
  return dtype === 'bf16' ? words / 2 : words;
}

/** f64 partial sums that `sumOfSquares` writes for `count` elements (two words each). */
export function partialCount(count: number): number {
  return Math.ceil(count / partialElements);
}

export interface Tape {
  /** entries recorded and not run */
  readonly length: number;
  /** Runs the entries on all threads and clears the tape. Throws a plain Error that names the entry that failed. */
  run(): void;
  /** c (m, n) (+)= op(a) op(b), op(a) (m, k), op(b) (k, n); `trans`: stored the other way round */
  gemm(o: Gemm): void;
  /** x[r] = table[ids[r]]; also gathers rows of activations */
  embedding(o: Embedding): void;
  /** dtable[ids[r]] += dx[r] */
  embeddingBackward(o: EmbeddingBackward): void;
  /** y = x rstd gain, rstd = 1 / sqrt(mean(x^2) + eps) for each row */
  rmsNorm(o: RmsNorm): void;
  /** dx (+)= the gradient of rmsNorm to x; dx may be dy */
  rmsNormBackward(o: RmsNormBackward): void;
  /** dgain += sum over rows of dy x rstd */
  rmsNormGain(o: RmsNormGain): void;
  /** Rotates pairs (i, i + headWidth/2) of the first `heads` heads of each row in place; position = start + row % length */
  rope(o: Rope): void;
  /** Causal attention with grouped keys, scores scaled by 1/sqrt(headWidth) */
  attention(o: Attention): void;
  /** Writes all of dqkv; scores are computed again from q, k and lse */
  attentionBackward(o: AttentionBackward): void;
  /** y = silu(gate) up */
  swiglu(o: Swiglu): void;
  /** dgateUp may be gateUp */
  swigluBackward(o: SwigluBackward): void;
  /** losses = -log softmax[target] (0 where target is -1); logits become (softmax - onehot) scale */
  crossEntropy(o: CrossEntropy): void;
  /** y = a x + b y; y is not read where b is 0 */
  axpby(o: { x: Address; y: Address; a: number; b: number; count: number }): void;
  copy(o: { x: Address; y: Address; count: number }): void;
  zero(o: { x: Address; count: number }): void;
  /** y = x mask / (1 - rate), the mask a hash of seed and index; y may be x. The same call on a gradient is the backward pass */
  dropout(o: Dropout): void;
  /** y = x + dropout(branch); y may be x */
  dropoutAdd(o: DropoutAdd): void;
  /** partials (f64, partialCount(count)): sums of squares of `partialElements` at a time; the host adds them in order */
  sumOfSquares(o: { x: Address; count: number; partials: Address }): void;
  /** One update of AdamW with decoupled decay; moments too small for a normal number become 0 */
  adamW(o: AdamW): void;
  /** Weights into panels of 8 columns, in the order in which `linear` reads them; room for panelWords */
  packPanels(o: PackPanels): void;
  /** y (m, n) (+)= x (m, k) W; each row's result does not depend on m */
  linear(o: Linear): void;
  /** One query row a stream over the shared rows of keys and values, then the stream's own */
  decodeAttention(o: DecodeAttention): void;
  /** row r of x goes to y + r * ldy words: appends keys and values to caches */
  copyRows(o: CopyRows): void;
}

/**
 * A tape over `words` (i32, capacity x 16, in shared memory). `execute` runs the first n entries; it is also called by
 * a recording method when the tape is full.
 */
export function createTape(words: Int32Array, execute: (entries: number) => void): Tape {
  const capacity = Math.floor(words.length / entryWords);
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);
  let length = 0;

  const run = (): void => {
    const entries = length;
    length = 0;
    if (entries > 0) execute(entries);
  };

  /** An f32 argument as a word. */
  const real = (name: string, value: number): number => {
    check(Number.isFinite(value), `${name}: an argument is ${value}`);
    float[0] = value;
    return bits[0]!;
  };

  const record = (name: Operation, ...values: number[]): void => {
    if (length === capacity) run();
    const at = length * entryWords;
    words[at] = operations.indexOf(name);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      check(Number.isSafeInteger(value), `${name}: argument ${i + 1} is ${value}, not an integer`);
      words[at + 1 + i] = value;
    }
    length++;
  };

  const flag = (value: boolean | undefined): number => (value === true ? 1 : 0);
  const dtype = (value: PanelType): number => (value === 'bf16' ? 1 : 0);

  const heads = (name: string, o: { heads: number; kvHeads: number; headWidth: number }): void => {
    const { heads, kvHeads, headWidth } = o;
    check(kvHeads > 0 && heads % kvHeads === 0, `${name}: ${heads} heads share ${kvHeads} heads of keys`);
    check(headWidth % 4 === 0 && headWidth <= maxHeadWidth, `${name}: heads of width ${headWidth}`);
  };
  const attends = (name: string, o: Attention): void => {
    heads(name, o);
    const keys = o.length * o.headWidth;
    check(keys <= maxKeyWords, `${name}: length x headWidth is ${keys}, more than ${maxKeyWords}`);
  };
  const fours = (name: string, width: number): void => {
    check(width > 0 && width % 4 === 0, `${name}: width ${width} is no multiple of 4`);
  };
  const probability = (name: string, rate: number): void => {
    check(rate >= 0 && rate < 1, `${name}: rate ${rate}`);
  };

  return {
    get length() {
      return length;
    },
    run,
    gemm(o) {
      const { m, n, k, a, lda, b, ldb, c, ldc } = o;
      if (m === 0 || n === 0) return;
      record('gemm', flag(o.transA), flag(o.transB), m, n, k, a, lda, b, ldb, c, ldc, flag(o.accumulate));
    },
    embedding({ ids, table, x, rows, width }) {
      fours('embedding', width);
      record('embedding', ids, table, x, rows, width);
    },
    embeddingBackward({ ids, dx, dtable, rows, width }) {
      fours('embeddingBackward', width);
      record('embeddingBackward', ids, dx, dtable, rows, width);
    },
    rmsNorm({ x, gain, y, rstd, rows, width, eps }) {
      fours('rmsNorm', width);
      record('rmsNorm', x, gain, y, rstd, rows, width, real('rmsNorm', eps));
    },
    rmsNormBackward({ x, gain, rstd, dy, dx, rows, width, accumulate }) {
      fours('rmsNormBackward', width);
      record('rmsNormBackward', x, gain, rstd, dy, dx, rows, width, flag(accumulate));
    },
    rmsNormGain({ x, rstd, dy, dgain, rows, width }) {
      fours('rmsNormGain', width);
      record('rmsNormGain', x, rstd, dy, dgain, rows, width);
    },
    rope({ x, ld, cos, sin, rows, length, start, heads, headWidth, inverse }) {
      fours('rope', headWidth);
      record('rope', x, ld, cos, sin, rows, length, start, heads, headWidth, flag(inverse));
    },
    attention(o) {
      attends('attention', o);
      record('attention', o.qkv, o.out, o.lse, o.batch, o.length, o.heads, o.kvHeads, o.headWidth);
    },
    attentionBackward(o) {
      attends('attentionBackward', o);
      const { qkv, out, lse, dout, dqkv, batch, length, heads, kvHeads, headWidth } = o;
      record('attentionBackward', qkv, out, lse, dout, dqkv, batch, length, heads, kvHeads, headWidth);
    },
    swiglu({ gateUp, y, rows, hidden }) {
      fours('swiglu', hidden);
      record('swiglu', gateUp, y, rows, hidden);
    },
    swigluBackward({ gateUp, dy, dgateUp, rows, hidden }) {
      fours('swigluBackward', hidden);
      record('swigluBackward', gateUp, dy, dgateUp, rows, hidden);
    },
    crossEntropy({ logits, ld, vocab, targets, losses, rows, scale }) {
      check(vocab <= ld, `crossEntropy: vocabulary of ${vocab} in rows of ${ld}`);
      record('crossEntropy', logits, ld, vocab, targets, losses, rows, real('crossEntropy', scale));
    },
    axpby({ x, y, a, b, count }) {
      record('axpby', x, y, real('axpby', a), real('axpby', b), count);
    },
    copy({ x, y, count }) {
      record('copy', x, y, count);
    },
    zero({ x, count }) {
      record('zero', x, count);
    },
    dropout({ x, y, count, rate, seed }) {
      probability('dropout', rate);
      record('dropout', x, y, count, real('dropout', rate), seed);
    },
    dropoutAdd({ branch, x, y, count, rate, seed }) {
      probability('dropoutAdd', rate);
      record('dropoutAdd', branch, x, y, count, real('dropoutAdd', rate), seed);
    },
    sumOfSquares({ x, count, partials }) {
      record('sumOfSquares', x, count, partials);
    },
    adamW(o) {
      const { weight, gradient, m, v, count, beta1, beta2, step, learningRate } = o;
      check(step >= 1, `adamW: step ${step}`);
      const argument = (value: number): number => real('adamW', value);
      // m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps), with both corrections moved into the factors
      const correction = Math.sqrt(1 - beta2 ** step);
      const rate = argument((learningRate * correction) / (1 - beta1 ** step));
      const eps = argument(o.eps * correction);
      const kept = argument(1 - learningRate * o.decay);
      const first = [argument(beta1), argument(1 - beta1)];
      const second = [argument(beta2), argument(1 - beta2)];
      record('adamW', weight, gradient, m, v, count, rate, eps, kept, ...first, ...second, argument(o.gradientScale));
    },
    packPanels({ w, rows, columns, trans, panels, dtype: type }) {
      record('packPanels', w, rows, columns, flag(trans), panels, dtype(type));
    },
    linear({ x, ldx, m, k, n, panels, dtype: type, y, ldy, accumulate }) {
      fours('linear', k);
      record('linear', x, ldx, m, k, n, panels, dtype(type), y, ldy, flag(accumulate));
    },
    decodeAttention(o) {
      heads('decodeAttention', o);
      const shared = [o.sharedK, o.sharedV, o.sharedLength];
      const own = [o.ownK, o.ownV, o.ownLength, o.ownStride];
      const shape = [o.streams, o.heads, o.kvHeads, o.headWidth];
      record('decodeAttention', o.q, o.ldq, ...shared, ...own, ...shape, o.out, o.ldout);
    },
    copyRows({ x, ldx, y, ldy, rows, columns }) {
      fours('copyRows', columns);
      record('copyRows', x, ldx, y, ldy, rows, columns);
    },
  };
}
