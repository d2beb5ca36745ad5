/**
 * Actions on messages, one after the other: one about very many messages takes seconds and many short transactions, and no
 * other action may begin before it ends. What else the process does, and what others write, comes in between.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** between two steps: whoever waits for the database looks again every 100 ms at the latest */
const pauseMs = 25;

/** Runs `work` when all that was asked for before is over, however it ended. */
export type InTurn = <T>(work: () => T | Promise<T>) => Promise<T>;

export function createTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const own = last.then(work);
    last = own.catch(() => undefined);
    return own;
  };
}

/** All steps of a generator, with a pause after each. */
export async function inSteps<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await sleep(pauseMs);
  }
}
