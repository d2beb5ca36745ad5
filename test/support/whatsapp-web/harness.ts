/**
 * What tests of the WhatsApp client share: a client on a stand-in whose events are recorded, waiting for them, temporary
 * folders, and the Chromium processes on a profile.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundMessage } from '../../../src/types.ts';
import type { UserError } from '../../../src/util/errors.ts';
import { silentLog } from '../../../src/util/log.ts';
import { openWhatsApp, type ClientState, type WhatsAppClient } from '../../../src/whatsapp/client.ts';
import type { WhatsAppEvents, WhatsAppOptions } from '../../../src/whatsapp/client.ts';
import { testBrowser } from '../browser.ts';
import type { StandIn } from './server.ts';

/** Everything the client said, in order of arrival. */
export class Recorder implements WhatsAppEvents {
  readonly qrs: string[] = [];
  readonly codes: string[] = [];
  readonly backOffs: number[] = [];
  readonly ready: string[][] = [];
  readonly messages: InboundMessage[] = [];
  readonly edits: { chatId: string; messageId: string; text: string; atMs: number }[] = [];
  readonly revokes: { chatId: string; messageId: string }[] = [];
  readonly reactions: { chatId: string; messageId: string; senderId: string; emoji: string; atMs: number }[] = [];
  readonly states: ClientState[] = [];
  readonly fatals: UserError[] = [];
  readonly #waiters = new Set<() => void>();

  onQr = (qr: string): void => this.#note(this.qrs, qr);
  onCode = (code: string): void => this.#note(this.codes, code);
  onBackOff = (waitMs: number): void => this.#note(this.backOffs, waitMs);
  onReady = ({ aliases }: { aliases: string[] }): void => this.#note(this.ready, aliases);
  onMessage = (message: InboundMessage): void => this.#note(this.messages, message);
  onEdit = (chatId: string, messageId: string, text: string, atMs: number): void =>
    this.#note(this.edits, { chatId, messageId, text, atMs });
  onRevoke = (chatId: string, messageId: string): void => this.#note(this.revokes, { chatId, messageId });
  onReaction = (reaction: (typeof this.reactions)[number]): void => this.#note(this.reactions, reaction);
  onState = (state: ClientState): void => this.#note(this.states, state);
  onFatal = (error: UserError): void => this.#note(this.fatals, error);

  /** The first truthy value of `read`, now or after one of the next events. */
  async until<T>(read: () => T | undefined | false, what: string, timeoutMs = 40_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiters.delete(look);
        reject(new Error(`${what}: not within ${timeoutMs} ms; states: ${this.states.join(', ')}`));
      };
      const timer = setTimeout(giveUp, timeoutMs);
      const look = (): void => {
        const value = read();
        if (value === undefined || value === false) return;
        clearTimeout(timer);
        this.#waiters.delete(look);
        resolve(value);
      };
      this.#waiters.add(look);
      look();
    });
  }

  /** The message with this id. */
  async message(id: string): Promise<InboundMessage> {
    return this.until(() => this.messages.find((message) => message.id === id), `message ${id}`);
  }

  /** Until ready was said so many times in all. */
  async becomesReady(times = 1, timeoutMs = 40_000): Promise<void> {
    await this.until(() => this.ready.length >= times, `ready ${times}`, timeoutMs);
  }

  #note<T>(list: T[], value: T): void {
    list.push(value);
    for (const look of [...this.#waiters]) look();
  }
}

export interface TestClient {
  client: WhatsAppClient;
  seen: Recorder;
}

/** Limits for a machine under test: what fails, fails soon. */
export const testTimeouts = { startMs: 30_000, readyMs: 20_000, pollMs: 200, closeMs: 10_000, backoffMs: 100 };

export type TestClientOptions = Partial<Omit<WhatsAppOptions, 'sessionDir' | 'browser' | 'events'>> & {
  seen?: Recorder;
};

/** A client on the stand-in; not paired unless the profile in `sessionDir` is. */
export async function openTestClient(
  standIn: StandIn,
  sessionDir: string,
  options: TestClientOptions = {},
): Promise<TestClient> {
  const { seen = new Recorder(), timeouts, ...rest } = options;
  const client = await openWhatsApp({
    sessionDir,
    browser: { executablePath: await testBrowser(), args: standIn.chromiumArgs() },
    log: silentLog,
    events: seen,
    timeouts: { ...testTimeouts, ...timeouts },
    ...rest,
  });
  return { client, seen };
}

/** A client that somebody paired: ready. */
export async function openPairedClient(...args: Parameters<typeof openTestClient>): Promise<TestClient> {
  const [standIn] = args;
  const opened = await openTestClient(...args);
  await opened.seen.until(() => opened.seen.qrs.length > 0, 'QR code');
  standIn.pair();
  await opened.seen.becomesReady();
  return opened;
}

export function temporaryDir(prefix: string): string {
  return mkdtempSync(join(tmpdir(), `persona-${prefix}-`));
}

/** Processes whose command line names this folder, so the Chromium on a profile; Linux only. */
export function processesOn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false; // ended meanwhile
      }
    })
    .map(Number);
}

/** Until no process names this folder: Chromium's helpers end a moment after it. */
export async function noProcessOn(folder: string, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let left = processesOn(folder); left.length > 0; left = processesOn(folder)) {
    if (Date.now() > deadline) throw new Error(`still running on ${folder}: ${left.join(', ')}`);
    await sleep(50);
  }
}

/** Kill Chromium as the kernel would; returns how many processes that were. */
export function killBrowserOn(folder: string): number {
  const pids = processesOn(folder);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // a child that went with its parent
    }
  }
  return pids.length;
}
