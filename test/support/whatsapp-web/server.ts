/**
 * A local stand-in for web.whatsapp.com, for the real whatsapp-web.js in a real Chromium: `startStandIn()` gives the
 * servers, the flags that make a browser take them for WhatsApp, and what a test does with them: scan the QR code, write
 * as a contact or as the owner on the phone, edit, revoke, cut the network; then read what the bot sent.
 * Written from what the library calls and from public reports, so it cannot notice WhatsApp changing.
 * Not covered: channels, status posting, polls, labels, group administration.
 */
import type { Server } from 'node:http';
import { makeCertificate } from './cert.ts';
import { Delivery } from './delivery.ts';
import { closeServer, portOf, startControl, startSite, whatsappHost } from './http.ts';
import { OperationLog } from './oplog.ts';
import { answer, randomCode } from './requests.ts';
import {
  addGroup,
  createWorld,
  isOwn,
  parseMessageId,
  randomHex,
  receive,
  writeFromPhone,
  type World,
} from './world.ts';
import type {
  Account,
  Deafness,
  FromPhone,
  Incoming,
  StandInOptions,
  WireContact,
  WireGroup,
  WireMessage,
} from './types.ts';

export const defaultOptions: StandInOptions = {
  sync: 'wait',
  syncDelayMs: 0,
  offline: 'before-sync',
  qrEveryMs: 20_000,
  qrRefs: 6,
  version: '2.3000.1017054665',
  stuckOpening: false,
  reloadOnceMs: 0,
  replaceStates: 0,
  failSend: '',
  mute: false,
  refuseCodes: false,
  firstState: '',
  sendDelayMs: 0,
  msgKeyField: '$1',
  widJson: 'string',
};

/** What the control server lets another process call. */
const remoteMethods = new Set(
  'pair enterCode adopt unlink contact group ephemeral incoming deliver fromPhone react ack edit revoke groupNotice call drop conflict rawState reloadPage deafen hang setOptions sent log pageLog chromiumArgs'.split(
    ' ',
  ),
);

export class StandIn extends OperationLog {
  readonly options: StandInOptions;
  readonly #world: World;
  readonly #certificate = makeCertificate(whatsappHost);
  readonly #media = new Map<string, Buffer>();
  readonly #delivery: Delivery;
  readonly #pageLog: string[] = [];
  #downUntilMs = 0;
  #code: string | undefined;
  #site: Server | undefined;
  #control: Server | undefined;

