/**
 * Rows of ids -> batches of one length each. Rows of like length share a batch, so that little of it is padding; which
 * rows, and in which order the batches come, is shuffled by seed and epoch. Rows without a target are left out: they
 * would give a mean over nothing.
 */
import type { TokenBatch } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';

/** One row of dataset/rows.ts, as far as training needs it; targets are -1 where there is no loss. */
export interface TokenRow {
  inputs: ArrayLike<number>;
  targets: ArrayLike<number>;
}

/** A batch and how many of its ids are not padding. */
export interface PaddedBatch extends TokenBatch {
  tokens: number;
}

export interface BatchOptions {
  /** ids a batch, padding included; a single longer row makes a batch of its own */
  batchTokens: number;
  /** shuffles rows and batches; undefined keeps the order of length, for evaluation */
  seed?: number | string;
}

/** Batches that hold every row with a target once. Their number does not depend on the seed. */
export function makeBatches(rows: readonly TokenRow[], { batchTokens, seed }: BatchOptions): PaddedBatch[] {
  check(batchTokens > 0, `batches of ${batchTokens} tokens`);
  const usable = rows.filter((row) => hasTarget(row));
  const random = seed === undefined ? undefined : createRandom(seed);
  random?.shuffle(usable);
  usable.sort((a, b) => a.inputs.length - b.inputs.length); // stable: rows of one length stay shuffled

  const batches: PaddedBatch[] = [];
  let group: TokenRow[] = [];
  for (const row of usable) {
    if (group.length > 0 && (group.length + 1) * row.inputs.length > batchTokens) {
      batches.push(pad(group));
      group = [];
    }
    group.push(row);
  }
  if (group.length > 0) batches.push(pad(group));
  return random?.shuffle(batches) ?? batches;
}

/** Rows of up to the length of the last one -> one batch. */
function pad(rows: readonly TokenRow[]): PaddedBatch {
  const length = Math.max(...rows.map((row) => row.inputs.length));
  const inputs = new Int32Array(rows.length * length);
  const targets = new Int32Array(rows.length * length).fill(-1);
  rows.forEach((row, i) => {
    check(
      row.inputs.length === row.targets.length,
      `a row of ${row.inputs.length} inputs and ${row.targets.length} targets`,
    );
    inputs.set(Array.from(row.inputs), i * length);
    targets.set(Array.from(row.targets), i * length);
  });
  const tokens = rows.reduce((sum, row) => sum + row.inputs.length, 0);
  return { inputs, targets, batchSize: rows.length, length, tokens };
}

function hasTarget({ targets }: TokenRow): boolean {
  for (let i = 0; i < targets.length; i++) if (targets[i]! >= 0) return true;
  return false;
}
