/**
 * What is kept, and what never is: a random life of two chats against a model of the promise (E1, E2, A4, A5), and the
 * bytes on disk. The model knows only the rules: collection on, both agreed, dated not before either.
 */
import fc from 'fast-check';
import { describe, expect, it, test, vi } from 'vitest';
import type { InboundMessage } from '../../src/types.ts';
import { anna, ben, bytesOnDisk, createWorld } from './world.ts';
import type { World } from './world.ts';

type Person = 'anna' | 'ben';
const people = { anna, ben };

type Step =
  | { do: 'message'; chat: Person; fromMe: boolean; lateSeconds: number; copies: number }
  | { do: 'forwarded' | 'disappearing' | 'card' | 'edit' | 'revoke' | 'again' | 'catch up'; chat: Person; pick: number }
  | { do: '!collect on' | '!collect off'; chat: Person }
  | { do: '!consent yes' | '!consent no' | '!stop' | '!forget'; chat: Person }
  | { do: 'restart' };

const chat = fc.constantFrom<Person>('anna', 'ben');
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('message' as const),
      chat,
      fromMe: fc.boolean(),
      lateSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 })),
      copies: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('forwarded', 'disappearing', 'card', 'edit', 'revoke', 'again', 'catch up'),
      chat,
      pick: fc.nat(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('!collect on' as const), chat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('!collect off' as const), chat }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('!consent yes' as const), chat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('!consent no', '!stop', '!forget'), chat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

/** The promise, kept in the simplest way that can be right. */
interface Promised {
  collectSinceMs: number | null;
  asked: boolean;
  consent: 'none' | 'granted' | 'refused';
  sinceMs: number;
  /** every message that ever left a phone, in the order it was handled first */
  known: { message: InboundMessage; text: string; stored: boolean; gone: boolean }[];
}

function mayKeep(promised: Promised, { timestampMs }: InboundMessage): boolean {
  const { collectSinceMs, consent, sinceMs } = promised;
  return collectSinceMs !== null && consent === 'granted' && timestampMs >= collectSinceMs && timestampMs >= sinceMs;
}

const started = (): Promised => ({ collectSinceMs: null, asked: false, consent: 'none', sinceMs: 0, known: [] });

async function live(world: World, all: Step[]): Promise<Record<Person, Promised>> {
  const promises = { anna: started(), ben: started() };
  let number = 0;
  for (const step of all) {
    if (step.do === 'restart') {
      await world.restart();
      continue;
    }
    const promised = promises[step.chat];
    const who = people[step.chat];
    const nowMs = world.clock.nowMs;
    const say = (text: string, fields: Partial<InboundMessage> = {}): Promise<InboundMessage> =>
      world.hear(who, text, fields);
    switch (step.do) {
      case 'message': {
        const text = `words ${++number}`;
        const timestampMs = nowMs - step.lateSeconds * 1000;
        const message = world.inbound(who, text, { fromMe: step.fromMe, timestampMs });
        for (let copy = 0; copy < step.copies; copy++) await world.bot.onMessage(message);
        await world.clock.advance(1000);
        promised.known.push({ message, text, stored: mayKeep(promised, message), gone: false });
        break;
      }
      case 'forwarded':
        await say(`words ${++number}`, { isForwarded: true });
        break;
      case 'disappearing':
        await say(`words ${++number}`, { isEphemeral: true });
        break;
      case 'card':
        await say(`words ${++number}`, { kind: 'contact', media: 'contact' });
        break;
      case 'again':
      case 'catch up': {
        const entry = promised.known[step.pick % Math.max(1, promised.known.length)];
        if (entry === undefined || entry.gone) break;
        const isCatchUp = step.do === 'catch up';
        await world.deliver({ ...entry.message, text: entry.text, isCatchUp });
        entry.stored ||= mayKeep(promised, entry.message);
        break;
      }
      case 'edit': {
        const entry = promised.known[step.pick % Math.max(1, promised.known.length)];
        if (entry === undefined || entry.gone) break;
        const text = `words ${++number}`;
        await world.bot.onEdit(who.c, entry.message.id, text, nowMs);
        entry.text = text;
        entry.stored &&= mayKeep(promised, { ...entry.message, timestampMs: nowMs });
        break;
      }
      case 'revoke': {
        const entry = promised.known[step.pick % Math.max(1, promised.known.length)];
        if (entry === undefined) break;
        await world.bot.onRevoke(who.c, entry.message.id);
        Object.assign(entry, { gone: true, stored: false });
        break;
      }
      case '!collect on':
        await say(step.do, { fromMe: true });
        promised.collectSinceMs ??= nowMs;
        if (promised.consent === 'none') promised.asked = true;
        break;
      case '!collect off':
        await say(step.do, { fromMe: true });
        promised.collectSinceMs = null;
        break;
      case '!consent yes':
        await say(step.do);
        if (promised.collectSinceMs === null || !promised.asked || promised.consent === 'granted') break;
        Object.assign(promised, { consent: 'granted', sinceMs: nowMs });
        break;
      case '!consent no':
      case '!stop':
        await say(step.do);
        if (promised.asked) promised.consent = 'refused';
        break;
      case '!forget':
        await say(step.do);
        if (!promised.asked) break;
        promised.consent = 'refused';
        for (const entry of promised.known) entry.stored &&= entry.message.fromMe;
        break;
    }
  }
  return promises;
}

