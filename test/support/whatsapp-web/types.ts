/**
 * Shapes that the stand-in's server, its page and the tests share. `wire` shapes cross the network between server and
 * page as JSON; ids are serialised (`4915…@c.us`, `false_4915…@c.us_3A…`) and times are unix seconds, as in WhatsApp Web.
 */

export interface Account {
  /** the phone number's id, `…@c.us` */
  pn: string;
  /** the same person's hidden id, `…@lid` */
  lid: string;
  pushname: string;
}

export interface WireContact {
  id: string;
  name?: string;
  pushname?: string;
  lid?: string;
  isBusiness?: boolean;
}

export interface WireGroup {
  subject: string;
  desc: string;
  announce: boolean;
  /** members appear under their `@lid` ids */
  lidMode: boolean;
  owner: string;
  creation: number;
  participants: { id: string; isAdmin?: boolean }[];
}

export interface WireChat {
  id: string;
  group?: WireGroup;
  /** seconds after which messages disappear; absent: they stay */
  ephemeralDuration?: number;
}

export interface WireMessage {
  id: string;
  body?: string;
  /** WhatsApp's type: `chat`, `image`, `ptt`, `gp2`, `revoked`, … */
  type: string;
  t: number;
  from: string;
  to: string;
  author?: string;
  notifyName?: string;
  mentionedJidList?: string[];
  quotedStanzaID?: string;
  quotedParticipant?: string;
  quotedMsg?: { type: string; body?: string };
  ack?: number;
  isForwarded?: boolean;
  forwardingScore?: number;
  ephemeralDuration?: number;
  isViewOnce?: boolean;
  caption?: string;
  mimetype?: string;
  filename?: string;
  size?: number;
  directPath?: string;
  latestEditSenderTimestampMs?: number;
  protocolMessageKey?: string;
  subtype?: string;
  recipients?: string[];
  lat?: number;
  lng?: number;
}

export interface WireReaction {
  id: string;
  parent: string;
  text: string;
  author: string;
  tMs: number;
}

/** What the server pushes to a page. */
export type PushEvent =
  | { type: 'hello'; ref: string }
  | {
      type: 'hello';
      account: Account;
      contacts: WireContact[];
      chats: WireChat[];
      pending: WireMessage[];
      options: StandInOptions;
    }
  | { type: 'ref'; ref: string }
  | { type: 'paired'; token: string }
  | { type: 'unlinked'; reason: number }
  | { type: 'message'; message: WireMessage; repeat: boolean }
  | { type: 'patch'; id: string; changes: Partial<WireMessage> }
  | { type: 'reaction'; reaction: WireReaction }
  | { type: 'ack'; id: string; ack: number }
  | { type: 'contact'; contact: WireContact }
  | { type: 'chat'; chat: WireChat }
  | { type: 'call'; call: Record<string, unknown> }
  | { type: 'state'; state: string }
  | { type: 'deafen'; how: Deafness }
  | { type: 'hang'; ms: number; onSend: boolean }
  | { type: 'idle' | 'conflict' | 'reload' | 'hasSynced' };

/** How a page can be connected and the library not hear of it: its listeners are gone, or its helpers. */
export type Deafness = 'listeners' | 'helpers';

export interface StandInOptions {
  /** how the first sync after start ends: once the library listens, at once (before it can listen), or not at all */
  sync: 'wait' | 'race' | 'never';
  syncDelayMs: number;
  /** messages missed while stopped: as history without an event, or as new messages after the sync */
  offline: 'before-sync' | 'after-sync';
  qrEveryMs: number;
  /** how many QR codes are shown before the page goes idle */
  qrRefs: number;
  /** what `window.Debug.VERSION` says; null: the page never gets that far */
  version: string | null;
  /** the socket never leaves OPENING */
  stuckOpening: boolean;
  /** the first document never connects and reloads itself after so many ms; 0: an ordinary one */
  reloadOnceMs: number;
  /** same-document navigations soon after load, which make the library inject itself again */
  replaceStates: number;
  /** sending fails with this result, e.g. 'ERROR_UNKNOWN'; '' succeeds */
  failSend: string;
  /** the line is dead, and the page does not notice: nothing comes, no request is answered */
  mute: boolean;
  /** WhatsApp gives no pairing codes */
  refuseCodes: boolean;
  /** a socket that is not that of a ready page from the start, e.g. 'TOS_BLOCK'; '': an ordinary one */
  firstState: string;
  /** sending is answered only after so many ms */
  sendDelayMs: number;
  /** name of MsgKey's field: '$1' since July 2026, '_serialized' before */
  msgKeyField: '$1' | '_serialized';
  /** how ids look in events: as a string or as an object */
  widJson: 'string' | 'object';
}

/** One request of a page, as the log keeps it; what else it carries depends on `op`. */
export interface LogEntry {
  op: string;
  atMs: number;
  [field: string]: unknown;
}

/** What somebody writes to the account. */
export interface Incoming {
  /** id of the writer, `…@c.us` or `…@lid` */
  from: string;
  /** group id; left out: the direct chat with `from` */
  chat?: string;
  body?: string;
  type?: string;
  /** id of the message that is quoted */
  quote?: string;
  mentions?: string[];
  /** stanza id; left out: a new one */
  stanza?: string;
  t?: number;
  author?: string;
  /** false: the message is kept back until `deliver([id])` */
  deliver?: boolean;
  extra?: Partial<WireMessage>;
}

/** What the owner writes on the phone, in any chat; `chat` the own number: the self-chat. */
export interface FromPhone {
  chat: string;
  body?: string;
  type?: string;
  quote?: string;
  t?: number;
  deliver?: boolean;
  extra?: Partial<WireMessage>;
}
