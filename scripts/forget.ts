/** `persona forget PERSON | --everything`: erase what somebody wrote, everywhere, and show the receipt. */
import type { Command } from 'commander';
import { confirm } from '@inquirer/prompts';
import { loadEnvironment, loadPersona, personaFile } from '../src/config.ts';
import type { Environment, PersonaConfig } from '../src/config.ts';
import { defaultRegions } from '../src/consent/redact.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { carryOutEverything, forgetEverything } from '../src/nightly/forget-everything.ts';
import { begunForgetting } from '../src/nightly/forget-journal.ts';
import { finishPerson, forgetPerson } from '../src/nightly/forget.ts';
import type { ForgetOptions } from '../src/nightly/forget.ts';
import type { ForgetReport } from '../src/nightly/receipt.ts';
import { keepBallast, makeRoom } from '../src/store/ballast.ts';
import { acquireLock } from '../src/store/lock.ts';
import type { Lock } from '../src/store/lock.ts';
import type { Person } from '../src/store/people.ts';
import type { Store } from '../src/store/store.ts';
import { existsSync } from 'node:fs';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { shippedBase } from './base.ts';
import { isInteractive, printJson, withStore } from './context.ts';
import { unlinkDevice } from './unlink.ts';

interface ForgetFlags {
  everything?: boolean;
  receipts?: boolean;
  id?: string;
  yes?: boolean;
  /** false: `--no-copy` */
  copy: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('forget')
    .description('erase what a person wrote, and every model that saw it; or everything')
    .argument('[person]', 'a name, a number, or the id that is shown')
    .option('--everything', 'everybody, every model and copy, and unlink this device')
    .option('--receipts', 'show what was forgotten before')
    .option('--id <number>', 'the person with this id')
    .option('--yes', 'ask nothing')
    .option('--no-copy', 'make no fresh copy of the database in place of those that go')
    .option('--json', 'print JSON only')
    .action(forget);
}

async function forget(person: string | undefined, flags: ForgetFlags, command: Command): Promise<void> {
  const env = loadEnvironment();
  const isJson = flags.json === true;
  if (flags.receipts === true) return showReceipts(env, isJson);
  const asked = [person, flags.id, flags.everything === true ? 'everything' : undefined].filter(
    (what) => what !== undefined,
  );
  if (asked.length !== 1) command.error('error: give one person, or --everything');
  for (const line of await finishForgetting()) if (!isJson) console.log(line);
  const onPhase = isJson ? undefined : (phase: string): void => console.log(`  ${phase}`);
  if (flags.everything === true) {
    await agree(
      flags,
      `Erase everything in ${env.dataDir} and every model in ${env.modelsDir}, and unlink this device?`,
    );
    const report = await forgetEverything({ ...env, now: Date.now, unlink: (dir) => unlinkDevice(dir, env), onPhase });
    return show(report, isJson);
  }
  const found = await withStore(env.dataDir, (store) => choose(store, person, flags.id));
  await agree(flags, `Erase everything that ${labelOf(found)} wrote, and every model that saw it?`);
  const options = { ...optionsOf(env), measure: true, freshCopy: flags.copy, onPhase };
  show(await forgetPerson(found.id, options), isJson);
  keepBallast(env.dataDir);
}

/** Finish what an earlier process began. @returns a sentence for each @throws UserError (75) where another one is at it */
export async function finishForgetting(): Promise<string[]> {
  const env = loadEnvironment();
  const begun = begunForgetting(env.dataDir);
  const said: string[] = [];
  if (begun.length === 0) return said;
  const roles = begun.includes('everything')
    ? (['start', 'retrain', 'import', 'write-admin'] as const)
    : (['write-admin'] as const);
  const locks: Lock[] = [];
  makeRoom(env.dataDir);
  try {
    for (const role of roles) locks.push(acquireLock(env.dataDir, role));
    for (const what of begunForgetting(env.dataDir)) {
      if (what === 'everything')
        await carryOutEverything({ ...env, now: Date.now, unlink: (dir) => unlinkDevice(dir, env) });
      else await finishPerson(what, { ...optionsOf(env), measure: false, freshCopy: false });
      said.push(
        what === 'everything'
          ? 'Finished erasing everything, which was begun before.'
          : `Finished forgetting person ${what}, which was begun before.`,
      );
    }
  } finally {
    for (const lock of locks.reverse()) lock.release();
  }
  return said;
}

/** Works without a persona.json too: whoever wants to go must not need a valid configuration. */
function optionsOf(env: Environment): Omit<ForgetOptions, 'measure' | 'freshCopy'> {
  const persona: PersonaConfig | undefined = existsSync(personaFile(env.personaDir))
    ? loadPersona(env.personaDir)
    : undefined;
  return {
    dataDir: env.dataDir,
    modelsDir: env.modelsDir,
    speaker: persona?.speaker ?? 'me',
    timezone: persona?.timezone ?? 'UTC',
    redaction: persona === undefined ? { regions: defaultRegions } : redactionOf(persona),
    base: persona === undefined ? undefined : shippedBase(persona.training.size),
    now: Date.now,
  };
}

