/**
 * An exported chat becomes consented rows: names -> people, attestations -> ledger, messages -> drafts -> consent/ ->
 * store, all in one transaction. Exports carry minutes and no ids, so a message is known by chat, time, sender, text
 * and its ordinal among equals: importing twice, or a later overlapping export, adds nothing twice.
 * Not covered: matching an export against messages that were also logged live.
 */
import { DateTime } from 'luxon';
import { admit, isOpen, isRefused } from '../consent/policy.ts';
import type { ConsentedMessage } from '../consent/policy.ts';
import type { ExportMessage, MediaKind, MessageDraft } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';
import type { Store } from './store.ts';

export interface ImportChoices {
  /** the export's name of the account's owner; null when the owner is not in this chat */
  me: string | null;
  /** the export's name of the person whose voice is learned; null when not in this chat */
  persona: string | null;
  /** `speaker` of persona.json */
  speaker: string;
  /** names whose consent the owner attests */
  attested: readonly string[];
  /** IANA zone of the export's local times */
  timezone: string;
  /** the export knows minutes only */
  minutePrecision: boolean;
  nowMs: number;
}

export interface ImportResult {
  chatKey: string;
  inserted: number;
  /** rows that an earlier import already brought */
  known: number;
  /** messages that were not stored, by reason */
  leftOut: { system: number; kind: number; noConsent: number };
  /** rows written by the persona after this import, from all sources */
  personaMessages: number;
}

/** Alias under which the person of persona.json's `speaker` is known. */
export function personaAlias(speaker: string): string {
  return speaker === 'me' ? 'me' : `speaker:${speaker}`;
}

/** The export's own key: the same people, the same chat, whatever the file is called. */
export function importChatKey(senders: readonly string[]): string {
  return `import:${sha256([...senders].sort().join('\n')).slice(0, 32)}`;
}

/**
 * Store what may be stored of an exported chat. All or nothing.
 * @throws UserError when nobody in a two-person chat may be stored, naming who has not agreed
 */
export function importMessages(store: Store, file: Iterable<ExportMessage>, choices: ImportChoices): ImportResult {
  const messages = [...file];
  const senders = [...new Set(messages.flatMap((message) => message.sender ?? []))];
  const chatKey = importChatKey(senders);
  return store.transaction(() => {
    const chatId = store.chats.resolve(chatKey, senders.length <= 2 ? 'direct' : 'group');
    const personOf = new Map(senders.map((name) => [name, resolveSender(store, chatKey, name, choices)]));
    for (const personId of personOf.values()) store.chats.addMember(chatId, personId);
    attest(store, personOf, choices);
    requireBothSides(store, personOf, senders);

    const everyone = [...new Set(personOf.values())];
    const leftOut = { system: 0, kind: 0, noConsent: 0 };
    const admitted: ConsentedMessage[] = [];
    for (const draft of drafts(messages, personOf, chatId, chatKey, choices)) {
      if (draft === 'system') leftOut.system++;
      else if (draft === 'kind') leftOut.kind++;
      else {
        const consented = admitImported(store, draft, everyone);
        if (consented === undefined) leftOut.noConsent++;
        else admitted.push(consented);
      }
    }
    const { inserted, known } = store.messages.addMany(admitted);
    const persona = store.people.resolve([personaAlias(choices.speaker)]);
    return { chatKey, inserted, known, leftOut, personaMessages: store.messages.countBy(persona) };
  });
}

function resolveSender(store: Store, chatKey: string, name: string, choices: ImportChoices): number {
  const aliases = [`name:${chatKey}:${name}`];
  if (name === choices.me) aliases.unshift('me');
  if (name === choices.persona) aliases.unshift(personaAlias(choices.speaker));
  const personId = store.people.resolve(aliases);
  store.people.setName(personId, name);
  return personId;
}

