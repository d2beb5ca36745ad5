/** What a user of the WhatsApp client is told, may ask for, and decides. */
import type { InboundMessage } from '../types.ts';
import type { UserError } from '../util/errors.ts';
import type { Logger } from '../util/log.ts';
import type { OutgoingFile } from './calls.ts';
import type { Clock } from './clock.ts';
import type { ClientState } from './states.ts';
import type { Timeouts } from './timeouts.ts';
import type { ChatEvents } from './wiring.ts';

export interface WhatsAppEvents extends ChatEvents {
  /** a QR code to scan; a new one about every 20 s until somebody does */
  onQr(qr: string): void;
  /** a pairing code to type on the phone, eight characters; a new one every three minutes until somebody does */
  onCode?(code: string): void;
  /** connected, also again after a restart: time for the catch-up. `aliases` are the account's own ids, number first */
  onReady(account: { aliases: string[] }): void;
  onState(state: ClientState): void;
  /** there is no browser for so many ms: a session broke, and the next one is not started before */
  onBackOff?(waitMs: number): void;
  /** logged out, in use elsewhere, blocked, outdated or never linked: the client has stopped */
  onFatal(error: UserError): void;
}

export interface WhatsAppClient {
  /**
   * Send a text, quoting a message where `quotedId` names one.
   * @returns the message's id
   * @throws SendTimeout where it may have left; any other Error where it did not
   */
  send(chatId: string, text: string, options?: { quotedId?: string }): Promise<string>;
  /** As `send`: a document with a text under it. */
  sendFile(chatId: string, file: OutgoingFile, caption: string): Promise<string>;
  /** show or hide "typing…"; best effort */
  setTyping(chatId: string, typing: boolean): Promise<void>;
  /** messages of a chat from `sinceMs` on, oldest first, at most the newest 1,600 */
  fetchSince(chatId: string, sinceMs: number): Promise<InboundMessage[]>;
  /** all known ids of a person, the given one first */
  aliases(id: string): Promise<string[]>;
  /**
   * Ask the page whether it is there. Quiet chats, a phone that is offline and a QR code that nobody scans are no failure.
   * @throws Error where no page answers within `probeMs`, or where WhatsApp does not run in it
   */
  probe(): Promise<void>;
  /** memory of Chromium with all its processes; undefined where none runs, or where the system does not tell */
  browserBytes(): number | undefined;
  /** takes this device off the account: the session ends as logged out, and its profile is removed */
  unlink(): Promise<void>;
  /** closes the browser gracefully, so that the session survives */
  close(): Promise<void>;
}

export interface WhatsAppOptions {
  /** folder of the browser profile; holds the login, so it is private */
  sessionDir: string;
  browser: { executablePath: string; args: readonly string[] };
  log: Logger;
  events: WhatsAppEvents;
  /** nobody watches the start: a network that is not there yet is waited for. Default false: after three tries it is said */
  isUnattended?: boolean;
  /** pair by a code for this number (digits, country code first) instead of a QR code */
  pairingNumber?: string;
  /** of Chromium and this process together, in bytes; over it, the browser is replaced at a quiet moment. Default: none */
  memoryLimit?: number;
  /** resolves when no reply is under way */
  settled?: () => Promise<void>;
  timeouts?: Partial<Timeouts>;
  /** default: the system's */
  clock?: Clock;
}
