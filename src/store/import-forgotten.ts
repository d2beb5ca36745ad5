/**
 * Who of an export asked to be forgotten (tombstones.ts): known by an id, by a name as exports spell it, or, under
 * whichever name, by what they wrote when. Nothing of theirs is stored again unless they said yes themselves since.
 * Not covered: a file whose names and times were both changed, which nothing here can recognise.
 */
import type { ExportMessage } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { contentOf, timesOf } from './import-content.ts';
import { phoneAlias, type Answers, type Recognised } from './import-people.ts';
import type { Store } from './store.ts';

/** Messages at the same minute with the same text; one may be chance. */
const enoughAtMinute = 3;
/** Long texts alike at other times: many people forward the same ones, so they must be a good part of what was written. */
const enoughTexts = 3;
const textShare = 0.1;

type How = 'id' | 'name' | 'messages';

/** Names of this export whose people asked to be forgotten, and how that is known. */
export function forgottenNames(
  store: Store,
  file: { messages(): Iterable<ExportMessage> },
  found: Recognised,
  answers: Answers,
  toTimes: (ts: string) => number[],
): Map<string, How> {
  const forgotten = new Map<string, How>();
  if (store.tombstones.count() === 0) return forgotten;
  const suspects = found.names.filter((name) => {
    const person = found.personOf(name);
    return person === undefined || store.consent.state(person, 'log').state !== 'granted';
  });
  for (const name of suspects) {
    const isNew = answers.newPeople?.includes(name) === true;
    const ids = found.aliasesOf(name).filter((alias) => !alias.startsWith('name:')); // those say no more than the name
    if (ids.some((alias) => store.tombstones.hasAlias(alias))) forgotten.set(name, 'id');
    else if (!isNew && store.tombstones.hasName(name)) forgotten.set(name, 'name');
  }
  const unsure = new Set(suspects.filter((name) => !forgotten.has(name)));
  for (const name of byMessages(store, file, unsure, toTimes)) forgotten.set(name, 'messages');
  return forgotten;
}

/**
 * @throws UserError where the export is a chat of two with somebody who was forgotten, or their consent is attested: their
 *   own word counts
 */
export function refuseForgotten(found: Recognised, answers: Answers, forgotten: ReadonlyMap<string, How>): void {
  const refused = [...forgotten].filter(([name]) => found.kind === 'direct' || answers.attested.includes(name));
  const [first] = refused;
  if (first === undefined) return;
  const [name, how] = first;
  const quoted = JSON.stringify(name);
  const why: Record<How, string> = {
    id: `${quoted} asked to be forgotten`,
    name: `somebody called ${quoted} asked to be forgotten`,
    messages: `${quoted} wrote what somebody wrote who asked to be forgotten`,
  };
  const hint =
    found.kind === 'direct'
      ? 'nothing of this chat is stored; they can say `!consent yes` in a chat themselves'
      : 'leave them out: import without attesting their consent; they can say `!consent yes` in a chat themselves';
  throw new UserError(
    why[how],
    how === 'name' ? `${hint}; if this is another person of that name, add --new-person ${quoted}` : hint,
  );
}

/** Does an export hold words of anybody who was forgotten? For files that lie beside the store. */
export function holdsForgotten(
  store: Store,
  file: { senders: readonly { name: string }[]; messages(): Iterable<ExportMessage> },
  toTimes: (ts: string) => number[],
): boolean {
  const names = file.senders.map(({ name }) => name);
  const isNamed = (name: string): boolean =>
    store.tombstones.hasName(name) || (phoneAlias(name) ?? []).some((alias) => store.tombstones.hasAlias(alias));
  return names.some(isNamed) || byMessages(store, file, new Set(names), toTimes).length > 0;
}

/** Reads the file once, and only where messages were forgotten and somebody in it is not known otherwise. */
function byMessages(
  store: Store,
  file: { messages(): Iterable<ExportMessage> },
  names: ReadonlySet<string>,
  toTimes: (ts: string) => number[],
): string[] {
  if (names.size === 0 || !store.tombstones.hasMessages()) return [];
  const seen = new Map(
    [...names].map((name) => [name, { messages: 0, minute: new Set<string>(), text: new Set<string>() }]),
  );
  for (const message of file.messages()) {
    const tally = message.sender === null ? undefined : seen.get(message.sender);
    const content = tally && contentOf(message);
    if (tally === undefined || content === undefined || content.text === '') continue;
    tally.messages++;
    if (tally.minute.size >= enoughAtMinute) continue;
    const match = store.tombstones.messageIs({ text: content.text, times: timesOf(message, toTimes) });
    if (match !== undefined) tally[match].add(content.text);
  }
  return [...seen]
    .filter(([, { messages, minute, text }]) => {
      const isAtMinute = minute.size >= Math.min(enoughAtMinute, messages) && minute.size > 0;
      const alike = minute.size + text.size;
      return isAtMinute || (alike >= enoughTexts && alike >= textShare * messages);
    })
    .map(([name]) => name);
}
