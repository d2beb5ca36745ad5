/**
 * What the bot may do, told apart from how it does it: follows what was written in each chat and what the bot was told of
 * it, and says which sends and rows are a breach. Where an outcome is open (the disk was full, the process died), it
 * permits both; where a refusal reached the bot, it permits nothing any more.
 */
import type { InboundMessage } from '../../src/types.ts';

/** The group; every other chat is one with the person of its name. */
export const club = 'club';
export const takeoverMinutes = 30;
const minuteMs = 60_000;
const commandFreshMs = 5 * minuteMs;
const answerFreshMs = 10 * minuteMs;
const hourMs = 60 * minuteMs;

export interface Caps {
  perChatSeconds: number;
  perChatHour: number;
}

interface Refusal {
  id: string;
  atMs: number;
  isForget: boolean;
  /** known to the process, and perhaps not to the disk */
  isVolatile: boolean;
  /** said by somebody who had been asked: of strangers nothing is noted, no refusal either */
  isAnswer: boolean;
}

interface Chat {
  /** collection may have been on; `toMs` null: still is */
  collect: { fromMs: number; toMs: number | null }[];
  mayBot: boolean;
  /** switched off while nothing could be written: holds as long as the process lives */
  isSilenced: boolean;
  /** the bot obeyed the owner here: in a group it listens to nobody before */
  isOpen: boolean;
  takenOverUntilMs: number;
  /** when the owner last let the bot speak again */
  handedBackMs: number;
  /** questions that may still be put, each for a command that asks for one */
  questions: number;
  wasAsked: boolean;
  /** by who wants to agree, whatever they said before */
  isWanted: boolean;
  /** ids of commands that may be answered, and of those that were */
  answerable: Set<string>;
  acknowledged: Set<string>;
  /** messages by the contact that reached the bot whole */
  heard: Set<string>;
  /** of them, those that some reply was made with */
  answered: Set<string>;
  /** ids of commands and messages that got a reply of their own */
  targets: Set<string>;
  sentAtMs: number[];
}

/** What somebody said about their own words, wherever they said it. */
interface Person {
  yes: { id: string; atMs: number }[];
  imitate: { id: string; atMs: number }[];
  refusals: Refusal[];
}

export interface Sending {
  chat: string;
  text: string;
  atMs: number;
  /** what the outbox says it answers */
  inReplyTo: string | null;
  kind: 'reply' | 'notice' | 'ack';
}

/** Text of the n-th answer of the model: `rply12c0b1` is its first candidate's second bubble. */
export const replyText = (n: number, candidate: number, bubble: number): string => `rply${n}c${candidate}b${bubble}`;

const line = ({ text }: InboundMessage): string => text.trim().toLowerCase();
export const isCommand = (message: InboundMessage): boolean => message.text.trimStart().startsWith('!');
const refusalLines = ['!stop', '!consent no', '!forget'];
/** Of a group's lines these are heard, of the owner and of members. */
const groupLines = {
  owner: ['!collect on', '!collect off', '!bot on', '!bot off', ...refusalLines],
  member: ['!consent yes', ...refusalLines],
};
/** In a group: does it name the bot, or quote one of its messages? */
const isForBot = ({ mentionsMe, quotedId }: InboundMessage): boolean =>
  mentionsMe === true || quotedId?.startsWith('true_') === true;

export class Oracle {
  readonly breaches: string[] = [];
  readonly #chats = new Map<string, Chat>();
  readonly #people = new Map<string, Person>();
  readonly #obeyed = new Set<string>();
  /** commands that a sweep found, and that were not obeyed for that: delivered again they are known */
  readonly #foundLate = new Set<string>();
  readonly #revoked = new Set<string>();
  readonly #messages = new Map<string, { message: InboundMessage; chat: string }>();
  /** which messages the bot had heard when the model was asked for the n-th time, by chat */
  readonly #heardBy = new Map<number, Map<string, Set<string>>>();
  /** the message that the n-th answer answers */
  readonly #targetOf = new Map<number, string>();
  readonly #caps: Caps;
  /** the chat whose contact is the persona; undefined: the owner is */
  readonly #persona: string | undefined;
  readonly #nameOf: (id: string) => string | undefined;

