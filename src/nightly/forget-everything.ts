/**
 * Forgetting everybody: models, datasets, copies, exports, the database, and this device at WhatsApp. What stays are
 * hashes of those who had refused (store/erase-store.ts) and a receipt. Settings of the user's own (persona.json, .env),
 * bases and what lies elsewhere stay. Takes every role; the same order as for a person, and finished after a kill.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { currentFile } from '../checkpoint/current.ts';
import { runsDir } from '../checkpoint/save.ts';
import { ballastFile, makeRoom, withBallast } from '../store/ballast.ts';
import { backupsDir } from '../store/backup.ts';
import { prepareEmptyStore, replaceByEmptyStore } from '../store/erase-store.ts';
import { acquireLock, type Lock } from '../store/lock.ts';
import { searchIndexName } from '../store/search-index.ts';
import { openStore } from '../store/store.ts';
import { syncDir } from '../util/files.ts';
import { beginForgetting, endForgetting } from './forget-journal.ts';
import { trainingDir } from './forgotten.ts';
import type { ForgetReport } from './receipt.ts';

export interface EverythingOptions {
  dataDir: string;
  modelsDir: string;
  /** unix ms */
  now: () => number;
  /**
   * Tell WhatsApp that this device is gone, with the profile in data/session, which is removed afterwards.
   * @returns false where it could not be told
   */
  unlink?: ((sessionDir: string) => Promise<boolean>) | undefined;
  onPhase?: ((phase: string) => void) | undefined;
}

/** What may stay in the data folder; everything else there is reported as left. */
const known = new Set([
  'README.md',
  'locks',
  'base',
  'forgetting',
  'persona.sqlite',
  'persona.sqlite-wal',
  'persona.sqlite-shm',
]);

/**
 * @throws UserError (75) naming the role that another process has: nothing was changed then
 */
export async function forgetEverything(options: EverythingOptions): Promise<ForgetReport> {
  const { dataDir } = options;
  const locks: Lock[] = [];
  makeRoom(dataDir);
  try {
    for (const role of ['start', 'retrain', 'import', 'write-admin'] as const) locks.push(acquireLock(dataDir, role));
    beginForgetting(dataDir, 'everything');
    return await carryOutEverything(options);
  } finally {
    for (const lock of locks.reverse()) lock.release();
  }
}

/** Go on with it. The caller holds the roles `start`, `retrain`, `import` and `write-admin`. */
export async function carryOutEverything(options: EverythingOptions): Promise<ForgetReport> {
  const { dataDir, modelsDir, now, onPhase } = options;
  const startedMs = performance.now();
  onPhase?.('removing models');
  rmSync(currentFile(modelsDir), { force: true });
  const retired = namesIn(runsDir(modelsDir));
  rmSync(runsDir(modelsDir), { recursive: true, force: true });
  if (existsSync(modelsDir)) syncDir(modelsDir);

  onPhase?.('removing copies and exports');
  const counts = {
    datasets: namesIn(join(dataDir, 'datasets')).length,
    copies: namesIn(backupsDir(dataDir)).length,
    exports: namesIn(join(dataDir, 'exports')).length,
  };
  for (const path of [
    trainingDir(dataDir),
    join(dataDir, 'datasets'),
    backupsDir(dataDir),
    join(dataDir, 'exports'),
    join(dataDir, '.restore'),
    ballastFile(dataDir),
    ...['', '-wal', '-shm', '-journal'].map((suffix) => join(dataDir, `${searchIndexName}${suffix}`)),
  ]) {
    rmSync(path, { recursive: true, force: true });
  }
  syncDir(dataDir);

  onPhase?.('erasing the database');
  const { tombstones, isLedgerKept } = withBallast(dataDir, () => prepareEmptyStore(dataDir, now));
  replaceByEmptyStore(dataDir);
  const seconds = (performance.now() - startedMs) / 1000;

  const device = await unlinkDevice(options);
  const left = namesIn(dataDir)
    .filter((name) => !known.has(name))
    .map((name) => `data/${name} is not of this program and was left`);
  if (!isLedgerKept) left.push('the database could not be read: nobody knows any more who had refused');
  if (device === 'forgotten here only') {
    left.push('WhatsApp was not told: on the phone, open Linked devices and log this one out');
  }
  const report: ForgetReport = {
    what: 'everything',
    rows: null,
    tombstones,
    retired,
    serves: null,
    ...counts,
    freshCopy: null,
    stoppedTraining: false,
    loss: null,
    device,
    left,
    seconds: Math.round(seconds * 1000) / 1000,
  };
  const store = openStore(dataDir, { now });
  try {
    store.settings.delete('everythingErased');
    store.receipts.finish(store.receipts.begin(null, now()), now(), report);
  } finally {
    store.close();
  }
  endForgetting(dataDir, 'everything');
  return report;
}

/** First the words, then the device: a network that does not answer must not keep anything from being erased. */
async function unlinkDevice({
  dataDir,
  unlink,
  onPhase,
}: EverythingOptions): Promise<NonNullable<ForgetReport['device']>> {
  const session = join(dataDir, 'session');
  if (!existsSync(session)) return 'was not linked';
  onPhase?.('unlinking this device');
  const isTold = (await unlink?.(session).catch(() => false)) === true;
  rmSync(session, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  syncDir(dataDir);
  return isTold ? 'unlinked' : 'forgotten here only';
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.tmp-')) : [];
}