  constructor(options: Partial<StandInOptions> = {}, account: Partial<Account> = {}) {
    super();
    this.options = { ...defaultOptions, ...options };
    this.#world = createWorld(account);
    this.#delivery = new Delivery(
      () => ({ everyMs: this.options.qrEveryMs, refs: this.options.qrRefs }),
      () => this.options.mute,
      (pending) => ({
        type: 'hello',
        account: this.account,
        contacts: [...this.#world.contacts.values()],
        chats: [...this.#world.chats.values()],
        pending,
        options: this.options,
      }),
    );
  }

  // === Life

  async start(): Promise<this> {
    this.#site = await startSite(this.#certificate, {
      options: () => this.options,
      isDown: () => Date.now() < this.#downUntilMs,
      openStream: (response, token) => {
        this.note(token === '' ? 'unpaired' : 'online');
        this.#delivery.open(response, token);
      },
      note: (op) => this.note(op),
      request: ({ op, token, ...fields }) => {
        if (op !== 'received') this.note(String(op), fields);
        return answer({ ...fields, op: String(op), token: String(token) }, this.#world, this.#delivery, {
          options: this.options,
          account: this.account,
          react: (from, parent, text) => this.react(from, parent, text),
          newCode: () => (this.#code = randomCode()),
        });
      },
      pageLog: (line) => this.#pageLog.push(line),
      media: this.#media,
    });
    this.#control = await startControl((method, args) => this.#call(method, args));
    return this;
  }

  async stop(): Promise<void> {
    this.#delivery.closeAll();
    for (const server of [this.#site, this.#control]) if (server !== undefined) await closeServer(server);
  }

  get account(): Account {
    return this.#world.account;
  }

  get controlUrl(): string {
    return `http://127.0.0.1:${this.#control === undefined ? 0 : portOf(this.#control)}`;
  }

  /** Chromium flags: the only host that resolves is this server, and only its key is trusted. */
  chromiumArgs(): string[] {
    const port = this.#site === undefined ? 0 : portOf(this.#site);
    return [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-proxy-server',
      `--host-resolver-rules=MAP ${whatsappHost} 127.0.0.1:${port},MAP * ~NOTFOUND,EXCLUDE 127.0.0.1`,
      `--ignore-certificate-errors-spki-list=${this.#certificate.spkiPin}`,
    ];
  }

  // === The world

  contact(id: string, contact: Omit<WireContact, 'id'> = {}): void {
    const whole = { id, ...contact };
    this.#world.contacts.set(id, whole);
    this.#delivery.cast({ type: 'contact', contact: whole });
  }

  group(id: string, group: Pick<WireGroup, 'subject' | 'participants'> & Partial<WireGroup>): void {
    this.#delivery.cast({ type: 'chat', chat: addGroup(this.#world, id, group) });
  }

  /** From now on messages of this chat disappear after so many seconds. */
  ephemeral(chat: string, seconds: number): void {
    this.#world.chats.set(chat, { ...this.#world.chats.get(chat), id: chat, ephemeralDuration: seconds });
  }

  /** Bytes that a message's `directPath` leads to; returns the path. */
  media(bytes: Buffer): string {
    const path = `/_standin/media/${randomHex(8)}`;
    this.#media.set(path, bytes);
    return path;
  }

  // === What the phone and other people do

  /** Scan the QR code that is on show; returns the token that the page's profile now holds. */
  pair(): string {
    return this.#delivery.pair();
  }

  /** Type the pairing code that is on show; returns the token that the page's profile now holds. */
  enterCode(code: string): string {
    if (code !== this.#code) throw new Error('the code is wrong, or of yesterday');
    return this.#delivery.pair();
  }

  /** Know a device that another stand-in paired, so that a copy of its profile starts without a QR code. */
  adopt(token: string): void {
    this.#delivery.addDevice(token);
  }

  /** The phone removes the linked device. */
  unlink(reason = 0): void {
    this.#delivery.unlink(reason);
  }

  /** Somebody writes to the account; returns the message's id. */
  incoming(message: Incoming): string {
    return this.#arrive(receive(this.#world, message), message.deliver);
  }

  /** The owner writes on the phone; returns the message's id. */
  fromPhone(message: FromPhone): string {
    return this.#arrive(writeFromPhone(this.#world, message), message.deliver);
  }

  /** Deliver messages in this order: those kept back by `deliver: false`, and known ones once more (as duplicates). */
  deliver(ids: readonly string[]): void {
    for (const id of ids) {
      const isFirst = this.#world.held.delete(id);
      this.#delivery.message(this.#message(id), !isFirst);
    }
  }

  /** `from` reacts to a message; an empty `text` takes the reaction back. */
  react(from: string, parent: string, text: string): void {
    const { chat } = parseMessageId(parent);
    const participant = chat.endsWith('@g.us') ? [from] : [];
    const id = [String(isOwn(this.#world, from)), chat, `3A${randomHex(9)}`, ...participant].join('_');
    this.#delivery.cast({ type: 'reaction', reaction: { id, parent, text, author: from, tMs: Date.now() } });
  }

  ack(id: string, ack: number): void {
    this.#delivery.cast({ type: 'ack', id, ack });
  }

  edit(id: string, body: string): void {
    this.patch(id, { body, latestEditSenderTimestampMs: Date.now() });
  }

  /** Delete for everyone. `renamed`: the page gives the message a new id and names the old one in protocolMessageKey. */
  revoke(id: string, options: { renamed?: boolean } = {}): void {
    const gone = { type: 'revoked', body: undefined, caption: undefined, directPath: undefined };
    if (options.renamed !== true) return this.patch(id, gone);
    const { fromMe, chat, participant } = parseMessageId(id);
    const newId = [fromMe, chat, `3A${randomHex(9)}`, ...(participant === undefined ? [] : [participant])].join('_');
    this.#delivery.cast({ type: 'patch', id, changes: { ...gone, id: newId, protocolMessageKey: id } });
    Object.assign(this.#message(id), gone);
  }

  /** Change any field of a message, e.g. the late decryption of a `ciphertext`. */
  patch(id: string, changes: Partial<WireMessage>): void {
    Object.assign(this.#message(id), changes);
    const wire = Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, value ?? null]));
    this.#delivery.cast({ type: 'patch', id, changes: wire });
  }

  groupNotice(notice: { chat: string; subtype: string; author: string; recipients?: string[] }): string {
    const { chat, subtype, author, recipients = [] } = notice;
    return this.incoming({ from: author, chat, type: 'gp2', extra: { subtype, recipients } });
  }

  call(call: { peerJid: string; isVideo?: boolean }): void {
    this.#delivery.cast({ type: 'call', call: { id: randomHex(8), isVideo: false, isGroup: false, ...call } });
  }

  /** Cut the network now and refuse connections for so long. */
  drop(ms: number): void {
    this.#downUntilMs = Date.now() + ms;
    this.#delivery.closeAll();
  }

  conflict(): void {
    this.#delivery.cast({ type: 'conflict' });
  }

  /** Force a state of the page's socket, e.g. 'TOS_BLOCK'. */
  rawState(state: string): void {
    this.#delivery.cast({ type: 'state', state });
  }

  spuriousSync(): void {
    this.#delivery.cast({ type: 'hasSynced' });
  }

  reloadPage(): void {
    this.#delivery.cast({ type: 'reload' });
  }

  /** The page stays connected, and the library no longer hears what happens in it. */
  deafen(how: Deafness): void {
    this.#delivery.cast({ type: 'deafen', how });
  }

  /** The page's only thread is busy for so long: now, or at the next message that is sent, before that leaves. */
  hang(ms: number, onSend = false): void {
    this.#delivery.cast({ type: 'hang', ms, onSend });
  }

  setOptions(options: Partial<StandInOptions>): void {
    Object.assign(this.options, options);
  }

  /** Errors in the page, and modules that the library asked for in vain. */
  get pageErrors(): readonly string[] {
    return this.#pageLog;
  }

  // === Inside

  #message(id: string): WireMessage {
    const message = this.#world.messages.get(id);
    if (message === undefined) throw new Error(`no message ${id}`);
    return message;
  }

  #arrive(message: WireMessage, deliver = true): string {
    if (deliver) this.#delivery.message(message, false);
    else this.#world.held.add(message.id);
    return message.id;
  }

  #call(method: string, args: unknown[]): unknown {
    if (!remoteMethods.has(method)) throw new Error(`no method ${method}`);
    if (method === 'pageLog') return this.#pageLog;
    const member = (this as unknown as Record<string, unknown>)[method];
    return typeof member === 'function' ? (member as (...all: unknown[]) => unknown).apply(this, args) : member;
  }
}

export async function startStandIn(
  options: Partial<StandInOptions> = {},
  account: Partial<Account> = {},
): Promise<StandIn> {
  return new StandIn(options, account).start();
}
