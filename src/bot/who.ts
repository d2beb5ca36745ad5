/**
 * Who wrote, and in which chat of the store. WhatsApp delivers one person as `…@c.us` or `…@lid`: both lead to one
 * person and one chat. A stranger's message creates nothing here; only an owner's command opens a chat.
 * Never compares names, and never parts of an id. Members of a group are known by what they said to the bot.
 */
import { personaAlias } from '../store/import.ts';
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import type { BotDeps } from './deps.ts';

export interface Who {
  /** The account's own ids, known once WhatsApp is ready. */
  setAccount: (aliases: readonly string[]) => void;
  account: () => readonly string[];
  /** the owner */
  me: () => number;
  /** whose voice is learned */
  persona: () => number;
  /**
   * The owner writes from OWNER_NUMBERS to an account that is nobody's own: what is typed on the account's phone is no
   * voice to learn.
   */
  isSpareAccount: () => boolean;
  /** Is the chat's id one that a chat of this kind can have? */
  isAddress: (message: ChatAddress) => boolean;
  /** The store's chat of a direct chat, self-chat or group, under whichever id it was received; undefined where unknown. */
  findChat: (message: ChatAddress) => Promise<Chat | undefined>;
  /** The same, made where unknown, with contact and owner as members. */
  openChat: (message: ChatAddress) => Promise<Chat>;
  /** the other person of a direct chat; undefined in the self-chat */
  contactOf: (chat: Chat) => number | undefined;
  /** The author of a group's message, where known. */
  memberOf: (message: Pick<InboundMessage, 'senderId'>) => number | undefined;
  /** The same, made where unknown, under every id that WhatsApp has for them. */
  openMember: (message: Pick<InboundMessage, 'senderId'>) => Promise<number>;
  /** Is the author of a received direct message the person that the chat is with? */
  isFromContact: (message: InboundMessage) => Promise<boolean>;
  /** Is this direct chat one with an OWNER_NUMBER? */
  isOwnerNumber: (chatId: string) => Promise<boolean>;
}

type ChatAddress = Pick<InboundMessage, 'chatId' | 'chatKind'>;

export function createWho({ store, aliases, settings }: BotDeps): Who {
  let account: readonly string[] = [];
  const ownerIds = new Set(settings.ownerNumbers.filter((digits) => /^\d{7,15}$/.test(digits)).map((n) => `${n}@c.us`));

  const isSpareAccount = (): boolean => [...ownerIds].some((id) => !account.includes(id));
  const me = (): number => store.people.resolve(['me', ...(isSpareAccount() ? [] : account)]);
  const persona = (): number => store.people.resolve([personaAlias(settings.speaker)]);

  const whatsAppChats = (): Chat[] =>
    store.chats.list().filter((chat) => chat.kind === 'direct' && isWhatsAppId(chat.key));

  const chatOfPerson = (personId: number | undefined): Chat | undefined =>
    personId === undefined ? undefined : whatsAppChats().find((chat) => store.people.find(chat.key) === personId);

  /** Ask WhatsApp only where the answer could lead to a chat we know: asking often is said to raise the odds of a ban. */
  const couldBeKnown = (id: string): boolean => {
    const form = formOf(id);
    return whatsAppChats().some((chat) => {
      const contact = store.people.find(chat.key);
      return contact === undefined || !store.people.aliases(contact).some((alias) => formOf(alias) === form);
    });
  };

  const isAddress = ({ chatId, chatKind }: ChatAddress): boolean =>
    chatKind === 'group' ? isGroupId(chatId) : isWhatsAppId(chatId);

  const findChat = async (address: ChatAddress): Promise<Chat | undefined> => {
    const { chatId, chatKind } = address;
    if (!isAddress(address)) return undefined;
    const exact = store.chats.known(chatId);
    if (exact !== undefined) return exact.kind === chatKind ? exact : undefined;
    if (chatKind !== 'direct') return undefined;
    const known = chatOfPerson(store.people.find(chatId));
    if (known !== undefined || !couldBeKnown(chatId)) return known;
    const ids = await aliases(chatId);
    const chat = ids.map((id) => chatOfPerson(store.people.find(id))).find((found) => found !== undefined);
    if (chat !== undefined) store.people.resolve([chat.key, chatId, ...ids]);
    return chat;
  };

  const openChat = async (address: ChatAddress): Promise<Chat> => {
    const known = await findChat(address);
    if (known !== undefined) return known;
    const ids = address.chatKind === 'direct' ? await aliases(address.chatId) : [];
    return store.transaction(() => {
      const id = store.chats.resolve(address.chatId, address.chatKind);
      store.chats.addMember(id, me());
      if (address.chatKind === 'direct') store.chats.addMember(id, store.people.resolve([address.chatId, ...ids]));
      return store.chats.get(id);
    });
  };

  const openMember: Who['openMember'] = async ({ senderId }) => {
    const known = store.people.find(senderId);
    return known ?? store.people.resolve([senderId, ...(await aliases(senderId))]);
  };

  const isFromContact = async ({ chatId, senderId, fromMe }: InboundMessage): Promise<boolean> => {
    if (fromMe || !isWhatsAppId(senderId) || !isWhatsAppId(chatId)) return false;
    if (senderId === chatId) return true;
    const person = store.people.find(senderId);
    if (person !== undefined && person === store.people.find(chatId)) return true;
    return (await aliases(senderId)).includes(chatId);
  };

  const isOwnerNumber = async (chatId: string): Promise<boolean> => {
    if (ownerIds.size === 0 || !isWhatsAppId(chatId)) return false;
    if (ownerIds.has(chatId)) return true;
    if (chatId.endsWith('@c.us')) return false; // a phone number is what it says; only a hidden id needs resolving
    const person = store.people.find(chatId);
    if (person !== undefined && [...ownerIds].some((id) => store.people.find(id) === person)) return true;
    return (await aliases(chatId)).some((id) => ownerIds.has(id));
  };

  return {
    setAccount: (ids) => {
      account = ids.filter(isWhatsAppId);
      me();
    },
    account: () => account,
    me,
    persona,
    isSpareAccount,
    isAddress,
    findChat,
    openChat,
    contactOf: (chat) => (chat.kind === 'direct' ? store.people.find(chat.key) : undefined),
    memberOf: ({ senderId }) => (isWhatsAppId(senderId) ? store.people.find(senderId) : undefined),
    openMember,
    isFromContact,
    isOwnerNumber,
  };
}

function isWhatsAppId(id: string): boolean {
  return /^[^@\s]+@(?:c\.us|lid|s\.whatsapp\.net)$/.test(id);
}

function isGroupId(id: string): boolean {
  return /^[\d-]+@g\.us$/.test(id);
}

/** `c.us` or `lid` */
function formOf(id: string): string {
  return id.slice(id.indexOf('@') + 1);
}
