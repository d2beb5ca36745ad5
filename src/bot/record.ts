/**
 * What WhatsApp delivered -> rows, by way of consent/: text goes in only as `admit` returns it, and comes out again
 * when its author takes it back. Of a group, what consenting members write. Messages that come close together share a
 * transaction (together.ts); what is known of their chats and people is asked inside it, and again whenever this process or
 * another has written anything since. Not covered: text typed on a spare account's own phone (nobody's voice).
 */
import { admit } from '../consent/policy.ts';
import type { ConsentedMessage, Standing } from '../consent/policy.ts';
import type { Chat } from '../store/chats.ts';
import type { SentMessage } from '../store/lookups.ts';
import { correctionMark, type StoredMessage } from '../store/store.ts';
import type { InboundMessage, MessageDraft } from '../types.ts';
import type { ConsentFlow } from './consent-flow.ts';
import { writeTogetherMs } from './deps.ts';
import type { BotDeps } from './deps.ts';
import { looksLikeCommand } from './parse.ts';
import { createTogether } from './together.ts';
import type { Who } from './who.ts';

export interface StoredRow {
  rowId: number;
  /** false: the row was there before */
  inserted: boolean;
}

export interface Recorder {
  /**
   * Keep a message if it may be kept when it is written. Resolves once it is on disk, in the order of the calls; others that
   * come within `writeTogetherMs` are written with it. Rejects where the disk would not take it.
   */
  record: (chat: Chat, message: InboundMessage) => Promise<StoredRow | undefined>;
  /** Write now what `record` was given. */
  flush: () => void;
  /** Keep what the bot said, as context for its next reply. */
  recordReply: (chat: Chat, reply: { waId: string; text: string; atMs: number; quotedId: string | null }) => void;
  /**
   * Keep what a reply should have said, as the persona's own words in its place. The row has the id of the command, so
   * that it goes when the command is taken back, and `corrects:<id of the reply>` as what it quotes: that is its mark.
   */
  correct: (
    chat: Chat,
    command: Pick<InboundMessage, 'id' | 'timestampMs'>,
    text: string,
    reply: SentMessage,
  ) => StoredRow | undefined;
  /**
   * The message says something else now: the row follows, or goes where the new text may not be kept. An edit that is
   * older than the last one changes nothing.
   * @param atMs by the editor's clock; null: unknown, and this is what it says now
   */
  edit: (chat: Chat, waId: string, text: string, atMs: number | null) => void;
  /** @returns whether it was stored */
  erase: (chat: Chat, waId: string) => boolean;
  isStored: (chat: Chat, waId: string) => boolean;
  /**
   * Somebody refused, and it became known late: ids of what was stored though it was written after that, until they
   * agreed anew. In a direct chat with them it is what both sides wrote.
   */
  storedSince: (personId: number, sinceMs: number) => { chat: Chat; waId: string }[];
}

/** What `admit` wants to know beside the draft. */
interface Delivery {
  isForwarded: boolean;
  isEphemeral: boolean;
  isCatchUp: boolean;
}

const byHand: Delivery = { isForwarded: false, isEphemeral: false, isCatchUp: false };

/** What admitting a message asks about chats and people. */
interface Facts {
  chat: (chatId: number) => Chat;
  me: () => number;
  contactOf: (chat: Chat) => number | undefined;
  standing: (personId: number) => Standing;
}

