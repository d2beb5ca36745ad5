/**
 * Promises F1 to F3 and F6 with a real browser and raw sockets. Each attack is also made with its protection taken out, and
 * has to succeed there: a test that could not fail would prove nothing.
 * Run: npm run build && npx vitest run test/review/security.test.ts
 */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { protections, type Protections } from '../../src/review/protections.ts';
import { closeBrowser, loggedIn, post, profile, review, tokenOf, type Review } from './support.ts';

afterAll(closeBrowser);

const without = (changes: Partial<Protections>): Protections => ({ ...protections, ...changes });
const routes = [
  '/',
  '/bot',
  '/events',
  '/login',
  '/logout',
  '/api/bot',
  '/people',
  '/person/1',
  '/person/1/data.json',
  '/chat/1',
  '/api/chats',
  '/api/search',
  '/api/thread',
  '/api/tokens',
  '/api/review/state',
  '/api/people/state',
  '/models',
  '/models/x',
  '/models/compare',
  '/api/models/running',
  '/playground',
  '/api/playground/reply',
  '/api/playground/tokens',
  '/api/playground/better',
  '/api/playground/take-back',
  '/bot/qr.svg',
  '/api/bot/state',
  '/api/bot/link',
  '/api/bot/why',
  '/api/bot/quiet',
  '/api/bot/caps',
  '/assets/style.css',
  '/nothing',
  '/%00',
  '/..%2f',
];

/** A request byte for byte, and the status that comes back. */
async function raw(port: number, request: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(request);
  let answer = '';
  for await (const piece of socket) {
    answer += String(piece);
    if (answer.includes('\r\n')) break;
  }
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

describe('F1: 127.0.0.1 only', () => {
  test('no other address of this machine answers', async () => {
    const { server } = await review();
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((entry) => entry !== undefined && entry.address !== '127.0.0.1' && !entry.address.startsWith('fe80'))
      .map((entry) => entry!.address);
    for (const address of [...others, '127.0.0.2']) {
      const socket = connect(server.port, address);
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toMatch(/ECONNREFUSED|EADDRNOTAVAIL|ENETUNREACH/);
    }
    const listening = spawnSync('ss', ['-Hltn', `sport = :${server.port}`], { encoding: 'utf8' });
    if (listening.status === 0) expect(listening.stdout.trim().split(/\s+/)[3]).toBe(`127.0.0.1:${server.port}`);
  });
});

describe('F2: our own name as Host, on every route', () => {
  const wrong = (port: number): string[] => [
    `evil.test:${port}`,
    `rebind.test:${port}`,
    '127.0.0.1',
    'localhost',
    `127.0.0.1:${port + 1}`,
    `127.0.0.1:${port}.evil.test`,
    `evil.test@127.0.0.1:${port}`,
    `127.0.0.1.:${port}`,
    `127.1:${port}`,
    `0.0.0.0:${port}`,
    `[::1]:${port}`,
    `127.0.0.1:${port}/`,
    `127.0.0.1:${port}, evil.test`,
  ];

  test('every other name is answered with 421, whatever is asked for', async () => {
    const { server } = await review();
    for (const path of routes) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        for (const host of wrong(server.port)) {
          const status = await raw(
            server.port,
            `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`,
          );
          expect({ method, path, host, status }).toEqual({ method, path, host, status: 421 });
        }
      }
    }
  });

  test('two names, or none, are no name; an upgrade is not one either', async () => {
    const { server } = await review();
    const own = `127.0.0.1:${server.port}`;
    expect(await raw(server.port, `GET / HTTP/1.1\r\nHost: ${own}\r\nHost: evil.test\r\n\r\n`)).toBeOneOf([400, 421]);
    expect(await raw(server.port, `GET / HTTP/1.1\r\nHost: evil.test\r\nHost: ${own}\r\n\r\n`)).toBeOneOf([400, 421]);
    expect(await raw(server.port, 'GET / HTTP/1.1\r\n\r\n')).toBeOneOf([400, 421]);
    expect(await raw(server.port, 'GET / HTTP/1.0\r\n\r\n')).toBe(421);
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    expect(await raw(server.port, `GET /events HTTP/1.1\r\nHost: evil.test\r\n${upgrade}`)).toBe(421);
    for (const host of [own, `localhost:${server.port}`, `LOCALHOST:${server.port}`]) {
      expect(await raw(server.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe(401);
    }
  });

  test('a page that gives our address its own name reads nothing; without the check it reads', async () => {
    for (const [guards, status] of [
      [protections, 421],
      [without({ isOurHost: () => true }), 401],
    ] as const) {
      const { server } = await review({ protections: guards });
      const page = await (await profile()).newPage();
      const response = await page.goto(`http://rebind.test:${server.port}/`);
      expect(response?.status()).toBe(status);
      expect((await page.content()).includes('Open this page by its link')).toBe(status === 401);
    }
  });
});

/** A page of somebody else who knows the port and tries to switch replies off, with the reader's cookies. */
async function evilPage({ server, origin }: Review, attack: string): Promise<string> {
  const evil = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><body><script>
      const target = ${JSON.stringify(`${origin}/api/bot`)};
      const body = JSON.stringify({ chatId: 1, bot: false });
      (async () => { ${attack} })().catch(() => 0).finally(() => setTimeout(() => { document.title = 'done'; }, 300));
    </script></body>`);
  });
  evil.listen(0, '127.0.0.1');
  await once(evil, 'listening');
  onTestFinished(() => void evil.close());
  const context = await profile();
  const page = await context.newPage();
  await page.goto(server.link());
  await page.waitForSelector('#logout');
  // another site, and another port of the same site: the cookie travels there too
  const { port } = evil.address() as AddressInfo;
  for (const host of ['evil.test', '127.0.0.1']) {
    await page.goto(`http://${host}:${port}/`);
    await page.waitForFunction('document.title === "done"');
  }
  return origin;
}

