/** Commands about single replies, one's own data, models and groups: what is said, what is kept, what leaves. */
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { phrases } from '../../src/consent/notice.ts';
import { UserError } from '../../src/util/errors.ts';
import { account, anna, ben, bytesOnDisk, createWorld } from './world.ts';
import type { World, WorldOptions } from './world.ts';

let world: World;
const start = (options: WorldOptions = {}): World => (world = createWorld(options));
afterEach(() => world.close());

const say = () => phrases(world.settings.noticesDir, 'en');
const self = { c: account.c };
const group = { c: '120363000000000001@g.us' };
const erin = { c: '491700000006@c.us', lid: '700000006@lid' };
const frank = { c: '491700000007@c.us', lid: '700000007@lid' };

/** A chat in which everything is on and one message was answered; the id of the answer. */
async function answered(): Promise<string> {
  await world.open(anna);
  await world.hear(anna, 'where were you?');
  await world.settle();
  return world.sent.splice(0)[0]?.id ?? '';
}

describe('!forget', () => {
  it('erases everything of that person at once, tells which rows are gone, and is acknowledged once', async () => {
    start();
    await answered();
    await world.open(ben);
    await world.hear(anna, 'wombat-7731 is my secret');
    await world.hear(ben, 'bens own words');
    await world.settle();
    world.takeSent();
    const rowIds = world.store.lookups.rowIds(world.person(anna));
    expect(rowIds).toHaveLength(2);
    await world.hear(anna, '!forget');
    await world.hear(anna, '!forget');
    expect(world.takeSent()).toEqual([say().forgotten]);
    expect(world.forgotten[0]).toEqual(rowIds);
    expect(world.store.lookups.rowIds(world.person(anna))).toEqual([]);
    expect(world.store.lookups.rowIds(world.person(ben))).toHaveLength(1);
    expect(world.store.replies.list(10).filter(({ chatId }) => chatId === world.chat(anna).id)).toEqual([]);
    expect(bytesOnDisk(world.dir, 'wombat-7731')).toBe(false);
    expect(bytesOnDisk(world.dir, 'bens own words')).toBe(true);
    await world.hear(anna, 'otter-4410 came later');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(bytesOnDisk(world.dir, 'otter-4410')).toBe(false);
  });

  it('is obeyed from catch-up, after !stop, and where nothing is on any more', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, 'one');
    await world.hear(anna, '!stop');
    await world.type(anna, '!collect off');
    world.takeSent();
    await world.hear(anna, '!forget', { isCatchUp: true });
    expect(world.takeSent()).toEqual([say().forgotten]);
    expect(world.store.lookups.rowIds(world.person(anna))).toEqual([]);
  });

  it('delivered again after the person agreed anew, erases nothing', async () => {
    start();
    await world.agree(anna);
    const forget = await world.hear(anna, '!forget');
    await world.hear(anna, '!consent yes');
    await world.hear(anna, 'stays');
    await world.restart();
    await world.deliver({ ...forget, isCatchUp: true });
    expect(world.rows()).toEqual(['stays']);
  });

  it('that the disk would not take is done when it does, also by the next process', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, 'one');
    const forget = vi.spyOn(world.store, 'forget').mockImplementation(() => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    });
    await world.hear(anna, '!forget');
    expect(world.store.lookups.rowIds(world.person(anna))).toHaveLength(1);
    expect(world.rows()).toEqual([]); // sealed meanwhile
    forget.mockRestore();
    await world.restart();
    await world.hear(ben, 'anything at all');
    expect(world.store.lookups.rowIds(world.person(anna))).toEqual([]);
  });
});

