/** What most commands begin with: settings read and the store opened. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvironment, loadPersona } from '../src/config.ts';
import type { Environment, PersonaConfig } from '../src/config.ts';
import { defaultRegions, type RedactOptions } from '../src/consent/redact.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { openVoice } from '../src/reply/voice.ts';
import type { Voice } from '../src/reply/voice.ts';
import { openStore } from '../src/store/store.ts';
import type { Store } from '../src/store/store.ts';
import type { BackendName } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import type { Logger } from '../src/util/log.ts';

export interface Context {
  env: Environment;
  persona: PersonaConfig;
}

/** @throws UserError when persona.json is missing or wrong, with the remedy */
export function loadContext(): Context {
  const env = loadEnvironment();
  return { env, persona: loadPersona(env.personaDir) };
}

/** Open the store, run `work`, and close it whatever happens. */
export async function withStore<T>(dataDir: string, work: (store: Store) => T | Promise<T>): Promise<T> {
  const store = openStore(dataDir);
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/** stdout for `--json`: one line, nothing else. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A person is there to answer questions. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Where a browser that was fetched for this project is kept; node_modules survives everything but a new install. */
export const browserCacheDir: string = join(projectRoot, 'node_modules', '.cache', 'browser');

/** The sentences of the bot: the user's own where persona/notices exists beside persona.json, else those that ship. */
export function noticesDir(env: Environment): string {
  const own = join(env.personaDir, 'notices');
  return existsSync(own) ? own : join(projectRoot, 'persona', 'notices');
}

/** The serving model in its worker. Prompts hide what training hid: without a persona, what `retrain` hides by default. */
export function openServingVoice(
  { modelsDir, backend }: { modelsDir: string; backend: BackendName | 'auto' },
  log: Logger,
  persona?: PersonaConfig,
): Voice {
  const redaction: RedactOptions = persona === undefined ? { regions: defaultRegions } : redactionOf(persona);
  return openVoice({ modelsDir, backend, log, redaction });
}
