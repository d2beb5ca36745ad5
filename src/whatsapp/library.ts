/**
 * whatsapp-web.js, made safe to live with: one injection at a time and one per document, repeated where the page
 * navigates under it; failures of its background work reported instead of thrown at nobody; the profile of a living
 * browser never deleted. The only file that constructs the library's Client.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import wweb from 'whatsapp-web.js'; // the default import: the named ones type-check, and are not there at run time
import { isInjected, markInjected } from './page.ts';
import { msgKeyShim } from './shim.ts';

export type Page = NonNullable<wweb.Client['pupPage']>;
export type Browser = NonNullable<wweb.Client['pupBrowser']>;

export interface LibraryHooks {
  /** the browser runs and its first page is there */
  onLaunched(browser: Browser, page: Page): void;
  /** work that the library started by itself failed */
  onFailure(error: unknown): void;
  /** WhatsApp refused to give a pairing code */
  onNoCode(error: unknown): void;
  /** the page said something, whatever it was */
  onEvent(): void;
  /** the session is over: begin nothing new */
  isOver(): boolean;
}

export interface LibraryOptions {
  sessionDir: string;
  executablePath: string;
  args: string[];
  /** longest wait for WhatsApp's own code to load */
  loadTimeoutMs: number;
  /** longest wait for one answer of the browser */
  protocolTimeoutMs: number;
  /** pair by a code for this number (digits, country code first) instead of a QR code */
  pairingNumber?: string;
}

/** Methods that the library has and does not declare. */
interface Undeclared {
  inject: (this: wweb.Client) => Promise<void>;
}

const pageGone = /context was destroyed|detached|Cannot find context|navigat/i;
const retryMs = 100;
/** WhatsApp takes a code for three minutes. */
const codeEveryMs = 180_000;

class ProfileAuth extends wweb.LocalAuth {
  readonly #onLaunched: () => void;

  constructor(dataPath: string, onLaunched: () => void) {
    super({ dataPath });
    this.#onLaunched = onLaunched;
  }

  override readonly afterBrowserInitialized = async (): Promise<void> => {
    this.#onLaunched();
    return Promise.resolve();
  };

  /** The library would delete the profile under the running browser; the supervisor does it after closing. */
  override readonly logout = async (): Promise<void> => Promise.resolve();
}

export class GuardedClient extends wweb.Client {
  readonly #hooks: LibraryHooks;
  #isInitializing = true;
  #lastInjection: Promise<void> = Promise.resolve();

  constructor(options: LibraryOptions, hooks: LibraryHooks) {
    super({
      authStrategy: new ProfileAuth(options.sessionDir, () => {
        if (this.pupBrowser && this.pupPage) hooks.onLaunched(this.pupBrowser, this.pupPage);
      }),
      authTimeoutMs: options.loadTimeoutMs,
      webVersionCache: { type: 'none' }, // 'local' writes into the working folder
      evalOnNewDoc: msgKeyShim,
      ...(options.pairingNumber !== undefined && {
        pairWithPhoneNumber: { phoneNumber: options.pairingNumber, showNotification: true, intervalMs: codeEveryMs },
      }),
      puppeteer: {
        executablePath: options.executablePath,
        headless: true,
        args: ['--disable-gpu', ...options.args], // nothing is drawn for anybody: saves a process
        pipe: true, // the browser ends when this process does, however that ends
        protocolTimeout: options.protocolTimeoutMs,
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      },
    });
    this.#hooks = hooks;
  }

  override async initialize(): Promise<void> {
    await super.initialize();
    this.#isInitializing = false;
  }

  /** Called by the library at start and on every navigation, also of the same document, without catching failures. */
  async inject(): Promise<void> {
    const mine = this.#lastInjection.then(() => this.#injectOnce());
    this.#lastInjection = mine.catch(() => undefined);
    if (this.#isInitializing) return mine;
    return mine.catch((error: unknown) => this.#hooks.onFailure(error));
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    this.#hooks.onEvent();
    return super.emit(event, ...args);
  }

  /** Called by the library without waiting for it. A page that goes meanwhile is asked again when it is back. */
  override async requestPairingCode(...args: Parameters<wweb.Client['requestPairingCode']>): Promise<string> {
    try {
      return await super.requestPairingCode(...args);
    } catch (error) {
      if (!this.#hooks.isOver() && !pageGone.test(String(error))) this.#hooks.onNoCode(error);
      return '';
    }
  }

  /** The library would download the page a second time to keep a copy. */
  async initWebVersionCache(): Promise<void> {
    return Promise.resolve();
  }

  /** Close the browser. The library calls this too, without waiting for it. Never rejects. */
  override async destroy(): Promise<void> {
    await super.destroy().catch((error: unknown) => this.#hooks.onFailure(error));
  }

  async #injectOnce(): Promise<void> {
    const { inject } = wweb.Client.prototype as unknown as Undeclared;
    while (!this.#hooks.isOver()) {
      try {
        if (await this.pupPage?.evaluate(isInjected)) return;
        await inject.call(this);
        await this.pupPage?.evaluate(markInjected);
        return;
      } catch (error) {
        if (!pageGone.test(String(error))) throw error;
        await sleep(retryMs); // the page loads again: the next document needs it too
      }
    }
  }
}
