/**
 * A chat's messages -> conversations: what was said between two silences of more than 6 h (design: chat format v1).
 * A `Conversation` can be given to `encodeConversation` as its options, so that its opening gap and its messages
 * without loss are kept: `encodeConversation(conversation.messages, tokenizer, conversation)`.
 * Not covered: sorting. Messages come in the order in which they were said.
 */
import type { ConversationMessage } from '../types.ts';
import { gapIndex, hiddenSpans, openingGap, type RedactSpans } from '../tokenizer/chat-format.ts';

export interface Chat {
  /** stable name of the chat; the split hangs on it */
  chatKey: string;
  messages: readonly ConversationMessage[];
}

export interface Conversation {
  chatKey: string;
  /** time of the first message whose time is known */
  startMs: number | null;
  /** time of the chat's last message before this conversation, null where there is none or its time is unknown */
  previousMs: number | null;
  messages: readonly ConversationMessage[];
  /** row ids of messages that carry no loss (dedupe.ts) */
  withoutLoss: ReadonlySet<number>;
}

/** Cut a chat at its silences. Messages of unknown time stay with those before them. */
export function groupConversations(chat: Chat): Conversation[] {
  const conversations: Conversation[] = [];
  let messages: ConversationMessage[] = [];
  let previousMs: number | null = null;
  let last: { timestampMs: number; minutePrecision: boolean } | undefined;

  const close = (): void => {
    if (messages.length === 0) return;
    const startMs = messages.find(({ timestampMs }) => timestampMs !== null)?.timestampMs ?? null;
    conversations.push({ chatKey: chat.chatKey, startMs, previousMs, messages, withoutLoss: new Set() });
  };
  for (const message of chat.messages) {
    const { timestampMs, minutePrecision } = message;
    const precision = minutePrecision || last?.minutePrecision === true;
    if (gapIndex(last?.timestampMs ?? null, timestampMs, precision) === openingGap) {
      close();
      messages = [];
      previousMs = last?.timestampMs ?? null;
    }
    messages.push(message);
    if (timestampMs !== null) last = { timestampMs, minutePrecision };
  }
  close();
  return conversations;
}

/** The persona's own message, and not one that was said before. */
export function isScored(message: ConversationMessage, conversation: Pick<Conversation, 'withoutLoss'>): boolean {
  return message.isPersona && !message.isBot && !conversation.withoutLoss.has(message.rowId);
}

/**
 * The texts of conversations, one a message, to train a tokenizer on: the pieces around what is hidden by hand, and with
 * `redact` around what that finds: merges must not learn a phone number.
 */
export function* textsOf(conversations: Iterable<Conversation>, redact?: RedactSpans): Generator<string> {
  for (const { messages } of conversations) {
    for (const message of messages) {
      const { text } = message;
      let from = 0;
      for (const { start, end } of hiddenSpans(message, redact)) {
        if (start > from) yield text.slice(from, start);
        from = end;
      }
      if (from < text.length) yield text.slice(from);
    }
  }
}
