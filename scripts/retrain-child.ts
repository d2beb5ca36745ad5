/**
 * A retrain beside the running bot: a child process at low priority, so that training never blocks a reply.
 * Class because it is opened and closed: closing ends a running child.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { distFile } from '../src/util/dist.ts';
import type { Logger } from '../src/util/log.ts';
import { ExitCode } from '../src/util/errors.ts';
import type { Verdict } from '../src/types.ts';

export class RetrainChild {
  readonly #log: Logger;
  #child: ChildProcess | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** One night. Resolves with its verdict; a night that fails is logged and reported as skipped. */
  async run(): Promise<{ verdict: Verdict; reason: string }> {
    if (this.#child !== undefined) return { verdict: 'skipped', reason: 'a retrain is running already' };
    const child = spawn(process.execPath, [distFile('scripts/persona.ts'), 'retrain', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: process.env,
    });
    this.#child = child;
    this.#log.info('retrain started');
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return this.#outcome(child.exitCode, stdout, stderr);
    } finally {
      this.#child = undefined;
    }
  }

  #outcome(exitCode: number | null, stdout: string, stderr: string): { verdict: Verdict; reason: string } {
    if (exitCode === ExitCode.ok) {
      const result = JSON.parse(stdout) as { verdict: Verdict; reason: string; run: string | null };
      this.#log.info({ verdict: result.verdict, run: result.run, reason: result.reason }, 'retrain ended');
      return result;
    }
    const reason =
      exitCode === ExitCode.busy ? 'another retrain is running' : `retrain ended with code ${String(exitCode)}`;
    this.#log.warn({ exitCode, stderr: stderr.slice(-2000) }, 'retrain failed; the serving model stays');
    return { verdict: 'skipped', reason };
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
  }
}
