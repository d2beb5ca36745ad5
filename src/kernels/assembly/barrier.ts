// How threads wait for each other. All words are in the control block, on cache lines of their own:
//   0 generation of the run   4 workers asleep   8 address of the tape   12 its entries   16 closed
//   64 threads at the barrier   68 its phase   72 threads asleep at it
//   128 workers done with this run   132 thread 0 asleep
//   192 1 + index of the entry that failed first, 0 = none
//   256 + 64 tid: index of the entry that thread is at
// Waiting spins first (a barrier costs a fraction of a microsecond then) and sleeps after that, because the other threads may
// not have a core at the moment, and because an idle bot should cost nothing.

import { control, threadCount, threadId } from './shared';

/**
 * Sleeps while the word at `at` is `value`, at most so long (-1 = for ever). Through JavaScript (pool.ts), because V8's first
 * compiler loses the locals of a function that waits by the instruction itself (seen on Node 20: a stale index after it).
 */
// @ts-ignore: decorator
@external("env", "sleep") declare function sleep(at: usize, value: i32, milliseconds: i32): void;

export const controlHeader: usize = 256;
export const progressBytes: usize = 64;

// A turn is a few nanoseconds: about 100 us within a run, about 50 us between runs.
const barrierSpins: i32 = 40000;
const idleSpins: i32 = 20000;

// @ts-ignore: decorator
@inline export function failedEntry(): i32 {
  return atomic.load<i32>(control, 192);
}

/** Waits until all threads are here; false when one of them has failed, and will not come. */
export function barrier(): bool {
  if (threadCount == 1) return true;
  const phase = atomic.load<i32>(control, 68);
  if (failedEntry() != 0) return false;
  if (atomic.add<i32>(control, 1, 64) == threadCount - 1) {
    atomic.store<i32>(control, 0, 64);
    atomic.add<i32>(control, 1, 68);
    if (atomic.load<i32>(control, 72) > 0) atomic.notify(control + 68, threadCount);
    return true;
  }
  let spins = 0;
  while (atomic.load<i32>(control, 68) == phase) {
    if (failedEntry() != 0) return false;
    if (++spins > barrierSpins) {
      atomic.add<i32>(control, 1, 72);
      sleep(control + 68, phase, -1);
      atomic.sub<i32>(control, 1, 72);
    }
  }
  return failedEntry() == 0;
}

/** Marks the entry this thread is at as failed (the first one stays) and wakes whoever waits for it. */
export function fail(): void {
  const at = atomic.load<i32>(control + controlHeader + progressBytes * <usize>threadId);
  atomic.cmpxchg<i32>(control, 0, at + 1, 192);
  atomic.add<i32>(control, 1, 68);
  atomic.notify(control + 68, threadCount);
  if (threadId > 0) finish();
}

/** Thread 0 lets the others start on a tape. */
export function start(tape: usize, entries: i32): void {
  atomic.store<i32>(control, 0, 64);
  atomic.store<i32>(control, 0, 128);
  atomic.store<i32>(control, 0, 192);
  atomic.store<i32>(control, <i32>tape, 8);
  atomic.store<i32>(control, entries, 12);
  wakeWorkers();
}

function wakeWorkers(): void {
  atomic.add<i32>(control, 1, 0);
  if (atomic.load<i32>(control, 4) > 0) atomic.notify(control, threadCount);
}

/** A worker is done with the run. */
export function finish(): void {
  if (atomic.add<i32>(control, 1, 128) == threadCount - 2 && atomic.load<i32>(control, 132) > 0) {
    atomic.notify(control + 128, 1);
  }
}

/** Thread 0 waits until every worker is done. */
export function settleWorkers(): void {
  let spins = 0;
  let done = atomic.load<i32>(control, 128);
  while (done < threadCount - 1) {
    if (++spins > barrierSpins) {
      atomic.store<i32>(control, 1, 132);
      // the timeout covers a worker that looked before this thread said that it sleeps
      sleep(control + 128, done, 1);
      atomic.store<i32>(control, 0, 132);
    }
    done = atomic.load<i32>(control, 128);
  }
}

/** The generation this worker has seen; runs are counted from 1. */
let seen: i32 = 0;

/** A worker waits for the next run; false once the pool is closed. */
export function nextRun(): bool {
  let spins = 0;
  while (atomic.load<i32>(control) == seen) {
    if (++spins > idleSpins) {
      atomic.add<i32>(control, 1, 4);
      sleep(control, seen, -1);
      atomic.sub<i32>(control, 1, 4);
    }
  }
  seen++;
  return atomic.load<i32>(control, 16) == 0;
}

export function closeWorkers(): void {
  atomic.store<i32>(control, 1, 16);
  wakeWorkers();
}
