/** The table behind `window.require`: what whatsapp-web.js 1.34.7 asks for, less sending and media. */
import { calls, Cmd, Conn, progress, reactionTableMode, Socket } from './connection.js';
import { Emitter } from './events.js';
import { Wid, wid } from './ids.js';
import { rpc, tell } from './link.js';
import { encodeB64, mediaModules } from './media.js';
import { addMessage, collections, lidOf, me, pnOf, putChat, refreshGroup } from './models.js';
import { sendingModules } from './sending.js';

const link = /\bhttps?:\/\/[^\s]+/g;

const findLinks = (text) =>
  [...String(text ?? '').matchAll(link)].map(([href]) => ({ href, suspiciousCharacters: new Set() }));

/** The library looks for the Map among the collection's fields. */
const callCollection = Object.assign(new Emitter(), { calls });

const key = (byte) => ({ pubKey: new Uint8Array(32).fill(byte) });

const pairingModules = {
  WAWebSocketModel: { Socket },
  WAWebCmd: { Cmd },
  WAWebConnModel: { Conn },
  WAWebOfflineHandler: { OfflineMessageHandler: { getOfflineDeliveryProgress: () => progress.percent } },
  WAWebAltDeviceLinkingApi: {
    setPairingType() {},
    async initializeAltDeviceLinking() {},
    async startAltLinkingFlow(phone, showNotification) {
      const { code, error } = await rpc('pairingCode', { phone, showNotification });
      if (error) throw new Error(error);
      return code;
    },
    async initializeQRLinking() {},
  },
  WAWebLaunchSocketUtils: { refreshQR: () => Cmd.refreshQR() },
  WABase64: { encodeB64 },
  WAWebCompanionRegClientUtils: { DEVICE_PLATFORM: '1' },
  WAWebAdvSignatureApi: {},
  WAWebUserPrefsInfoStore: { waNoiseInfo: { get: async () => ({ staticKeyPair: key(7) }) } },
  WAWebSignalStoreApi: { waSignalStore: { getRegistrationInfo: async () => ({ identityKeyPair: key(9) }) } },
  WAWebUserPrefsMultiDevice: { getADVSecretKey: () => 'QURWU2VjcmV0S2V5' },
  WAWebMiscBrowserUtils: { info: () => ({ name: 'Chrome', os: 'Linux' }) },
};

const syncModules = {
  WAWebBackendJobsCommon: { mediaTypeFromProtobuf: () => null },
  WAWebE2EProtoUtils: { typeAttributeFromProtobuf: () => 'text' },
  WAWebUserPrefsMeUser: {
    getMaybeMePnUser: () => me.pn,
    getMaybeMeLidUser: () => me.lid,
    getMeUser: () => me.pn,
    getMePnUserOrThrow: () => me.pn,
  },
  WAWebCollections: collections,
  WAWebSyncGatingUtils: { isPlaceholderMessageResendEnabled: () => false },
  WAWebCallCollection: callCollection,
  WAWebAddonReactionTableMode: { reactionTableMode },
  WAWebAddonPollVoteTableMode: { pollVoteTableMode: { bulkUpsert: async (rows) => rows } },
  WAWebNonMessageDataRequestPlaceholderMessageResendUtils: {
    handlePlaceholderMsgsSeen: (messages) => tell('resend', { ids: messages.map((message) => String(message.id)) }),
  },
  WALinkify: { findLinks, findLink: (text) => findLinks(text)[0] },
};

async function findOrCreateLatestChat(id) {
  const known = collections.Chat.get(id);
  if (known) return { chat: known, created: false };
  const { exists, group } = await rpc('exists', { id: String(id) });
  if (!exists) throw new Error('No LID for user'); // what WhatsApp Web throws for an unknown person
  return { chat: putChat({ id: String(id), group }), created: true };
}

async function loadEarlierMsgs({ chat }) {
  const have = chat.msgs.getModelsArray().map((message) => String(message.id));
  const { messages } = await rpc('history', { chat: String(chat.id), have });
  return messages.map((message) => addMessage(message, { isNewMsg: false }));
}

const phoneOf = (id) => wid(pnOf.get(String(id)));
const hiddenOf = (id) => wid(lidOf.get(String(id)));

const peopleModules = {
  WAWebWidFactory: {
    createWid: wid,
    createWidFromWidLike: wid,
    asUserWidOrThrow(id) {
      if (!id?.isUser()) throw new Error('not a user wid');
      return id;
    },
  },
  WAWebFindChatAction: { findOrCreateLatestChat },
  WAWebChatGetters: {
    getIsNewsletter: (chat) => chat.id.isNewsletter(),
    getIsBroadcast: (chat) => chat.id.isBroadcast(),
  },
  WAWebLidMigrationUtils: { toPn: (id) => (id.isLid() ? phoneOf(id) : id), toLid: hiddenOf },
  WAWebApiContact: {
    getAlternateUserWid: (id) => (id.isLid() ? phoneOf(id) : hiddenOf(id)),
    getCurrentLid: hiddenOf,
    getPhoneNumber: phoneOf,
  },
  WAWebContactGetters: {
    getIsMe: (contact) => contact.id.equals(me.pn) || contact.id.equals(me.lid),
    getIsUser: (contact) => contact.id.isUser(),
    getIsGroup: (contact) => contact.id.isGroup(),
    getIsWAContact: () => true,
    getUserid: (contact) => (contact.id.isLid() && contact.phoneNumber ? contact.phoneNumber.user : contact.id.user),
    getVerifiedName: () => undefined,
    getVerifiedLevel: () => undefined,
    getStatusMute: () => false,
    getName: (contact) => contact.name,
    getShortName: (contact) => contact.shortName,
    getPushname: (contact) => contact.pushname,
    getIsEnterprise: () => false,
  },
  WAWebFrontendContactGetters: { getIsMyContact: (contact) => Boolean(contact.isMyContact) },
  WAWebQueryExistsJob: {
    async queryWidExists(id) {
      const { exists } = await rpc('exists', { id: String(id) });
      return exists ? { wid: id } : null;
    },
  },
  WAWebChatLoadMessages: { loadEarlierMsgs },
  WAWebContactProfilePicThumbBridge: { requestProfilePicFromServer: async () => undefined },
  WAWebContactStatusBridge: {
    getStatus: async () => ({ status: null }),
    setMyStatus: (status) => rpc('status', { status }),
  },
  WAWebGroupQueryJob: { queryAndUpdateGroupMetadataById: ({ id }) => refreshGroup(Wid.of(id)) },
};

export const modules = { ...pairingModules, ...syncModules, ...peopleModules, ...sendingModules, ...mediaModules };