describe('!mydata', () => {
  const fileOf = (n: number): { messages: { text: string; chat: string }[]; consent: { action: string }[] } =>
    JSON.parse(world.sent[n]?.file?.content.toString() ?? '{}') as ReturnType<typeof fileOf>;

  it('sends the person’s own messages and nobody else’s, sealed ones too', async () => {
    start();
    await answered();
    await world.type(anna, 'what the owner wrote');
    await world.hear(anna, 'second');
    await world.settle();
    world.sent.splice(0);
    await world.hear(anna, '!mydata');
    await world.settle();
    expect(world.sent[0]).toMatchObject({ chatId: anna.c, text: say().myData.replace('{n}', '2') });
    expect(fileOf(0).messages.map(({ text }) => text)).toEqual(['where were you?', 'second']);
    expect(fileOf(0).consent.map(({ action }) => action)).toEqual(['asked', 'granted']);
    expect(world.store.messages.count()).toBe(305); // 300 imported, two of hers, one of the owner's, two replies; not the file
    await world.hear(anna, '!stop');
    await world.hear(anna, '!mydata');
    expect(world.sent.at(-1)?.file).toBeDefined();
  });

  it('typed by the owner gives no words of other chats, but in the self-chat', async () => {
    start();
    await world.agree(anna);
    await world.type(anna, 'to anna');
    await world.type(anna, '!mydata');
    expect(fileOf(0).messages.map(({ text }) => text)).toEqual(['to anna']);
    await world.type(self, '!mydata', { chatKind: 'self' });
    expect(fileOf(1).messages).toHaveLength(301);
  });

  it('says so where nothing is stored', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, '!mydata');
    expect(world.takeSent()).toEqual([say().myDataNone]);
  });
});

describe('!why', () => {
  it('on a quote of a reply says when, which model, why, and how to stop', async () => {
    start();
    const id = await answered();
    await world.hear(anna, '!why', { quotedId: id });
    expect(world.takeSent()).toEqual([
      say().why.replaceAll('{persona}', 'Juno').replace('{time}', '2026-11-20 12:00').replace('{run}', 'run-1'),
    ]);
  });

  it('knows the reply under the chat’s other id', async () => {
    start();
    const id = await answered();
    await world.hear({ c: anna.lid }, '!why', { quotedId: id.replace(anna.c, anna.lid) });
    expect(world.takeSent()[0]).toContain('run-1');
  });

  it('without a quote says how; on a quote of the notice too', async () => {
    start();
    await world.agree(anna);
    await world.type(anna, '!status');
    const { id } = world.sent.splice(0)[0] ?? { id: '' };
    await world.hear(anna, '!why');
    await world.hear(anna, '!why', { quotedId: id });
    expect(world.takeSent()).toEqual([say().whyHow, say().whyHow]);
  });
});

describe('!no', () => {
  const corrections = () =>
    world.store.messages
      .recent(world.chat(anna).id, 100)
      .filter(({ quotedWaId }) => quotedWaId?.startsWith('corrects:') === true);

  it('keeps what the reply should have said as the persona’s own words, in its place', async () => {
    start();
    const id = await answered();
    await world.clock.advance(60_000);
    await world.hear(anna, 'hello?');
    await world.settle();
    world.takeSent();
    await world.type(anna, '!no at the gym, sorry', { quotedId: id });
    expect(world.takeSent()).toEqual([say().correctionKept]);
    expect(corrections()).toMatchObject([
      { text: 'at the gym, sorry', origin: 'live', fromMe: true, quotedWaId: `corrects:${id}` },
    ]);
    const texts = world.rows();
    expect(texts.slice(0, 3)).toEqual(['where were you?', 'fine by me', 'at the gym, sorry']);
    const persona = world.store.people.resolve(['me']);
    const asSeen = world.store.messages.toConversation(corrections(), persona);
    expect(asSeen).toMatchObject([{ isPersona: true, isBot: false, quotedRowId: null }]); // a target of training
  });

  it('without a quote means the last reply; taken back, it is gone', async () => {
    start();
    const id = await answered();
    const command = await world.type(anna, '!no at the gym');
    expect(corrections()).toMatchObject([{ quotedWaId: `corrects:${id}` }]);
    await world.bot.onRevoke(anna.c, command.id);
    expect(corrections()).toEqual([]);
  });

  it('never keeps a command, and says how it is written where there is nothing', async () => {
    start();
    await answered();
    await world.type(anna, '!no !bot off all');
    await world.type(anna, '!no');
    expect(corrections()).toEqual([]);
    expect(world.takeSent()).toEqual([say().correctionNot, `!no ...: ${say()['help !no']}`]);
  });

  it('is not kept without consent, nor where there is no reply', async () => {
    start();
    await world.agree(ben);
    await world.type(ben, '!no something');
    expect(world.takeSent()).toEqual([say().correctionHow]);
    await answered();
    await world.hear(anna, '!stop');
    world.takeSent();
    await world.type(anna, '!no something');
    expect(world.takeSent()).toEqual([say().correctionNot]);
  });
});

