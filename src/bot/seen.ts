/**
 * Which events were handled already. WhatsApp Web delivers every message at least twice and may do so again after a
 * restart. Messages are remembered in memory (the store is idempotent by itself), obeyed commands on disk by their ids.
 * Bounded both ways: the oldest are dropped.
 */
import type { Store } from '../store/store.ts';

export interface Seen {
  /** False: this id was added before. */
  add: (id: string) => boolean;
  /** Handling failed: the next delivery counts as the first. */
  forget: (id: string) => void;
  /** As `add`, and remembered across restarts. */
  addCommand: (id: string) => boolean;
}

const maxIds = 20_000;
const maxCommandIds = 200;
const commandsKey = 'bot.commandsObeyed';

export function createSeen(settings: Store['settings']): Seen {
  const ids = new Set<string>();
  const stored = settings.get(commandsKey);
  const commandIds = new Set(stored === undefined ? [] : stored.split('\n'));
  return {
    add: (id) => remember(ids, id, maxIds),
    forget: (id) => {
      ids.delete(id);
    },
    addCommand: (id) => {
      if (!remember(commandIds, id, maxCommandIds)) return false;
      settings.set(commandsKey, [...commandIds].join('\n'));
      return true;
    },
  };
}

/** Sets keep the order of insertion, so the first is the oldest. */
function remember(known: Set<string>, id: string, limit: number): boolean {
  if (known.has(id)) return false;
  known.add(id);
  const [oldest] = known;
  if (known.size > limit && oldest !== undefined) known.delete(oldest);
  return true;
}
