/**
 * Group commit: what comes while others have just been written waits for them a moment and is written with them, in one
 * transaction. What comes alone is written at once. The moment grows with the time that a write takes, so that in a flood, or
 * beside a busy disk, writing takes a twentieth of the time. Order is kept; each caller hears of its own item once it is on disk.
 * Times are those of the monotonic clock. Not covered: the write itself, and who may have to wait (pipeline.ts).
 */

export interface Together<Item, Result> {
  /** Resolves once it is written. Callers are told in the order in which they came. */
  add: (item: Item) => Promise<Result>;
  /** Write now what waits. */
  flush: () => void;
}

/** More than so many never wait: a sweep after downtime finds thousands. */
const largestGroup = 64;
/** of the time that a write took, until the next one */
const pauseFactor = 20;
const longestPauseMs = 250;

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export interface TogetherOptions<Item, Result> {
  /** so long after a write the next ones are collected at least, ms; 0: each is written at once */
  windowMs: number;
  /** Writes all of them and returns a result for each, or throws and has written none. Synchronous. */
  write: (items: readonly Item[]) => Result[];
}

export function createTogether<Item, Result>({
  windowMs,
  write,
}: TogetherOptions<Item, Result>): Together<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let pauseUntilMs = Number.NEGATIVE_INFINITY;

  const attempt = (group: readonly Waiting<Item, Result>[]): void => {
    try {
      const results = write(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(results[i] as Result));
    } catch (error) {
      // one that cannot be written must not take the others with it
      if (group.length > 1) for (const each of group) attempt([each]);
      else group[0]?.reject(error);
    }
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const group = waiting;
    waiting = [];
    const beganMs = performance.now();
    attempt(group);
    if (windowMs === 0) return;
    const writtenMs = performance.now();
    const pauseMs = Math.min(longestPauseMs, pauseFactor * (writtenMs - beganMs));
    pauseUntilMs = writtenMs + Math.max(windowMs, pauseMs);
  };

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        const waitMs = pauseUntilMs - performance.now();
        if (waitMs <= 0 || waiting.length >= largestGroup) flush();
        else timer ??= setTimeout(flush, waitMs);
      }),
    flush,
  };
}
