/**
 * A few read-only pages on 127.0.0.1 for monitoring. The Host header must be this very address, so that no web page can
 * read them through a name of its own (DNS rebinding). Not covered: other users of this machine, who may read them.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Page {
  status: number;
  type: string;
  body: string;
}

export interface LocalServer {
  port: number;
  close(): Promise<void>;
}

const address = '127.0.0.1';

/**
 * @param port 0: any free one
 * @param pages by path; only GET
 * @throws Error with code EADDRINUSE where the port is taken
 */
export async function serveLocally(
  port: number,
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
): Promise<LocalServer> {
  let hosts: string[] = [];
  const answer = async (request: IncomingMessage): Promise<Page> => {
    if (!hosts.includes(request.headers.host ?? '')) return plain(421, 'ask for this address by its own name');
    if (request.method !== 'GET') return plain(405, 'only GET');
    const page = Object.hasOwn(pages, request.url ?? '') ? pages[request.url ?? ''] : undefined;
    return page === undefined ? plain(404, `there are ${Object.keys(pages).join(' and ')}`) : page();
  };
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    answer(request).then(
      (page) => write(response, page),
      () => write(response, plain(500, 'this could not be measured')),
    );
  });
  server.maxConnections = 16;
  server.listen(port, address);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  hosts = [`${address}:${bound}`, `localhost:${bound}`];
  server.unref(); // monitoring keeps nobody alive
  return {
    port: bound,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function write(response: ServerResponse, { status, type, body }: Page): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 405 ? { Allow: 'GET' } : {}),
  });
  response.end(body);
}

function plain(status: number, text: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}
