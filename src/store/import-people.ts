/**
 * Who and which chat an export is about. A name in an export is a person of this chat; which person, the user says, or
 * it is known: from an earlier import of this chat, by a link, or because the name is a phone number.
 *
 * Which chat, by its people, whatever the file or the names in it are called:
 * - of two people: the direct chat of these two, also one that is logged live (that one first, if there are several);
 * - a group: one of which at least two and at least half of the people are known here, if most of the messages near ones
 *   that are stored are stored (300 are compared); where the times do not meet, if one side's people are all among the
 *   other's and it is the only such group;
 * - a file whose confirmed people are the two of a direct chat and whose messages are stored there is that chat: what
 *   other names "wrote" are lines of a message that look like messages;
 * - else the chat is new. The key of an import is a hash of the names, as it always was.
 */
import type { Chat } from './chats.ts';
import type { Store } from './store.ts';
import type { Comparable } from './match.ts';
import { sha256 } from '../util/files.ts';

/** What the user said about the names of an export. */
export interface Answers {
  /** the export's name of the account's owner; null when the owner is not in this chat */
  me: string | null;
  /** the export's name of the person whose voice is learned; null when not in this chat */
  persona: string | null;
  /** `speaker` of persona.json */
  speaker: string;
  /** names whose consent the owner attests */
  attested: readonly string[];
  /** names that are people known already, by id */
  links?: ReadonlyMap<string, number>;
  /** names that the user confirmed as authors, beside those that the other answers name */
  confirmed?: readonly string[];
  /** names that are new people, whatever others are called */
  newPeople?: readonly string[];
  /** names that nobody has: text that looks like a message */
  notPeople?: readonly string[];
}

export interface Recognised {
  kind: 'direct' | 'group';
  /** the chat that it is, if it is known */
  chatId: number | undefined;
  chatKey: string;
  /** chats whose messages may be the export's: the one above first */
  matchChats: number[];
  /** people of this chat, by the export's names */
  names: string[];
  /** names of the file that are none of them */
  strangers: string[];
  /** ids by which the person of a name is known or will be; whoever has one of them is this person */
  aliasesOf: (name: string) => string[];
  /** person who is known here under a name */
  personOf: (name: string) => number | undefined;
}

/** A message of the file as far as it can be compared; `times` are the instants it may have been written at. */
export type Probe = (person: (name: string) => number | undefined) => Iterable<Comparable & { times: number[] }>;

const compared = 300;
const nearMs = 12 * 3_600_000;

/** Alias under which the person of persona.json's `speaker` is known. */
export function personaAlias(speaker: string): string {
  return speaker === 'me' ? 'me' : `speaker:${speaker}`;
}

/** The export's own key: the same names, the same chat, whatever the file is called. */
export function importChatKey(senders: readonly string[]): string {
  return `import:${sha256([...senders].sort().join('\n')).slice(0, 32)}`;
}

function aliasesIn(store: Store, chatKey: string, name: string, answers: Answers): string[] {
  const link = answers.links?.get(name);
  const linked = link === undefined ? undefined : store.people.aliases(link)[0];
  return [
    ...(name === answers.me ? ['me'] : []),
    ...(name === answers.persona ? [personaAlias(answers.speaker)] : []),
    ...(linked === undefined ? [] : [linked]),
    ...(phoneAlias(name) ?? []),
    `name:${chatKey}:${name}`,
  ];
}

/** `+44 7700 900123` -> `447700900123@c.us`, as WhatsApp calls that person. */
export function phoneAlias(name: string): [string] | undefined {
  const digits = name.replace(/[\s().\p{Cf}\p{Pd}]/gu, '');
  return /^\+\d{7,15}$/.test(digits) ? [`${digits.slice(1)}@c.us`] : undefined;
}

