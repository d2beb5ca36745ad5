/**
 * What a night needs: disk, looked at before it begins, and time. Memory is bounded by what is trained (docs/night.md) and
 * reported.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { parameterCount } from '../model/sizes.ts';
import type { ModelConfig } from '../types.ts';
import { freeBytes } from '../util/files.ts';

/** A night takes at most this long, whatever was asked for (design: limits). */
export const longestNightMinutes = 240;
/** Share of a night, and ms, that measuring and sampling have to themselves: the smaller of both. */
const judgingShare = 0.15;
const longestJudgingMs = 20 * 60_000;

export interface NightTime {
  /** for training alone */
  trainingMs: number;
  /** for all of it */
  totalMs: number;
}

/** How `minutes` are shared out. */
export function timeOf(minutes: number): NightTime {
  const totalMs = Math.min(minutes, longestNightMinutes) * 60_000;
  return { totalMs, trainingMs: totalMs - Math.min(judgingShare * totalMs, longestJudgingMs) };
}

/**
 * Bytes a weight on disk at the worst moment: a state of five copies (weights, two moments, the best, the average) being
 * written beside the one before it, what came of a finished way, and the new run.
 */
const stateBytes = 2 * 5 * 4 + 4;
const runBytes = 4;
/** For the tokenizer, manifests, the report, the database's log. */
const spareBytes = 32e6;

/**
 * Why there is not enough room, or undefined. @param config of the network that will be trained; for a vocabulary that is yet
 * to be made, the largest it may have
 */
export function lacksRoom(
  config: ModelConfig,
  { dataDir, modelsDir }: { dataDir: string; modelsDir: string },
): string | undefined {
  const weights = parameterCount(config);
  const needs = [
    { folder: dataDir, bytes: weights * stateBytes + spareBytes },
    { folder: modelsDir, bytes: weights * runBytes + spareBytes },
  ];
  for (const { folder, bytes } of needs) {
    const free = freeBytes(existingParent(folder));
    if (free >= bytes) continue;
    return `a night needs ${megabytes(bytes)} on the disk that holds ${folder}, ${megabytes(free)} are free`;
  }
  return undefined;
}

function existingParent(folder: string): string {
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  return existing;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
