/** `persona evaluate`: bits per byte of a run or base on held-out conversations in a JSONL file. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadServing } from '../src/checkpoint/current.ts';
import { loadBase } from '../src/checkpoint/base.ts';
import type { LlamaFolder } from '../src/checkpoint/folder.ts';
import { loadCheckpoint } from '../src/checkpoint/load.ts';
import { runDir } from '../src/checkpoint/save.ts';
import { parseConversations } from '../src/dataset/jsonl.ts';
import { pickBackend } from '../src/model/backend.ts';
import { checkpointBits } from '../src/nightly/measure.ts';
import { withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import { errorCode, UserError } from '../src/util/errors.ts';
import { loadContext, printJson } from './context.ts';

interface EvaluateFlags {
  run?: string;
  base?: string;
  test: string;
  persona: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('evaluate')
    .description('measure a model on held-out conversations, in bits per byte')
    .option('--run <id>', 'a run in models/runs (default: the serving one)')
    .option('--base <folder>', 'a model folder in Hugging Face layout (Llama family)')
    .requiredOption('--test <file>', 'conversations, one {"id","turns":[{"s","t","ts"?}]} a line')
    .requiredOption('--persona <name>', 'the speaker ("s") whose messages are measured')
    .option('--json', 'print JSON only')
    .action(evaluate);
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  const { env } = loadContext();
  const conversations = parseConversations(readTestFile(flags.test), {
    persona: flags.persona,
    file: flags.test,
  });
  const report = await checkpointBits(
    chooseCheckpoint(flags, env.modelsDir),
    await pickBackend(env.backend, 'training'),
    conversations,
  );
  if (flags.json === true) printJson(report);
  else
    console.log(
      `${report.bitsPerByte.toFixed(4)} bits per byte (${report.bytes} bytes; marks cost ${report.markBits.toFixed(0)} bits more)`,
    );
}

function readTestFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `${path} cannot be read (${errorCode(error) ?? 'unknown error'})`,
      'check the path given to --test',
      { cause: error },
    );
  }
}

function chooseCheckpoint({ run, base }: EvaluateFlags, modelsDir: string): LlamaFolder {
  if (run !== undefined && base !== undefined)
    throw new UserError('--run and --base exclude each other', 'give one of them');
  if (base !== undefined) return loadBase(resolve(base), withSpecialTokens);
  if (run !== undefined) return loadCheckpoint(runDir(modelsDir, run));
  const serving = loadServing(modelsDir);
  if (serving === undefined)
    throw new UserError('there is no trained model yet', 'run `npm run retrain`, or give --base FOLDER');
  return serving;
}
