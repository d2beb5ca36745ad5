/**
 * When a browser that works should be replaced by a fresh one: it has grown over the memory limit, or it is a week old.
 * Only at a quiet moment, and never while a reply is under way; after an hour without a quiet moment, between two calls.
 * Memory is counted as memory.ts counts it, Chromium's processes and this one together.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../util/log.ts';
import type { Clock } from './clock.ts';
import { memoryOf, memoryOfTree } from './memory.ts';
import type { Timeouts } from './timeouts.ts';

export interface UpkeepOptions {
  clock: Clock;
  timeouts: Pick<Timeouts, 'upkeepMs' | 'quietMs' | 'maxAgeMs' | 'renewEveryMs'>;
  log: Logger;
  /** in bytes; undefined: none */
  memoryLimit: number | undefined;
  /** resolves when no reply is under way */
  settled: () => Promise<void>;
}

/** A browser as it is now. */
export interface BrowserFacts {
  pid: number | undefined;
  /** when it was started */
  startedAtMs: number;
  /** when the last event came or the last call ended */
  activeAtMs: number;
  callsUnderWay: number;
}

/** So long a quiet moment is waited for. */
const patienceMs = 3_600_000;
/** Who has nothing under way says so at once. */
const settledWithinMs = 100;
const megabyte = 1024 * 1024;

export class Upkeep {
  readonly #options: UpkeepOptions;
  #lookedAtMs: number;
  #renewedAtMs = -Infinity;
  #wantedAtMs: number | undefined;
  #hasComplained = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#lookedAtMs = options.clock.now();
  }

  /** @returns why this browser is to be replaced now; undefined: leave it */
  async due(browser: BrowserFacts): Promise<string | undefined> {
    const { clock, timeouts } = this.#options;
    const now = clock.now();
    if (now - this.#lookedAtMs < timeouts.upkeepMs) return undefined;
    this.#lookedAtMs = now;
    const reason = this.#tooLarge(browser) ?? this.#tooOld(browser);
    if (reason === undefined) {
      this.#wantedAtMs = undefined;
      return undefined;
    }
    this.#wantedAtMs ??= now;
    const isPatient = now - this.#wantedAtMs < patienceMs;
    if (isPatient && now - browser.activeAtMs < timeouts.quietMs) return undefined;
    if (browser.callsUnderWay > 0 || !(await this.#isSettled())) return undefined;
    this.#wantedAtMs = undefined;
    this.#renewedAtMs = now;
    return reason;
  }

  #tooLarge({ pid }: BrowserFacts): string | undefined {
    const { clock, timeouts, memoryLimit, log } = this.#options;
    const chromium = memoryLimit === undefined || pid === undefined ? undefined : memoryOfTree(pid);
    if (memoryLimit === undefined || chromium === undefined) return undefined;
    const own = memoryOf(process.pid) ?? 0;
    if (chromium + own <= memoryLimit) return undefined;
    const [browserMb, ownMb, limitMb] = [chromium, own, memoryLimit].map((bytes) => Math.round(bytes / megabyte));
    if (clock.now() - this.#renewedAtMs >= timeouts.renewEveryMs)
      return `memory: browser ${browserMb} MB and program ${ownMb} MB, limit ${limitMb} MB`;
    if (!this.#hasComplained)
      log.warn({ browserMb, ownMb, limitMb }, 'memory is over MEMORY_LIMIT_MB although the browser is fresh');
    this.#hasComplained = true;
    return undefined;
  }

  #tooOld({ startedAtMs }: BrowserFacts): string | undefined {
    const { clock, timeouts } = this.#options;
    return clock.now() - startedAtMs < timeouts.maxAgeMs ? undefined : 'age: a fresh browser at times';
  }

  async #isSettled(): Promise<boolean> {
    const yes = this.#options.settled().then(
      () => true,
      () => false,
    );
    return Promise.race([yes, sleep(settledWithinMs, false)]);
  }
}
