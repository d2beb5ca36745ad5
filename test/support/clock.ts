/**
 * A clock for code that takes one (src/whatsapp/clock.ts): it runs with the machine's until `pass` lets hours go by at
 * once. What the code does between two sleeps takes no time then.
 */
import { setImmediate as tick } from 'node:timers/promises';
import type { Clock } from '../../src/whatsapp/clock.ts';

interface Sleeper {
  atMs: number;
  wake: () => void;
  timer: NodeJS.Timeout | undefined;
}

export class TestClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  readonly #isFrozen: boolean;
  #aheadMs = 0;

  /** @param isFrozen time passes only by `pass` */
  constructor(isFrozen = false) {
    this.#isFrozen = isFrozen;
  }

  now(): number {
    return this.#aheadMs + (this.#isFrozen ? 0 : performance.now());
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(sleeper.timer);
        this.#sleepers.delete(sleeper);
        resolve();
      };
      const timer = this.#isFrozen ? undefined : setTimeout(wake, ms);
      const sleeper: Sleeper = { atMs: this.now() + ms, wake, timer };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Let so much time go by, from sleep to sleep; waits for whoever was woken to sleep again. */
  async pass(ms: number): Promise<void> {
    const end = this.now() + ms;
    for (;;) {
      while (this.#sleepers.size === 0) await tick(); // at work
      const next = [...this.#sleepers].reduce((a, b) => (a.atMs <= b.atMs ? a : b));
      if (next.atMs > end) break;
      this.#aheadMs += Math.max(0, next.atMs - this.now());
      next.wake();
      await tick();
    }
    this.#aheadMs += Math.max(0, end - this.now());
  }
}
