/** When the bot answers, what it sends, and what becomes of it when sending fails or the process dies. */
import { afterEach, describe, expect, it } from 'vitest';
import { disclosure } from '../../src/consent/notice.ts';
import { anna, ben, breathe, createWorld } from './world.ts';
import type { World, WorldOptions } from './world.ts';

let world: World;
const open = async (options: WorldOptions = {}): Promise<World> => {
  world = createWorld(options);
  await world.open(anna);
  return world;
};
afterEach(() => world.close());

const timeout = () => Object.assign(new Error('no answer from the page'), { name: 'SendTimeout' });
/** Past the disclosure and in a new conversation, so that a test sees the reply alone. */
const introduced = async (options: WorldOptions = {}): Promise<World> => {
  await open(options);
  await world.hear(anna, 'hi');
  await world.settle();
  await world.clock.advance(60_000);
  world.sent.splice(0);
  world.spoken.splice(0);
  return world;
};

describe('one reply per message', () => {
  it('under duplicates', async () => {
    await introduced();
    const message = await world.hear(anna, 'how are you?');
    for (let i = 0; i < 5; i++) await world.deliver(message);
    await world.settle();
    await world.clock.advance(10_000);
    await world.deliver(message);
    await world.settle();
    expect(world.takeSent()).toEqual(['fine by me']);
  });

  it('under restarts before, during and after the reply', async () => {
    await introduced();
    const message = world.inbound(anna, 'how are you?');
    for (let round = 0; round < 4; round++) {
      void world.bot.onMessage(message);
      if (round > 1) await world.settle();
      await world.restart();
      await world.deliver({ ...message, isCatchUp: round % 2 === 1 });
    }
    await world.settle();
    expect(world.takeSent()).toEqual(['fine by me']);
  });

  it('when the process dies between sending and writing it down', async () => {
    await introduced();
    world.phone.echoes = false;
    world.phone.hold = new Promise(() => undefined); // the send never settles: this process will not see its end
    const message = await world.hear(anna, 'how are you?');
    await world.clock.advance(1000);
    expect(world.sent).toHaveLength(1);
    const echo = { ...message, id: world.sent[0]?.id ?? '', fromMe: true, text: world.sent[0]?.text ?? '' };
    world.phone.hold = undefined;
    await world.replace();
    await world.deliver({ ...message, isCatchUp: true });
    await world.deliver({ ...echo, isCatchUp: true });
    await world.settle();
    expect(world.sent).toHaveLength(1);
    expect(world.rows()).toEqual(['hi', 'fine by me', 'how are you?']); // the echo is not the owner's writing
  });

  it('for a burst: one reply to the last message', async () => {
    await introduced();
    for (const text of ['hey', 'you there?', '?']) {
      await world.bot.onMessage(world.inbound(anna, text));
      await world.clock.advance(30);
    }
    await world.settle();
    expect(world.takeSent()).toHaveLength(1);
    expect(world.spoken).toHaveLength(1);
    expect(world.spoken[0]?.context.map(({ text }) => text)).toEqual(['hi', 'fine by me', 'hey', 'you there?', '?']);
  });

  it('for a burst whose earlier messages come again after a restart', async () => {
    await introduced();
    const first = world.inbound(anna, 'hey');
    await Promise.all([world.bot.onMessage(first), world.bot.onMessage(world.inbound(anna, 'you there?'))]);
    await world.settle();
    await world.restart();
    await world.deliver(first);
    await world.settle();
    expect(world.takeSent()).toHaveLength(1);
  });

  it('to a message that comes while the model thinks, and not to the one before', async () => {
    await introduced();
    let late: Promise<void> | undefined;
    world.says((n) => {
      if (n === 1) late = world.bot.onMessage(world.inbound(anna, 'wait, one more thing'));
      return [`answer ${n}`];
    });
    await world.hear(anna, 'so');
    await world.settle();
    await late;
    expect(world.takeSent()).toEqual(['answer 2']);
  });
});

