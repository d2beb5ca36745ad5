/**
 * The train split as JSON lines for trainers on other machines (docs/scale-out.md): the conversations that a night here
 * would train on, redacted alike. The dataset is recorded, so that a model that comes back is known by what it saw.
 */
import { dirname } from 'node:path';
import { sftRows, type SftFormat } from '../dataset/sft.ts';
import { UserError } from '../util/errors.ts';
import { ensurePrivateDir, writeFileAtomic } from '../util/files.ts';
import { writeManifest } from './manifest.ts';
import { snapshot, type SnapshotOptions } from './snapshot.ts';
import { conversationsOf, redact } from './training.ts';

export interface ExportedSft {
  file: string;
  rows: number;
  conversations: number;
  /** for `persona models add --dataset` */
  datasetHash: string;
}

/** @throws UserError when there is nothing to train on */
export function exportSft(options: SnapshotOptions & { file: string; format: SftFormat }): ExportedSft {
  const { dataDir, file, format } = options;
  const dataset = snapshot(options);
  const conversations = conversationsOf(dataset, 'train');
  const rows = conversations.flatMap((conversation) => sftRows(conversation, { format, redact }));
  if (rows.length === 0) {
    throw new UserError(
      'there is no message of the persona to train on',
      'Import a chat or collect one, with consent: `persona import FILE`.',
    );
  }
  writeManifest(dataDir, dataset.manifest);
  ensurePrivateDir(dirname(file));
  writeFileAtomic(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { file, rows: rows.length, conversations: conversations.length, datasetHash: dataset.manifest.hash };
}
