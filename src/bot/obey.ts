/**
 * A message that looks like a command -> what its author may, what is done, and what is said back in the chat. Slow commands
 * run beside the others: a refusal must not wait for them. Not covered: which commands there are (commands.ts).
 */
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import { decide, isFresh } from './authority.ts';
import type { Verdict } from './authority.ts';
import type { Answer, Command } from './command.ts';
import { helpLine } from './commands.ts';
import type { ConsentFlow } from './consent-flow.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import { createLanes } from './lanes.ts';
import { findCommand, isBareStop } from './parse.ts';
import type { Replies } from './reply.ts';
import type { Seen } from './seen.ts';
import type { Sender } from './send.ts';
import type { Sentences } from './sentences.ts';
import type { Who } from './who.ts';

export interface ObeyingParts {
  who: Who;
  consent: ConsentFlow;
  seen: Seen;
  replies: Pick<Replies, 'cancel'>;
  sender: Sender;
  say: Sentences;
  commands: readonly Command[];
}

export interface Obeying {
  /** @param known the chat; undefined: it is in no store */
  command: (incoming: InboundMessage, known: Chat | undefined) => Promise<void>;
  /** "stop" that is no command, from somebody whose messages are stored: once, the bot says how to mean it. */
  askBack: (chat: Chat, incoming: InboundMessage) => Promise<boolean>;
  acknowledge: (chat: Chat, incoming: InboundMessage, answer: NonNullable<Answer>) => Promise<void>;
  /** Does it quote a message that the bot sent here? */
  quotesBot: (incoming: InboundMessage, chat: Chat | undefined) => boolean;
  /** Resolves when no slow command is under way. */
  idle: () => Promise<void>;
}

/** Acknowledgements that others can cause per chat and minute; their commands are obeyed beyond it, without a word. */
const acksPerMinute = 6;

export function createObeying({ store, log, now }: BotDeps, parts: ObeyingParts): Obeying {
  const { who, consent, seen, replies, sender, say, commands } = parts;
  const acks = new Map<number, number[]>();
  const slow = createLanes<'slow'>();

  const quotesBot = ({ quotedId }: InboundMessage, chat: Chat | undefined): boolean =>
    chat !== undefined && quotedId !== null && store.lookups.sent(chat.id, quotedId) !== undefined;

  const askBack = async (chat: Chat, incoming: InboundMessage): Promise<boolean> => {
    const contact = who.contactOf(chat);
    if (contact === undefined || !consent.mayConfirmStop(chat, contact, incoming.timestampMs)) return false;
    replies.cancel(chat.id);
    await acknowledge(chat, incoming, say.phrase('confirmStop'));
    return true;
  };

  const command = async (incoming: InboundMessage, known: Chat | undefined): Promise<void> => {
    const found = findCommand(incoming.text, commands);
    const isOwner = found !== undefined && (await isByOwner(incoming));
    const verdict = found === undefined ? 'ignore' : await judge(found.form, incoming, known, isOwner);
    if (found === undefined || verdict === 'ignore') {
      // a refusal in a form that is not obeyed (quoting, forwarded, a caption, full-width letters) is not passed over
      const isMeantAsStop = !incoming.fromMe && !incoming.isCatchUp && isBareStop(incoming.text);
      if (known !== undefined && isMeantAsStop) await askBack(known, incoming);
      return;
    }
    const { form, argument } = found;
    // a refusal changes nothing the second time, and must not depend on a write
    if (!form.always && !seen.addCommand(incoming.id, form.atOnce !== undefined)) return;
    if (verdict === 'obey') form.atOnce?.(known);
    const chat = await who.openChat(incoming);
    log.info({ chat: chat.id, command: form.name, by: isOwner ? 'owner' : 'contact', verdict }, 'command');
    const work = async (): Promise<void> => {
      const answer = await obey(incoming, chat, form, argument, isOwner, verdict);
      if (answer !== undefined && (isOwner || mayAcknowledge(chat.id))) await acknowledge(chat, incoming, answer);
    };
    if (form.isSlow !== true) return work();
    slow.run('slow', work).catch((error: unknown) => {
      log.error({ event: 'command', ...describeError(error) }, 'an event could not be handled');
    });
  };

  const obey = async (
    incoming: InboundMessage,
    chat: Chat,
    form: Command,
    argument: string | undefined,
    isOwner: boolean,
    verdict: Verdict,
  ): Promise<Answer> => {
    if (verdict === 'elsewhere') return say.phrase('notHere');
    if (argument === undefined) return helpLine(say, form);
    return form.run({ chat, message: incoming, isOwner, author: await authorOf(incoming, chat), argument });
  };

  /** Undefined: typed on the account's own phone. */
  const authorOf = async (incoming: InboundMessage, chat: Chat): Promise<number | undefined> => {
    if (incoming.fromMe) return undefined;
    return chat.kind === 'group' ? who.openMember(incoming) : who.contactOf(chat);
  };

  const isByOwner = async (incoming: InboundMessage): Promise<boolean> => {
    if (incoming.fromMe) return true;
    if (incoming.chatKind !== 'direct' || !isFresh(incoming, now())) return false;
    return (await who.isFromContact(incoming)) && (await who.isOwnerNumber(incoming.chatId));
  };

  const judge = async (
    rule: Command,
    incoming: InboundMessage,
    chat: Chat | undefined,
    isOwner: boolean,
  ): Promise<Verdict> => {
    const isGroup = incoming.chatKind === 'group';
    if (isGroup && !incoming.fromMe && chat === undefined) return 'ignore'; // it may be meant for another bot
    if (!incoming.fromMe && !isGroup && (incoming.chatKind === 'self' || !(await who.isFromContact(incoming)))) {
      return 'ignore';
    }
    const author = isGroup ? who.memberOf(incoming) : store.people.find(incoming.chatId);
    const hasRows = incoming.fromMe ? chat !== undefined : author !== undefined && store.consent.hasRows(author);
    const isSwitchedOn = chat !== undefined && (chat.collect || chat.bot);
    const facts = { isOwner, isSwitchedOn, hasRows, quotesBot: quotesBot(incoming, chat) };
    return decide(rule, incoming, facts, now());
  };

  const mayAcknowledge = (chatId: number): boolean => {
    const recent = (acks.get(chatId) ?? []).filter((atMs) => Math.abs(now() - atMs) < 60_000);
    if (recent.length >= acksPerMinute) return false;
    acks.set(chatId, [...recent, now()]);
    return true;
  };

  const acknowledge = async (
    chat: Chat,
    { id, chatId }: InboundMessage,
    answer: NonNullable<Answer>,
  ): Promise<void> => {
    const said = typeof answer === 'string' ? { text: answer } : answer;
    await sender.send({ chatId: chat.id, to: chatId, ...said, kind: 'ack', inReplyTo: id });
  };

  return { command, askBack, acknowledge, quotesBot, idle: slow.idle };
}
