/** A review page over a store of its own, and a real browser that looks at it. */
import { chromium, type Browser, type BrowserContext, type ConsoleMessage } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { shippedBase } from '../../scripts/base.ts';
import { botParts } from '../../scripts/bot-parts.ts';
import { myData } from '../../src/bot/my-data.ts';
import type { LinkKeeper } from '../../src/review/link.ts';
import { openPlayground } from '../../src/reply/playground.ts';
import type { ReviewParts } from '../../src/review/parts.ts';
import type { Protections } from '../../src/review/protections.ts';
import { openReview, type ReviewServer } from '../../src/review/server.ts';
import { createLog } from '../../src/util/log.ts';
import { testBrowser } from '../support/browser.ts';
import { scene, type Scene } from '../store/support.ts';

export interface Review extends Scene {
  server: ReviewServer;
  origin: string;
  parts: ReviewParts;
}

export interface ReviewSetup {
  protections?: Protections;
  now?: () => number;
  parts?: Partial<ReviewParts>;
  /** of a store that is there already; default: a new one */
  dir?: string;
  /** as inside `persona start`; default: the page runs by itself */
  link?: LinkKeeper;
}

/** What persona.json says there. */
export const caps = { perChatSeconds: 5, perChatHour: 20, perDay: 100 };

/** With a chat of two people in it whose replies are switched on. */
export async function review({ parts: changes, link, dir, ...options }: ReviewSetup = {}): Promise<Review> {
  const place = scene(dir === undefined ? {} : { dir });
  const log = createLog('fatal', false);
  const { store, chat, contact } = place;
  store.people.setName(contact, 'Ben');
  store.chats.set(chat, { collect: true, bot: true });
  const parts: ReviewParts = {
    store,
    dataDir: store.dataDir,
    modelsDir: store.dataDir,
    base: shippedBase('nano'),
    personaName: 'Ada',
    speaker: 'me',
    timezone: 'Europe/Berlin',
    reviewRequired: false,
    redaction: { regions: [] },
    people: {
      data: (personId) => {
        const { file } = myData(store, personId, null, 0);
        return { name: file.name, content: file.content.toString() };
      },
      notice: () => undefined,
      forget: (personId) => {
        store.forget(personId);
        return Promise.resolve();
      },
    },
    bot: botParts(store, { replies: { caps, quietHours: null } }, link && (() => link.now())),
    models: {
      list: () => Promise.resolve([]),
      use: () => Promise.resolve(),
      rollBack: () => Promise.resolve(),
      retrain: () => 'started',
    },
    playground: {
      voice: openPlayground({ modelsDir: store.dataDir, backend: 'cpu', log, check: () => Promise.resolve() }),
      sampling: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1 },
    },
    progress: () => null,
    ...changes,
  };
  onTestFinished(() => parts.playground.voice.close());
  const server = await openReview(parts, { port: 0, log, ...options });
  onTestFinished(() => server.close());
  return { ...place, server, parts, origin: `http://127.0.0.1:${server.port}` };
}

let shared: Promise<Browser> | undefined;

/** One browser for each file: evil.test and rebind.test are names of this machine in it. */
export async function browser(): Promise<Browser> {
  shared ??= testBrowser().then((executablePath) =>
    chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--no-proxy-server',
        '--host-resolver-rules=MAP evil.test 127.0.0.1,MAP rebind.test 127.0.0.1',
        // what Chrome itself does against such pages is not what is tested here
        '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
      ],
    }),
  );
  return shared;
}

export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = undefined;
}

/** A profile of its own, gone after the test. */
export async function profile(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
  const context = await (await browser()).newContext(options);
  onTestFinished(() => context.close());
  return context;
}

/** The Cookie header of a new session. */
export async function loggedIn({ server, origin }: Review): Promise<string> {
  const response = await post(origin, '/login', { token: tokenOf(server.link()) });
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

export const tokenOf = (link: string): string => new URL(link).hash.slice(1);

/** As the page itself would. */
export function post(origin: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: origin, 'Sec-Fetch-Site': 'same-origin', ...headers },
    body: JSON.stringify(body),
  });
}

/** An error of a script, or something that the page's policy refused; not a picture for the tab that nobody has. */
export const isComplaint = (line: ConsoleMessage): boolean =>
  line.type() === 'error' && !line.text().startsWith('Failed to load resource');
