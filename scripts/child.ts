/** A `persona` command beside the running bot, as a child process; at low priority, so that no reply waits for it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { distFile } from '../src/util/dist.ts';

export interface ChildResult {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Class because it is opened and closed: closing ends a running child. One child at a time. */
export class PersonaChild {
  #child: ChildProcess | undefined;
  #isClosing = false;
  readonly #isUrgent: boolean;

  /** @param isUrgent somebody waits for it: at the priority of this process */
  constructor(isUrgent = false) {
    this.#isUrgent = isUrgent;
  }

  /** a child that ends now was ended by us */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @param onMessage what the child says over IPC (retrain.ts tells its progress so) */
  async run(args: readonly string[], onMessage?: (message: unknown) => void): Promise<ChildResult> {
    if (this.#child !== undefined) throw new Error('a child is running already');
    const child = spawn(process.execPath, [distFile('scripts/persona.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NOTIFY_SOCKET: undefined }, // systemd hears from this process alone
    });
    this.#child = child;
    if (onMessage !== undefined) child.on('message', onMessage);
    try {
      if (!this.#isUrgent) lowerPriority(child.pid);
      const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]);
      return { exitCode: child.exitCode, stdout, stderr };
    } finally {
      this.#child = undefined;
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child === undefined) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
  }
}

/** It may have ended already. */
function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // ESRCH: nothing is left to slow down
  }
}

function readAll(stream: ChildProcess['stdout']): Promise<string> {
  return stream === null ? Promise.resolve('') : text(stream);
}
