/**
 * Consented chats -> dataset: conversations with their split, and a manifest that says what went in by row id and hash
 * and holds no text. Same input, same bytes: no clock, no chance, and the order of the chats does not matter.
 * Not covered: consent (the store hands out only what may be used) and redaction (an option of encoding).
 */
import { createHash } from 'node:crypto';
import { sha256 } from '../util/files.ts';
import type { ConversationMessage, Split } from '../types.ts';
import { groupConversations, isScored, type Chat, type Conversation } from './conversations.ts';
import { dedupe } from './dedupe.ts';
import { splitOf } from './split.ts';

export interface SplitCounts {
  conversations: number;
  messages: number;
  /** persona messages that carry loss */
  personaMessages: number;
  /** their UTF-8 bytes and one newline each */
  personaBytes: number;
}

export interface DatasetManifest {
  format: 1;
  /** SHA-256 over everything that training can see: order, splits, rows, what carries no loss */
  hash: string;
  counts: Record<Split, SplitCounts>;
  /** every message that is in, in the dataset's order; the hash covers author role, time, medium and text */
  rows: { id: number; sha256: string }[];
  leftOut: {
    /** neither text nor medium */
    emptyMessages: number;
    /** older than `maxAgeMs` */
    oldConversations: number;
    repeatedConversations: number;
    /** messages kept as context only */
    repeatedMessages: number;
  };
}

export interface Dataset {
  /** in the order in which they were held */
  conversations: { conversation: Conversation; split: Split }[];
  manifest: DatasetManifest;
}

export interface BuildOptions {
  chats: readonly Chat[];
  /** IANA name; decides where weeks begin */
  timezone: string;
  /** leave out conversations that began longer than this before the newest message; unknown times stay in */
  maxAgeMs?: number;
}

export function buildDataset({ chats, timezone, maxAgeMs }: BuildOptions): Dataset {
  const held = chats.map(({ chatKey, messages }) => ({
    chatKey,
    messages: messages.filter((message) => !isEmpty(message)),
  }));
  const grouped = held.flatMap(groupConversations).sort(byTime);
  const oldestMs = oldestAllowed(held, maxAgeMs);
  const recent = grouped.filter(({ startMs }) => startMs === null || startMs >= oldestMs);
  const { conversations: kept, repeatedConversations, repeatedMessages } = dedupe(recent);

  const counts = { train: noCounts(), validation: noCounts(), test: noCounts() };
  const rows: DatasetManifest['rows'] = [];
  const hash = createHash('sha256');
  hash.update('persona dataset 1\n');
  const conversations = kept.map((conversation) => {
    const { chatKey, startMs, previousMs, messages, withoutLoss } = conversation;
    const split = splitOf(chatKey, startMs, timezone, messages[0]?.rowId ?? 0);
    addCounts(counts[split], conversation);
    const own = messages.map((message) => ({ id: message.rowId, sha256: rowHash(message) }));
    for (const row of own) rows.push(row);
    const seen = messages.map(({ personId, minutePrecision, quotedRowId }) => [personId, minutePrecision, quotedRowId]);
    hash.update(JSON.stringify([chatKey, split, previousMs, own, seen, [...withoutLoss]]));
    return { conversation, split };
  });
  const leftOut = {
    emptyMessages: chats.reduce((sum, { messages }) => sum + messages.filter(isEmpty).length, 0),
    oldConversations: grouped.length - recent.length,
    repeatedConversations,
    repeatedMessages,
  };
  return { conversations, manifest: { format: 1, hash: hash.digest('hex'), counts, rows, leftOut } };
}

/** Changes when the row's text, medium, time or author's role does. */
function rowHash({ isPersona, isBot, timestampMs, media, text }: ConversationMessage): string {
  return sha256(JSON.stringify([isPersona, isBot, timestampMs, media, text]));
}

function isEmpty({ text, media }: ConversationMessage): boolean {
  return media === null && text.trim() === '';
}

/** By start, unknown times last, then by chat and row. */
function byTime(a: Conversation, b: Conversation): number {
  const startOf = ({ startMs }: Conversation): number => startMs ?? Number.MAX_SAFE_INTEGER;
  if (startOf(a) !== startOf(b)) return startOf(a) - startOf(b);
  if (a.chatKey !== b.chatKey) return a.chatKey < b.chatKey ? -1 : 1;
  return (a.messages[0]?.rowId ?? 0) - (b.messages[0]?.rowId ?? 0);
}

function oldestAllowed(chats: readonly Chat[], maxAgeMs: number | undefined): number {
  if (maxAgeMs === undefined) return -Infinity;
  let newestMs = -Infinity;
  for (const { messages } of chats) {
    for (const { timestampMs } of messages) newestMs = Math.max(newestMs, timestampMs ?? -Infinity);
  }
  return newestMs - maxAgeMs;
}

const noCounts = (): SplitCounts => ({ conversations: 0, messages: 0, personaMessages: 0, personaBytes: 0 });

function addCounts(counts: SplitCounts, conversation: Conversation): void {
  counts.conversations++;
  counts.messages += conversation.messages.length;
  for (const message of conversation.messages) {
    if (!isScored(message, conversation)) continue;
    counts.personaMessages++;
    counts.personaBytes += Buffer.byteLength(message.text) + 1;
  }
}
