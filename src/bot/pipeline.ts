/**
 * One delivered event at a time: whose is it, has it been handled, is it a command, may it be kept, may it be answered.
 * A plain message does not hold up the next one of its chat while it is written (record.ts); everything else waits until what
 * was said before is on disk. Strangers, groups where nothing is on, status, broadcasts and newsletters leave no trace, in
 * memory neither. In: events of the WhatsApp client, in order per chat. Out: rows, sends, offers to reply.ts.
 */
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import type { QuizCommands } from './commands-quiz.ts';
import type { Changes } from './changes.ts';
import type { ConsentFlow } from './consent-flow.ts';
import type { BotDeps } from './deps.ts';
import type { Obeying } from './obey.ts';
import { isBareStop, looksLikeCommand } from './parse.ts';
import type { Recorder, StoredRow } from './record.ts';
import type { Replies } from './reply.ts';
import type { Seen } from './seen.ts';
import type { Sender } from './send.ts';
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
  obeying: Obeying;
  quiz: Pick<QuizCommands, 'answer' | 'mayAnswer'>;
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
  /** What needs no waiting, to be used where nothing of that chat is being handled: undefined where `message` has to. */
  atOnce: (message: InboundMessage) => Handled | undefined;
  message: (message: InboundMessage) => Promise<Handled>;
  edit: (chatId: string, messageId: string, text: string, atMs: number) => Promise<Handled>;
  revoke: (chatId: string, messageId: string) => Promise<Handled>;
  reaction: (reaction: ReactionEvent) => Promise<Handled>;
  /** Resolves when everything is written and no slow command is under way. */
  idle: () => Promise<void>;
}

const handled: Handled = { written: Promise.resolve() };

export function createPipeline(deps: BotDeps, parts: PipelineParts): Pipeline {
  const { store, now } = deps;
  const { who, consent, recorder, changes, seen, replies, sender, obeying, quiz } = parts;
  const { acknowledge, askBack, quotesBot } = obeying;

  /** What follows from the last message that was recorded; the ones before it are done by then. */
  let following = handled.written;
  /** Everything that was said before is on disk, and what follows from it has been begun. */
  const upToDate = async (): Promise<void> => {
    recorder.flush();
    await following;
  };

  const isForUs = (incoming: InboundMessage): boolean => {
    const isOurKind = ['direct', 'self', 'group'].includes(incoming.chatKind);
    return isOurKind && incoming.id !== '' && who.isAddress(incoming);
  };
  /** What could not be written before. */
  const retry = (): void => {
    consent.flush();
    changes.flush();
    flushSwitches(store);
    seen.flush();
  };

  const atOnce: Pipeline['atOnce'] = (incoming) => {
    const { id, kind, fromMe, chatKind, chatId, senderId, text: said } = incoming;
    if (!isForUs(incoming)) return handled;
    if (fromMe || kind === 'deleted' || kind === 'edited') return undefined;
    if (seen.has(id)) return handled; // each is delivered twice
    if (looksLikeCommand(said) || isBareStop(said)) return undefined;
    const chat = store.chats.known(chatId);
    const isPlain = chat?.kind === chatKind && (chatKind === 'group' || (chatKind === 'direct' && senderId === chatId));
    if (!isPlain || quiz.mayAnswer(chat)) return undefined;
    retry();
    return seen.add(id) ? keep(incoming, chat, false) : handled;
  };

  const message = async (incoming: InboundMessage): Promise<Handled> => {
    const { id, kind } = incoming;
    if (!isForUs(incoming)) return handled;
    retry();
    const isChange = kind === 'deleted' || kind === 'edited';
    if (!isChange && seen.has(id)) return handled;
    const isCommand = looksLikeCommand(incoming.text);
    const isStop = isBareStop(incoming.text);
    if (isChange || isCommand || isStop) await upToDate();
    let chat = await who.findChat(incoming);
    if (chat === undefined) {
      if (isCommand) await obeying.command(incoming, undefined);
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
    if (!isCommand) {
      const { written } = keep(incoming, chat, isStop);
      if (isStop || quiz.mayAnswer(chat)) await written; // something may be sent: that comes before the next message
      return { written };
    }
    try {
      await obeying.command(incoming, chat);
    } catch (error) {
      seen.forget(id);
      throw error;
    }
    return handled;
  };

  /** A message that is no command. */
  const keep = (incoming: InboundMessage, chat: Chat, isStop: boolean): Handled => {
    const scored = quiz.answer(chat, incoming);
    const work = scored === undefined ? text(incoming, chat, isStop) : acknowledge(chat, incoming, scored);
    const written = work.catch((error: unknown) => {
      seen.forget(incoming.id); // say the disk was full: delivered again, it gets another chance
      throw error;
    });
    if (!isStop && scored === undefined) following = written.catch(() => undefined);
    return { written };
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
    await obeying.idle();
  };
  return { atOnce, message, edit, revoke, reaction, idle };
}
