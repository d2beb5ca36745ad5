/**
 * What the owner wrote on the playground to teach the persona: a line in somebody else's part, and what the persona should
 * have answered. Both are the owner's own words, kept as `!no` keeps a correction, in a chat of its own that WhatsApp knows
 * nothing of. Nothing that a model wrote is kept, and nothing without the consent that the ledger has already.
 */
import { randomUUID } from 'node:crypto';
import { admit, type ConsentedMessage } from '../consent/policy.ts';
import { personaAlias } from '../store/import.ts';
import { correctionMark, playedMark, type Store } from '../store/store.ts';
import { playgroundKey, type MessageDraft } from '../types.ts';
import { UserError } from '../util/errors.ts';

export interface Lesson {
  /** what was said to the persona, a line a message */
  said: readonly string[];
  /** what it should have answered */
  better: readonly string[];
}

export interface LessonOptions {
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  reviewRequired: boolean;
  /** unix ms */
  nowMs: number;
}

/** Between two lines, and before the answer: nobody waited, so a usual time. */
const stepMs = 10_000;

/**
 * @returns ids by which it is taken back
 * @throws UserError where the owner, or the person whose voice is learned, did not agree
 */
export function keepLesson(store: Store, { said, better }: Lesson, options: LessonOptions): string[] {
  const { speaker, reviewRequired, nowMs } = options;
  const owner = store.people.resolve(['me']);
  const persona = store.people.resolve([personaAlias(speaker)]);
  const chatId = store.chats.resolve(playgroundKey, 'self');
  for (const person of [owner, persona]) store.chats.addMember(chatId, person);

  let atMs = Math.max(nowMs, (store.messages.lastTimestamp(chatId) ?? 0) + stepMs);
  const line = (personId: number, text: string, quotedWaId: string): ConsentedMessage => {
    const draft: MessageDraft = {
      waId: `${playgroundKey}:${randomUUID()}`,
      chatId,
      personId,
      fromMe: true,
      origin: 'live',
      timestampMs: atMs,
      minutePrecision: false,
      kind: 'text',
      text,
      media: null,
      quotedWaId,
    };
    atMs += stepMs;
    return admitted(store, draft);
  };
  const lines = [
    ...said.map((text) => line(owner, text, playedMark)),
    ...better.map((text) => line(persona, text, `${correctionMark}${playgroundKey}`)),
  ];
  const ids = store.transaction(() => lines.map((message) => store.messages.add(message).rowId));
  if (reviewRequired) store.review.decide({ ids }, 'approved'); // who writes it has read it
  return lines.map(({ waId }) => waId);
}

/** @returns whether it was still there */
export function takeLessonBack(store: Store, waIds: readonly string[]): boolean {
  const chatId = store.chats.find(playgroundKey);
  return chatId !== undefined && waIds.map((waId) => store.messages.erase(chatId, waId)).includes(true);
}

/** By the rules of an import: the owner brings words by hand, and whose they are must have agreed. */
function admitted(store: Store, draft: MessageDraft): ConsentedMessage {
  const author = store.consent.state(draft.personId, 'log');
  const consented = admit(draft, {
    chatKind: 'self',
    collecting: false,
    collectSinceMs: null,
    author,
    others: [],
    isForwarded: false,
    isEphemeral: false,
    isImport: true,
    attested: false,
  });
  if (consented !== undefined) return consented;
  throw new UserError(
    'Nothing was kept: whose words these would be has not agreed that they are stored.',
    'You agree with `persona init`; somebody else agrees in a chat, with `!consent yes`.',
  );
}
