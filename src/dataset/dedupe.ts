/**
 * Exact duplicates, the cheapest protection against learning by heart: a text seen 8 times is given back, a text seen
 * once is not (Kandpal et al. 2022). Repeated conversations go (a chat imported twice); a long message that the persona,
 * or the others, said before stays in its place as context and carries no loss.
 * Not covered: near duplicates, and short messages, whose repetition is the voice itself.
 */
import { sha256 } from '../util/files.ts';
import type { Conversation } from './conversations.ts';

const minRepeatedWords = 6;
/** Nobody has the same conversation of this many words twice; shorter ones ("gm", "gm") count only at the same minutes. */
const minRepeatedConversationWords = 20;
const minuteMs = 60_000;

export interface Deduped {
  conversations: Conversation[];
  repeatedConversations: number;
  repeatedMessages: number;
}

/** Take conversations in the order in which they were held; the first of equals stays as it is. */
export function dedupe(conversations: Iterable<Conversation>): Deduped {
  const seenConversations = new Set<string>();
  const seenMessages = new Set<string>();
  const kept: Conversation[] = [];
  let repeatedConversations = 0;
  let repeatedMessages = 0;
  for (const conversation of conversations) {
    const key = conversationKey(conversation);
    if (seenConversations.has(key)) {
      repeatedConversations++;
      continue;
    }
    seenConversations.add(key);
    const withoutLoss = new Set(conversation.withoutLoss);
    for (const { rowId, isPersona, isBot, text } of conversation.messages) {
      if (isBot) continue;
      const normal = normalise(text);
      if (countWords(normal) < minRepeatedWords) continue;
      const message = sha256(`${isPersona}\n${normal}`);
      if (seenMessages.has(message)) {
        withoutLoss.add(rowId);
        repeatedMessages++;
      }
      seenMessages.add(message);
    }
    kept.push({ ...conversation, withoutLoss });
  }
  return { conversations: kept, repeatedConversations, repeatedMessages };
}

/** Equal for conversations in which the same roles say the same. */
function conversationKey({ messages }: Conversation): string {
  const words = messages.reduce((sum, { text }) => sum + countWords(normalise(text)), 0);
  const isHabit = words < minRepeatedConversationWords;
  const said = messages.map(({ isPersona, isBot, text, media, timestampMs }) => {
    const minute = isHabit && timestampMs !== null ? Math.floor(timestampMs / minuteMs) : null;
    return [isPersona, isBot, text, media, minute];
  });
  return sha256(JSON.stringify(said));
}

/** One form for texts that read the same: NFKC, lower case, single spaces. */
export function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/\p{White_Space}+/gu, ' ')
    .trim();
}

/** Words of a normalised text. Scripts that write without spaces count two characters as a word. */
export function countWords(normal: string): number {
  const spaced = normal === '' ? 0 : normal.split(' ').length;
  const unspaced = normal.match(/[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/gu);
  return spaced + Math.floor((unspaced?.length ?? 0) / 2);
}
