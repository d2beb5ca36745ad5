/** Modules by which the library sends: messages, edits, reactions, forwards, typing, presence. */
import { sendOrQueue, Stream } from './connection.js';
import { MsgKey } from './ids.js';
import { busy, line, rpc, tell } from './link.js';
import { addMessage, collections, me, Msg } from './models.js';

/** The page's message -> wire. */
function toWire(message) {
  const text = (id) => (id === undefined ? undefined : String(id));
  return {
    id: String(message.id),
    body: message.body,
    type: message.type,
    t: message.t,
    from: String(message.from),
    to: String(message.to),
    author: text(message.id.participant),
    mentionedJidList: (message.mentionedJidList ?? []).map(String),
    caption: message.caption,
    quotedStanzaID: message.quotedStanzaID,
    quotedParticipant: text(message.quotedParticipant),
    quotedMsg: message.quotedMsg,
    mimetype: message.mimetype,
    filename: message.filename,
    size: message.size,
    directPath: message.directPath,
    filehash: message.filehash,
  };
}

/** Two promises, as in WhatsApp Web: the message is in the chat; the server has taken it. */
function addAndSendMsgToChat(chat, message) {
  const wire = JSON.parse(JSON.stringify(toWire(message)));
  const model = addMessage({ ...wire, ack: 0 }, { isNewMsg: true });
  const hangMs = line.hangOnSendMs;
  line.hangOnSendMs = 0;
  if (hangMs > 0) busy(hangMs);
  const sent = sendOrQueue(() => rpc('send', { message: wire })).then(({ error, t }) => {
    if (error) {
      model.set({ ack: -1 });
      return { messageSendResult: error };
    }
    if (model.ack < 1) model.set({ ack: 1 });
    return { messageSendResult: 'OK', t };
  });
  return [Promise.resolve(model), sent];
}

async function forwardMessages({ chat, msgs }) {
  for (const message of msgs) {
    const participant = chat.id.isGroup() ? me.pn : undefined;
    const id = new MsgKey({ from: me.pn, to: chat.id, id: await MsgKey.newId(), selfDir: 'out', participant });
    const t = Math.floor(Date.now() / 1000);
    addAndSendMsgToChat(chat, { id, body: message.body, type: message.type, t, from: me.pn, to: chat.id });
  }
}

/** The quoted message, from the collection or rebuilt from what the quote carries. */
function getQuotedMsgObj(message) {
  const known = collections.Msg.getModelsArray().find((each) => each.id.id === message.quotedStanzaID);
  if (known) return known;
  const { remote } = message.id;
  const fromMe = message.quotedParticipant?.equals(me.pn) || false;
  const participant = remote.isGroup() ? message.quotedParticipant : undefined;
  const id = new MsgKey({ remote, id: message.quotedStanzaID, fromMe, participant });
  return new Msg({ id, ...message.quotedMsg, from: message.quotedParticipant, to: message.to, t: message.t });
}

const chatState = (state) => (chat) => rpc('chatstate', { chat: String(chat), state });

export const sendingModules = {
  WAWebStreamModel: { Stream },
  WAWebUpdateUnreadChatAction: {
    async sendSeen({ chat }) {
      chat.set({ unreadCount: 0 });
      tell('seen', { chat: String(chat.id) });
    },
  },
  WAWebMsgReply: { canReplyMsg: (message) => !['revoked', 'gp2'].includes(message.type) },
  WAWebMsgKey: MsgKey,
  WAWebGetEphemeralFieldsMsgActionsUtils: { getEphemeralFields: () => ({}) },
  WAWebLinkPreviewChatAction: { getLinkPreview: async () => null },
  WAWebSendMsgChatAction: { addAndSendMsgToChat },
  WAWebSendMessageEditAction: {
    async sendMessageEdit(message, body) {
      await rpc('edit', { id: String(message.id), body });
      message.set({ body, latestEditSenderTimestampMs: Date.now() });
    },
  },
  WAWebSendReactionMsgAction: {
    sendReactionToMsg: (message, text) => sendOrQueue(() => rpc('react', { parent: String(message.id), text })),
  },
  WAWebChatForwardMessage: { forwardMessages },
  WAWebChatStateBridge: {
    sendChatStateComposing: chatState('composing'),
    sendChatStateRecording: chatState('recording'),
    sendChatStatePaused: chatState('paused'),
  },
  WAWebPresenceChatAction: {
    sendPresenceAvailable: () => rpc('presence', { available: true }),
    sendPresenceUnavailable: () => rpc('presence', { available: false }),
  },
  WAWebQuotedMsgModelUtils: { getQuotedMsgObj },
  WAWebMsgActionCapability: {
    canSenderRevokeMsg: (message) => message.id.fromMe,
    canAdminRevokeMsg: () => false,
    canStarMsg: () => true,
    canEditText: (message) => message.id.fromMe && message.type === 'chat',
    canEditCaption: (message) => message.id.fromMe && Boolean(message.caption),
  },
};
