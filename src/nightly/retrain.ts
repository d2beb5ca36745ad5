/**
 * One night: snapshot of consented rows -> dataset -> train -> compare with what serves -> publish or keep -> report.
 * Always from the base or from scratch, never from last night's weights: a text that was taken back is then simply
 * not in the model (docs/decisions.md). Held by the lock `retrain`; the database is closed while training runs.
 * Not covered: bootstrap intervals and leak tests of the gate, resuming a killed night.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadServing, publish, pruneRuns } from '../checkpoint/current.ts';
import type { Checkpoint } from '../checkpoint/load.ts';
import { loadCheckpoint } from '../checkpoint/load.ts';
import { saveCheckpoint } from '../checkpoint/save.ts';
import type { Dataset } from '../dataset/build.ts';
import { buildDataset } from '../dataset/build.ts';
import { pickBackend } from '../model/backend.ts';
import type { Engine } from '../model/engine.ts';
import { acquireLock } from '../store/lock.ts';
import { personaAlias } from '../store/import.ts';
import { openStore } from '../store/store.ts';
import type { BackendName, ModelSize, SamplingOptions, Verdict } from '../types.ts';
import type { TrainProgress } from '../train/loop.ts';
import { ensurePrivateDir, writeFileAtomic } from '../util/files.ts';
import { decide } from './gate.ts';
import type { HeldOutBits } from './gate.ts';
import { ngramBits, modelBits } from './measure.ts';
import { trainOnDataset } from './training.ts';

/** Fewer persona messages than this in the train split teach nothing; the run is skipped. */
export const minimumTrainingMessages = 20;
/** Runs kept on disk, the serving one included. */
const keptRuns = 3;

export interface RetrainOptions {
  dataDir: string;
  modelsDir: string;
  speaker: string;
  timezone: string;
  size: ModelSize;
  maxMinutes: number;
  backend: BackendName | 'auto';
  sampling: SamplingOptions;
  /** a checkpoint folder to start from; undefined = from scratch */
  base?: string | undefined;
  /** train even when nothing changed since the serving run */
  force?: boolean;
  nowMs: number;
  onPhase?: (phase: string) => void;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
}

export interface RetrainResult {
  verdict: Verdict;
  /** the new run, also when it was not promoted; null when skipped */
  run: string | null;
  reason: string;
  /** of the new run on the test split, or null when that split is empty or the night was skipped */
  bitsPerByte: number | null;
  report: RetrainReport | null;
}

/** What is stored of a night; numbers only, no text. */
export interface RetrainReport {
  dataset: Dataset['manifest']['counts'];
  leftOut: Dataset['manifest']['leftOut'];
  datasetHash: string;
  backend: BackendName;
  size: ModelSize;
  base: string | null;
  test: HeldOutBits;
  steps: number;
  passes: number;
  tokensSeen: number;
  trainingSeconds: number;
  stoppedBecause: string;
}

/** Run one night. @throws UserError (exit 75) when another retrain runs */
export async function retrain(options: RetrainOptions): Promise<RetrainResult> {
  const lock = acquireLock(options.dataDir, 'retrain');
  try {
    const dataset = snapshot(options);
    const champion = loadServing(options.modelsDir);
    const skip = reasonToSkip(dataset, champion, options);
    const result = skip === undefined ? await trainAndJudge(dataset, champion, options) : skipped(skip);
    record(options, result);
    return result;
  } finally {
    lock.release();
  }
}

/** Copy what may be trained on, and close the database: a night must not hold it open. */
function snapshot(options: RetrainOptions): Dataset {
  options.onPhase?.('reading consented conversations');
  const store = openStore(options.dataDir);
  try {
    const persona = store.people.resolve([personaAlias(options.speaker)]);
    return buildDataset({ chats: store.messages.conversations(persona), timezone: options.timezone });
  } finally {
    store.close();
  }
}

function reasonToSkip(dataset: Dataset, champion: Checkpoint | undefined, options: RetrainOptions): string | undefined {
  const { train } = dataset.manifest.counts;
  if (train.personaMessages < minimumTrainingMessages) {
    return `only ${train.personaMessages} persona messages to train on, ${minimumTrainingMessages} are needed`;
  }
  const details = champion?.manifest.details;
  const same =
    details?.['datasetHash'] === dataset.manifest.hash &&
    details['size'] === options.size &&
    details['base'] === (options.base ?? null);
  return same && options.force !== true ? 'nothing changed since the serving run was trained' : undefined;
}

