/**
 * The commands of this version, as data: what is typed, who may, where, and what happens. `!help` is built from the
 * table. A handler changes the store and returns what is said back in the chat; undefined: nothing.
 * Not covered: whether the message may be obeyed at all (authority.ts).
 */
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import type { Rule } from './authority.ts';
import type { ConsentFlow } from './consent-flow.ts';
import { minPersonaMessages } from './deps.ts';
import type { BotDeps } from './deps.ts';
import type { Sentences } from './sentences.ts';
import { botOff, botOffEverywhere, botOn, isBotOn } from './switches.ts';
import type { Who } from './who.ts';

export interface CommandContext {
  chat: Chat;
  message: InboundMessage;
  /** see authority.ts */
  isOwner: boolean;
  /** the contact, where the contact wrote this; undefined where it was typed on the account's own phone */
  author: number | undefined;
}

export interface Command extends Rule {
  /** canonical form (parse.ts) */
  name: string;
  /** what `!help` says of it */
  help: string;
  run: (context: CommandContext) => string | undefined | Promise<string | undefined>;
}

export interface CommandParts {
  who: Who;
  consent: ConsentFlow;
  say: Sentences;
  /** Stop what is under way or waiting in this chat. */
  cancelReplies: (chatId: number) => void;
  /** Is this the place for the persona's voice? (reply-rules.ts) */
  maySpeakHere: (chat: Chat) => boolean;
}

export function commandTable(
  deps: BotDeps,
  { who, consent, say, cancelReplies, maySpeakHere }: CommandParts,
): Command[] {
  const { store, settings, hasRun, now } = deps;
  const anyone = { who: 'anyone', where: ['direct', 'self'], always: false } as const;
  const refusal = { who: 'anyone', where: ['direct', 'self'], always: true } as const;
  const owner = { who: 'owner', where: ['direct'], always: false } as const;
  const ownerAnywhere = { who: 'owner', where: ['direct', 'self'], always: false } as const;

  const personaMessages = (): number => store.messages.countBy(who.persona());
  const hasVoice = (): boolean => hasRun() && personaMessages() >= minPersonaMessages;
  const noVoice = (): string => say.phrase('noVoice', { n: personaMessages() });

  /** On the owner's phone a refusal means this chat: the owner's consent for the own voice belongs to `persona init`. */
  const stopHere = ({ chat, message }: CommandContext): string | undefined => {
    const isStale = message.isCatchUp && (chat.collectSinceMs === null || message.timestampMs < chat.collectSinceMs);
    if (isStale || !(chat.collect || chat.bot)) return undefined;
    store.chats.set(chat.id, { collect: false, bot: false });
    cancelReplies(chat.id);
    return `${say.phrase('collectOff')} ${say.phrase('botOff')}`;
  };

  const yes = ({ chat, message, author }: CommandContext): Promise<string | undefined> | string | undefined => {
    if (author === undefined || !chat.collect) return undefined;
    const change = consent.yes(chat, author, message.timestampMs);
    if (change !== undefined) return say.phrase(change);
    // nobody agrees to what they were not shown
    if (consent.standing(author, 'log').state !== 'unknown') return undefined;
    return consent.ask(chat, message.chatId, author).then(() => undefined);
  };

  const refuse = (context: CommandContext, how: 'no' | 'stop'): string | undefined => {
    const { chat, message, author } = context;
    if (author === undefined) return stopHere(context);
    cancelReplies(chat.id);
    const change = consent[how](chat, author, message.timestampMs);
    return change && say.phrase(change);
  };

  const grantOwnNumber = async (chat: Chat, author: number | undefined): Promise<void> => {
    const contact = who.contactOf(chat);
    if (contact === undefined || !(await who.isOwnerNumber(chat.key))) return;
    consent.grantOwnNumber(chat, contact, author === contact);
  };

  const collectOn = async ({ chat, message, author }: CommandContext): Promise<string | undefined> => {
    const contact = who.contactOf(chat);
    if (contact === undefined) return say.phrase('notHere');
    if (settings.speaker !== 'me' && contact !== who.persona()) return say.phrase('notTheirChat');
    store.chats.set(chat.id, { collect: true });
    await grantOwnNumber(chat, author);
    const { state } = consent.standing(contact, 'log');
    if (state === 'granted') return say.phrase('collectOn');
    const asked = await consent.ask(chat, message.chatId, contact);
    return asked === 'asked before'
      ? `${say.phrase('collectOn')} ${say.phrase('alreadyAsked')}`
      : say.phrase('collectOn');
  };

  const collectOff = ({ chat }: CommandContext): string => {
    store.chats.set(chat.id, { collect: false });
    return say.phrase('collectOff');
  };

  const switchBotOn = async ({ chat, author }: CommandContext): Promise<string> => {
    if (chat.kind === 'self' && settings.speaker === 'me') return say.phrase('notHere');
    if (!maySpeakHere(chat)) return say.phrase('notTheirChat');
    if (!hasVoice()) return noVoice();
    await grantOwnNumber(chat, author);
    botOn(store, chat.id);
    return say.phrase('botOn');
  };

  const switchBotOff = ({ chat }: CommandContext): string => {
    botOff(store, chat.id);
    cancelReplies(chat.id);
    return say.phrase('botOff');
  };

  const switchAllOff = (): string => {
    botOffEverywhere(store, now());
    for (const chat of store.chats.list()) cancelReplies(chat.id);
    return say.phrase('botOffAll');
  };

  const help = ({ isOwner }: CommandContext): string =>
    [
      say.phrase('help'),
      ...table.filter((command) => isOwner || command.who === 'anyone').map((c) => `${c.name}: ${c.help}`),
    ].join('\n');

  const status = ({ chat, author, isOwner }: CommandContext): string =>
    say.phrase('status', {
      collect: chat.collect ? 'on' : 'off',
      bot: isBotOn(store, chat.id) ? 'on' : 'off',
      messages: isOwner || author === undefined ? store.messages.count() : store.messages.countBy(author),
      voice: hasVoice() ? 'ready' : `${personaMessages()} / ${minPersonaMessages}`,
    });

  const table: Command[] = [
    { name: '!consent yes', ...anyone, help: 'agree to the storing of this chat', run: yes },
    { name: '!consent no', ...refusal, help: 'refuse it', run: (context) => refuse(context, 'no') },
    {
      name: '!stop',
      ...refusal,
      help: 'stop storing and replies, at any time',
      run: (context) => refuse(context, 'stop'),
    },
    { name: '!help', ...anyone, help: 'this list', run: help },
    { name: '!status', ...anyone, help: 'what is on in this chat', run: status },
    { name: '!collect on', ...owner, help: 'store this chat, once both sides agreed', run: collectOn },
    { name: '!collect off', ...owner, help: 'store nothing more of this chat', run: collectOff },
    { name: '!bot on', ...ownerAnywhere, help: 'automated replies in this chat', run: switchBotOn },
    { name: '!bot off', ...ownerAnywhere, help: 'no automated replies in this chat', run: switchBotOff },
    { name: '!bot off all', ...ownerAnywhere, help: 'no automated replies in any chat', run: switchAllOff },
  ];
  return table;
}
