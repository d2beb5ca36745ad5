/**
 * Chat format v1: a conversation as ids with a loss mask, a context as a prompt, and generated ids as bubbles
 * (docs/chat-format.md). `<|bos|>`, then turns: speaker, bubbles of `gap? quote? text` joined by `<|msg|>`, `<|end|>`.
 * What people typed is always plain text: only this file places special ids, those of `chatIds`.
 * Not covered: what counts as one conversation (dataset/conversations.ts) and which rows are trained on (dataset/).
 */
import { check } from '../util/errors.ts';
import type { ConversationMessage } from '../types.ts';
import type { Tokenizer } from './bpe.ts';
import { chatIds, type ChatIds, type RedactionKind } from './chat-ids.ts';
import { inLongNumbers } from './long-numbers.ts';

export { chatIds, redactionKinds, specialTokens, type ChatIds, type RedactionKind } from './chat-ids.ts';

/** Part of a text that a placeholder stands for, in UTF-16 offsets, end exclusive. */
export interface RedactSpan {
  start: number;
  end: number;
  token: RedactionKind;
}

/** Spans of a text to hide: sorted, not empty, not overlapping. */
export type RedactSpans = (text: string) => readonly RedactSpan[];

/** Longest time since the previous message of gap0..gap5, in ms; anything longer is gap6. */
const gapLimitsMs = [5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000];
/** The gap that only opens a conversation: more than 6 h. */
export const openingGap = gapLimitsMs.length;
const minuteMs = 60_000;
/** Loss classes of `EncodedConversation.kinds`. */
export const lossKind = { none: 0, text: 1, mark: 2 } as const;

export interface EncodedConversation {
  /** (n) */
  ids: Int32Array;
  /** (n) loss on predicting this id: 0 none; 1 the persona's text, `<|msg|>`, `<|end|>`; 2 the persona's gap and quote marks */
  kinds: Uint8Array;
  /** (n) index of the message that an id belongs to, -1 for `<|bos|>`; a speaker belongs to the message it introduces */
  messageIndex: Int32Array;
  /** the id that ends a turn */
  endId: number;
}

export interface EncodeOptions {
  /** time of the chat's last message before the first of these; null or absent: there is none, or nobody knows when */
  previousMs?: number | null;
  /** row ids of messages that carry no loss (said before; see dataset/dedupe.ts) */
  withoutLoss?: ReadonlySet<number>;
  /** what to put placeholders for, in everybody's texts */
  redact?: RedactSpans;
  /**
   * whose text carries loss: the persona's (as in scoring), or every person's, for a model that has yet to learn the
   * language. Speakers and the others' gap and quote marks never do.
   */
  lossOn?: 'persona' | 'everyone';
  /** the digits of long numbers carry no loss: for training, not for scoring (long-numbers.ts) */
  skipsLongNumbers?: boolean;
}

/** One message of a reply. */
export interface Bubble {
  text: string;
  /** gap index 0..5 before it, null where the model gave none */
  gap: number | null;
  /** quotes the k-th message back, null for none */
  quote: number | null;
}

/**
 * Class of the time between two messages: 0 up to 5 s, 1 30 s, 2 2 min, 3 10 min, 4 1 h, 5 6 h, 6 longer; null where a
 * time is unknown. With `minutePrecision` only the minutes count: the same minute is 1, the next 2. A clock that went
 * back counts as no time.
 */
export function gapIndex(previousMs: number | null, nowMs: number | null, minutePrecision: boolean): number | null {
  if (previousMs === null || nowMs === null) return null;
  const waitMs = minutePrecision
    ? (Math.floor(nowMs / minuteMs) - Math.floor(previousMs / minuteMs)) * minuteMs
    : nowMs - previousMs;
  const index = gapLimitsMs.findIndex((limitMs) => waitMs <= limitMs);
  if (index === -1) return openingGap;
  return minutePrecision ? Math.max(index, 1) : index;
}

/** Gap between neighbours of a conversation; null where either time is unknown. */
export function gapBetween(previous: ConversationMessage, message: ConversationMessage): number | null {
  return gapIndex(previous.timestampMs, message.timestampMs, previous.minutePrecision || message.minutePrecision);
}

