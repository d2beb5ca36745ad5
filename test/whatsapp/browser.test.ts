/**
 * Finding and getting a browser, with folders, a download server and an apt-get of the test's own: nothing here touches
 * the machine's browser, package manager or network.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../src/util/errors.ts';
import { ensureBrowser, findBrowser, type BrowserRequest } from '../../src/whatsapp/browser.ts';
import { temporaryDir } from '../support/whatsapp-web/harness.ts';

const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
let folder: string;
let lines: string[];
let servers: Server[];

beforeEach(() => {
  folder = temporaryDir('browser');
  lines = [];
  servers = [];
});

afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

function program(path: string, script = 'exit 0'): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, `#!/bin/sh\n${script}\n`);
  chmodSync(whole, 0o755);
  return whole;
}

function search(usual: string[] = [], path = ''): { cacheDir: string; places: { usual: string[]; path: string } } {
  return { cacheDir: join(folder, 'cache'), places: { usual, path } };
}

function request(changes: Partial<BrowserRequest> = {}): BrowserRequest {
  const say = (line: string): void => void lines.push(line);
  return { ...search(), chromePath: undefined, allowApt: false, interactive: false, say, ...changes };
}

async function serve(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('findBrowser', () => {
  test('CHROME_PATH comes first', async () => {
    const wanted = program('mine/chrome');
    const usual = program('usr/chromium');
    expect(await findBrowser({ ...search([usual]), chromePath: wanted })).toBe(wanted);
  });

  test.each([
    ['that does not exist', (path: string) => path],
    ['that is no program', (path: string) => (writeFileSync(path, 'text'), path)],
    ['that is a folder', (path: string) => (mkdirSync(path), path)],
  ])('a CHROME_PATH %s is an error that names it', async (_what, make) => {
    const path = make(join(folder, 'nothing'));
    const found = findBrowser({ ...search([program('usr/chromium')]), chromePath: path });
    await expect(found).rejects.toThrow(UserError);
    await expect(found).rejects.toThrow(`CHROME_PATH points to ${path}`);
  });

  test('then the usual places, then PATH', async () => {
    const usual = program('usr/chromium');
    const onPath = program('bin/google-chrome');
    const missing = join(folder, 'usr/none');
    const path = `${join(folder, 'empty')}:${join(folder, 'bin')}`;
    expect(await findBrowser({ ...search([missing, usual], path), chromePath: '' })).toBe(usual);
    expect(await findBrowser({ ...search([missing], path), chromePath: undefined })).toBe(onPath);
  });

  test('then one fetched earlier: the newest that runs', async () => {
    const at = (build: string): string => `cache/chrome/linux-${build}/chrome-linux64/chrome`;
    program(at('99.0.1.0'));
    const newest = program(at('146.0.1.0'));
    program(at('147.0.1.0'), 'echo "error while loading shared libraries" >&2; exit 127');
    expect(await findBrowser({ ...search(), chromePath: undefined })).toBe(newest);
  });

  test('else none', async () => {
    expect(await findBrowser({ ...search([], join(folder, 'empty')), chromePath: undefined })).toBeUndefined();
  });
});

describe('ensureBrowser', () => {
  test('says nothing and fetches nothing where one is found', async () => {
    const usual = program('usr/chromium');
    expect(await ensureBrowser(request(search([usual])))).toBe(usual);
    expect(lines).toEqual([]);
  });

  test.runIf(process.platform === 'linux' && process.arch === 'x64')('fetches one, saying how much', async () => {
    const zip = zipOf('chrome-linux64/chrome', '#!/bin/sh\nexit 0\n');
    const asked: string[] = [];
    const mirror = await serve((incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url}`);
      response.setHeader('content-length', zip.length);
      response.end(incoming.method === 'HEAD' ? undefined : zip);
    });
    vi.stubEnv('PUPPETEER_CHROME_DOWNLOAD_BASE_URL', mirror);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    const path = await ensureBrowser(request());
    expect(path.startsWith(join(folder, 'cache'))).toBe(true);
    expect(asked.map((line) => line.replace(/[\d.]+\//, 'BUILD/'))).toEqual([
      'HEAD /BUILD/linux64/chrome-linux64.zip',
      'GET /BUILD/linux64/chrome-linux64.zip',
    ]);
    expect(lines).toEqual(['No Chrome or Chromium found: fetching Chrome for Testing.', 'Fetching 0 MiB.']);
    expect(await findBrowser({ ...search(), chromePath: undefined })).toBe(path);
  });

  test('without a network it ends at once, naming the remedy', async () => {
    vi.stubEnv('PUPPETEER_CHROME_DOWNLOAD_BASE_URL', 'http://127.0.0.1:9'); // nobody listens there
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    const failed = await ensureBrowser(request()).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    const { message, hint } = failed as UserError;
    expect(message).toBe(
      'No Chrome or Chromium found, and none could be fetched (download: Error: the download server does not answer).',
    );
    expect(hint).toContain('apt-get install chromium');
    expect(hint).toContain('CHROME_PATH');
  });

  test('a server that never answers is given up within seconds', async () => {
    vi.stubEnv('PUPPETEER_CHROME_DOWNLOAD_BASE_URL', await serve(() => undefined));
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await expect(ensureBrowser(request())).rejects.toThrow('does not answer');
  }, 15_000);

  describe.runIf(isRootOnDebian)('apt-get, as root', () => {
    const simulated = 'case "$*" in *--simulate*) [ -f "$HERE/updated" ] || exit 100;; esac';
    const script = `echo "$*" >> "$HERE/calls"; ${simulated}
      case "$1" in update) echo > "$HERE/updated";; esac
      case "$*" in *--yes*) echo '#!/bin/sh' > "$HERE/chromium"; /bin/chmod +x "$HERE/chromium";; esac`;
    const calls = (): string[] => readFileSync(join(folder, 'bin/calls'), 'utf8').trim().split('\n');

    beforeEach(() => {
      program('bin/apt-get', script);
      vi.stubEnv('PATH', join(folder, 'bin'));
      vi.stubEnv('HERE', join(folder, 'bin'));
      vi.stubEnv('PUPPETEER_CHROME_DOWNLOAD_BASE_URL', 'http://127.0.0.1:9');
      vi.stubEnv('NO_PROXY', '127.0.0.1');
      vi.stubEnv('PERSONA_NO_APT', '');
    });

    const wanted = (): BrowserRequest => request({ ...search([], join(folder, 'bin')), allowApt: true });

    test('is announced, updates where it must, and installs', async () => {
      expect(await ensureBrowser(wanted())).toBe(join(folder, 'bin/chromium'));
      expect(lines.at(-1)).toBe('Installing chromium with apt-get (PERSONA_NO_APT=1 forbids it).');
      expect(calls()).toEqual([
        'install --simulate chromium',
        'update',
        'install --yes --no-install-recommends chromium',
      ]);
    });

    test('PERSONA_NO_APT=1 forbids it', async () => {
      vi.stubEnv('PERSONA_NO_APT', '1');
      await expect(ensureBrowser(wanted())).rejects.toThrow(UserError);
      expect(() => calls()).toThrow('ENOENT');
    });
  });
});

/** A zip archive with one executable file, stored uncompressed (APPNOTE.TXT 4.3). */
function zipOf(name: string, content: string): Buffer {
  const data = Buffer.from(content);
  const bytes = Buffer.from(name);
  const common = Buffer.alloc(26); // from "version needed" to "extra length", the same in both headers
  common.writeUInt16LE(20, 0);
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(bytes.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, bytes, data]);
  const tail = Buffer.alloc(14); // comment length … external attributes, offset of the local header
  tail.writeUInt32LE((0o100755 << 16) >>> 0, 6);
  const madeBy = Buffer.from([20, 3]); // Unix
  const central = Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, common, tail, bytes]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06'), end]);
}
