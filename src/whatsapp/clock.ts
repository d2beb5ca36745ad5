/** Time as the supervisor has it: a clock that nobody sets back or forward. Tests bring one of their own. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** ms since some moment; never goes back */
  now(): number;
  /** resolves after so many ms, or as soon as `signal` aborts */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { ...(signal && { signal }) }).catch(() => undefined); // aborted
  },
};
