/**
 * Which batches a step takes: every pass holds every row once, and between them batches of other text where there is some
 * to mix in. Everything follows from the seed and the number of the step, so a run that was killed goes on with the
 * batches that it would have seen.
 */
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';
import { makeBatches, type PaddedBatch, type TokenRow } from './batches.ts';

export interface PlanOptions {
  rows: readonly TokenRow[];
  /** rows of another kind (plain text beside a voice), and the share of all batches that they make */
  mix?: { rows: readonly TokenRow[]; share: number } | undefined;
  /** ids a step, padding included */
  batchTokens: number;
  /** batches that a step is made of */
  accumulation: number;
  seed: number;
}

export interface Plan {
  stepsPerEpoch: number;
  /** Batches of a step, counted from 0 over the whole run; the last step of a pass may have fewer. */
  batchesOf(step: number): PaddedBatch[];
}

export function createPlan({ rows, mix, batchTokens, accumulation, seed }: PlanOptions): Plan {
  check(Number.isInteger(accumulation) && accumulation >= 1, `steps of ${accumulation} batches`);
  const size = { batchTokens: Math.max(1, Math.floor(batchTokens / accumulation)) };
  const own = makeBatches(rows, size).length;
  check(own > 0, `none of ${rows.length} training rows has a target`);
  const draw = mix === undefined ? undefined : drawFrom(mix.rows, size, seed);
  const share = mix?.share ?? 0;
  check(share >= 0 && share < 1, `other text with a share of ${share}`);
  const mixed = Math.round((own * share) / (1 - share));
  const stepsPerEpoch = Math.ceil((own + mixed) / accumulation);

  let loaded = -1;
  let batches: PaddedBatch[] = [];
  const load = (epoch: number): void => {
    const passSeed = `${seed} epoch ${epoch}`;
    batches = makeBatches(rows, { ...size, seed: passSeed });
    if (draw !== undefined && mixed > 0) {
      batches = [...batches, ...draw((epoch - 1) * mixed, mixed)];
      createRandom(`${passSeed} mix`).shuffle(batches);
    }
    loaded = epoch;
  };
  return {
    stepsPerEpoch,
    batchesOf(step) {
      const epoch = Math.floor(step / stepsPerEpoch) + 1;
      if (epoch !== loaded) load(epoch);
      const from = (step % stepsPerEpoch) * accumulation;
      return batches.slice(from, from + accumulation);
    },
  };
}

/** Batches number `from` to `from + count` of an endless walk over the rows, each round of it in another order. */
function drawFrom(rows: readonly TokenRow[], size: { batchTokens: number }, seed: number) {
  const each = makeBatches(rows, size).length;
  check(each > 0, `none of ${rows.length} rows of other text has a target`);
  return (from: number, count: number): PaddedBatch[] => {
    const drawn: PaddedBatch[] = [];
    for (let at = from; at < from + count;) {
      const round = Math.floor(at / each);
      const batches = makeBatches(rows, { ...size, seed: `${seed} mix ${round}` });
      const take = batches.slice(at - round * each, from + count - round * each);
      drawn.push(...take);
      at += take.length;
    }
    return drawn;
  };
}
