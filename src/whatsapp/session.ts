/**
 * One life of the browser with WhatsApp Web in it: launch, wait for a QR code or a login, watch it to its end, close. A
 * session is never revived; the supervisor in client.ts starts the next one. The page is looked at all the time (pulse.ts):
 * one that hangs or is deaf ends the session. While it is not ready, every `pollMs`: a missed end of sync is announced
 * again, an expired QR code refreshed, a refusal reported.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../util/log.ts';
import { Arrival, endOfState, refusal } from './arrival.ts';
import { deferred, within } from './async.ts';
import type { Clock } from './clock.ts';
import { errorLine } from './errors.ts';
import { GuardedClient, type Browser, type Page } from './library.ts';
import { askServer, readOwnIds, takePulse } from './page.ts';
import { claimProfile, profileDir } from './profile.ts';
import { Pulse } from './pulse.ts';
import { keyText } from './shim.ts';
import type { LinkState, SessionEnd } from './states.ts';
import type { Timeouts } from './timeouts.ts';
import { wireChatEvents, type ChatEvents } from './wiring.ts';

export interface SessionHooks {
  chat: ChatEvents;
  onLaunched(): void;
  onQr(qr: string): void;
  onCode(code: string): void;
  /** once for each document that became ready; `own` are the account's ids */
  onReady(own: string[]): void;
  onState(state: LinkState): void;
  learn: (ids: readonly string[]) => void;
  /** asked again and again while it is ready: why this browser should be replaced now */
  renewal(browser: { pid: number | undefined; startedAtMs: number; eventAtMs: number }): Promise<string | undefined>;
}

export interface SessionOptions {
  sessionDir: string;
  executablePath: string;
  args: string[];
  log: Logger;
  timeouts: Timeouts;
  clock: Clock;
  /** pair by a code for this number; undefined: by QR code */
  pairingNumber?: string;
  hooks: SessionHooks;
}

