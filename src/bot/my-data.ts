/**
 * A person's own data as a JSON file (GDPR art. 15): what they wrote, how they reacted, what they agreed to. Nobody else's
 * words and no ids of others. Sealed rows are in it: they are kept, and they are theirs.
 */
import type { Store } from '../store/store.ts';
import type { OutgoingFile } from './host.ts';

/** @param chatId only this chat; null: every chat */
export function myData(
  store: Store,
  personId: number,
  chatId: number | null,
  nowMs: number,
): { messages: number; file: OutgoingFile } {
  const messages = store.lookups.messagesOf(personId, chatId);
  const content = {
    madeAt: iso(nowMs),
    ids: store.people.aliases(personId).filter((id) => id.includes('@')),
    consent: store.consent
      .history(personId)
      .map(({ scope, action, atMs, noticeHash }) => ({ at: iso(atMs), scope, action, notice: noticeHash })),
    messages: messages.map(({ timestampMs, minutePrecision, chatKind, origin, kind, text, media, editedAtMs }) => ({
      at: iso(timestampMs),
      ...(minutePrecision && { precision: 'minute' }),
      chat: chatKind,
      from: origin,
      kind,
      text,
      ...(media !== null && { media }),
      ...(editedAtMs !== null && { editedAt: iso(editedAtMs) }),
    })),
    reactions: store.lookups.reactionsOf(personId, chatId).map(({ emoji, atMs }) => ({ at: iso(atMs), emoji })),
  };
  return {
    messages: messages.length,
    file: {
      name: `my-data-${iso(nowMs).slice(0, 10)}.json`,
      mimeType: 'application/json',
      content: Buffer.from(`${JSON.stringify(content, null, 2)}\n`),
    },
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