/** Encode one conversation (the messages between two silences) for training or scoring. */
export function encodeConversation(
  messages: readonly ConversationMessage[],
  tokenizer: Tokenizer,
  options: EncodeOptions = {},
): EncodedConversation {
  const special = chatIds(tokenizer);
  const ids: number[] = [special.bos];
  const kinds: number[] = [lossKind.none];
  const messageIndex: number[] = [-1];
  const put = (id: number, kind: number, message: number): void => {
    ids.push(id);
    kinds.push(kind);
    messageIndex.push(message);
  };

  describe(messages, options.previousMs ?? null, special).forEach(({ speaker, opensTurn, closesTurn, marks }, at) => {
    const message = messages[at]!;
    const isNew = !message.isBot && options.withoutLoss?.has(message.rowId) !== true;
    const scored = isNew && message.isPersona;
    const textKind = scored || (isNew && options.lossOn === 'everyone') ? lossKind.text : lossKind.none;
    if (opensTurn) put(speaker, lossKind.none, at);
    for (const mark of marks) put(mark, scored ? lossKind.mark : lossKind.none, at);
    for (const { ids, text } of bodyParts(message, tokenizer, options.redact)) {
      const isNumber = text !== null && options.skipsLongNumbers ? inLongNumbers(text, ids, tokenizer) : [];
      ids.forEach((id, i) => put(id, tokenizer.isSpecial(id) || isNumber[i] ? lossKind.none : textKind, at));
    }
    put(closesTurn ? special.end : special.msg, textKind, at);
  });
  return {
    ids: Int32Array.from(ids),
    kinds: Uint8Array.from(kinds),
    messageIndex: Int32Array.from(messageIndex),
    endId: special.end,
  };
}

/**
 * The prompt for the persona's next turn: `<|bos|>`, the latest messages, `<|persona|>`, at most `maxTokens` ids. Only
 * messages since the last silence of 6 h take part, oldest dropped first; a last message that is too long alone loses
 * its start.
 * @returns `firstMessage`: index in `messages` of the first one in the prompt
 */
export function encodePrompt(
  messages: readonly ConversationMessage[],
  tokenizer: Tokenizer,
  options: { maxTokens: number; redact?: RedactSpans },
): { ids: number[]; firstMessage: number } {
  const { maxTokens, redact } = options;
  check(maxTokens >= 8, `maxTokens ${maxTokens}, too few for a prompt`);
  const start = lastConversationStart(messages);
  const previousMs = messages[start - 1]?.timestampMs ?? null;
  const special = chatIds(tokenizer);
  const parts = describe(messages.slice(start), previousMs, special);
  let room = maxTokens - 2; // <|bos|> and the final <|persona|>
  let tail: number[] = [];
  let first = parts.length;
  while (first > 0) {
    const { speaker, opensTurn, closesTurn, marks } = parts[first - 1]!;
    const body = bodyParts(messages[start + first - 1]!, tokenizer, redact).flatMap(({ ids }) => ids);
    const separator = closesTurn ? special.end : special.msg;
    const length = 1 + marks.length + body.length + 1; // with a speaker, which stands first wherever the prompt begins
    const isLast = first === parts.length;
    if (length > room && !isLast) break;
    const kept = body.slice(Math.max(0, length - room));
    const message = [...(opensTurn ? [speaker] : []), ...marks, ...kept, separator];
    tail = [...message, ...tail];
    room -= message.length;
    first--;
  }
  const opening = parts[first];
  const head = opening === undefined || opening.opensTurn ? [] : [opening.speaker];
  return { ids: [special.bos, ...head, ...tail, special.persona], firstMessage: start + first };
}

/** Bubbles of ids generated after `<|persona|>`, up to the first `<|end|>`. Bubbles without visible text are left out. */
export function decodeReply(ids: readonly number[], tokenizer: Tokenizer): Bubble[] {
  const special = chatIds(tokenizer);
  const bubbles: Bubble[] = [];
  let current: { text: number[]; gap: number | null; quote: number | null } = { text: [], gap: null, quote: null };
  const close = (): void => {
    const text = tokenizer.decode(current.text);
    if (text.trim() !== '') bubbles.push({ text, gap: current.gap, quote: current.quote });
    current = { text: [], gap: null, quote: null };
  };
  for (const id of ids) {
    if (id === special.end) break;
    if (id === special.msg) close();
    else if (!tokenizer.isSpecial(id)) current.text.push(id);
    else if (current.text.length > 0)
      continue; // marks stand before the text
    else if (special.gaps.includes(id)) current.gap ??= special.gaps.indexOf(id);
    else if (special.quotes.includes(id)) current.quote ??= special.quotes.indexOf(id) + 1;
  }
  close();
  return bubbles;
}

/**
 * UTF-8 bytes that the text loss (kind 1) pays for: those of the persona's text, and one for the `<|msg|>` or `<|end|>`
 * after each message, in the place of its newline. The denominator of bits per byte.
 */
