/** About single replies: why one was sent, another one, and what one should have said. */
import { DateTime } from 'luxon';
import type { SentMessage } from '../store/lookups.ts';
import type { CommandContext, CommandParts, Handler } from './command.ts';
import type { BotDeps } from './deps.ts';
import { handBack } from './switches.ts';

type ReplyCommands = Record<'why' | 'again' | 'correct', Handler>;

export function replyCommands(
  { store, settings, now }: BotDeps,
  { recorder, rules, replies, say }: CommandParts,
): ReplyCommands {
  /** The reply that the message quotes; undefined: it quotes none. */
  const quoted = ({ chat, message }: CommandContext): SentMessage | undefined => {
    const sent = message.quotedId === null ? undefined : store.lookups.sent(chat.id, message.quotedId);
    return sent?.kind === 'reply' ? sent : undefined;
  };

  const why: Handler = (context) => {
    const sent = quoted(context);
    if (sent === undefined) return say.phrase('whyHow');
    const reply = sent.replyId === null ? undefined : store.replies.get(sent.replyId);
    const time = DateTime.fromMillis(sent.atMs, { zone: settings.timezone }).toFormat('yyyy-MM-dd HH:mm');
    return say.phrase('why', { time, run: reply?.runId ?? '?' });
  };

  const again: Handler = ({ chat, message }) => {
    handBack(store, chat.id, now()); // the owner wants the bot to speak
    if (rules.silence(chat.id, message) !== undefined) return say.phrase('againNot');
    const sent = store.lookups.lastReply(chat.id);
    if (!replies.again(chat.id, message)) return say.phrase('againNothing');
    if (sent !== undefined) store.feedback.again(sent.outboxId); // so that the next one is another
    return undefined;
  };

  const correct: Handler = (context) => {
    const { chat, message, argument } = context;
    const sent = message.quotedId === null ? store.lookups.lastReply(chat.id) : quoted(context);
    if (sent === undefined) return say.phrase('correctionHow');
    const row = recorder.correct(chat, message, argument.trim(), sent);
    return say.phrase(row === undefined ? 'correctionNot' : 'correctionKept');
  };

  return { why, again, correct };
}
