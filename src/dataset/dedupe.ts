/**
 * Duplicates out before training, the cheapest protection against learning by heart: a text seen 8 times is given back, a
 * text seen once is not (Kandpal et al. 2022). A conversation that is there twice goes (a chat imported twice); a long
 * message said before (a chain letter, a pasted joke) stays in its place as context and carries no loss. Exact ones, and
 * near ones by their words (near-duplicates.ts). The first stays whatever its split, so no held-out text is one that was
 * learned, and what comes later never changes what an earlier message counts as.
 * Not covered: short messages, whose repetition is the voice itself.
 */
import { sha256 } from '../util/files.ts';
import type { ConversationMessage } from '../types.ts';
import type { Conversation } from './conversations.ts';
import { findNearDuplicates } from './near-duplicates.ts';
import { countOf, wordsOf } from './words.ts';

/** Fewest words of a message that counts as repeated where the same side said it before. */
export const minRepeatedWords = 6;
/** Shorter messages have too few shingles to tell a copy from a turn of phrase. */
export const minNearWords = 8;
/** Nobody has the same conversation of this many words twice; shorter ones ("gm", "gm") count only at the same minutes. */
const minRepeatedConversationWords = 20;
const minuteMs = 60_000;

export interface Deduped {
  conversations: Conversation[];
  repeatedConversations: number;
  nearRepeatedConversations: number;
  repeatedMessages: number;
  /** those that are not word for word as before */
  nearRepeatedMessages: number;
}

/** Take conversations in the order in which they were held; the first of equals stays as it is. */
export function dedupe(conversations: Iterable<Conversation>): Deduped {
  const given = [...conversations];
  const distinct = withoutRepeated(given);
  const kept = withoutNearRepeated(distinct);
  const exact = repeatedMessages(kept);
  const near = nearRepeatedMessages(kept);
  for (const rowId of exact) near.delete(rowId);
  return {
    conversations: kept.map((conversation) => ({
      ...conversation,
      withoutLoss: new Set([
        ...conversation.withoutLoss,
        ...conversation.messages.flatMap(({ rowId }) => (exact.has(rowId) || near.has(rowId) ? [rowId] : [])),
      ]),
    })),
    repeatedConversations: given.length - distinct.length,
    nearRepeatedConversations: distinct.length - kept.length,
    repeatedMessages: exact.size,
    nearRepeatedMessages: near.size,
  };
}

function withoutRepeated(conversations: readonly Conversation[]): Conversation[] {
  const seen = new Set<string>();
  return conversations.filter((conversation) => {
    const key = conversationKey(conversation);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Who says it is part of a word here: the same texts with the roles changed are another conversation. */
function withoutNearRepeated(conversations: readonly Conversation[]): Conversation[] {
  function* texts(): Generator<string[]> {
    for (const { messages } of conversations) {
      const said = messages.map((message) => ({ role: roleOf(message), words: wordsOf(message.text) }));
      const isLong = said.reduce((sum, { words }) => sum + countOf(words), 0) >= minRepeatedConversationWords;
      yield isLong ? said.flatMap(({ role, words }) => words.map((word) => `${role} ${word}`)) : [];
    }
  }
  const { repeats } = findNearDuplicates(texts());
  return conversations.filter((_, at) => repeats[at] === 0);
}

function roleOf({ isPersona, isBot }: ConversationMessage): string {
  if (isBot) return 'bot';
  return isPersona ? 'persona' : 'other';
}

/** Row ids of long messages that the persona, or the others, said before in the same words. */
function repeatedMessages(conversations: readonly Conversation[]): Set<number> {
  const seen = new Set<string>();
  const repeated = new Set<number>();
  for (const { rowId, isPersona, isBot, text } of conversations.flatMap(({ messages }) => messages)) {
    if (isBot) continue;
    const normal = normalise(text);
    if (countWords(normal) < minRepeatedWords) continue;
    const message = sha256(`${isPersona}\n${normal}`);
    if (seen.has(message)) repeated.add(rowId);
    seen.add(message);
  }
  return repeated;
}

/** Row ids of long messages that anybody said before in nearly the same words: what is pasted is nobody's voice. */
function nearRepeatedMessages(conversations: readonly Conversation[]): Set<number> {
  const rowIds: number[] = [];
  function* texts(): Generator<string[]> {
    for (const { rowId, isBot, text } of conversations.flatMap(({ messages }) => messages)) {
      const words = isBot ? [] : wordsOf(text);
      if (countOf(words) < minNearWords) continue;
      rowIds.push(rowId);
      yield words;
    }
  }
  const { repeats } = findNearDuplicates(texts());
  return new Set(rowIds.filter((_, at) => repeats[at] === 1));
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
