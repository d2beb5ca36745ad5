/**
 * Who is who in an export: from the flags, else from what is known, else asked. Consent is never assumed: a name is
 * attested only by its own flag or its own answer.
 */
import { checkbox, confirm, select } from '@inquirer/prompts';
import type { PersonaConfig } from '../src/config.ts';
import type { ChatExport } from '../src/exports/chat-export.ts';
import { isOpen, isRefused } from '../src/consent/policy.ts';
import { isNamed } from '../src/store/import-people.ts';
import type { Answers, Recognised } from '../src/store/import-people.ts';
import { recogniseExport } from '../src/store/import.ts';
import type { Person } from '../src/store/people.ts';
import type { Store } from '../src/store/store.ts';
import { UserError } from '../src/util/errors.ts';
import { shown } from '../src/util/shown.ts';
import { isInteractive } from './context.ts';

export interface ImportOptions {
  me?: string;
  persona?: string;
  iHaveConsentFrom: string[];
  link: string[];
  newPerson: string[];
  notAPerson: string[];
  timezone?: string;
  dateOrder?: string;
  yes?: boolean;
  dryRun?: boolean;
  stats?: boolean;
  json?: boolean;
}

export interface ImportAnswers extends Answers {
  timezone: string;
  minutePrecision: boolean;
}

/** @throws UserError for a name that is not in the export, a person who is not known, and where it stays unclear who is who */
export async function chooseAnswers(
  store: Store,
  file: ChatExport,
  options: ImportOptions,
  persona: PersonaConfig,
): Promise<ImportAnswers> {
  const names = file.senders.map(({ name }) => name);
  const links = new Map(options.link.map((link) => parseLink(store, link)));
  const given = [options.me, options.persona, ...links.keys(), ...options.newPerson, ...options.notAPerson];
  for (const name of given) {
    if (name !== undefined && !names.includes(name)) {
      throw new UserError(`nobody in this export is called "${name}"`, `names in it: ${names.join(', ')}`);
    }
  }
  const ask = isInteractive() && options.yes !== true && options.json !== true;
  const roles = await chooseRoles(names, options, persona, ask);
  const answers: ImportAnswers = {
    ...roles,
    speaker: persona.speaker,
    attested: options.iHaveConsentFrom,
    links,
    newPeople: options.newPerson,
    notPeople: options.notAPerson,
    timezone: options.timezone ?? persona.timezone,
    minutePrecision: !file.hasSeconds,
  };
  return ask ? askTheRest(store, file, answers) : answers;
}

