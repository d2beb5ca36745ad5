/**
 * The browser that tests run, got as the product gets it. `CHROME_PATH` and `PERSONA_NO_APT` count here too. A test's
 * global setup may call this once, so that a missing browser is fetched before the clock of a test runs.
 */
import { join } from 'node:path';
import { projectRoot } from '../../src/util/dist.ts';
import { ensureBrowser } from '../../src/whatsapp/browser.ts';

let browser: Promise<string> | undefined;

export async function testBrowser(): Promise<string> {
  browser ??= ensureBrowser({
    chromePath: process.env['CHROME_PATH'],
    cacheDir: join(projectRoot, 'node_modules', '.cache', 'browser'),
    allowApt: true,
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  return browser;
}
