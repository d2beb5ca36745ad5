/** `persona models list|use|add|rollback`: the trained runs, and which of them speaks. */
import type { Command } from 'commander';
import { adoptFolder } from '../src/nightly/adopt.ts';
import { listModels, rollBackModel, useModel } from '../src/nightly/models.ts';
import type { ModelEntry, ModelsOptions } from '../src/nightly/models.ts';
import { wilson } from '../src/util/intervals.ts';
import { loadContext, printJson } from './context.ts';
import type { Context } from './context.ts';

interface JsonFlag {
  json?: boolean;
}

export function register(program: Command): void {
  const parent = program.command('models').description('list the trained models, choose one, go back, add one');
  parent
    .command('list')
    .description('the runs on this machine, newest first')
    .option('--json', 'print JSON only')
    .action(list);
  parent
    .command('use')
    .description('let this run speak from now on')
    .argument('<id>', 'as in `persona models list`')
    .option('--json', 'print JSON only')
    .action(use);
  parent
    .command('rollback')
    .description('let the run speak that spoke before')
    .option('--json', 'print JSON only')
    .action(rollback);
  parent
    .command('add')
    .description('copy a model folder that was trained elsewhere in among the runs')
    .argument('<folder>', 'a model folder in Hugging Face layout with the chat format of this program')
    .option('--dataset <hash>', 'what it was trained on, as `persona export sft` printed it')
    .option('--use', 'let it speak at once')
    .option('--json', 'print JSON only')
    .action(add);
}

function optionsOf({ env, persona }: Context): ModelsOptions {
  const { speaker, timezone } = persona;
  const reviewRequired = persona.review === 'required';
  return { dataDir: env.dataDir, modelsDir: env.modelsDir, speaker, timezone, reviewRequired };
}

function list(flags: JsonFlag): void {
  const models = listModels(optionsOf(loadContext()));
  if (flags.json === true) printJson(models);
  else if (models.length === 0) console.log('There is no trained model yet. Run `npm run retrain`.');
  else models.forEach((model) => console.log(lineOf(model)));
}

function lineOf({ run, current, served, verdict, bitsPerByte, size, quiz, problem }: ModelEntry): string {
  const bits = bitsPerByte === null ? '-' : `${bitsPerByte.toFixed(3)} bits/byte`;
  const state = current ? 'speaks now' : served ? 'spoke before' : '';
  const line = `${current ? '*' : ' '} ${run}  ${(verdict ?? '-').padEnd(8)}  ${(size ?? '-').padEnd(5)}  ${bits.padEnd(15)}  ${state}`;
  return [line.trimEnd(), ...(quiz === null ? [] : [foolingRate(quiz)]), ...(problem === null ? [] : [problem])].join(
    '\n    ',
  );
}

/** `fooling rate 40 % (17-69 %, 10 answers)` */
function foolingRate({ answers, fooled }: NonNullable<ModelEntry['quiz']>): string {
  const { low, high } = wilson(fooled, answers);
  const [rate, least, most] = [fooled / answers, low, high].map((share) => Math.round(share * 100));
  return `fooling rate ${rate} % (${least}-${most} %, ${answers} ${answers === 1 ? 'answer' : 'answers'})`;
}

function use(run: string, flags: JsonFlag): void {
  useModel(run, optionsOf(loadContext()));
  if (flags.json === true) printJson({ run });
  else console.log(`Run ${run} speaks from now on.`);
}

function rollback(flags: JsonFlag): void {
  const run = rollBackModel(optionsOf(loadContext()));
  if (flags.json === true) printJson({ run });
  else console.log(`Run ${run} speaks again.`);
}

async function add(folder: string, flags: JsonFlag & { dataset?: string; use?: boolean }): Promise<void> {
  const context = loadContext();
  const adopted = await adoptFolder(folder, {
    ...optionsOf(context),
    backend: context.env.backend,
    sampling: context.persona.sampling,
    datasetHash: flags.dataset,
    use: flags.use === true,
    nowMs: Date.now(),
  });
  if (flags.json === true) {
    printJson(adopted);
    return;
  }
  const { run, bitsPerByte, datasetKnown, used } = adopted;
  const bits =
    bitsPerByte === null ? 'nothing is held out to measure it on' : `${bitsPerByte.toFixed(3)} bits per byte`;
  console.log(
    `Added as run ${run}: ${bits}. ${used ? 'It speaks from now on.' : `Let it speak: persona models use ${run}`}`,
  );
  if (!datasetKnown) {
    console.log('What it was trained on is not known here, so the next night replaces it (see --dataset).');
  }
}
