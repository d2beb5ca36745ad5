/** The work of the training benches: the two sizes, one file of ids for everybody, and medians. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelConfig } from '../src/model/sizes.ts';
import { createRandom } from '../src/util/random.ts';
import { temporaryFolder } from './peers/child.ts';
import type { StartTraining, Workload } from './peers/training.ts';

/** nano is 4 x 128 with T 128, small 6 x 384 with T 256: 1,024 tokens a step in both. */
export const workloads: readonly Workload[] = [
  { name: 'nano', config: modelConfig('nano', 2048), batchSize: 8 },
  { name: 'small', config: modelConfig('small', 8192), batchSize: 4 },
];

/** Ids drawn so that few are frequent and most are rare, as in text: log-uniform. */
export function writeIds(vocabSize: number, count = 200_000): string {
  const random = createRandom('bench ids');
  const ids = Uint16Array.from({ length: count }, () => Math.floor(vocabSize ** random.next()));
  const path = join(temporaryFolder(), 'ids.bin');
  writeFileSync(path, ids);
  return path;
}

/** @param reduced one row of 64 ids instead of the batch, for contenders that need minutes for a whole one */
export function startMessage(
  { config, batchSize }: Workload,
  ids: string,
  reduced = false,
): StartTraining & { do: 'start' } {
  const contextLength = reduced ? Math.min(64, config.contextLength) : config.contextLength;
  return {
    do: 'start',
    config: { ...config, contextLength },
    batchSize: reduced ? 1 : batchSize,
    length: contextLength,
    ids,
    learningRate: 1e-3,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const rounded = (value: number, digits = 0): number => Math.round(value * 10 ** digits) / 10 ** digits;
