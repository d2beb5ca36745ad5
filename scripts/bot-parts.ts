/** What the review page's place of the bot is handed. */
import {
  botOff,
  botOffEverywhere,
  botOnAsBefore,
  capsNow,
  chatsOnBefore,
  isBotOn,
  isOffEverywhere,
  quietHoursIn,
  saidQuietHours,
  setCaps,
  setQuietHours,
  unsetQuietHours,
} from '../src/bot/switches.ts';
import type { BotSettings } from '../src/bot/deps.ts';
import type { Link } from '../src/review/link.ts';
import type { ReviewParts } from '../src/review/parts.ts';
import type { Store } from '../src/store/store.ts';
import { heartbeatKey } from './monitor.ts';

/** a heartbeat is written every few seconds */
const aliveMs = 60_000;

/** @param link inside `persona start` alone */
export function botParts(
  store: Store,
  persona: { replies: Pick<BotSettings['replies'], 'caps' | 'quietHours'> },
  link?: () => Link,
): ReviewParts['bot'] {
  const { caps, quietHours } = persona.replies;
  return {
    isOn: (chatId) => isBotOn(store, chatId),
    off: (chatId) => void botOff(store, chatId),
    offEverywhere: () => void botOffEverywhere(store, Date.now()),
    isOffEverywhere: () => isOffEverywhere(store),
    onBefore: () => chatsOnBefore(store),
    onAsBefore: () => void botOnAsBefore(store, Date.now()),
    quietHours: (chatId) => {
      if (chatId !== null) return quietHoursIn(store, persona, chatId);
      const said = saidQuietHours(store, null);
      return said === undefined ? quietHours : said;
    },
    saidQuietHours: (chatId) => saidQuietHours(store, chatId),
    setQuietHours: (chatId, hours) => {
      if (hours === undefined) unsetQuietHours(store, chatId);
      else setQuietHours(store, chatId, hours);
    },
    caps: () => capsNow(store, persona),
    setCaps: (next) => setCaps(store, next),
    defaults: { quietHours, caps },
    isRunning: () => Date.now() - Number(store.settings.get(heartbeatKey) ?? 0) < aliveMs,
    link: () => link?.() ?? null,
  };
}
