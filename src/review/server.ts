/**
 * The review page: a server on 127.0.0.1 that only a browser with a one-time link gets anything from. Every request
 * passes, in this order: our own name as Host (421), size of the body, our own page as origin of a write (403), a session
 * (401, or the page that asks for the link), and only then a route. Not covered: TLS, which loopback does not need.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { errorCode, UserError } from '../util/errors.ts';
import type { Logger } from '../util/log.ts';
import type { App } from './app.ts';
import { addAssets } from './assets.ts';
import { addEvents } from './events.ts';
import { loginPage } from './layout.ts';
import type { ReviewParts } from './parts.ts';
import { addRoutes } from './routes.ts';
import { protections as allProtections, type Protections } from './protections.ts';
import { createSessions, newLinkToken, type Sessions } from './sessions.ts';

export type { App };

export interface ReviewServer {
  port: number;
  /** a link for one login within the hour */
  link(): string;
  close(): Promise<void>;
}

export interface ReviewOptions {
  /** 0: any free one */
  port: number;
  log: Logger;
  /** unix ms */
  now?: () => number;
  /** for tests of the protections themselves */
  protections?: Protections;
}

const address = '127.0.0.1';
const bodyBytes = 64 * 1024;

/** The address that the page has on this port. */
export const reviewLink = (port: number, token: string): string => `http://${address}:${port}/#${token}`;

/**
 * @throws UserError when the port is taken
 */
export async function openReview(parts: ReviewParts, options: ReviewOptions): Promise<ReviewServer> {
  const { log, now = Date.now, protections = allProtections } = options;
  const { settings } = parts.store;
  const own = { hosts: [] as string[], origins: [] as string[] };
  const sessions = createSessions(settings, now);
  const ending = new AbortController();
  const app = createApp(parts, { sessions, own, protections, log, ending: ending.signal });
  const serve = getRequestListener(app.fetch, { overrideGlobalObjects: false });

  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    for (const [name, value] of Object.entries(protections.headers)) response.setHeader(name, value);
    if (!protections.isOurHost(request.rawHeaders, own.hosts)) return misdirected(request, response);
    void serve(request, response);
  });
  server.maxConnections = 128;
  server.listen(options.port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    throw new UserError(
      `Port ${options.port} of ${address} is taken.`,
      'Set REVIEW_PORT to another one; 0 takes any that is free.',
      { cause: error },
    );
  }
  const { port } = server.address() as AddressInfo;
  own.hosts = [`${address}:${port}`, `localhost:${port}`];
  own.origins = own.hosts.map((host) => `http://${host}`);
  return {
    port,
    link: () => reviewLink(port, newLinkToken(settings, now())),
    close: async () => {
      ending.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Before any parsing of the address: nothing of a request for somebody else is looked at. */
function misdirected(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(421, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end('ask for this address by its own name\n');
}

interface Guards {
  sessions: Sessions;
  own: { hosts: readonly string[]; origins: readonly string[] };
  protections: Protections;
  log: Logger;
  ending: AbortSignal;
}

function createApp(parts: ReviewParts, { sessions, own, protections, log, ending }: Guards): App {
  const app: App = new Hono();
  const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

  app.use(bodyLimit({ maxSize: bodyBytes, onError: (c) => c.json({ error: 'this is too much at once' }, 413) }));
  app.use(async (c, next) => {
    const { method } = c.req;
    if (!isRead(method) && method !== 'POST') return c.json({ error: 'only GET and POST' }, 405);
    if (!isRead(method) && !protections.isOurWrite(c.env.incoming.headers, own.origins)) {
      return c.json({ error: 'changes are made from this page only' }, 403);
    }
    return next();
  });

  app.onError((error, c) => {
    if (error instanceof UserError) return c.json({ error: error.message, hint: error.hint }, 400);
    log.error({ err: error, path: c.req.routePath }, 'a request of the review page failed');
    return c.json({ error: 'this did not work; the log says why' }, 500);
  });
  app.notFound((c) => c.json({ error: 'there is nothing here' }, 404));

  addAssets(app);
  app.post('/login', async (c) => {
    const body: unknown = await c.req.json().catch(() => undefined);
    const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : undefined;
    const exchange = sessions.exchange(typeof token === 'string' ? token : '');
    if ('refused' in exchange) {
      return c.json({ error: exchange.refused }, exchange.refused === 'wrong' ? 401 : 429);
    }
    for (const cookie of exchange.cookies) c.header('Set-Cookie', cookie, { append: true });
    return c.json({});
  });

  app.use(async (c, next) => {
    const use = c.req.header('X-Watch') === undefined ? undefined : 'watch'; // nobody is at that page (client/api.ts)
    if (!protections.needsSession || sessions.isOpen(c.req.header('Cookie'), use)) return next();
    const wantsPage = isRead(c.req.method) && (c.req.header('Accept') ?? '').includes('text/html');
    return wantsPage ? c.html(loginPage(), 401) : c.json({ error: 'open the link that `persona review` prints' }, 401);
  });
  app.post('/logout', (c) => {
    for (const cookie of sessions.end(c.req.header('Cookie'))) c.header('Set-Cookie', cookie, { append: true });
    return c.json({});
  });
  addEvents(app, parts, {
    isOpen: (cookie) => !protections.needsSession || sessions.isOpen(cookie, 'watch'),
    ending,
  });
  addRoutes(app, parts);
  return app;
}