  /** @param nameOf the person with this id at WhatsApp */
  constructor(caps: Caps, persona: string | undefined, nameOf: (id: string) => string | undefined) {
    this.#caps = caps;
    this.#persona = persona;
    this.#nameOf = nameOf;
  }

  #person(name: string): Person {
    const person = this.#people.get(name) ?? { yes: [], imitate: [], refusals: [] };
    this.#people.set(name, person);
    return person;
  }

  /** Who wrote it, but for the owner. */
  #authorOf(chat: string, { fromMe, senderId }: InboundMessage): string | undefined {
    if (fromMe) return undefined;
    return chat === club ? this.#nameOf(senderId) : chat;
  }

  chat(name: string): Chat {
    let chat = this.#chats.get(name);
    if (chat === undefined) {
      chat = {
        ...{
          collect: [],
          mayBot: false,
          isSilenced: false,
          isOpen: false,
          takenOverUntilMs: 0,
          handedBackMs: 0,
          questions: 0,
          wasAsked: false,
          isWanted: false,
        },
        ...{
          answerable: new Set(),
          acknowledged: new Set(),
          heard: new Set(),
          answered: new Set(),
          targets: new Set(),
        },
        sentAtMs: [],
      };
      this.#chats.set(name, chat);
    }
    return chat;
  }

  /** Before the bot gets this message: what it allows from now on. */
  permit(name: string, message: InboundMessage, nowMs: number): void {
    this.#messages.set(message.id, { message, chat: name });
    const chat = this.chat(name);
    const isFresh = !message.isCatchUp && nowMs - message.timestampMs <= commandFreshMs;
    const text = line(message);
    const isGroup = name === club;
    if (!isPlain(message)) return this.#permitStop(name, message);
    if (refusalLines.includes(text)) chat.answerable.add(message.id);
    if (!isFresh || this.#obeyed.has(message.id)) return this.#permitStop(name, message);
    const isHeard = !isGroup || groupLines[message.fromMe ? 'owner' : 'member'].includes(text);
    if (isCommand(message) && isHeard) chat.answerable.add(message.id);
    if (message.fromMe) {
      if (text === '!collect on') {
        if (chat.collect.at(-1)?.toMs !== null) chat.collect.push({ fromMs: nowMs, toMs: null });
        chat.questions++;
      }
      if (text === '!bot on') {
        chat.mayBot = true;
        chat.isSilenced = false;
      }
      if (text === '!bot on' || (text === '!again' && !isGroup)) {
        chat.takenOverUntilMs = 0;
        chat.handedBackMs = nowMs;
      }
    } else if (text === '!consent yes') {
      this.#person(this.#authorOf(name, message) ?? '').yes.push({ id: message.id, atMs: message.timestampMs });
      if (!isGroup) {
        chat.questions++; // who was never asked is asked now
        chat.isWanted = true;
      }
    } else if (text === '!consent imitate' && !isGroup) {
      this.#person(name).imitate.push({ id: message.id, atMs: message.timestampMs });
    }
    this.#permitStop(name, message);
  }

  /** A bare "stop" may be asked back while the consent stands that was there when it was written; never in a group. */
  #permitStop(name: string, message: InboundMessage): void {
    if (name === club) return;
    const chat = this.chat(name);
    const given = this.#person(name).yes.at(-1);
    const isStop = /^\W*stop\W*$/i.test(message.text) && !message.fromMe;
    if (isStop && given !== undefined && message.timestampMs >= given.atMs) chat.answerable.add(message.id);
  }

  /** The bot has handled it. `isClean`: with room on the disk; a refusal counts without. */
  settle(name: string, message: InboundMessage, nowMs: number, isClean: boolean): void {
    const chat = this.chat(name);
    const isGroup = name === club;
    const text = line(message);
    const isFresh = !message.isCatchUp && nowMs - message.timestampMs <= commandFreshMs;
    if (isPlain(message) && refusalLines.includes(text)) this.#refuse(name, message, isClean);
    const isNew = isPlain(message) && isFresh && !this.#obeyed.has(message.id) && !this.#foundLate.has(message.id);
    if (isNew && message.fromMe && !isClean) {
      if (text === '!bot off') chat.isSilenced = true;
      if (text === '!bot off all' && !isGroup) for (const each of this.#chats.values()) each.isSilenced = true;
    }
    if (!isClean) return;
    const isAsking = !message.fromMe && message.kind === 'text' && !isCommand(message);
    if (isAsking && (!isGroup || isForBot(message))) chat.heard.add(message.id);
    if (message.fromMe && !isCommand(message) && message.kind === 'text') {
      const untilMs = Math.min(message.timestampMs, nowMs) + takeoverMinutes * minuteMs;
      const isOlder = message.timestampMs < Math.floor(chat.handedBackMs / 1000) * 1000;
      if (chat.mayBot && !isOlder) chat.takenOverUntilMs = Math.max(chat.takenOverUntilMs, untilMs);
    }
    if (message.isCatchUp) this.#foundLate.add(message.id);
    if (!isPlain(message) || !isFresh || this.#obeyed.has(message.id) || this.#foundLate.has(message.id)) return;
    if (isCommand(message)) this.#obeyed.add(message.id);
    if (!message.fromMe) return;
    if (isGroup && groupLines.owner.includes(text)) chat.isOpen = true;
    if (text === '!collect off' || refusalLines.includes(text)) this.#collectOff(chat, nowMs);
    if (text === '!bot off' || refusalLines.includes(text)) chat.mayBot = false;
    if (text === '!bot off all' && !isGroup) for (const each of this.#chats.values()) each.mayBot = false;
  }

  /** In a group that the owner never opened, and of somebody it knows nothing of where nothing is on, it is not heard. */
  #refuse(name: string, message: InboundMessage, isClean: boolean): void {
    const author = this.#authorOf(name, message);
    if (author === undefined) return;
    const { id, timestampMs: atMs } = message;
    const person = this.#person(author);
    const chat = this.chat(name);
    const isOn = chat.collect.at(-1)?.toMs === null || chat.mayBot;
    if (name === club && !(chat.isOpen && (isOn || person.yes.length > 0))) return;
    person.refusals = person.refusals.filter((known) => known.id !== id || !known.isVolatile);
    if (person.refusals.some((known) => known.id === id)) return;
    const isForget = line(message) === '!forget';
    if (isForget) this.chat(author).sentAtMs = []; // that there were replies is forgotten too
    person.refusals.push({ id, atMs, isForget, isVolatile: !isClean, isAnswer: chat.wasAsked });
  }

  #collectOff(chat: Chat, nowMs: number): void {
    const open = chat.collect.at(-1);
    if (open?.toMs === null) open.toMs = nowMs;
  }

  /** The bot has handled that this message was deleted for everyone. */
  revoked(id: string): void {
    this.#revoked.add(id);
  }

  /** The process is gone, and with it what only it knew. */
  died(): void {
    for (const person of this.#people.values()) {
      person.refusals = person.refusals.filter(({ isVolatile }) => !isVolatile);
    }
    for (const chat of this.#chats.values()) chat.isSilenced = false;
  }

  /** The model is asked for the n-th time. */
  asked(n: number): void {
    this.#heardBy.set(n, new Map([...this.#chats].map(([name, { heard }]) => [name, new Set(heard)])));
  }

  /** Does the consent that this person gave stand now? */
  isGranted(name: string): boolean {
    const { yes, refusals } = this.#person(name);
    return yes.some(({ atMs }) => !refusals.some((refusal) => refusal.atMs >= atMs));
  }

  #isVoiceGranted(name: string): boolean {
    if (this.#persona === undefined) return true;
    const { imitate, refusals } = this.#person(name);
    const isGranted = imitate.some(({ atMs }) => !refusals.some((refusal) => refusal.atMs >= atMs));
    return name === this.#persona && isGranted;
  }

  /** Might a message of this chat that is dated so be stored? In a group that is for its author alone to say. */
  mayStore(name: string, atMs: number, author: string | undefined, isBot = false): boolean {
    const isCollecting = this.chat(name).collect.some(
      ({ fromMs, toMs }) => Math.floor(fromMs / 1000) * 1000 <= atMs && (toMs === null || atMs <= toMs),
    );
    const asked = name === club ? author : name;
    return isCollecting && (asked === undefined || this.#hadAgreed(asked, atMs, isBot));
  }

  /** What the bot says is dated by the millisecond, and a refusal of that very second may have come after it (see `sending`). */
  #hadAgreed(name: string, atMs: number, isBot: boolean): boolean {
    const { yes, refusals } = this.#person(name);
    const given = yes.filter((each) => each.atMs <= atMs).sort((a, b) => b.atMs - a.atMs)[0];
    if (given === undefined) return false;
    return !refusals.some((refusal) => refusal.atMs >= given.atMs && refusal.atMs + (isBot ? 999 : 0) <= atMs);
  }

  /** A row that is in the store now. `author`: whose it is; undefined: the owner's, or the bot's */
  checkRow(
    name: string,
    row: { waId: string; atMs: number; author: string | undefined; fromMe: boolean; isBot: boolean; text: string },
  ): void {
    const source = this.#messages.get(row.waId)?.message;
    const where = `${row.waId} of ${row.atMs}`;
    if (source?.fromMe === false && this.#authorOf(name, source) !== row.author) this.#breach(`whose is it: ${where}`);
    if (!this.mayStore(name, row.atMs, row.author, row.isBot)) this.#breach(`stored without consent: ${where}`);
    if (this.#revoked.has(row.waId)) this.#breach(`stored though deleted for everyone: ${where}`);
    if (source?.isForwarded === true || source?.isEphemeral === true) this.#breach(`must never be stored: ${where}`);
    if (/^\s*!/.test(row.text)) this.#breach(`a command was stored: ${where}`);
    const whose = name === club ? row.author : name;
    if (whose === undefined) return;
    const forgotten = this.#person(whose).refusals.filter(({ isForget, isVolatile }) => isForget && !isVolatile);
    const isForgotten = forgotten.some(({ atMs }) => row.atMs <= atMs);
    if (isForgotten && (!row.fromMe || row.isBot)) this.#breach(`stored though forgotten: ${where}`);
  }

  /** Something is about to be sent. */
  sending({ chat: name, text, atMs, inReplyTo, kind }: Sending): void {
    const chat = this.chat(name);
    if (kind === 'notice') {
      if (chat.questions <= 0) this.#breach(`${name}: asked without being told to`);
      if (!chat.collect.some(({ toMs }) => toMs === null)) this.#breach(`${name}: asked where nothing is collected`);
      const isRefused = this.#person(name).refusals.some(({ isAnswer }) => isAnswer) && !this.isGranted(name);
      if (name !== club && isRefused && !chat.isWanted) this.#breach(`${name}: asked again after a refusal`);
      chat.wasAsked = true;
      chat.isWanted = false;
      chat.questions--;
      return;
    }
    if (kind === 'ack') {
      if (inReplyTo === null || !chat.answerable.has(inReplyTo)) this.#breach(`${name}: answered no command: ${text}`);
      else if (chat.acknowledged.has(inReplyTo)) this.#breach(`${name}: answered a command twice: ${inReplyTo}`);
      if (inReplyTo !== null) chat.acknowledged.add(inReplyTo);
      return;
    }
    this.#checkReply(name, chat, { text, atMs, inReplyTo });
  }

  #checkReply(name: string, chat: Chat, { text, atMs, inReplyTo }: Pick<Sending, 'text' | 'atMs' | 'inReplyTo'>): void {
    const n = Number(/rply(\d+)c/.exec(text)?.[1]);
    if (inReplyTo !== null) this.#targetOf.set(n, inReplyTo);
    const source = this.#messages.get(this.#targetOf.get(n) ?? '');
    const partner = name === club ? source && this.#authorOf(name, source.message) : name;
    if (!chat.mayBot || chat.isSilenced) this.#breach(`${name}: reply ${n} where replies are off`);
    if (partner === undefined || !this.isGranted(partner)) this.#breach(`${name}: reply ${n} without consent`);
    if (!this.#isVoiceGranted(name)) this.#breach(`${name}: reply ${n} in a voice that was not given`);
    if (atMs < chat.takenOverUntilMs) this.#breach(`${name}: reply ${n} while the owner writes`);
    const inHour = chat.sentAtMs.filter((sentMs) => atMs - sentMs < hourMs).length;
    if (inHour >= this.#caps.perChatHour) this.#breach(`${name}: reply ${n} beyond the cap of an hour`);
    if (inReplyTo !== null) {
      const lastMs = Math.max(...chat.sentAtMs, Number.NEGATIVE_INFINITY);
      if (atMs - lastMs < this.#caps.perChatSeconds * 1000) this.#breach(`${name}: reply ${n} too soon`);
      this.#checkTarget(name, chat, n, inReplyTo, atMs);
    }
  }

  #checkTarget(name: string, chat: Chat, n: number, target: string, atMs: number): void {
    const source = this.#messages.get(target);
    if (source?.chat !== name) return this.#breach(`${name}: reply ${n} to a message of another chat`);
    if (name === club) this.#checkGroupTarget(n, source.message);
    if (chat.targets.has(target)) this.#breach(`${name}: a second reply to ${target}`);
    chat.targets.add(target);
    if (atMs - source.message.timestampMs > answerFreshMs) this.#breach(`${name}: reply ${n} to an old message`);
    if (this.#revoked.has(target)) this.#breach(`${name}: reply ${n} to a message that was taken back`);
    const heard = this.#heardBy.get(n)?.get(name) ?? new Set();
    const isAsked = line(source.message) === '!again' && source.message.fromMe;
    if (source.message.fromMe !== isAsked) this.#breach(`${name}: reply ${n} to ourselves`);
    // what one reply was made with needs no other, though that one had another message for its target
    const isNew = [...heard].some((id) => !chat.answered.has(id)) || !heard.has(target);
    if (!isAsked && !isNew) this.#breach(`${name}: reply ${n} to messages that were answered`);
    for (const id of heard) chat.answered.add(id);
  }

  /** In a group only who agreed and asked the bot is answered. */
  #checkGroupTarget(n: number, message: InboundMessage): void {
    if (!isForBot(message)) this.#breach(`${club}: reply ${n} to a message that is not for the bot`);
    const mayStore = this.mayStore(club, message.timestampMs, this.#authorOf(club, message));
    if (!mayStore) this.#breach(`${club}: reply ${n} to what may not be stored`);
  }

  /** It left, or may have. */
  sent(name: string, kind: Sending['kind'], atMs: number): void {
    if (kind === 'reply') this.chat(name).sentAtMs.push(atMs);
  }

  #breach(what: string): void {
    this.breaches.push(what);
  }
}

function isPlain(message: InboundMessage): boolean {
  return message.kind === 'text' && message.media === null && message.quotedId === null && !message.isForwarded;
}