export function scoredBytes(encoded: EncodedConversation, tokenizer: Tokenizer): number {
  let bytes = 0;
  encoded.ids.forEach((id, i) => {
    if (encoded.kinds[i] === lossKind.text) bytes += tokenizer.isSpecial(id) ? 1 : tokenizer.byteLength(id);
  });
  return bytes;
}

/** Everything about each message but its text: who speaks, where turns begin and end, gap and quote ids. */
function describe(messages: readonly ConversationMessage[], previousMs: number | null, special: ChatIds) {
  const { others, quotes } = special;
  const speakerOf = new Map<number, number>();
  const placeOf = new Map<number, number>();
  const speakerId = (message: ConversationMessage): number => {
    if (message.isPersona || message.isBot) return special.persona;
    const known = speakerOf.get(message.personId);
    if (known !== undefined) return known;
    const speaker = others[Math.min(speakerOf.size, others.length - 1)]!;
    speakerOf.set(message.personId, speaker);
    return speaker;
  };

  return messages.map((message, at) => {
    const previous = messages[at - 1];
    const following = messages[at + 1];
    // a silence inside what the caller calls one conversation is its longest inner gap
    const gap =
      previous === undefined
        ? gapIndex(previousMs, message.timestampMs, message.minutePrecision)
        : innerGap(gapBetween(previous, message));
    const marks: number[] = gap === null ? [] : [special.gaps[gap]!];
    const quotedAt = message.quotedRowId === null ? undefined : placeOf.get(message.quotedRowId);
    if (quotedAt !== undefined && at - quotedAt <= quotes.length) marks.push(quotes[at - quotedAt - 1]!);
    placeOf.set(message.rowId, at);
    return {
      speaker: speakerId(message),
      opensTurn: previous === undefined || !sameAuthor(previous, message),
      closesTurn: following === undefined || !sameAuthor(message, following),
      marks,
    };
  });
}

const innerGap = (gap: number | null): number | null => (gap === null ? null : Math.min(gap, openingGap - 1));

/** What the bot said is a turn of its own, though in the persona's role: the persona did not go on talking there. */
function sameAuthor(a: ConversationMessage, b: ConversationMessage): boolean {
  return a.personId === b.personId && a.isPersona === b.isPersona && a.isBot === b.isBot;
}

/** Consecutive ids of a message's body, and the text that they spell; null: they are a placeholder. */
interface BodyPart {
  ids: number[];
  text: string | null;
}

/** A medium's placeholder, then the text or caption with placeholders for what is redacted. */
function bodyParts(message: ConversationMessage, tokenizer: Tokenizer, redact: RedactSpans | undefined): BodyPart[] {
  const { media, redactions } = chatIds(tokenizer);
  const parts: BodyPart[] = message.media === null ? [] : [{ ids: [media[message.media]], text: null }];
  const putText = (text: string): void => void parts.push({ ids: tokenizer.encode(text), text });
  let from = 0;
  for (const { start, end, token } of hiddenSpans(message, redact)) {
    check(start >= from && end > start && end <= message.text.length, `redacted span ${start}..${end} after ${from}`);
    putText(message.text.slice(from, start));
    parts.push({ ids: [redactions[token]], text: null });
    from = end;
  }
  putText(message.text.slice(from));
  return parts;
}

/**
 * What a placeholder stands for in a message: words that somebody hid by hand, and what `redact` finds. Where the two
 * meet, one `<|secret|>` stands for both.
 */
export function hiddenSpans(
  { text, hidden = [] }: Pick<ConversationMessage, 'text' | 'hidden'>,
  redact: RedactSpans | undefined,
): readonly RedactSpan[] {
  const found = redact?.(text) ?? [];
  if (hidden.length === 0) return found;
  const spans: RedactSpan[] = [];
  const all = [...found, ...hidden.map((span) => ({ ...span, token: 'secret' as const }))];
  for (const span of all.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = spans.at(-1);
    if (last !== undefined && span.start < last.end) {
      spans[spans.length - 1] = { start: last.start, end: Math.max(last.end, span.end), token: 'secret' };
    } else spans.push(span);
  }
  return spans;
}

/** Index of the first message after the last silence. */
function lastConversationStart(messages: readonly ConversationMessage[]): number {
  for (let at = messages.length - 1; at > 0; at--) {
    if (gapBetween(messages[at - 1]!, messages[at]!) === openingGap) return at;
  }
  return 0;
}
