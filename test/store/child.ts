/** Child processes that run the compiled store, as `persona` itself does. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { check } from '../../src/util/errors.ts';
import { distFile } from '../../src/util/dist.ts';

export type Child = ChildProcessByStdio<Writable, Readable, null>;

/** The import specifier of a compiled source file. */
export function compiled(source: string): string {
  check(existsSync(distFile(source)), `${distFile(source)} is missing: run npm run build`);
  return JSON.stringify(pathToFileURL(distFile(source)).href);
}

/** Write a script into `dir`; returns its path. */
export function script(dir: string, lines: string): string {
  const path = join(dir, 'child.mjs');
  writeFileSync(path, lines);
  return path;
}

export function run(path: string, ...args: string[]): Child {
  return spawn(process.execPath, ['--expose-gc', path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** Everything a child prints until it ends, and how it ended. */
export function ended(child: Child): Promise<{ output: string; code: number | null; signal: string | null }> {
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ output, code, signal })));
}

/** The first line that a child prints. */
export function firstLine(child: Child): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes('\n')) resolve(output.slice(0, output.indexOf('\n')));
    });
    child.on('close', () => reject(new Error(`the child ended after "${output}"`)));
  });
}
