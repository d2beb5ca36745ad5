/**
 * Getting a browser where none is installed: Chrome for Testing in the build that puppeteer was made for, into a cache
 * folder (PUPPETEER_CHROME_DOWNLOAD_BASE_URL names a mirror); or Debian's chromium by apt-get, as root only. Gives up within seconds where there is no network.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Browser, Cache, canDownload, detectBrowserPlatform, install } from '@puppeteer/browsers';
import cliProgress from 'cli-progress';
import { PUPPETEER_REVISIONS } from 'puppeteer-core/internal/revisions.js';
import { deferred, within } from './async.ts';

const reachMs = 5_000;
/** a download that brings nothing for so long has failed */
const stallMs = 30_000;
const mebibyte = 2 ** 20;

/** The browser of an earlier `fetchChrome`, if it runs. */
export async function fetchedBrowser(cacheDir: string): Promise<string | undefined> {
  if (!existsSync(cacheDir)) return undefined;
  const installed = new Cache(cacheDir).getInstalledBrowsers();
  const chrome = installed.filter(({ browser }) => browser === Browser.CHROME);
  const newestFirst = chrome.sort((a, b) => b.buildId.localeCompare(a.buildId, 'en', { numeric: true }));
  const paths = newestFirst.map(({ executablePath }) => executablePath);
  return Promise.resolve(paths.find((path) => whyItFails(path) === undefined));
}

/** @returns the path of the fetched browser */
export async function fetchChrome(cacheDir: string, showBar: boolean, say: (line: string) => void): Promise<string> {
  const platform = detectBrowserPlatform();
  if (platform === undefined) throw new Error(`no Chrome for ${process.platform} ${process.arch}`);
  const mirror = process.env['PUPPETEER_CHROME_DOWNLOAD_BASE_URL']; // as puppeteer's own installer has it
  const wanted = {
    browser: Browser.CHROME,
    buildId: PUPPETEER_REVISIONS.chrome,
    cacheDir,
    platform,
    ...(mirror === undefined || mirror === '' ? {} : { baseUrl: mirror }),
  };
  const unreachable = (): Error => new Error('the download server does not answer');
  if (!(await within(canDownload(wanted), reachMs, unreachable))) throw unreachable();

  const bar = new cliProgress.SingleBar({
    format: 'Chrome {bar} {percentage}% {value}/{total} MiB {eta_formatted}',
    stream: process.stderr,
    noTTYOutput: false,
  });
  const stalled = deferred<never>();
  const stall = (): NodeJS.Timeout => setTimeout(() => stalled.reject(new Error('the download stalled')), stallMs);
  let timer = stall();
  let isShown = false;
  const onProgress = (doneBytes: number, totalBytes: number): void => {
    clearTimeout(timer);
    if (doneBytes < totalBytes) timer = stall(); // unpacking has no limit
    const [done, total] = [Math.round(doneBytes / mebibyte), Math.round(totalBytes / mebibyte)];
    if (!isShown && showBar) bar.start(total, done);
    else if (!isShown) say(`Fetching ${total} MiB.`);
    else if (showBar) bar.update(done);
    isShown = true;
  };
  try {
    const installed = await Promise.race([
      install({ ...wanted, downloadProgressCallback: onProgress }),
      stalled.promise,
    ]);
    const failure = whyItFails(installed.executablePath);
    if (failure !== undefined) throw new Error(`the fetched Chrome does not run here: ${failure}`);
    return installed.executablePath;
  } finally {
    clearTimeout(timer);
    bar.stop();
  }
}

/**
 * `apt-get install chromium`, with `apt-get update` first where apt knows no such package.
 * @returns false where apt-get cannot be used here
 */
export async function installChromium(say: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  say('Installing chromium with apt-get (PERSONA_NO_APT=1 forbids it).');
  if ((await apt(['install', '--simulate', 'chromium'], true)) !== 0) await apt(['update']);
  const code = await apt(['install', '--yes', '--no-install-recommends', 'chromium']);
  if (code !== 0) throw new Error(`apt-get install chromium ended with ${code}`);
  return true;
}

/** A fetched Chrome brings no system libraries: undefined where it runs, else what it says. */
function whyItFails(executablePath: string): string | undefined {
  const { status, stderr, error } = spawnSync(executablePath, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  if (status === 0) return undefined;
  return error?.message ?? stderr.split('\n')[0] ?? '';
}

/** Exit status of apt-get, whose output goes to stderr: stdout belongs to the command that asked. */
async function apt(args: string[], isQuiet = false): Promise<number> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const stdio = isQuiet ? 'ignore' : (['ignore', 2, 2] as ('ignore' | number)[]);
  const { promise, resolve, reject } = deferred<number>();
  const child = spawn('apt-get', args, { env, stdio });
  child.on('error', reject);
  child.on('close', (code) => resolve(code ?? 1));
  return promise;
}
