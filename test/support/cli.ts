/**
 * The `persona` command as its own process, from dist, with folders of its own: as a user runs it.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { distFile } from '../../src/util/dist.ts';

export interface Home {
  dir: string;
  dataDir: string;
  modelsDir: string;
  personaDir: string;
  env: NodeJS.ProcessEnv;
  remove(): void;
}

/** Fresh folders, and an environment that names them and nothing of this machine's own settings. */
export function makeHome(extra: Record<string, string> = {}): Home {
  const dir = mkdtempSync(join(tmpdir(), 'persona-home-'));
  const dataDir = join(dir, 'data');
  const modelsDir = join(dir, 'models');
  const personaDir = join(dir, 'persona');
  mkdirSync(personaDir);
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DATA_DIR: dataDir,
    MODELS_DIR: modelsDir,
    PERSONA_DIR: personaDir,
    RETRAIN_CRON: 'off',
    REVIEW_PORT: '0',
    METRICS_PORT: '0',
    ...extra,
  };
  return { dir, dataDir, modelsDir, personaDir, env, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Run one command to its end. */
export async function persona(home: Home, args: string[], input = ''): Promise<Finished> {
  const child = spawn(process.execPath, [distFile('scripts/persona.ts'), ...args], { env: home.env, cwd: home.dir });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

export interface Running {
  child: ChildProcess;
  /** everything printed so far */
  output(): string;
  /** resolves when the output matches, after position `from` */
  shows(pattern: RegExp, timeoutMs?: number, from?: number): Promise<void>;
  /** SIGTERM; resolves with the exit code */
  stop(): Promise<number | null>;
}

/** Start a command that goes on running. */
export function startPersona(home: Home, args: string[]): Running {
  const child = spawn(process.execPath, [distFile('scripts/persona.ts'), ...args], { env: home.env, cwd: home.dir });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (printed += String(piece)));
  return {
    child,
    output: () => printed,
    async shows(pattern, timeoutMs = 30_000, from = 0) {
      const deadline = Date.now() + timeoutMs;
      while (!pattern.test(printed.slice(from))) {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${printed}`);
        if (Date.now() > deadline) throw new Error(`did not show ${String(pattern)} in ${timeoutMs} ms:\n${printed}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    async stop() {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
      return child.exitCode;
    },
  };
}

/** Files below a folder that hold any of these texts as UTF-8 or UTF-16 bytes; `except`: folders to pass over. */
export function filesHolding(dir: string, texts: readonly string[], except: readonly string[] = []): string[] {
  const needles = texts.flatMap((needle) => [Buffer.from(needle, 'utf8'), Buffer.from(needle, 'utf16le')]);
  const hits: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (except.includes(relative(dir, path))) continue;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && needles.some((needle) => readFileSync(path).includes(needle))) hits.push(path);
    }
  };
  walk(dir);
  return hits;
}
