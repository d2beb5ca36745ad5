/**
 * Who and what exists at the stand-in's WhatsApp: people, chats, messages. Builds wire messages from what a test says;
 * knows nothing of devices or networks. Messages stay in the order of arrival.
 */
import { randomBytes } from 'node:crypto';
import type { Account, FromPhone, Incoming, WireChat, WireContact, WireGroup, WireMessage } from './types.ts';

export interface World {
  account: Account;
  contacts: Map<string, WireContact>;
  chats: Map<string, WireChat>;
  messages: Map<string, WireMessage>;
  /** ids of messages written but not delivered yet: no device knows them */
  held: Set<string>;
}

export function createWorld(account: Partial<Account> = {}): World {
  return {
    account: { pn: '4915550000001@c.us', lid: '90000000000001@lid', pushname: 'Bot', ...account },
    contacts: new Map(),
    chats: new Map(),
    messages: new Map(),
    held: new Set(),
  };
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex').toUpperCase();

/** `true_<chat>_<stanza>[_<participant>]` taken apart. */
export function parseMessageId(id: string): { fromMe: boolean; chat: string; stanza: string; participant?: string } {
  const [fromMe, chat = '', stanza = '', participant] = id.split('_');
  return { fromMe: fromMe === 'true', chat, stanza, ...(participant === undefined ? {} : { participant }) };
}

export const isOwn = (world: World, id: string): boolean => id === world.account.pn || id === world.account.lid;

export function addGroup(
  world: World,
  id: string,
  group: Pick<WireGroup, 'subject' | 'participants'> & Partial<WireGroup>,
): WireChat {
  const owner = group.owner ?? group.participants[0]?.id ?? world.account.pn;
  const chat = { id, group: { desc: '', announce: false, lidMode: false, creation: nowSeconds(), ...group, owner } };
  world.chats.set(id, chat);
  return chat;
}

/** A message from somebody else, added to the world. */
export function receive(world: World, message: Incoming): WireMessage {
  const inGroup = message.chat?.endsWith('@g.us') ?? false;
  const remote = inGroup ? (message.chat ?? '') : message.from;
  const group = world.chats.get(remote)?.group;
  const participant = !inGroup ? undefined : group?.lidMode ? lidOf(world, message.from) : message.from;
  const stanza = message.stanza ?? `3A${randomHex(9)}`;
  return put(world, {
    id: ['false', remote, stanza, ...(participant === undefined ? [] : [participant])].join('_'),
    body: message.body ?? '',
    type: message.type ?? 'chat',
    t: message.t ?? nowSeconds(),
    from: remote,
    to: world.account.pn,
    author: participant ?? message.author,
    notifyName: world.contacts.get(message.from)?.pushname,
    mentionedJidList: message.mentions ?? [],
    ...quoteFields(world, message.quote),
    ...message.extra,
  });
}

/** A message that the owner typed on the phone, added to the world. */
export function writeFromPhone(world: World, message: FromPhone): WireMessage {
  const group = world.chats.get(message.chat)?.group;
  const self = group?.lidMode || message.chat.endsWith('@lid') ? world.account.lid : world.account.pn;
  const inGroup = message.chat.endsWith('@g.us');
  return put(world, {
    id: ['true', message.chat, `3A${randomHex(9)}`, ...(inGroup ? [self] : [])].join('_'),
    body: message.body ?? '',
    type: message.type ?? 'chat',
    t: message.t ?? nowSeconds(),
    from: self,
    to: message.chat,
    author: inGroup ? self : undefined,
    ack: 1,
    ...quoteFields(world, message.quote),
    ...message.extra,
  });
}

/** What a page gets when it asks for older messages of a chat: the last 50 that it does not have. */
export function history(world: World, chat: string, have: readonly string[]): WireMessage[] {
  const known = new Set(have);
  const visible = [...world.messages.values()].filter(
    (message) => parseMessageId(message.id).chat === chat && !known.has(message.id) && !world.held.has(message.id),
  );
  return visible.slice(-50);
}

export function exists(world: World, id: string): boolean {
  const isLid = [...world.contacts.values()].some((contact) => contact.lid === id);
  return world.contacts.has(id) || world.chats.has(id) || isLid || isOwn(world, id);
}

function put(world: World, message: WireMessage): WireMessage {
  const { chat } = parseMessageId(message.id);
  if (!world.chats.has(chat)) world.chats.set(chat, { id: chat });
  const seconds = world.chats.get(chat)?.ephemeralDuration;
  const whole = seconds === undefined ? message : { ...message, ephemeralDuration: seconds };
  world.messages.set(whole.id, whole);
  return whole;
}

function lidOf(world: World, id: string): string {
  return world.contacts.get(id)?.lid ?? id;
}

function quoteFields(world: World, quote: string | undefined): Partial<WireMessage> {
  const quoted = quote === undefined ? undefined : world.messages.get(quote);
  if (quoted === undefined) return {};
  return {
    quotedStanzaID: parseMessageId(quoted.id).stanza,
    quotedParticipant: quoted.author ?? quoted.from,
    quotedMsg: { type: quoted.type, body: quoted.body },
  };
}
