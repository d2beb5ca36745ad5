#!/usr/bin/env node
/**
 * The `persona` command: parses the command line, runs one command, turns its outcome into an exit code.
 * 0 done, 1 the user can fix it, 2 usage, 70 our fault, 75 another copy of this role runs (src/util/errors.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { projectRoot } from '../src/util/dist.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { shownLines } from '../src/util/shown.ts';
import { finishBegun } from './begun.ts';
import { explainFault } from './explain.ts';

interface CommandModule {
  register(program: Command): void;
}

/** Each command's file is loaded only when it is asked for: `persona doctor` must run where another cannot. */
const commands: Record<string, () => Promise<CommandModule>> = {
  init: () => import('./init.ts'),
  import: () => import('./import.ts'),
  retrain: () => import('./retrain.ts'),
  chat: () => import('./chat.ts'),
  start: () => import('./start.ts'),
  replay: () => import('./replay.ts'),
  pretrain: () => import('./pretrain.ts'),
  evaluate: () => import('./evaluate.ts'),
  models: () => import('./models.ts'),
  quiz: () => import('./quiz.ts'),
  review: () => import('./review.ts'),
  export: () => import('./export.ts'),
  backup: () => import('./backup.ts'),
  forget: () => import('./forget.ts'),
  doctor: () => import('./doctor.ts'),
  demo: () => import('./demo.ts'),
};

async function buildProgram(wanted: string | undefined): Promise<Command> {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const program = new Command('persona')
    .description('A chat persona for WhatsApp: learns a voice from consented conversations, and answers in it.')
    .version(version)
    .showHelpAfterError('(run `persona help` for the commands)')
    .exitOverride();
  program.hook('preAction', (_, action) => finishBegun(action));
  const one = wanted === undefined ? undefined : commands[wanted];
  for (const load of one === undefined ? Object.values(commands) : [one]) (await load()).register(program);
  for (const command of program.commands) command.exitOverride().showHelpAfterError();
  return program;
}

async function main(): Promise<number> {
  try {
    const program = await buildProgram(process.argv[2]);
    await program.parseAsync(process.argv);
    return typeof process.exitCode === 'number' ? process.exitCode : ExitCode.ok;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    const error = explainFault(thrown);
    if (error instanceof UserError) {
      process.stderr.write(`persona: ${shownLines(error.message)}\n  -> ${shownLines(error.hint)}\n`);
      return error.exitCode;
    }
    process.stderr.write(`persona: this is a fault of the program, please report it\n${stackOf(error)}\n`);
    return ExitCode.fault;
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.exitCode = await main();