describe('!again', () => {
  it('answers the last message anew, knowing nothing of the first answer, at most once', async () => {
    start();
    await answered();
    world.says(() => ['another one']);
    const command = await world.type(anna, '!again');
    await world.deliver(command);
    await world.settle();
    expect(world.sent).toMatchObject([{ text: 'another one' }]);
    const texts = world.spoken[1]?.context.map(({ text }) => text);
    expect(texts?.at(-1)).toBe('where were you?');
    expect(world.store.outbox.answered(world.chat(anna).id, command.id)).toBe(true);
  });

  it('keeps to the caps, to quiet hours and to what is off', async () => {
    start({ replies: { caps: { perChatSeconds: 5, perChatHour: 1, perDay: 100 } } });
    await answered();
    await world.type(anna, '!again');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    await world.type(anna, '!quiet 11:00-13:00');
    world.takeSent();
    await world.type(anna, '!again');
    expect(world.takeSent()).toEqual([say().againNot]);
    await world.type(anna, '!quiet off');
    await world.type(anna, '!bot off');
    world.takeSent();
    await world.type(anna, '!again');
    expect(world.takeSent()).toEqual([say().againNot]);
    expect(world.spoken).toHaveLength(1);
  });

  it('says where there is nothing to answer', async () => {
    start();
    await world.open(anna);
    await world.type(anna, '!again');
    expect(world.takeSent()).toEqual([say().againNothing]);
  });
});

describe('!quiet and !temp', () => {
  it('count in that chat; from the self-chat in every other, also after a restart', async () => {
    start();
    await world.open(anna);
    await world.open(ben);
    await world.type(self, '!temp 0.3', { chatKind: 'self' });
    await world.type(self, '!quiet 11:00-13:00', { chatKind: 'self' });
    await world.type(ben, '!temp 1.2');
    await world.type(ben, '!quiet OFF');
    expect(world.takeSent()).toEqual([
      'Temperature: 0.3.',
      say().quietOn.replace('{hours}', '11:00-13:00'),
      'Temperature: 1.2.',
      say().quietOff,
    ]);
    await world.restart();
    await world.hear(anna, 'hello');
    await world.hear(ben, 'hello');
    await world.settle();
    expect(world.sent.map(({ chatId }) => chatId)).toEqual([ben.c]);
    expect(world.spoken.map(({ sampling }) => sampling.temperature)).toEqual([1.2]);
    await world.type(anna, '!quiet off');
    await world.hear(anna, 'hello again');
    await world.settle();
    expect(world.spoken.map(({ sampling }) => sampling.temperature)).toEqual([1.2, 0.3]);
    expect(world.store.replies.list(1)[0]?.sampling.temperature).toBe(0.3); // as it was, for `persona replay`
  });

  it('without what they need say how they are written', async () => {
    start();
    await world.type(anna, '!temp');
    await world.type(anna, '!quiet');
    expect(world.takeSent()).toEqual([
      `!temp 0.8: ${say()['help !temp']}`,
      `!quiet 22:00-08:00 | off: ${say()['help !quiet']}`,
    ]);
  });
});

