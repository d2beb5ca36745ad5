/**
 * Functions that run inside WhatsApp Web's page. Only their source crosses over, so each one is self-contained and uses
 * nothing but page globals: WhatsApp's module loader and what whatsapp-web.js put there. Every module named here is one
 * that the library itself relies on.
 */
import type { LooseId } from './shim.ts';

interface PageModules {
  WAWebSocketModel: { Socket: { state: string; hasSynced: boolean } };
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
