/** What the commands in the chat ask of `persona start`: models by way of `persona models`, a training, files, forgetting. */
import type { Host, KnownModel, OpenQuestion } from '../src/bot/host.ts';
import type { Logger } from '../src/util/log.ts';
import type { WhatsAppClient } from '../src/whatsapp/client.ts';
import type { Nights } from './nights.ts';
import { openCommands } from './persona-command.ts';

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
  const { run: command, close } = openCommands();
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
    forget: async (personId) => {
      const done = JSON.parse(await command(['forget', '--id', String(personId), '--yes', '--json', '--no-copy'])) as {
        retired: string[];
        seconds: number;
      };
      log.info({ person: personId, retired: done.retired, seconds: done.seconds }, 'forgotten');
    },
  };
  return { host, close };
}
