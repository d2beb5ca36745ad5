/** What the commands in the chat ask of `persona start`: models by way of `persona models`, a training, files, forgetting. */
import type { Host, KnownModel, OpenQuestion } from '../src/bot/host.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import type { Logger } from '../src/util/log.ts';
import type { WhatsAppClient } from '../src/whatsapp/client.ts';
import { PersonaChild } from './child.ts';
import type { Nights } from './nights.ts';

export interface ChatHostOptions {
  client: () => WhatsAppClient;
  nights: () => Nights;
  log: Logger;
}

export interface ChatHost {
  host: Host;
  /** ends what runs, so that the bot need not wait for it */
  close: () => Promise<void>;
}

export function chatHost({ client, nights, log }: ChatHostOptions): ChatHost {
  const running = new Set<PersonaChild>();
  /**
   * In a process of its own, since reading every message to tell what a run saw takes seconds.
   * @throws UserError with the command's own sentence where the user can act on it
   */
  const command = async (args: readonly string[]): Promise<string> => {
    const child = new PersonaChild(true);
    running.add(child);
    const { exitCode, stdout, stderr } = await child.run(args).finally(() => running.delete(child));
    if (exitCode === ExitCode.ok) return stdout;
    const [first = '', hint = ''] = stderr.trim().split('\n').slice(-2);
    if (exitCode === ExitCode.user || exitCode === ExitCode.busy) {
      throw new UserError(first.replace(/^persona: /, ''), hint.replace(/^ *-> /, ''));
    }
    throw new Error(`persona ${String(args[0])} ended with code ${String(exitCode)}`);
  };
  const models = (...args: string[]): Promise<string> => command(['models', ...args, '--json']);

  const host: Host = {
    sendFile: (chatId, file, caption) => client().sendFile(chatId, file, caption),
    models: {
      list: async () => JSON.parse(await models('list')) as KnownModel[],
      use: async (run) => {
        await models('use', run);
      },
      rollBack: async () => (JSON.parse(await models('rollback')) as { run: string }).run,
      retrain: () => nights().retrainNow(),
    },
    quiz: {
      ask: async () => JSON.parse(await command(['quiz', '--json'])) as OpenQuestion,
      answered: async () => {
        await command(['quiz', '--score']);
      },
    },
    // in a process of its own: the rows of years take seconds, and what the models had learned of them more
    forget: async (personId) => {
      const done = JSON.parse(await command(['forget', '--id', String(personId), '--yes', '--json', '--no-copy'])) as {
        retired: string[];
        seconds: number;
      };
      log.info({ person: personId, retired: done.retired, seconds: done.seconds }, 'forgotten');
    },
  };
  const close = async (): Promise<void> => {
    await Promise.all([...running].map((child) => child.close()));
  };
  return { host, close };
}
