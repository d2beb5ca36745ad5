/**
 * One life of the browser with WhatsApp Web in it: launch, wait for a QR code or a login, watch until it is ready, notice
 * how it ends, close. A session is never revived; the supervisor in client.ts starts the next one. While it is not
 * ready, the page is looked at every `pollMs`: a missed end of sync is announced again, an expired QR code refreshed.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../util/log.ts';
import { deferred, within } from './async.ts';
import { errorLine } from './errors.ts';
import { GuardedClient, type Browser, type Page } from './library.ts';
import { announceSync, readOwnIds, readPageState, refreshQr, type PageState } from './page.ts';
import { claimProfile, profileDir } from './profile.ts';
import { wireChatEvents, type ChatEvents } from './wiring.ts';

/** Limits in ms. Each default suits a slow machine on a slow line. */
export interface Timeouts {
  /** launch to QR code or login */
  startMs: number;
  /** login to ready, without any progress */
  readyMs: number;
  /** between two looks at a page that is not ready */
  pollMs: number;
  /** one message, until WhatsApp's server has taken it */
  sendMs: number;
  /** one other question to the page */
  callMs: number;
  /** the question whether the page is there */
  probeMs: number;
  /** for Chromium to close by itself, also one whose program was killed */
  closeMs: number;
  /** before the first restart; five times as long before each further one within an hour */
  backoffMs: number;
}

/** How a session ended. `broken` may be tried again; the others are for the owner to solve. */
export interface SessionEnd {
  reason: 'closed' | 'broken' | 'logged out' | 'conflict' | 'blocked' | 'outdated';
  detail: string;
  /** the error behind a `broken` */
  error?: unknown;
}

export type LinkState = 'pairing' | 'syncing' | 'ready' | 'phone offline';

export interface SessionHooks {
  chat: ChatEvents;
  onLaunched(): void;
  onQr(qr: string): void;
  /** once for each document that became ready; `own` are the account's ids */
  onReady(own: string[]): void;
  onState(state: LinkState): void;
  learn: (ids: readonly string[]) => void;
}

export interface SessionOptions {
  sessionDir: string;
  executablePath: string;
  args: string[];
  log: Logger;
  timeouts: Timeouts;
  hooks: SessionHooks;
}

/** A browser that is killed sooner after pairing may not have written the session yet. */
const keepAfterPairingMs = 10_000;
const endByState: Readonly<Record<string, SessionEnd['reason']>> = {
  LOGOUT: 'logged out',
  UNPAIRED: 'logged out',
  UNPAIRED_IDLE: 'logged out',
  CONFLICT: 'conflict',
  TOS_BLOCK: 'blocked',
  SMB_TOS_BLOCK: 'blocked',
  PROXYBLOCK: 'blocked',
  DEPRECATED_VERSION: 'outdated',
};

export class Session {
  readonly client: GuardedClient;
  readonly #options: SessionOptions;
  readonly #over = deferred<SessionEnd>();
  readonly #launched = deferred<void>();
  #end: SessionEnd | undefined;
  #browser: Browser | undefined;
  #own: string[] = [];
  #isReady = false;
  #pairedAtMs = -Infinity;
  #waiting: (() => void)[] = [];
  #progressAtMs = Date.now();
  #missedSync: 'no' | 'seen once' | 'announced' = 'no';

