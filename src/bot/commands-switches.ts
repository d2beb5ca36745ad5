/** What the owner switches on and off: collecting, replies, quiet hours, temperature; and `!status`, which says it. */
import type { Chat } from '../store/chats.ts';
import type { CommandContext, CommandParts, Handler } from './command.ts';
import { minPersonaMessages } from './deps.ts';
import type { BotDeps } from './deps.ts';
import { botOff, botOffEverywhere, botOn, isBotOn, isTakenOver, setQuietHours, setTemperature } from './switches.ts';
import type { Scope } from './switches.ts';

type SwitchCommands = Record<
  'collectOn' | 'collectOff' | 'botOn' | 'botOff' | 'allOff' | 'quiet' | 'temperature' | 'status',
  Handler
> & {
  silence: (chat: Chat | undefined) => void;
  silenceAll: () => void;
};

export function switchCommands(
  { store, settings, hasRun, now, log }: BotDeps,
  { who, consent, say, rules, replies }: CommandParts,
): SwitchCommands {
  const personaMessages = (): number => store.messages.countBy(who.persona());
  const hasVoice = (): boolean => hasRun() && personaMessages() >= minPersonaMessages;

  const grantOwnNumber = async (chat: Chat, author: number | undefined): Promise<void> => {
    const contact = who.contactOf(chat);
    if (contact === undefined || !(await who.isOwnerNumber(chat.key))) return;
    consent.grantOwnNumber(chat, contact, author === contact);
  };

  const collectHere = (alreadyAsked: boolean): string =>
    alreadyAsked ? `${say.phrase('collectOn')} ${say.phrase('alreadyAsked')}` : say.phrase('collectOn');

  const collectInGroup = async ({ chat, message }: CommandContext): Promise<string> => {
    if (settings.speaker !== 'me' && !store.chats.members(chat.id).includes(who.persona())) {
      return say.phrase('notTheirChat');
    }
    store.chats.set(chat.id, { collect: true });
    return collectHere((await consent.askGroup(chat, message.chatId)) === 'asked before');
  };

  const collectOn: Handler = async (context) => {
    const { chat, message, author } = context;
    if (chat.kind === 'group') return collectInGroup(context);
    const contact = who.contactOf(chat);
    if (contact === undefined) return say.phrase('notHere');
    if (settings.speaker !== 'me' && contact !== who.persona()) return say.phrase('notTheirChat');
    store.chats.set(chat.id, { collect: true });
    await grantOwnNumber(chat, author);
    if (consent.standing(contact, 'log').state === 'granted') return collectHere(false);
    return collectHere((await consent.ask(chat, message.chatId, contact)) === 'asked before');
  };

  const collectOff: Handler = ({ chat }) => {
    store.chats.set(chat.id, { collect: false });
    return say.phrase('collectOff');
  };

  const switchOn: Handler = async ({ chat, author }) => {
    if (chat.kind === 'self' && settings.speaker === 'me') return say.phrase('notHere');
    if (!rules.maySpeakHere(chat)) return say.phrase('notTheirChat');
    if (!hasVoice()) return say.phrase('noVoice', { n: personaMessages() });
    await grantOwnNumber(chat, author);
    botOn(store, chat.id, now());
    return say.phrase('botOn');
  };

  const warnUnless = (isWritten: boolean): void => {
    if (!isWritten) log.warn('replies are off, and the disk does not take it yet; it is tried again');
  };
  const silence: SwitchCommands['silence'] = (chat) => {
    if (chat === undefined) return;
    warnUnless(botOff(store, chat.id));
    replies.cancel(chat.id);
  };
  const silenceAll = (): void => {
    warnUnless(botOffEverywhere(store, now()));
    for (const chat of store.chats.list()) replies.cancel(chat.id);
  };
  const switchOff: Handler = () => say.phrase('botOff');
  const allOff: Handler = () => say.phrase('botOffAll');

  /** In the self-chat: everywhere. */
  const scopeOf = (chat: Chat): Scope => (chat.kind === 'self' ? null : chat.id);

  const quiet: Handler = ({ chat, argument }) => {
    const isOff = argument.toLowerCase() === 'off';
    setQuietHours(store, scopeOf(chat), isOff ? null : argument);
    return isOff ? say.phrase('quietOff') : say.phrase('quietOn', { hours: argument });
  };

  const temperature: Handler = ({ chat, argument }) => {
    setTemperature(store, scopeOf(chat), Number(argument));
    return say.phrase('temperature', { value: Number(argument) });
  };

  const stateOf = (chat: Chat): string => {
    if (!isBotOn(store, chat.id)) return say.phrase('status bot off');
    return say.phrase(isTakenOver(store, chat.id, now()) ? 'status bot paused' : 'status bot on');
  };

  const status: Handler = ({ chat, author, isOwner }) =>
    say.phrase('status', {
      collect: say.phrase(chat.collect ? 'status collect on' : 'status collect off'),
      bot: stateOf(chat),
      messages: isOwner || author === undefined ? store.messages.count() : store.messages.countBy(author),
      voice: hasVoice() ? say.phrase('status voice ready') : `${personaMessages()} / ${minPersonaMessages}`,
    });

  return {
    collectOn,
    collectOff,
    botOn: switchOn,
    botOff: switchOff,
    silence,
    allOff,
    silenceAll,
    ...{ quiet, temperature, status },
  };
}