describe('models', () => {
  it('take their time while the chat goes on: !stop and messages do not wait', async () => {
    start();
    await world.open(anna);
    let release: () => void = () => undefined;
    world.models.hold = new Promise((resolve) => (release = resolve));
    await world.type(anna, '!models');
    await world.hear(anna, 'said meanwhile');
    expect(world.rows()).toEqual(['said meanwhile']);
    await world.hear(anna, '!stop');
    expect(world.takeSent()).toEqual([say().withdrawn]);
    expect(world.state(anna)).toBe('withdrawn');
    release();
    await world.settle();
    expect(world.takeSent()).toEqual([say().modelsNone]);
  });

  it('are listed, chosen, gone back from and trained', async () => {
    start();
    world.models.known = [
      { run: 'run-2', current: true, bitsPerByte: 1.537, problem: null },
      { run: 'run-1', current: false, bitsPerByte: null, problem: 'was trained on messages that are gone' },
    ];
    await world.type(self, '!models', { chatKind: 'self' });
    await world.type(self, '!use run-1', { chatKind: 'self' });
    await world.type(self, '!rollback', { chatKind: 'self' });
    await world.type(self, '!retrain', { chatKind: 'self' });
    world.models.isTraining = true;
    await world.type(self, '!retrain', { chatKind: 'self' });
    expect(world.takeSent()).toEqual([
      `${say().models}\n* run-2 1.54 bits/byte\n- run-1 ✗`,
      'The model run-1 speaks from now on.',
      'The model the run before speaks from now on.',
      say().retrainStarted,
      say().retrainRuns,
    ]);
    expect(world.models).toMatchObject({ used: ['run-1'], trainings: 1 });
  });

  it('say why not, where the owner can do something about it', async () => {
    start();
    world.models.refusal = new UserError('there is no run run-9', 'See `persona models list`.');
    await world.type(anna, '!use run-9');
    expect(world.takeSent()).toEqual(['That did not work: there is no run run-9']);
    world.models.refusal = new Error('ours');
    await world.type(anna, '!use run-9');
    expect(world.takeSent()).toEqual([]);
    expect(world.logLines.join('')).toContain('an event could not be handled');
  });
});

describe('!consent imitate', () => {
  it('is for the person whose voice is learned, chat by chat, and a refusal takes it back', async () => {
    start({ settings: { speaker: 'Ben' } });
    world.store.people.resolve(['speaker:Ben', ben.c]);
    vi.spyOn(world.store.messages, 'countBy').mockReturnValue(300);
    await world.type(ben, '!collect on');
    world.takeSent();
    await world.hear(ben, '!consent yes');
    expect(world.takeSent()).toEqual([`${say().granted}\n${say().imitateHow}`]);
    await world.type(ben, '!bot on');
    expect(world.takeSent()).toEqual([say().notTheirChat]);
    await world.hear(ben, '!consent imitate');
    await world.hear(ben, '!consent imitate');
    await world.type(ben, '!bot on');
    expect(world.takeSent()).toEqual([say().imitateGranted, say().botOn]);
    await world.hear(ben, '!stop');
    await world.hear(ben, '!consent yes');
    world.takeSent();
    await world.type(ben, '!bot on');
    expect(world.takeSent()).toEqual([say().notTheirChat]);
  });
});

describe('the owner writing in person', () => {
  it('pauses the bot in that chat for a while; !bot on ends it', async () => {
    start({ replies: { takeoverMinutes: 30 } });
    await world.open(anna);
    await world.open(ben);
    await world.type(anna, 'i am here myself');
    await world.hear(anna, 'oh good');
    await world.hear(ben, 'and me?');
    await world.settle();
    expect(world.sent.splice(0).map(({ chatId }) => chatId)).toEqual([ben.c]);
    await world.type(anna, '!status');
    expect(world.takeSent()[0]).toContain('Automated replies: on (paused).');
    await world.restart();
    await world.clock.advance(30 * 60_000);
    await world.hear(anna, 'still there?');
    await world.settle();
    expect(world.takeSent()).toHaveLength(1);
    await world.type(anna, 'yes');
    await world.type(anna, '!bot on');
    await world.hear(anna, 'and now?');
    await world.settle();
    expect(world.takeSent()).toHaveLength(2); // the answer to the command, and the reply
  });

  it('also between two messages of a reply', async () => {
    start({ replies: { takeoverMinutes: 30, typing: 'learned' } });
    await world.open(anna);
    world.says(() => ['first', 'second']);
    await world.hear(anna, 'tell me');
    while (world.sent.length === 0) await world.clock.advance(1000);
    await world.type(anna, 'let me tell you myself');
    await world.settle();
    expect(world.takeSent()).toEqual([expect.stringContaining('first')]);
  });
});

