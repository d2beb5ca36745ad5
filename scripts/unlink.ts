/** For `persona forget --everything`: WhatsApp is told that this device is gone, in a browser that is opened for it alone. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../src/config.ts';
import { createLog } from '../src/util/log.ts';
import { ensureBrowser } from '../src/whatsapp/browser.ts';
import { openWhatsApp } from '../src/whatsapp/client.ts';
import { profileDir } from '../src/whatsapp/profile.ts';
import { browserCacheDir } from './context.ts';

/** until the profile is connected, or shows that it is not linked any more */
const connectMs = 90_000;
/** until WhatsApp has taken the device off its list */
const goneMs = 20_000;

/** @returns whether this device is linked no more; false where nobody answered in time. Needs the role `start`. */
export async function unlinkDevice(sessionDir: string, env: Environment): Promise<boolean> {
  if (!existsSync(profileDir(sessionDir))) return true; // never linked
  const executablePath = await ensureBrowser({
    chromePath: env.chromePath,
    cacheDir: browserCacheDir,
    allowApt: false, // nothing is installed to take something away
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  let tell: (state: 'ready' | 'gone' | 'failed') => void = () => undefined;
  const next = (): Promise<'ready' | 'gone' | 'failed'> => new Promise((resolve) => (tell = resolve));
  const late = (ms: number): Promise<'failed'> => sleep(ms, 'failed' as const, { ref: false });
  const first = next();
  const quiet = (): void => undefined;
  const client = await openWhatsApp({
    sessionDir,
    browser: { executablePath, args: env.chromeArgs },
    log: createLog('silent', false),
    events: {
      onQr: () => tell('gone'), // a QR code: the account does not know this device any more
      onReady: () => tell('ready'),
      onState: (state) => {
        if (state === 'logged out') tell('gone');
      },
      onFatal: () => tell('failed'),
      onMessage: quiet,
      onEdit: quiet,
      onRevoke: quiet,
      onReaction: quiet,
    },
  });
  try {
    const state = await Promise.race([first, late(connectMs)]);
    if (state !== 'ready') return state === 'gone';
    const second = next();
    await client.unlink().catch(() => undefined); // the page leaves while it answers; the state tells
    return (await Promise.race([second, late(goneMs)])) === 'gone';
  } finally {
    await client.close();
  }
}
