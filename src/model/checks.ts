/** What every engine refuses before it computes: out of range, an id would read another array's memory. */
import type { ModelConfig, TokenBatch } from '../types.ts';
import { check } from '../util/errors.ts';
import { countTargets } from './targets.ts';

export function checkBatch(
  { inputs, targets, batchSize, length }: TokenBatch,
  { vocabSize, contextLength }: ModelConfig,
): void {
  check(
    inputs.length === batchSize * length && targets.length === inputs.length,
    `a batch of ${batchSize} x ${length} with ${inputs.length} inputs and ${targets.length} targets`,
  );
  check(length <= contextLength, `rows of ${length} ids exceed the context of ${contextLength}`);
  checkIds(inputs, vocabSize);
  for (const id of targets) check(id < vocabSize, `target ${id} in a vocabulary of ${vocabSize}`);
}

/** Refuses what no training step may see. Returns the number of targets. */
export function checkBatches(batches: readonly TokenBatch[], config: ModelConfig): number {
  for (const batch of batches) checkBatch(batch, config);
  const targets = batches.reduce((sum, batch) => sum + countTargets(batch), 0);
  check(targets > 0, 'a training batch without any target');
  return targets;
}

/** The loss, or what follows from it, is no number any more: this training comes to nothing, and no fault of the program. */
export class TrainingDiverged extends Error {
  override name = 'TrainingDiverged';
}

/**
 * What the gradient is multiplied by: 1, or where its norm is above `clipNorm` (0 = off) their quotient.
 * @throws TrainingDiverged when the loss or the norm is no finite number
 */
export function clipScale(lossNats: number, gradNorm: number, clipNorm: number): number {
  if (!Number.isFinite(lossNats) || !Number.isFinite(gradNorm)) {
    throw new TrainingDiverged(
      `training diverged: loss ${lossNats}, gradient norm ${gradNorm}; the weights were left as they were`,
    );
  }
  return clipNorm > 0 && gradNorm > clipNorm ? clipNorm / gradNorm : 1;
}

export function checkIds(ids: Iterable<number>, vocabSize: number): void {
  for (const id of ids)
    check(Number.isInteger(id) && id >= 0 && id < vocabSize, `id ${id} in a vocabulary of ${vocabSize}`);
}
