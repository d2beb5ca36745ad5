/**
 * The bot as a state machine under test: what can happen to it, in any order (commands of fast-check), and after each step
 * whether anything was stored, sent or repeated that should not have been (oracle.ts). Crashes drop the bot and open the
 * store from its files again; WhatsApp's side keeps every message, as its servers do.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { openSqlite } from '../../src/store/database.ts';
import type { Store } from '../../src/store/store.ts';
import type { InboundMessage } from '../../src/types.ts';
import { consentNotice } from '../../src/consent/notice.ts';
import { onDisk } from './full-disk.ts';
import type { Disk } from './full-disk.ts';
import { club, isCommand, Oracle, replyText, takeoverMinutes } from './oracle.ts';
import { anna, ben, breathe, createWorld } from './world.ts';
import type { World } from './world.ts';

const people = { anna, ben };
export type Person = keyof typeof people;
const persons = ['anna', 'ben'] as const;
/** Chats: one with each person, and a group of both and the owner. */
const groupId = '120363000000000001@g.us';
const chats = { ...people, [club]: { c: groupId, lid: groupId } };
export type Name = Person | typeof club;
const names = [...persons, club] as const;
/** A chat and who writes in it. */
export interface Place {
  chat: Name;
  by: Person;
}
const caps = { perChatSeconds: 5, perChatHour: 6, perDay: 100 };
/** Files of the tests lie in memory where there is such a place: thousands of commits are waited for. */
const inMemory = existsSync('/dev/shm') ? { parent: '/dev/shm' } : {};

/** What WhatsApp's servers hold. */
interface Entry {
  chat: Name;
  message: InboundMessage;
  isRevoked: boolean;
  isEdited: boolean;
  /** what it says, as far as the bot was told while it could write; undefined: never edited */
  toldText: string | undefined;
}

type Event =
  | { kind: 'message'; chat: Name; message: InboundMessage }
  | { kind: 'edit'; entry: Entry; text: string; atMs: number }
  | { kind: 'revoke'; entry: Entry };

export class Machine {
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #disk: Disk = { writesLeft: Number.POSITIVE_INFINITY };
  readonly #entries: Entry[] = [];
  readonly #events: Event[] = [];
  readonly #notice: string;
  readonly #persona: Person | undefined;
  readonly #sabotage: ((store: Store) => void) | undefined;
  readonly #reader: ReturnType<typeof readStore>;
  #begun: { chatId: number; kind: 'reply' | 'notice' | 'ack'; inReplyTo: string | null } | undefined;
  #isUp = true;
  #number = 0;
  #asked = 0;
  /** told while nothing could be written */
  #untold: (() => void)[] = [];
  #release: () => void = () => undefined;