describe('groups', () => {
  it('store and answer members who agreed, and leave nothing of the others', async () => {
    start();
    world.phone.known.push(erin, frank);
    await world.type(group, 'before anything');
    await world.type(group, '!collect on');
    expect(world.sent.map(({ text }) => text)).toEqual([expect.stringContaining('!consent yes'), say().collectOn]);
    await world.hear(group, '!consent yes', { senderId: erin.c });
    await world.type(group, '!bot on');
    await world.settle();
    const reply = { quotedId: world.sent.at(-1)?.id ?? null };
    world.sent.splice(0);
    await world.hear(group, 'frank says wombat-7731', { senderId: frank.c, ...reply });
    await world.hear(group, 'erin to all', { senderId: erin.c });
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(world.rows()).toEqual(['erin to all']);
    await world.hear(group, 'erin to the bot', { senderId: erin.lid, ...reply });
    await world.settle();
    await world.hear(group, 'and by name', { senderId: erin.c, mentionsMe: true });
    await world.settle();
    expect(world.sent.map(({ text }) => text)).toEqual([expect.stringContaining('fine by me'), 'fine by me']);
    const count = world.rows().length;
    const echo = { fromMe: true, id: `${world.sent.splice(0)[1]?.id ?? ''}_${account.lid}` };
    await world.hear(group, 'fine by me', echo); // our own, as WhatsApp names it in groups
    expect(world.rows()).toHaveLength(count);
    expect(bytesOnDisk(world.dir, 'wombat-7731')).toBe(false);
    expect(world.store.people.find(frank.c)).toBeUndefined();
    await world.hear(group, '!stop', { senderId: erin.c });
    await world.hear(group, 'no more of me', { senderId: erin.c, mentionsMe: true });
    await world.settle();
    expect(world.takeSent()).toEqual([say().withdrawn]);
    expect(bytesOnDisk(world.dir, 'no more of me')).toBe(false);
  });

  it('are read again after downtime while collecting is on', async () => {
    start();
    await world.type(group, '!collect on');
    await world.hear(group, '!consent yes', { senderId: erin.c });
    world.clock.nowMs += 60_000;
    const missed = world.inbound(group, 'missed', { senderId: erin.c });
    const asked: string[] = [];
    await world.bot.catchUp((chatId) => {
      asked.push(chatId);
      return Promise.resolve([missed]);
    });
    expect(asked).toEqual([group.c]);
    expect(world.rows()).toEqual(['missed']);
  });

  it('are asked once, and off is off', async () => {
    start();
    await world.type(group, '!collect on');
    await world.type(group, '!collect on');
    await world.type(group, '!collect off');
    await world.hear(group, '!consent yes', { senderId: erin.c });
    expect(world.takeSent().slice(1)).toEqual([
      say().collectOn,
      `${say().collectOn} ${say().alreadyAsked}`,
      say().collectOff,
    ]);
    expect(world.store.people.find(erin.c)).toBeUndefined();
  });
});

test('every command that the owner sees is explained in every language', () => {
  start();
  for (const language of ['ar', 'de', 'en', 'es', 'fr', 'hi', 'it', 'nl', 'pt', 'tr']) {
    const sentences = phrases(world.settings.noticesDir, language);
    expect(Object.entries(sentences).filter(([key]) => key.startsWith('help ')).length).toBe(23);
  }
});
