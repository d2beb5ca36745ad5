/** Other `persona` commands as functions: each in a process of its own, since reading every message of years takes seconds. */
import { ExitCode, UserError } from '../src/util/errors.ts';
import { PersonaChild } from './child.ts';

export interface PersonaCommands {
  /**
   * @returns what it printed
   * @throws UserError with the command's own sentences where the user can act on it
   */
  run: (args: readonly string[]) => Promise<string>;
  /** ends what runs */
  close: () => Promise<void>;
}

export function openCommands(): PersonaCommands {
  const running = new Set<PersonaChild>();
  return {
    run: async (args) => {
      const child = new PersonaChild(true);
      running.add(child);
      const { exitCode, stdout, stderr } = await child.run(args).finally(() => running.delete(child));
      if (exitCode === ExitCode.ok) return stdout;
      const [first = '', hint = ''] = stderr.trim().split('\n').slice(-2);
      if (exitCode === ExitCode.user || exitCode === ExitCode.busy) {
        throw new UserError(first.replace(/^persona: /, ''), hint.replace(/^ *-> /, ''));
      }
      throw new Error(`persona ${String(args[0])} ended with code ${String(exitCode)}`);
    },
    close: async () => {
      await Promise.all([...running].map((child) => child.close()));
    },
  };
}
