/**
 * Stand-ins, profiles and clients that a test file makes many of: each test gets fresh ones, and all are gone after it.
 * Somebody pairs once a file; further profiles are copies of that one, and start without a QR code.
 */
import { cpSync, rmSync } from 'node:fs';
import { noProcessOn, openPairedClient, openTestClient, temporaryDir, type TestClient } from './harness.ts';
import { startStandIn, type StandIn } from './server.ts';
import type { StandInOptions } from './types.ts';

/** The one contact of every world. */
export const ana = '4915112345678@c.us';

export interface World {
  standIn: StandIn;
  sessionDir: string;
}

export class Worlds {
  readonly #opened: { close(): Promise<void> }[] = [];
  readonly #template = temporaryDir('template');
  #token = '';

  /** For beforeAll: pair the profile that others are copied from. */
  async begin(): Promise<void> {
    const standIn = await startStandIn();
    const { client, seen } = await openTestClient(standIn, this.#template);
    await seen.until(() => seen.qrs.length > 0, 'QR code');
    this.#token = standIn.pair();
    await seen.becomesReady();
    await client.close();
    await standIn.stop();
  }

  /** For afterAll. */
  end(): void {
    rmSync(this.#template, { recursive: true });
  }

  /** A stand-in with one contact, and a folder without a profile. */
  async unpaired(options: Partial<StandInOptions> = {}): Promise<World> {
    const standIn = await startStandIn(options);
    standIn.contact(ana, { name: 'Ana', lid: '70000000000001@lid' });
    const sessionDir = temporaryDir('session');
    this.#opened.push({
      close: async () => {
        await standIn.stop();
        await noProcessOn(sessionDir);
        rmSync(sessionDir, { recursive: true });
      },
    });
    return { standIn, sessionDir };
  }

  /** The same with a profile that somebody paired. */
  async paired(options: Partial<StandInOptions> = {}): Promise<World> {
    const made = await this.unpaired(options);
    made.standIn.adopt(this.#token);
    cpSync(this.#template, made.sessionDir, { recursive: true });
    return made;
  }

  async open(...args: Parameters<typeof openTestClient>): Promise<TestClient> {
    return this.#closeLater(await openTestClient(...args));
  }

  /** A client on a folder without a profile, that somebody pairs: ready. */
  async pair(...args: Parameters<typeof openTestClient>): Promise<TestClient> {
    return this.#closeLater(await openPairedClient(...args));
  }

  /** A client on a paired profile: ready. */
  async ready(
    stand: Partial<StandInOptions> = {},
    options?: Parameters<typeof openTestClient>[2],
  ): Promise<World & TestClient> {
    const made = await this.paired(stand);
    const bot = await this.open(made.standIn, made.sessionDir, options);
    await bot.seen.becomesReady();
    return { ...made, ...bot };
  }

  /** For afterEach: close everything, clients first; throws what went wrong. */
  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const each of this.#opened.splice(0).reverse())
      await each.close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }

  #closeLater(bot: TestClient): TestClient {
    this.#opened.push(bot.client);
    return bot;
  }
}
