/**
 * An exported chat becomes consented rows: names -> people (import-people.ts), attestations -> ledger, messages ->
 * drafts -> consent/ -> store, what is stored already left out (match.ts). Read and written in pieces, so that a million
 * messages need no more memory than a thousand and others may write in between; seen all at once, when it is finished,
 * or not at all (imports.ts). Consent counts as it stands then: who withdraws meanwhile is not stored.
 * Not covered: which file it is and how it is read (exports/).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isOpen, isRefused, type ConsentedMessage, type Standing } from '../consent/policy.ts';
import type { ExportMessage, MessageDraft } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { admitImported, requireBothSides, requireConsent, standingsOf } from './import-consent.ts';
import { contentOf, timesOf } from './import-content.ts';
import { forgottenNames, refuseForgotten } from './import-forgotten.ts';
import { isNamed, personaAlias, recognise, type Answers, type Probe, type Recognised } from './import-people.ts';
import type { RunningImport } from './imports.ts';
import { createLocalTime } from './local-time.ts';
import { acquireLock } from './lock.ts';
import { comparable, type Matcher } from './match.ts';
import type { Store } from './store.ts';

export { contentOf } from './import-content.ts';
export { importChatKey, personaAlias } from './import-people.ts';

/** What an import needs of an exported chat (exports/chat-export.ts). */
export interface ImportSource {
  senders: readonly { name: string }[];
  messages(): Iterable<ExportMessage>;
}

export interface ImportChoices extends Answers {
  /** IANA zone of the export's local times */
  timezone: string;
  /** the export knows minutes only */
  minutePrecision: boolean;
  nowMs: number;
  /** stops the import: nothing of it stays */
  signal?: AbortSignal;
  /** called now and then with the number of messages read so far */
  onProgress?: (read: number) => void;
}

export interface LeftOut {
  system: number;
  /** calls, polls, deleted messages, contact cards */
  kind: number;
  noConsent: number;
  /** by names that the user did not confirm as authors */
  unconfirmed: number;
  forwarded: number;
}

export interface ImportResult {
  chatKey: string;
  inserted: number;
  /** messages that were stored already: by an earlier import, or live */
  known: number;
  /** messages that were not stored, by reason */
  leftOut: LeftOut;
  /** names whose people asked to be forgotten: nothing of theirs is stored */
  forgotten: string[];
  /** rows written by the persona after this import, from all sources */
  personaMessages: number;
}

const readAtOnce = 4000;

/** Who and which chat this export is about, before anything is written: for showing and asking. */
export function recogniseExport(
  store: Store,
  file: ImportSource,
  choices: Answers & Pick<ImportChoices, 'timezone' | 'minutePrecision'>,
): Recognised {
  const senders = file.senders.map(({ name }) => name);
  const toTimes = createLocalTime(choices.timezone);
  const probe: Probe = function* (personIn) {
    for (const message of file.messages()) {
      const content = contentOf(message);
      const personId = message.sender === null ? undefined : personIn(message.sender);
      if (content === undefined || personId === undefined) continue;
      const times = timesOf(message, toTimes);
      const { minutePrecision } = choices;
      yield { ...comparable({ personId, timestampMs: times[0]!, minutePrecision, ...content }), times };
    }
  };
  return recognise(store, senders, choices, probe);
}

/**
 * Store what may be stored of an exported chat. All or nothing, also after a kill: rows of an import that did not end are
 * seen by nobody, and erased before the next one.
 * @throws UserError when nobody in a two-person chat may be stored, naming who has not agreed; when it was cancelled;
 *   with exit code 75 while another import runs
 */
export async function importMessages(store: Store, file: ImportSource, choices: ImportChoices): Promise<ImportResult> {
  const lock = acquireLock(store.dataDir, 'import');
  try {
    for (const id of store.imports.unfinished()) await inSteps(store.imports.erase(id));
    const all = recogniseExport(store, file, choices);
    requireConsent(store, all, choices);
    const forgotten = forgottenNames(store, file, all, choices, createLocalTime(choices.timezone));
    refuseForgotten(all, choices, forgotten);
    const found = { ...all, names: all.names.filter((name) => !forgotten.has(name)) };
    const work = begin(store, found, choices);
    work.counts.forgotten.push(...forgotten.keys());
    try {
      return await run(store, file, choices, work);
    } catch (error) {
      // what cannot be erased now (a full disk) stays unseen, and goes before the next import
      await inSteps(store.imports.erase(work.running.id)).catch(() => undefined);
      throw error;
    }
  } finally {
    lock.release();
  }
}

interface Work {
  running: RunningImport;
  chatId: number;
  found: Recognised;
  matcher: Matcher;
  /** people whose messages are taken, by name */
  personOf: Map<string, number>;
  counts: Omit<ImportResult, 'chatKey' | 'personaMessages'>;
}

/** Chat, people and the note of the import: what its rows need to stand on. Names and members follow at the end. */
function begin(store: Store, found: Recognised, choices: ImportChoices): Work {
  return store.transaction(() => {
    const chatId = found.chatId ?? store.chats.resolve(found.chatKey, found.kind);
    const people = new Set<number>();
    const newAliases: string[] = [];
    const personOf = new Map<string, number>();
    for (const name of found.names) {
      const isKnown = found.personOf(name) !== undefined;
      if (!isKnown && !isNamed(name, choices)) continue;
      const aliases = found.aliasesOf(name);
      newAliases.push(...aliases.filter((alias) => store.people.find(alias) === undefined));
      const personId = store.people.resolve(aliases);
      if (!isKnown) people.add(personId);
      personOf.set(name, personId);
    }
    const matcher = store.imports.matcher(found.matchChats);
    const made = { chat: found.chatId === undefined, people: [...people], aliases: newAliases };
    const leftOut = { system: 0, kind: 0, noConsent: 0, unconfirmed: 0, forwarded: 0 };
    const counts = { inserted: 0, known: 0, leftOut, forgotten: [] };
    return { running: store.imports.begin(chatId, made), chatId, found, matcher, personOf, counts };
  });
}

