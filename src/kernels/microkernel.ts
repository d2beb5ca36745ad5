/**
 * Writes the inner loops of matrix multiplication as AssemblyScript: a tile of MR x NR results stays in registers while
 * one column of A and one row of packed B go by. Written by a program because the best shape and unrolling depend on how
 * the engine's compiler allocates its 16 registers; bench/kernels.ts measures them all on the Node at hand.
 *
 * - `rows`: A row-major, element (i, k) at a + i lda + 4k.
 * - `columns`: A column-major, element (i, k) at a + k lda + 4i (packed strips, or A stored transposed).
 * B is a panel: row k of NR columns at b + 4 NR k. Each sum runs over k in order, so tiles of any height agree bit by bit.
 */

import { type PanelType, panelColumns } from './tape.ts';

export type Access = 'rows' | 'columns';

export interface TileShape {
  access: Access;
  /** rows of the tile */
  rows: number;
  /** columns of one panel, a multiple of 4 (8 with bf16) */
  columns: number;
  /** steps of k a round */
  unroll: number;
  /** panels side by side, `panelBytes` apart (the last parameter then); more of them keep the adders of a low tile busy */
  panels: number;
  /** bf16: a row of a panel is four words, column i in the low half and column i + 4 in the high half of word i */
  weights: PanelType;
  /** fused multiply-add (relaxed SIMD), rounded once; not every Node has it */
  fused: boolean;
}

const plain: TileShape = {
  access: 'rows',
  rows: 4,
  columns: panelColumns,
  unroll: 4,
  panels: 1,
  weights: 'f32',
  fused: false,
};

/** The tiles that the kernels are built with; lower ones, down to one row, do what is left at a lower edge. */
export const tiles = { plain, fused: { ...plain, rows: 6, unroll: 1, fused: true } } as const;
export type Variant = keyof typeof tiles;

/** The module of a variant, beside the compiled build.ts. */
export const wasmFile = (variant: Variant): string => (variant === 'plain' ? 'kernels.wasm' : 'kernels-fused.wasm');

/**
 * Function `name(kc, a, lda, b, c, ldc, accumulate[, panelBytes])`; strides in bytes, kc >= 1. c (+)= A B.
 */
export function emitTile(name: string, shape: TileShape): string {
  const { access, columns, panels, unroll, weights } = shape;
  const vectors = Array.from({ length: (columns / 4) * panels }, (_, j) => j);
  const rows = Array.from({ length: shape.rows }, (_, i) => i);
  const pointer = (i: number): string => (access === 'rows' && i > 0 ? `a${i}` : 'a');
  const panel = (p: number): string => (p > 0 ? `b${p}` : 'b');
  const others = Array.from({ length: panels - 1 }, (_, p) => p + 1);
  const rowBytes = columns * (weights === 'bf16' ? 2 : 4);
  const last = panels > 1 ? ', panelBytes: usize' : '';

  const lines = [
    `export function ${name}(kc: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, acc: i32${last}): void {`,
    ...rows.flatMap((i) => vectors.map((j) => `  let c${i}_${j} = f32x4.splat(0);`)),
    ...(access === 'rows' ? rows.slice(1).map((i) => `  let a${i} = a + ${i} * lda;`) : []),
    ...others.map((p) => `  let b${p} = b + ${p} * panelBytes;`),
    '  let k = kc, s: v128, w: v128;',
    '  while (k > 0) {',
  ];
  const loadWeights = (step: number, j: number): string[] => {
    const from = panel(Math.floor((4 * j) / columns));
    const within = j % (columns / 4);
    const value = `    const w${step}_${j} = `;
    if (weights === 'f32') return [`${value}v128.load(${from}, ${rowBytes * step + 16 * within});`];
    if (within === 1) return [`${value}v128.and(w, i32x4.splat(0xffff0000));`];
    return [`    w = v128.load(${from}, ${rowBytes * step});`, `${value}i32x4.shl(w, 16);`];
  };
  for (let step = 0; step < unroll; step++) {
    lines.push(...vectors.flatMap((j) => loadWeights(step, j)));
    for (const i of rows) {
      lines.push(`    s = v128.load32_splat(${pointer(i)}, ${access === 'rows' ? 4 * step : 4 * i});`);
      for (const j of vectors) lines.push(`    ${multiplyAdd(`c${i}_${j}`, 's', `w${step}_${j}`, shape.fused)}`);
    }
    if (access === 'columns') lines.push('    a += lda;');
    // This way out is also what keeps V8 from loading all steps first and spilling: sums must exist at each of them.
    if (step + 1 < unroll) lines.push(`    if (k == ${step + 1}) break;`);
  }
  lines.push(
    `    k -= ${unroll};`,
    `    b += ${rowBytes * unroll};`,
    ...others.map((p) => `    b${p} += ${rowBytes * unroll};`),
  );
  if (access === 'rows') lines.push(...rows.map((i) => `    ${pointer(i)} += ${4 * unroll};`));

  const store = (value: (i: number, j: number) => string): string[] =>
    rows.flatMap((i) => [
      ...vectors.map((j) => `    v128.store(c, ${value(i, j)}, ${16 * j});`),
      ...(i + 1 < rows.length ? ['    c += ldc;'] : []),
    ]);
  lines.push('  }', '  if (acc) {', ...store((i, j) => `f32x4.add(v128.load(c, ${16 * j}), c${i}_${j})`));
  lines.push('  } else {', ...store((i, j) => `c${i}_${j}`), '  }', '}');
  return `${lines.join('\n')}\n`;
}

