/**
 * One delivered event at a time: whose is it, has it been handled, is it a command, may it be kept, may it be answered.
 * A plain message does not hold up the next one of its chat while it is written (record.ts); everything else waits until what
 * was said before is on disk. Strangers, groups where nothing is on, status, broadcasts and newsletters leave no trace, in memory neither.
 * In: events of the WhatsApp client, in order per chat. Out: rows, sends, offers to reply.ts.
 */
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import { decide, isFresh } from './authority.ts';
import type { Verdict } from './authority.ts';
import { helpLine } from './commands.ts';
import type { QuizCommands } from './commands-quiz.ts';
import type { Changes } from './changes.ts';
import type { Answer, Command } from './command.ts';
import type { ConsentFlow } from './consent-flow.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import { createLanes } from './lanes.ts';
import { findCommand, isBareStop, looksLikeCommand } from './parse.ts';
import type { Recorder, StoredRow } from './record.ts';
import type { Replies } from './reply.ts';
import type { Seen } from './seen.ts';
import type { Sender } from './send.ts';
import type { Sentences } from './sentences.ts';
import { flushSwitches, isBotOn, takeOver } from './switches.ts';
import type { Who } from './who.ts';

export interface PipelineParts {
  who: Who;
  consent: ConsentFlow;
  recorder: Recorder;
  changes: Changes;
  seen: Seen;
  replies: Replies;
  sender: Sender;
  say: Sentences;
  commands: readonly Command[];
  quiz: Pick<QuizCommands, 'answer'>;
}

export interface ReactionEvent {
  chatId: string;
  messageId: string;
  senderId: string;
  emoji: string;
  atMs: number;
}

/** An object, since a promise of a promise would be waited for with it. */
export interface Handled {
  /** Resolves when what is kept of the event is on disk, and what follows from it has been begun. */
  written: Promise<void>;
}

/** Each resolves when the next event of that chat may be handled. */
export interface Pipeline {
  message: (message: InboundMessage) => Promise<Handled>;
  edit: (chatId: string, messageId: string, text: string, atMs: number) => Promise<Handled>;
  revoke: (chatId: string, messageId: string) => Promise<Handled>;
  reaction: (reaction: ReactionEvent) => Promise<Handled>;
  /** Resolves when everything is written and no slow command is under way. */
  idle: () => Promise<void>;
}

const handled: Handled = { written: Promise.resolve() };

/** Acknowledgements that others can cause per chat and minute; their commands are obeyed beyond it, without a word. */
const acksPerMinute = 6;

