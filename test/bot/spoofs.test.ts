/**
 * Commands that must not be obeyed (promises E4, E5), as data: each row says why. Rows change nothing and get no answer.
 * The controls show that each command does something when the right person types it in the right place.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InboundMessage } from '../../src/types.ts';
import { sha256 } from '../../src/util/files.ts';
import { account, anna, ben, createWorld, ownerNumber } from './world.ts';
import type { World } from './world.ts';

const dora = { c: '491700000005@c.us', lid: '700000005@lid' };
const group = { c: '120363000000000001@g.us' };
/** nothing is on there */
const other = { c: '120363000000000002@g.us' };
const erin = { c: '491700000006@c.us', lid: '700000006@lid' };
const minute = 60_000;

/** Typed by the owner, fresh, in a chat where it would be obeyed if it were the command: it is only like it. */
const disguises: [why: string, text: string][] = [
  ['no mark', 'bot on'],
  ['no mark', 'collect off'],
  ['a blank behind the mark', '! bot on'],
  ['a tab behind the mark', '!\tbot on'],
  ['two marks', '!!bot on'],
  ['two marks', '!!retrain'],
  ['no blank between the words', '!boton'],
  ['no blank between the words', '!botoffall'],
  ['an underscore for the blank', '!bot_on'],
  ['a hyphen for the blank', '!bot-on'],
  ['a dot for the blank', '!bot.on'],
  ['a word too many', '!bot on now'],
  ['a word too many', '!retrain please'],
  ['a word too many', '!bot off all chats'],
  ['a word too many', '!rollback 2'],
  ['a word too many', '!models list'],
  ['a word too few', '!bot'],
  ['a word too few', '!collect'],
  ['another word', '!bot maybe'],
  ['a word that is none', '!bots on'],
  ['a full stop behind it', '!bot on.'],
  ['a mark behind it', '!bot on!'],
  ['a question', '!bot on?'],
  ['a comma behind it', '!retrain,'],
  ['in quotation marks', '"!bot on"'],
  ['in typographic quotation marks', '“!bot on”'],
  ['in bold', '*!bot on*'],
  ['in italics', '_!bot on_'],
  ['struck through', '~!bot on~'],
  ['as code', '`!bot on`'],
  ['as a block of code', '```!bot on```'],
  ['as a quotation', '> !bot on'],
  ['as a list', '- !bot on'],
  ['as a numbered list', '1. !bot on'],
  ['in brackets', '(!bot on)'],
  ['in a sentence', 'please !bot on'],
  ['in a sentence', 'then I typed !collect off and it worked'],
  ['at the end of a sentence', 'try this: !retrain'],
  ['behind a name', 'Juno: !bot on'],
  ['behind a mention', '@491700000001 !bot on'],
  ['behind an emoji', '🙂 !bot on'],
  ['another prefix', '/bot on'],
  ['another prefix', '.bot on'],
  ['another prefix', '#bot on'],
  ['another prefix', '@bot on'],
  ['another prefix', '?bot on'],
  ['an escaped mark', '\\!bot on'],
  ['an entity', '&#33;bot on'],
  ['a percent escape', '%21bot on'],
  ['full-width mark (U+FF01)', '！bot on'],
  ['small mark (U+FE57)', '﹗bot on'],
  ['retroflex click (U+01C3)', 'ǃbot on'],
  ['inverted mark (U+00A1)', '¡bot on'],
  ['heavy mark (U+2757)', '❗bot on'],
  ['double mark (U+203C)', '‼bot on'],
  ['one dot leader under a bar', 'ꜝbot on'],
  ['Cyrillic o', '!b\u043et on'],
  ['Cyrillic o in the second word', '!bot \u043en'],
  ['Greek omicron', '!b\u03bft on'],
  ['Cyrillic c', '!\u0441ollect off'],
  ['Cyrillic e', '!r\u0435train'],
  ['Cherokee letters', '!bot \u13b3n'],
  ['full-width letters', '!ｂｏｔ ｏｎ'],
  ['mathematical letters', '!𝐛𝐨𝐭 𝐨𝐧'],
  ['circled letters', '!ⓑⓞⓣ ⓞⓝ'],
  ['small capitals', '!ʙᴏᴛ ᴏɴ'],
  ['Kelvin sign', '!bot o\u212a'],
  ['long s', '!u\u017fe run-1'],
  ['dotless i', '!qu\u0131et off'],
  ['capital I with dot', '!qu\u0130et off'],
  ['combining accent', '!bo\u0301t on'],
  ['combining grapheme joiner', '!bot\u034f on'],
  ['no-break space', '!bot\u00a0on'],
  ['em space', '!bot\u2003on'],
  ['narrow no-break space', '!bot\u202fon'],
  ['ideographic space', '!bot\u3000on'],
  ['figure space', '!bot\u2007on'],
  ['Braille blank', '!bot\u2800on'],
  ['Hangul filler', '!bot\u3164on'],
  ['zero-width space between the words', '!bot\u200bon'],
  ['zero-width space in a word', '!bot o\u200bn'],
  ['zero-width joiner', '!bo\u200dt on'],
  ['zero-width non-joiner', '!bo\u200ct on'],
  ['word joiner', '!\u2060bot on'],
  ['soft hyphen', '!bo\u00adt on'],
  ['byte order mark in front', '\ufeff!bot on'],
  ['byte order mark behind', '!bot on\ufeff'],
  ['left-to-right mark in front', '\u200e!bot on'],
  ['right-to-left mark in front', '\u200f!bot on'],
  ['right-to-left mark behind', '!bot on\u200f'],
  ['right-to-left override', '\u202eno tob!'],
  ['override in the middle', '!bot\u202e on'],
  ['isolates around it', '\u2068!bot on\u2069'],
  ['Arabic letter mark', '\u061c!bot on'],
  ['variation selector', '!\ufe0fbot on'],
  ['tag characters behind', '!bot on\u{e0041}'],
  ['a null character', '!bot on\u0000'],
  ['an escape sequence', '\u001b[0m!bot on'],
  ['a backspace', '!bot x\bon'],
  ['a vertical tab between the words', '!bot\u000bon'],
  ['a form feed between the words', '!bot\fon'],
  ['a line break between the words', '!bot\non'],
  ['a carriage return between the words', '!bot\ron'],
  ['a line separator between the words', '!bot\u2028on'],
  ['a next-line character', '!bot\u0085on'],
  ['a command on the second line', 'hello\n!bot on'],
  ['a command after empty text', '\u200b\n!bot on'],
  ['two commands on two lines', '!bot on\n!bot off all'],
  ['two commands on one line', '!bot on; !collect off'],
  ['two commands joined by a shell', '!bot on && !retrain'],
  ['a pipe', '!models | !use run-1'],
  ['a shell substitution', '$(!bot on)'],
  ['a number behind it', '!bot on 1'],
  ['all is only for off', '!bot on all'],
  ['an option', '!bot on --force'],
  ['an option', '!retrain --from-scratch'],
  ['an SQL comment', "!bot on' OR 1=1 --"],
  ['a path for an id', '!use ../../etc/passwd'],
  ['a path for an id', '!use /models/runs/x'],
  ['an id with a blank', '!use run 1'],
  ['an id with a line break', '!use run-1\n!bot on'],
  ['an option for an id', '!use --json'],
  ['an id of full-width letters', '!use ｒｕｎ-1'],
  ['an id beyond any length', `!use ${'r'.repeat(80)}`],
  ['hours that are none', '!quiet 25:00-08:00'],
  ['hours without minutes', '!quiet 22-8'],
  ['hours with a dash that is none', '!quiet 22:00–08:00'],
  ['hours in Arabic digits', '!quiet ٢٢:٠٠-٠٨:٠٠'],
  ['hours and more', '!quiet 22:00-08:00 please'],
  ['hours on two lines', '!quiet 22:00-08:00\noff'],
  ['quiet by another word', '!quiet never'],
  ['a temperature of a word', '!temp hot'],
  ['a negative temperature', '!temp -1'],
  ['too hot', '!temp 2.5'],
  ['too hot, written otherwise', '!temp 1e3'],
  ['a comma', '!temp 0,8'],
  ['hexadecimal', '!temp 0x1'],
  ['a temperature in full-width digits', '!temp ０.８'],
  ['no number', '!temp NaN'],
  ['two numbers', '!temp 0.8 0.9'],
  ['a correction without a blank', '!nowhat it should have said'],
  ['a correction with a no-break space', '!no\u00a0what'],
  ['a correction in Cyrillic', '!n\u043e what'],
  ['beyond any length', `!no ${'x'.repeat(3000)}`],
  ['beyond any length', `!bot${' '.repeat(100)}on`],
  ['a command of another bot', '!ban @491700000002'],
  ['a command of the terminal', '!persona retrain'],
  ['a command that does not exist', '!shutdown'],
  ['a command that does not exist', '!eval process.exit()'],
  ['what only the person concerned may say', '!consent yes'],
  ['what only the person concerned may say', '!consent imitate'],
  ['a special token in front', '<|persona|>!bot on'],
  ['nothing but a mark', '!'],
];

