/** When the next browser may start: later each time, and never more than six times in any hour (promise B3). */
import type { Clock } from './clock.ts';

const hourMs = 3_600_000;
export const maxRestartsPerHour = 6;
const maxPauseMs = 900_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #firstMs: number;
  /** when browsers were started again, within the last hour */
  #startsMs: number[] = [];

  /** @param firstMs pause before the first restart; five times as long before each further one within an hour */
  constructor(clock: Clock, firstMs: number) {
    this.#clock = clock;
    this.#firstMs = firstMs;
  }

  /** Restarts within the last hour. */
  get count(): number {
    const now = this.#clock.now();
    this.#startsMs = this.#startsMs.filter((atMs) => now - atMs < hourMs);
    return this.#startsMs.length;
  }

  /**
   * Pause before the next start, in ms.
   * @param isPlanned nothing failed: no pause, as long as the hour has room
   */
  waitMs(isPlanned = false): number {
    const { count } = this;
    const [oldest = 0] = this.#startsMs;
    if (count >= maxRestartsPerHour) return oldest + hourMs - this.#clock.now();
    return isPlanned ? 0 : Math.min(this.#firstMs * 5 ** count, maxPauseMs);
  }

  /** A browser is started again now. */
  note(): void {
    this.#startsMs.push(this.#clock.now());
  }
}
