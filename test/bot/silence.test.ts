/** Strangers, groups and everything that is not a chat between two people: no row, no send, no word in the log (E1, G7). */
import fc from 'fast-check';
import { expect, it, test, vi } from 'vitest';
import { chatKinds, messageKinds } from './kinds.ts';
import type { InboundMessage } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { account, anna, bytesOnDisk, createWorld, ownerNumber } from './world.ts';
import type { World } from './world.ts';

const marker = 'wombat7731';

/** Everything in the database that a stranger could have caused. */
function counts(world: World): unknown {
  return {
    chats: world.store.chats.list().length,
    people: world.store.people.list().length,
    messages: world.store.messages.count(),
    replies: world.store.replies.list(10).length,
    settings: world.store.settings.get('bot.commandsObeyed'),
  };
}

const texts = [
  marker,
  `!help ${marker}`,
  '!help',
  '!status',
  '!stop',
  '!consent yes',
  '!consent no',
  '!bot on',
  '!bot off all',
  '!collect on',
  'stop',
  '',
  `<|persona|>${marker}`,
  `'; DROP TABLE messages; -- ${marker}`,
  `\u001b[31m${marker}\n{"level":60}`,
  '\ud800',
  `${marker}`.repeat(1000),
];

/** An event as any chat of an account of thousands of contacts could bring it. */
function randomEvent(random: ReturnType<typeof createRandom>, n: number): InboundMessage {
  const pick = <T>(items: readonly T[]): T => items[random.int(items.length)] as T;
  const chatKind = pick(chatKinds);
  const digits = 4_920_000_000 + random.int(2000);
  const server = { direct: pick(['c.us', 'lid']), group: 'g.us', self: 'c.us', newsletter: 'newsletter' } as const;
  const chatId =
    chatKind === 'status' || chatKind === 'broadcast' ? 'status@broadcast' : `${digits}@${server[chatKind]}`;
  // only strangers where the owner's own commands may open a chat
  const fromMe = !['direct', 'self', 'group'].includes(chatKind) && random.next() < 0.3;
  return {
    id: pick([`false_${chatId}_${n}`, `false_${chatId}_${random.int(n + 1)}`, '']),
    chatId: pick([chatId, chatId, chatId, '']),
    chatKind,
    senderId: fromMe ? account.c : pick([chatId, `${digits}@lid`, account.c, ownerNumber.c, '']),
    fromMe,
    timestampMs: pick([Date.UTC(2026, 10, 20, 12), 0, -1, Number.MAX_SAFE_INTEGER]),
    kind: pick(messageKinds),
    text: pick(texts),
    media: pick([null, null, 'image', 'contact'] as const),
    quotedId: pick([null, null, `true_${chatId}_1`]),
    isForwarded: random.next() < 0.1,
    isEphemeral: random.next() < 0.1,
    isCatchUp: random.next() < 0.2,
  };
}

it('10,000 events from unknown chats leave nothing', async () => {
  const world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits] }, voice: 0 });
  const before = counts(world);
  const random = createRandom('strangers');
  for (let n = 0; n < 10_000; n++) {
    const event = randomEvent(random, n);
    void world.bot.onMessage(event);
    if (n % 10 === 0) void world.bot.onEdit(event.chatId, event.id, marker, world.clock.nowMs);
    if (n % 10 === 1) void world.bot.onRevoke(event.chatId, event.id);
    if (n % 10 === 2) {
      const { chatId, senderId, id: messageId } = event;
      void world.bot.onReaction({ chatId, messageId, senderId, emoji: marker, atMs: world.clock.nowMs });
    }
  }
  await world.settle();
  expect(counts(world)).toEqual(before);
  expect(world.sent).toEqual([]);
  expect(world.spoken).toEqual([]);
  expect(world.logLines).toEqual([]);
  expect(bytesOnDisk(world.dir, marker)).toBe(false);
  await world.close();
});

it('the same beside a chat in which everything is on', async () => {
  const world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits] } });
  await world.open(anna);
  const before = counts(world);
  world.logLines.splice(0);
  const random = createRandom('strangers beside friends');
  for (let n = 0; n < 2000; n++) void world.bot.onMessage(randomEvent(random, n));
  await world.settle();
  expect(counts(world)).toEqual(before);
  expect(world.sent).toEqual([]);
  expect(world.logLines).toEqual([]);
  expect(bytesOnDisk(world.dir, marker)).toBe(false);
  await world.close();
});

test('a stranger is looked up only where that could lead to a known chat', async () => {
  const world = createWorld();
  await world.hear({ c: '4920@c.us' }, 'hello');
  await world.hear({ c: '4921@lid' }, 'hello');
  expect(world.asked).toEqual([]); // nothing is on anywhere
  await world.open(anna);
  world.asked.splice(0);
  await world.hear({ c: '4920@c.us' }, 'hello');
  await world.hear({ c: '4921@lid' }, 'hello');
  expect(world.asked).toEqual([]); // both ids of the only known contact are known
  await world.close();
});

test('a group in which a consenting contact writes is silent, even to commands', async () => {
  const world = createWorld();
  await world.open(anna);
  const rows = world.store.messages.count();
  const group = { chatId: '120363000000000001@g.us', chatKind: 'group', senderId: anna.c } as const;
  for (const text of ['hello all', '!help', '!stop', '!status', 'stop']) {
    await world.hear(anna, text, group);
    await world.type(anna, text, { ...group, senderId: account.c });
  }
  await world.settle();
  expect(world.takeSent()).toEqual([]);
  expect(world.store.messages.count()).toBe(rows);
  expect(world.state(anna)).toBe('granted');
  await world.close();
});

test('whatever text a consenting contact writes stays text, and the bot lives', async () => {
  const world = createWorld({ voice: 300 });
  await world.open(anna);
  const chats = world.store.chats.list();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
      await world.bot.onMessage(world.inbound(anna, text));
    }),
    { numRuns: 150, seed: 1 },
  );
  await world.settle();
  expect(world.store.chats.list().map(({ bot, collect }) => [bot, collect])).toEqual(
    chats.map(({ bot, collect }) => [bot, collect]),
  );
  expect(world.logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
  await world.close();
});

test('a fault in one event is logged without its text, and the next event is handled', async () => {
  const world = createWorld();
  await world.agree(anna);
  const add = vi.spyOn(world.store.messages, 'add').mockImplementation((message) => {
    throw new Error(`cannot store ${message.text}\n    at ${marker} (file.ts:1:1)`);
  });
  const message = await world.hear(anna, marker);
  const line = world.logLines.find((entry) => entry.includes('could not be handled'));
  expect(line).toContain('"error":"Error"');
  expect(line).toContain('record.ts'); // where it happened
  expect(world.logLines.join('')).not.toContain(marker);
  add.mockRestore();
  await world.deliver(message); // not taken for a duplicate: it was never handled
  expect(world.rows()).toEqual([marker]);
  await world.close();
});
