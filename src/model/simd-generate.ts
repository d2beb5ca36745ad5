/**
 * Generation on the SIMD kernels: the prompt in one pass, then a token a pass, each for one sequence or for several that
 * share a beginning. Weights are packed once into panels that every token reads in order of memory.
 * Shapes as in simd-network.ts; S sequences, P positions shared, R positions of a sequence's own.
 */
import { panelWords, type Address, type PanelType, type Tape } from '../kernels/tape.ts';
import type { ModelConfig } from '../types.ts';
import { at, widthsOf } from './simd-activations.ts';
import type { SimdNetwork } from './simd-network.ts';

// === Panels

interface PackedLayer {
  qkv: Address;
  output: Address;
  gateUp: Address;
  down: Address;
}

/** The matrices again, in the order in which a token reads them. */
export interface Panels {
  dtype: PanelType;
  layers: PackedLayer[];
  head: Address;
}

type Matrix = [inWidth: number, outWidth: number];

function shapesOf(config: ModelConfig): Record<keyof PackedLayer | 'head', Matrix> {
  const { width, hiddenWidth, vocabSize } = config;
  return {
    qkv: [width, widthsOf(config).qkvWidth],
    output: [width, width],
    gateUp: [width, 2 * hiddenWidth],
    down: [hiddenWidth, width],
    head: [width, vocabSize],
  };
}

const parts = ['qkv', 'output', 'gateUp', 'down'] as const;

export function allocatePanels(config: ModelConfig, dtype: PanelType, allocate: (words: number) => Address): Panels {
  const shapes = shapesOf(config);
  const place = (part: keyof typeof shapes): Address => allocate(panelWords(...shapes[part], dtype));
  const layer = (): PackedLayer => ({
    qkv: place('qkv'),
    output: place('output'),
    gateUp: place('gateUp'),
    down: place('down'),
  });
  return { dtype, layers: Array.from({ length: config.layers }, layer), head: place('head') };
}

/** Fill the panels from the weights as they are now. */
export function recordPacking(tape: Tape, { config, weights }: SimdNetwork, panels: Panels): void {
  const shapes = shapesOf(config);
  const { dtype } = panels;
  const pack = (w: Address, to: Address, [rows, columns]: Matrix): void =>
    tape.packPanels({ w, rows, columns, trans: true, panels: to, dtype });
  panels.layers.forEach((packed, i) => {
    for (const part of parts) pack(weights.layers[i]![part], packed[part], shapes[part]);
  });
  pack(weights.head, panels.head, shapes.head);
}

// === Caches

/** Keys and values of some sequences: for each layer (S, capacity, G * D) of keys, then of values. */
export interface CacheSlab {
  address: Address;
  sequences: number;
  /** positions each sequence has room for */
  capacity: number;
}

export const slabWords = (config: ModelConfig, sequences: number, capacity: number): number =>
  2 * config.layers * sequences * capacity * widthsOf(config).kvWidth;

/** Keys and values of one layer. */
export function layerCache(config: ModelConfig, slab: CacheSlab, layer: number): { k: Address; v: Address } {
  const words = slab.sequences * slab.capacity * widthsOf(config).kvWidth;
  return { k: at(slab.address, 2 * layer * words), v: at(slab.address, (2 * layer + 1) * words) };
}

// === Passes

/** Room for one pass over `rows` ids. */
export interface PassBuffers {
  ids: Address; // (rows) words
  x: Address; // (rows, C)
  normed: Address;
  rstd: Address;
  qkv: Address; // (rows, Q)
  lse: Address;
  mixed: Address; // (rows, C)
  gateUp: Address; // (rows, 2F)
  inner: Address; // (rows, F)
  logits: Address; // (rows or 1, V)
}

