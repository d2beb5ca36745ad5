/**
 * What a night tells while it runs, written to the store for others to read (`store.night`): the phase, how far, how long
 * still. At most once in two seconds, and at least every ten, so that a row that is older than a minute is of a night that
 * was killed. Telling is a courtesy: a night does not fail for it. Holds no text.
 */
import { setInterval } from 'node:timers';
import type { TrainProgress } from '../train/loop.ts';
import { openNightProgress, type NightProgress } from '../store/night.ts';

const tellEveryMs = 2000;
const beatEveryMs = 10_000;

export interface Teller {
  phase(name: string): void;
  /** within the phase */
  share(share: number, secondsLeft?: number | null): void;
  training(progress: TrainProgress): void;
  /** the row goes; may be called more than once */
  stop(): void;
}

export function tellProgress(dataDir: string, startedAtMs: number): Teller {
  const table = openNightProgress(dataDir);
  let now: NightProgress = { phase: 'starting', share: null, secondsLeft: null };
  let toldAtMs = 0;
  const tell = (): void => {
    toldAtMs = Date.now();
    table.set(now, startedAtMs);
  };
  const set = (next: NightProgress, isUrgent: boolean): void => {
    now = next;
    if (isUrgent || Date.now() - toldAtMs >= tellEveryMs) tell();
  };
  tell();
  const beat = setInterval(tell, beatEveryMs).unref();
  return {
    phase: (phase) => set({ phase, share: null, secondsLeft: null }, true),
    share: (share, secondsLeft = null) => set({ ...now, share, secondsLeft }, false),
    training: ({ share, secondsLeft }) => set({ ...now, share, secondsLeft }, false),
    stop: () => {
      clearInterval(beat);
      table.close();
    },
  };
}