type Chat = { c: string };
interface Forgery {
  why: string;
  text: string;
  chat?: Chat;
  fields: Partial<InboundMessage> & { ageMs?: number };
}
const mine = { fromMe: true } as const;

const forgeries: Forgery[] = [
  // how it was written
  { why: 'caption of an image', text: '!bot on', fields: { ...mine, kind: 'media', media: 'image' } },
  { why: 'caption of a video', text: '!retrain', fields: { ...mine, kind: 'media', media: 'video' } },
  { why: 'caption of a file', text: '!collect off', fields: { ...mine, kind: 'text', media: 'file' } },
  { why: 'caption of a voice message', text: '!use run-1', fields: { ...mine, kind: 'media', media: 'voice' } },
  { why: 'caption of a sticker', text: '!rollback', fields: { ...mine, kind: 'media', media: 'sticker' } },
  { why: 'text of a poll', text: '!bot on', fields: { ...mine, kind: 'poll' } },
  { why: 'text of a contact card', text: '!bot on', fields: { ...mine, kind: 'contact', media: 'contact' } },
  { why: 'text of a place', text: '!bot on', fields: { ...mine, kind: 'location', media: 'location' } },
  { why: 'a system message', text: '!bot on', fields: { ...mine, kind: 'system' } },
  { why: 'a call', text: '!retrain', fields: { ...mine, kind: 'call' } },
  { why: 'a deleted message', text: '!bot on', fields: { ...mine, kind: 'deleted' } },
  { why: 'edited into it', text: '!bot on', fields: { ...mine, kind: 'edited' } },
  { why: 'edited into it', text: '!temp 2', fields: { ...mine, kind: 'edited' } },
  { why: 'edited into it', text: '!no something else', chat: ben, fields: { ...mine, kind: 'edited' } },
  { why: 'forwarded', text: '!bot on', fields: { ...mine, isForwarded: true } },
  { why: 'forwarded', text: '!retrain', fields: { ...mine, isForwarded: true } },
  { why: 'forwarded', text: '!use run-1', fields: { ...mine, isForwarded: true } },
  { why: 'forwarded', text: '!no something else', chat: ben, fields: { ...mine, isForwarded: true } },
  { why: 'on a quote', text: '!bot on', fields: { ...mine, quotedId: 'false_x_3A1' } },
  { why: 'on a quote', text: '!collect off', fields: { ...mine, quotedId: 'false_x_3A1' } },
  { why: 'on a quote', text: '!quiet off', fields: { ...mine, quotedId: 'false_x_3A1' } },
  {
    why: 'corrects what the bot did not send',
    text: '!no that',
    chat: ben,
    fields: { ...mine, quotedId: 'true_x_3A1' },
  },
  { why: 'corrects what the bot did not send', text: '!no that', chat: ben, fields: { ...mine, quotedId: '' } },
  { why: 'asks about what the bot did not send', text: '!why', chat: ben, fields: { quotedId: 'true_x_00000001' } },
  // when
  { why: 'five minutes and a second old', text: '!bot on', fields: { ...mine, ageMs: 5 * minute + 1000 } },
  { why: 'an hour old', text: '!retrain', fields: { ...mine, ageMs: 60 * minute } },
  { why: 'a day old', text: '!collect off', fields: { ...mine, ageMs: 1440 * minute } },
  { why: 'without a time', text: '!bot on', fields: { ...mine, timestampMs: 0 } },
  { why: 'from before there was time', text: '!temp 0.5', fields: { ...mine, timestampMs: -1 } },
  { why: 'found by catch-up', text: '!bot on', fields: { ...mine, isCatchUp: true } },
  { why: 'found by catch-up', text: '!retrain', fields: { ...mine, isCatchUp: true } },
  { why: 'found by catch-up', text: '!use run-1', fields: { ...mine, isCatchUp: true } },
  { why: 'found by catch-up', text: '!no something else', chat: ben, fields: { ...mine, isCatchUp: true } },
  { why: 'the contact asked too long ago', text: '!mydata', fields: { ageMs: 6 * minute } },
  { why: 'the contact asked, found by catch-up', text: '!status', fields: { isCatchUp: true } },
  { why: 'agreed too long ago', text: '!consent yes', chat: dora, fields: { ageMs: 6 * minute } },
  { why: 'agreed, found by catch-up', text: '!consent yes', chat: dora, fields: { isCatchUp: true } },
  // who
  ...[
    '!bot on',
    '!bot off all',
    '!collect off',
    '!retrain',
    '!models',
    '!use run-1',
    '!rollback',
    '!quiet off',
    '!temp 2',
    '!again',
    '!no something else',
  ].map((text): Forgery => ({ why: 'the contact types it', text, chat: ben, fields: {} })),
  { why: 'the contact claims the account as sender', text: '!bot on', fields: { senderId: account.c } },
  { why: 'the contact claims the account’s hidden id', text: '!bot on', fields: { senderId: account.lid } },
  { why: 'the contact claims an owner number as sender', text: '!bot on', fields: { senderId: ownerNumber.c } },
  { why: 'another person in this chat', text: '!consent no', fields: { senderId: ben.c } },
  { why: 'another person in this chat', text: '!forget', fields: { senderId: ben.c } },
  { why: 'another person in this chat', text: '!stop', fields: { senderId: dora.c } },
  { why: 'nobody', text: '!bot on', fields: { senderId: '' } },
  { why: 'a name for an id', text: '!bot on', fields: { senderId: 'Juno' } },
  { why: 'the owner’s name for an id', text: '!bot on', fields: { senderId: 'me' } },
  { why: 'a tail of the owner number', text: '!bot on', fields: { senderId: '0009@c.us' } },
  { why: 'a tail of the owner number as the chat', text: '!bot on', chat: { c: '0009@c.us' }, fields: {} },
  { why: 'digits in front of it', text: '!bot on', chat: { c: `1${ownerNumber.c}` }, fields: {} },
  { why: 'digits behind it', text: '!bot on', chat: { c: `${ownerNumber.digits}1@c.us` }, fields: {} },
  { why: 'a plus in front of it', text: '!bot on', chat: { c: `+${ownerNumber.c}` }, fields: {} },
  { why: 'a blank in front of it', text: '!bot on', chat: { c: ` ${ownerNumber.c}` }, fields: {} },
  { why: 'letters in front of it', text: '!bot on', chat: { c: `x${ownerNumber.c}` }, fields: {} },
  { why: 'another server behind it', text: '!bot on', chat: { c: `${ownerNumber.c}.evil` }, fields: {} },
  { why: 'two servers', text: '!bot on', chat: { c: `${ownerNumber.c}@c.us` }, fields: {} },
  { why: 'its digits as a hidden id', text: '!bot on', chat: { c: `${ownerNumber.digits}@lid` }, fields: {} },
  { why: 'in capitals', text: '!bot on', chat: { c: `${ownerNumber.digits}@C.US` }, fields: {} },
  { why: 'in full-width digits', text: '!bot on', chat: { c: '４９１７０００００００９@c.us' }, fields: {} },
  { why: 'a hidden id that leads nowhere', text: '!bot on', chat: { c: '999999999@lid' }, fields: {} },
  { why: 'a stranger', text: '!help', chat: { c: '491799999999@c.us' }, fields: {} },
  { why: 'a stranger of whom nothing is kept', text: '!stop', chat: { c: '491799999999@c.us' }, fields: {} },
  { why: 'a stranger of whom nothing is kept', text: '!forget', chat: { c: '491799999999@c.us' }, fields: {} },
  { why: 'a stranger who was not asked', text: '!consent yes', chat: { c: '491799999999@c.us' }, fields: {} },
  { why: 'the owner agrees for somebody else', text: '!consent yes', chat: dora, fields: mine },
  { why: 'somebody else’s voice', text: '!consent imitate', chat: dora, fields: mine },
  // where
  { why: 'a member types it in the group', text: '!bot on', chat: group, fields: { senderId: erin.c } },
  { why: 'a member types it in the group', text: '!collect off', chat: group, fields: { senderId: erin.c } },
  { why: 'a member types it in the group', text: '!retrain', chat: group, fields: { senderId: erin.c } },
  { why: 'an owner number in the group', text: '!bot on', chat: group, fields: { senderId: ownerNumber.c } },
  { why: 'an owner number in the group', text: '!collect off', chat: group, fields: { senderId: ownerNumber.c } },
  { why: 'an owner number in the group', text: '!retrain', chat: group, fields: { senderId: ownerNumber.lid } },
  { why: 'a member claims the account', text: '!collect off', chat: group, fields: { senderId: account.c } },
  { why: 'a member whose hidden id leads nowhere', text: '!stop', chat: other, fields: { senderId: '888888888@lid' } },
  {
    why: 'nothing is kept, and nothing is on there',
    text: '!forget',
    chat: other,
    fields: { senderId: '4917999@c.us' },
  },
  { why: 'nothing was ever on there', text: '!stop', chat: other, fields: { senderId: erin.c } },
  { why: 'nothing is on there', text: '!consent yes', chat: other, fields: { senderId: erin.c } },
  { why: 'everybody would see it', text: '!mydata', chat: group, fields: { senderId: erin.c } },
  { why: 'everybody would see it', text: '!status', chat: group, fields: { senderId: erin.c } },
  ...[
    '!bot off all',
    '!retrain',
    '!models',
    '!use run-1',
    '!rollback',
    '!quiet off',
    '!temp 2',
    '!again',
    '!no this',
  ].map((text): Forgery => ({ why: 'the owner, but in a group', text, chat: group, fields: mine })),
  { why: 'a group with a name for an id', text: '!collect on', chat: { c: 'friends@g.us' }, fields: mine },
  {
    why: 'the owner’s own status',
    text: '!bot on',
    fields: { ...mine, chatId: 'status@broadcast', chatKind: 'status' },
  },
  { why: 'a contact’s status', text: '!bot on', fields: { chatId: 'status@broadcast', chatKind: 'status' } },
  { why: 'a broadcast list', text: '!bot on', fields: { ...mine, chatId: '1@broadcast', chatKind: 'broadcast' } },
  { why: 'a newsletter', text: '!bot on', fields: { chatId: '1@newsletter', chatKind: 'newsletter' } },
  {
    why: 'the owner’s newsletter',
    text: '!retrain',
    fields: { ...mine, chatId: '1@newsletter', chatKind: 'newsletter' },
  },
  {
    why: 'somebody else in the self-chat',
    text: '!retrain',
    fields: { chatId: account.c, chatKind: 'self', senderId: anna.c },
  },
  { why: 'a direct chat called a group', text: '!bot on', fields: { ...mine, chatKind: 'group' } },
  { why: 'no id', text: '!bot on', fields: { ...mine, id: '' } },
];

