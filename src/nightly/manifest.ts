/** data/datasets/<hash>/manifest.json: which rows a run was trained on, by id and hash; never their text. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
