/**
 * WhatsApp under a supervisor: `openWhatsApp` starts a session (session.ts), starts the next one with back-off when it
 * breaks or hangs, replaces one that grew too large or old (upkeep.ts), and stops with a UserError where only the owner
 * can help (logged out, in use elsewhere, blocked, outdated, never linked). What is sent is tried once. Never logs text,
 * names or numbers. docs/failures.md lists each failure with what is done about it.
 */
import type { InboundMessage } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { ensurePrivateDir } from '../util/files.ts';
import type { Logger } from '../util/log.ts';
import { deferred, type Deferred } from './async.ts';
import { Backoff } from './backoff.ts';
import * as calls from './calls.ts';
import { systemClock, type Clock } from './clock.ts';
import { containLibraryRejections } from './contain.ts';
import type { WhatsAppClient, WhatsAppOptions } from './contract.ts';
import { errorLine } from './errors.ts';
import { browserFailed, describeFatal, isFatal, isNetworkError, unreachable, type FatalReason } from './fatal.ts';
import { createIdentity, type Identity } from './identity.ts';
import { memoryOfTree } from './memory.ts';
import { profileDir, removeProfile } from './profile.ts';
import { Session } from './session.ts';
import { isFinal, type ClientState, type SessionEnd } from './states.ts';
import { defaultTimeouts, type Timeouts } from './timeouts.ts';
import { Upkeep } from './upkeep.ts';

export type { WhatsAppClient, WhatsAppEvents, WhatsAppOptions } from './contract.ts';
export { SendTimeout } from './errors.ts';
export { clientStates, type ClientState } from './states.ts';

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
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #upkeep: Upkeep;
  #session: Session | undefined;
  #callsUnderWay = 0;
  #calledAtMs: number;
  /** since when a QR or pairing code is shown */
  #unlinkedSinceMs: number | undefined;
  #state: ClientState | undefined;
  #wasReached = false;

  constructor(options: WhatsAppOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#clock = options.clock ?? systemClock;
    this.#calledAtMs = this.#clock.now();
    this.#backoff = new Backoff(this.#clock, this.#timeouts.backoffMs);
    this.#upkeep = new Upkeep({
      clock: this.#clock,
      timeouts: this.#timeouts,
      log: options.log,
      memoryLimit: options.memoryLimit,
      settled: options.settled ?? (() => Promise.resolve()),
    });
    this.#identity = createIdentity(async (id) => this.#call((session) => calls.lookUpIds(session, id)));
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
    return this.#call((session) => calls.sendText(session, chatId, text, options.quotedId));
  }

  async sendFile(chatId: string, file: calls.OutgoingFile, caption: string): Promise<string> {
    return this.#call((session) => calls.sendFile(session, chatId, file, caption));
  }

  async setTyping(chatId: string, typing: boolean): Promise<void> {
    try {
      await this.#call((session) => calls.setTyping(session, chatId, typing));
    } catch (error) {
      this.#log.debug({ error: errorLine(error) }, 'typing could not be shown');
    }
  }

  async fetchSince(chatId: string, sinceMs: number): Promise<InboundMessage[]> {
    return this.#call((session) => calls.fetchSince(session, chatId, sinceMs));
  }

  async aliases(id: string): Promise<string[]> {
    return this.#identity.aliases(id);
  }

  async probe(): Promise<void> {
    if (this.#session === undefined) throw new Error('no browser runs');
    await calls.probePage(this.#session);
  }

  browserBytes(): number | undefined {
    const pid = this.#session?.browserPid;
    return pid === undefined ? undefined : memoryOfTree(pid);
  }

  async unlink(): Promise<void> {
    await calls.unlink(this.#ready());
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
      if (end.reason === 'renewed') {
        this.#log.info({ why: end.detail }, 'a fresh browser');
        await this.#backOff(true);
        continue;
      }
      this.#log.warn({ reason: end.reason, error: errorLine(end.error ?? end.detail) }, 'the session ended');
      if (!hasLaunched) {
        launched.reject(end.error instanceof UserError ? end.error : browserFailed(end.error));
        break;
      }
      if (isFatal(end)) {
        if (end.reason === 'logged out' && end.keepsProfile !== true)
          removeProfile(profileDir(this.#options.sessionDir));
        this.#reportFatal(end.reason, end.detail);
        break;
      }
      if (this.#isOfflineFromTheStart(end)) {
        this.#tell(() => this.#options.events.onFatal(unreachable(end.error)));
        break;
      }
      await this.#backOff(false);
    }
    this.#session = undefined;
    this.#setState('stopped');
    this.#release();
    launched.resolve(); // closed before the browser was there
  }

  #newSession(onLaunched: () => void): Session {
    const { sessionDir, browser, log, events, pairingNumber } = this.#options;
    return new Session({
      sessionDir,
      executablePath: browser.executablePath,
      args: this.#args,
      log,
      timeouts: this.#timeouts,
      clock: this.#clock,
      ...(pairingNumber !== undefined && { pairingNumber }),
      hooks: {
        chat: events,
        onLaunched,
        onQr: (qr) => this.#showUnlinked(() => events.onQr(qr)),
        onCode: (code) => this.#showUnlinked(() => events.onCode?.(code)),
        onState: (state) => this.#setState(state),
        renewal: async ({ pid, startedAtMs, eventAtMs }) =>
          this.#upkeep.due({
            pid,
            startedAtMs,
            activeAtMs: Math.max(eventAtMs, this.#calledAtMs),
            callsUnderWay: this.#callsUnderWay,
          }),
        onReady: (aliases) => {
          this.#unlinkedSinceMs = undefined;
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
    return !this.#wasReached && this.#backoff.count >= attemptsOffline - 1 && isNetworkError(error);
  }

  /** Nobody links the phone for an hour: showing codes for ever helps nobody, and WhatsApp counts them. */
  #showUnlinked(show: () => void): void {
    const now = this.#clock.now();
    this.#unlinkedSinceMs ??= now;
    if (now - this.#unlinkedSinceMs < this.#timeouts.pairingMs) this.#tell(show);
    else this.#session?.end({ reason: 'not linked', detail: 'nobody linked this device' });
  }

  /** Wait before the next start; backoff.ts says how long. */
  async #backOff(isPlanned: boolean): Promise<void> {
    const waitMs = this.#backoff.waitMs(isPlanned);
    this.#log.info({ waitMs, restartsThisHour: this.#backoff.count }, 'starting WhatsApp again');
    this.#tell(() => this.#options.events.onBackOff?.(waitMs));
    await this.#clock.sleep(waitMs, this.#closing.signal);
    this.#backoff.note();
  }

  #reportFatal(reason: FatalReason, detail: string): void {
    const { state, error } = describeFatal(reason, detail);
    this.#setState(state);
    this.#tell(() => this.#options.events.onFatal(error));
  }

  #setState(state: ClientState): void {
    if (state === this.#state || isFinal(this.#state)) return;
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

  /** Counted, so that no browser is replaced under it. */
  async #call<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#ready();
    this.#callsUnderWay++;
    try {
      return await work(session);
    } finally {
      this.#callsUnderWay--;
      this.#calledAtMs = this.#clock.now();
    }
  }

  /** @throws Error while there is no connection, so that nothing is left to go out later */
  #ready(): Session {
    if (this.#session?.isReady !== true || this.#state !== 'ready') throw new Error('WhatsApp is not connected');
    return this.#session;
  }
}
