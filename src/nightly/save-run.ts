/**
 * A judged night -> a run on disk with its report card, and what serves from then on. In this order, so that a kill at any
 * point leaves what served before or the new run, whole: the folder, the card in it, current.json, pruning. A night that goes
 * on after a kill between them finds the run, and does what is left (`settledRun`).
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pruneRuns, publish, readCurrent, withdraw } from '../checkpoint/current.ts';
import { CheckpointError, explainWriteError } from '../checkpoint/error.ts';
import { allFinite } from '../checkpoint/llama.ts';
import { runDir, saveCheckpoint } from '../checkpoint/save.ts';
import { redactorOf, type RedactOptions } from '../consent/redact.ts';
import type { Dataset, DatasetManifest } from '../dataset/build.ts';
import { lexiconOfPeople } from '../dataset/lexicon.ts';
import { chatIds } from '../tokenizer/chat-format.ts';
import { tokenizerConfigJson } from '../tokenizer/tokenizer-json.ts';
import type { SamplingOptions, Verdict } from '../types.ts';
import type { RetrainReport } from './findings.ts';
import type { Judged } from './judge.ts';
import { sawWhatIsGone } from './manifest.ts';
import { detailsOf } from './models.ts';
import type { Night } from './night-state.ts';
import { cardName, writeReportCard, type CardFigures } from './report/card.ts';
import { factsOf } from './report/facts.ts';
import { conversationsOf, personaP99Chars, type Trained } from './training.ts';

/** Runs kept on disk, the serving one included. */
const keptRuns = 3;

export interface SaveOptions {
  dataDir: string;
  modelsDir: string;
  sampling: SamplingOptions;
  redaction: RedactOptions;
  seed: number;
}

/**
 * Write the run and its card. Nothing serves it yet.
 * @returns the card's figures; null where the weights are not finite, of which nothing is kept
 */
export async function saveRun(
  dataset: Dataset,
  trained: Trained,
  { night, report, judged }: { night: Night; report: RetrainReport; judged: Judged },
  options: SaveOptions,
): Promise<CardFigures | null> {
  const { modelsDir, sampling, redaction, seed } = options;
  const { verdict, reason } = judged.decision;
  const weights = await trained.engine.exportWeights();
  if (![...weights.values()].every(({ data }) => allFinite(data))) return null;
  const { bos, end, bannedInReplies } = chatIds(trained.tokenizer);
  const learned = conversationsOf(dataset, 'train');
  rmSync(runDir(modelsDir, night.run), { recursive: true, force: true }); // of this night before it was killed
  const folder = saveCheckpoint(modelsDir, night.run, {
    config: trained.engine.config,
    weights,
    tokenizerJson: trained.tokenizerJson,
    tokenizerConfigJson: tokenizerConfigJson(),
    generation: { ...sampling, bosId: bos, endId: end, bannedIds: [...bannedInReplies] },
    metrics: trained.result.curve.map((row) => `${JSON.stringify(row)}\n`).join(''),
    lexicon: lexiconOfPeople(learned, redactorOf(redaction)),
    details: {
      ...report,
      verdict,
      reason,
      seed,
      ...(report.test.run === null ? {} : { bitsPerByte: report.test.run.bitsPerByte }),
      personaP99Chars: personaP99Chars(learned),
    },
  });
  const { run, startedAtMs } = night;
  const { curve } = trained.result;
  try {
    return writeReportCard(
      folder,
      { run, startedAtMs, verdict, reason, report, curve, samples: judged.samples },
      {
        costs: judged.heldOut.costs,
        redaction,
        ...factsOf(dataset, trained.tokenizer, { dataDir: options.dataDir, redaction, run }),
      },
    );
  } catch (error) {
    rmSync(folder, { recursive: true, force: true }); // a run without its card is none
    throw explainWriteError(error, `saving the report of run ${run}`, modelsDir, 1e6);
  }
}

/**
 * What serves from now on: the run where it was promoted. A run that saw what is gone (`now`: what there is) serves no more
 * in any case, and is not gone back to; where no other is left, silence.
 */
export function settle(
  run: string | null,
  verdict: Verdict,
  now: DatasetManifest,
  { dataDir, modelsDir }: Pick<SaveOptions, 'dataDir' | 'modelsDir'>,
): void {
  if (run !== null && verdict === 'promoted' && currentRun(modelsDir) !== run) publish(modelsDir, run);
  const current = readUndamaged(modelsDir);
  const served = current === undefined ? [] : [current.run, ...current.previous];
  withdraw(
    modelsDir,
    served.filter((id) => id !== run && sawGone(id, now, { dataDir, modelsDir })),
  );
  if (readUndamaged(modelsDir) !== undefined) pruneRuns(modelsDir, keptRuns);
}

function sawGone(
  id: string,
  now: DatasetManifest,
  { dataDir, modelsDir }: Pick<SaveOptions, 'dataDir' | 'modelsDir'>,
): boolean {
  const details = detailsOf(modelsDir, id);
  return !(details instanceof CheckpointError) && sawWhatIsGone(dataDir, details, now) === true;
}

/** The verdict of a night that was killed after it had saved its run and card; undefined: it has to be judged (again). */
export function settledRun(
  night: Night | undefined,
  modelsDir: string,
): { run: string; verdict: Verdict; reason: string; report: RetrainReport } | undefined {
  if (night === undefined || !existsSync(join(runDir(modelsDir, night.run), cardName))) return undefined;
  const details = detailsOf(modelsDir, night.run);
  if (details instanceof CheckpointError) return undefined;
  const { verdict, reason, seed: _, bitsPerByte: __, personaP99Chars: ___, ...report } = details;
  if ((verdict !== 'promoted' && verdict !== 'kept') || typeof reason !== 'string') return undefined;
  return { run: night.run, verdict, reason, report: report as unknown as RetrainReport };
}

/** Id of the run that current.json names, whole or not. */
export function currentRun(modelsDir: string): string | undefined {
  return readUndamaged(modelsDir)?.run;
}

function readUndamaged(modelsDir: string): ReturnType<typeof readCurrent> {
  try {
    return readCurrent(modelsDir);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return undefined;
  }
}
