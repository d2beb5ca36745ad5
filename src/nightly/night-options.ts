/** What a night is asked for, and what it answers. */
import type { RedactOptions } from '../consent/redact.ts';
import type { TrainProgress } from '../train/loop.ts';
import type { BackendName, ModelSize, SamplingOptions, Verdict } from '../types.ts';
import type { RetrainReport } from './findings.ts';
import type { trainOnDataset } from './training.ts';

export interface RetrainOptions {
  dataDir: string;
  modelsDir: string;
  speaker: string;
  timezone: string;
  size: ModelSize;
  /** for training and judging together; more than 240 counts as 240 */
  maxMinutes: number;
  backend: BackendName | 'auto';
  sampling: SamplingOptions;
  /** what is hidden behind placeholders, as where replies are made; default: no names, `defaultRegions` */
  redaction?: RedactOptions;
  /** a checkpoint folder to start from; undefined = from scratch */
  base?: string | undefined;
  /** start from scratch after all where the base cannot read the chat's language (`readsLanguage`) */
  baseMustFit?: boolean;
  /** only what was approved on the review page */
  reviewRequired?: boolean | undefined;
  /** train even when nothing changed since the serving run */
  force?: boolean;
  seed?: number;
  nowMs: number;
  /** sampled turns that the gate listens to; default: 500, fewer where there is no time */
  samples?: number;
  /** training time between two states on disk, in ms; 0 = after every step */
  saveEveryMs?: number;
  onPhase?: (phase: string) => void;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
  /** another way to make a network, to see what the gate says of it (tests) */
  learn?: typeof trainOnDataset;
}

export interface RetrainResult {
  verdict: Verdict;
  /** the new run, also when it was not promoted; null when skipped, or where nothing came of it that could be kept */
  run: string | null;
  reason: string;
  /** of the new run on the test split, or null when that split is empty or the night was skipped */
  bitsPerByte: number | null;
  report: RetrainReport | null;
}

/** Date and time make an id that sorts; `2026-09-19T03-00-12Z`. */
export function runId(nowMs: number): string {
  return new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
}

export function skipped(reason: string): RetrainResult {
  return { verdict: 'skipped', run: null, reason, bitsPerByte: null, report: null };
}
