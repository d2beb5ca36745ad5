/**
 * Peers that this project does not depend on: npm packages go into a temporary folder that ends with the bench, PyTorch is
 * looked for among the Pythons that are there. Nothing is installed into the system.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { endWithBench, temporaryFolder } from './child.ts';

/**
 * Installs exact versions of npm packages, without their install scripts and optional parts.
 * @returns the node_modules folder
 * @throws Error saying that npm could not, with what it said
 */
export async function installPackages(packages: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  const flags = ['--no-save', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawn('npm', ['install', '--prefix', folder, ...flags, ...packages], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 180_000,
  });
  endWithBench(npm);
  let said = '';
  npm.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(npm, 'close')) as [number | null];
  if (code === 0) return join(folder, 'node_modules');
  const last = said.trim().split('\n').slice(-3).join(' ');
  throw new Error(`npm could not install ${packages.join(' ')}: ${last || 'no answer in three minutes'}`);
}

/** A Python that imports torch and numpy: `PYTHON` where it is set, python3 of the PATH, the system's own; or null. */
export function findTorch(): string | null {
  const candidates = [process.env['PYTHON'], 'python3', '/usr/bin/python3'];
  for (const python of candidates) {
    if (python === undefined || (python.startsWith('/') && !existsSync(python))) continue;
    try {
      execFileSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore', timeout: 60_000 });
      return python;
    } catch {
      continue;
    }
  }
  return null;
}

export const howToGetTorch =
  'no Python with PyTorch (on Debian: apt-get install python3-torch libopenblas0-pthread; or set PYTHON to one that has torch and numpy)';
