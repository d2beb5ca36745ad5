/**
 * What a chat's messages are for tonight's training, and why: read off the rows as the dataset makes its conversations of
 * them, without making the dataset. The order of reasons is that of the dataset. Not covered: near repeats and whole
 * conversations that are there twice, the cap on corrections, and age; the night counts those.
 */
import { groupConversations, type Conversation } from '../dataset/conversations.ts';
import { countWords, minNearWords, minRepeatedWords, normalise } from '../dataset/dedupe.ts';
import { splitOf } from '../dataset/split.ts';
import { countOf, wordsOf } from '../dataset/words.ts';
import { maskText } from '../store/review-hidden.ts';
import type { ThreadMessage } from '../store/review-threads.ts';
import type { Store } from '../store/store.ts';
import type { ConversationMessage, Split } from '../types.ts';

export type TonightReason =
  /** out: not in the dataset */
  | 'sealed'
  | 'rejected'
  | 'excluded'
  | 'undecided'
  | 'empty'
  /** context: read, not learned */
  | 'bot'
  | 'other'
  | 'repeated'
  /** measured: in the splits that a night is judged by */
  | 'test'
  | 'validation'
  /** trains */
  | 'persona'
  | 'correction';

export interface Tonight {
  standing: 'trains' | 'context' | 'measured' | 'out';
  reason: TonightReason;
}

export interface TonightOptions {
  /** whose voice is learned */
  personaId: number;
  /** IANA zone of the persona */
  timezone: string;
  reviewRequired: boolean;
}

/** how far the beginning and the end of a conversation are looked for */
const maxConversation = 2000;
const pageSize = 200;

/**
 * @param messages of one chat, oldest first, without gaps, read with the same `reviewRequired`
 * @returns by message id
 */
export function tonightOf(
  store: Store,
  messages: readonly ThreadMessage[],
  options: TonightOptions,
): Map<number, Tonight> {
  const result = new Map<number, Tonight>();
  const [first] = messages;
  if (first === undefined) return result;
  const { key } = store.chats.get(first.chatId);
  const splits = new Map<number, Split>();
  const before = startOfConversation(store, first, options);
  for (const conversation of groupConversations({
    chatKey: key,
    messages: learnable([...before, ...messages], options),
  })) {
    const split = splitFor(conversation, options);
    for (const { rowId } of conversation.messages) splits.set(rowId, split);
  }
  for (const message of messages) result.set(message.id, standingOf(store, message, splits.get(message.id), options));
  return result;
}

/** The conversation that a message belongs to, as training would see it; undefined where it is not in the dataset. */
export function conversationAt(
  store: Store,
  messageId: number,
  options: TonightOptions,
): { conversation: Conversation; split: Split } | undefined {
  const message = store.review.threads.message(messageId, options);
  if (message === undefined) return undefined;
  const messages = [
    ...startOfConversation(store, message, options),
    message,
    ...restOfConversation(store, message, options),
  ];
  const chatKey = store.chats.get(message.chatId).key;
  const conversation = groupConversations({ chatKey, messages: learnable(messages, options) }).find((each) =>
    each.messages.some(({ rowId }) => rowId === messageId),
  );
  return conversation && { conversation, split: splitFor(conversation, options) };
}

function splitFor({ chatKey, startMs, messages }: Conversation, { timezone }: TonightOptions): Split {
  return splitOf(chatKey, startMs, timezone, messages[0]?.rowId ?? 0);
}

function standingOf(
  store: Store,
  message: ThreadMessage,
  split: Split | undefined,
  { personaId, reviewRequired }: TonightOptions,
): Tonight {
  if (message.isSealed) return { standing: 'out', reason: 'sealed' };
  if (message.leftOut !== null) return { standing: 'out', reason: message.leftOut };
  if (split === undefined) return { standing: 'out', reason: 'empty' };
  if (message.isBot) return { standing: 'context', reason: 'bot' };
  if (!isPersonas(message, personaId)) return { standing: 'context', reason: 'other' };
  if (isRepeated(store, message, personaId, reviewRequired)) return { standing: 'context', reason: 'repeated' };
  if (split !== 'train') return { standing: 'measured', reason: split };
  return { standing: 'trains', reason: message.origin === 'correction' ? 'correction' : 'persona' };
}

