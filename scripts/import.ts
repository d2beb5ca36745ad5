/** `persona import FILE`: an exported chat (.txt, or the .zip that the phone shares) becomes consented training data. */
import { checkbox, confirm, select } from '@inquirer/prompts';
import type { Command } from 'commander';
import type { PersonaConfig } from '../src/config.ts';
import { importMessages } from '../src/store/import.ts';
import type { ImportResult } from '../src/store/import.ts';
import type { ChatExport } from '../src/exports/chat-export.ts';
import { openExport } from '../src/exports/read.ts';
import { UserError } from '../src/util/errors.ts';
import { isInteractive, loadContext, printJson, withStore } from './context.ts';

interface ImportOptions {
  me?: string;
  persona?: string;
  iHaveConsentFrom: string[];
  timezone?: string;
  dateOrder?: string;
  yes?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** Which name of the export is who, and who agreed. */
interface Roles {
  me: string | null;
  persona: string | null;
  attested: string[];
}

export function register(program: Command): void {
  program
    .command('import')
    .description('import an exported WhatsApp chat (.txt or .zip)')
    .argument('<file>', 'the exported chat')
    .option('--me <name>', 'your name in the export')
    .option('--persona <name>', 'the name of the person whose voice is learned')
    .option('--i-have-consent-from <name>', 'this person agreed to be stored and trained on (repeatable)', collect, [])
    .option('--timezone <zone>', 'IANA zone of the times in the export')
    .option('--date-order <order>', 'dmy, mdy or ymd, where the file leaves it open')
    .option('--yes', 'ask nothing')
    .option('--dry-run', 'parse and show, store nothing')
    .option('--json', 'print JSON only')
    .action(runImport);
}

function collect(name: string, names: string[]): string[] {
  return [...names, name];
}

async function runImport(path: string, options: ImportOptions): Promise<void> {
  const { env, persona } = loadContext();
  const file = await openExport(path, { dateOrder: parseDateOrder(options.dateOrder) });
  if (options.dryRun === true) {
    showDryRun(file, options.json === true);
    return;
  }
  if (options.json !== true) showFound(file);
  const roles = await chooseRoles(file, options, persona);
  const result = await withStore(env.dataDir, (store) =>
    importMessages(store, file.messages(), {
      ...roles,
      speaker: persona.speaker,
      timezone: options.timezone ?? persona.timezone,
      minutePrecision: !file.hasSeconds,
      nowMs: Date.now(),
    }),
  );
  if (options.json === true) printJson(result);
  else showResult(result, persona.name);
}

function parseDateOrder(order: string | undefined): 'dmy' | 'mdy' | 'ymd' | undefined {
  if (order === undefined || order === 'dmy' || order === 'mdy' || order === 'ymd') return order;
  throw new UserError(`--date-order is "${order}"`, 'write dmy (31/12), mdy (12/31) or ymd');
}

/**
 * Who is who: from the flags, else from persona.json, else asked. Consent is never assumed: a name is attested only by
 * its own flag or its own answer.
 */
async function chooseRoles(file: ChatExport, options: ImportOptions, persona: PersonaConfig): Promise<Roles> {
  const names = file.senders.map((sender) => sender.name);
  for (const name of [options.me, options.persona].filter((given) => given !== undefined)) {
    if (!names.includes(name))
      throw new UserError(`nobody in this export is called "${name}"`, `names in it: ${names.join(', ')}`);
  }
  const ask = isInteractive() && options.yes !== true && options.json !== true;
  const speakerIsMe = persona.speaker === 'me';
  let me = options.me ?? (speakerIsMe ? options.persona : undefined);
  if (me === undefined && ask) {
    const choices = [...names.map((name) => ({ name, value: name })), { name: '(I am not in this chat)', value: '' }];
    me = (await select({ message: 'Which of them is you?', choices })) || undefined;
  }
  const voice = options.persona ?? (speakerIsMe ? me : names.find((name) => name === persona.speaker));
  if (me === undefined && voice === undefined) {
    throw new UserError('it is not clear who is who', `add --me NAME (names in the export: ${names.join(', ')})`);
  }
  if (speakerIsMe && voice !== me) {
    throw new UserError(
      `persona.json says that the voice is yours ("speaker": "me"), but --persona is "${String(voice)}"`,
      `set "speaker" to ${JSON.stringify(voice)} in persona.json, or leave --persona out`,
    );
  }
  const attested = [...options.iHaveConsentFrom];
  const open = names.filter((name) => name !== me && !attested.includes(name));
  if (ask && open.length > 0) attested.push(...(await askConsent(open)));
  return { me: me ?? null, persona: voice ?? null, attested };
}

async function askConsent(names: string[]): Promise<string[]> {
  const agreed = await checkbox({
    message: 'Who of them agreed to be stored and trained on? (space selects)',
    choices: names.map((name) => ({ name, value: name })),
  });
  if (agreed.length > 0 && !(await confirm({ message: `I have consent from ${agreed.join(', ')}.`, default: false })))
    return [];
  return agreed;
}

function showDryRun(file: ChatExport, json: boolean): void {
  if (!json) {
    showFound(file);
    return;
  }
  for (const { ts, sender, text, kind } of file.messages()) printJson({ ts, sender, text, kind });
}

function showFound(file: ChatExport): void {
  const total = Object.values(file.counts).reduce((sum, count) => sum + count, 0);
  console.log(`${total} messages${file.span === null ? '' : ` from ${file.span.first} to ${file.span.last}`}`);
  for (const { name, messages } of file.senders) console.log(`  ${String(messages).padStart(7)}  ${name}`);
  for (const oddity of file.oddities) console.log(`  note: ${oddity}`);
}

function showResult(result: ImportResult, name: string): void {
  const { system, kind, noConsent } = result.leftOut;
  console.log(`Stored ${result.inserted} messages (${result.known} were known already).`);
  console.log(
    `Left out: ${system} system lines, ${kind} calls, polls, deleted messages and contact cards, ${noConsent} without consent.`,
  );
  console.log(`${name} has ${result.personaMessages} messages now. Next: npm run retrain`);
}
