/**
 * Consented chats -> dataset: conversations with their split, and a manifest that says what went in by row id and hash
 * and holds no text. Same input, same bytes: no clock, no chance, and the order of the chats does not matter.
 * Not covered: consent (the store hands out only what may be used) and redaction (an option of encoding; counted here).
 */
import { createHash } from 'node:crypto';
import { hiddenSpans, redactionKinds, type RedactionKind, type RedactSpans } from '../tokenizer/chat-format.ts';
import { sha256 } from '../util/files.ts';
import type { ConversationMessage, Split } from '../types.ts';
import { groupConversations, isScored, type Chat, type Conversation } from './conversations.ts';
import { capCorrections, placeCorrections, type CorrectionCounts } from './corrections.ts';
import { dedupe } from './dedupe.ts';
import { sharesOf, type ChatShare, type PersonShare, type Shares } from './shares.ts';
import { splitOf } from './split.ts';

export interface SplitCounts {
  conversations: number;
  messages: number;
  /** persona messages that carry loss */
  personaMessages: number;
  /** their UTF-8 bytes and one newline each */
  personaBytes: number;
  /** persona messages that stand as context only, since they were said before: neither learned nor measured */
  personaRepeats: number;
}

export interface DatasetManifest {
  format: 1;
  /** SHA-256 over everything that training can see: order, splits, rows, what carries no loss */
  hash: string;
  counts: Record<Split, SplitCounts>;
  /** every message that is in, in the dataset's order; the hash covers author role, time, medium and text */
  rows: { id: number; sha256: string }[];
  /** ids of those that are in the test split; absent in manifests of older versions */
  testRows?: number[];
  leftOut: {
    /** rows that the store keeps and hands out to nobody: consent is missing or was withdrawn */
    sealedMessages: number;
    /** by what the owner said on the review page; absent in manifests of older versions */
    rejectedMessages?: number;
    excludedMessages?: number;
    undecidedMessages?: number;
    /** neither text nor medium */
    emptyMessages: number;
    /** older than `maxAgeMs` */
    oldConversations: number;
    repeatedConversations: number;
    nearRepeatedConversations: number;
    /** messages kept as context only: said before word for word, or nearly so */
    repeatedMessages: number;
    nearRepeatedMessages: number;
  };
  corrections: CorrectionCounts;
  /** spans behind a placeholder, by kind, over all splits; null where nobody asked for the count */
  redactions: Record<RedactionKind, number> | null;
  /** whose words the train split is made of, without the names of chats */
  shares: { people: PersonShare[]; chats: Omit<ChatShare, 'chatKey'>[] };
}

export interface Dataset {
  /** in the order in which they were held */
  conversations: { conversation: Conversation; split: Split }[];
  manifest: DatasetManifest;
  /** of the train split */
  shares: Shares;
}

export interface BuildOptions {
  chats: readonly Chat[];
  /** IANA name; decides where weeks begin */
  timezone: string;
  /** leave out conversations that began longer than this before the newest message; unknown times stay in */
  maxAgeMs?: number;
  /** rows that the store did not hand out, for the manifest */
  sealedMessages?: number;
  /** rows that the review left out, for the manifest */
  reviewed?: { rejectedMessages: number; excludedMessages: number; undecidedMessages: number };
  /** count what this hides */
  redact?: RedactSpans;
}

export function buildDataset(options: BuildOptions): Dataset {
  const { chats, timezone, maxAgeMs, sealedMessages = 0, reviewed, redact } = options;
  const held = chats.map(({ chatKey, messages }) => ({
    chatKey,
    messages: placeCorrections(messages.filter((message) => !isEmpty(message))),
  }));
  const grouped = held.flatMap(groupConversations).sort(byTime);
  const oldestMs = oldestAllowed(held, maxAgeMs);
  const recent = grouped.filter(({ startMs }) => startMs === null || startMs >= oldestMs);
  const { conversations: kept, ...repeats } = dedupe(recent);

  const counts = { train: noCounts(), validation: noCounts(), test: noCounts() };
  const rows: DatasetManifest['rows'] = [];
  const testRows: number[] = [];
  const hash = createHash('sha256');
  hash.update('persona dataset 1\n');
  const { conversations: placed, counts: corrections } = capCorrections(
    kept.map((conversation) => {
      const { chatKey, startMs, messages } = conversation;
      return { conversation, split: splitOf(chatKey, startMs, timezone, messages[0]?.rowId ?? 0) };
    }),
  );
  const conversations = placed.map(({ conversation, split }) => {
    const { chatKey, previousMs, messages, withoutLoss } = conversation;
    addCounts(counts[split], conversation);
    const own = messages.map((message) => ({ id: message.rowId, sha256: rowHash(message) }));
    for (const row of own) rows.push(row);
    if (split === 'test') for (const { id } of own) testRows.push(id);
    const seen = messages.map(({ personId, minutePrecision, quotedRowId }) => [personId, minutePrecision, quotedRowId]);
    hash.update(JSON.stringify([chatKey, split, previousMs, own, seen, [...withoutLoss]]));
    return { conversation, split };
  });
  const leftOut = {
    sealedMessages,
    ...reviewed,
    emptyMessages: chats.reduce((sum, { messages }) => sum + messages.filter(isEmpty).length, 0),
    oldConversations: grouped.length - recent.length,
    ...repeats,
  };
  const shares = sharesOf(conversations.flatMap(({ conversation, split }) => (split === 'train' ? conversation : [])));
  const manifest: DatasetManifest = {
    format: 1,
    hash: hash.digest('hex'),
    counts,
    rows,
    testRows,
    leftOut,
    corrections,
    redactions: redact === undefined ? null : countRedactions(kept, redact),
    shares: { people: shares.people, chats: shares.chats.map(({ chatKey: _, ...share }) => share) },
  };
  return { conversations, manifest, shares };
}

function countRedactions(conversations: readonly Conversation[], redact: RedactSpans): Record<RedactionKind, number> {
  const counts = Object.fromEntries(redactionKinds.map((kind) => [kind, 0])) as Record<RedactionKind, number>;
  for (const { messages } of conversations) {
    for (const message of messages) for (const { token } of hiddenSpans(message, redact)) counts[token]++;
  }
  return counts;
}

/** Changes when the row's text, what is hidden in it, its medium, time or author's role does. */
function rowHash({ isPersona, isBot, timestampMs, media, text, hidden }: ConversationMessage): string {
  const spans = hidden?.map(({ start, end }) => [start, end]);
  return sha256(JSON.stringify([isPersona, isBot, timestampMs, media, text, ...(spans === undefined ? [] : [spans])]));
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

const noCounts = (): SplitCounts => ({
  conversations: 0,
  messages: 0,
  personaMessages: 0,
  personaBytes: 0,
  personaRepeats: 0,
});

function addCounts(counts: SplitCounts, conversation: Conversation): void {
  counts.conversations++;
  counts.messages += conversation.messages.length;
  for (const message of conversation.messages) {
    if (!isScored(message, conversation)) {
      if (message.isPersona && !message.isBot) counts.personaRepeats++;
      continue;
    }
    counts.personaMessages++;
    counts.personaBytes += Buffer.byteLength(message.text) + 1;
  }
}
