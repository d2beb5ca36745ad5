/**
 * A burst of messages -> one reply in the persona's voice, or silence: conditions, caps, this chat's context, the best
 * candidate that passes the guard, then the bubbles one after the other. Every condition is checked again before each send.
 * Not covered: answers to media (a later version).
 */
import { dislikedLast } from '../reply/disliked.ts';
import { checkReply } from '../reply/guard.ts';
import type { Spoken } from '../reply/voice.ts';
import type { StoredMessage } from '../store/store.ts';
import type { ConversationMessage, InboundMessage } from '../types.ts';
import { createBursts } from './burst.ts';
import { bubbleAllowed, replyAllowance } from './caps.ts';
import { contextMessages, maxBubbles, quietAfterMs, samplingBudgetMs } from './deps.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import { paceOf } from './pace.ts';
import type { Recorder, StoredRow } from './record.ts';
import { shouldQuote } from './reply-rules.ts';
import type { ReplyRules } from './reply-rules.ts';
import type { Sender } from './send.ts';
import type { Sentences } from './sentences.ts';
import { capsNow, samplingIn } from './switches.ts';
import type { Who } from './who.ts';

export interface Replies {
  /** Somebody wrote something that may be answered. `stored`: its row, where it was kept. */
  offer: (chatId: number, message: InboundMessage, stored: StoredRow | undefined) => void;
  /** `!again`: answer the other side's newest stored message anew, as the answer to the command. False: there is none. */
  again: (chatId: number, asked: InboundMessage) => boolean;
  /** Nothing that waits in this chat is answered any more. */
  cancel: (chatId: number) => void;
  /** One message was taken back. */
  remove: (chatId: number, waId: string) => void;
  /** The owner answered what was written until then. */
  removeUntil: (chatId: number, untilMs: number) => void;
  idle: () => Promise<void>;
}

export interface ReplyParts {
  who: Who;
  rules: ReplyRules;
  recorder: Recorder;
  sender: Sender;
  say: Sentences;
  wait: (ms: number) => Promise<void>;
  isClosed: () => boolean;
}

interface Offered {
  message: InboundMessage;
  stored: StoredRow | undefined;
  /** the message that is answered anew; this one only asks for it */
  again?: string;
}

interface Bubble {
  text: string;
  gap: number | null;
}

interface Candidate {
  bubbles: Bubble[];
  spoken: Spoken;
  /** makes it again, asked for one candidate */
  seed: number;
}

