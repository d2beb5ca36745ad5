/**
 * Which events were handled already. WhatsApp Web delivers every message at least twice and may do so again after a
 * restart. Messages are remembered in memory (the store is idempotent by itself), obeyed commands and messages that were
 * taken back on disk, by their ids.
 * Bounded both ways: the oldest are dropped.
 */
import { withBallast } from '../store/ballast.ts';
import type { Store } from '../store/store.ts';

export interface Seen {
  /** False: this id was added before. */
  add: (id: string) => boolean;
  has: (id: string) => boolean;
  /** Handling failed: the next delivery counts as the first. */
  forget: (id: string) => void;
  /**
   * As `add`, and remembered across restarts.
   * @param isUrgent obeyed also where that cannot be written; `flush` tries again
   */
  addCommand: (id: string, isUrgent?: boolean) => boolean;
  flush: () => void;
  /** It was deleted for everyone: `add` takes it for known, now and after restarts. */
  addTakenBack: (id: string) => void;
}

const maxIds = 20_000;
const maxCommandIds = 200;
const maxTakenBackIds = 500;
const commandsKey = 'bot.commandsObeyed';
const takenBackKey = 'bot.takenBack';

export function createSeen({ settings, dataDir }: Pick<Store, 'settings' | 'dataDir'>): Seen {
  const ids = new Set<string>();
  const commandIds = storedIds(settings, commandsKey);
  const takenBackIds = storedIds(settings, takenBackKey);

  /** A write that fails leaves no trace in memory either: the next delivery counts as the first. */
  const addStored = (known: Set<string>, id: string, key: string, limit: number): boolean => {
    if (!remember(known, id, limit)) return false;
    try {
      settings.set(key, [...known].join('\n'));
    } catch (error) {
      known.delete(id);
      throw error;
    }
    return true;
  };

  let isUnwritten = false;
  const flush = (): void => {
    if (!isUnwritten) return;
    try {
      withBallast(dataDir, () => settings.set(commandsKey, [...commandIds].join('\n')));
      isUnwritten = false;
    } catch {
      // known in memory
    }
  };

  return {
    add: (id) => !takenBackIds.has(id) && remember(ids, id, maxIds),
    forget: (id) => {
      ids.delete(id);
    },
    has: (id) => ids.has(id),
    addCommand: (id, isUrgent = false) => {
      if (!isUrgent) return addStored(commandIds, id, commandsKey, maxCommandIds);
      if (!remember(commandIds, id, maxCommandIds)) return false;
      isUnwritten = true;
      flush();
      return true;
    },
    flush,
    addTakenBack: (id) => {
      addStored(takenBackIds, id, takenBackKey, maxTakenBackIds);
    },
  };
}

function storedIds(settings: Store['settings'], key: string): Set<string> {
  const stored = settings.get(key);
  return new Set(stored === undefined ? [] : stored.split('\n'));
}

/** Sets keep the order of insertion, so the first is the oldest. */
function remember(known: Set<string>, id: string, limit: number): boolean {
  if (known.has(id)) return false;
  known.add(id);
  const [oldest] = known;
  if (known.size > limit && oldest !== undefined) known.delete(oldest);
  return true;
}
