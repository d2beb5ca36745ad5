/**
 * Errors by who can act on them. A `UserError` carries what the person at the terminal can do about it and an exit
 * code; anything else is our own fault, keeps its stack and ends with 70.
 */

/** Exit codes of every command (design: contracts). */
export const ExitCode = { ok: 0, user: 1, usage: 2, fault: 70, busy: 75 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export class UserError extends Error {
  readonly hint: string;
  readonly exitCode: ExitCode;

  /**
   * @param message what is wrong, naming the file, line, key or value, and never the text of a private message
   * @param hint the remedy, one sentence in the imperative
   */
  constructor(message: string, hint: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.hint = hint;
    this.exitCode = options.exitCode ?? ExitCode.user;
  }
}

/** Programmer's assertion: a false condition is our fault. `detail` should carry both values that disagree. */
export function check(condition: unknown, detail: string): asserts condition {
  if (!condition) throw new Error(`check failed: ${detail}`);
}

/** `error.code` of a Node or SQLite error, if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
