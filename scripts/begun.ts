/**
 * Before any command: a forgetting that was begun and not finished (its process was killed, the machine lost power) is
 * finished first. Costs one look at a folder where there is none.
 */
import type { Command } from 'commander';
import { loadEnvironment } from '../src/config.ts';
import { begunForgetting } from '../src/nightly/forget-journal.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';

/** These neither read nor use what somebody wrote, or see to it themselves. */
const exempt = new Set(['init', 'doctor', 'demo', 'forget', 'pretrain']);
/** These speak, learn or hand out: not before it is finished. */
const mustWait = new Set(['start', 'chat', 'retrain', 'replay', 'evaluate', 'models', 'export']);

/** @throws UserError where a command that would use their words runs and the rest cannot be erased now */
export async function finishBegun(action: Command): Promise<void> {
  const name = topName(action);
  if (exempt.has(name)) return;
  const env = loadEnvironment();
  if (begunForgetting(env.dataDir).length === 0) return;
  const { finishForgetting } = await import('./forget.ts');
  try {
    for (const done of await finishForgetting()) process.stderr.write(`${done}\n`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const isElsewhere = error.exitCode === ExitCode.busy; // another process is at it just now, or holds what it needs
    if (isElsewhere || !mustWait.has(name)) return;
    throw new UserError(`somebody who was to be forgotten is still here: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}

/** `models` of `persona models list` */
function topName(action: Command): string {
  let command = action;
  while (command.parent?.parent) command = command.parent;
  return command.name();
}
