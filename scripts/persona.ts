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
import { explainFault } from './explain.ts';
import { registerChat } from './chat.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerEvaluate } from './evaluate.ts';
import { registerImport } from './import.ts';
import { registerInit } from './init.ts';
import { registerReplay } from './replay.ts';
import { registerRetrain } from './retrain.ts';
import { registerStart } from './start.ts';

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };

function buildProgram(): Command {
  const program = new Command('persona')
    .description('A chat persona for WhatsApp: learns a voice from consented conversations, and answers in it.')
    .version(version)
    .showHelpAfterError('(run `persona help` for the commands)')
    .exitOverride();
  for (const register of [
    registerInit,
    registerImport,
    registerRetrain,
    registerChat,
    registerStart,
    registerReplay,
    registerEvaluate,
    registerDoctor,
    registerDemo,
  ]) {
    register(program);
  }
  return program;
}

async function main(): Promise<number> {
  try {
    await buildProgram().parseAsync(process.argv);
    return typeof process.exitCode === 'number' ? process.exitCode : ExitCode.ok;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    const error = explainFault(thrown);
    if (error instanceof UserError) {
      process.stderr.write(`persona: ${error.message}\n  -> ${error.hint}\n`);
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