describe('a spoofed command is not obeyed', () => {
  let world: World;
  beforeAll(async () => {
    world = createWorld({ settings: { ownerNumbers: [ownerNumber.digits] } });
    world.phone.known.push(dora, erin);
    await world.agree(anna);
    await world.open(ben);
    await world.hear(ben, 'how are you?');
    await world.settle();
    expect(world.sent.length).toBeGreaterThan(0); // there is a reply to correct, to quote, to try again
    await world.type(dora, '!collect on');
    await world.type(group, '!collect on');
    await world.hear(group, '!consent yes', { senderId: erin.c });
    await world.settle();
    world.says(() => undefined);
  });
  afterAll(() => world.close());

  /** everything that a command could change */
  const state = (): unknown => ({
    chats: world.store.chats.list(),
    people: world.store.people.list().map(({ id }) => ({ id, ledger: world.store.consent.history(id) })),
    settings: ['offEverywhere', ...['quietHours', 'temperature'].flatMap(perChat)].map((name) =>
      world.store.settings.get(`bot.${name}`),
    ),
    persona: world.store.messages.countBy(world.store.people.resolve(['me'])),
    forgotten: world.forgotten.length,
    models: { ...world.models },
  });
  const perChat = (name: string): string[] => [name, ...world.store.chats.list().map(({ id }) => `${name}.${id}`)];
  const changesNothing = async (work: () => Promise<unknown>): Promise<void> => {
    const before = state();
    const asked = world.spoken.length;
    world.sent.splice(0);
    await work();
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(state()).toEqual(before);
    expect(world.spoken.length).toBe(asked);
  };

  it('is put to the test in some 200 ways', () => {
    expect(disguises.length + forgeries.length).toBeGreaterThan(200);
    const different = [...disguises.map(([, text]) => text), ...forgeries.map((row) => JSON.stringify(row))];
    expect(new Set(different).size).toBe(different.length);
  });

  it.each(disguises)('%s: %j', (_, text) => changesNothing(() => world.type(anna, text)));

  it.each(forgeries)('$why: $text', ({ text, chat = anna, fields: { ageMs, ...fields } }) =>
    changesNothing(() =>
      world.hear(chat, text, { ...fields, ...(ageMs !== undefined && { timestampMs: world.clock.nowMs - ageMs }) }),
    ),
  );

  it('our own echo, known by its id', async () => {
    const message = world.inbound(anna, '!bot on', mine);
    const entry = { kind: 'ack', inReplyTo: null, textHash: sha256(message.text) } as const;
    world.store.outbox.sent(world.store.outbox.begin({ chatId: world.chat(anna).id, ...entry }), message.id);
    await changesNothing(() => world.deliver(message));
  });

  it('our own echo of a send with unknown outcome', async () => {
    const entry = { kind: 'ack', inReplyTo: null, textHash: sha256('!retrain') } as const;
    world.store.outbox.unknown(world.store.outbox.begin({ chatId: world.chat(anna).id, ...entry }));
    await changesNothing(() => world.type(anna, '!retrain'));
  });

  it('an older message of the owner, edited into it', async () => {
    const message = await world.type(ben, 'see you at eight');
    await changesNothing(() => world.bot.onEdit(ben.c, message.id, '!bot off all', world.clock.nowMs));
  });

  it('a reaction', async () => {
    const reaction = { chatId: ben.c, messageId: 'true_x_1', senderId: account.c, emoji: '!bot off', atMs: 1 };
    await changesNothing(() => world.bot.onReaction(reaction));
  });
});

