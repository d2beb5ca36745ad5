/**
 * manifest.json: the last file of a checkpoint to be written, so its presence says the rest is there. It holds size and
 * SHA-256 of every other file, what is known about the run, and a SHA-256 of itself.
 * Reading is strict to the byte: text that is not exactly what `renderManifest` makes is refused, so that no damage
 * anywhere in the folder passes. Not covered: forgery; whoever can write the folder can write the sums.
 */
import { sha256 } from '../util/files.ts';
import { CheckpointError } from './error.ts';

export const manifestName = 'manifest.json';

/** Facts about a run that travel with it. Numbers and names only, never text of a chat. */
export interface RunDetails {
  /** model size by name */
  size?: string;
  seed?: number;
  datasetHash?: string;
  /** backend that trained it */
  backend?: string;
  /** on the run's own test split */
  bitsPerByte?: number;
  /** 99th percentile of the persona's message length, in UTF-16 code units */
  personaP99Chars?: number;
  [key: string]: unknown;
}

export interface Manifest {
  format: 1;
  files: Record<string, { bytes: number; sha256: string }>;
  details: RunDetails;
}

export function renderManifest({ format, files, details }: Manifest): string {
  const body = { format, files, details };
  return JSON.stringify({ ...body, sha256: sha256(JSON.stringify(body)) }, null, 2) + '\n';
}

/** @throws CheckpointError unless `text` is byte for byte what `renderManifest` wrote */
export function parseManifest(text: string, file: string): Manifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(file, 'not JSON', { cause });
  }
  if (!isManifest(parsed)) throw new CheckpointError(file, 'not a manifest of format 1');
  if (renderManifest(parsed) !== text) throw new CheckpointError(file, 'does not match its own checksum');
  const { format, files, details } = parsed;
  return { format, files, details };
}

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value['format'] !== 1 || !isObject(value['files']) || !isObject(value['details']))
    return false;
  return Object.entries(value['files']).every(
    ([name, entry]) =>
      /^[\w-][\w.-]*$/.test(name) && // a plain name: no path leaves the folder
      isObject(entry) &&
      typeof entry['sha256'] === 'string' &&
      Number.isSafeInteger(entry['bytes']),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
