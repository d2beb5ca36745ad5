/**
 * WhatsApp under a supervisor: `openWhatsApp` starts a session (session.ts), starts the next one with back-off when it
 * breaks, and stops with a UserError where only the owner can help (logged out, in use elsewhere, blocked, outdated).
 * What is sent is tried once. Never logs text, names or numbers. Not covered here: probing a session that looks healthy,
 * limits on memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundMessage } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { ensurePrivateDir } from '../util/files.ts';
import type { Logger } from '../util/log.ts';
import { deferred, type Deferred } from './async.ts';
import * as calls from './calls.ts';
import { containLibraryRejections } from './contain.ts';
import { errorLine } from './errors.ts';
import { createIdentity, type Identity } from './identity.ts';
import { profileDir, removeProfile } from './profile.ts';
import { Session, type SessionEnd, type Timeouts } from './session.ts';
import type { ChatEvents } from './wiring.ts';

export { SendTimeout } from './errors.ts';

export const clientStates = [
  'starting',
  'pairing',
  'syncing',
  'ready',
  'phone offline',
  'logged out',
  'blocked',
  'outdated',
  'stopped',
] as const;
export type ClientState = (typeof clientStates)[number];

export interface WhatsAppEvents extends ChatEvents {
  /** a QR code to scan; a new one about every 20 s until somebody does */
  onQr(qr: string): void;
  /** connected, also again after a restart: time for the catch-up. `aliases` are the account's own ids, number first */
  onReady(account: { aliases: string[] }): void;
  onState(state: ClientState): void;
  /** there is no browser for so many ms: a session broke, and the next one is not started before */
  onBackOff?(waitMs: number): void;
  /** logged out, in use elsewhere, blocked or outdated: the client has stopped */
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
  sendFile(chatId: string, file: calls.OutgoingFile, caption: string): Promise<string>;
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
  timeouts?: Partial<Timeouts>;
}

export const defaultTimeouts: Timeouts = {
  startMs: 120_000,
  readyMs: 180_000,
  pollMs: 2_000,
  sendMs: 30_000,
  callMs: 30_000,
  probeMs: 10_000,
  closeMs: 15_000,
  backoffMs: 1_000,
};

const hourMs = 3_600_000;
const maxRestartsPerHour = 6;
const maxBackoffMs = 900_000;
/** Starts without any network after which the owner is told. */
const attemptsOffline = 3;

/**
 * Start WhatsApp Web and keep it running. Resolves once a browser runs; pairing and everything after it come as events.
 * @throws UserError where the browser cannot be started or another one uses the profile
 */
export async function openWhatsApp(options: WhatsAppOptions): Promise<WhatsAppClient> {
  ensurePrivateDir(options.sessionDir);
  const client = new Supervisor(options);
  await client.launched;
  return client;
}