export class Session {
  readonly client: GuardedClient;
  readonly #options: SessionOptions;
  readonly #over = deferred<SessionEnd>();
  readonly #launched = deferred<void>();
  readonly #pulse: Pulse;
  readonly #arrival: Arrival;
  readonly #startedAtMs: number;
  #end: SessionEnd | undefined;
  #browser: Browser | undefined;
  #own: string[] = [];
  #isReady = false;
  #pairedAtMs = -Infinity;
  #waiting: (() => void)[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    const { sessionDir, executablePath, args, timeouts, hooks, log, clock, pairingNumber } = options;
    this.#startedAtMs = clock.now();
    this.#pulse = new Pulse({
      clock,
      timeouts,
      look: () => this.client.pupPage?.evaluate(takePulse),
      askServer: () => this.client.pupPage?.evaluate(askServer),
    });
    this.#arrival = new Arrival({
      clock,
      log,
      readyMs: timeouts.readyMs,
      isByCode: pairingNumber !== undefined,
      tell: (action) => this.ask(() => this.client.pupPage?.evaluate(action)),
    });
    const protocolTimeoutMs = Math.max(timeouts.startMs, timeouts.sendMs, timeouts.callMs);
    this.client = new GuardedClient(
      {
        sessionDir,
        executablePath,
        args,
        loadTimeoutMs: timeouts.startMs,
        protocolTimeoutMs,
        ...(pairingNumber !== undefined && { pairingNumber }),
      },
      {
        onEvent: () => this.#pulse.noteEvent(),
        onNoCode: (error) => this.end({ reason: 'no code', detail: errorLine(error), error }),
        onLaunched: (browser, page) => this.#onLaunched(browser, page),
        onFailure: (error) => log.warn({ error: errorLine(error) }, 'whatsapp-web.js failed in the background'),
        isOver: () => this.#end !== undefined,
      },
    );
    wireChatEvents(this.client, {
      events: hooks.chat,
      log,
      own: () => this.#own,
      learn: hooks.learn,
      whenReady: (work) => {
        if (this.#own.length > 0) work();
        else this.#waiting.push(work);
      },
    });
    this.client.on('message_create', (message) => this.#pulse.noteMessage(keyText(message.id)));
    this.client.on('qr', (qr) => this.#onUnlinked(() => hooks.onQr(qr)));
    this.client.on('code', (code) => this.#onUnlinked(() => hooks.onCode(code)));
    this.client.on('loading_screen', () => this.#onProgress());
    this.client.on('ready', () => void this.#onReady());
    this.client.on('change_state', (state: string) => this.#onSocketState(state));
    this.client.on('auth_failure', () => this.end({ reason: 'logged out', detail: 'the session was not accepted' }));
    this.client.on('disconnected', (state: string) => this.end(endOfState(state)));
  }

  /** WhatsApp Web is there, logged in and listening. */
  get isReady(): boolean {
    return this.#isReady && this.#end === undefined;
  }

  get timeouts(): Timeouts {
    return this.#options.timeouts;
  }

  get browserPid(): number | undefined {
    return this.#browser?.process()?.pid;
  }

  /** The account's own ids; empty before it is ready. */
  get own(): readonly string[] {
    return this.#own;
  }

  /** From launch to the end; the browser is gone when this resolves. Never rejects. */
  async run(): Promise<SessionEnd> {
    try {
      const started = this.#start();
      const { startMs } = this.#options.timeouts;
      const late = (): Error => new Error(`no QR code or login within ${startMs} ms`);
      await within(Promise.race([started, this.#over.promise]), startMs, late);
      await this.#watch();
    } catch (error) {
      this.end({ reason: 'broken', detail: 'the start failed', error });
    }
    await this.#close();
    return this.#over.promise;
  }

  /** Begin the end; only the first reason counts. */
  end(end: SessionEnd): void {
    this.#end ??= end;
    this.#over.resolve(this.#end);
  }

  async #start(): Promise<void> {
    try {
      await claimProfile(profileDir(this.#options.sessionDir), this.timeouts.closeMs);
      await this.client.initialize();
    } catch (error) {
      this.#launched.resolve(); // nothing more to wait for
      this.end({ reason: 'broken', detail: 'the start failed', error });
    }
  }

  #onLaunched(browser: Browser, page: Page): void {
    this.#browser = browser;
    // puppeteer stops listening to its pipes when they close, and a killed browser resets them a moment later
    for (const stream of browser.process()?.stdio ?? []) stream?.on('error', () => undefined);
    const lost = (detail: string) => () => this.end({ reason: 'broken', detail });
    browser.on('disconnected', lost('the browser is gone'));
    page.on('error', lost('the page crashed'));
    page.on('close', lost('the page was closed'));
    page.on('framenavigated', () => this.#pulse.noteEvent());
    page.on('domcontentloaded', () => this.#onDocument(page.url()));
    this.#launched.resolve();
    this.#options.hooks.onLaunched();
  }

  /** A new document: nothing of the library is in it yet. */
  #onDocument(url: string): void {
    if (url.includes('post_logout=1')) this.end({ reason: 'logged out', detail: 'the phone removed this device' });
    if (this.#isReady) this.#options.hooks.onState('syncing');
    this.#isReady = false;
    this.#arrival.reset();
    this.#pulse.reset();
  }

  /** Not linked with a phone yet: something is shown that links it. */
  #onUnlinked(show: () => void): void {
    if (this.#end !== undefined) return;
    this.#pairedAtMs = Infinity; // until it is linked
    this.#options.hooks.onState('pairing');
    show();
  }

  /** History and missed messages are coming in; after pairing that may take minutes. */
  #onProgress(): void {
    this.#arrival.progress();
    if (!this.#isReady && this.#end === undefined) this.#options.hooks.onState('syncing');
  }

  /** The library may say so several times for one document; only the first one counts. */
  async #onReady(): Promise<void> {
    if (this.#isReady || this.#end !== undefined) return;
    this.#isReady = true;
    this.#pulse.reset();
    if (this.#pairedAtMs === Infinity) this.#pairedAtMs = this.#now();
    const known = [this.client.info.wid._serialized];
    const asked = await this.ask(() => this.client.pupPage?.evaluate(readOwnIds)).catch(() => undefined);
    const signs = await this.ask(() => this.client.pupPage?.evaluate(takePulse)).catch(() => undefined);
    if (!this.isReady) return; // gone again meanwhile
    this.#pulse.begin(signs?.fresh ?? []);
    this.#own = [...new Set([...(asked ?? []), ...known])];
    this.#options.hooks.onState('ready');
    this.#options.hooks.onReady(this.#own);
    for (const work of this.#waiting.splice(0)) work();
  }

  /** Said by an event, or seen in the page. */
  #onSocketState(state: string): void {
    if (!this.isReady || this.#own.length === 0) return;
    const refused = refusal(state);
    if (refused !== undefined) return this.end(refused);
    if (state === 'TIMEOUT') this.#options.hooks.onState('phone offline');
    if (state === 'CONNECTED') this.#options.hooks.onState('ready');
  }

  /** A question to the page, with a limit. What the page throws may name people; what this throws does not. */
  async ask<T>(question: () => Promise<T> | undefined): Promise<T | undefined> {
    const { callMs } = this.#options.timeouts;
    const late = (): Error => new Error(`no answer of the page within ${callMs} ms`);
    try {
      return await within(Promise.resolve(question()), callMs, late);
    } catch (error) {
      throw new Error(`WhatsApp Web could not be asked: ${errorLine(error)}`);
    }
  }

  async #watch(): Promise<void> {
    this.#arrival.progress();
    while (this.#end === undefined) {
      await Promise.race([this.#options.clock.sleep(this.timeouts.pollMs), this.#over.promise]);
      if (this.#end === undefined) await Promise.race([this.#look(), this.#over.promise]);
    }
  }

  /** One look at the page, where it is due, and what follows from it. */
  async #look(): Promise<void> {
    const wasReady = this.#isReady;
    const { signs, dead } = await this.#pulse.beat(wasReady);
    if (this.#end !== undefined || this.#isReady !== wasReady) return;
    if (dead !== undefined) return this.end({ reason: 'broken', detail: dead });
    if (!wasReady) {
      const end = await this.#arrival.helpOn(signs);
      if (end !== undefined && !this.#isReady) this.end(end);
    } else if (signs !== undefined) this.#onSocketState(signs.socket);
    if (!this.isReady) return;
    const eventAtMs = this.#pulse.eventAtMs;
    const why = await this.#options.hooks.renewal({ pid: this.browserPid, startedAtMs: this.#startedAtMs, eventAtMs });
    if (why !== undefined && this.isReady) this.end({ reason: 'renewed', detail: why });
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Close gracefully, so that the login is on disk; kill only what does not close, and not just after pairing. */
  async #close(): Promise<void> {
    this.end({ reason: 'closed', detail: 'closed' });
    await Promise.race([this.#launched.promise, sleep(this.#options.timeouts.startMs, undefined, { ref: false })]);
    const chromium = this.#browser?.process();
    const { closeMs, keepMs } = this.timeouts;
    try {
      const gone = this.client.destroy().then(() => hasExited(chromium));
      await within(gone, closeMs, () => new Error(`the browser did not close within ${closeMs} ms`));
    } catch (error) {
      this.#options.log.warn({ error: errorLine(error) }, 'closing the browser by force');
      const restMs = Math.min(keepMs, this.#pairedAtMs + keepMs - this.#now());
      if (restMs > 0) await sleep(restMs);
      chromium?.kill('SIGKILL');
    }
  }
}

/** The driver may lose its connection before the process is gone. */
async function hasExited(child: ReturnType<Browser['process']> | undefined): Promise<void> {
  if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
