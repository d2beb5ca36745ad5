/**
 * One night: snapshot of consented rows -> dataset -> train -> compare with what serves -> publish or keep -> report.
 * Always from the base or from scratch, never from last night's weights: a text that was taken back is then simply
 * not in the model (docs/decisions.md). Held by the lock `retrain`; the database is closed while training runs.
 * Not covered: bootstrap intervals and leak tests of the gate, resuming a killed night.
 */
import { currentFile, loadServing, publish, pruneRuns } from '../checkpoint/current.ts';
import { rmSync } from 'node:fs';
import type { Checkpoint } from '../checkpoint/load.ts';
import { baseId, loadBase } from '../checkpoint/base.ts';
import { saveCheckpoint } from '../checkpoint/save.ts';
import { defaultRegions, redactionId, redactorOf, type RedactOptions } from '../consent/redact.ts';
import type { Dataset, DatasetManifest } from '../dataset/build.ts';
import { dominantOf, type Dominant } from '../dataset/shares.ts';
import { pickBackend } from '../model/backend.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore } from '../store/store.ts';
import { chatIds } from '../tokenizer/chat-format.ts';
import { tokenizerConfigJson, withSpecialTokens } from '../tokenizer/tokenizer-json.ts';
import { evaluateConversations } from '../train/evaluate.ts';
import type { TrainProgress } from '../train/loop.ts';
import type { BackendName, ModelSize, SamplingOptions, Verdict } from '../types.ts';
import { decide } from './gate.ts';
import type { HeldOutBits } from './gate.ts';
import { sawWhatIsGone, writeManifest } from './manifest.ts';
import { bestNgramBits, checkpointBits } from './measure.ts';
import { snapshot } from './snapshot.ts';
import { conversationsOf, personaP99Chars, readsLanguage, trainOnDataset } from './training.ts';
import type { Trained } from './training.ts';

/** Fewer persona messages than this in the train split teach nothing; the run is skipped. */
export const minimumTrainingMessages = 20;
/** Runs kept on disk, the serving one included. */
const keptRuns = 3;
const defaultSeed = 1;

export interface RetrainOptions {
  dataDir: string;
  modelsDir: string;
  speaker: string;
  timezone: string;
  size: ModelSize;
  maxMinutes: number;
  backend: BackendName | 'auto';
  sampling: SamplingOptions;
  /** what is hidden behind placeholders, as where replies are made; default: no names, `defaultRegions` */
  redaction?: RedactOptions;
  /** a checkpoint folder to start from; undefined = from scratch */
  base?: string | undefined;
  /** start from scratch after all where the base cannot read the chat's language (`readsLanguage`) */
  baseMustFit?: boolean;
  /** train even when nothing changed since the serving run */
  force?: boolean;
  seed?: number;
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
  /** one among several people or chats that makes up most of what is learned, without its name */
  dominant: Omit<Dominant, 'id'>[];
  datasetHash: string;
  backend: BackendName;
  size: ModelSize;
  /** the base that was to be started from (`baseId`); null = from scratch */
  base: string | null;
  /** what was hidden (`redactionId`) */
  redaction: string;
  /** false: from scratch, since that base does not read the chat's language */
  baseFits: boolean;
  test: HeldOutBits;
  /** how it was learned, and what each way that was tried came to on the validation split */
  way: Trained['way'];
  tried: Trained['tried'];
  steps: number;
  passes: number;
  tokensSeen: number;
  /** training and measuring */
  seconds: number;
  stoppedBecause: string;
}

interface Champion {
  checkpoint: Checkpoint;
  isStale: boolean;
}

/**
 * Run one night.
 * @throws UserError (exit 75) when another retrain runs
 */
export async function retrain(options: RetrainOptions): Promise<RetrainResult> {
  const lock = acquireLock(options.dataDir, 'retrain');
  try {
    options.onPhase?.('reading consented conversations');
    const dataset = snapshot({ ...options, redact: redactorOf(redactionOf(options)) });
    const champion = servingRun(options, dataset.manifest);
    const reason = reasonToSkip(dataset, champion, options);
    if (reason !== undefined && champion?.isStale === true) rmSync(currentFile(options.modelsDir));
    const result = reason === undefined ? await trainAndJudge(dataset, champion, options) : skipped(reason);
    record(options, result);
    return result;
  } finally {
    lock.release();
  }
}

/** A serving run that may not stay goes out of service even when there is too little left to train another. */
function reasonToSkip(dataset: Dataset, champion: Champion | undefined, options: RetrainOptions): string | undefined {
  const { train } = dataset.manifest.counts;
  if (train.personaMessages < minimumTrainingMessages) {
    const retired =
      champion?.isStale === true ? ', and the run that served saw messages that are gone: it is retired' : '';
    return `only ${train.personaMessages} persona messages to train on, ${minimumTrainingMessages} are needed${retired}`;
  }
  const details = champion?.checkpoint.manifest.details;
  const isSame =
    details?.datasetHash === dataset.manifest.hash &&
    details.size === options.size &&
    details['base'] === baseIdOf(options) &&
    details['redaction'] === redactionId(redactionOf(options));
  return isSame && options.force !== true ? 'nothing changed since the serving run was trained' : undefined;
}

