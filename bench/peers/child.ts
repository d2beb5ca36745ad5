/**
 * A contender of a bench as a process of its own: it starts once, gets ready, and then works on request, so that rounds can
 * alternate between contenders without paying start-up, and memory and CPU time can be read from outside, the same way for
 * Node and Python. Requests and replies are JSON, one a line, on stdin and stdout (serve.ts, protocol.py).
 * Children and temporary folders are gone when the bench ends, however it ends; a child also ends when its stdin closes.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Usage {
  /** resident now, MiB; null where the system has no /proc */
  rssMiB: number | null;
  /** most that was ever resident, MiB */
  peakMiB: number | null;
  /** user and system time of all threads so far, seconds */
  cpuSeconds: number | null;
}

export interface Child {
  /** @throws Error with what the child said, when it fails, ends or does not answer in time */
  request<Reply>(message: object, timeoutSeconds?: number): Promise<Reply>;
  usage(): Usage;
  /** idempotent */
  close(): void;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** A temporary folder that is removed when the bench ends. */
export function temporaryFolder(): string {
  onEnd();
  const folder = mkdtempSync(join(tmpdir(), 'persona-peers-'));
  folders.add(folder);
  return folder;
}

/** A process that must not outlive the bench. */
export function endWithBench(child: ChildProcess): void {
  onEnd();
  children.add(child);
  child.on('exit', () => children.delete(child));
}

/** Starts `command`, which speaks the protocol. `env` is added to this process's own. */
export function startChild(command: string, args: readonly string[], env: Record<string, string> = {}): Child {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  endWithBench(child);
  let said = '';
  let ended: string | null = null;
  let waiting: { resolve: (reply: unknown) => void; reject: (error: Error) => void } | null = null;
  const settle = (error: Error | null, reply?: unknown): void => {
    const current = waiting;
    waiting = null;
    if (error) current?.reject(error);
    else current?.resolve(reply);
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{"reply":') && !line.startsWith('{"error":')) return; // a library that greets
    const { reply, error } = JSON.parse(line) as { reply?: unknown; error?: string };
    settle(error === undefined ? null : new Error(error), reply);
  });
  const end = (why: string): void => {
    ended ??= `${command} ${args[0] ?? ''} ${why}: ${said.trim() || 'it said nothing'}`;
    settle(new Error(ended));
  };
  child.on('error', (error) => end(error.message));
  child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
  child.stdin.on('error', () => undefined); // told by 'exit'

  return {
    request<Reply>(message: object, timeoutSeconds = 120): Promise<Reply> {
      if (ended !== null) return Promise.reject(new Error(ended));
      return new Promise<Reply>((resolve, reject) => {
        const timer = setTimeout(() => {
          ended = `${command} ${args[0] ?? ''} did not answer ${JSON.stringify(message)} in ${timeoutSeconds} s`;
          child.kill('SIGKILL');
          settle(new Error(ended));
        }, timeoutSeconds * 1000);
        const done = <T>(then: (value: T) => void) => {
          return (value: T): void => {
            clearTimeout(timer);
            then(value);
          };
        };
        waiting = { resolve: done(resolve as (reply: unknown) => void), reject: done(reject) };
        child.stdin.write(`${JSON.stringify(message)}\n`);
      });
    },
    usage: () => usageOf(child.pid ?? 0),
    close() {
      ended ??= `${command} was closed`;
      child.kill('SIGKILL');
    },
  };
}

function usageOf(pid: number): Usage {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const mebibytes = (name: string): number =>
      Math.round((10 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])) / 1024) / 10;
    // fields 14 and 15 of proc(5), counted from behind the name, in ticks of 10 ms (USER_HZ)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { rssMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM'), cpuSeconds: ticks / 100 };
  } catch {
    return { rssMiB: null, peakMiB: null, cpuSeconds: null };
  }
}

let watching = false;

/** Once: whatever ends this process ends its children and removes its folders. */
function onEnd(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
}
