/** `persona chat`: talk to the serving model in the terminal. */
import type { Command } from 'commander';
import { UserError } from '../src/util/errors.ts';
import { createLog } from '../src/util/log.ts';
import { loadContext, openServingVoice } from './context.ts';
import { askOnce, converse } from './terminal.ts';

export function register(program: Command): void {
  program
    .command('chat')
    .description('talk to the persona in the terminal')
    .option('--ask <text>', 'print one reply and end')
    .option('--seed <n>', 'repeat the same replies')
    .action(chat);
}

async function chat(flags: { ask?: string; seed?: string }): Promise<void> {
  const { env, persona } = loadContext();
  const log = createLog(env.logLevel === 'info' ? 'warn' : env.logLevel);
  const voice = openServingVoice(env, log, persona);
  const seed = flags.seed === undefined ? {} : { seed: parseSeed(flags.seed) };
  const options = { voice, name: persona.name, sampling: persona.sampling, ...seed };
  try {
    if (flags.ask === undefined) await converse(options);
    else console.log((await askOnce(options, flags.ask)).join('\n'));
  } finally {
    await voice.close();
  }
}

export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new UserError(`--seed is "${text}"`, 'give a whole number from 0');
  return seed;
}
