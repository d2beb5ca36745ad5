/** Messages, chats, contacts and groups of the page, and how wire shapes become models. */
import { Collection, Model } from './events.js';
import { MsgKey, Wid, wid } from './ids.js';
import { line, rpc } from './link.js';

/** The account's own ids, once online. */
export const me = { pn: null, lid: null };

/** Phone number id -> hidden id, and back. */
export const lidOf = new Map();
export const pnOf = new Map();

const notifications = new Set(['gp2', 'e2e_notification', 'notification_template']);

export class Msg extends Model {
  get isEphemeral() {
    return Boolean(this.ephemeralDuration);
  }
  get isStatusV3() {
    return this.id.remote.isStatus();
  }
  get isNotification() {
    return notifications.has(this.type);
  }
  /** The fields of a message that quotes this one. */
  msgContextInfo(chat) {
    return {
      quotedMsg: { type: this.type, body: this.body },
      quotedStanzaID: this.id.id,
      quotedParticipant: this.author ?? this.from,
      ...(chat && !chat.id.equals(this.id.remote) ? { quotedRemoteJid: this.id.remote } : {}),
    };
  }
  async downloadMedia() {
    this.mediaData.mediaStage = 'RESOLVED';
  }
}

export class Chat extends Model {
  constructor(fields) {
    super(fields);
    Object.defineProperty(this, 'msgs', { value: new Collection(Msg), enumerable: false });
  }
  serialize() {
    const { mute: _mute, ...out } = super.serialize();
    return { ...out, msgs: this.msgs.getModelsArray().map((message) => ({ id: message.id })) };
  }
  iAmAdmin() {
    const participants = this.groupMetadata?.participants.getModelsArray() ?? [];
    return participants.some((each) => (each.id.equals(me.pn) || each.id.equals(me.lid)) && each.isAdmin);
  }
}

class Contact extends Model {}
class GroupMetadata extends Model {}
class Participant extends Model {}

const newContact = (id) => ({
  id: Wid.of(id),
  name: undefined,
  pushname: undefined,
  type: 'in',
  isContactBlocked: false,
});

function newChat(id) {
  const whole = Wid.of(id);
  return new Chat({
    id: whole,
    t: Math.floor(Date.now() / 1000),
    unreadCount: 0,
    archive: false,
    pin: 0,
    isLocked: false,
    mute: { expiration: 0 },
    muteExpiration: 0,
    formattedTitle: collections.Contact.get(whole)?.name ?? whole.user,
  });
}

export const collections = {
  Msg: new Collection(Msg),
  Chat: new Collection(Chat, newChat),
  Contact: new Collection(Contact, newContact),
  GroupMetadata: new Collection(GroupMetadata),
  Blocklist: new Collection(Model),
  BusinessProfile: new Collection(Model, (id) => ({ id: Wid.of(id) })),
  ProfilePicThumb: new Collection(Model, (id) => ({ id: Wid.of(id), img: undefined })),
  WAWebNewsletterCollection: new Collection(Chat),
  Label: new Collection(Model),
  Status: new Collection(Model),
};

collections.GroupMetadata.update = (id) => refreshGroup(Wid.of(id));

/** WhatsApp Web throws minified error classes: whoever evaluates in the page gets 'r: r'. */
class r extends Error {
  name = 'r';
}

collections.Msg.getMessagesById = async (ids) => {
  if (ids.some((id) => id === undefined)) throw new r('r'); // IndexedDB: No key or key range specified
  const { messages } = await rpc('getMessages', { ids: ids.map(String) });
  return { messages: messages.map((message) => addMessage(message, { isNewMsg: false })) };
};

collections.Msg.search = async (query, page, count, remote) => {
  const fits = (message) =>
    String(message.body ?? '').includes(query) && (!remote || String(message.id.remote) === remote);
  return {
    messages: collections.Msg.getModelsArray()
      .filter(fits)
      .slice(0, count || 50),
  };
};

export async function refreshGroup(id) {
  const chat = collections.Chat.get(id);
  if (!chat || line.offline) return;
  const { group } = await rpc('groupInfo', { id: String(id) });
  if (group) applyGroup(chat, group);
}

function applyGroup(chat, group) {
  const participants = new Collection(Participant);
  for (const each of group.participants) {
    const fields = { id: Wid.of(each.id), isAdmin: Boolean(each.isAdmin), isSuperAdmin: false };
    participants.add(fields, { silent: true });
  }
  const fields = {
    id: chat.id,
    subject: group.subject,
    desc: group.desc,
    owner: wid(group.owner),
    creation: group.creation,
    announce: group.announce,
    isLidAddressingMode: group.lidMode,
    participants,
  };
  if (chat.groupMetadata) Object.assign(chat.groupMetadata, fields);
  else chat.groupMetadata = collections.GroupMetadata.add(fields, { silent: true });
  chat.formattedTitle = group.subject;
}

export function putContact(contact) {
  const { id, lid, name, pushname } = contact;
  const fields = {
    id: Wid.of(id),
    name,
    pushname,
    shortName: name?.split(' ')[0],
    isBusiness: Boolean(contact.isBusiness),
    isEnterprise: false,
    isContactBlocked: false,
    type: 'in',
    isMyContact: Boolean(name),
  };
  const known = collections.Contact.get(id);
  if (known) known.set(fields);
  else collections.Contact.add(fields, { silent: true });
  if (!lid) return;
  lidOf.set(id, lid);
  pnOf.set(lid, id);
  collections.Contact.add({ ...fields, id: Wid.of(lid), phoneNumber: Wid.of(id) }, { silent: true });
}

export function putChat({ id, group }) {
  const chat = collections.Chat.get(id) ?? collections.Chat.add(newChat(id), { silent: true });
  if (group) applyGroup(chat, group);
  return chat;
}

/** Wire message -> model in the collections; returns the model that is there already where the id is known. */
export function addMessage(wire, { isNewMsg }) {
  const key = MsgKey.fromString(wire.id);
  const known = collections.Msg.get(key);
  if (known) return known;
  const message = new Msg({
    ...wire,
    id: key,
    from: wid(wire.from),
    to: wid(wire.to),
    author: wid(wire.author),
    mentionedJidList: (wire.mentionedJidList ?? []).map(wid),
    isNewMsg,
    self: key.fromMe ? 'out' : 'in',
    ack: wire.ack ?? 1,
    star: false,
    isForwarded: Boolean(wire.isForwarded),
    broadcast: false,
    ...(wire.quotedStanzaID ? { quotedParticipant: wid(wire.quotedParticipant) } : {}),
    ...(wire.protocolMessageKey ? { protocolMessageKey: MsgKey.fromString(wire.protocolMessageKey) } : {}),
    ...(wire.directPath ? { mediaData: { mediaStage: 'INIT' } } : {}),
  });
  const chat = putChat({ id: String(key.remote) });
  message.collection = collections.Msg;
  chat.msgs.add(message, { silent: true });
  chat.t = wire.t;
  chat.lastReceivedKey = key;
  collections.Msg.add(message);
  return message;
}
