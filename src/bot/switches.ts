/**
 * What is on where. `!bot off all` switches replies off in every chat and sets a mark; `!bot on` in one chat takes the
 * mark away and switches replies on in that chat alone. So the others stay silent until somebody says so in each.
 */
import type { Store } from '../store/store.ts';

const offEverywhereKey = 'bot.offEverywhere';

export function isBotOn(store: Store, chatId: number): boolean {
  return store.chats.get(chatId).bot && store.settings.get(offEverywhereKey) === undefined;
}

export function botOn(store: Store, chatId: number): void {
  store.transaction(() => {
    store.settings.delete(offEverywhereKey);
    store.chats.set(chatId, { bot: true });
  });
}

export function botOff(store: Store, chatId: number): void {
  store.chats.set(chatId, { bot: false });
}

export function botOffEverywhere(store: Store, nowMs: number): void {
  store.transaction(() => {
    store.settings.set(offEverywhereKey, String(nowMs));
    for (const chat of store.chats.list()) if (chat.bot) store.chats.set(chat.id, { bot: false });
  });
}