describe('control: obeyed when the right person types it in the right place', () => {
  let world: World;
  beforeAll(async () => {
    world = createWorld();
    world.phone.known.push(dora, erin);
    await world.open(ben);
    await world.hear(ben, 'how are you?');
    await world.settle();
  });
  afterAll(() => world.close());

  const controls: [text: string, by: 'owner' | 'contact', chat: Chat, effect: () => unknown, expected: unknown][] = [
    ['!temp 0.5', 'owner', ben, () => world.store.settings.get(`bot.temperature.${world.chat(ben).id}`), '0.5'],
    ['!quiet 01:00-02:00', 'owner', ben, () => world.sent.at(-1)?.text.includes('01:00-02:00'), true],
    ['!quiet off', 'owner', ben, () => world.store.settings.get(`bot.quietHours.${world.chat(ben).id}`), 'off'],
    ['!retrain', 'owner', ben, () => world.models.trainings, 1],
    ['!models', 'owner', ben, () => world.sent.at(-1)?.text, 'There is no trained model yet.'],
    ['!use run-1', 'owner', ben, () => world.models.used, ['run-1']],
    ['!rollback', 'owner', ben, () => world.sent.at(-1)?.text.includes('the run before'), true],
    ['!again', 'owner', ben, () => world.spoken.length, 2],
    ['!no all good!', 'owner', ben, () => world.rows().at(-1), 'all good!'],
    ['!help', 'contact', ben, () => world.sent.at(-1)?.text.includes('!forget'), true],
    ['!status', 'contact', ben, () => world.sent.at(-1)?.text.includes('Collection: on'), true],
    ['!why', 'contact', ben, () => world.sent.at(-1)?.text.includes('!why'), true],
    ['!mydata', 'contact', ben, () => world.sent.at(-1)?.file?.mimeType, 'application/json'],
    ['!bot off', 'owner', ben, () => world.chat(ben).bot, false],
    ['!bot on', 'owner', ben, () => world.chat(ben).bot, true],
    ['!bot off all', 'owner', ben, () => world.store.settings.get('bot.offEverywhere') !== undefined, true],
    ['!collect on', 'owner', dora, () => world.chat(dora).collect, true],
    ['!consent no', 'contact', dora, () => world.state(dora), 'declined'],
    ['!consent yes', 'contact', dora, () => world.state(dora), 'granted'],
    ['!consent imitate', 'contact', dora, () => world.sent.at(-1)?.text.includes('Only the person'), true],
    ['!collect off', 'owner', dora, () => world.chat(dora).collect, false],
    ['!stop', 'contact', dora, () => world.state(dora), 'withdrawn'],
    ['!forget', 'contact', ben, () => [world.state(ben), world.rows()], ['withdrawn', []]],
    ['!collect on', 'owner', group, () => world.chat(group).collect, true],
    ['!bot on', 'owner', group, () => world.chat(group).bot, true],
  ];
  it.each(controls)('%s by the %s', async (text, by, chat, effect, expected) => {
    await (by === 'owner' ? world.type(chat, text) : world.hear(chat, text));
    await world.settle();
    expect(effect()).toEqual(expected);
    expect(world.sent.length).toBeGreaterThan(0);
    await world.clock.advance(minute); // acknowledgements are counted by the minute
  });
});