export function createPipeline(deps: BotDeps, parts: PipelineParts): Pipeline {
  const { store, log, now } = deps;
  const { who, consent, recorder, changes, seen, replies, sender, say, commands, quiz } = parts;
  const acks = new Map<number, number[]>();
  /** Slow commands, one after the other, beside the lanes of the chats: a refusal must not wait for them. */
  const slow = createLanes<'slow'>();

  /** What follows from the last message that was recorded; the ones before it are done by then. */
  let following = handled.written;
  /** Everything that was said before is on disk, and what follows from it has been begun. */
  const upToDate = async (): Promise<void> => {
    recorder.flush();
    await following;
  };

  const message = async (incoming: InboundMessage): Promise<Handled> => {
    const { id, kind, chatKind } = incoming;
    if (chatKind !== 'direct' && chatKind !== 'self' && chatKind !== 'group') return handled;
    if (id === '' || !who.isAddress(incoming)) return handled;
    consent.flush();
    changes.flush();
    flushSwitches(store);
    seen.flush();
    const isChange = kind === 'deleted' || kind === 'edited';
    if (!isChange && seen.has(id)) return handled; // each is delivered twice
    const isCommand = looksLikeCommand(incoming.text);
    const isStop = isBareStop(incoming.text);
    if (isChange || isCommand || isStop) await upToDate();
    let chat = await who.findChat(incoming);
    if (chat === undefined) {
      if (isCommand) await command(incoming, undefined);
      return handled;
    }
    if (kind === 'deleted') {
      takeBack(chat, id);
      return handled;
    }
    if (kind === 'edited' && recorder.isStored(chat, id)) {
      changes.edit(chat, id, incoming.text, null); // while nobody listened
      return handled;
    }
    if (!(await isGenuine(chat, incoming)) || !seen.add(id)) return handled;
    if (incoming.fromMe) chat = store.chats.get(chat.id); // that may have taken a while
    // say the disk was full: delivered again, it gets another chance
    const another = (error: unknown): never => {
      seen.forget(id);
      throw error;
    };
    if (isCommand) {
      await command(incoming, chat).catch(another);
      return handled;
    }
    const scored = quiz.answer(chat, incoming);
    const work = (scored === undefined ? text(incoming, chat, isStop) : acknowledge(chat, incoming, scored)).catch(
      another,
    );
    if (isStop || scored !== undefined)
      await work; // something may be sent: that comes before the next message
    else following = work.catch(() => undefined);
    return { written: work };
  };

  /** From the people of this chat, and not our own echo. */
  const isGenuine = async (chat: Chat, incoming: InboundMessage): Promise<boolean> => {
    if (incoming.fromMe) return !(await sender.isOurs(chat.id, incoming));
    return chat.kind === 'group' || (chat.kind === 'direct' && (await who.isFromContact(incoming)));
  };

  const text = async (incoming: InboundMessage, chat: Chat, isStop: boolean): Promise<void> => {
    const writing = recorder.record(chat, incoming);
    if (isStop || (incoming.fromMe && !incoming.isCatchUp)) recorder.flush(); // it may have to end a reply
    const stored = await writing;
    if (chat.kind === 'group') return inGroup(incoming, chat, stored);
    if (isStop && !incoming.fromMe && (await askBack(chat, incoming))) return;
    const isPartner = incoming.fromMe === (chat.kind === 'self');
    if (!isPartner) return inPerson(incoming, chat);
    const isText = incoming.kind === 'text' && incoming.media === null;
    // what may not be kept here is not answered; where collection is off, an answer keeps nothing anyway
    const isUsable = stored !== undefined || !(chat.collect || incoming.isForwarded || incoming.isEphemeral);
    if (isText && isUsable) replies.offer(chat.id, incoming, stored);
  };

  /** Of a group's messages only those that are stored, and quote the bot or name it with @, are answered. */
  const inGroup = (incoming: InboundMessage, chat: Chat, stored: StoredRow | undefined): void => {
    if (incoming.fromMe) return inPerson(incoming, chat);
    const isForBot = incoming.mentionsMe === true || quotesBot(incoming, chat);
    if (stored !== undefined && isForBot) replies.offer(chat.id, incoming, stored);
  };

  /** The owner answers: nothing that waits is answered by the bot, and nothing new for a while. */
  const inPerson = ({ kind, timestampMs, isCatchUp }: InboundMessage, chat: Chat): void => {
    if (isCatchUp) replies.removeUntil(chat.id, timestampMs);
    else replies.cancel(chat.id);
    if (kind === 'system' || kind === 'call') return;
    const untilMs = Math.min(timestampMs, now()) + deps.settings.replies.takeoverMinutes * 60_000;
    if (isBotOn(store, chat.id) && untilMs > now()) takeOver(store, chat.id, timestampMs, untilMs);
  };

  /** Does it quote a message that the bot sent here? */
  const quotesBot = ({ quotedId }: InboundMessage, chat: Chat | undefined): boolean =>
    chat !== undefined && quotedId !== null && store.lookups.sent(chat.id, quotedId) !== undefined;

  /** "stop" that is no command, from somebody whose messages are stored: once, the bot says how to mean it. */
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

  const knownChat = (chatId: string): Promise<Chat | undefined> =>
    who.findChat({ chatId, chatKind: chatId.endsWith('@g.us') ? 'group' : 'direct' });

  const edit: Pipeline['edit'] = async (chatId, messageId, newText, atMs) => {
    await upToDate();
    const chat = await knownChat(chatId);
    if (chat !== undefined) changes.edit(chat, messageId, newText, atMs);
    return handled;
  };

  const revoke: Pipeline['revoke'] = async (chatId, messageId) => {
    await upToDate();
    const chat = await knownChat(chatId);
    if (chat !== undefined) takeBack(chat, messageId);
    return handled;
  };

  const takeBack = (chat: Chat, messageId: string): void => {
    replies.remove(chat.id, messageId);
    changes.takeBack(chat, messageId);
  };

  const reaction: Pipeline['reaction'] = async ({ chatId, messageId, senderId, emoji, atMs }) => {
    await upToDate();
    const chat = await knownChat(chatId);
    if (chat === undefined || !chat.collect) return handled;
    const person = store.people.find(senderId);
    const members = chat.kind === 'group' ? [person, who.me()] : [who.contactOf(chat), who.me()];
    if (person === undefined || !members.includes(person)) return handled;
    const agreed = members.every((id) => id !== undefined && consent.standing(id, 'log').state === 'granted');
    if (agreed) store.reactions.set(chat.id, messageId, person, emoji, atMs);
    return handled;
  };

  const idle = async (): Promise<void> => {
    await upToDate();
    await slow.idle();
  };
  return { message, edit, revoke, reaction, idle };
}