describe('F3: changes come from this page only', () => {
  const attacks = {
    'a simple request': `await fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include', body });`,
    JSON: `await fetch(target, { method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json' }, body });`,
    'a beacon': `navigator.sendBeacon(target, new Blob([body], { type: 'text/plain' }));`,
    'a form': `
      const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), { name: 'f' }));
      const form = document.body.appendChild(Object.assign(document.createElement('form'),
        { method: 'post', action: target, target: 'f', enctype: 'text/plain' }));
      const field = form.appendChild(document.createElement('input'));
      field.name = body.slice(0, -1) + ',"x":"'; field.value = '"}';
      form.submit(); await new Promise((done) => { frame.onload = done; setTimeout(done, 500); });`,
    'a sandboxed frame (origin null)': `
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts';
      frame.srcdoc = '<script>fetch(' + JSON.stringify(target) + ', { method: "POST", mode: "no-cors", credentials: "include", body: ' + JSON.stringify(JSON.stringify({ chatId: 1, bot: false })) + ' })<' + '/script>';
      document.body.append(frame); await new Promise((done) => setTimeout(done, 500));`,
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(`${name} from elsewhere changes nothing`, async () => {
      const place = await review();
      await evilPage(place, attack);
      expect(place.store.chats.get(place.chat).bot).toBe(true);
    });
  }

  test('with the check taken out the simple request gets through', async () => {
    const place = await review({ protections: without({ isOurWrite: () => true }) });
    await evilPage(place, attacks['a simple request']);
    expect(place.store.chats.get(place.chat).bot).toBe(false);
  });

  test('each of the conditions counts', async () => {
    const place = await review();
    const Cookie = await loggedIn(place);
    const off = { chatId: place.chat, bot: false };
    const wrong: Record<string, string>[] = [
      { Origin: 'null' },
      { Origin: `http://evil.test:${place.server.port}` },
      { Origin: `https://127.0.0.1:${place.server.port}` },
      { Origin: `http://127.0.0.1:${place.server.port + 1}` },
      { Origin: `${place.origin}/` },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { 'Sec-Fetch-Site': 'none' },
      { 'Content-Type': 'text/plain' },
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { 'Content-Type': 'application/jsonp' },
    ];
    for (const headers of wrong) {
      expect((await post(place.origin, '/api/bot', off, { Cookie, ...headers })).status).toBe(403);
    }
    for (const missing of ['Origin', 'Sec-Fetch-Site', 'Content-Type']) {
      const headers: Record<string, string> = {
        'Content-Type': 'application/json',
        Origin: place.origin,
        'Sec-Fetch-Site': 'same-origin',
        Cookie,
      };
      delete headers[missing];
      const response = await fetch(`${place.origin}/api/bot`, { method: 'POST', headers, body: JSON.stringify(off) });
      expect(response.status).toBe(403);
    }
    expect(place.store.chats.get(place.chat).bot).toBe(true);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await fetch(`${place.origin}/api/bot`, { method, headers: { Cookie, Origin: place.origin } });
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
    expect(place.store.chats.get(place.chat).bot).toBe(true);
    expect((await post(place.origin, '/api/bot', off, { Cookie })).status).toBe(200);
    expect(place.store.chats.get(place.chat).bot).toBe(false);
  });
});