async function chooseRoles(
  names: readonly string[],
  options: ImportOptions,
  persona: PersonaConfig,
  ask: boolean,
): Promise<Pick<Answers, 'me' | 'persona'>> {
  const speakerIsMe = persona.speaker === 'me';
  let me = options.me ?? (speakerIsMe ? options.persona : undefined);
  if (me === undefined && ask) {
    const choices = [
      ...names.map((name) => ({ name: shown(name), value: name })),
      { name: '(I am not in this chat)', value: '' },
    ];
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
  return { me: me ?? null, persona: voice ?? null };
}

/** Authors, people known already, and consent, each by its own question. */
async function askTheRest(store: Store, file: ChatExport, answers: ImportAnswers): Promise<ImportAnswers> {
  const found = recogniseExport(store, file, answers);
  const { confirmed, notPeople } = await askAuthors(found, answers);
  const links = new Map(answers.links);
  const newPeople = [...(answers.newPeople ?? [])];
  for (const name of confirmed) {
    const choices = knownPeople(store, name, answers, file.senders.length <= 2, [...links.values()]);
    if (choices.length === 0) continue;
    const personId = await select({
      message: `Who is "${shown(name)}"?`,
      choices: [{ name: 'somebody new', value: 0 }, ...choices.map(({ id, label }) => ({ name: label, value: id }))],
    });
    if (personId === 0) newPeople.push(name);
    else links.set(name, personId);
  }
  const known = { ...answers, confirmed, links, newPeople, notPeople: [...(answers.notPeople ?? []), ...notPeople] };
  return { ...known, attested: await askConsent(store, recogniseExport(store, file, known), known) };
}

/** Names that no answer or earlier import knows: people of this chat, or text that looks like a message. */
async function askAuthors(found: Recognised, answers: Answers): Promise<{ confirmed: string[]; notPeople: string[] }> {
  const open = found.names.filter((name) => found.personOf(name) === undefined && !isNamed(name, answers));
  if (open.length === 0) return { confirmed: [], notPeople: [] };
  const confirmed = await checkbox({
    message: 'These names wrote messages. Select those who are people of this chat (space selects)',
    choices: open.map((name) => ({ name: shown(name), value: name })),
  });
  const left = open.filter((name) => !confirmed.includes(name));
  const people = found.names.filter((name) => !left.includes(name));
  if (found.names.length <= 2 || people.length > 2 || left.length === 0) return { confirmed, notPeople: [] };
  const isDirect = await confirm({
    message: `Is this a chat of ${people.map(shown).join(' and ')} alone, and ${left.map(shown).join(', ')} only text in a message?`,
    default: false,
  });
  return { confirmed, notPeople: isDirect ? left : [] };
}

/** People a name may be: those of the same name; in a chat of two also everyone WhatsApp knows. */
function knownPeople(
  store: Store,
  name: string,
  { me }: Answers,
  isDirect: boolean,
  taken: readonly number[],
): { id: number; label: string }[] {
  const same = new Set(store.people.named(name));
  const owner = me === null ? undefined : store.people.find('me');
  return store.people
    .list()
    .filter(({ id }) => id !== owner && !taken.includes(id))
    .filter((person) => same.has(person.id) || (isDirect && numberOf(person) !== undefined))
    .sort((a, b) => Number(same.has(b.id)) - Number(same.has(a.id)) || a.id - b.id)
    .map((person) => ({ id: person.id, label: labelOf(person) }));
}

async function askConsent(store: Store, found: Recognised, answers: Answers): Promise<string[]> {
  const attested = [...answers.attested];
  for (const name of found.names) {
    if (name === answers.me || attested.includes(name)) continue;
    const personId = found.personOf(name);
    const standing = personId === undefined ? undefined : store.consent.state(personId, 'log');
    if (standing !== undefined && isOpen(standing)) continue;
    if (standing !== undefined && isRefused(standing.state)) {
      console.log(`"${shown(name)}" has declined or withdrawn consent: nothing of theirs is stored.`);
      continue;
    }
    const message = `Did "${shown(name)}" tell you that they agree to be stored and trained on?`;
    if (await confirm({ message, default: false })) attested.push(name);
  }
  return attested;
}

/** `NAME=PERSON`; the person by id, id at WhatsApp, number or name. */
function parseLink(store: Store, link: string): [string, number] {
  const at = link.lastIndexOf('=');
  const name = link.slice(0, at);
  const person = link.slice(at + 1).trim();
  if (at < 1 || person === '')
    throw new UserError(`--link is "${link}"`, 'write --link "NAME=PERSON", NAME as in the export');
  const people = store.people.list();
  const byId = people.filter(({ id }) => String(id) === person);
  const alias = store.people.find(person) ?? store.people.find(`${person.replace(/\D/g, '')}@c.us`);
  const ids = byId.length > 0 ? byId.map(({ id }) => id) : alias === undefined ? store.people.named(person) : [alias];
  const [id] = ids;
  if (id !== undefined && ids.length === 1) return [name, id];
  const list = (id === undefined ? people : people.filter((one) => ids.includes(one.id))).map(labelOf).join(', ');
  throw new UserError(
    id === undefined ? `nobody known is "${person}"` : `several people are called "${person}"`,
    `give the id of one of: ${list}`,
  );
}

function labelOf(person: Person): string {
  const what = [person.name, numberOf(person)].filter((part) => part !== undefined && part !== '').join(', ');
  return `${person.id} (${what === '' ? 'no name' : shown(what)}, ${person.messages} messages)`;
}

function numberOf({ aliases }: Person): string | undefined {
  const id = aliases.find((alias) => alias.endsWith('@c.us')) ?? aliases.find((alias) => alias.endsWith('@lid'));
  return id?.endsWith('@c.us') === true ? `+${id.slice(0, -'@c.us'.length)}` : id;
}