function multiplyAdd(sum: string, a: string, b: string, fused: boolean): string {
  return fused
    ? `${sum} = f32x4.relaxed_madd(${a}, ${b}, ${sum});`
    : `${sum} = f32x4.add(${sum}, f32x4.mul(${a}, ${b}));`;
}

/** The module that assembly/ imports as './microkernel': the shape, and a tile of any height up to its own. */
export function emitMicroKernels(variant: Variant): string {
  const tile = tiles[variant];
  const heights = Array.from({ length: tile.rows }, (_, i) => i + 1);
  const functions: [string, Partial<TileShape>][] = [];
  for (const rows of heights) {
    functions.push([`rows${rows}`, { rows }], [`columns${rows}`, { access: 'columns', rows }]);
    if (rows <= halfRows) functions.push([`rows${rows}bf16`, { rows, weights: 'bf16', unroll: 4 }]);
  }
  for (const weights of ['f32', 'bf16'] as const) {
    const suffix = weights === 'bf16' ? 'bf16' : '';
    for (const [rows, panels] of lowTiles)
      functions.push([`wide${rows}${suffix}`, { rows, panels, weights, unroll: 4 }]);
  }
  const parameters = 'rows: i32, kc: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, acc: i32';
  const dispatch = (name: string, access: string, suffix: string, most = tile.rows): string =>
    [
      `export function ${name}(${parameters}): void {`,
      ...heights
        .slice(0, most)
        .toReversed()
        .map(
          (rows) =>
            `  if (rows == ${rows}) ${access}${rows}${suffix}(kc, a, lda, b, c, ldc, acc);${rows > 1 ? ' else' : ''}`,
        ),
      '}',
    ].join('\n');
  return [
    `export const tileRows: i32 = ${tile.rows};`,
    `export const tileColumns: i32 = ${tile.columns};`,
    `export const fused: bool = ${String(tile.fused)};`,
    `export const halfRows: i32 = ${halfRows};`,
    ...lowTiles.map(([rows, panels]) => `export const wide${rows}Panels: i32 = ${panels};`),
    ...functions.map(([name, shape]) => emitTile(name, { ...tile, ...shape })),
    dispatch('tileByRows', 'rows', ''),
    dispatch('tileByColumns', 'columns', ''),
    dispatch('tileByRowsBf16', 'rows', 'bf16', halfRows),
  ].join('\n');
}

/** Most rows of a tile over bf16 panels, whose unpacking takes registers too. */
const halfRows = 4;

/** One or two rows times weights: rows, and how many panels side by side keep the adders busy within 16 registers. */
const lowTiles = [
  [1, 3],
  [2, 2],
] as const;
