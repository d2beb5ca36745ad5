/** `persona export gguf|sft`: a run for llama.cpp and its kin, or the training data for trainers on other machines. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadServing } from '../src/checkpoint/current.ts';
import { exportGguf } from '../src/checkpoint/llama-gguf.ts';
import { loadCheckpoint, type Checkpoint } from '../src/checkpoint/load.ts';
import { runDir } from '../src/checkpoint/save.ts';
import { sftFormats, type SftFormat } from '../src/dataset/sft.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { exportSft } from '../src/nightly/export-sft.ts';
import { errorCode, UserError } from '../src/util/errors.ts';
import { loadContext, printJson } from './context.ts';

interface GgufFlags {
  run?: string;
  f16?: boolean;
  json?: boolean;
}

interface SftFlags {
  out?: string;
  format: string;
  system?: string;
  maxChars?: string;
  json?: boolean;
}

export function register(program: Command): void {
  const parent = program.command('export').description('write a run, or what it learns from, for other programs');
  parent
    .command('gguf')
    .description('write a run as one file for llama.cpp, Ollama and LM Studio')
    .argument('<file>', 'where to, as persona.gguf')
    .option('--run <id>', 'a run in models/runs (default: the serving one)')
    .option('--f16', 'half the size; numbers are rounded')
    .option('--json', 'print JSON only')
    .action(gguf);
  parent
    .command('sft')
    .description('write the training conversations as JSON lines for other trainers (docs/scale-out.md)')
    .option('--out <file>', 'where to (default: exports/sft.jsonl in the data folder)')
    .option(
      '--format <kind>',
      'text: for models of this program; prompt-completion, messages (OpenAI) or sharegpt: for others',
      'text',
    )
    .option('--system <text>', 'a system message at the start of every conversation (messages, sharegpt)')
    .option('--max-chars <n>', 'characters a row may hold (default: 4000 for conversations, 1000 for prompts)')
    .option('--json', 'print JSON only')
    .action(sft);
}

function gguf(file: string, flags: GgufFlags): void {
  const { env } = loadContext();
  const run = chooseRun(flags.run, env.modelsDir);
  const path = resolve(file);
  writingTo(path, () => exportGguf(run, path, flags.f16 === true ? 'f16' : 'f32'));
  if (flags.json === true) printJson({ file: path, run: run.runId });
  else
    console.log(
      `Wrote run ${run.runId} to ${path}. It remembers the chats it learned from: share it as you would share them.`,
    );
}

function chooseRun(run: string | undefined, modelsDir: string): Checkpoint {
  if (run !== undefined) return loadCheckpoint(runDir(modelsDir, run));
  const serving = loadServing(modelsDir);
  if (serving === undefined)
    throw new UserError('there is no trained model yet', 'run `npm run retrain`, or give --run ID');
  return serving;
}

function sft(flags: SftFlags): void {
  const { env, persona } = loadContext();
  const { format, system } = flags;
  if (!isFormat(format)) throw new UserError(`--format is "${format}"`, `give one of ${sftFormats.join(', ')}`);
  const hasSystem = format === 'messages' || format === 'sharegpt';
  if (system !== undefined && !hasSystem)
    throw new UserError(`--system has no place in the format ${format}`, 'add --format messages or --format sharegpt');
  const maxChars = flags.maxChars === undefined ? undefined : parseChars(flags.maxChars);
  const file = resolve(flags.out ?? join(env.dataDir, 'exports', 'sft.jsonl'));
  const { speaker, timezone } = persona;
  const redaction = redactionOf(persona);
  const reviewRequired = persona.review === 'required';
  const exported = writingTo(file, () =>
    exportSft({ dataDir: env.dataDir, speaker, timezone, redaction, reviewRequired, file, format, system, maxChars }),
  );
  if (flags.json === true) printJson(exported);
  else {
    console.log(
      `Wrote ${exported.rows} rows from ${exported.conversations} conversations to ${exported.file}. Delete it once it was used.`,
    );
    if (format === 'text')
      console.log(`Bring the model back with \`persona models add FOLDER --dataset ${exported.datasetHash}\`.`);
  }
}

function parseChars(text: string): number {
  const chars = Number(text);
  if (!Number.isInteger(chars) || chars < 1)
    throw new UserError(`--max-chars is "${text}"`, 'give a whole number of characters');
  return chars;
}

/** A path that cannot be a file is for the user to correct; other failures explain themselves. */
function writingTo<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: 'its folder does not exist',
      ENOTDIR: 'part of its path is a file',
      EEXIST: 'part of its path is a file',
      EISDIR: 'it is a folder',
    };
    const reason = reasons[errorCode(error) ?? ''];
    if (reason === undefined) throw error;
    throw new UserError(`${path} cannot be written: ${reason}`, 'give another path', { cause: error });
  }
}

function isFormat(text: string): text is SftFormat {
  return sftFormats.some((format) => format === text);
}
