/** What serves when a night begins, and why there may be nothing to do. */
import { baseId } from '../checkpoint/base.ts';
import { loadServing, withdraw } from '../checkpoint/current.ts';
import type { Checkpoint } from '../checkpoint/load.ts';
import { redactionId, type RedactOptions } from '../consent/redact.ts';
import type { DatasetManifest } from '../dataset/build.ts';
import type { RetrainReport } from './findings.ts';
import { sawWhatIsGone } from './manifest.ts';
import type { RetrainOptions } from './night-options.ts';
import { withStore } from './records.ts';

/** Fewer persona messages than this in the train split teach nothing; the run is skipped. */
export const minimumTrainingMessages = 20;
/** What serves, and whether it was trained on a message that is gone, sealed or edited since. */
export interface Champion {
  checkpoint: Checkpoint;
  isStale: boolean;
}

export function servingRun({ dataDir, modelsDir }: RetrainOptions, now: DatasetManifest): Champion | undefined {
  const checkpoint = loadServing(modelsDir);
  if (checkpoint === undefined) return undefined;
  return { checkpoint, isStale: sawWhatIsGone(dataDir, checkpoint.manifest.details, now) !== false };
}

/** A serving run that may not stay goes out of service even when there is too little left to train another (`settle`). */
export function reasonToSkip(
  { counts, hash }: DatasetManifest,
  champion: Champion | undefined,
  key: string,
  redaction: RedactOptions,
  { dataDir, modelsDir, size, base, force, maxMinutes }: RetrainOptions,
): string | undefined {
  const { personaMessages } = counts.train;
  if (personaMessages < minimumTrainingMessages) {
    if (champion?.isStale === true) withdraw(modelsDir, [champion.checkpoint.runId]);
    const retired =
      champion?.isStale === true ? ', and the run that served saw messages that are gone: it is retired' : '';
    return `only ${personaMessages} persona messages to train on, ${minimumTrainingMessages} are needed${retired}`;
  }
  if (force === true || champion?.isStale === true) return undefined;
  const details = champion?.checkpoint.manifest.details;
  const isSame =
    details?.datasetHash === hash &&
    details.size === size &&
    details['base'] === (base === undefined ? null : baseId(base)) &&
    details['redaction'] === redactionId(redaction);
  if (isSame) return 'nothing changed since the serving run was trained';
  const last = withStore(dataDir, (store) => store.runs.list().find(({ verdict }) => verdict !== 'skipped'));
  const report = last?.report as Partial<RetrainReport> | undefined;
  if (last === undefined || report?.key !== key || maxMinutes > (report.maxMinutes ?? 0)) return undefined;
  if (last.verdict === 'kept') return `nothing changed since run ${last.id} was not good enough (${last.reason})`;
  return champion === undefined ? undefined : `nothing changed since run ${last.id}, which was taken out of service`;
}