async function run(
  store: Store,
  file: ImportSource,
  choices: ImportChoices,
  { running, chatId, found, matcher, personOf, counts }: Work,
): Promise<ImportResult> {
  const { signal, onProgress, attested } = choices;
  const { leftOut } = counts;
  const toTimes = createLocalTime(choices.timezone);
  let read = 0;
  let standings = new Map<string, Standing>();

  /** A message as it may be stored; undefined, and counted, where it may not or is stored already. */
  const take = (message: ExportMessage): ConsentedMessage | undefined => {
    const { sender } = message;
    const content = contentOf(message);
    const personId = sender === null ? undefined : personOf.get(sender);
    if (sender === null || message.kind === 'system') leftOut.system++;
    else if (content === undefined) leftOut.kind++;
    else if (message.isForwarded === true) leftOut.forwarded++;
    else if (counts.forgotten.includes(sender)) leftOut.noConsent++;
    else if (personId === undefined) leftOut.unconfirmed++;
    else {
      const times = timesOf(message, toTimes);
      const draft: MessageDraft = {
        waId: waIdOf(running.id, message.id ?? read),
        chatId,
        personId,
        fromMe: sender === choices.me,
        origin: 'import',
        timestampMs: times[0]!,
        minutePrecision: choices.minutePrecision,
        kind: message.kind,
        ...content,
        quotedWaId: message.replyToId === undefined ? null : waIdOf(running.id, message.replyToId),
      };
      const consented = admitImported(draft, found.kind, sender, standings);
      if (consented === undefined) leftOut.noConsent++;
      else if (matcher.take(comparable(consented), times) !== undefined) counts.known++;
      else return consented;
    }
    return undefined;
  };
  const storePiece = async (messages: readonly ExportMessage[]): Promise<void> => {
    stopIfCancelled(signal);
    for (const [name, personId] of personOf) personOf.set(name, store.consent.root(personId));
    standings = standingsOf(store, personOf, attested);
    if (found.kind === 'direct') requireBothSides(found.names, standings);
    const admitted = messages.flatMap((message) => {
      read++;
      return take(message) ?? [];
    });
    await inSteps(running.add(admitted), signal);
    counts.inserted += admitted.length;
    onProgress?.(read);
    await nextTurn();
  };

  for (const piece of piecesOf(file.messages(), readAtOnce)) await storePiece(piece);
  await inSteps(running.end(), signal);
  await publish(store, choices, { running, chatId, found, matcher, personOf, counts });
  const persona = store.people.resolve([personaAlias(choices.speaker)]);
  return { chatKey: found.chatKey, ...counts, personaMessages: store.messages.countBy(persona) };
}

/** Attestations, names, members and messages become visible in one transaction, for those who have not said no since. */
async function publish(
  store: Store,
  { attested, nowMs, signal }: ImportChoices,
  { running, chatId, found, matcher, personOf, counts }: Work,
): Promise<void> {
  const refused = (): [string, number][] =>
    [...personOf].filter(([, personId]) => isRefused(store.consent.state(personId, 'log').state));
  const tryPublish = (): boolean => {
    if (refused().length > 0) return false;
    for (const [name, personId] of personOf) {
      store.chats.addMember(chatId, personId);
      if (store.people.nameOf(personId) === '') store.people.setName(personId, name);
      if (!attested.includes(name) || isOpen(store.consent.state(personId, 'log'))) continue;
      store.consent.append({
        personId,
        scope: 'log',
        action: 'attested',
        atMs: nowMs,
        noticeHash: '',
        chatId: null,
      });
    }
    const duplicates = store.imports.dropLoggedMeanwhile(running.id, found.matchChats, matcher);
    counts.inserted -= duplicates;
    counts.known += duplicates;
    store.imports.finish(running.id, counts);
    return true;
  };
  stopIfCancelled(signal);
  while (!store.transaction(tryPublish)) {
    const gone = refused();
    if (found.kind === 'direct') requireBothSides(found.names, standingsOf(store, personOf, attested));
    const dropped = await inSteps(
      store.imports.drop(
        running.id,
        gone.map(([, personId]) => personId),
      ),
    );
    counts.inserted -= dropped;
    counts.leftOut.noConsent += dropped;
    for (const [name] of gone) personOf.delete(name);
  }
}

/** Ids of a file are its own: another file of the same chat may use them for other messages. */
function waIdOf(importId: number, id: string | number): string {
  return `import:${importId}:${typeof id === 'number' ? String(id).padStart(8, '0') : `id:${id}`}`;
}

function* piecesOf<T>(items: Iterable<T>, length: number): Generator<T[]> {
  let piece: T[] = [];
  for (const item of items) {
    piece.push(item);
    if (piece.length < length) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** Runs work that holds the write lock a step at a time; whatever else the process does comes in between. */
async function inSteps<T>(steps: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    if (signal !== undefined) stopIfCancelled(signal);
    const step = steps.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

function stopIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new UserError('the import was cancelled; nothing of it is stored', 'Run the same command again when you like.');
}
