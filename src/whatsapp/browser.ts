/**
 * The browser that WhatsApp Web runs in: the one CHROME_PATH names, else one that is installed, else one fetched earlier;
 * `ensureBrowser` gets one where there is none (browser-install.ts). No browser is downloaded by `npm ci`.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UserError } from '../util/errors.ts';
import { errorLine } from './errors.ts';
import { fetchedBrowser, fetchChrome, installChromium } from './browser-install.ts';

export interface BrowserSearch {
  /** CHROME_PATH; '' or undefined: not set */
  chromePath: string | undefined;
  /** folder for fetched browsers */
  cacheDir: string;
  /** where to look, for tests; the machine's own places where left out */
  places?: BrowserPlaces;
}

export interface BrowserPlaces {
  /** full paths of usual installations, best first */
  usual: readonly string[];
  /** folders as in the environment variable PATH */
  path: string;
}

export interface BrowserRequest extends BrowserSearch {
  /** apt-get may be used where the program runs as root on Debian or Ubuntu */
  allowApt: boolean;
  /** show a progress bar; by default where stderr is a terminal */
  interactive?: boolean;
  /** one line for the person at the terminal */
  say: (line: string) => void;
}

const namesOnPath = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome', 'chrome.exe'];

/**
 * @returns the path of a browser, or undefined where there is none
 * @throws UserError where CHROME_PATH names something that cannot be run
 */
export async function findBrowser({ chromePath, cacheDir, places }: BrowserSearch): Promise<string | undefined> {
  if (chromePath !== undefined && chromePath !== '') {
    if (isExecutable(chromePath)) return chromePath;
    throw new UserError(
      `CHROME_PATH points to ${chromePath}, which is not a program that can be run.`,
      'Correct CHROME_PATH, or unset it to use an installed browser.',
    );
  }
  const { usual, path } = places ?? ownPlaces();
  const onPath = path.split(delimiter).flatMap((folder) => namesOnPath.map((name) => join(folder, name)));
  const installed = [...usual, ...(path === '' ? [] : onPath)].find(isExecutable);
  return installed ?? (await fetchedBrowser(cacheDir));
}

/**
 * A browser, at any honest price: found, else fetched into `cacheDir`, else installed with apt-get.
 * @throws UserError naming the remedy where none of it works
 */
export async function ensureBrowser(request: BrowserRequest): Promise<string> {
  const found = await findBrowser(request);
  if (found !== undefined) return found;
  const { cacheDir, say } = request;
  const failures: string[] = [];
  try {
    say('No Chrome or Chromium found: fetching Chrome for Testing.');
    return await fetchChrome(cacheDir, request.interactive ?? process.stderr.isTTY, say);
  } catch (error) {
    failures.push(`download: ${errorLine(error)}`);
  }
  if (request.allowApt && process.env['PERSONA_NO_APT'] !== '1') {
    try {
      if (await installChromium(say)) {
        const installed = await findBrowser(request);
        if (installed !== undefined) return installed;
      }
    } catch (error) {
      failures.push(`apt-get: ${errorLine(error)}`);
    }
  }
  throw new UserError(
    `No Chrome or Chromium found, and none could be fetched (${failures.join('; ')}).`,
    'Install one (Debian: apt-get install chromium), or set CHROME_PATH to the one you have.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function ownPlaces(): BrowserPlaces {
  const { env, platform } = process;
  const path = env['PATH'] ?? '';
  if (platform === 'darwin') {
    const folders = ['/Applications', join(env['HOME'] ?? '', 'Applications')];
    const apps = ['Google Chrome', 'Chromium'].map((name) => `${name}.app/Contents/MacOS/${name}`);
    return { usual: folders.flatMap((folder) => apps.map((app) => join(folder, app))), path };
  }
  if (platform === 'win32') {
    const folders = ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) => env[name] ?? []);
    const apps = ['Google\\Chrome\\Application\\chrome.exe', 'Chromium\\Application\\chrome.exe'];
    return { usual: folders.flatMap((folder) => apps.map((app) => join(folder, app))), path };
  }
  const usual = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser'].map(
    (name) => `/usr/bin/${name}`,
  );
  return { usual: ['/opt/google/chrome/chrome', ...usual, '/usr/lib/chromium/chromium', '/snap/bin/chromium'], path };
}
