/**
 * Work in order, one at a time per key; different keys run side by side. Holds no entry for a key that has nothing to
 * do, so that strangers' chats cost nothing once handled.
 */

export interface Lanes<Key> {
  /** Run `work` after everything queued before under this key, whether that succeeded or failed. */
  run: <T>(key: Key, work: () => Promise<T>) => Promise<T>;
  /** Resolves when what is queued under this key at the time of the call is done. */
  current: (key: Key) => Promise<void>;
  /** Has this key nothing to do? */
  isFree: (key: Key) => boolean;
  /** Resolves when no lane has work left. */
  idle: () => Promise<void>;
  /** lanes that have work */
  size: () => number;
}

export function createLanes<Key>(): Lanes<Key> {
  const tails = new Map<Key, Promise<void>>();

  const run = <T>(key: Key, work: () => Promise<T>): Promise<T> => {
    const result = (tails.get(key) ?? Promise.resolve()).then(work);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    tails.set(key, tail);
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    return result;
  };
  const current = (key: Key): Promise<void> => tails.get(key) ?? Promise.resolve();
  const idle = async (): Promise<void> => {
    while (tails.size > 0) await Promise.all(tails.values());
  };
  return { run, current, isFree: (key) => !tails.has(key), idle, size: () => tails.size };
}