/**
 * The same was said before, in any chat, in a row that may be learned from: by the persona in six words or more, or by
 * anybody in eight or more.
 */
function isRepeated(store: Store, message: ThreadMessage, personaId: number, reviewRequired: boolean): boolean {
  const text = textOf(message, personaId).text;
  const normal = normalise(text);
  const words = wordsOf(text);
  const isLong = countWords(normal) >= minRepeatedWords;
  const isNearLong = countOf(words) >= minNearWords;
  if (!isLong && !isNearLong) return false;
  const sameWords = words.join(' ');
  return store.review.threads.likely(text).some((id) => {
    const other = id === message.id ? undefined : store.review.threads.message(id, { reviewRequired });
    if (other === undefined || other.isSealed || other.leftOut !== null || other.isBot) return false;
    const isEarlier =
      other.timestampMs < message.timestampMs || (other.timestampMs === message.timestampMs && other.id < message.id);
    if (!isEarlier) return false;
    const said = textOf(other, personaId).text;
    if (isNearLong && wordsOf(said).join(' ') === sameWords) return true;
    return isLong && isPersonas(other, personaId) && normalise(said) === normal;
  });
}

/** What stands before a message since the last silence, and one message more: its time tells how long that was. */
function startOfConversation(store: Store, first: ThreadMessage, options: TonightOptions): ThreadMessage[] {
  const { reviewRequired } = options;
  let found: ThreadMessage[] = [];
  for (let from = first; found.length < maxConversation;) {
    const page = store.review.threads.page(first.chatId, {
      before: { messageId: from.id },
      limit: pageSize,
      reviewRequired,
    });
    found = [...page.messages, ...found];
    const [oldest] = page.messages;
    if (oldest === undefined || !page.hasBefore || hasSilence([...page.messages, from], options)) break;
    from = oldest;
  }
  return found;
}

function restOfConversation(store: Store, last: ThreadMessage, options: TonightOptions): ThreadMessage[] {
  const { reviewRequired } = options;
  const found: ThreadMessage[] = [];
  for (let from = last; found.length < maxConversation;) {
    const page = store.review.threads.page(last.chatId, {
      after: { messageId: from.id },
      limit: pageSize,
      reviewRequired,
    });
    found.push(...page.messages);
    const newest = page.messages.at(-1);
    if (newest === undefined || !page.hasAfter || hasSilence([from, ...page.messages], options)) break;
    from = newest;
  }
  return found;
}

function hasSilence(messages: readonly ThreadMessage[], options: TonightOptions): boolean {
  return groupConversations({ chatKey: '', messages: learnable(messages, options) }).length > 1;
}

/** Rows as the dataset gets them: what is left out is not there, hidden words are masked, lines written anew count. */
function learnable(messages: readonly ThreadMessage[], { personaId }: TonightOptions): ConversationMessage[] {
  return messages.flatMap((message): ConversationMessage[] => {
    if (message.isSealed || message.leftOut !== null) return [];
    const { text, hidden } = textOf(message, personaId);
    if (message.media === null && text.trim() === '') return [];
    return [
      {
        rowId: message.id,
        personId: message.personId,
        isPersona: isPersonas(message, personaId),
        isBot: message.isBot,
        timestampMs: message.timestampMs,
        minutePrecision: message.minutePrecision,
        text,
        media: message.media,
        quotedRowId: message.quotes?.id ?? null,
        ...(hidden.length > 0 && { hidden }),
      },
    ];
  });
}

/** Written by the person whose voice is learned, in their own part. */
export function isPersonas(
  { personId, isBot, origin }: Pick<ThreadMessage, 'personId' | 'isBot' | 'origin'>,
  personaId: number,
): boolean {
  return personId === personaId && !isBot && origin !== 'played';
}

function textOf(message: ThreadMessage, personaId: number): ReturnType<typeof maskText> {
  if (isPersonas(message, personaId) && message.line !== null) return { text: message.line, hidden: [] };
  return maskText(message.text, message.hidden);
}