class Supervisor implements WhatsAppClient {
  readonly launched: Promise<void>;
  readonly #options: WhatsAppOptions;
  readonly #timeouts: Timeouts;
  readonly #args: string[];
  readonly #log: Logger;
  readonly #identity: Identity;
  readonly #closing = new AbortController();
  readonly #release = containLibraryRejections((error) =>
    this.#log.warn({ error: errorLine(error) }, 'whatsapp-web.js left a failure unhandled'),
  );
  readonly #running: Promise<void>;
  #session: Session | undefined;
  #restartsMs: number[] = [];
  #state: ClientState | undefined;
  #wasReached = false;

  constructor(options: WhatsAppOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#identity = createIdentity(async (id) => calls.lookUpIds(this.#ready(), id));
    this.#args = [...options.browser.args];
    const isRoot = process.getuid?.() === 0;
    if (isRoot && !this.#args.includes('--no-sandbox')) {
      this.#log.info('running as root: Chromium starts without its sandbox');
      this.#args.push('--no-sandbox');
    }
    const launched = deferred<void>();
    this.launched = launched.promise;
    this.#running = this.#supervise(launched);
  }

  async send(chatId: string, text: string, options: { quotedId?: string } = {}): Promise<string> {
    return calls.sendText(this.#ready(), chatId, text, options.quotedId);
  }

  async sendFile(chatId: string, file: calls.OutgoingFile, caption: string): Promise<string> {
    return calls.sendFile(this.#ready(), chatId, file, caption);
  }

  async setTyping(chatId: string, typing: boolean): Promise<void> {
    try {
      await calls.setTyping(this.#ready(), chatId, typing);
    } catch (error) {
      this.#log.debug({ error: errorLine(error) }, 'typing could not be shown');
    }
  }

  async fetchSince(chatId: string, sinceMs: number): Promise<InboundMessage[]> {
    return calls.fetchSince(this.#ready(), chatId, sinceMs);
  }

  async aliases(id: string): Promise<string[]> {
    return this.#identity.aliases(id);
  }

  async probe(): Promise<void> {
    if (this.#session === undefined) throw new Error('no browser runs');
    await calls.probePage(this.#session);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#session?.end({ reason: 'closed', detail: 'closed' });
    await this.#running;
  }

  /** One session after the other, until the client is closed or only the owner can help. Never rejects. */
  async #supervise(launched: Deferred<void>): Promise<void> {
    let hasLaunched = false;
    while (!this.#closing.signal.aborted) {
      this.#setState('starting');
      this.#session = this.#newSession(() => {
        hasLaunched = true;
        launched.resolve();
      });
      const end = await this.#session.run();
      if (end.reason === 'closed') break;
      this.#log.warn({ reason: end.reason, error: errorLine(end.error ?? end.detail) }, 'the session ended');
      if (!hasLaunched) {
        launched.reject(end.error instanceof UserError ? end.error : browserFailed(end.error));
        break;
      }
      if (end.reason !== 'broken') {
        this.#reportFatal(end);
        break;
      }
      if (this.#isOfflineFromTheStart(end)) {
        this.#tell(() => this.#options.events.onFatal(unreachable(end.error)));
        break;
      }
      await this.#backOff();
    }
    this.#session = undefined;
    this.#setState('stopped');
    this.#release();
    launched.resolve(); // closed before the browser was there
  }

  #newSession(onLaunched: () => void): Session {
    const { sessionDir, browser, log, events } = this.#options;
    return new Session({
      sessionDir,
      executablePath: browser.executablePath,
      args: this.#args,
      log,
      timeouts: this.#timeouts,
      hooks: {
        chat: events,
        onLaunched,
        onQr: (qr) => this.#tell(() => events.onQr(qr)),
        onState: (state) => this.#setState(state),
        onReady: (aliases) => {
          this.#identity.learn(aliases);
          this.#tell(() => events.onReady({ aliases }));
        },
        learn: (ids) => this.#identity.learn(ids),
      },
    });
  }

  /** Never got through and cannot: somebody is at the terminal and should know. Later, a lost network is waited for. */
  #isOfflineFromTheStart({ error }: SessionEnd): boolean {
    if (this.#options.isUnattended === true) return false;
    return !this.#wasReached && this.#restartsMs.length >= attemptsOffline - 1 && isNetworkError(error);
  }

  /** Wait before the next start: longer each time, and never more than six starts an hour. */
  async #backOff(): Promise<void> {
    const now = Date.now();
    this.#restartsMs = this.#restartsMs.filter((atMs) => now - atMs < hourMs);
    const count = this.#restartsMs.length;
    const oldest = this.#restartsMs[0] ?? now;
    const pauseMs = Math.min(this.#timeouts.backoffMs * 5 ** count, maxBackoffMs);
    const waitMs = count < maxRestartsPerHour ? pauseMs : oldest + hourMs - now;
    this.#log.info({ waitMs, restartsThisHour: count }, 'starting WhatsApp again');
    this.#tell(() => this.#options.events.onBackOff?.(waitMs));
    await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined); // aborted by close()
    this.#restartsMs.push(Date.now());
  }

  #reportFatal(end: SessionEnd): void {
    if (end.reason === 'logged out') removeProfile(profileDir(this.#options.sessionDir));
    const { state, error } = fatal(end);
    this.#setState(state);
    this.#tell(() => this.#options.events.onFatal(error));
  }

  #setState(state: ClientState): void {
    const isFinal = this.#state === 'logged out' || this.#state === 'blocked' || this.#state === 'outdated';
    if (state === this.#state || isFinal) return;
    this.#state = state;
    this.#wasReached ||= state === 'pairing' || state === 'syncing' || state === 'ready';
    this.#tell(() => this.#options.events.onState(state));
  }

  /** A listener that throws must not stop the supervisor. */
  #tell(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log.error({ error: errorLine(error) }, 'an event could not be handled');
    }
  }

  /** @throws Error while there is no connection, so that nothing is left to go out later */
  #ready(): Session {
    if (this.#session?.isReady !== true || this.#state !== 'ready') throw new Error('WhatsApp is not connected');
    return this.#session;
  }
}

/** Chromium's word for a page that no network leads to. */
function isNetworkError(error: unknown): boolean {
  return (
    error instanceof Error && /net::ERR_(?:NAME|INTERNET|ADDRESS|NETWORK|CONNECTION|PROXY|TIMED)/.test(error.message)
  );
}

function unreachable(cause: unknown): UserError {
  return new UserError(
    `web.whatsapp.com cannot be reached (${errorLine(cause)}).`,
    'Check the network of this machine, then start again.',
    { cause },
  );
}

/** What the owner is told, and the state to be left in. */
function fatal({ reason, detail }: SessionEnd): { state: ClientState; error: UserError } {
  switch (reason) {
    case 'logged out':
      return {
        state: reason,
        error: new UserError('WhatsApp logged this device out.', 'Start again and scan the QR code.'),
      };
    case 'blocked':
      return {
        state: reason,
        error: new UserError(
          `WhatsApp blocked this account or connection (${detail}).`,
          'Open WhatsApp on the phone and follow what it says.',
        ),
      };
    case 'outdated':
      return {
        state: reason,
        error: new UserError('WhatsApp Web refuses this version.', 'Update this program and start again.'),
      };
    case 'conflict':
      return {
        state: 'stopped',
        error: new UserError(
          'This WhatsApp session is in use elsewhere.',
          'Close the other WhatsApp Web window and start again.',
        ),
      };
    case 'broken':
    case 'closed':
      throw new Error(`check failed: ${reason} is not fatal`);
  }
}

function browserFailed(cause: unknown): UserError {
  const hint = 'Run `persona doctor`, or point CHROME_PATH at a Chrome or Chromium that starts.';
  return new UserError(`The browser could not be started (${errorLine(cause)}).`, hint, { cause });
}
