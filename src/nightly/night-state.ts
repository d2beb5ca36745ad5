/**
 * What a night keeps in data/training/ while it runs, so that one that was killed goes on: night.json (which night it is: its
 * run, when it began, how often it went on) and a folder a way to learn (train/resume.ts). The key says what the night
 * computes: dataset, options, and the code itself. A state of another key is of no use and is removed; so is all of it when the
 * night is over.
 * Not covered: two nights at once (the lock `retrain` sees to that); the time limit, which may be another when it goes on.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { distFile, projectRoot } from '../util/dist.ts';
import { ensurePrivateDir, sha256, writeFileAtomic } from '../util/files.ts';
import { trainingDir } from './forgotten.ts';

const nightSchema = z.strictObject({
  format: z.literal(1),
  key: z.string(),
  run: z.string(),
  startedAtMs: z.number(),
  resumed: z.int().nonnegative(),
});

export interface Night {
  /** what it computes (`nightKey`) */
  key: string;
  /** id of the run that will come of it */
  run: string;
  /** unix ms */
  startedAtMs: number;
  /** times that it was killed or stopped and went on */
  resumed: number;
}

const nightFile = (dataDir: string): string => join(trainingDir(dataDir), 'night.json');

/** A night that was killed or stopped, whatever it was; undefined: none, or nobody can read it. */
export function unfinishedNight(dataDir: string): Night | undefined {
  if (!existsSync(nightFile(dataDir))) return undefined;
  try {
    const { format: _, ...night } = nightSchema.parse(JSON.parse(readFileSync(nightFile(dataDir), 'utf8')));
    return night;
  } catch {
    return undefined;
  }
}

/** Go on with the night of this key, or begin `fresh`; what is left of any other is removed. */
export function beginNight(dataDir: string, fresh: Omit<Night, 'resumed'>): Night {
  const known = unfinishedNight(dataDir);
  const isSame = known?.key === fresh.key;
  if (!isSame) endNight(dataDir);
  const night = isSame ? { ...known, resumed: known.resumed + 1 } : { ...fresh, resumed: 0 };
  ensurePrivateDir(trainingDir(dataDir));
  writeFileAtomic(nightFile(dataDir), `${JSON.stringify({ format: 1, ...night })}\n`);
  return night;
}

/** Nothing is left to go on with. */
export function endNight(dataDir: string): void {
  rmSync(trainingDir(dataDir), { recursive: true, force: true });
}

/** The same where the same dataset is learned in the same way by the same code. */
export function nightKey(parts: Record<string, unknown>): string {
  return sha256(JSON.stringify([codeVersion(), Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))]));
}

/** Folders whose code decides what comes of a night. */
const decisive = ['consent', 'dataset', 'kernels', 'model', 'nightly', 'tokenizer', 'train'];

/** SHA-256 of the compiled code and of package.json. */
function codeVersion(): string {
  const folders = decisive.map((name) => distFile(join('src', name))).filter((folder) => existsSync(folder));
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /\.(?:js|wasm)$/.test(name))
      .sort()
      .map((name) => sha256(readFileSync(join(folder, name)))),
  );
  return sha256(JSON.stringify([readFileSync(join(projectRoot, 'package.json'), 'utf8'), files]));
}
