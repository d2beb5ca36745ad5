/**
 * People write in bursts: "hey", "you there?", "?". Messages of one chat are collected until the chat has been quiet
 * for a while, then handed over together. What comes in while they are being answered joins the next round.
 */

export interface Bursts<Item> {
  add: (chatId: number, item: Item) => void;
  /** Does this chat's burst wait, or is it being answered? */
  has: (chatId: number) => boolean;
  /** Forget what waits for an answer in this chat; work under way learns of it through `isCurrent`. */
  cancel: (chatId: number) => void;
  /** Take single items back. */
  remove: (chatId: number, isGone: (item: Item) => boolean) => void;
  idle: () => Promise<void>;
}

export interface BurstOptions<Item> {
  quietMs: number;
  wait: (ms: number) => Promise<void>;
  isClosed: () => boolean;
  /**
   * Answer these items, never empty. `isCurrent` turns false once something was added or taken back.
   * Resolves with false when it stopped for that reason: the items stay and are offered again with the new ones.
   */
  answer: (chatId: number, items: Item[], isCurrent: () => boolean) => Promise<boolean>;
  onError: (chatId: number, error: unknown) => void;
}

interface Burst<Item> {
  items: Item[];
  version: number;
}

export function createBursts<Item>(options: BurstOptions<Item>): Bursts<Item> {
  const bursts = new Map<number, Burst<Item>>();
  const running = new Set<Promise<void>>();

  const untilQuiet = async (burst: Burst<Item>): Promise<void> => {
    let version: number;
    do {
      version = burst.version;
      await options.wait(options.quietMs);
    } while (burst.version !== version && !options.isClosed());
  };

  const run = async (chatId: number, burst: Burst<Item>): Promise<void> => {
    while (burst.items.length > 0 && !options.isClosed()) {
      await untilQuiet(burst);
      if (burst.items.length === 0 || options.isClosed()) break;
      const { version } = burst;
      const offered = [...burst.items];
      const isCurrent = (): boolean => burst.version === version && !options.isClosed();
      const isDone = await options.answer(chatId, [...offered], isCurrent).catch((error: unknown) => {
        options.onError(chatId, error);
        return true; // whatever went wrong, it is not tried again with the same messages
      });
      if (isDone) burst.items = burst.items.filter((item) => !offered.includes(item));
    }
    bursts.delete(chatId);
  };

  const change = (chatId: number, items: (before: Item[]) => Item[]): void => {
    const burst = bursts.get(chatId);
    if (burst === undefined) return;
    burst.items = items(burst.items);
    burst.version++;
  };

  return {
    add: (chatId, item) => {
      if (options.isClosed()) return;
      const known = bursts.get(chatId);
      if (known !== undefined) {
        known.items.push(item);
        known.version++;
        return;
      }
      const burst = { items: [item], version: 0 };
      bursts.set(chatId, burst);
      const work = run(chatId, burst);
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    has: (chatId) => bursts.has(chatId),
    cancel: (chatId) => change(chatId, () => []),
    remove: (chatId, isGone) => change(chatId, (items) => items.filter((item) => !isGone(item))),
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
