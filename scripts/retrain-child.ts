/**
 * The nightly work beside the running bot, each part as a child process: a retrain, a copy of the database after it, and
 * once a week a probe with planted secrets.
 * A night that fails is logged, and the next one is another try. Not covered: when (nights.ts).
 */
import type { RetrainProgress } from '../src/ops/status.ts';
import type { Logger } from '../src/util/log.ts';
import { ExitCode } from '../src/util/errors.ts';
import type { Verdict } from '../src/types.ts';
import { PersonaChild } from './child.ts';

export interface NightListener {
  onProgress: (progress: RetrainProgress | null) => void;
  onVerdict: (verdict: Verdict | 'failed', reason: string) => void;
}

/** Class because it is opened and closed: closing ends a running child. */
export class RetrainChild {
  readonly #log: Logger;
  readonly #listener: NightListener;
  readonly #child = new PersonaChild();

  constructor(log: Logger, listener: NightListener) {
    this.#log = log;
    this.#listener = listener;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  /** One night. Resolves when it is over, however it ended. */
  async run(): Promise<void> {
    if (this.#child.isRunning) return;
    this.#log.info('retrain started');
    this.#listener.onProgress({ phase: 'starting', share: null, secondsLeft: null });
    const { exitCode, stdout, stderr } = await this.#child.run(['retrain', '--json'], (message) => {
      if (isProgress(message)) this.#listener.onProgress(message);
    });
    this.#listener.onProgress(null);
    if (this.#child.isClosing) return;
    if (exitCode === ExitCode.ok) {
      const result = JSON.parse(stdout) as { verdict: Verdict; reason: string; run: string | null };
      this.#log.info({ verdict: result.verdict, run: result.run, reason: result.reason }, 'retrain ended');
      this.#listener.onVerdict(result.verdict, result.reason);
      return;
    }
    const isBusy = exitCode === ExitCode.busy;
    const reason = isBusy ? 'another retrain is running' : `retrain ended with code ${String(exitCode)}`;
    this.#log.warn({ exitCode, stderr: stderr.slice(-2000) }, 'retrain failed; the serving model stays');
    this.#listener.onVerdict(isBusy ? 'skipped' : 'failed', reason);
  }

  async close(): Promise<void> {
    await this.#child.close();
  }
}

/** A copy of the database. Class for the same reason. */
export class BackupChild {
  readonly #log: Logger;
  readonly #child = new PersonaChild();

  constructor(log: Logger) {
    this.#log = log;
  }

  async run(): Promise<void> {
    if (this.#child.isRunning) return;
    const { exitCode, stdout, stderr } = await this.#child.run(['backup', 'create', '--json']);
    if (this.#child.isClosing) return;
    if (exitCode === ExitCode.ok) {
      const { bytes, messages } = JSON.parse(stdout) as { bytes: number; messages: number };
      this.#log.info({ bytes, messages }, 'backup made');
    } else if (exitCode === ExitCode.busy) this.#log.info('backup put off: somebody forgets or restores just now');
    else this.#log.warn({ exitCode, stderr: stderr.slice(-2000) }, 'backup failed; the older ones stay');
  }

  async close(): Promise<void> {
    await this.#child.close();
  }
}

/** A nano network is done long before. */
const probeMinutes = 60;

/** A probe run (`persona retrain --probe`). Class for the same reason. */
export class ProbeChild {
  readonly #log: Logger;
  readonly #child = new PersonaChild();

  constructor(log: Logger) {
    this.#log = log;
  }

  async run(): Promise<void> {
    if (this.#child.isRunning) return;
    const { exitCode, stdout, stderr } = await this.#child.run([
      'retrain',
      '--probe',
      '--max-minutes',
      String(probeMinutes),
      '--json',
    ]);
    if (this.#child.isClosing) return;
    if (exitCode === ExitCode.ok) {
      const found = JSON.parse(stdout) as { passed: boolean; mean: number; max: number } | null;
      if (found === null) this.#log.info('probe skipped: too little to train on');
      else if (found.passed) this.#log.info({ mean: found.mean, max: found.max }, 'probe passed');
      else this.#log.warn({ mean: found.mean, max: found.max }, 'probe failed: the model remembers planted secrets');
    } else if (exitCode === ExitCode.busy) this.#log.info('probe put off: a retrain is running');
    else this.#log.warn({ exitCode, stderr: stderr.slice(-2000) }, 'probe failed to run; the next night tries again');
  }

  async close(): Promise<void> {
    await this.#child.close();
  }
}

function isProgress(message: unknown): message is RetrainProgress {
  return typeof message === 'object' && message !== null && 'phase' in message && typeof message.phase === 'string';
}
