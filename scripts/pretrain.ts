/** `persona pretrain`: a base model from dialogues, one `{"id","turns":[{"s","t","ts"?}]}` a line. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Option, type Command } from 'commander';
import { loadBase } from '../src/checkpoint/base.ts';
import { saveBase } from '../src/checkpoint/save.ts';
import { parseDialogues, type Dialogue } from '../src/dataset/jsonl.ts';
import { pickBackend } from '../src/model/backend.ts';
import { chatIds } from '../src/tokenizer/chat-format.ts';
import { tokenizerConfigJson, withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import { pretrain, type Pretrained } from '../src/train/pretrain.ts';
import { modelSizes, type ModelSize } from '../src/types.ts';
import { errorCode, UserError } from '../src/util/errors.ts';
import { sha256File } from '../src/util/files.ts';
import { loadContext, printJson } from './context.ts';
import { progressView } from './progress.ts';

interface PretrainFlags {
  size: ModelSize;
  out: string;
  vocab?: number;
  passes?: number;
  maxMinutes?: number;
  base?: string;
  seed: number;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('pretrain')
    .description('train a base model on dialogues of others, to start personas from')
    .argument('<file...>', 'dialogues, one {"id","turns":[{"s","t","ts"?}]} a line; .gz is read too')
    .addOption(new Option('--size <size>', 'shape of the model').choices(modelSizes).default('nano'))
    .requiredOption('--out <folder>', 'where the base is written, once it is whole')
    .option('--vocab <n>', "ids of the tokenizer (default: the size's)", atLeast(320))
    .option(
      '--passes <n>',
      'times that every dialogue is told, each time with another speaker as the persona',
      atLeast(1),
    )
    .option('--max-minutes <n>', 'end, with the whole schedule, after this long', atLeast(0))
    .option('--base <folder>', 'go on from this base, with its tokenizer: another leg')
    .option('--seed <n>', 'seed of everything random', atLeast(0), 1)
    .option('--json', 'print the figures as JSON')
    .addHelpText(
      'after',
      '\nStopped (Ctrl-C, a kill, a power cut), the same command goes on where it was; what it keeps for that lies in FOLDER.state.',
    )
    .action(runPretrain);
}

async function runPretrain(files: string[], flags: PretrainFlags): Promise<void> {
  const { env } = loadContext();
  const out = resolve(flags.out);
  if (existsSync(out)) throw new UserError(`${flags.out} exists`, 'Give --out a new folder, or move that one away.');
  const dialogues = files.flatMap(readDialogues);
  const base = flags.base === undefined ? undefined : loadBase(resolve(flags.base), withSpecialTokens);
  const view = progressView(flags.json === true);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once('SIGTERM', abort).once('SIGINT', abort);
  const startedMs = Date.now();
  const backend = await pickBackend(env.backend, 'training');
  const trained = await pretrain(dialogues, {
    ...flags,
    vocabSize: flags.vocab,
    base,
    backend,
    stateDir: `${out}.state`,
    onPhase: view.phase,
    onProgress: view.update,
    signal: stop.signal,
  }).finally(view.stop);
  try {
    if (trained.result.stoppedBecause === 'aborted') {
      throw new UserError(
        `pretraining was stopped at step ${trained.result.steps}`,
        'Run the same command again to go on.',
      );
    }
    const figures = figuresOf(trained, flags, files, backend, base?.dir, Math.round((Date.now() - startedMs) / 1000));
    await save(out, trained, figures);
    if (flags.json === true) printJson(figures);
    else {
      console.log(
        `${flags.out}: ${figures.tokensSeen} tokens in ${figures.steps} steps, ${figures.heldOut.bitsPerByte.toFixed(4)} bits per byte on ${figures.heldOut.dialogues} held-out dialogues`,
      );
    }
  } finally {
    trained.engine.dispose();
  }
}

function figuresOf(
  { recipe, cleaned, learned, heldOut, result, tokenizer }: Pretrained,
  { size, seed, passes, maxMinutes }: PretrainFlags,
  files: readonly string[],
  backend: string,
  base: string | undefined,
  seconds: number,
) {
  return {
    size,
    seed,
    backend,
    base: base === undefined ? null : basename(base),
    files: files.map((file) => ({ name: basename(file), sha256: sha256File(file) })),
    vocabulary: tokenizer.vocabSize,
    passes: passes ?? recipe.epochs,
    maxMinutes: maxMinutes ?? null,
    recipe,
    cleaned,
    learned,
    heldOut,
    steps: result.steps,
    tokensSeen: result.tokensSeen,
    seconds,
    stoppedBecause: result.stoppedBecause,
  };
}

async function save(
  out: string,
  { engine, tokenizer, tokenizerJson, result }: Pretrained,
  details: object,
): Promise<void> {
  const { bos, end, bannedInReplies } = chatIds(tokenizer);
  saveBase(out, {
    config: engine.config,
    weights: await engine.exportWeights(),
    dtype: 'f16',
    tokenizerJson,
    tokenizerConfigJson: tokenizerConfigJson(),
    generation: {
      temperature: 0.8,
      topK: 0,
      topP: 0.95,
      repetitionPenalty: 1,
      bosId: bos,
      endId: end,
      bannedIds: [...bannedInReplies],
    },
    metrics: result.curve.map((row) => `${JSON.stringify(row)}\n`).join(''),
    details: { ...details },
  });
}

function readDialogues(file: string): Dialogue[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
    if (file.endsWith('.gz')) bytes = gunzipSync(bytes);
  } catch (error) {
    throw new UserError(`${file} cannot be read (${errorCode(error) ?? 'unknown error'})`, 'Check the path.', {
      cause: error,
    });
  }
  return parseDialogues(bytes.toString('utf8'), file);
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!(value >= least))
      throw new UserError(`"${text}" is no number from ${least} up`, 'See `persona pretrain --help`.');
    return value;
  };
}