describe('F4: nothing without a session', () => {
  test('every route asks for the link; without the check the page opens', async () => {
    const place = await review();
    for (const path of ['/bot', '/events', '/nothing', '/api/bot']) {
      expect((await fetch(`${place.origin}${path}`)).status).toBe(401);
    }
    expect((await post(place.origin, '/api/bot', { chatId: place.chat, bot: false })).status).toBe(401);
    const body = await (await fetch(`${place.origin}/bot`, { headers: { Accept: 'text/html' } })).text();
    expect(body).not.toContain('Ben');
    const open = await review({ protections: without({ needsSession: false }) });
    expect(await (await fetch(`${open.origin}/bot`)).text()).toContain('Ben');
  });

  test('a page that asks by itself while nobody is there ends with the session; one that is used does not', async () => {
    const minute = 60_000;
    for (const [headers, status] of [
      [{ 'X-Watch': '1' }, 401],
      [{}, 200],
    ] as const) {
      let now = 0;
      const place = await review({ now: () => now });
      const Cookie = await loggedIn(place);
      const ask = async (): Promise<number> =>
        (await fetch(`${place.origin}/api/bot/state`, { headers: { Cookie, ...headers } })).status;
      now = 20 * minute;
      expect(await ask()).toBe(200);
      now = 40 * minute;
      expect(await ask()).toBe(status);
    }
  });

  test('the link opens the page once, its token leaves the address, and the browser keeps the strict cookie', async () => {
    const { server } = await review();
    const context = await profile();
    const page = await context.newPage();
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.url()));
    const link = server.link();
    await page.goto(link);
    await page.waitForSelector('#logout');
    expect(page.url()).not.toContain(tokenOf(link));
    expect(sent.length).toBeGreaterThan(3);
    // a fragment stays in the browser; nothing that goes over the wire or into a log carries the token
    expect(sent.filter((url) => url.split('#')[0]!.includes(tokenOf(link)))).toEqual([]);
    const cookies = await context.cookies();
    expect(cookies.filter(({ name }) => name.startsWith('__Host-'))).toMatchObject([
      { httpOnly: true, secure: true, sameSite: 'Strict', path: '/' },
    ]);
    expect(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Strict')).toBe(true);

    const second = await (await profile()).newPage();
    await second.goto(link);
    await second.waitForFunction(`document.querySelector('#said').textContent.includes('used before')`);
  });

  test('the eleventh wrong link within a minute is told to wait', async () => {
    const { origin } = await review();
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++) statuses.push((await post(origin, '/login', { token: `wrong ${n}` })).status);
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429]);
  });

  test('logging out ends it', async () => {
    const { server } = await review();
    const page = await (await profile()).newPage();
    await page.goto(server.link());
    await page.click('#logout');
    await page.waitForSelector('.login');
  });
});

describe('F6: headers on every answer', () => {
  test('whatever is asked for', async () => {
    const place = await review();
    const Cookie = await loggedIn(place);
    const answers = [
      ...(await Promise.all(
        routes.filter((path) => path !== '/events').map((path) => fetch(`${place.origin}${path}`)),
      )),
      await fetch(`${place.origin}/bot`, { headers: { Cookie } }),
      await post(place.origin, '/api/bot', { chatId: 'x' }, { Cookie }),
      await post(place.origin, '/api/bot', {}, { Origin: 'null' }),
      await post(place.origin, '/api/bot', { x: 'x'.repeat(70_000) }, { Cookie }),
    ];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 403, 413]));
    for (const { headers } of answers) {
      for (const [name, value] of Object.entries(protections.headers)) expect(headers.get(name)).toBe(value);
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
    const policy = protections.headers['Content-Security-Policy']!;
    for (const directive of [
      "default-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "trusted-types 'none'",
    ]) {
      expect(policy).toContain(directive);
    }
    expect(policy).not.toContain('unsafe');
  });
});