  constructor(options: SessionOptions) {
    this.#options = options;
    const { sessionDir, executablePath, args, timeouts, hooks, log } = options;
    const protocolTimeoutMs = Math.max(timeouts.startMs, timeouts.sendMs, timeouts.callMs);
    this.client = new GuardedClient(
      { sessionDir, executablePath, args, loadTimeoutMs: timeouts.startMs, protocolTimeoutMs },
      {
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
    this.client.on('qr', (qr) => this.#onQr(qr));
    this.client.on('loading_screen', () => this.#onProgress());
    this.client.on('ready', () => void this.#onReady());
    this.client.on('change_state', (state: string) => this.#onSocketState(state));
    this.client.on('auth_failure', () => this.end({ reason: 'logged out', detail: 'the session was not accepted' }));
    this.client.on('disconnected', (state: string) => {
      this.end({ reason: endByState[state] ?? 'broken', detail: `WhatsApp said ${state}` });
    });
  }

  /** WhatsApp Web is there, logged in and listening. */
  get isReady(): boolean {
    return this.#isReady && this.#end === undefined;
  }

  get timeouts(): Timeouts {
    return this.#options.timeouts;
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
    page.on('domcontentloaded', () => this.#onDocument(page.url()));
    this.#launched.resolve();
    this.#options.hooks.onLaunched();
  }

  /** A new document: nothing of the library is in it yet. */
  #onDocument(url: string): void {
    if (url.includes('post_logout=1')) this.end({ reason: 'logged out', detail: 'the phone removed this device' });
    if (this.#isReady) this.#options.hooks.onState('syncing');
    this.#isReady = false;
    this.#missedSync = 'no';
    this.#progressAtMs = Date.now();
  }

  #onQr(qr: string): void {
    if (this.#end !== undefined) return;
    this.#pairedAtMs = Infinity; // until it is scanned
    this.#options.hooks.onState('pairing');
    this.#options.hooks.onQr(qr);
  }

  /** History and missed messages are coming in; after pairing that may take minutes. */
  #onProgress(): void {
    this.#progressAtMs = Date.now();
    if (!this.#isReady && this.#end === undefined) this.#options.hooks.onState('syncing');
  }

  /** The library may say so several times for one document; only the first one counts. */
  async #onReady(): Promise<void> {
    if (this.#isReady || this.#end !== undefined) return;
    this.#isReady = true;
    if (this.#pairedAtMs === Infinity) this.#pairedAtMs = Date.now();
    const known = [this.client.info.wid._serialized];
    const asked = await this.ask(() => this.client.pupPage?.evaluate(readOwnIds)).catch(() => undefined);
    if (!this.isReady) return; // gone again meanwhile
    this.#own = [...new Set([...(asked ?? []), ...known])];
    this.#options.hooks.onState('ready');
    this.#options.hooks.onReady(this.#own);
    for (const work of this.#waiting.splice(0)) work();
  }

  #onSocketState(state: string): void {
    if (!this.isReady) return;
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
    const { pollMs } = this.#options.timeouts;
    this.#progressAtMs = Date.now();
    while (this.#end === undefined) {
      await Promise.race([sleep(pollMs), this.#over.promise]);
      if (this.#end === undefined && !this.#isReady) await this.#lookAtPage();
    }
  }

  /** Not ready yet: help the page on, or give it up. */
  async #lookAtPage(): Promise<void> {
    const { readyMs } = this.#options.timeouts;
    const state = await this.ask(() => this.client.pupPage?.evaluate(readPageState)).catch(() => undefined);
    if (state?.socket.startsWith('UNPAIRED')) this.#progressAtMs = Date.now(); // waits for somebody to scan
    if (state?.socket === 'UNPAIRED_IDLE') await this.#tell(refreshQr);
    if (state !== undefined) await this.#mendSync(state);
    if (Date.now() - this.#progressAtMs < readyMs || this.#isReady) return;
    const seen = state === undefined ? 'no answer' : `socket ${state.socket}, synced ${state.hasSynced}`;
    this.end({ reason: 'broken', detail: `not ready after ${readyMs} ms: ${seen}` });
  }

  /** Synced, yet the library does not know. Seen twice in a row, it is told, once in a document. */
  async #mendSync({ socket, hasSynced, isWired }: PageState): Promise<void> {
    const isMissed = socket === 'CONNECTED' && hasSynced && !isWired;
    if (this.#missedSync === 'announced') return;
    if (!isMissed) this.#missedSync = 'no';
    else if (this.#missedSync === 'no') this.#missedSync = 'seen once';
    else {
      this.#missedSync = 'announced';
      this.#options.log.info('WhatsApp had synced before anyone listened');
      await this.#tell(announceSync);
    }
  }

  async #tell(action: () => void): Promise<void> {
    try {
      await this.ask(() => this.client.pupPage?.evaluate(action));
    } catch (error) {
      this.#options.log.debug({ error: errorLine(error) }, 'the page could not be told');
    }
  }

  /** Close gracefully, so that the login is on disk; kill only what does not close, and not just after pairing. */
  async #close(): Promise<void> {
    this.end({ reason: 'closed', detail: 'closed' });
    await Promise.race([this.#launched.promise, sleep(this.#options.timeouts.startMs, undefined, { ref: false })]);
    const chromium = this.#browser?.process();
    const { closeMs } = this.#options.timeouts;
    try {
      const gone = this.client.destroy().then(() => hasExited(chromium));
      await within(gone, closeMs, () => new Error(`the browser did not close within ${closeMs} ms`));
    } catch (error) {
      this.#options.log.warn({ error: errorLine(error) }, 'closing the browser by force');
      const restMs = Math.min(keepAfterPairingMs, this.#pairedAtMs + keepAfterPairingMs - Date.now());
      if (restMs > 0) await sleep(restMs);
      chromium?.kill('SIGKILL');
    }
  }
}

/** The driver may lose its connection before the process is gone. */
async function hasExited(child: ReturnType<Browser['process']> | undefined): Promise<void> {
  if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
