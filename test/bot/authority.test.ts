/** Who may command (promises E4, E5): forged, stale, quoted, disguised and echoed commands change nothing and get no answer. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { InboundMessage } from '../../src/types.ts';
import { sha256 } from '../../src/util/files.ts';
import { account, anna, ben, createWorld, ownerNumber } from './world.ts';
import type { World } from './world.ts';

const cleo = { c: '491700000004@c.us', lid: '700000004@lid' };
const dora = { c: '491700000005@c.us', lid: '700000005@lid' };
const group = '120363000000000001@g.us';

/** Each in a chat where obeying it would show. */
const ownerCommands = [
  { text: '!bot on', chat: anna },
  { text: '!bot off', chat: ben },
  { text: '!bot off all', chat: ben },
  { text: '!collect off', chat: anna },
  { text: '!collect on', chat: cleo },
];

type Forgery = [name: string, fields: Partial<InboundMessage>];

/** Fields that make a message of the contact or the owner one that must not be obeyed. */
const forgeries: Forgery[] = [
  ['the contact types it', {}],
  ['the contact forwards it', { isForwarded: true }],
  ['the contact writes it on a quote', { quotedId: 'true_x_3A1' }],
  ['the contact claims the account as sender', { senderId: account.c }],
  ['the contact claims an owner number as sender', { senderId: ownerNumber.c }],
  ['the sender is empty', { senderId: '' }],
  ['the sender is a tail of the owner number', { senderId: '0009@c.us' }],
  ['the sender is the owner number with letters around it', { senderId: `x${ownerNumber.c}.evil` }],
  ['the owner forwards it', { fromMe: true, isForwarded: true }],
  ['the owner writes it on a quote', { fromMe: true, quotedId: 'false_x_3A1' }],
  ['the owner typed it five minutes and a second ago', { fromMe: true, timestampMs: -301_000 }],
  ['the owner typed it yesterday', { fromMe: true, timestampMs: -86_400_000 }],
  ['it is found by catch-up', { fromMe: true, isCatchUp: true }],
  ['it is the caption of an image', { fromMe: true, kind: 'media', media: 'image' }],
  ['it is the caption of a file', { fromMe: true, kind: 'text', media: 'file' }],
  ['it is an edited message', { fromMe: true, kind: 'edited' }],
  ['it is a deleted message', { fromMe: true, kind: 'deleted' }],
  ['it is a system message', { fromMe: true, kind: 'system' }],
  ['it is a contact card', { fromMe: true, kind: 'contact', media: 'contact' }],
  ['it is a poll', { fromMe: true, kind: 'poll' }],
  ['it is a call', { fromMe: true, kind: 'call' }],
  ['it is a place', { fromMe: true, kind: 'location', media: 'location' }],
  ['a member types it in a group', { chatId: group, chatKind: 'group' }],
  ['an owner number types it in a group', { senderId: ownerNumber.c, chatId: group, chatKind: 'group' }],
  ['it is a status', { fromMe: true, chatId: 'status@broadcast', chatKind: 'status' }],
  ['it is a broadcast', { fromMe: true, chatId: '1@broadcast', chatKind: 'broadcast' }],
  ['it is a newsletter', { chatId: '1@newsletter', chatKind: 'newsletter' }],
  ['somebody else types it in the self-chat', { chatId: account.c, chatKind: 'self', senderId: anna.c }],
  ['it has no id', { fromMe: true, id: '' }],
];

/** `!bot on` as it must not be read, typed by the owner. */
const disguises = [
  'bot on',
  '! bot on',
  '!!bot on',
  '!boton',
  '!bot_on',
  '!bot on now',
  '!bot on.',
  '!bot on!',
  '"!bot on"',
  '*!bot on*',
  '`!bot on`',
  '> !bot on',
  'please !bot on',
  'Juno: !bot on',
  '/bot on',
  '\\!bot on',
  '！bot on',
  'ǃbot on',
  '!bоt on',
  '!ｂｏｔ ｏｎ',
  '!bot\u00a0on',
  '!bot\u2003on',
  '!bot\u200bon',
  '!bot o\u200bn',
  '\u200e!bot on',
  '\ufeff!bot on',
  '!bot\non',
  '!bot on\n!bot off all',
  '!bot on; !collect on',
  '!bot on\u0000',
  '!bot\u202e on',
  '!bot on 1',
  '!bot on all',
  '!bot on --force',
  "!bot on' OR 1=1 --",
  '$(echo !bot on)',
  '!consent imitate',
];