const redactionOf = ({ redaction }: RetrainOptions): RedactOptions => redaction ?? { regions: defaultRegions };

const baseIdOf = ({ base }: RetrainOptions): string | null => (base === undefined ? null : baseId(base));

function skipped(reason: string): RetrainResult {
  return { verdict: 'skipped', run: null, reason, bitsPerByte: null, report: null };
}

async function trainAndJudge(
  dataset: Dataset,
  champion: Champion | undefined,
  options: RetrainOptions,
): Promise<RetrainResult> {
  const startedMs = Date.now();
  const backend = await pickBackend(options.backend, 'training');
  const offered = options.base === undefined ? undefined : loadBase(options.base, withSpecialTokens);
  const baseFits =
    offered === undefined ||
    options.baseMustFit !== true ||
    readsLanguage(offered.tokenizerJson, conversationsOf(dataset, 'train'), redactorOf(redactionOf(options)));
  const base = baseFits ? offered : undefined;
  if (!baseFits) options.onPhase?.('the base does not read the language of these chats: from scratch');
  writeManifest(options.dataDir, dataset.manifest);
  const trained = await trainOnDataset(dataset, {
    ...options,
    backend,
    base,
    seed: options.seed ?? defaultSeed,
    redaction: redactionOf(options),
  });
  try {
    options.onPhase?.('measuring on held-out conversations');
    const test = await measure(dataset, trained, champion?.checkpoint, backend);
    const decision = decide(test, { championStale: champion?.isStale === true, learned: trained.learned });
    const report: RetrainReport = {
      dataset: dataset.manifest.counts,
      leftOut: dataset.manifest.leftOut,
      dominant: dominantOf(dataset.shares).map(({ kind, share, among }) => ({ kind, share, among })),
      datasetHash: dataset.manifest.hash,
      backend,
      size: options.size,
      base: baseIdOf(options),
      redaction: redactionId(redactionOf(options)),
      baseFits,
      test,
      way: trained.way,
      tried: trained.tried,
      steps: trained.result.steps,
      passes: trained.result.epochs,
      tokensSeen: trained.result.tokensSeen,
      seconds: Math.round((Date.now() - startedMs) / 1000),
      stoppedBecause: trained.result.stoppedBecause,
    };
    const run = await save(dataset, trained, report, options);
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

async function save(
  dataset: Dataset,
  trained: Trained,
  report: RetrainReport,
  options: RetrainOptions,
): Promise<string> {
  const run = runId(options.nowMs);
  const { bos, end, bannedInReplies } = chatIds(trained.tokenizer);
  saveCheckpoint(options.modelsDir, run, {
    config: trained.engine.config,
    weights: await trained.engine.exportWeights(),
    tokenizerJson: trained.tokenizerJson,
    tokenizerConfigJson: tokenizerConfigJson(),
    generation: { ...options.sampling, bosId: bos, endId: end, bannedIds: [...bannedInReplies] },
    metrics: trained.result.curve.map((row) => `${JSON.stringify(row)}\n`).join(''),
    details: {
      ...report,
      seed: options.seed ?? defaultSeed,
      ...(report.test.run === null ? {} : { bitsPerByte: report.test.run.bitsPerByte }),
      personaP99Chars: personaP99Chars(conversationsOf(dataset, 'train')),
    },
  });
  return run;
}

/** Bits per byte on the test split: the new run, what serves now, and the byte 5-gram. */
async function measure(
  dataset: Dataset,
  { engine, tokenizer }: Trained,
  champion: Checkpoint | undefined,
  backend: BackendName,
): Promise<HeldOutBits> {
  if (dataset.manifest.counts.test.personaMessages === 0) return { run: null, champion: null, ngram: null };
  const test = conversationsOf(dataset, 'test');
  return {
    run: await evaluateConversations(engine, tokenizer, test),
    champion: champion === undefined ? null : await checkpointBits(champion, backend, test),
    ngram: bestNgramBits(conversationsOf(dataset, 'train'), test),
  };
}

/** What serves, and whether it was trained on a message that is gone, sealed or edited since. */
function servingRun(options: RetrainOptions, now: DatasetManifest): Champion | undefined {
  const checkpoint = loadServing(options.modelsDir);
  if (checkpoint === undefined) return undefined;
  return { checkpoint, isStale: sawWhatIsGone(options.dataDir, checkpoint.manifest.details, now) !== false };
}

/** Date and time make an id that sorts; `2026-09-19T03-00-12Z`. */
export function runId(nowMs: number): string {
  return new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
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