/** @throws UserError where nobody or more than one person is meant, with a list */
function choose(store: Store, person: string | undefined, id: string | undefined): Person {
  const people = store.people
    .list()
    .filter(({ aliases, name, messages }) => aliases.length + messages > 0 || name !== '');
  const wanted = id ?? person ?? '';
  const digits = wanted.replace(/[\s()+.-]/g, '');
  const byId = people.filter((one) => String(one.id) === wanted);
  const alias = store.people.find(wanted) ?? store.people.find(`${digits}@c.us`);
  const folded = wanted.trim().toLowerCase();
  const named = new Set([
    ...store.people.named(wanted),
    ...people.filter(({ name }) => name.toLowerCase() === folded).map((one) => one.id),
  ]);
  const found =
    id !== undefined || byId.length > 0
      ? byId
      : alias !== undefined
        ? people.filter((one) => one.id === store.consent.root(alias))
        : people.filter((one) => named.has(one.id));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const list = (only === undefined ? people : found).map(labelOf).join('; ');
  throw new UserError(
    only === undefined ? `nobody here is "${wanted}"` : `several people are "${wanted}"`,
    list === '' ? 'there is nobody in the store' : `give the id of one of: ${list}`,
  );
}

function labelOf({ id, name, aliases, messages }: Person): string {
  const number = aliases.find((alias) => alias.endsWith('@c.us'));
  const who = [name, number === undefined ? '' : `+${number.slice(0, -'@c.us'.length)}`].filter((part) => part !== '');
  return `${id} (${who.length === 0 ? 'no name' : who.join(', ')}, ${messages} messages)`;
}

async function agree({ yes, json }: ForgetFlags, question: string): Promise<void> {
  if (yes === true) return;
  if (json === true || !isInteractive()) throw new UserError('this cannot be undone', 'add --yes to do it');
  if (!(await confirm({ message: question, default: false }))) {
    throw new UserError('nothing was erased', 'run it again when you are sure', { exitCode: ExitCode.user });
  }
}

async function showReceipts(env: Environment, isJson: boolean): Promise<void> {
  const receipts = await withStore(env.dataDir, (store) => store.receipts.list());
  if (isJson) return printJson(receipts);
  if (receipts.length === 0) console.log('Nobody was forgotten yet.');
  for (const { personId, begunMs, finishedMs, report } of receipts) {
    const who = personId === null ? 'everything' : `person ${personId}`;
    console.log(`${new Date(begunMs).toISOString()}  ${who}${finishedMs === null ? '  not finished' : ''}`);
    if (finishedMs !== null) for (const line of linesOf(report as ForgetReport)) console.log(`  ${line}`);
  }
}

function show(report: ForgetReport, isJson: boolean): void {
  if (isJson) return printJson(report);
  console.log(report.what === 'everything' ? 'Everything is forgotten.' : 'Forgotten.');
  for (const line of linesOf(report)) console.log(`  ${line}`);
}

function linesOf(report: ForgetReport): string[] {
  const { rows, retired, serves, copies, exports, datasets, loss, left, seconds } = report;
  const lines: string[] = [];
  if (rows !== null) {
    lines.push(
      `${rows.messages} messages, ${rows.botMessages} answers of the bot, ${rows.replies + rows.outbox + rows.reactions + rows.quizAnswers} other rows, ${rows.names} names`,
    );
  }
  lines.push(
    `${retired.length} models (${serves === null ? 'none speaks until the next `persona retrain`' : `${serves} speaks now`}), ${datasets} lists of training rows`,
  );
  lines.push(`${copies} copies of the database, ${exports} files in data/exports`);
  if (report.freshCopy !== null) lines.push(`fresh copy: data/backups/${report.freshCopy}`);
  if (report.stoppedTraining) lines.push('a training under way was told to start anew');
  if (report.device !== undefined) lines.push(`this device: ${report.device}`);
  if (loss !== null) {
    const { before, after } = loss;
    const figures = ({ deleted, unseen }: typeof before): string =>
      `${deleted.toFixed(3)} on what was erased, ${unseen === null ? '-' : unseen.toFixed(3)} on theirs that it never saw`;
    lines.push(`bits per byte of ${before.model}: ${figures(before)}`);
    if (after !== null) lines.push(`bits per byte of ${after.model}, which comes next: ${figures(after)}`);
  }
  for (const sentence of left) lines.push(`left: ${sentence}`);
  lines.push(`${seconds.toFixed(1)} s; what no program reaches is in docs/forgetting.md`);
  return lines;
}