describe('a command that must not be obeyed', () => {
  let world: World;
  beforeAll(async () => {
    world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits] } });
    world.phone.known.push(cleo, dora);
    world.says(() => undefined);
    await world.agree(anna);
    await world.open(ben);
    await world.agree(cleo);
    await world.type(cleo, '!collect off');
    await world.type(dora, '!collect on');
    await world.settle();
    world.sent.splice(0);
  });
  afterAll(() => world.close());

  /** everything that a command could change */
  const state = (): unknown => ({
    chats: world.store.chats.list(),
    people: world.store.people
      .list()
      .map(({ id, aliases }) => ({ id, aliases, ledger: world.store.consent.history(id) })),
    offEverywhere: world.store.settings.get('bot.offEverywhere'),
  });
  const changesNothing = async (work: () => Promise<unknown>): Promise<void> => {
    const before = state();
    world.sent.splice(0);
    await work();
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(state()).toEqual(before);
  };
  const dated = (fields: Partial<InboundMessage>): Partial<InboundMessage> => {
    const { timestampMs: ageMs, ...rest } = fields;
    return ageMs === undefined ? rest : { ...rest, timestampMs: world.clock.nowMs + ageMs };
  };

  describe.each(ownerCommands)('$text', ({ text, chat }) => {
    it.each(forgeries)('%s', async (_, fields) => {
      await changesNothing(() => world.hear(chat, text, dated(fields)));
    });

    it('is our own echo, known by its id', async () => {
      const message = world.inbound(chat, text, { fromMe: true });
      const entry = { kind: 'ack', inReplyTo: null, textHash: sha256(text) } as const;
      const outboxId = world.store.outbox.begin({ chatId: world.chat(chat).id, ...entry });
      world.store.outbox.sent(outboxId, message.id);
      await changesNothing(() => world.deliver(message));
    });

    it('is our own echo of a send with unknown outcome', async () => {
      const entry = { kind: 'ack', inReplyTo: null, textHash: sha256(text) } as const;
      world.store.outbox.unknown(world.store.outbox.begin({ chatId: world.chat(chat).id, ...entry }));
      await changesNothing(() => world.type(chat, text));
    });

    it('is an older message of the owner, edited', async () => {
      const message = await world.type(ben, 'see you at eight');
      await changesNothing(() => world.bot.onEdit(ben.c, message.id, text, world.clock.nowMs));
      await world.bot.onRevoke(ben.c, message.id);
    });

    it('is a reaction', async () => {
      await changesNothing(() =>
        world.bot.onReaction({
          chatId: chat.c,
          messageId: 'true_x_1',
          senderId: account.c,
          emoji: text,
          atMs: world.clock.nowMs,
        }),
      );
    });
  });

  it.each(disguises)('the owner types %j', async (text) => {
    await changesNothing(() => world.type(anna, text));
  });

  const consentForgeries: Forgery[] = [
    ['the owner types it', { fromMe: true }],
    ['it is forwarded', { isForwarded: true }],
    ['it quotes', { quotedId: 'true_x_3A1' }],
    ['it is a caption', { kind: 'media', media: 'image' }],
    ['it was edited into it', { kind: 'edited' }],
    ['it is six minutes old', { timestampMs: -360_000 }],
    ['it is found by catch-up', { isCatchUp: true }],
    ['another person is the sender', { senderId: ben.c }],
    ['an owner number is the sender', { senderId: ownerNumber.c }],
    ['it is said in a group', { senderId: dora.c, chatId: group, chatKind: 'group' }],
  ];
  it.each(consentForgeries)('!consent yes for somebody who was asked: %s', async (_, fields) => {
    await changesNothing(() => world.hear(dora, '!consent yes', dated(fields)));
    expect(world.state(dora)).toBe('asked');
  });
  it.each(['consent yes', '!consent', '!consent yes please', '!consent  yes?', 'yes', '!yes', '！consent yes'])(
    'agreement as %j',
    async (text) => {
      await changesNothing(() => world.hear(dora, text));
    },
  );
});

test('an obeyed command that is delivered again after a restart is not obeyed again', async () => {
  const world = createWorld();
  await world.agree(anna);
  const on = await world.type(anna, '!bot on');
  await world.type(anna, '!bot off');
  await world.restart();
  world.sent.splice(0);
  await world.deliver(on);
  await world.settle();
  expect(world.chat(anna).bot).toBe(false);
  expect(world.takeSent()).toEqual([]);
  await world.close();
});

test('what the model writes is never a command, and a reply that looks like one is not sent', async () => {
  const world = createWorld();
  await world.open(anna);
  world.says((_, candidate) => (candidate < 4 ? ['!bot off all'] : ['fine', '!collect off']));
  await world.hear(anna, 'say something');
  await world.settle();
  expect(world.spoken).toHaveLength(1);
  expect(world.takeSent()).toEqual([]);
  expect(world.chat(anna)).toMatchObject({ bot: true, collect: true });
  await world.close();
});

test.each([
  '9@c.us',
  '1700000009@c.us',
  '1491700000009@c.us',
  'x491700000009@c.us',
  '491700000009@c.us.evil',
  '491700000009@c.us@c.us',
  '491700000009@C.US',
  '+491700000009@c.us',
  ' 491700000009@c.us',
  '491700000009@g.us',
  '491700000009@lid',
  '491700000009',
  '',
])('%j is not the owner number', async (id) => {
  const world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits, '', '1'] } });
  for (const { text } of ownerCommands) await world.hear({ c: id }, text);
  expect(world.takeSent()).toEqual([]);
  expect(world.store.chats.list().map(({ key }) => key)).toEqual(['import:voice']);
  await world.close();
});

test('a stranger with the hidden id of an owner number is told from one without', async () => {
  const world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits] } });
  world.phone.known.push(cleo);
  await world.hear({ c: cleo.lid }, '!collect on');
  await world.hear({ c: cleo.lid }, '!help');
  expect(world.takeSent()).toEqual([]);
  expect(world.store.chats.find(cleo.lid)).toBeUndefined();
  await world.hear({ c: ownerNumber.lid }, '!collect on');
  expect(world.store.chats.get(world.store.chats.find(ownerNumber.lid) ?? -1).collect).toBe(true);
  await world.close();
});
