/** Models from the chat: which there are, which of them speaks, and training another. */
import { UserError } from '../util/errors.ts';
import type { CommandParts, Handler } from './command.ts';
import type { BotDeps } from './deps.ts';

type ModelCommands = Record<'retrain' | 'list' | 'use' | 'rollBack', Handler>;

/** As many as one message can show. */
const listed = 10;

export function modelCommands({ models }: BotDeps, { say }: CommandParts): ModelCommands {
  /** What the owner can act on is said; anything else is ours, and goes to the log. */
  const orSay =
    (work: Handler): Handler =>
    async (context) => {
      try {
        return await work(context);
      } catch (error) {
        if (error instanceof UserError) return say.phrase('refused', { reason: error.message });
        throw error;
      }
    };

  const list: Handler = async () => {
    const found = await models.list();
    if (found.length === 0) return say.phrase('modelsNone');
    const lines = found.slice(0, listed).map(({ run, current, bitsPerByte, problem }) => {
      const bits = bitsPerByte === null ? '' : ` ${bitsPerByte.toFixed(2)} bits/byte`;
      return `${current ? '*' : '-'} ${run}${bits}${problem === null ? '' : ' ✗'}`;
    });
    return [say.phrase('models'), ...lines].join('\n');
  };

  const use: Handler = async ({ argument }) => {
    await models.use(argument);
    return say.phrase('modelUsed', { run: argument });
  };

  return {
    retrain: orSay(() => say.phrase(models.retrain() === 'started' ? 'retrainStarted' : 'retrainRuns')),
    list: orSay(list),
    use: orSay(use),
    rollBack: orSay(async () => say.phrase('modelUsed', { run: await models.rollBack() })),
  };
}