describe('no reply', () => {
  it.each([
    ['to what the owner types', { fromMe: true }],
    ['to media', { kind: 'media', media: 'image' }],
    ['to a message of eleven minutes ago', { timestampMs: -660_000 }],
    ['to forwarded text', { isForwarded: true }],
    ['to a disappearing message', { isEphemeral: true }],
    ['from catch-up older than ten minutes', { isCatchUp: true, timestampMs: -601_000 }],
  ] as const)('%s', async (_, fields) => {
    await introduced();
    await world.clock.advance(3_600_000); // so that old does not mean before consent
    const { timestampMs, ...rest } = { timestampMs: 0, ...fields };
    await world.hear(anna, 'and?', { ...rest, timestampMs: world.clock.nowMs + timestampMs });
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('when the owner answers first', async () => {
    await introduced();
    await world.bot.onMessage(world.inbound(anna, 'are you coming?'));
    await world.bot.onMessage(world.inbound(anna, 'on my way', { fromMe: true }));
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('to a message that was taken back', async () => {
    await introduced();
    const message = world.inbound(anna, 'forget it');
    await world.bot.onMessage(message);
    await world.bot.onRevoke(anna.c, message.id);
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('where replies are off, or off everywhere', async () => {
    await introduced();
    await world.type(anna, '!bot off');
    world.takeSent();
    await world.hear(anna, 'hello?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(world.spoken).toEqual([]);
  });

  it('to somebody who did not agree', async () => {
    world = createWorld();
    await world.type(anna, '!collect on');
    await world.type(anna, '!bot on');
    world.takeSent();
    await world.hear(anna, 'hello?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(world.spoken).toEqual([]);
  });

  it('once the bot is closing, which does not wait for the model', async () => {
    await introduced();
    world.thinks(new Promise(() => undefined));
    await world.hear(anna, 'take all the time you want');
    await world.clock.advance(1000);
    expect(world.spoken).toHaveLength(1);
    await world.bot.close();
    await world.hear(anna, 'anyone?');
    expect(world.takeSent()).toEqual([]);
  });

  it('while there is no run to serve', async () => {
    await introduced();
    world.says(() => undefined);
    await world.hear(anna, 'hello?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('when the model fails, and the next message is answered', async () => {
    await introduced();
    world.says((n) => {
      if (n === 1) throw new Error('secret words of a chat');
      return ['back again'];
    });
    await world.hear(anna, 'one');
    await world.settle();
    await world.hear(anna, 'two');
    await world.settle();
    expect(world.takeSent()).toEqual(['back again']);
    expect(world.logLines.join('')).not.toContain('secret words');
  });
});

describe('collection off, replies on', () => {
  it('answers from the burst alone and keeps none of it', async () => {
    await introduced();
    await world.type(anna, '!collect off');
    const before = world.store.messages.count();
    const replies = world.store.replies.list(10).length;
    world.takeSent();
    await world.hear(anna, 'not to be kept');
    await world.settle();
    expect(world.takeSent()).toEqual(['fine by me']);
    expect(world.spoken.at(-1)?.context.at(-1)).toMatchObject({ text: 'not to be kept', isPersona: false, rowId: -1 });
    expect(world.store.messages.count()).toBe(before);
    expect(world.store.replies.list(10)).toHaveLength(replies);
  });

  it('does not answer what is forwarded or disappears', async () => {
    await introduced();
    await world.type(anna, '!collect off');
    world.takeSent();
    await world.hear(anna, 'passed on', { isForwarded: true });
    await world.hear(anna, 'gone soon', { isEphemeral: true });
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });
});

describe('context', () => {
  it('is this chat and no other', async () => {
    await open();
    await world.open(ben);
    await world.hear(ben, 'the code is 4711');
    await world.settle();
    await world.hear(anna, 'what is the code?');
    await world.settle();
    expect(world.spoken.at(-1)?.context.map(({ text }) => text)).toEqual(['what is the code?']);
  });

  it('has the persona and the bot in their roles', async () => {
    await introduced();
    await world.type(anna, 'typed by hand');
    await world.hear(anna, 'and?');
    await world.settle();
    const roles = world.spoken.at(-1)?.context.map(({ text, isPersona, isBot }) => ({ text, isPersona, isBot }));
    expect(roles).toEqual([
      { text: 'hi', isPersona: false, isBot: false },
      { text: 'fine by me', isPersona: false, isBot: true },
      { text: 'typed by hand', isPersona: true, isBot: false },
      { text: 'and?', isPersona: false, isBot: false },
    ]);
  });
});

describe('guard', () => {
  it('refuses candidates, and the best of the others is sent and can be made again', async () => {
    await introduced();
    world.says((_, candidate) => [candidate < 3 ? 'see https://example.org' : `no link in ${candidate}`]);
    await world.hear(anna, 'where?');
    await world.settle();
    expect(world.takeSent()).toEqual(['no link in 3']);
    expect(world.spoken).toHaveLength(1);
    expect(world.store.replies.list(1)[0]).toMatchObject({
      bubbles: ['no link in 3'],
      seed: world.spoken[0]!.seed + 2,
    });
  });

  it('refuses all: silence, and nothing but numbers in the log', async () => {
    await introduced();
    world.says(() => ['see https://example.org']);
    world.logLines.splice(0);
    await world.hear(anna, 'where?');
    await world.settle();
    expect(world.spoken).toHaveLength(1);
    expect(world.takeSent()).toEqual([]);
    expect(world.logLines.join('')).toContain('"candidates":4');
    expect(world.logLines.join('')).not.toMatch(/example|where/);
  });

  it('knows the names that persona.json hides, unless this chat holds them', async () => {
    world = createWorld({ settings: { redaction: { regions: ['DE'], names: ['Marlene'] } } });
    await world.open(anna);
    world.says((_, candidate) => [candidate === 1 ? 'ask marlene' : 'no idea']);
    await world.hear(anna, 'who knows?');
    await world.settle();
    expect(world.takeSent().at(-1)).toContain('no idea');
    await world.clock.advance(10_000);
    await world.hear(anna, 'does Marlene know?');
    await world.settle();
    expect(world.takeSent()).toEqual(['ask marlene']);
  });

  it('keeps a phrase of another chat out', async () => {
    await open();
    await world.agree(ben);
    await world.hear(ben, 'the key lies under the third stone by the door');
    world.says((_, candidate) => [candidate === 1 ? 'the key lies under the third stone' : 'no idea']);
    await world.hear(anna, 'where is the key?');
    await world.settle();
    expect(world.takeSent().at(-1)).toContain('no idea');
  });
});

describe('caps', () => {
  const flood = async (messages: number, everyMs: number): Promise<void> => {
    for (let i = 0; i < messages; i++) {
      void world.bot.onMessage(world.inbound(anna, `message ${i}`));
      await world.clock.advance(everyMs);
    }
    await world.settle();
  };
  const gaps = (times: number[]): number[] => times.slice(1).map((time, i) => time - (times[i] ?? 0));

  it('one reply in five seconds', async () => {
    await introduced();
    await flood(20, 1000);
    const times = world.sent.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThan(1);
    expect(Math.min(...gaps(times))).toBeGreaterThanOrEqual(5000);
  });

  it('twenty in an hour, also across restarts', async () => {
    await open();
    await flood(30, 20_000);
    await world.restart();
    await flood(30, 20_000);
    expect(world.sent).toHaveLength(20);
    await world.clock.advance(3_600_000);
    await flood(1, 1000);
    expect(world.sent).toHaveLength(21);
  });

  it('a hundred in a day, over all chats', async () => {
    await open();
    await world.open(ben);
    for (let hour = 0; hour < 6; hour++) {
      for (let i = 0; i < 22; i++) {
        for (const chat of [anna, ben]) void world.bot.onMessage(world.inbound(chat, `${hour}:${i}`));
        await world.clock.advance(10_000);
      }
      await world.settle();
      await world.clock.advance(3_600_000);
    }
    expect(world.sent).toHaveLength(100);
  });

  it('bubbles count, and stop where the hour is used up', async () => {
    await open();
    world.says(() => ['one', 'two', 'three']);
    await flood(30, 20_000);
    expect(world.sent).toHaveLength(20);
  });
});

describe('quiet hours', () => {
  it('are kept in the time zone of the persona', async () => {
    // noon UTC is 21:00 in Tokyo
    await open({ settings: { timezone: 'Asia/Tokyo' }, replies: { quietHours: '21:30-06:00' } });
    await world.hear(anna, 'still up?');
    await world.settle();
    expect(world.takeSent()).toHaveLength(1);
    await world.clock.advance(30 * 60_000);
    await world.hear(anna, 'and now?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    await world.clock.advance(8.5 * 3_600_000);
    await world.hear(anna, 'good morning');
    await world.settle();
    expect(world.takeSent()).toHaveLength(1);
  });
});

describe('quoting', () => {
  const one = async (): Promise<void> => {
    await world.hear(anna, 'just one');
    await world.settle();
  };
  const several = async (): Promise<string> => {
    await world.bot.onMessage(world.inbound(anna, 'first'));
    const last = await world.hear(anna, 'second');
    await world.settle();
    return last.id;
  };

  it('auto: not in plain turn-taking, and the last of several', async () => {
    await introduced();
    await one();
    expect(world.sent.splice(0)).toMatchObject([{ quotedId: undefined }]);
    await world.clock.advance(60_000);
    const last = await several();
    expect(world.sent).toMatchObject([{ quotedId: last }]);
  });

  it('auto: quotes where something was written after the answered message', async () => {
    await introduced();
    const message = world.inbound(anna, 'look at this');
    await world.bot.onMessage(message);
    await world.bot.onMessage(world.inbound(anna, '', { kind: 'media', media: 'image' }));
    await world.settle();
    expect(world.sent).toMatchObject([{ quotedId: message.id }]);
  });

  it('always', async () => {
    await introduced({ replies: { quote: 'always' } });
    await one();
    expect(world.sent[0]?.quotedId).toMatch(/^false_/);
  });

  it('never', async () => {
    await introduced({ replies: { quote: 'never' } });
    await several();
    expect(world.sent).toMatchObject([{ quotedId: undefined }]);
  });

  it('only the first bubble', async () => {
    await introduced({ replies: { quote: 'always' } });
    world.says(() => ['one', 'two']);
    await one();
    expect(world.sent.map(({ quotedId }) => quotedId !== undefined)).toEqual([true, false]);
  });
});

describe('disclosure', () => {
  it('comes with the first reply in a chat, and again after thirty days', async () => {
    await open();
    const line = disclosure(world.settings.noticesDir, 'en', { persona: 'Juno' });
    const answerAfter = async (ms: number): Promise<string> => {
      await world.clock.advance(ms);
      await world.hear(anna, 'hm?');
      await world.settle();
      return world.takeSent().join();
    };
    const dayMs = 86_400_000;
    expect(await answerAfter(0)).toBe(`${line}\n\nfine by me`);
    expect(await answerAfter(dayMs)).toBe('fine by me');
    await world.restart();
    expect(await answerAfter(28 * dayMs)).toBe('fine by me');
    expect(await answerAfter(2 * dayMs)).toBe(`${line}\n\nfine by me`);
    expect(await answerAfter(dayMs)).toBe('fine by me');
  });

  it('is not part of what is stored, and comes again if it did not leave', async () => {
    await open();
    world.phone.failures = [new Error('not connected')];
    await world.hear(anna, 'one');
    await world.settle();
    await world.hear(anna, 'two');
    await world.settle();
    expect(world.takeSent().map((text) => text.split('\n\n').length)).toEqual([2]);
    expect(world.rows()).toEqual(['one', 'two', 'fine by me']);
  });
});

describe('bubbles', () => {
  it('are sent in order, four at most, each with its row', async () => {
    await introduced();
    world.says(() => ['one', ' two ', '', 'three', 'four', 'five']);
    await world.hear(anna, 'count');
    await world.settle();
    expect(world.takeSent()).toEqual(['one', 'two', 'three', 'four']);
    expect(world.rows().slice(2)).toEqual(['count', 'one', 'two', 'three', 'four']);
    expect(world.store.replies.list(1)).toMatchObject([{ bubbles: ['one', 'two', 'three', 'four'], runId: 'run-1' }]);
  });

  it('stop where replies are switched off in between', async () => {
    await introduced({ replies: { typing: 'learned' } });
    world.says(() => ['one', 'two', 'three']);
    await world.hear(anna, 'count');
    while (world.sent.length === 0) await world.clock.advance(100);
    void world.bot.onMessage(world.inbound(anna, '!bot off', { fromMe: true }));
    await world.settle();
    expect(world.takeSent().filter((text) => !text.startsWith('Automated'))).toEqual(['one']);
  });

  it('stop where the contact says !stop in between', async () => {
    await introduced({ replies: { typing: 'learned' } });
    world.says(() => ['one', 'two', 'three']);
    await world.hear(anna, 'count');
    while (world.sent.length === 0) await world.clock.advance(100);
    void world.bot.onMessage(world.inbound(anna, '!stop'));
    await world.settle();
    expect(world.takeSent().filter((text) => !text.startsWith('Stopped'))).toEqual(['one']);
  });
});

describe('pace', () => {
  it('learned: waits until the chat is quiet, shows typing, then sends', async () => {
    await introduced({ replies: { typing: 'learned' } });
    world.typing.splice(0);
    const heardAtMs = world.clock.nowMs;
    await world.hear(anna, 'take your time');
    await world.settle();
    expect((world.sent[0]?.atMs ?? 0) - heardAtMs).toBeGreaterThan(4000);
    expect(world.typing).toEqual([
      { chatId: anna.c, typing: true },
      { chatId: anna.c, typing: false },
    ]);
  });

  it('instant: at once, without a sign', async () => {
    await introduced();
    const heardAtMs = world.clock.nowMs;
    void world.bot.onMessage(world.inbound(anna, 'quick'));
    await world.settle();
    expect((world.sent[0]?.atMs ?? 0) - heardAtMs).toBe(50);
    expect(world.typing).toEqual([]);
  });
});

describe('sending that fails', () => {
  const outcomes = (): number => world.store.outbox.sentSince(world.chat(anna).id, world.clock.nowMs - 30_000).length;

  it('known not to have left: nothing is stored, nothing sent again, and the caps do not count it', async () => {
    await introduced();
    world.phone.failures = [new Error('not connected')];
    await world.hear(anna, 'hello?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(outcomes()).toBe(0);
    expect(world.rows()).toEqual(['hi', 'fine by me', 'hello?']);
    expect(world.store.replies.list(10)).toHaveLength(1); // that of 'hi'
  });

  it('unknown: never sent again, and its echo is known for ours', async () => {
    await introduced();
    world.phone.echoes = false;
    world.phone.leavesAnyway = true;
    world.phone.failures = [timeout()];
    world.says(() => ['one', 'two']);
    const message = await world.hear(anna, 'hello?');
    await world.settle();
    expect(world.sent).toMatchObject([{ text: 'one' }]); // the rest waits for nobody
    const chatId = world.chat(anna).id;
    expect(world.store.outbox.answered(chatId, message.id)).toBe(true);
    const id = world.sent[0]?.id ?? '';
    expect(world.store.outbox.isOurs(chatId, id)).toBe(false);
    await world.deliver(world.inbound(anna, 'one ', { fromMe: true, id }));
    expect(world.store.outbox.isOurs(chatId, id)).toBe(true);
    await world.restart();
    await world.deliver({ ...message, isCatchUp: true });
    await world.settle();
    expect(world.sent).toHaveLength(1);
    expect(world.rows()).toEqual(['hi', 'fine by me', 'hello?']);
  });

  it('an echo that comes while the send is still in flight waits for it', async () => {
    await introduced();
    world.phone.echoText = (text) => `${text}\u200e`; // known by its id alone, which only the end of the send tells
    let release: () => void = () => undefined;
    world.phone.hold = new Promise((resolve) => (release = resolve));
    await world.hear(anna, 'hello?');
    await world.clock.advance(1000);
    expect(world.sent).toHaveLength(1);
    expect(world.rows()).toEqual(['hi', 'fine by me', 'hello?']);
    release();
    await world.settle();
    await breathe();
    const rows = world.store.messages.recent(world.chat(anna).id, 10);
    expect(rows.map(({ text, origin }) => `${origin} ${text}`)).toEqual([
      'live hi',
      'bot fine by me',
      'live hello?',
      'bot fine by me',
    ]);
  });

  it('an acknowledgement that fails leaves the command obeyed', async () => {
    await introduced();
    world.phone.failures = [new Error('not connected')];
    await world.type(anna, '!bot off');
    expect(world.chat(anna).bot).toBe(false);
  });
});

describe('echoes', () => {
  it('never count as the owner’s writing, in any number', async () => {
    await introduced();
    for (let i = 0; i < 10; i++) {
      await world.hear(anna, `question ${i}`);
      await world.settle();
      await world.clock.advance(60_000);
    }
    const rows = world.store.messages.recent(world.chat(anna).id, 100);
    expect(rows.filter(({ fromMe, origin }) => fromMe && origin !== 'bot')).toEqual([]);
    expect(world.store.messages.countBy(world.store.people.resolve(['me']))).toBe(300);
    expect(world.takeSent()).toHaveLength(10);
  });
});
