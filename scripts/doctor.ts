/**
 * `persona doctor`: what is here, what is missing, and the remedy for each. Changes nothing.
 * Ends 1 when something that `persona start` needs is missing.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadEnvironment, loadPersona, personaFile } from '../src/config.ts';
import type { Environment } from '../src/config.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { freeBytes } from '../src/util/files.ts';
import { browserCacheDir, printJson } from './context.ts';

/** One line of the report. `warning`: works without it, or is not there yet. */
interface Finding {
  name: string;
  state: 'ok' | 'warning' | 'missing';
  found: string;
  /** what to do; '' when ok */
  remedy: string;
  /** of a backend: what it runs on, its memory where it is not the machine's, and its measured speed where it is usable */
  backend?: { device: string; memoryBytes: number | null; gflops: number | null };
}

/** Less free disk than this and a night may not fit. */
const neededFreeBytes = 1 << 30;

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check this machine and say what is missing')
    .option('--json', 'print JSON only')
    .action(doctor);
}

async function doctor(flags: { json?: boolean }): Promise<void> {
  const findings: Finding[] = [];
  const look = async (
    name: string,
    check: () => Promise<Omit<Finding, 'name'>> | Omit<Finding, 'name'>,
  ): Promise<void> => {
    try {
      findings.push({ name, ...(await check()) });
    } catch (error) {
      if (error instanceof UserError)
        findings.push({ name, state: 'missing', found: error.message, remedy: error.hint });
      else
        findings.push({
          name,
          state: 'missing',
          found: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
          remedy: 'run `npm ci` again; its output names the cause',
        });
    }
  };
  await look('Node.js', checkNode);
  let env: Environment | undefined;
  await look('environment', () => {
    env = loadEnvironment();
    return ok('.env and environment variables are valid');
  });
  if (env !== undefined) {
    const here = env;
    await look('persona.json', () => checkPersona(here));
    await look('browser', () => checkBrowser(here));
    await look('database', () => checkDatabase(here));
    await look('WhatsApp', () => checkSession(here));
    await look('model', () => checkModel(here));
    await look('disk', () => checkDisk(here));
    await checkBackends(findings);
  }
  if (flags.json === true) printJson(findings);
  else findings.forEach(printFinding);
  if (findings.some(({ state }) => state === 'missing')) process.exitCode = ExitCode.user;
}

function printFinding({ name, state, found, remedy }: Finding): void {
  const mark = { ok: 'ok     ', warning: 'note   ', missing: 'MISSING' }[state];
  console.log(`${mark}  ${name.padEnd(18)} ${found}${remedy === '' ? '' : `\n${' '.repeat(28)}-> ${remedy}`}`);
}

const ok = (found: string): Omit<Finding, 'name'> => ({ state: 'ok', found, remedy: '' });
const note = (found: string, remedy: string): Omit<Finding, 'name'> => ({ state: 'warning', found, remedy });
const missing = (found: string, remedy: string): Omit<Finding, 'name'> => ({ state: 'missing', found, remedy });

function checkNode(): Omit<Finding, 'name'> {
  const major = Number(process.versions.node.split('.')[0]);
  const found = `${process.versions.node} on ${process.platform} ${process.arch}`;
  return major >= 20 ? ok(found) : missing(found, 'install Node.js 20, 22 or 24');
}

function checkPersona(env: Environment): Omit<Finding, 'name'> {
  const persona = loadPersona(env.personaDir);
  return ok(
    `${personaFile(env.personaDir)}: ${persona.name}, speaker "${persona.speaker}", model ${persona.training.size}`,
  );
}

async function checkBrowser(env: Environment): Promise<Omit<Finding, 'name'>> {
  const { findBrowser } = await import('../src/whatsapp/browser.ts');
  const path = await findBrowser({ chromePath: env.chromePath, cacheDir: browserCacheDir });
  return path === undefined
    ? missing(
        'no Chrome or Chromium found',
        'set CHROME_PATH, or install one (Debian: apt-get install chromium); `persona start` fetches one where it can',
      )
    : ok(path);
}

async function checkDatabase(env: Environment): Promise<Omit<Finding, 'name'>> {
  const path = join(env.dataDir, 'persona.sqlite');
  const { openStore } = await import('../src/store/store.ts'); // also shows whether the native module loads
  if (!existsSync(path)) return note(`${path} does not exist yet`, 'run `npm run init`');
  const store = openStore(env.dataDir);
  try {
    return ok(
      `${path}: ${store.messages.count()} messages, ${store.people.list().length} people, ${megabytes(statSync(path).size)}`,
    );
  } finally {
    store.close();
  }
}

function checkSession(env: Environment): Omit<Finding, 'name'> {
  return existsSync(join(env.dataDir, 'session', 'session'))
    ? ok('paired before; the session is in data/session')
    : note('not paired yet', 'run `npm run start` and scan the QR code with the phone');
}

async function checkModel(env: Environment): Promise<Omit<Finding, 'name'>> {
  const { loadServing } = await import('../src/checkpoint/current.ts');
  const refused: string[] = [];
  const serving = loadServing(env.modelsDir, (run, error) => refused.push(`run ${run} is refused: ${error.message}`));
  const trouble = refused.length === 0 ? '' : ` (${refused.join('; ')})`;
  return serving === undefined
    ? note(`no trained model yet${trouble}`, 'import a chat or collect one, then run `npm run retrain`')
    : ok(`${serving.dir}${trouble}`);
}

function checkDisk(env: Environment): Omit<Finding, 'name'> {
  const existing = [env.dataDir, join(env.dataDir, '..')].find((path) => existsSync(path)) ?? '.';
  const free = freeBytes(existing);
  return free >= neededFreeBytes
    ? ok(`${megabytes(free)} free for ${env.dataDir}`)
    : missing(
        `only ${megabytes(free)} free for ${env.dataDir}`,
        'free at least 1,024 MB, or set DATA_DIR and MODELS_DIR to another disk',
      );
}

/** Every backend: what it runs on and how fast it multiplies, or why it cannot be used. */
async function checkBackends(findings: Finding[]): Promise<void> {
  const { availableBackends, measureBackend, pickBackend } = await import('../src/model/backend.ts');
  const reports = await availableBackends();
  for (const { name, usable, device, memoryBytes, software, reason } of reports) {
    if (!usable) {
      findings.push({
        name: `backend ${name}`,
        ...note('not usable', reason),
        backend: { device, memoryBytes, gflops: null },
      });
      continue;
    }
    const gflops = Number((await measureBackend(name)).toPrecision(3));
    const memory = memoryBytes === null ? '' : `, ${megabytes(memoryBytes)}`;
    const found = `${device}${memory}; products at ${gflops.toLocaleString('en')} GFLOP/s${software ? '; used only when asked for by name' : ''}`;
    findings.push({ name: `backend ${name}`, ...ok(found), backend: { device, memoryBytes, gflops } });
  }
  const picked = await pickBackend('auto', 'training');
  const answering = await pickBackend('auto', 'replies');
  findings.push({ name: 'backend', ...ok(`PERSONA_BACKEND=auto trains on ${picked} and answers on ${answering}`) });
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576).toLocaleString('en')} MB`;
}
