/** `persona init`: asks whose voice is learned, writes persona/persona.json and the owner's own consent. */
import { existsSync, mkdirSync } from 'node:fs';
import { confirm, input, select } from '@inquirer/prompts';
import type { Command } from 'commander';
import { loadEnvironment, parsePersona, personaFile } from '../src/config.ts';
import type { Environment, PersonaConfig } from '../src/config.ts';
import { modelSizes } from '../src/types.ts';
import { personaAlias } from '../src/store/import.ts';
import { UserError } from '../src/util/errors.ts';
import { writeFileAtomic } from '../src/util/files.ts';
import { isInteractive, printJson, withStore } from './context.ts';

interface InitOptions {
  name?: string;
  speaker?: string;
  language?: string[];
  timezone?: string;
  size?: string;
  yes?: boolean;
  force?: boolean;
  json?: boolean;
}

/** What the owner agrees to; shown by the wizard and in README. */
const ownerTerms =
  'What you write in chats where you switch collection on is stored on this computer and trains a model that imitates you there.';

const sizeChoices = [
  { value: 'nano', name: 'nano: minutes on a CPU, rough' },
  { value: 'small', name: 'small: the default; a night on a CPU' },
  { value: 'base', name: 'base: wants a GPU' },
  { value: 'large', name: 'large: wants a large GPU' },
];

export function register(program: Command): void {
  program
    .command('init')
    .description('create persona/persona.json (a wizard, or flags)')
    .option('--name <name>', 'what the persona is called in notices')
    .option('--speaker <who>', '"me", or the name of the other person whose voice is learned')
    .option('--language <tag...>', 'languages of the notices, the default first')
    .option('--timezone <zone>', 'IANA time zone, such as Europe/Berlin')
    .option('--size <size>', `model size: ${modelSizes.join(', ')}`)
    .option('--yes', 'agree to the terms for your own messages and ask nothing')
    .option('--force', 'replace an existing persona.json')
    .option('--json', 'print the result as JSON')
    .action(init);
}

async function init(options: InitOptions): Promise<void> {
  const env = loadEnvironment();
  const path = personaFile(env.personaDir);
  if (existsSync(path) && options.force !== true) {
    throw new UserError(`${path} exists already`, 'edit it, or run `persona init --force` to replace it');
  }
  const answers = options.yes === true ? options : await ask(options);
  if (answers.name === undefined)
    throw new UserError('the persona has no name', 'run `persona init --name NAME --yes`');
  const draft = {
    name: answers.name,
    speaker: answers.speaker ?? 'me',
    languages: answers.language ?? ['en'],
    timezone: answers.timezone ?? localTimezone(),
    training: { size: answers.size ?? 'small' },
  };
  const persona = parsePersona(draft, 'persona init');
  mkdirSync(env.personaDir, { recursive: true });
  writeFileAtomic(path, `${JSON.stringify({ $schema: './persona.schema.json', ...draft }, null, 2)}\n`);
  await grantOwner(env, persona);

  if (options.json === true) printJson({ personaFile: path, persona: draft });
  else console.log(`Wrote ${path}.\nNext: npm run import -- chat.txt, or npm run start to pair with WhatsApp.`);
}

/** The owner's consent for the owner's own words, in the ledger. */
async function grantOwner(env: Environment, persona: PersonaConfig): Promise<void> {
  await withStore(env.dataDir, (store) => {
    const owner = store.people.resolve(['me']);
    store.people.setName(owner, persona.speaker === 'me' ? persona.name : '');
    if (persona.speaker !== 'me')
      store.people.setName(store.people.resolve([personaAlias(persona.speaker)]), persona.speaker);
    for (const scope of ['log', 'imitate'] as const) {
      if (store.consent.state(owner, scope).state === 'granted') continue;
      store.consent.append({
        personId: owner,
        scope,
        action: 'granted',
        atMs: Date.now(),
        noticeHash: '',
        chatId: null,
      });
    }
  });
}

async function ask(given: InitOptions): Promise<InitOptions> {
  if (!isInteractive()) {
    throw new UserError(
      'persona init asks questions and needs a terminal',
      'give the answers as flags: `persona init --name NAME --yes`',
    );
  }
  const name = given.name ?? (await input({ message: 'What is the persona called?', required: true }));
  const speaker = given.speaker ?? (await askSpeaker());
  const timezone = given.timezone ?? (await input({ message: 'Time zone', default: localTimezone() }));
  const language = given.language ?? [
    await input({ message: 'Language of the notices (en, de, es, fr, ...)', default: 'en' }),
  ];
  const size = given.size ?? (await select({ message: 'Model size', choices: sizeChoices, default: 'small' }));
  if (!(await confirm({ message: `${ownerTerms} Do you agree?`, default: false }))) {
    throw new UserError('nothing was written', 'run `persona init` again when you agree');
  }
  return { name, speaker, timezone, language, size };
}

async function askSpeaker(): Promise<string> {
  const whose = await select({
    message: 'Whose voice is learned?',
    choices: [
      { name: 'mine', value: 'me' },
      { name: 'another person who agreed', value: 'other' },
    ],
  });
  return whose === 'me' ? 'me' : await input({ message: 'Their name, as the export writes it', required: true });
}

function localTimezone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