function skipped(reason: string): RetrainResult {
  return { verdict: 'skipped', run: null, reason, bitsPerByte: null, report: null };
}

async function trainAndJudge(
  dataset: Dataset,
  champion: Checkpoint | undefined,
  options: RetrainOptions,
): Promise<RetrainResult> {
  const startedMs = Date.now();
  const backend = await pickBackend(options.backend);
  const base = options.base === undefined ? undefined : loadCheckpoint(options.base);
  writeManifest(options.dataDir, dataset);

  const trained = await trainOnDataset(dataset, { ...options, backend, base });
  try {
    options.onPhase?.('measuring on held-out conversations');
    const test = await measure(dataset, trained.engine, trained.tokenizer, champion, backend);
    const decision = decide(test, {
      championStale: isStale(options.dataDir, dataset, champion),
      untrainedBits: trained.untrainedBits,
    });
    const report: RetrainReport = {
      dataset: dataset.manifest.counts,
      leftOut: dataset.manifest.leftOut,
      datasetHash: dataset.manifest.hash,
      backend,
      size: options.size,
      base: options.base ?? null,
      test,
      steps: trained.result.steps,
      passes: trained.result.epochs,
      tokensSeen: trained.result.tokensSeen,
      trainingSeconds: Math.round((Date.now() - startedMs) / 1000),
      stoppedBecause: trained.result.stoppedBecause,
    };
    const run = runId(options.nowMs);
    saveCheckpoint(options.modelsDir, run, {
      config: trained.engine.config,
      weights: await trained.engine.exportWeights(),
      tokenizerJson: trained.tokenizerJson,
      tokenizerConfigJson: trained.tokenizerConfigJson,
      sampling: options.sampling,
      metrics: trained.metrics,
      details: {
        ...report,
        personaP99Chars: trained.personaP99Chars,
        timezone: options.timezone,
        speaker: options.speaker === 'me' ? 'me' : 'other',
      },
    });
    if (decision.verdict === 'promoted') publish(options.modelsDir, run);
    pruneRuns(options.modelsDir, keptRuns);
    return {
      verdict: decision.verdict,
      run,
      reason: decision.reason,
      bitsPerByte: test.run?.bitsPerByte ?? null,
      report,
    };
  } finally {
    trained.engine.dispose();
  }
}

/** Bits per byte on the test split: the new run, what serves now, and the byte 5-gram. */
async function measure(
  dataset: Dataset,
  engine: Engine,
  tokenizer: Parameters<typeof modelBits>[1],
  champion: Checkpoint | undefined,
  backend: BackendName,
): Promise<HeldOutBits> {
  const test = dataset.conversations.filter(({ split }) => split === 'test').map(({ conversation }) => conversation);
  const train = dataset.conversations.filter(({ split }) => split === 'train').map(({ conversation }) => conversation);
  if (!test.some(({ messages }) => messages.some((message) => message.isPersona && message.text !== ''))) {
    return { run: null, champion: null, ngram: null };
  }
  return {
    run: await modelBits(engine, tokenizer, test),
    champion: champion === undefined ? null : await modelBits(champion, backend, test),
    ngram: ngramBits(train, test),
  };
}

/** The serving model saw a row that is gone, sealed or edited since: it may not stay, however good it is. */
function isStale(dataDir: string, dataset: Dataset, champion: Checkpoint | undefined): boolean {
  const hash = champion?.manifest.details['datasetHash'];
  if (typeof hash !== 'string') return false;
  const seen = readManifest(dataDir, hash);
  if (seen === undefined) return true;
  const now = new Map(dataset.manifest.rows.map((row) => [row.id, row.sha256]));
  return seen.some((row) => now.get(row.id) !== row.sha256);
}

function record(options: RetrainOptions, result: RetrainResult): void {
  const store = openStore(options.dataDir);
  try {
    store.runs.add({
      id: result.run ?? `skipped-${runId(options.nowMs)}`,
      startedAtMs: options.nowMs,
      finishedAtMs: Date.now(),
      verdict: result.verdict,
      reason: result.reason,
      report: result.report ?? {},
    });
  } finally {
    store.close();
  }
}
