/**
 * Is it alive: every half minute a row is really written and committed, and the page is asked whether it is there.
 * Silence in the chats is no sign of anything. Not covered: mending what is not well; the supervisor of whatsapp/ and the
 * service manager do that.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** One look at both. */
export interface Beat {
  atMs: number;
  /** null: done; else why not, without any private text */
  database: string | null;
  page: string | null;
}

export interface HealthReport {
  /** both were seen well within `recentMs` */
  isWell: boolean;
  /** ms since the last committed write; null: none yet */
  databaseAgeMs: number | null;
  /** ms since the page last answered; null: never yet */
  pageAgeMs: number | null;
}

export interface HealthOptions {
  /** commits a row; throws where it cannot */
  write: () => void;
  /** resolves when the page answers; has a time limit of its own */
  probe: () => Promise<void>;
  /** what an error may be called in a log */
  describe: (error: unknown) => string;
  onBeat?: (beat: Beat) => void;
  now?: () => number;
  everyMs?: number;
  recentMs?: number;
}

export const beatEveryMs = 30_000;
/** Two beats may be missed. */
export const wellForMs = 90_000;

export interface Health {
  /** one look, now */
  beat(): Promise<Beat>;
  report(): HealthReport;
  /** stops looking; a look under way is waited for */
  close(): Promise<void>;
}

/** Begins at once. A look begins when the one before is over, so that they never pile up. */
export function startHealth(options: HealthOptions): Health {
  const { write, probe, describe, onBeat, now = Date.now, everyMs = beatEveryMs, recentMs = wellForMs } = options;
  const closing = new AbortController();
  let databaseAtMs: number | undefined;
  let pageAtMs: number | undefined;

  const beat = async (): Promise<Beat> => {
    const result: Beat = { atMs: now(), database: null, page: null };
    try {
      write();
      databaseAtMs = now();
    } catch (error) {
      result.database = describe(error);
    }
    try {
      await probe();
      pageAtMs = now();
    } catch (error) {
      result.page = describe(error);
    }
    result.atMs = now();
    if (!closing.signal.aborted) onBeat?.(result);
    return result;
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await beat();
      await sleep(everyMs, undefined, { signal: closing.signal }).catch(() => undefined); // aborted by close()
    }
  };
  const running = run();

  const age = (atMs: number | undefined): number | null => (atMs === undefined ? null : Math.max(0, now() - atMs));
  const isRecent = (ageMs: number | null): boolean => ageMs !== null && ageMs <= recentMs;
  return {
    beat,
    report: () => {
      const [databaseAgeMs, pageAgeMs] = [age(databaseAtMs), age(pageAtMs)];
      return { isWell: isRecent(databaseAgeMs) && isRecent(pageAgeMs), databaseAgeMs, pageAgeMs };
    },
    close: async () => {
      closing.abort();
      await running;
    },
  };
}
