/**
 * What `persona start` does by the clock: a retrain when RETRAIN_CRON says so with a copy of the database after it, and a
 * copy in any case before the newest is a day old, also on a machine that sleeps at night. A night that was killed goes on when
 * the program starts again; once a week a probe run follows the night.
 */
import { Cron } from 'croner';
import { listBackups } from '../src/store/backup.ts';
import type { BackupFile } from '../src/store/backup.ts';
import type { Logger } from '../src/util/log.ts';
import { unfinishedNight } from '../src/nightly/night-state.ts';
import { BackupChild, ProbeChild, RetrainChild } from './retrain-child.ts';
import type { NightListener } from './retrain-child.ts';

export interface NightOptions {
  dataDir: string;
  /** cron expression, or `off` */
  retrainCron: string;
  timezone: string;
  log: Logger;
  listener: NightListener;
  /** when the last probe run was, unix ms; undefined: never. Left out: no probes */
  lastProbe?: () => number | undefined;
}

export interface Nights {
  /** unix ms; null: never by itself */
  nextRetrain(): number | null;
  newestBackup(): BackupFile | null;
  /** Train now, with a copy of the database after it, as at night. */
  retrainNow(): 'started' | 'running';
  /** ends what runs */
  close(): Promise<void>;
}

/** Looked at every hour, so that no copy gets older than a day. */
const backupDueMs = 23 * 3_600_000;
const backupCheckPattern = '41 * * * *';
const probeEveryMs = 7 * 24 * 3_600_000;

export function scheduleNights(options: NightOptions): Nights {
  const { dataDir, retrainCron, timezone, log, listener, lastProbe } = options;
  const retrain = new RetrainChild(log, listener);
  const backup = new BackupChild(log);
  const probe = new ProbeChild(log);
  let isClosed = false;
  const newestBackup = (): BackupFile | null => listBackups(dataDir).find(({ kind }) => kind === 'copy') ?? null;

  /** A child that could not even be started must not end the bot. */
  const contain = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error({ err: error }, 'the work of the night could not be started');
    }
  };
  const night = (): Promise<void> =>
    contain(async () => {
      await retrain.run();
      if (!isClosed) await backup.run();
      const isProbeDue = lastProbe !== undefined && Date.now() - (lastProbe() ?? 0) >= probeEveryMs;
      if (!isClosed && isProbeDue) await probe.run();
    });
  const catchUp = (): Promise<void> =>
    contain(async () => {
      const newest = newestBackup();
      if (newest === null || Date.now() - newest.atMs >= backupDueMs) await backup.run();
    });

  const crons = [new Cron(backupCheckPattern, { protect: true }, catchUp)];
  const nightly = retrainCron === 'off' ? null : new Cron(retrainCron, { timezone, protect: true }, night);
  if (nightly !== null) crons.push(nightly);
  if (nightly !== null && unfinishedNight(dataDir) !== undefined) void night();
  return {
    nextRetrain: () => nightly?.nextRun()?.getTime() ?? null,
    newestBackup,
    retrainNow: () => {
      if (retrain.isRunning) return 'running';
      void night();
      return 'started';
    },
    close: async () => {
      isClosed = true;
      for (const cron of crons) cron.stop();
      await retrain.close();
      await backup.close();
      await probe.close();
    },
  };
}
