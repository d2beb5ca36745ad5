/**
 * `!quiz` in the owner's own chat: a question (nightly/quiz.ts, in a process of its own), and the owner's next message there, a
 * bare 1 or 2, as its answer. That message is taken here before anything is stored: it is nobody's voice and no prompt's.
 * A question shows what was said in other chats, so it is asked in the self-chat and with OWNER_NUMBERS only, never where the
 * owner types the command into a chat with somebody else. What is open is on disk, without text, so a restart loses nothing.
 */
import { UserError } from '../util/errors.ts';
import { wilson } from '../util/intervals.ts';
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import { isPlain } from './authority.ts';
import type { Handler } from './command.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import type { OpenQuestion } from './host.ts';
import type { Sentences } from './sentences.ts';

export interface QuizCommands {
  quiz: Handler;
  /** What to say to the answer of an open question; undefined: this message is none. Never for another's message. */
  answer: (chat: Chat, message: InboundMessage) => string | undefined;
  /** May a question be open in this chat? */
  mayAnswer: (chat: Chat) => boolean;
}

/** A bare "1" later than this is a message like any other. */
const answerWithinMs = 60 * 60_000;
/** Longer pieces are cut: a question has to fit a screen. */
const shownChars = 400;

interface Open {
  run: string;
  messageId: number;
  real: 1 | 2;
  atMs: number;
}

export function quizCommands(
  { store, settings, now, log, quiz: host }: Pick<BotDeps, 'store' | 'settings' | 'now' | 'log' | 'quiz'>,
  { say }: { say: Sentences },
): QuizCommands {
  const keyOf = (chat: Chat): string => `bot.quiz.${chat.id}`;
  /** In the self-chat the owner is who types on the phone, with an OWNER_NUMBER the contact is. */
  const isOwnChat = (chat: Chat, { fromMe }: InboundMessage): boolean =>
    chat.kind === 'self' ? fromMe : chat.kind === 'direct' && !fromMe;

  /** Chats in which a question may be open: every message of theirs is looked at, and no other's. */
  const asked = new Set(
    store.chats
      .list()
      .filter((chat) => store.settings.get(keyOf(chat)) !== undefined)
      .map(({ id }) => id),
  );

  const quiz: Handler = async ({ chat, message }) => {
    if (!isOwnChat(chat, message)) return say.phrase('quizWhere');
    try {
      const question = await host.ask();
      const open: Open = {
        run: question.run,
        messageId: question.messageId,
        real: question.real,
        atMs: now(),
      };
      store.settings.set(keyOf(chat), JSON.stringify(open));
      asked.add(chat.id);
      return shown(question, settings.personaName, say.phrase('quizQuestion'));
    } catch (error) {
      if (error instanceof UserError) return say.phrase('refused', { reason: error.message });
      throw error;
    }
  };

  const answer: QuizCommands['answer'] = (chat, message) => {
    const kept = asked.has(chat.id) && isOwnChat(chat, message) ? store.settings.get(keyOf(chat)) : undefined;
    if (kept === undefined || message.kind === 'system' || message.kind === 'call') return undefined;
    const open = JSON.parse(kept) as Open;
    store.settings.delete(keyOf(chat)); // the next message answers, or nothing does
    asked.delete(chat.id);
    const said = isPlain(message) ? message.text.trim() : '';
    if ((said !== '1' && said !== '2') || message.timestampMs - open.atMs > answerWithinMs) return undefined;
    const isRight = Number(said) === open.real;
    store.quiz.add({ run: open.run, messageId: open.messageId, isRight });
    const { answers, fooled } = store.quiz.tally(open.run);
    const { low, high } = wilson(fooled, answers);
    const percent = (share: number): number => Math.round(share * 100);
    void host
      .answered()
      .catch((error: unknown) => log.warn(describeError(error), 'the report card could not be updated'));
    return [
      say.phrase(isRight ? 'quizRight' : 'quizWrong', { n: open.real }),
      say.phrase('quizScore', { fooled, answers, low: percent(low), high: percent(high) }),
    ].join('\n');
  };

  return { quiz, answer, mayAnswer: ({ id }) => asked.has(id) };
}

function shown({ context, options }: OpenQuestion, personaName: string, question: string): string {
  const cut = (text: string): string => {
    const characters = Array.from(text);
    return characters.length <= shownChars ? text : `${characters.slice(0, shownChars).join('')}…`;
  };
  const names = { persona: personaName, bot: 'bot', other: '–' } as const;
  const option = (place: number, bubbles: readonly string[]): string[] => ['', `${place})`, ...bubbles.map(cut)];
  return [
    ...context.map(({ who, text }) => `${names[who]}: ${cut(text)}`),
    ...option(1, options[0]),
    ...option(2, options[1]),
    '',
    question,
  ].join('\n');
}