describe('a random life', () => {
  it('leaves exactly the rows that were allowed', async () => {
    const seen = { kept: 0, notKept: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 60, size: 'max' }), async (all) => {
        const world = createWorld({ voice: 0, echoes: true });
        try {
          const promises = await live(world, all);
          await world.settle();
          for (const name of ['anna', 'ben'] as const) {
            const kept = promises[name].known.filter(({ stored }) => stored);
            const chatId = world.store.chats.find(people[name].c);
            const found = promises[name].known
              .map(({ message }) => (chatId === undefined ? undefined : world.store.messages.find(chatId, message.id)))
              .flatMap((row) => row ?? []);
            expect(found.map(({ waId, text, fromMe }) => ({ waId, text, fromMe }))).toEqual(
              kept.map(({ message, text }) => ({ waId: message.id, text, fromMe: message.fromMe })),
            );
          }
          const kept = Object.values(promises).flatMap(({ known }) => known.filter(({ stored }) => stored));
          expect(world.store.messages.count()).toBe(kept.length); // and nothing else, commands and notices included
          seen.kept += kept.length;
          seen.notKept += promises.anna.known.length + promises.ben.known.length - kept.length;
        } finally {
          await world.close();
        }
      }),
      { numRuns: 25, seed: 20261120 },
    );
    expect(Math.min(seen.kept, seen.notKept)).toBeGreaterThan(60); // both were put to the test
  });
});

test('no text from before consent is anywhere in the data folder', async () => {
  const world = createWorld();
  const secret = 'wombat-7731';
  await world.hear(anna, `${secret} before anything`);
  await world.type(anna, `${secret} from the owner`);
  await world.type(anna, '!collect on');
  await world.hear(anna, `${secret} after the question`);
  await world.hear(anna, `!${secret}`);
  await world.type(anna, `${secret} owner, after the question`);
  await world.hear(anna, '!consent yes');
  await world.hear(anna, `${secret} quoted`, { quotedId: 'true_x_1', isForwarded: true });
  await world.hear(anna, `!bot ${secret}`);
  await world.hear(anna, `${secret} dated before`, { timestampMs: world.clock.nowMs - 60_000 });
  await world.hear(anna, `${secret} swept`, { isCatchUp: true, timestampMs: world.clock.nowMs - 60_000 });
  await world.hear(anna, 'kept-words');
  await world.settle();
  expect(bytesOnDisk(world.dir, secret)).toBe(false);
  expect(bytesOnDisk(world.dir, 'kept-words')).toBe(true);
  expect(world.logLines.join('')).not.toContain(secret);
  await world.close();
});

test('a message that was taken back or edited is gone from the disk, and does not return', async () => {
  const world = createWorld();
  await world.agree(anna);
  const taken = await world.hear(anna, 'wombat-7731');
  const edited = await world.hear(anna, 'quokka-7732');
  const doomed = await world.hear(anna, 'numbat-7733');
  await world.bot.onRevoke(anna.c, taken.id);
  await world.bot.onEdit(anna.c, edited.id, 'quoll', world.clock.nowMs);
  await world.deliver(taken);
  expect(world.rows()).toEqual(['quoll', 'numbat-7733']);
  await world.type(anna, '!collect off');
  await world.bot.onEdit(anna.c, doomed.id, 'not to be kept', world.clock.nowMs);
  expect(world.rows()).toEqual(['quoll']);
  for (const gone of ['wombat-7731', 'quokka-7732', 'numbat-7733', 'not to be kept']) {
    expect(bytesOnDisk(world.dir, gone)).toBe(false);
  }
  await world.close();
});

test('a message that is taken back before it is delivered, or edited into a command, is not kept', async () => {
  const world = createWorld();
  await world.agree(anna);
  const early = world.inbound(anna, 'taken back first');
  await world.bot.onRevoke(anna.c, early.id);
  await world.deliver(early);
  const edited = await world.hear(anna, 'soon a command');
  await world.bot.onEdit(anna.c, edited.id, '!bot off all', world.clock.nowMs);
  expect(world.rows()).toEqual([]);
  await world.close();
});

test('a message of the very second of consent: live ones after it are kept, swept ones are not', async () => {
  const world = createWorld();
  await world.type(anna, '!collect on');
  const second = world.clock.nowMs;
  const before = world.inbound(anna, 'before');
  await world.bot.onMessage(before);
  await world.bot.onMessage(world.inbound(anna, '!consent yes'));
  await world.bot.onMessage(before);
  world.clock.nowMs = second + 400;
  await world.bot.onMessage(world.inbound(anna, 'after'));
  await world.bot.onMessage(world.inbound(anna, 'swept', { isCatchUp: true }));
  world.clock.nowMs = second + 1000;
  await world.bot.onMessage(world.inbound(anna, 'swept later', { isCatchUp: true }));
  expect(world.rows()).toEqual(['after', 'swept later']);
  await world.close();
});

