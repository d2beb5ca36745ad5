/**
 * The train split as JSON lines for trainers on other machines (docs/scale-out.md): the conversations that a night here
 * would train on, redacted alike. The dataset is recorded, so that a model that comes back is known by what it saw.
 */
import { dirname } from 'node:path';
import { defaultRegions, redactorOf, type RedactOptions } from '../consent/redact.ts';
import { sftLine, sftRows, type SftOptions } from '../dataset/sft.ts';
import { UserError } from '../util/errors.ts';
import { ensurePrivateDir, writeFileAtomic } from '../util/files.ts';
import { writeManifest } from './manifest.ts';
import { snapshot, type SnapshotOptions } from './snapshot.ts';
import { conversationsOf } from './training.ts';

export interface ExportedSft {
  file: string;
  rows: number;
  conversations: number;
  /** for `persona models add --dataset` */
  datasetHash: string;
}

export type ExportSftOptions = Omit<SnapshotOptions, 'redact'> &
  Omit<SftOptions, 'redact'> & {
    file: string;
    /** as where the model is trained here; default: no names, `defaultRegions` */
    redaction?: RedactOptions;
  };

/** @throws UserError when there is nothing to train on */
export function exportSft(options: ExportSftOptions): ExportedSft {
  const { dataDir, file, redaction = { regions: defaultRegions } } = options;
  const redact = redactorOf(redaction);
  const dataset = snapshot({ ...options, redact });
  const conversations = conversationsOf(dataset, 'train');
  const rows = conversations.flatMap((conversation) => sftRows(conversation, { ...options, redact }));
  if (rows.length === 0) {
    throw new UserError(
      'there is no message of the persona to train on',
      'Import a chat or collect one, with consent: `persona import FILE`.',
    );
  }
  writeManifest(dataDir, dataset.manifest);
  ensurePrivateDir(dirname(file));
  writeFileAtomic(file, rows.map(sftLine).join(''));
  return { file, rows: rows.length, conversations: conversations.length, datasetHash: dataset.manifest.hash };
}
