/** What every engine refuses before it computes: out of range, an id would read another array's memory. */
import type { ModelConfig, TokenBatch } from '../types.ts';
import { check } from '../util/errors.ts';

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

export function checkIds(ids: Iterable<number>, vocabSize: number): void {
  for (const id of ids)
    check(Number.isInteger(id) && id >= 0 && id < vocabSize, `id ${id} in a vocabulary of ${vocabSize}`);
}

export function countTargets({ targets }: TokenBatch): number {
  let count = 0;
  for (const id of targets) if (id >= 0) count++;
  return count;
}
