/** data/datasets/<hash>/manifest.json: which rows a run was trained on, by id and hash; never their text. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunDetails } from '../checkpoint/manifest.ts';
import type { DatasetManifest } from '../dataset/build.ts';
import { ensurePrivateDir, writeFileAtomic } from '../util/files.ts';

const file = (dataDir: string, hash: string): string => join(dataDir, 'datasets', hash, 'manifest.json');

export function writeManifest(dataDir: string, manifest: DatasetManifest): void {
  ensurePrivateDir(join(dataDir, 'datasets', manifest.hash));
  writeFileAtomic(file(dataDir, manifest.hash), `${JSON.stringify(manifest)}\n`);
}

/** undefined when that dataset is not known on this machine */
export function readManifest(dataDir: string, hash: string): DatasetManifest | undefined {
  const path = file(dataDir, hash);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as DatasetManifest) : undefined;
}

/**
 * Whether a run was trained on a row that is gone, sealed or edited since; `unknown` where nobody recorded what it saw.
 * A dataset whose manifest is not here any more was forgotten, so its runs count as having seen what is gone.
 */
export function sawWhatIsGone(dataDir: string, { datasetHash }: RunDetails, now: DatasetManifest): boolean | 'unknown' {
  if (datasetHash === undefined) return 'unknown';
  const seen = readManifest(dataDir, datasetHash);
  const present = new Map(now.rows.map((row) => [row.id, row.sha256]));
  return seen === undefined || seen.rows.some((row) => present.get(row.id) !== row.sha256);
}
