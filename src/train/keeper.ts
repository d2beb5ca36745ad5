/**
 * Remembers the weights with the lowest validation loss: of the run itself or, where there is one, of the average of its
 * weights, whichever is better. Rows without a target mean no validation; the last weights then stay.
 */
import { setImmediate } from 'node:timers/promises';
import { TrainingDiverged } from '../model/checks.ts';
import type { Engine } from '../model/engine.ts';
import type { Weights } from '../types.ts';
import { copyWeights } from './average.ts';
import { makeBatches, type TokenRow } from './batches.ts';

/** What a keeper knows; all of it is needed to go on after a restart. */
export interface KeeperState {
  best: { nats: number; step: number; averaged: boolean; weights: Weights } | null;
  /** validations since the best one */
  sinceBest: number;
  /** step of the last validation, -1 before the first */
  lastStep: number;
}

export interface Keeper {
  /** false where there is nothing to validate on */
  readonly active: boolean;
  readonly state: Readonly<KeeperState>;
  /** Nats a target of the engine's weights or of their average, whichever is fewer; the engine keeps its weights. */
  validate(step: number, average: Weights | null): Promise<number>;
  /** Put the best weights into the engine, which has done `step` steps. */
  restoreBest(step: number): void;
}

export function createKeeper(
  engine: Engine,
  validationRows: readonly TokenRow[],
  batchTokens: number,
  resumed?: KeeperState,
): Keeper {
  const active = makeBatches(validationRows, { batchTokens }).length > 0;
  const state: KeeperState = resumed === undefined ? { best: null, sinceBest: 0, lastStep: -1 } : { ...resumed };

  const judge = async (): Promise<number> => {
    const nats = await meanLossOf(engine, validationRows, batchTokens);
    if (!Number.isFinite(nats)) throw new TrainingDiverged(`training diverged: validation loss ${nats}`);
    return nats;
  };
  return {
    active,
    state,
    async validate(step, average) {
      let nats = await judge();
      const own = await engine.exportWeights();
      let weights = own;
      if (average !== null) {
        engine.importWeights(average);
        const averaged = await judge();
        engine.importWeights(own);
        if (averaged < nats) {
          nats = averaged;
          weights = copyWeights(average); // it goes on changing
        }
      }
      state.lastStep = step;
      if (state.best === null || nats < state.best.nats) {
        state.best = { nats, step, averaged: weights !== own, weights };
        state.sinceBest = 0;
      } else {
        state.sinceBest++;
      }
      return nats;
    },
    restoreBest(step) {
      const { best } = state;
      if (best !== null && (best.step !== step || best.averaged)) engine.importWeights(best.weights);
    },
  };
}

/** Mean loss in nats a target over rows. Rows without targets count nothing; without any target the result is NaN. */
export async function meanLossOf(engine: Engine, rows: readonly TokenRow[], batchTokens: number): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const batch of makeBatches(rows, { batchTokens })) {
    for (const loss of await engine.tokenLosses(batch)) sum += loss;
    for (const target of batch.targets) if (target >= 0) count++;
    await setImmediate();
  }
  return sum / count;
}