/** The owner's word for others: an attestation never overrules what a person said in person (consent/policy). */
function attest(store: Store, personOf: ReadonlyMap<string, number>, choices: ImportChoices): void {
  for (const name of choices.attested) {
    const personId = personOf.get(name);
    if (personId === undefined) {
      throw new UserError(
        `nobody in this export is called "${name}"`,
        `names in it: ${[...personOf.keys()].join(', ')}`,
      );
    }
    const standing = store.consent.state(personId, 'log');
    if (isRefused(standing.state)) {
      throw new UserError(
        `"${name}" has declined or withdrawn consent in a chat`,
        'their own word counts; import without their messages',
      );
    }
    if (isOpen(standing)) continue;
    store.consent.append({
      personId,
      scope: 'log',
      action: 'attested',
      atMs: choices.nowMs,
      noticeHash: '',
      chatId: null,
    });
  }
}

/** A conversation of two is one text: it is stored when both agreed, or not at all. */
function requireBothSides(store: Store, personOf: ReadonlyMap<string, number>, senders: readonly string[]): void {
  if (senders.length > 2) return;
  const missing = senders.filter((name) => !isOpen(store.consent.state(knownPerson(personOf, name), 'log')));
  if (missing.length === 0) return;
  throw new UserError(
    `no consent from ${missing.map((name) => `"${name}"`).join(' and ')}`,
    missing.map((name) => `ask them, then add --i-have-consent-from ${JSON.stringify(name)}`).join('; '),
  );
}

function knownPerson(personOf: ReadonlyMap<string, number>, name: string): number {
  const personId = personOf.get(name);
  check(personId !== undefined, 'every sender was resolved before');
  return personId;
}

function admitImported(store: Store, draft: MessageDraft, everyone: readonly number[]): ConsentedMessage | undefined {
  const author = store.consent.state(draft.personId, 'log');
  const isDirect = everyone.length <= 2;
  return admit(draft, {
    chatKind: isDirect ? 'direct' : 'group',
    collecting: true,
    collectSinceMs: null,
    author,
    others: isDirect ? everyone.filter((id) => id !== draft.personId).map((id) => store.consent.state(id, 'log')) : [],
    isForwarded: false,
    isEphemeral: false,
    isImport: true,
    attested: author.attested,
  });
}

/** Each message as a draft, or why it is none. */
function* drafts(
  messages: readonly ExportMessage[],
  personOf: ReadonlyMap<string, number>,
  chatId: number,
  chatKey: string,
  choices: ImportChoices,
): Generator<MessageDraft | 'system' | 'kind'> {
  const ordinals = new Map<string, number>();
  for (const message of messages) {
    if (message.sender === null) {
      yield 'system';
      continue;
    }
    const content = contentOf(message);
    if (content === undefined || message.isForwarded === true) {
      yield 'kind';
      continue;
    }
    const identity = sha256([chatKey, message.ts, message.sender, message.kind, message.text].join('\0')).slice(0, 40);
    const ordinal = ordinals.get(identity) ?? 0;
    ordinals.set(identity, ordinal + 1);
    yield {
      waId: `import:${identity}:${ordinal}`,
      chatId,
      personId: knownPerson(personOf, message.sender),
      fromMe: message.sender === choices.me,
      origin: 'import',
      timestampMs: localToMs(message, choices.timezone),
      minutePrecision: choices.minutePrecision,
      kind: message.kind,
      text: content.text,
      media: content.media,
      quotedWaId: null,
    };
  }
}

/** Text and media that are worth keeping; undefined for calls, polls, deleted messages and contact cards. */
function contentOf(message: ExportMessage): { text: string; media: MediaKind | null } | undefined {
  switch (message.kind) {
    case 'text':
      return { text: message.text, media: null };
    case 'edited': // the mark that WhatsApp appends is no part of what the person wrote
      return { text: message.text.replace(/\s*\u200e?<[^<>]*>$/u, ''), media: null };
    case 'media': {
      const caption = message.text.split('\n').slice(1).join('\n');
      return { text: caption, media: message.media ?? 'file' };
    }
    case 'location':
      return { text: '', media: 'location' };
    case 'system':
    case 'deleted':
    case 'call':
    case 'poll':
    case 'contact':
      return undefined;
  }
}

function localToMs(message: ExportMessage, timezone: string): number {
  if (message.timestampMs !== undefined) return message.timestampMs;
  const time = DateTime.fromISO(message.ts, { zone: timezone });
  check(time.isValid, `the parser gave the time ${message.ts}`);
  return time.toMillis();
}
