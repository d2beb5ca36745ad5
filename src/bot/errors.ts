/** Errors as they may be logged: kind, code and place. A message could quote what somebody wrote, so it stays out. */
import { errorCode } from '../util/errors.ts';

export function describeError(error: unknown): { error: string; code?: string; at?: string[] } {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = errorCode(error);
  const at = stackFrames(error);
  return { error: error.name, ...(code === undefined ? {} : { code }), ...(at.length === 0 ? {} : { at }) };
}

/** The innermost three frames. The message is cut out of the stack before it is split into lines. */
function stackFrames(error: Error): string[] {
  const stack = (error.stack ?? '').replace(error.message, () => '');
  return stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at \S.*:\d+:\d+\)?$/.test(line))
    .slice(0, 3);
}
