/**
 * Until a page of WhatsApp Web is ready: what helps it on, and when to give it up. A missed end of sync is announced
 * again, an expired QR code refreshed; a refusal, or no progress for `readyMs`, ends the session.
 */
import type { Logger } from '../util/log.ts';
import type { Clock } from './clock.ts';
import { errorLine } from './errors.ts';
import { announceSync, refreshQr, type Signs } from './page.ts';
import type { SessionEnd } from './states.ts';

export interface ArrivalOptions {
  clock: Clock;
  log: Logger;
  readyMs: number;
  /** by a code: the library asks for a new one itself */
  isByCode: boolean;
  /** run in the page */
  tell: (action: () => void) => Promise<unknown>;
}

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

/** The library gave up because of this state: how the session ends. */
export function endOfState(state: string): SessionEnd {
  const keepsProfile = state.startsWith('UNPAIRED');
  return { reason: endByState[state] ?? 'broken', detail: `WhatsApp said ${state}`, keepsProfile };
}

/** This state was seen in the page. A device that is not linked yet is no refusal. */
export function refusal(socket: string): SessionEnd | undefined {
  return socket.startsWith('UNPAIRED') || endByState[socket] === undefined ? undefined : endOfState(socket);
}

export class Arrival {
  readonly #options: ArrivalOptions;
  #progressAtMs: number;
  #missedSync: 'no' | 'seen once' | 'announced' = 'no';

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#progressAtMs = options.clock.now();
  }

  progress(): void {
    this.#progressAtMs = this.#options.clock.now();
  }

  /** A new document. */
  reset(): void {
    this.#missedSync = 'no';
    this.progress();
  }

  /**
   * @param signs what the last look saw; undefined: the page did not answer
   * @returns how the session has to end, or undefined
   */
  async helpOn(signs: Signs | undefined): Promise<SessionEnd | undefined> {
    const { clock, readyMs, isByCode } = this.#options;
    if (signs !== undefined) {
      const refused = refusal(signs.socket);
      if (refused !== undefined) return refused;
      if (signs.socket.startsWith('UNPAIRED')) this.progress(); // waits for somebody to link it
      if (signs.socket === 'UNPAIRED_IDLE' && !isByCode) await this.#tell(refreshQr);
      await this.#mendSync(signs);
    }
    if (clock.now() - this.#progressAtMs < readyMs) return undefined;
    const seen = signs === undefined ? 'no answer' : `socket ${signs.socket}, synced ${signs.hasSynced}`;
    return { reason: 'broken', detail: `not ready after ${readyMs} ms: ${seen}` };
  }

  /** Synced, yet the library does not know. Seen twice in a row, it is told, once in a document. */
  async #mendSync({ socket, hasSynced, isWired }: Signs): Promise<void> {
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
      await this.#options.tell(action);
    } catch (error) {
      this.#options.log.debug({ error: errorLine(error) }, 'the page could not be told');
    }
  }
}
