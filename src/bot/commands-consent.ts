/** What people say about their own words and voice: agree, refuse, stop, be forgotten, see what is kept. */
import type { Answer, CommandContext, CommandParts, Handler } from './command.ts';
import type { BotDeps } from './deps.ts';
import { myData } from './my-data.ts';
import { stopChat } from './switches.ts';

type ConsentCommands = Record<'yes' | 'no' | 'imitate' | 'stop' | 'forget' | 'myData', Handler>;

export function consentCommands(
  { store, now }: BotDeps,
  { who, consent, say, replies, recorder, changes }: CommandParts,
): ConsentCommands {
  /** On the owner's phone a refusal means this chat: the owner's consent for the own voice belongs to `persona init`. */
  const stopHere = ({ chat, message }: CommandContext): Answer => {
    const isStale = message.isCatchUp && (chat.collectSinceMs === null || message.timestampMs < chat.collectSinceMs);
    if (isStale || !(chat.collect || chat.bot)) return undefined;
    stopChat(store, chat.id);
    replies.cancel(chat.id);
    return `${say.phrase('collectOff')} ${say.phrase('botOff')}`;
  };

  const refuse =
    (how: 'no' | 'stop' | 'forget'): Handler =>
    async (context) => {
      const { chat, message, author } = context;
      if (author === undefined) return stopHere(context);
      replies.cancel(chat.id);
      const late = recorder.storedSince(author, message.timestampMs);
      const change = await consent[how](chat, author, message.timestampMs);
      for (const row of late) changes.drop(row.chat, row.waId);
      return change && say.phrase(change);
    };

  const yes: Handler = async ({ chat, message, author }) => {
    if (author === undefined || !chat.collect) return undefined;
    const change = consent.yes(chat, author, message.timestampMs);
    if (change !== undefined) {
      const isVoice = author === who.persona() && chat.kind === 'direct';
      return isVoice ? `${say.phrase(change)}\n${say.phrase('imitateHow')}` : say.phrase(change);
    }
    // nobody agrees to what they were not shown
    if (chat.kind === 'direct') await consent.ask(chat, message.chatId, author, true);
    return undefined;
  };

  const imitate: Handler = ({ chat, message, author }) => {
    if (author === undefined) return undefined; // the owner's own voice is granted by `persona init`
    if (author !== who.persona()) return say.phrase('notYourVoice');
    const change = consent.imitate(chat, author, message.timestampMs);
    return change && say.phrase(change);
  };

  /** Typed on the account's phone it means the owner: all of it in the self-chat, else what stands in that chat anyway. */
  const ownData: Handler = ({ chat, author }) => {
    const everywhere = author !== undefined || chat.kind === 'self';
    const data = myData(store, author ?? who.me(), everywhere ? null : chat.id, now());
    if (data.messages === 0) return say.phrase('myDataNone');
    return { text: say.phrase('myData', { n: data.messages }), file: data.file };
  };

  return { yes, no: refuse('no'), imitate, stop: refuse('stop'), forget: refuse('forget'), myData: ownData };
}