/** Recognise chat and people; changes nothing. */
export function recognise(store: Store, senders: readonly string[], answers: Answers, probe: Probe): Recognised {
  const names = senders.filter((name) => answers.notPeople?.includes(name) !== true);
  const personIn: PersonIn = (chat, name) => {
    const aliases = aliasesIn(store, chat.key, name, answers);
    const known = aliases.map((alias) => store.people.find(alias)).filter((id) => id !== undefined);
    const members = store.chats.members(chat.id);
    return known.find((id) => members.includes(id)) ?? known[0];
  };
  const result = (kind: 'direct' | 'group', chats: readonly Chat[], people: readonly string[]): Recognised => {
    const [chat] = chats;
    const chatKey = chat?.key ?? freeKey(store, names);
    const aliasesOf = (name: string): string[] => [
      ...aliasesIn(store, chatKey, name, answers),
      ...chats.map(({ key }) => `name:${key}:${name}`).filter((alias) => store.people.find(alias) !== undefined),
    ];
    return {
      kind,
      chatId: chat?.id,
      chatKey,
      matchChats: chats.map(({ id }) => id),
      names: [...people],
      strangers: senders.filter((name) => !people.includes(name)),
      aliasesOf,
      personOf: (name) =>
        aliasesOf(name)
          .map((alias) => store.people.find(alias))
          .find((id) => id !== undefined),
    };
  };
  const isSame = (chat: Chat): boolean | undefined =>
    haveSameMessages(
      store,
      chat.id,
      probe((name) => personIn(chat, name)),
    );

  const sameNames = store.chats.find(importChatKey(names));
  const byKey = sameNames === undefined ? undefined : store.chats.get(sameNames);
  if (names.length <= 2) {
    const chats = directChats(store, names, personIn);
    return result('direct', chats.length > 0 || byKey?.kind !== 'direct' ? chats : [byKey], names);
  }
  const groups = knownGroups(store, names, personIn).map((group) => ({ ...group, isSame: isSame(group.chat) }));
  const same = groups.filter((group) => group.isSame === true).map(({ chat }) => chat);
  if (same.length > 0) return result('group', same, names);
  const confirmed = names.filter((name) => isNamed(name, answers));
  if (confirmed.length === 2) {
    const chats = directChats(store, confirmed, personIn).filter((chat) => isSame(chat) === true);
    if (chats.length > 0) return result('direct', chats, confirmed);
  }
  const possible = groups.filter((group) => group.isSame === undefined && group.isAmong).map(({ chat }) => chat);
  return result('group', possible.length === 1 ? possible : [], names);
}

/** Did the user name this person in any answer? */
export function isNamed(name: string, answers: Answers): boolean {
  const { me, persona, attested, links, confirmed, newPeople } = answers;
  return (
    name === me ||
    name === persona ||
    attested.includes(name) ||
    links?.has(name) === true ||
    confirmed?.includes(name) === true ||
    newPeople?.includes(name) === true
  );
}

/** the person of a name, if the chat were this one */
type PersonIn = (chat: Chat, name: string) => number | undefined;

/** Direct chats of exactly these people: WhatsApp's own first, then the oldest. */
function directChats(store: Store, names: readonly string[], personIn: PersonIn): Chat[] {
  const owner = store.people.find('me');
  const isImported = ({ key }: Chat): number => (key.startsWith('import:') ? 1 : 0);
  return store.chats
    .list()
    .filter((chat) => {
      if (chat.kind !== 'direct') return false;
      const people = names.map((name) => personIn(chat, name));
      const members = store.chats.members(chat.id);
      return (
        people.some((person) => person !== owner) &&
        new Set(people).size === names.length &&
        people.every((person) => person !== undefined && members.includes(person))
      );
    })
    .sort((a, b) => isImported(a) - isImported(b) || a.id - b.id);
}

/** Groups of which at least two and half of the people are known; the best known first. */
function knownGroups(store: Store, names: readonly string[], personIn: PersonIn): { chat: Chat; isAmong: boolean }[] {
  return store.chats
    .list()
    .filter(({ kind }) => kind === 'group')
    .map((chat) => {
      const members = store.chats.members(chat.id);
      const known = new Set(names.map((name) => personIn(chat, name)).filter((id) => members.includes(id ?? -1)));
      const smaller = Math.min(names.length, members.length);
      return { chat, known: known.size, smaller, isAmong: known.size === smaller };
    })
    .filter(({ known, smaller }) => known >= 2 && known >= smaller / 2)
    .sort((a, b) => b.known - a.known || a.chat.id - b.chat.id);
}

/** Are most of the file's messages near stored ones stored? Undefined where too few stand near any. */
function haveSameMessages(store: Store, chatId: number, messages: ReturnType<Probe>): boolean | undefined {
  const { writers, isNear } = store.imports.stored(chatId);
  const matcher = store.imports.matcher([chatId]);
  let seen = 0;
  let same = 0;
  for (const message of messages) {
    if (!writers.has(message.personId) || !isNear(message.timestampMs, nearMs)) continue;
    seen++;
    if (matcher.take(message, message.times) !== undefined) same++;
    if (seen === compared) break;
  }
  if (same > 0 && same >= seen / 2) return true;
  return seen >= 5 ? false : undefined;
}

/** Two groups of the same people are two chats. */
function freeKey(store: Store, names: readonly string[]): string {
  const key = importChatKey(names);
  for (let n = 1; ; n++) {
    const free = n === 1 ? key : `${key}:${n}`;
    if (store.chats.find(free) === undefined) return free;
  }
}