export function planPass(
  config: ModelConfig,
  { rows, logitsRows }: { rows: number; logitsRows: number },
  take: (words: number) => Address,
): PassBuffers {
  const { width, heads, hiddenWidth } = config;
  const { qkvWidth, logitsWidth } = widthsOf(config);
  return {
    ids: take(rows),
    x: take(rows * width),
    normed: take(rows * width),
    rstd: take(rows),
    qkv: take(rows * qkvWidth),
    lse: take(heads * rows),
    mixed: take(rows * width),
    gateUp: take(rows * 2 * hiddenWidth),
    inner: take(rows * hiddenWidth),
    logits: take(logitsRows * logitsWidth),
  };
}

/** The `rows` first ids of a sequence in one pass: fills the cache, and makes the logits (1, V) after the last of them. */
export function recordPrompt(
  tape: Tape,
  network: SimdNetwork,
  panels: Panels,
  slab: CacheSlab,
  b: PassBuffers,
  rows: number,
): void {
  const { config, weights, rope } = network;
  const { width, heads, kvHeads, hiddenWidth, normEps, layers } = config;
  const { headWidth, turned, qkvWidth, kvWidth } = widthsOf(config);
  const matrix = (x: Address, w: Address, y: Address, k: number, n: number, accumulate = false): void =>
    tape.gemm({ transB: true, m: rows, n, k, a: x, lda: k, b: w, ldb: k, c: y, ldc: n, accumulate });

  tape.embedding({ ids: b.ids, table: weights.embedding, x: b.x, rows, width });
  for (let i = 0; i < layers; i++) {
    const w = weights.layers[i]!;
    tape.rmsNorm({ x: b.x, gain: w.attentionNorm, y: b.normed, rstd: b.rstd, rows, width, eps: normEps });
    matrix(b.normed, w.qkv, b.qkv, width, qkvWidth);
    tape.rope({
      x: b.qkv,
      ld: qkvWidth,
      ...rope,
      rows,
      length: rows,
      start: 0,
      heads: turned,
      headWidth,
      inverse: false,
    });
    const cache = layerCache(config, slab, i);
    const [keys, values] = [at(b.qkv, width), at(b.qkv, width + kvWidth)];
    tape.copyRows({ x: keys, ldx: qkvWidth, y: cache.k, ldy: kvWidth, rows, columns: kvWidth });
    tape.copyRows({ x: values, ldx: qkvWidth, y: cache.v, ldy: kvWidth, rows, columns: kvWidth });
    tape.attention({ qkv: b.qkv, out: b.mixed, lse: b.lse, batch: 1, length: rows, heads, kvHeads, headWidth });
    if (i === layers - 1) break; // only the last position matters from here
    matrix(b.mixed, w.output, b.x, width, width, true);
    tape.rmsNorm({ x: b.x, gain: w.mlpNorm, y: b.normed, rstd: b.rstd, rows, width, eps: normEps });
    matrix(b.normed, w.gateUp, b.gateUp, width, 2 * hiddenWidth);
    tape.swiglu({ gateUp: b.gateUp, y: b.inner, rows, hidden: hiddenWidth });
    matrix(b.inner, w.down, b.x, hiddenWidth, width, true);
  }
  const last = (rows - 1) * width;
  recordAfterAttention(tape, network, panels, layers - 1, 1, { ...b, x: at(b.x, last), mixed: at(b.mixed, last) });
  recordHead(tape, network, panels, 1, { ...b, x: at(b.x, last) });
}

/** What a token's queries look back on. */
export interface Past {
  shared: CacheSlab;
  /** positions of the shared beginning */
  sharedLength: number;
  /** each sequence's own positions after it; undefined = the one sequence is in `shared` itself */
  own: CacheSlab | undefined;
  ownLength: number;
}