  /**
   * @param options.togetherMs real time in which messages are collected to be written together
   * @param options.sabotage makes each store that is opened break a promise, for controls
   */
  constructor(options: {
    persona: Person | undefined;
    typing: 'learned' | 'instant';
    togetherMs?: number;
    sabotage?: (store: Store) => void;
  }) {
    this.#sabotage = options.sabotage;
    this.#persona = options.persona;
    this.#oracle = new Oracle(caps, options.persona, personOf);
    this.#world = createWorld({
      ...inMemory,
      voice: 0,
      settings: { speaker: options.persona === undefined ? 'me' : 'Persona' },
      replies: { caps, typing: options.typing, takeoverMinutes },
      togetherMs: options.togetherMs ?? 0,
      onOpen: (store) => this.#watch(store),
    });
    const { settings } = this.#world;
    this.#notice = consentNotice(settings.noticesDir, 'en', { persona: settings.personaName }).text;
    this.#world.phone.onSend = (chatId, text) => this.#sending(chatId, text);
    this.#world.says((n, candidate) => this.#answer(n, candidate));
    if (options.persona !== undefined) {
      this.#world.store.people.resolve(['speaker:Persona', people[options.persona].c]);
    }
    this.#reader = readStore(this.#world.dir);
  }

  // === What happens

  /** One step: something happens, a second passes, and nothing forbidden may have come of it. */
  async step(work: () => Promise<void> | void): Promise<void> {
    await work();
    this.#noticeDeath();
    await this.#world.clock.advance(1000);
    this.#noticeDeath();
    this.check();
  }

  /** Somebody writes; a program that is not there misses it. */
  async write(
    place: Name | Place,
    text: string,
    fields: Partial<InboundMessage> = {},
    isHidden = false,
  ): Promise<void> {
    await this.#happen(this.#said(place, text, fields, isHidden));
  }

  /** It is said; nobody was told yet. */
  #said(place: Name | Place, text: string, fields: Partial<InboundMessage> = {}, isHidden = false) {
    const { chat, by } = typeof place === 'string' ? { chat: place, by: place === club ? 'anna' : place } : place;
    const form = isHidden ? 'lid' : 'c';
    const isOther = chat === club && fields.fromMe !== true;
    const author = isOther ? { senderId: people[by][form] } : {};
    const message = this.#world.inbound({ c: chats[chat][form] }, text, { ...author, ...fields });
    this.#entries.push({ chat, message, isRevoked: false, isEdited: false, toldText: undefined });
    const event = { kind: 'message' as const, chat, message };
    this.#events.push(event);
    return event;
  }

  /** Several at once, as they come when the phone was away; the program may be killed before it is done with them. */
  async flood(places: readonly Place[], killed: 'at once' | 'soon' | 'not'): Promise<void> {
    const said = places.map((place) => this.#said(place, this.unique(), place.chat === club ? this.forBot() : {}));
    if (!this.#isUp) return;
    const { bot, clock } = this.#world;
    for (const { chat, message } of said) this.#oracle.permit(chat, message, clock.nowMs);
    const wasClean = this.#isClean();
    const work = Promise.all(said.flatMap(({ message }) => [bot.onMessage(message), bot.onMessage(message)]));
    if (killed === 'soon') await breathe(); // the first are written, the others wait
    if (killed !== 'not') this.kill();
    if (!(await this.#unlessItDies(work))) return;
    for (const { chat, message } of said) this.#settle(chat, message, wasClean && this.#isClean());
  }

  /** What makes a message of the group one for the bot: a quote of what it said there, else its name. */
  forBot(): Partial<InboundMessage> {
    const quoted = this.#world.sent.findLast(({ chatId }) => chatId === groupId);
    return quoted === undefined ? { mentionsMe: true } : { quotedId: quoted.id };
  }

  /** The usual way in: asked, agreed, replies on. */
  async open(place: Name | Place): Promise<void> {
    await this.write(place, '!collect on', { fromMe: true });
    await this.pass(1);
    await this.write(place, '!consent yes');
    await this.pass(1);
    await this.write(place, '!consent imitate');
    await this.pass(1);
    await this.write(place, '!bot on', { fromMe: true });
  }

  /** A text that occurs nowhere else. */
  unique(): string {
    return `so zwm${++this.#number}canary it was`;
  }

  async edit(index: number): Promise<void> {
    const entry = this.#pick(this.#entries.filter(isText), index);
    if (entry === undefined) return;
    const text = this.unique();
    entry.message = { ...entry.message, text };
    entry.isEdited = true;
    const event: Event = { kind: 'edit', entry, text, atMs: this.#world.clock.nowMs };
    this.#events.push(event);
    await this.#happen(event);
  }

  async revoke(index: number): Promise<void> {
    const entry = this.#pick(this.#entries.filter(isText), index);
    if (entry === undefined) return;
    entry.isRevoked = true;
    const event: Event = { kind: 'revoke', entry };
    this.#events.push(event);
    await this.#happen(event);
  }

  async react({ chat, by }: Place): Promise<void> {
    const entry = this.#entries.findLast((each) => each.chat === chat && isText(each));
    if (entry === undefined || !this.#isUp) return;
    const before = this.#reactions();
    const reaction = {
      chatId: chats[chat].c,
      messageId: entry.message.id,
      senderId: people[by].c,
      emoji: '👍',
      atMs: this.#world.clock.nowMs,
    };
    await this.#world.bot.onReaction(reaction);
    const mayKeep = this.#oracle.isGranted(by) && this.#oracle.chat(chat).collect.some(({ toMs }) => toMs === null);
    if (!mayKeep && this.#reactions() > before) this.#oracle.breaches.push(`${chat}: a reaction without consent`);
  }

  /** Any event once more, as the library repeats them. */
  async replay(index: number, times: number): Promise<void> {
    const event = this.#pick(this.#events, index);
    if (event === undefined || !this.#isUp) return;
    for (let time = 0; time < times && this.#isUp; time++) {
      await this.#happen(event);
      this.#noticeDeath();
    }
  }

  async catchUp(): Promise<void> {
    if (!this.#isUp) return;
    const told: { chat: Name; message: InboundMessage }[] = [];
    const wasClean = this.#isClean();
    const fetchSince = (chatId: string, sinceMs: number): Promise<InboundMessage[]> => {
      const chat = nameOf(chatId);
      const found = chat === undefined ? [] : this.#history(chat).filter(({ timestampMs }) => timestampMs >= sinceMs);
      for (const message of found) {
        if (!this.#entries.some((each) => each.message.id === message.id)) continue; // the bot's own
        const entry = { chat: chat!, message: { ...message, isCatchUp: true } };
        this.#oracle.permit(entry.chat, entry.message, this.#world.clock.nowMs);
        told.push(entry);
      }
      return Promise.resolve(found);
    };
    if (!(await this.#unlessItDies(this.#world.bot.catchUp(fetchSince)))) return;
    const isClean = wasClean && this.#isClean();
    for (const { chat, message } of told) {
      this.#settle(chat, message, isClean);
      if (!isClean) continue;
      const entry = this.#entries.find((each) => each.message.id === message.id);
      if (message.kind === 'deleted') this.#oracle.revoked(message.id);
      else if (entry?.isEdited === true) entry.toldText = entry.message.text;
    }
  }

  /** Time passes: seconds. */
  async pass(seconds: number): Promise<void> {
    await this.#world.clock.advance(seconds * 1000);
  }

  kill(): void {
    if (this.#isUp && !this.#world.isDead) this.#world.kill();
  }

  /** The next send is the last thing that this process does. */
  dieInSend(when: 'before' | 'after'): void {
    this.#world.phone.dies = when;
  }

  failSend(how: 'timeout' | 'timeout, but it left' | 'refused'): void {
    const { phone } = this.#world;
    phone.failures = [Object.assign(new Error(how), { name: how === 'refused' ? 'Error' : 'SendTimeout' })];
    phone.leavesAnyway = how === 'timeout, but it left';
  }

  /** So many writes still succeed, then the disk is full. */
  fillDisk(writesLeft: number): void {
    this.#disk.writesLeft = writesLeft;
  }

  freeDisk(): void {
    this.#disk.writesLeft = Number.POSITIVE_INFINITY;
  }

  /** The model takes its time from now on. */
  think(): void {
    this.#release(); // what it thought about before
    this.#world.thinks(new Promise((resolve) => (this.#release = resolve)));
  }

  answer(): void {
    this.#release();
    this.#world.thinks(Promise.resolve());
  }

  /** Start the program if it does not run; like `persona start`, it looks first at what it missed. */
  async start(): Promise<void> {
    if (this.#isUp) return;
    this.#world.phone.dies = undefined;
    this.freeDisk();
    this.#world.start();
    this.#isUp = true;
    await this.catchUp();
  }

  async restart(): Promise<void> {
    if (!this.#isUp) return this.start();
    const { bot, clock } = this.#world;
    this.#world.phone.dies = undefined;
    await Promise.all([bot.close(), clock.runOut()]);
    this.kill();
    this.#noticeDeath();
    await this.start();
  }

  /** All is well again, everybody agrees: the bot stores and answers. Whatever happened before, it is not stuck. */
  async revive(): Promise<void> {
    this.#world.phone.failures = [];
    this.#world.phone.dies = undefined;
    this.answer();
    this.freeDisk();
    const chat = this.#persona ?? 'anna';
    await this.step(() => this.start());
    await this.step(() => this.pass(3 * 3600));
    const owner = { fromMe: true };
    for (const text of ['!collect on', '!bot on']) await this.step(() => this.write(chat, text, owner));
    for (const text of ['!consent yes', '!consent yes', '!consent imitate']) {
      await this.step(() => this.write(chat, text));
    }
    await this.step(() => this.write(chat, '!bot on', owner)); // another voice has to agree first
    const sent = this.#world.sent.length;
    let text = '';
    // the model has nothing to say to some
    for (let i = 0; i < 3; i++) {
      text = this.unique();
      await this.step(() => this.write(chat, text));
      await this.step(() => this.pass(300));
    }
    if (!this.#rows().some((row) => row.text === text)) this.#oracle.breaches.push(`${chat}: deaf for good`);
    const replies = this.#world.sent.slice(sent).filter((each) => each.text.includes('rply'));
    if (replies.length === 0) this.#oracle.breaches.push(`${chat}: silent for good`);
    if (this.#persona === undefined) await this.#reviveGroup();
    this.check();
  }

  /** The same in the group; another's voice is not heard there. */
  async #reviveGroup(): Promise<void> {
    const owner = { fromMe: true };
    for (const text of ['!collect on', '!bot on']) await this.step(() => this.write(club, text, owner));
    await this.step(() => this.write(club, '!consent yes'));
    const sent = this.#world.sent.length;
    for (let i = 0; i < 3; i++) {
      await this.step(() => this.write(club, this.unique(), this.forBot()));
      await this.step(() => this.pass(300));
    }
    const isAnswered = this.#world.sent.slice(sent).some((each) => each.text.includes('rply'));
    if (!isAnswered) this.#oracle.breaches.push(`${club}: silent for good`);
  }

  /** Close everything; then no text may stand in any file that is in no row. */
  async end(): Promise<void> {
    this.answer();
    this.#world.phone.dies = undefined;
    const rows = new Set(this.#rows().flatMap(({ text }) => text.match(/zwm\d+canary/g) ?? []));
    this.#reader.close();
    const { dir } = this.#world;
    try {
      if (this.#isUp) await Promise.all([this.#world.bot.close(), this.#world.clock.runOut()]);
      this.#world.store.close();
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        const path = join(dir, name);
        if (!statSync(path).isFile()) continue;
        for (const [text] of readFileSync(path, 'latin1').matchAll(/zwm\d+canary/g)) {
          if (!rows.has(text)) this.#oracle.breaches.push(`${text} is left in ${name}`);
        }
      }
      this.#throwBreaches();
    } finally {
      this.#isUp = false;
      this.kill();
      await this.#world.close();
    }
  }

  /** For whoever looks into a failure: what was sent and logged, in order. */
  dump(): string {
    const sent = this.#world.sent.map(({ atMs, chatId, text }) => `${atMs} ${nameOf(chatId) ?? chatId}: ${text}`);
    return [...sent, ...this.#world.logLines.map((line) => line.trim())].join('\n');
  }

  // === What must hold

  check(): void {
    for (const row of this.#rows()) {
      const { chat, waId, atMs, author, fromMe, isBot, text } = row;
      this.#oracle.checkRow(chat, { waId, atMs, author, fromMe, isBot, text });
      const entry = this.#entries.find(({ message }) => message.id === waId);
      if (entry?.toldText !== undefined && text !== entry.toldText) {
        this.#oracle.breaches.push(`${waId} says what it said before it was edited`);
      }
    }
    const line = this.#world.logLines.find((each) => /zwm\d+canary|rply\d+c/.test(each));
    if (line !== undefined) this.#oracle.breaches.push(`a text in the log: ${line}`);
    this.#throwBreaches();
  }

  #throwBreaches(): void {
    const [first] = this.#oracle.breaches;
    if (first !== undefined) throw new Error(this.#oracle.breaches.join('\n'));
  }

  // === Inside

  async #happen(event: Event): Promise<void> {
    if (!this.#isUp) return;
    if (event.kind === 'message') return this.#deliver(event.chat, event.message);
    const { chat, message } = event.entry;
    const wasClean = this.#isClean();
    const { bot } = this.#world;
    const work =
      event.kind === 'edit'
        ? bot.onEdit(message.chatId, message.id, event.text, event.atMs)
        : bot.onRevoke(message.chatId, message.id);
    if (!(await this.#unlessItDies(work))) return;
    const told = (): void => {
      if (event.kind === 'revoke') this.#oracle.revoked(message.id);
      else if (event.text === event.entry.message.text) event.entry.toldText = event.text;
    };
    if (wasClean && this.#isClean()) told();
    else if (nameOf(message.chatId) === chat) {
      event.entry.toldText = undefined; // the old text or the new one, until there is room again
      this.#untold.push(told);
    }
  }

  /** As WhatsApp Web does: twice. */
  async #deliver(chat: Name, message: InboundMessage): Promise<void> {
    const { bot, clock } = this.#world;
    this.#oracle.permit(chat, message, clock.nowMs);
    const wasClean = this.#isClean();
    if (!(await this.#unlessItDies(Promise.all([bot.onMessage(message), bot.onMessage(message)])))) return;
    this.#settle(chat, message, wasClean && this.#isClean());
  }

  #settle(chat: Name, message: InboundMessage, isClean: boolean): void {
    this.#oracle.settle(chat, message, this.#world.clock.nowMs, isClean);
    if (isClean) for (const told of this.#untold.splice(0)) told();
  }

  #isClean(): boolean {
    return this.#disk.writesLeft === Number.POSITIVE_INFINITY;
  }

  /** False: the process died of it. */
  async #unlessItDies(work: Promise<unknown>): Promise<boolean> {
    let isDone = false;
    const settled = work.then(() => (isDone = true));
    while (!isDone && !this.#world.isDead) await Promise.race([settled, breathe()]);
    return !this.#world.isDead;
  }

  #noticeDeath(): void {
    if (!this.#isUp || !this.#world.isDead) return;
    this.#isUp = false;
    this.#untold = [];
    this.#oracle.died();
  }

  /** All of a chat as WhatsApp Web has it now, oldest first. */
  #history(chat: Name): InboundMessage[] {
    const received = this.#entries
      .filter((entry) => entry.chat === chat)
      .map(({ message, isRevoked, isEdited }): InboundMessage => {
        if (isRevoked) return { ...message, kind: 'deleted', text: '' };
        return isEdited ? { ...message, kind: 'edited' } : message;
      });
    const ours = this.#world.sent
      .filter(({ chatId }) => nameOf(chatId) === chat)
      .map(({ id, chatId, text, atMs }) => ({
        ...this.#world.inbound({ c: chatId }, text, { fromMe: true, id }),
        timestampMs: Math.floor(atMs / 1000) * 1000,
      }));
    return [...received, ...ours].sort((a, b) => a.timestampMs - b.timestampMs);
  }

  #watch(store: Store): void {
    store.messages.countBy = () => 300; // a voice long enough
    this.#sabotage?.(store);
    const begin = store.outbox.begin.bind(store.outbox);
    store.outbox.begin = (entry) => {
      const id = begin(entry);
      this.#begun = entry;
      return id;
    };
    onDisk(store, this.#disk);
  }

  #sending(chatId: string, text: string): void {
    const chat = nameOf(chatId);
    const begun = this.#begun;
    if (chat === undefined || begun === undefined) {
      this.#oracle.breaches.push(`sent to ${chatId}, of which the outbox knows nothing`);
      return;
    }
    const { kind, inReplyTo } = begun;
    const isOfItsKind = kind === 'notice' ? text === this.#notice : text.includes('rply') === (kind === 'reply');
    if (!isOfItsKind) this.#oracle.breaches.push(`${chat}: sent as ${kind}: ${text}`);
    const { nowMs: atMs } = this.#world.clock;
    const [failure] = this.#world.phone.failures;
    if (failure !== undefined && failure.name !== 'SendTimeout') return; // known not to have left
    this.#oracle.sending({ chat, text, atMs, inReplyTo, kind });
    this.#oracle.sent(chat, kind, atMs);
  }

  /** The model's n-th answer: one or two bubbles; sometimes nothing. */
  #answer(n: number, candidate: number): string[] | undefined {
    if (n > this.#asked) {
      this.#asked = n;
      this.#oracle.asked(n);
    }
    if (n % 7 === 0) return undefined;
    return Array.from({ length: 1 + (n % 2) }, (_, bubble) => replyText(n, candidate, bubble));
  }

  #rows() {
    return this.#reader.rows.all().map((row) => ({
      ...row,
      chat: nameOf(row.key) ?? 'anna',
      author: (row.aliases ?? '')
        .split(' ')
        .map(personOf)
        .find((name) => name !== undefined),
      fromMe: row.fromMe === 1,
      isBot: row.isBot === 1,
    }));
  }

  #reactions(): number {
    return this.#reader.reactions.get()!.n;
  }

  #pick<T>(items: readonly T[], index: number): T | undefined {
    return items[items.length - 1 - (index % Math.max(1, items.length))];
  }
}

function nameOf(chatId: string): Name | undefined {
  return names.find((name) => chats[name].c === chatId || chats[name].lid === chatId);
}

function personOf(id: string): Person | undefined {
  return persons.find((name) => people[name].c === id || people[name].lid === id);
}

interface Row {
  waId: string;
  atMs: number;
  fromMe: number;
  isBot: number;
  text: string;
  key: string;
  /** ids of whose it is, with blanks between them */
  aliases: string | null;
}

/** Rows as they stand in the file, sealed or not. */
function readStore(dir: string) {
  const db = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
  return {
    rows: db.prepare<[], Row>(
      `SELECT m.wa_id AS waId, m.timestamp_ms AS atMs, m.from_me AS fromMe, m.origin = 'bot' AS isBot, m.text, c.key,
         (SELECT group_concat(alias, ' ') FROM aliases WHERE person_id = m.person_id) AS aliases
       FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.origin <> 'import'`,
    ),
    reactions: db.prepare<[], { n: number }>('SELECT COUNT(*) AS n FROM reactions'),
    close: () => void db.close(),
  };
}

function isText({ message, isRevoked }: Entry): boolean {
  return !isRevoked && !isCommand(message);
}

// === The commands of fast-check

type Step = fc.AsyncCommand<object, Machine>;

const step = (label: string, work: (machine: Machine) => Promise<void> | void): Step => ({
  check: () => true,
  run: (_, machine) => machine.step(() => work(machine)),
  toString: () => label,
});

const inClub = fc.constantFrom<Place[]>(...persons.map((by) => ({ chat: club, by }) as const));
/** One of them more often. */
const place = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom<Place[]>(...(['anna', 'ben', 'anna'] as const).map((by) => ({ chat: by, by }))),
  },
  { weight: 2, arbitrary: inClub },
);
const shown = ({ chat, by }: Place): string => (chat === by ? chat : `${chat}, ${by}`);
const contactLines = [
  '!consent yes',
  '!consent yes',
  '!consent no',
  '!consent imitate',
  '!stop',
  '!forget',
  'stop',
  'Stop!',
];
const contactQuestions = ['!status', '!help', '!mydata', '!why', '!again', '!bot on', '!bot off all'];
const ownerLines = [
  '!collect on',
  '!collect on',
  '!collect off',
  '!bot on',
  '!bot on',
  '!bot off',
  '!bot off all',
  '!again',
];
const ownerQuestions = ['!stop', '!status', '!models', '!mydata', '!retrain', '!no better so'];
const disguises: Partial<InboundMessage>[] = [
  { isForwarded: true },
  { isEphemeral: true },
  { kind: 'media', media: 'image' },
  { kind: 'contact', media: 'contact' },
  { quotedId: 'false_x_3A1' },
];

const text = fc
  .tuple(place, fc.boolean(), fc.boolean())
  .map(([at, fromMe, isHidden]) =>
    step(`${shown(at)}: ${fromMe ? 'owner' : 'contact'} writes`, (m) => m.write(at, m.unique(), { fromMe }, isHidden)),
  );
const heard = place.map((at) => step(`${shown(at)}: contact writes`, (m) => m.write(at, m.unique())));
const forBot = fc
  .tuple(inClub, fc.boolean(), fc.boolean())
  .map(([at, isByName, isHidden]) =>
    step(`${shown(at)}: to the bot`, (m) =>
      m.write(at, m.unique(), isByName ? { mentionsMe: true } : m.forBot(), isHidden),
    ),
  );
const flood = fc
  .tuple(fc.array(place, { minLength: 2, maxLength: 9 }), fc.constantFrom('at once', 'soon', 'not', 'not', 'not'))
  .map(([places, killed]) =>
    step(`${places.map(shown).join('; ')} together, killed: ${killed}`, (m) => m.flood(places, killed)),
  );
const odd = fc
  .tuple(place, fc.constantFrom(...disguises), fc.constantFrom('', '!stop', '!consent yes'))
  .map(([at, fields, line]) =>
    step(`${shown(at)}: ${JSON.stringify(fields)} ${line}`, (m) =>
      m.write(at, line === '' ? m.unique() : line, fields),
    ),
  );
const lineOf = (who: 'contact' | 'owner', lines: readonly string[]): fc.Arbitrary<Step> =>
  fc
    .tuple(place, fc.constantFrom(...lines), fc.boolean())
    .map(([at, line, isHidden]) =>
      step(`${shown(at)}: ${who} "${line}"`, (m) => m.write(at, line, { fromMe: who === 'owner' }, isHidden)),
    );
/** So that most runs have a chat in which something is on. */
const opened = place.map((at) => step(`${shown(at)}: all on`, (m) => m.open(at)));
const seconds = fc.constantFrom(1, 2, 5, 10, 30, 60, 400, 1900, 3700);
const index = fc.nat(30);

const weighted: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  { weight: 4, arbitrary: opened },
  { weight: 5, arbitrary: heard },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: forBot },
  { weight: 2, arbitrary: flood },
  { weight: 1, arbitrary: odd },
  { weight: 4, arbitrary: lineOf('contact', contactLines) },
  { weight: 1, arbitrary: lineOf('contact', contactQuestions) },
  { weight: 4, arbitrary: lineOf('owner', ownerLines) },
  { weight: 1, arbitrary: lineOf('owner', ownerQuestions) },
  { weight: 5, arbitrary: seconds.map((n) => step(`${n} s pass`, (m) => m.pass(n))) },
  { weight: 2, arbitrary: index.map((n) => step(`edit ${n}`, (m) => m.edit(n))) },
  { weight: 2, arbitrary: index.map((n) => step(`revoke ${n}`, (m) => m.revoke(n))) },
  { weight: 1, arbitrary: place.map((at) => step(`${shown(at)}: reaction`, (m) => m.react(at))) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(index, fc.integer({ min: 1, max: 3 }))
      .map(([n, times]) => step(`replay ${n}, ${times} times`, (m) => m.replay(n, times))),
  },
  { weight: 2, arbitrary: fc.constant(step('catch-up', (m) => m.catchUp())) },
  { weight: 2, arbitrary: fc.constant(step('kill', (m) => m.kill())) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('before' as const, 'after' as const)
      .map((when) => step(`dies ${when} the next send`, (m) => m.dieInSend(when))),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('timeout' as const, 'timeout, but it left' as const, 'refused' as const)
      .map((how) => step(`the next send: ${how}`, (m) => m.failSend(how))),
  },
  { weight: 4, arbitrary: fc.constant(step('start', (m) => m.start())) },
  { weight: 2, arbitrary: fc.constant(step('restart', (m) => m.restart())) },
  { weight: 2, arbitrary: fc.nat(4).map((n) => step(`disk full after ${n} writes`, (m) => m.fillDisk(n))) },
  { weight: 2, arbitrary: fc.constant(step('space on the disk', (m) => m.freeDisk())) },
  { weight: 1, arbitrary: fc.constant(step('the model thinks', (m) => m.think())) },
  { weight: 1, arbitrary: fc.constant(step('the model answers', (m) => m.answer())) },
];

/** Sequences of steps. */
export const steps = fc.commands(
  weighted.flatMap(({ weight, arbitrary }) => Array<fc.Arbitrary<Step>>(weight).fill(arbitrary)),
  { maxCommands: 60, size: '+2' },
);
