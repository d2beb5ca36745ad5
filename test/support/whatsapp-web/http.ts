/**
 * The two servers of the stand-in: the https site that Chromium takes for web.whatsapp.com (page files, event stream,
 * requests, media), and the control server on plain http (POST /<method> with a JSON array of arguments), by which a test
 * drives a stand-in in another process.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../../src/util/dist.ts';
import type { Certificate } from './cert.ts';
import { randomHex } from './world.ts';
import type { StandInOptions } from './types.ts';

export const whatsappHost = 'web.whatsapp.com';
/** In the source tree, also when this runs compiled (bench/flood.ts). */
const pageDir = join(projectRoot, 'test', 'support', 'whatsapp-web', 'page');

/** What the site needs from the stand-in. */
export interface SiteHandlers {
  options(): StandInOptions;
  /** the network is cut now */
  isDown(): boolean;
  openStream(response: ServerResponse, token: string): void;
  request(body: Record<string, unknown>): Promise<unknown>;
  pageLog(line: string): void;
  /** for the log of what pages did */
  note(op: string): void;
  media: Map<string, Buffer>;
}

export async function startSite(certificate: Certificate, handlers: SiteHandlers): Promise<Server> {
  const { cert, key } = certificate;
  const server = createHttpsServer({ cert, key }, (request, response) => {
    serveSite(request, response, handlers).catch((error: unknown) => {
      handlers.pageLog(`server: ${String(error)}`);
      response.destroy();
    });
  });
  return listen(server);
}

/** `call` runs a method of the stand-in and throws on an unknown name. */
export async function startControl(call: (method: string, args: unknown[]) => unknown): Promise<Server> {
  const server = createHttpServer((request, response) => {
    readBody(request)
      .then((body) => {
        const args = JSON.parse(body.toString() || '[]') as unknown[];
        sendJson(response, { result: call((request.url ?? '/').slice(1), args) ?? null });
      })
      .catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
  });
  return listen(server);
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function serveSite(request: IncomingMessage, response: ServerResponse, handlers: SiteHandlers): Promise<void> {
  const url = new URL(request.url ?? '/', `https://${whatsappHost}`);
  const path = url.pathname;
  const media = handlers.media.get(path);
  if (path.startsWith('/_standin/') && path !== '/_standin/boot' && handlers.isDown()) {
    response.writeHead(503).end();
  } else if (path === '/') {
    const html = await readFile(join(pageDir, 'index.html'), 'utf8');
    const { msgKeyField, widJson } = handlers.options();
    response.setHeader('content-type', 'text/html');
    response.end(html.replace('SETTINGS', () => JSON.stringify({ msgKeyField, widJson })));
  } else if (/^\/page\/[a-z]+\.js$/.test(path)) {
    response.setHeader('content-type', 'text/javascript');
    response.end(await readFile(join(pageDir, path.slice('/page/'.length))));
  } else if (path === '/_standin/boot') {
    handlers.note('boot');
    const { version, reloadOnceMs, stuckOpening, replaceStates, firstState } = handlers.options();
    sendJson(response, { version, reloadOnceMs, stuckOpening, replaceStates, firstState });
  } else if (path === '/_standin/stream') {
    handlers.openStream(response, url.searchParams.get('token') ?? '');
  } else if (path === '/_standin/rpc') {
    const body = await readBody(request);
    sendJson(response, await handlers.request(JSON.parse(body.toString()) as Record<string, unknown>));
  } else if (path === '/_standin/pagelog') {
    handlers.pageLog((await readBody(request)).toString());
    sendJson(response, {});
  } else if (path === '/_standin/media') {
    const stored = `/_standin/media/${randomHex(8)}`;
    handlers.media.set(stored, await readBody(request));
    sendJson(response, { path: stored });
  } else if (media !== undefined) {
    response.end(media);
  } else {
    response.writeHead(404).end();
  }
}

async function listen(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