test('a message in a chat of two that is not from its contact is not kept', async () => {
  const world = createWorld();
  await world.agree(anna);
  for (const senderId of [ben.c, ben.lid, '', 'nobody']) await world.hear(anna, 'forged', { senderId });
  await world.hear(anna, 'genuine', { senderId: anna.lid });
  expect(world.rows()).toEqual(['genuine']);
  await world.close();
});

test('reactions are kept beside a kept message, of people who agreed', async () => {
  const world = createWorld();
  await world.agree(anna);
  const { id } = await world.hear(anna, 'look');
  const set = vi.spyOn(world.store.reactions, 'set');
  const react = (senderId: string) =>
    world.bot.onReaction({ chatId: anna.c, messageId: id, senderId, emoji: '👍', atMs: world.clock.nowMs });
  await react(anna.c);
  await react(ben.c);
  await world.hear(anna, '!stop');
  await react(anna.c);
  expect(set).toHaveBeenCalledTimes(1);
  expect(set).toHaveBeenCalledWith(world.chat(anna).id, id, world.person(anna), '👍', expect.any(Number));
  await world.close();
});

describe('catch-up', () => {
  it('stores what was missed once, answers what is fresh, and reads on from there the next time', async () => {
    const world = createWorld();
    await world.open(anna);
    await world.hear(anna, 'seen live');
    await world.settle();
    world.sent.splice(0);
    const startMs = world.clock.nowMs;
    const missed = [0, 20, 40].map((minutes) =>
      world.inbound(anna, `missed ${minutes}`, { timestampMs: startMs + minutes * 60_000 }),
    );
    await world.clock.advance(45 * 60_000);
    await world.restart();
    const asked: [string, number][] = [];
    const fetchSince = (chatId: string, sinceMs: number) => {
      asked.push([chatId, sinceMs]);
      return Promise.resolve(missed.filter(({ timestampMs }) => timestampMs > sinceMs));
    };
    await world.bot.catchUp(fetchSince);
    await world.bot.catchUp(fetchSince);
    await world.settle();
    expect(world.rows().filter((text) => text.startsWith('missed'))).toEqual(['missed 0', 'missed 20', 'missed 40']);
    expect(world.takeSent()).toEqual(['fine by me']);
    expect(asked.map(([chatId]) => chatId)).toEqual([anna.c, anna.c]);
    expect(asked[0]?.[1]).toBeLessThan(startMs);
    expect(asked[1]?.[1]).toBe(startMs + 35 * 60_000);
    await world.close();
  });

  it('goes on with the other chats when one fails, and tries that one from the same place', async () => {
    const world = createWorld();
    await world.agree(anna);
    await world.agree(ben);
    const asked: number[] = [];
    const fetchSince = (chatId: string, sinceMs: number): Promise<InboundMessage[]> => {
      if (chatId === ben.c) return Promise.resolve([world.inbound(ben, 'missed')]);
      asked.push(sinceMs);
      return Promise.reject(new Error('the page is gone'));
    };
    await world.bot.catchUp(fetchSince);
    await world.clock.advance(3_600_000);
    await world.bot.catchUp(fetchSince);
    expect(world.rows()).toContain('missed');
    expect(asked[1]).toBe(asked[0]);
    await world.close();
  });

  it('comes back for a message that could not be stored, and takes those after it at once', async () => {
    const world = createWorld();
    await world.agree(anna);
    const missed = ['one', 'two'].map((text) => world.inbound(anna, text));
    const asked: number[] = [];
    const fetchSince = (_: string, sinceMs: number): Promise<InboundMessage[]> => {
      asked.push(sinceMs);
      return Promise.resolve(missed);
    };
    await world.clock.advance(3_600_000);
    const add = vi.spyOn(world.store.messages, 'add').mockImplementationOnce(() => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    });
    await world.bot.catchUp(fetchSince);
    expect(world.rows()).toEqual(['two']);
    add.mockRestore();
    await world.bot.catchUp(fetchSince);
    expect(world.rows().sort()).toEqual(['one', 'two']);
    expect(asked[1]).toBe(asked[0]);
    await world.close();
  });

  it('does not read chats in which nothing was ever on', async () => {
    const world = createWorld();
    await world.type(anna, '!help');
    let reads = 0;
    await world.bot.catchUp(() => {
      reads++;
      return Promise.resolve([]);
    });
    expect(reads).toBe(0);
    await world.close();
  });
});

test('on a spare account nothing typed on its own phone is kept', async () => {
  const world = createWorld({ settings: { ownerNumbers: ['491700000009'] } });
  await world.agree(anna);
  await world.type(anna, 'typed on the spare phone');
  await world.hear(anna, 'from anna');
  expect(world.rows()).toEqual(['from anna']);
  expect(world.store.people.aliases(world.store.people.resolve(['me']))).toEqual(['me']);
  await world.close();
});