export function createReplies(deps: BotDeps, parts: ReplyParts): Replies {
  const { store, settings, log, now, random, speak } = deps;
  const { who, rules, recorder, sender, say, wait, isClosed } = parts;
  const { typing, quote } = settings.replies;
  const startedMs = now();

  /** Resolves with false when newer messages (or a cancel) overtook the work: the burst is offered again. */
  const answer = async (chatId: number, items: Offered[], isCurrent: () => boolean): Promise<boolean> => {
    const last = newest(items);
    const { message: target } = last;
    const silence = rules.silence(chatId, target) ?? (isCovered(chatId, last) ? 'answered' : undefined);
    if (silence !== undefined) return keepSilent(chatId, silence);
    for (;;) {
      const allowance = replyAllowance(store.outbox, chatId, now(), capsNow(store, settings));
      if (allowance.verdict === 'no') return keepSilent(chatId, `cap per ${allowance.cap}`);
      if (allowance.verdict === 'yes') break;
      await wait(allowance.waitMs);
      if (!isCurrent()) return false;
    }

    const startedAtMs = now();
    const recent = contextOf(store.messages.recent(chatId, contextMessages), last);
    const candidate = await firstPassing(chatId, recent, transient(recent, items), isCurrent);
    if (!isCurrent()) return false;
    if (candidate === undefined) return true;
    const [first] = candidate.bubbles;
    if (first === undefined) return true;
    deps.observe?.composed(Math.max(0, now() - startedAtMs));
    await keepPace(target.chatId, first, Math.max(0, now() - startedAtMs));
    if (!isCurrent()) return false;
    const late = rules.silence(chatId, target);
    if (late !== undefined) return keepSilent(chatId, late);
    await sendBubbles(chatId, target, items, candidate);
    return true;
  };

  const keepSilent = (chatId: number, reason: string): true => {
    log.info({ chat: chatId, reason }, 'no reply');
    return true;
  };

  /**
   * A message that is delivered late, by catch-up or once more after a restart, needs no answer where we wrote since: it
   * may have been part of a burst, which is answered under the id of its last message.
   */
  const isCovered = (chatId: number, { message, stored }: Offered): boolean => {
    // of what is not stored, only what is older than this process can have been answered by another one
    const isAgain = stored === undefined ? message.timestampMs < startedMs : !stored.inserted;
    if (!message.isCatchUp && !isAgain) return false;
    if (store.outbox.sentSince(chatId, message.timestampMs).length > 0) return true;
    return store.messages
      .recent(chatId, contextMessages)
      .some((row) => row.fromMe && row.waId !== message.id && row.timestampMs >= message.timestampMs);
  };

  /** Messages of the burst that are not stored (collection is off): they stand in the prompt and nowhere else. */
  const transient = (recent: readonly StoredMessage[], items: readonly Offered[]): ConversationMessage[] => {
    const known = new Set(recent.map((row) => row.waId));
    const unstored = items.filter(({ message, again }) => again === undefined && !known.has(message.id));
    return unstored.map(({ message }, index) => ({
      rowId: -1 - index,
      personId: message.fromMe ? who.me() : -1,
      isPersona: false,
      isBot: false,
      timestampMs: message.timestampMs,
      minutePrecision: false,
      text: message.text,
      media: message.media,
      quotedRowId: null,
    }));
  };

  /** The best candidate that the guard lets pass. */
  const firstPassing = async (
    chatId: number,
    recent: StoredMessage[],
    unstored: ConversationMessage[],
    isCurrent: () => boolean,
  ): Promise<Candidate | undefined> => {
    const context = [...store.messages.toConversation(recent, who.persona()), ...unstored];
    const chatTexts = context.map((message) => message.text);
    const sampling = samplingIn(store, settings, chatId);
    const spoken = await speak({ context, seed: random.int(2 ** 31), sampling, budgetMs: samplingBudgetMs });
    if (!isCurrent()) return undefined;
    if (spoken === undefined) {
      log.warn({ chat: chatId }, 'no run to answer with');
      return undefined;
    }
    for (const reply of dislikedLast(spoken.candidates, store.feedback.disliked(chatId))) {
      const bubbles = tidy(reply.bubbles);
      if (passes(bubbles, chatId, chatTexts, spoken.personaP99Chars)) return { bubbles, spoken, seed: reply.seed };
    }
    log.info({ chat: chatId, candidates: spoken.candidates.length }, 'no candidate passed the guard');
    return undefined;
  };

  const passes = (bubbles: readonly Bubble[], chatId: number, chatTexts: string[], maxChars: number): boolean => {
    const texts = bubbles.map((bubble) => bubble.text);
    const personaId = who.persona();
    const { redaction } = settings;
    const verdict = checkReply(texts, { chatTexts, chatId, personaId, phrases: store.phrases, maxChars, redaction });
    if (!verdict.ok) deps.observe?.refused(verdict.reason);
    return verdict.ok;
  };

  const sendBubbles = async (
    chatId: number,
    target: InboundMessage,
    items: readonly Offered[],
    { bubbles, spoken, seed }: Candidate,
  ): Promise<void> => {
    const sent: string[] = [];
    let firstOutboxId: number | undefined;
    for (const [index, bubble] of bubbles.entries()) {
      if (index > 0) {
        await keepPace(target.chatId, bubble, 0);
        if (isClosed() || rules.silenceMidway(chatId, target) !== undefined) break;
        if (!bubbleAllowed(store.outbox, chatId, now(), capsNow(store, settings))) break;
      }
      const outcome = await sendOne(chatId, target, items, bubble, index === 0);
      if (outcome.outcome === 'sent' || outcome.outcome === 'unknown') {
        firstOutboxId ??= outcome.outboxId;
        sent.push(bubble.text);
      }
      if (outcome.outcome !== 'sent') break;
    }
    if (firstOutboxId === undefined || !store.chats.get(chatId).collect) return;
    store.replies.add({
      chatId,
      inReplyTo: target.id,
      runId: spoken.runId,
      backend: spoken.backend,
      seed,
      sampling: samplingIn(store, settings, chatId),
      promptRowIds: spoken.promptRowIds.filter((rowId) => rowId > 0),
      promptHash: spoken.promptHash,
      bubbles: sent,
      latencyMs: spoken.latencyMs,
      outboxId: firstOutboxId,
    });
  };

  const sendOne = (
    chatId: number,
    target: InboundMessage,
    items: readonly Offered[],
    { text }: Bubble,
    isFirst: boolean,
  ): ReturnType<Sender['send']> => {
    const chat = store.chats.get(chatId);
    const disclose = isFirst && rules.needsDisclosure(chat);
    const quotedId = isFirst && quotes(chatId, target, items) ? (newest(items).again ?? target.id) : undefined;
    return sender.send({
      chatId,
      to: target.chatId,
      text: disclose ? `${say.disclosure()}\n\n${text}` : text,
      kind: 'reply',
      inReplyTo: isFirst ? target.id : null,
      ...(quotedId === undefined ? {} : { quotedId }),
      onSent: (waId) => {
        if (disclose) store.chats.set(chatId, { disclosedAtMs: now() });
        recorder.recordReply(store.chats.get(chatId), { waId, text, atMs: now(), quotedId: quotedId ?? null });
      },
    });
  };

  const quotes = (chatId: number, target: InboundMessage, items: readonly Offered[]): boolean => {
    if (quote === 'auto' && store.chats.get(chatId).kind === 'group') return true;
    const recent = store.messages.recent(chatId, contextMessages);
    return shouldQuote(quote, target, recent, transient(recent, items).length);
  };

  /** Wait as the persona would, typing at the end of it. */
  const keepPace = async (to: string, { text, gap }: Bubble, elapsedMs: number): Promise<void> => {
    if (typing === 'instant') return;
    const { pauseMs, typingMs } = paceOf(text, gap, elapsedMs, random);
    if (pauseMs > 0) await wait(pauseMs);
    if (typingMs === 0 || isClosed()) return;
    await showTyping(to, true);
    await wait(typingMs);
    await showTyping(to, false);
  };

  /** The indicator is a courtesy: a reply does not fail for it. */
  const showTyping = async (to: string, isTyping: boolean): Promise<void> => {
    try {
      await deps.setTyping(to, isTyping);
    } catch (error) {
      log.debug(describeError(error), 'typing indicator failed');
    }
  };

  const bursts = createBursts<Offered>({
    quietMs: quietAfterMs[typing],
    wait,
    isClosed,
    answer,
    onError: (chatId, error) => log.error({ chat: chatId, ...describeError(error) }, 'a reply failed'),
  });
  return {
    offer: (chatId, message, stored) => {
      // a burst that waits is judged when it is answered
      const isWelcome = bursts.has(chatId) || rules.silenceMidway(chatId, message) === undefined;
      if (isWelcome) bursts.add(chatId, { message, stored });
    },
    again: (chatId, message) => {
      const chat = store.chats.get(chatId);
      const recent = store.messages.recent(chatId, contextMessages);
      const answered = recent.findLast((row) => row.fromMe === (chat.kind === 'self') && row.origin !== 'bot');
      if (answered !== undefined) bursts.add(chatId, { message, stored: undefined, again: answered.waId });
      return answered !== undefined;
    },
    cancel: bursts.cancel,
    remove: (chatId, waId) => bursts.remove(chatId, ({ message }) => message.id === waId),
    removeUntil: (chatId, untilMs) => bursts.remove(chatId, ({ message }) => message.timestampMs <= untilMs),
    idle: bursts.idle,
  };
}

/** The newest message by WhatsApp's time, the last delivered of equals: catch-up may bring older ones after newer. */
function newest(items: readonly Offered[]): Offered {
  return items.reduce((best, item) => (item.message.timestampMs >= best.message.timestampMs ? item : best));
}

/** What the model reads: all there is, or up to the message that is answered anew. */
function contextOf(recent: StoredMessage[], { again }: Offered): StoredMessage[] {
  return again === undefined ? recent : recent.slice(0, recent.findLastIndex(({ waId }) => waId === again) + 1);
}

/** The model's bubbles without empty ones, at most four. */
function tidy(bubbles: readonly Bubble[]): Bubble[] {
  return bubbles
    .map(({ text, gap }) => ({ text: text.trim(), gap }))
    .filter(({ text }) => text !== '')
    .slice(0, maxBubbles);
}
