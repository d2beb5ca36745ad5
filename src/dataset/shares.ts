/**
 * Whose words a dataset is made of: by person and by chat, so that one contributor cannot make up most of it unnoticed.
 * Not covered: names (ids here; whoever prints it to the owner looks them up) and what to do about it.
 */
import { isScored, type Conversation } from './conversations.ts';

/** From this share on, one among several is worth a note. */
export const dominantShare = 0.6;

export interface PersonShare {
  personId: number;
  isPersona: boolean;
  messages: number;
  /** UTF-8 bytes of text */
  bytes: number;
  /** messages that carry loss, and their bytes with one newline each; 0 for everybody but the persona */
  targetMessages: number;
  targetBytes: number;
}

export interface ChatShare {
  chatKey: string;
  messages: number;
  bytes: number;
  targetMessages: number;
  targetBytes: number;
}

/** Most bytes first; the bot's messages are nobody's. */
export interface Shares {
  people: PersonShare[];
  chats: ChatShare[];
}

/** One among several that makes up most of what is learned. */
export interface Dominant {
  kind: 'person' | 'chat';
  /** person id, or chat key */
  id: number | string;
  /** 0 to 1 */
  share: number;
  /** how many there are of the kind */
  among: number;
}

export function sharesOf(conversations: Iterable<Conversation>): Shares {
  const people = new Map<number, PersonShare>();
  const chats = new Map<string, ChatShare>();
  const none = { messages: 0, bytes: 0, targetMessages: 0, targetBytes: 0 };
  for (const conversation of conversations) {
    const { chatKey, messages } = conversation;
    const chat = chats.get(chatKey) ?? { chatKey, ...none };
    chats.set(chatKey, chat);
    for (const message of messages) {
      const { personId, isPersona, isBot, text } = message;
      if (isBot) continue;
      const person = people.get(personId) ?? { personId, isPersona, ...none };
      people.set(personId, person);
      person.isPersona ||= isPersona; // who teaches the persona on the playground asks there too
      const bytes = Buffer.byteLength(text);
      const isTarget = isScored(message, conversation);
      for (const share of [person, chat]) {
        share.messages++;
        share.bytes += bytes;
        if (!isTarget) continue;
        share.targetMessages++;
        share.targetBytes += bytes + 1;
      }
    }
  }
  return {
    people: [...people.values()].sort((a, b) => b.bytes - a.bytes || a.personId - b.personId),
    chats: [...chats.values()].sort((a, b) => b.bytes - a.bytes || (a.chatKey < b.chatKey ? -1 : 1)),
  };
}

/**
 * The person who says most of what is said to the persona, and the chat that most of the persona's words are from, where
 * there are several of the kind and one has at least `dominantShare`.
 */
export function dominantOf({ people, chats }: Shares): Dominant[] {
  const others = people.filter(({ isPersona }) => !isPersona);
  const spoken = others.map(({ personId, bytes }) => ({ id: personId, bytes }));
  const learned = chats.filter(({ targetBytes }) => targetBytes > 0);
  const targets = learned.map(({ chatKey, targetBytes }) => ({ id: chatKey, bytes: targetBytes }));
  return [...dominantAmong('person', spoken), ...dominantAmong('chat', targets)];
}

function dominantAmong(kind: Dominant['kind'], parts: readonly { id: number | string; bytes: number }[]): Dominant[] {
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  if (parts.length < 2 || total === 0) return [];
  const largest = parts.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const share = largest.bytes / total;
  return share < dominantShare ? [] : [{ kind, id: largest.id, share, among: parts.length }];
}
