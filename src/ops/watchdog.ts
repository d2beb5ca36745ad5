/**
 * What the service manager is told and when. READY=1 after the first look that found database and page well, WATCHDOG=1
 * after each further one and at no other time. Where a restart would not help (the supervisor waits before its next try,
 * the disk is full), the time that systemd waits is lengthened instead, once for each such time (WATCHDOG_USEC=).
 */
import type { Beat } from './health.ts';
import type { Notifier } from './notify.ts';

export interface Watchdog {
  onBeat(beat: Beat): void;
  /** no page is to be expected for so many ms */
  onBackOff: (waitMs: number) => void;
  /** one line for `systemctl status`; ids and counts only */
  status(line: string): void;
  /** resolves when all is said */
  stopping(): Promise<void>;
}

/** After a wait the browser starts, loads and syncs. */
const startAllowanceMs = 5 * 60_000;
/** A full disk is for the owner to mend; meanwhile refusals must be heard. */
const diskFullMs = 3_600_000;

/** @param isDiskFull the database's failure in a beat is a full disk */
export function createWatchdog(notifier: Notifier, isDiskFull: (failure: string) => boolean): Watchdog {
  const { watchdogMs } = notifier;
  let isReady = false;
  let isLengthened = false;
  let isFull = false;
  let lastStatus = '';

  const lengthen = (limitMs: number): void => {
    if (watchdogMs === undefined || limitMs <= watchdogMs) return;
    isLengthened = true;
    void notifier.send({ WATCHDOG_USEC: String(Math.round(limitMs * 1000)) });
  };

  return {
    onBeat: ({ database, page }) => {
      if (database !== null && isDiskFull(database) && !isFull) lengthen(diskFullMs);
      isFull = database !== null && isDiskFull(database);
      if (database !== null || page !== null) return;
      const fields: Record<string, string> = {};
      if (!isReady) fields['READY'] = '1';
      if (isLengthened && watchdogMs !== undefined) fields['WATCHDOG_USEC'] = String(Math.round(watchdogMs * 1000));
      isReady = true;
      isLengthened = false;
      void notifier.send({ ...fields, WATCHDOG: '1' });
    },
    onBackOff: (waitMs) => lengthen(waitMs + startAllowanceMs),
    status: (line) => {
      if (line === lastStatus) return;
      lastStatus = line;
      void notifier.send({ STATUS: line });
    },
    stopping: () => notifier.send({ STOPPING: '1' }),
  };
}