export function createRecorder(
  { store, togetherMs = writeTogetherMs }: BotDeps,
  who: Who,
  consent: ConsentFlow,
): Recorder {
  const now: Facts = {
    chat: (chatId) => store.chats.get(chatId),
    me: () => who.me(),
    contactOf: (chat) => who.contactOf(chat),
    standing: (personId) => consent.standing(personId, 'log'),
  };
  /** The same, each asked once: as long as nothing is written but messages here. */
  const once = (): Facts => {
    const me = now.me();
    return {
      chat: remembered(now.chat, (chatId) => chatId),
      me: () => me,
      contactOf: remembered(now.contactOf, ({ id }) => id),
      standing: remembered(now.standing, (personId) => personId),
    };
  };

  /**
   * WhatsApp dates messages by whole seconds. A live message of the very second in which consent was given came after
   * it (an earlier one was handled earlier, and is not handled twice); of a message that catch-up found, nobody knows.
   */
  const sinceSecond = (sinceMs: number | null, isCatchUp: boolean): number | null => {
    if (sinceMs === null) return null;
    return isCatchUp ? sinceMs + 999 : Math.floor(sinceMs / 1000) * 1000;
  };

  const admitted = (
    chat: Chat,
    draft: MessageDraft,
    delivery: Delivery,
    facts: Facts = now,
  ): ConsentedMessage | undefined => {
    if (draft.origin !== 'bot' && looksLikeCommand(draft.text)) return undefined;
    const me = facts.me();
    const contact = facts.contactOf(chat);
    const side = (personId: number) => {
      const { state, sinceMs } = facts.standing(personId);
      return { state, sinceMs: sinceSecond(sinceMs, delivery.isCatchUp) };
    };
    const sides = chat.kind === 'group' ? [] : [me, contact];
    const others = sides.filter((id) => id !== undefined && id !== draft.personId);
    return admit(draft, {
      chatKind: chat.kind,
      collecting: chat.collect,
      collectSinceMs: delivery.isCatchUp ? chat.collectSinceMs : sinceSecond(chat.collectSinceMs, false),
      author: side(draft.personId),
      others: others.map((id) => side(id ?? me)),
      isForwarded: delivery.isForwarded,
      isEphemeral: delivery.isEphemeral,
      isImport: false,
      attested: false,
    });
  };

  const authorOf = (chat: Chat, message: InboundMessage, facts: Facts): number | undefined => {
    if (!message.fromMe) return chat.kind === 'group' ? who.memberOf(message) : facts.contactOf(chat);
    return who.isSpareAccount() ? undefined : facts.me();
  };

  const put = (chatId: number, message: InboundMessage, facts: Facts): StoredRow | undefined => {
    const chat = facts.chat(chatId);
    const personId = authorOf(chat, message, facts);
    if (personId === undefined) return undefined;
    const draft: MessageDraft = {
      waId: message.id,
      chatId: chat.id,
      personId,
      fromMe: message.fromMe,
      origin: 'live',
      timestampMs: message.timestampMs,
      minutePrecision: false,
      kind: message.kind,
      text: message.text,
      media: message.media,
      quotedWaId: message.quotedId,
    };
    const consented = admitted(chat, draft, message, facts);
    return consented && store.messages.add(consented);
  };

  /** What the last group went by, and the state of the store after it. */
  let kept: { facts: Facts; version: string } | undefined;
  const writing = createTogether<{ chatId: number; message: InboundMessage }, StoredRow | undefined>({
    windowMs: togetherMs,
    write: (items) =>
      store.transaction(() => {
        if (kept?.version !== store.version() || !consent.isWritten()) kept = { facts: once(), version: '' };
        const { facts } = kept;
        kept = undefined; // what fails halfway leaves nothing to go by
        const rows = items.map(({ chatId, message }) => put(chatId, message, facts));
        kept = { facts, version: store.version() };
        return rows;
      }),
  });
  /** Whose messages are not collected is not waited for, but comes after what is. */
  let last: Promise<unknown> = Promise.resolve();
  const record: Recorder['record'] = (chat, message) => {
    if (!chat.collect) return last.then(() => undefined);
    const written = writing.add({ chatId: chat.id, message });
    last = written.catch(() => undefined);
    return written;
  };

  const recordReply: Recorder['recordReply'] = (chat, { waId, text, atMs, quotedId }) => {
    const newest = store.messages.lastTimestamp(chat.id) ?? atMs;
    const draft: MessageDraft = {
      waId,
      chatId: chat.id,
      personId: who.me(),
      fromMe: true,
      origin: 'bot',
      timestampMs: Math.max(atMs, newest), // the phone's clock may be ahead of ours; a reply follows what it answers
      minutePrecision: false,
      kind: 'text',
      text,
      media: null,
      quotedWaId: quotedId,
    };
    const consented = admitted(chat, draft, byHand);
    if (consented !== undefined) store.messages.add(consented);
  };

  const correct: Recorder['correct'] = (chat, { id, timestampMs }, text, reply) => {
    const draft: MessageDraft = {
      waId: id,
      chatId: chat.id,
      personId: who.persona(),
      fromMe: true,
      origin: 'live',
      timestampMs: store.messages.find(chat.id, reply.waId)?.timestampMs ?? timestampMs,
      minutePrecision: false,
      kind: 'text',
      text,
      media: null,
      quotedWaId: `${correctionMark}${reply.waId}`,
    };
    const consented = admitted(chat, draft, byHand);
    return consented && store.messages.add(consented);
  };

  const edit: Recorder['edit'] = (chat, waId, text, editedAtMs) => {
    const row = store.messages.find(chat.id, waId);
    if (row === undefined) return;
    const lastMs = row.editedAtMs ?? row.timestampMs;
    const atMs = editedAtMs ?? lastMs;
    if (row.editedAtMs !== null && atMs < lastMs) return;
    const edited = admitted(chat, { ...draftOf(row), text, timestampMs: Math.max(atMs, row.timestampMs) }, byHand);
    if (edited === undefined) store.messages.erase(chat.id, waId);
    else store.messages.edit(chat.id, waId, edited.text, atMs);
  };

  const storedSince: Recorder['storedSince'] = (personId, sinceMs) => {
    const agreed = store.consent
      .history(personId)
      .filter(({ scope, action }) => scope === 'log' && action === 'granted');
    const untilMs = Math.min(
      ...agreed.map(({ atMs }) => atMs).filter((atMs) => atMs > sinceMs),
      Number.POSITIVE_INFINITY,
    );
    const late = store.chats.list().filter(({ id }) => (store.messages.lastTimestamp(id) ?? 0) >= sinceMs);
    return late.flatMap((chat) => {
      const isWithThem = who.contactOf(chat) === personId;
      const rows = isWithThem ? store.messages.recent(chat.id, 10_000) : store.lookups.messagesOf(personId, chat.id);
      return rows
        .filter(({ origin, timestampMs: atMs }) => origin !== 'import' && atMs > sinceMs && atMs < untilMs)
        .map(({ waId }) => ({ chat, waId }));
    });
  };

  return {
    record,
    flush: writing.flush,
    recordReply,
    correct,
    edit,
    erase: (chat, waId) => store.messages.erase(chat.id, waId),
    isStored: (chat, waId) => store.messages.find(chat.id, waId) !== undefined,
    storedSince,
  };
}

function draftOf({ rowId: _rowId, editedAtMs: _editedAtMs, ...draft }: StoredMessage): MessageDraft {
  return draft;
}

/** Each answer is kept: ask what cannot change meanwhile. */
function remembered<Question, Answer>(
  ask: (question: Question) => Answer,
  keyOf: (question: Question) => number,
): (question: Question) => Answer {
  const answers = new Map<number, Answer>();
  return (question) => {
    const key = keyOf(question);
    if (answers.has(key)) return answers.get(key) as Answer;
    const answer = ask(question);
    answers.set(key, answer);
    return answer;
  };
}
