/**
 * What `!no <better>` left behind: human text in the place of a reply of the bot's. The corrected reply goes out of the
 * conversation, so that the correction is learned as the answer to what was asked, not as a second thought.
 * Capped per chat, which is one person's (only the owner may correct, in a direct chat): a night learns the newest of each,
 * one for every ten other messages of the persona, at least 5 and at most 50. What is beyond is read and not learned, so nobody
 * can put many words into the persona's mouth. Not covered: who may correct (bot/authority.ts).
 */
import type { ConversationMessage, Split } from '../types.ts';
import { isScored, type Conversation } from './conversations.ts';

export interface CorrectionCounts {
  /** carry loss in the train split */
  learned: number;
  /** in the other splits */
  heldOut: number;
  /** beyond the cap of their chat: context only */
  beyondCap: number;
}

export const correctionCap = { least: 5, most: 50, othersForOne: 10 } as const;

const isCorrection = ({ corrects }: ConversationMessage): boolean => corrects !== undefined;

/** A chat without the replies that were corrected: of each, all bubbles that stand together with the one that was named. */
export function placeCorrections(messages: readonly ConversationMessage[]): ConversationMessage[] {
  const corrected = new Set(messages.flatMap(({ corrects }) => (typeof corrects === 'number' ? [corrects] : [])));
  if (corrected.size === 0) return [...messages];
  const gone = new Set<number>();
  let turn: ConversationMessage[] = []; // bubbles of the bot, corrections among them
  const close = (): void => {
    const own = turn.filter(({ isBot }) => isBot);
    if (own.some(({ rowId }) => corrected.has(rowId))) for (const { rowId } of own) gone.add(rowId);
    turn = [];
  };
  for (const message of messages) {
    if (message.isBot || isCorrection(message)) turn.push(message);
    else close();
  }
  close();
  return messages.filter(({ rowId }) => !gone.has(rowId));
}

interface Placed {
  conversation: Conversation;
  split: Split;
}

/** @returns the same conversations; corrections beyond the cap of their chat carry no loss */
export function capCorrections<T extends Placed>(
  conversations: readonly T[],
): { conversations: T[]; counts: CorrectionCounts } {
  const counts = { learned: 0, heldOut: 0, beyondCap: 0 };
  const othersLearned = conversations
    .filter(({ split }) => split === 'train')
    .reduce(
      (sum, { conversation }) =>
        sum +
        conversation.messages.filter((message) => !isCorrection(message) && isScored(message, conversation)).length,
      0,
    );
  const { least, most, othersForOne } = correctionCap;
  const cap = Math.min(most, Math.max(least, Math.floor(othersLearned / othersForOne)));
  const byChat = new Map<string, number[]>();
  for (const { conversation, split } of conversations) {
    for (const message of conversation.messages) {
      if (!isCorrection(message) || !isScored(message, conversation)) continue;
      if (split === 'train')
        byChat.set(conversation.chatKey, [...(byChat.get(conversation.chatKey) ?? []), message.rowId]);
      else counts.heldOut++;
    }
  }
  const beyond = new Set<number>();
  for (const rowIds of byChat.values()) {
    const newestFirst = rowIds.sort((a, b) => b - a); // row ids are the order of arrival
    counts.learned += Math.min(cap, newestFirst.length);
    for (const rowId of newestFirst.slice(cap)) beyond.add(rowId);
  }
  counts.beyondCap = beyond.size;
  if (beyond.size === 0) return { conversations: [...conversations], counts };
  const capped = conversations.map((entry): T => {
    const { conversation, split } = entry;
    const own = split === 'train' ? conversation.messages.filter(({ rowId }) => beyond.has(rowId)) : [];
    if (own.length === 0) return entry;
    const withoutLoss = new Set([...conversation.withoutLoss, ...own.map(({ rowId }) => rowId)]);
    return { ...entry, conversation: { ...conversation, withoutLoss } };
  });
  return { conversations: capped, counts };
}
