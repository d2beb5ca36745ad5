/**
 * Is the page alive, and does the library hear it? Looks at the page at intervals, one look at a time, and says when it
 * has to go: it no longer answers, or it answers, is connected and yet events do not get through. Silence is no sign of
 * anything: an idle page that answers lives for ever. Two signals decide, never one alone: what a look finds, and whether
 * anything came from the page meanwhile. A look that fails while events arrive (a flood, a long sync) does not count.
 */
import { within } from './async.ts';
import type { Clock } from './clock.ts';
import type { Signs } from './page.ts';
import type { Timeouts } from './timeouts.ts';

export interface PulseOptions {
  clock: Clock;
  timeouts: Pick<Timeouts, 'pulseMs' | 'probeMs' | 'silenceMs' | 'callMs'>;
  /** takePulse in the page; undefined: there is no page yet */
  look: () => Promise<Signs> | undefined;
  /** askServer in the page */
  askServer: () => Promise<void> | undefined;
}

/** What one beat found. */
export interface Beat {
  /** undefined: no look was due, or none was answered */
  signs?: Signs;
  /** why this page has to go */
  dead?: string;
}

/** Looks in a row without an answer. A page that loads or syncs may be busy for longer. */
const missesWhenReady = 2;
const missesBefore = 4;
/** Other findings must be made twice in a row. */
const confirmations = 2;
/** A message stays fresh in the page for ten minutes; ids that were heard are kept a little longer. */
const heardForMs = 660_000;

export class Pulse {
  readonly #options: PulseOptions;
  #lookedAtMs = -Infinity;
  #eventAtMs: number;
  #serverAtMs: number;
  #misses = 0;
  #missingSinceMs = 0;
  #unheard = 0;
  #unwired = 0;
  #unanswered = 0;
  /** in the page before the first look: nobody could have heard of them */
  #known: ReadonlySet<string> | undefined;
  readonly #heard = new Map<string, number>();

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#eventAtMs = options.clock.now();
    this.#serverAtMs = this.#eventAtMs;
  }

  /** When the page last said anything by itself. */
  get eventAtMs(): number {
    return this.#eventAtMs;
  }

  /** Something came from the page. */
  noteEvent(): void {
    this.#eventAtMs = this.#options.clock.now();
  }

  /** A message came from the page. */
  noteMessage(id: string): void {
    this.#heard.delete(id); // to the end of the order
    this.#heard.set(id, this.#options.clock.now());
  }

  /** A new document: the library does not listen in it yet. */
  reset(): void {
    this.noteEvent();
    this.#misses = 0;
    this.#unheard = 0;
    this.#unwired = 0;
    this.#known = undefined;
  }

  /** The library listens from now on; these messages are in the page already. */
  begin(known: readonly string[]): void {
    this.#known = new Set(known);
  }

  /** One look where it is due. Never rejects; takes at most `probeMs`, and `callMs` where the server is asked. */
  async beat(isReady: boolean): Promise<Beat> {
    const { clock, timeouts } = this.#options;
    const isCalm = isReady && this.#misses + this.#unheard + this.#unwired + this.#unanswered === 0;
    if (isCalm && clock.now() - this.#lookedAtMs < timeouts.pulseMs) return {};
    const beganAtMs = clock.now();
    const signs = await this.#answer(this.#options.look, timeouts.probeMs);
    this.#lookedAtMs = clock.now();
    if (signs === undefined) return this.#missed(isReady, beganAtMs);
    this.#misses = 0;
    if (!isReady || signs.socket !== 'CONNECTED') return { signs };
    const dead = this.#notListening(signs) ?? this.#notHearing(signs) ?? (await this.#notServed());
    return { signs, ...(dead !== undefined && { dead }) };
  }

  /** An answer, or undefined where there is none in time or the question failed. */
  async #answer<T>(question: () => Promise<T> | undefined, limitMs: number): Promise<T | undefined> {
    try {
      return await within(Promise.resolve(question()), limitMs, () => new Error('no answer'));
    } catch {
      return undefined;
    }
  }

  #missed(isReady: boolean, beganAtMs: number): Beat {
    if (this.#misses === 0) this.#missingSinceMs = beganAtMs;
    if (this.#eventAtMs > this.#missingSinceMs) {
      this.#misses = 0; // it talks: only busy
      return {};
    }
    this.#misses++;
    const limit = isReady ? missesWhenReady : missesBefore;
    // a look may fail at once, too, while the page loads anew: that takes its time
    const sinceMs = this.#options.clock.now() - this.#missingSinceMs;
    if (this.#misses < limit || sinceMs < limit * this.#options.timeouts.probeMs) return {};
    return { dead: `the page hangs: ${this.#misses} looks in a row without an answer` };
  }

  #notListening({ isWired }: Signs): string | undefined {
    this.#unwired = isWired ? 0 : this.#unwired + 1;
    return this.#unwired < confirmations ? undefined : 'connected but deaf: the library is gone from the page';
  }

  /** By the time of the answer, whatever reached the page had to be heard: the answer took the same way, after it. */
  #notHearing({ fresh }: Signs): string | undefined {
    this.#known ??= new Set(fresh);
    const oldest = this.#options.clock.now() - heardForMs;
    for (const [id, atMs] of this.#heard) {
      if (atMs > oldest) break;
      this.#heard.delete(id);
    }
    const isMissed = fresh.some((id) => this.#known?.has(id) !== true && !this.#heard.has(id));
    this.#unheard = isMissed ? this.#unheard + 1 : 0;
    return this.#unheard < confirmations ? undefined : 'connected but deaf: a message was in the page and not heard of';
  }

  /** After a long silence: does WhatsApp's server still answer? A page behind a dead line stays CONNECTED. */
  async #notServed(): Promise<string | undefined> {
    const { clock, timeouts } = this.#options;
    const quietSinceMs = Math.max(this.#eventAtMs, this.#serverAtMs);
    if (clock.now() - quietSinceMs < timeouts.silenceMs) {
      this.#unanswered = 0;
      return undefined;
    }
    const answered = await this.#answer(async () => {
      await this.#options.askServer();
      return true;
    }, timeouts.callMs);
    if (answered === true) {
      this.#serverAtMs = clock.now();
      this.#unanswered = 0;
      return undefined;
    }
    this.#unanswered++;
    return this.#unanswered < confirmations ? undefined : 'connected but deaf: WhatsApp does not answer';
  }
}
