/**
 * What the pages of a stand-in did, in order, and waiting for it: a test reads here what the bot sent and asked for.
 */
import { EventEmitter } from 'node:events';
import type { LogEntry, WireMessage } from './types.ts';

export class OperationLog {
  readonly log: LogEntry[] = [];
  readonly #operations = new EventEmitter().setMaxListeners(0);

  /** Messages that the bot sent, oldest first. */
  get sent(): WireMessage[] {
    return this.ops('send').map((entry) => entry['message'] as WireMessage);
  }

  /**
   * What pages did, of one kind: boot (a document loaded), unpaired and online (a stream opened), send, chatstate, seen,
   * react, edit, revoke, exists, history, refreshQR, …
   */
  ops(op: string): LogEntry[] {
    return this.log.filter((entry) => entry.op === op);
  }

  /** The first request of this kind that fits, past or within `timeoutMs`. */
  async waitFor(op: string, fits: (entry: LogEntry) => boolean = () => true, timeoutMs = 40_000): Promise<LogEntry> {
    const matches = (entry: LogEntry): boolean => entry.op === op && fits(entry);
    const past = this.log.find(matches);
    if (past !== undefined) return past;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => done(reject, new Error(`no '${op}' within ${timeoutMs} ms`)), timeoutMs);
      const listener = (entry: LogEntry): void => {
        if (matches(entry)) done(resolve, entry);
      };
      const done = <T>(settle: (value: T) => void, value: T): void => {
        clearTimeout(timer);
        this.#operations.off('op', listener);
        settle(value);
      };
      this.#operations.on('op', listener);
    });
  }

  /** Until `op` happened so many times in all. */
  async waitForCount(op: string, count: number, timeoutMs?: number): Promise<void> {
    await this.waitFor(op, () => this.ops(op).length >= count, timeoutMs);
  }

  /** The message with this text that the bot sent, now or within `timeoutMs`. */
  async waitForSent(body: string | RegExp, timeoutMs = 40_000): Promise<WireMessage> {
    const fits = (text = ''): boolean => (typeof body === 'string' ? text === body : body.test(text));
    const entry = await this.waitFor('send', (sent) => fits((sent['message'] as WireMessage).body), timeoutMs);
    return entry['message'] as WireMessage;
  }

  protected note(op: string, fields: Record<string, unknown> = {}): void {
    const entry: LogEntry = { ...fields, op, atMs: Date.now() };
    this.log.push(entry);
    queueMicrotask(() => this.#operations.emit('op', entry));
  }
}
