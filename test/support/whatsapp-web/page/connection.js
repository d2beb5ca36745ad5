/** The page's connection: socket state, pairing, sync after start, pushed events, log-out. */
import { Emitter, Model } from './events.js';
import { MsgKey, Wid, wid } from './ids.js';
import { busy, line, report, rpc, savedSession, session, sleep, tell } from './link.js';
import { addMessage, collections, lidOf, me, pnOf, putChat, putContact } from './models.js';

export const Socket = new Model({ state: 'UNLAUNCHED', hasSynced: false });
export const Conn = new Model({ ref: undefined, pushname: undefined, platform: 'android', battery: undefined });
Conn.canSetMyPushname = () => true;
export const Cmd = new Emitter();
export const Stream = new Model({ available: false });
export const progress = { percent: 0 };

/** Calls by id; the library hooks `set`. */
export const calls = new Map();

export const reactionTableMode = {
  rows: [],
  async bulkUpsert(rows) {
    reactionTableMode.rows.push(...rows);
    return rows;
  },
};

const firstBackoffMs = 100;
let source = null;
let backoffMs = firstBackoffMs;
let closing = false;
/** what was sent while the line was down */
let outbox = [];

export function setState(state) {
  const shown = document.getElementById('state');
  if (shown) shown.textContent = state;
  Socket.set({ state });
}

/** Run now, or when the line is back; resolves when it has run. */
export function sendOrQueue(send) {
  return new Promise((resolve, reject) => {
    const run = () =>
      send().then(resolve, (error) => {
        if (line.offline || /Failed to fetch|503/.test(error.message)) outbox.push(run);
        else reject(error);
      });
    if (line.offline) outbox.push(run);
    else run();
  });
}

export function connect() {
  if (closing) return;
  const stream = new EventSource(`/_standin/stream?token=${encodeURIComponent(session.token)}`);
  source = stream;
  stream.onmessage = ({ data }) => {
    if (source === stream) handle(JSON.parse(data)).catch((error) => report(`handle ${data.slice(0, 60)}`, error));
  };
  stream.onerror = () => {
    stream.close();
    if (source !== stream || closing) return;
    source = null;
    if (!line.offline && session.token) setState('TIMEOUT');
    line.offline = true;
    setTimeout(() => {
      if (session.token && Socket.state === 'TIMEOUT') setState('OPENING');
      connect();
    }, backoffMs);
    backoffMs = Math.min(backoffMs * 2, 1000);
  };
}

async function handle(event) {
  switch (event.type) {
    case 'hello':
      line.offline = false;
      backoffMs = firstBackoffMs;
      if (event.account) return comeOnline(event);
      setState('UNPAIRED');
      return Conn.set({ ref: event.ref });
    case 'ref':
      Conn.set({ ref: event.ref });
      if (Socket.state === 'UNPAIRED_IDLE') setState('UNPAIRED');
      return;
    case 'idle':
      return setState('UNPAIRED_IDLE');
    case 'paired':
      setState('PAIRING');
      await savedSession.save(event.token);
      source.close();
      return connect();
    case 'unlinked':
      return logOut('logout_from_bridge', event.reason);
    case 'conflict':
      line.offline = true;
      source.close();
      source = null;
      return setState('CONFLICT');
    case 'state':
      return setState(event.state);
    case 'deafen':
      if (event.how === 'listeners') collections.Msg.listeners.clear();
      else window.WWebJS = undefined;
      return;
    case 'hang':
      if (event.onSend) line.hangOnSendMs = event.ms;
      else busy(event.ms);
      return;
    case 'message':
      return receive(event);
    case 'ack':
      return collections.Msg.get(event.id)?.set({ ack: event.ack });
    case 'patch':
      return patch(event.id, event.changes);
    case 'reaction':
      return upsertReaction(event.reaction);
    case 'contact':
      return putContact(event.contact);
    case 'chat':
      return putChat(event.chat);
    case 'call':
      return calls.set(event.call.id, { ...event.call, peerJid: wid(event.call.peerJid) });
    case 'reload':
      return location.reload();
    case 'hasSynced':
      return Socket.trigger('change:hasSynced', Socket, true);
  }
}

function receive({ message, repeat }) {
  const known = collections.Msg.get(message.id);
  if (known && repeat) collections.Msg.trigger('add', known); // what doubled listeners make of one message
  addMessage(message, { isNewMsg: true });
  if (!known && !message.id.startsWith('true_')) countUnread(message);
  tell('received', { ids: [message.id] });
}

