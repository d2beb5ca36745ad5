/** A program run to its end: its standard output, or an error that carries the last lines it printed. */
import { spawn } from 'node:child_process';

export class CommandFailed extends Error {
  /** the last lines of what it printed, standard error after standard output */
  readonly tail: string;

  constructor(message: string, tail: string) {
    super(message);
    this.name = 'CommandFailed';
    this.tail = tail;
  }
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** ends the program */
  signal?: AbortSignal;
}

export type Run = (program: string, args: readonly string[], options?: CommandOptions) => Promise<string>;

/** lines kept of a failure's output */
const tailLines = 40;

/** @throws CommandFailed when it cannot be started, or ends with another code than 0 */
export const run: Run = (program, args, { cwd, env, signal } = {}) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: env ?? process.env,
      ...(cwd === undefined ? {} : { cwd }),
      ...(signal === undefined ? {} : { signal }),
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const tail = (): string => `${output}\n${errors}`.trim().split('\n').slice(-tailLines).join('\n');
    child.on('error', (error) =>
      reject(signal?.aborted === true ? error : new CommandFailed(`${program}: ${error.message}`, '')),
    );
    child.on('close', (code, by) => {
      if (code === 0) resolve(output);
      else reject(new CommandFailed(`${program} ended with ${code ?? by}`, tail()));
    });
  });
