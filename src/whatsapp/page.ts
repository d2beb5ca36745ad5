/**
 * Functions that run inside WhatsApp Web's page. Only their source crosses over, so each one is self-contained and uses
 * nothing but page globals: WhatsApp's module loader and what whatsapp-web.js put there. Every module named here is one
 * that the library itself relies on.
 */
import type { LooseId } from './shim.ts';

interface PageMessage {
  id: { fromMe: boolean; _serialized?: string; $1?: string };
  type: string;
  /** unix seconds */
  t: number;
  /** it arrived while this document ran */
  isNewMsg?: boolean;
}

interface PageModules {
  WAWebSocketModel: { Socket: { state: string; hasSynced: boolean; logout(): Promise<void> } };
  WAWebCollections: { Chat: { getModelsArray(): { t?: number; msgs: { getModelsArray(): PageMessage[] } }[] } };
  WAWebQueryExistsJob: { queryWidExists(id: { _serialized: string }): Promise<unknown> };
  WAWebCmd: { Cmd: { refreshQR(): void } };
  WAWebUserPrefsMeUser: {
    getMaybeMePnUser(): { _serialized: string } | null | undefined;
    getMaybeMeLidUser(): { _serialized: string } | null | undefined;
  };
}

interface PageGlobals {
  require?<Name extends keyof PageModules>(name: Name): PageModules[Name];
  /** the library's helpers; there once it is ready */
  WWebJS?: {
    getChat(chatId: string, options: { getAsModel: false }): Promise<{ id: LooseId } | null>;
    sendChatstate(state: 'typing' | 'stop', chatId: string): Promise<boolean>;
  };
  /** calls back into the library */
  onAppStateHasSyncedEvent?(): Promise<void>;
  /** of no effect without a battery in it, but answered */
  onBatteryStateChangedEvent?(state: object): Promise<void>;
  personaInjected?: boolean;
}

export interface PageState {
  /** WhatsApp's socket: OPENING, PAIRING, UNPAIRED, UNPAIRED_IDLE, CONNECTED, TIMEOUT, …; '' before its code is there */
  socket: string;
  hasSynced: boolean;
  /** the library has made itself at home */
  isWired: boolean;
}

export function readPageState(): PageState {
  const page = globalThis as unknown as PageGlobals;
  try {
    const socket = page.require?.('WAWebSocketModel').Socket;
    return { socket: socket?.state ?? '', hasSynced: socket?.hasSynced === true, isWired: page.WWebJS !== undefined };
  } catch {
    return { socket: '', hasSynced: false, isWired: false };
  }
}

/** What a page shows that is looked at. */
export interface Signs extends PageState {
  /** messages of other people that arrived within the last ten minutes while this document ran: their ids, at most 200 */
  fresh: string[];
}

/** A look that the library takes part in: the answer comes once it has heard everything that the page said before. */
export async function takePulse(): Promise<Signs> {
  const page = globalThis as unknown as PageGlobals;
  const signs: Signs = { socket: '', hasSynced: false, isWired: false, fresh: [] };
  try {
    const socket = page.require?.('WAWebSocketModel').Socket;
    signs.socket = socket?.state ?? '';
    signs.hasSynced = socket?.hasSynced === true;
  } catch {
    return signs; // its code is not there yet
  }
  signs.isWired = page.WWebJS !== undefined && 'onAddMessageEvent' in page;
  if (!signs.isWired) return signs;
  try {
    const since = Date.now() / 1000 - 600;
    const texts = ['chat', 'image', 'video', 'ptt', 'audio', 'document', 'sticker', 'location', 'vcard'];
    const chats = page.require?.('WAWebCollections').Chat.getModelsArray() ?? [];
    const fresh = chats
      .filter((chat) => (chat.t ?? 0) >= since)
      .flatMap((chat) => chat.msgs.getModelsArray())
      .filter(({ id, type, t, isNewMsg }) => isNewMsg === true && t >= since && !id.fromMe && texts.includes(type));
    signs.fresh = fresh.slice(-200).map(({ id }) => id._serialized ?? id.$1 ?? '');
  } catch {
    signs.fresh = []; // WhatsApp has changed; the rest still tells
  }
  await page.onBatteryStateChangedEvent?.({});
  return signs;
}

/** Ask WhatsApp's server about the own number. Any answer will do, a refusal too; without a connection there is none. */
export async function askServer(): Promise<void> {
  const page = globalThis as unknown as PageGlobals;
  try {
    const own = page.require?.('WAWebUserPrefsMeUser').getMaybeMePnUser();
    if (own) await page.require?.('WAWebQueryExistsJob').queryWidExists(own);
  } catch {
    return;
  }
}

/** The sync was over before the library listened: tell it now. */
export function announceSync(): void {
  const page = globalThis as unknown as PageGlobals;
  void page.onAppStateHasSyncedEvent?.();
}

/** Ask for a fresh QR code after WhatsApp stopped showing them; the library tries that in the wrong process. */
export function refreshQr(): void {
  const page = globalThis as unknown as PageGlobals;
  page.require?.('WAWebCmd').Cmd.refreshQR();
}

/** The account's own ids, phone number first. */
export function readOwnIds(): string[] {
  const page = globalThis as unknown as PageGlobals;
  const user = page.require?.('WAWebUserPrefsMeUser');
  const ids = [user?.getMaybeMePnUser()?._serialized, user?.getMaybeMeLidUser()?._serialized];
  return ids.filter((id) => id !== undefined);
}

/** Take this device off the account's list of linked devices. The page leaves for the one with the QR code. */
export async function logOut(): Promise<void> {
  const page = globalThis as unknown as PageGlobals;
  await page.require?.('WAWebSocketModel').Socket.logout();
}

/** Open a chat as sending would; throws where WhatsApp does not know it. */
export async function hasChat(chatId: string): Promise<boolean> {
  const page = globalThis as unknown as PageGlobals;
  return Boolean(await page.WWebJS?.getChat(chatId, { getAsModel: false }));
}

export async function showTyping(chatId: string, typing: boolean): Promise<void> {
  const page = globalThis as unknown as PageGlobals;
  await page.WWebJS?.sendChatstate(typing ? 'typing' : 'stop', chatId);
}

/** True where this document was prepared already; a same-document navigation keeps it. */
export function isInjected(): boolean {
  return (globalThis as unknown as PageGlobals).personaInjected === true;
}

export function markInjected(): void {
  (globalThis as unknown as PageGlobals).personaInjected = true;
}