/** One id for each of `sequences` -> caches one position longer, and with `logits` the logits (S, V) that follow. */
export function recordToken(
  tape: Tape,
  network: SimdNetwork,
  panels: Panels,
  past: Past,
  b: PassBuffers,
  { sequences, logits }: { sequences: number; logits: boolean },
): void {
  const { config, weights, rope } = network;
  const { width, heads, kvHeads, normEps, layers } = config;
  const { headWidth, turned, qkvWidth, kvWidth } = widthsOf(config);
  const { dtype } = panels;
  const { shared, own, ownLength, sharedLength } = past;
  const rows = sequences;
  const start = sharedLength + ownLength;

  tape.embedding({ ids: b.ids, table: weights.embedding, x: b.x, rows, width });
  for (let i = 0; i < layers; i++) {
    const w = weights.layers[i]!;
    tape.rmsNorm({ x: b.x, gain: w.attentionNorm, y: b.normed, rstd: b.rstd, rows, width, eps: normEps });
    const qkv = { x: b.normed, ldx: width, m: rows, k: width, n: qkvWidth, y: b.qkv, ldy: qkvWidth };
    tape.linear({ ...qkv, panels: panels.layers[i]!.qkv, dtype });
    tape.rope({ x: b.qkv, ld: qkvWidth, ...rope, rows, length: 1, start, heads: turned, headWidth, inverse: false });

    const sharedCache = layerCache(config, shared, i);
    const target = own ? layerCache(config, own, i) : sharedCache;
    const capacity = (own ?? shared).capacity;
    const row = (own ? ownLength : sharedLength) * kvWidth;
    const append = { ldx: qkvWidth, ldy: capacity * kvWidth, rows, columns: kvWidth };
    tape.copyRows({ x: at(b.qkv, width), y: at(target.k, row), ...append });
    tape.copyRows({ x: at(b.qkv, width + kvWidth), y: at(target.v, row), ...append });

    tape.decodeAttention({
      q: b.qkv,
      ldq: qkvWidth,
      sharedK: sharedCache.k,
      sharedV: sharedCache.v,
      sharedLength: own ? sharedLength : sharedLength + 1,
      ownK: target.k,
      ownV: target.v,
      ownLength: own ? ownLength + 1 : 0,
      ownStride: capacity * kvWidth,
      streams: rows,
      heads,
      kvHeads,
      headWidth,
      out: b.mixed,
      ldout: width,
    });
    if (i < layers - 1 || logits) recordAfterAttention(tape, network, panels, i, rows, b);
  }
  if (logits) recordHead(tape, network, panels, rows, b);
}

/** The output projection and the MLP of layer `i`, added to x (rows, C). */
function recordAfterAttention(tape: Tape, network: SimdNetwork, panels: Panels, i: number, m: number, b: PassBuffers) {
  const { width, hiddenWidth, normEps } = network.config;
  const w = network.weights.layers[i]!;
  const packed = panels.layers[i]!;
  const { dtype } = panels;
  const accumulate = true;
  tape.linear({
    x: b.mixed,
    ldx: width,
    m,
    k: width,
    n: width,
    panels: packed.output,
    dtype,
    y: b.x,
    ldy: width,
    accumulate,
  });
  tape.rmsNorm({ x: b.x, gain: w.mlpNorm, y: b.normed, rstd: b.rstd, rows: m, width, eps: normEps });
  const gateUp = { x: b.normed, ldx: width, m, k: width, n: 2 * hiddenWidth, y: b.gateUp, ldy: 2 * hiddenWidth };
  tape.linear({ ...gateUp, panels: packed.gateUp, dtype });
  tape.swiglu({ gateUp: b.gateUp, y: b.inner, rows: m, hidden: hiddenWidth });
  const down = { x: b.inner, ldx: hiddenWidth, m, k: hiddenWidth, n: width, y: b.x, ldy: width };
  tape.linear({ ...down, panels: packed.down, dtype, accumulate });
}

/** x (m, C) -> logits (m, V) */
function recordHead(
  tape: Tape,
  { config, weights }: SimdNetwork,
  { head, dtype }: Panels,
  m: number,
  b: PassBuffers,
): void {
  const { width, vocabSize, normEps } = config;
  tape.rmsNorm({ x: b.x, gain: weights.finalNorm, y: b.normed, rstd: b.rstd, rows: m, width, eps: normEps });
  const ldy = widthsOf(config).logitsWidth;
  tape.linear({ x: b.normed, ldx: width, m, k: width, n: vocabSize, panels: head, dtype, y: b.logits, ldy });
}