function countUnread(message) {
  const chat = collections.Chat.get(MsgKey.fromString(message.id).remote);
  chat.set({ unreadCount: chat.unreadCount + 1 });
}

/** Edit, revoke, late decryption. `null` takes a field away. */
function patch(id, changes) {
  const message = collections.Msg.get(id);
  if (!message) return;
  const fields = Object.fromEntries(Object.entries(changes).map(([field, value]) => [field, value ?? undefined]));
  if (fields.mentionedJidList) fields.mentionedJidList = fields.mentionedJidList.map(wid);
  if (fields.author) fields.author = wid(fields.author);
  if (fields.id) fields.id = MsgKey.fromString(fields.id);
  if (fields.protocolMessageKey) fields.protocolMessageKey = MsgKey.fromString(fields.protocolMessageKey);
  message.set(fields);
}

function upsertReaction(reaction) {
  const author = wid(reaction.author);
  collections.Msg.get(reaction.parent)?.set({ hasReaction: Boolean(reaction.text) });
  const row = {
    id: MsgKey.fromString(reaction.id),
    reactionParentKey: MsgKey.fromString(reaction.parent),
    reactionText: reaction.text,
    reactionTimestamp: reaction.tMs,
    author,
    from: author,
    orphan: 0,
    read: false,
    ack: 1,
  };
  return reactionTableMode.bulkUpsert([row]);
}

async function comeOnline({ account, contacts, chats, pending, options }) {
  me.pn = Wid.of(account.pn);
  me.lid = Wid.of(account.lid);
  lidOf.set(account.pn, account.lid);
  pnOf.set(account.lid, account.pn);
  Conn.set({ pushname: account.pushname, wid: me.pn });
  contacts.forEach(putContact);
  chats.forEach(putChat);
  const isFirst = !Socket.hasSynced;
  const asHistory = isFirst && options.offline === 'before-sync';
  if (asHistory) for (const message of pending) missed(message);
  setState('CONNECTED');
  if (isFirst) {
    // 'wait': the sync ends once somebody listens, as a slow real one does; 'race': it ends at once
    if (options.sync === 'wait') while (!Socket.listenerCount('change:hasSynced')) await sleep(20);
    for (progress.percent of [10, 60, 100]) Cmd.trigger('offline_progress_update_from_bridge');
    if (options.sync === 'never') return;
    await sleep(options.syncDelayMs);
    Socket.set({ hasSynced: true });
  }
  if (asHistory) tell('received', { ids: pending.map((message) => message.id) });
  else for (const message of pending) await handle({ type: 'message', message, repeat: false });
  const waiting = outbox;
  outbox = [];
  for (const send of waiting) await send();
}

/** A message from before the start: known to the page, announced to nobody. */
function missed(message) {
  if (collections.Msg.get(message.id)) return;
  addMessage(message, { isNewMsg: false });
  collections.Chat.get(MsgKey.fromString(message.id).remote).unreadCount += 1;
}

async function logOut(command, reason) {
  closing = true;
  source?.close();
  Cmd.trigger(command);
  await savedSession.clear();
  await sleep(30);
  location.href = `/?post_logout=1&logout_reason=${reason ?? 0}`;
}

Stream.markAvailable = () => {
  Stream.available = true;
  tell('presence', { available: true });
};
Stream.markUnavailable = () => {
  Stream.available = false;
  tell('presence', { available: false });
};
Socket.logout = async () => {
  await rpc('logout');
  setTimeout(() => logOut('logout', 0), 0);
};
Socket.reconnect = () => {
  source?.close();
  source = null;
  line.offline = true;
  connect();
};
Socket.takeover = () => {
  setState('OPENING');
  connect();
};
Cmd.refreshQR = () => tell('refreshQR');
Cmd.archiveChat = async (chat, archive) => chat.set({ archive });
Cmd.pinChat = async (chat, pin) => chat.set({ pin: pin ? 1 : 0 });
Cmd.markChatUnread = async (chat) => chat.set({ unreadCount: -1 });
Cmd.sendRevokeMsgs = async (chat, { list }) => {
  for (const message of list) {
    await rpc('revoke', { id: String(message.id) });
    message.set({ type: 'revoked', body: undefined });
  }
};
Cmd.sendDeleteMsgs = async (chat, { list }) => {
  for (const message of list) {
    await rpc('deleteForMe', { id: String(message.id) });
    chat.msgs.remove(message);
    collections.Msg.remove(message);
  }
};
Cmd.sendStarMsgs = async (chat, list) => list.forEach((message) => message.set({ star: true }));
Cmd.sendUnstarMsgs = async (chat, list) => list.forEach((message) => message.set({ star: false }));
