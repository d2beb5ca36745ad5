/** The small parts by themselves: reading commands, counting caps, the clock of quiet hours, order, bursts, errors. */
import { describe, expect, it } from 'vitest';
import { createBursts } from '../../src/bot/burst.ts';
import { bubbleAllowed, replyAllowance } from '../../src/bot/caps.ts';
import { describeError } from '../../src/bot/errors.ts';
import { createLanes } from '../../src/bot/lanes.ts';
import { paceOf } from '../../src/bot/pace.ts';
import { findCommand, isBareStop, looksLikeCommand, parseCommand } from '../../src/bot/parse.ts';
import { isQuiet } from '../../src/bot/quiet.ts';
import { createSeen } from '../../src/bot/seen.ts';
import { createRandom } from '../../src/util/random.ts';
import { breathe, createClock } from './world.ts';

describe('parseCommand', () => {
  it.each([
    ['!help', '!help'],
    ['  !Bot   OFF all\r\n', '!bot off all'],
    ['!consent\tyes', '!consent yes'],
    ['!anything else', '!anything else'],
  ])('%j -> %j', (text, line) => expect(parseCommand(text)).toBe(line));

  it.each([
    '',
    '!',
    '! help',
    'help',
    '!1',
    '!help?',
    '!bot\non',
    '！help',
    '!hеlp',
    '!ſtop',
    '!\u212aelp',
    '!' + 'a'.repeat(99),
  ])('%j is none', (text) => expect(parseCommand(text)).toBeUndefined());
});

describe('findCommand', () => {
  const table = [
    { name: '!bot off' },
    { name: '!bot off all' },
    { name: '!use', argument: /^[a-z\d-]+$/i },
    { name: '!no', argument: 'text' as const },
  ];
  const find = (text: string) => {
    const line = findCommand(text, table);
    return line && [line.form.name, line.argument];
  };

  it.each([
    ['!bot off', ['!bot off', '']],
    [' !Bot Off ALL', ['!bot off all', '']],
    ['!use Run-1\n', ['!use', 'Run-1']],
    ['!USE\tabc', ['!use', 'abc']],
    ['!use', ['!use', undefined]],
    ['!no', ['!no', undefined]],
    ['!no Nö, „später“\nund anders ', ['!no', 'Nö, „später“\nund anders']],
    ['!No !bot off', ['!no', '!bot off']],
  ])('%j -> %j', (text, expected) => expect(find(text)).toEqual(expected));

  it.each([
    '!bot',
    '!bot off now',
    '!use a b',
    '!use ä',
    '!nothing',
    '!no\u00a0x',
    '!no\nx',
    `!no ${'x'.repeat(2000)}`,
  ])('%j is none', (text) => expect(find(text)).toBeUndefined());
});

describe('looksLikeCommand', () => {
  it.each(['!help', '!nonsense and more', ' !Stop', '！stop', '\u200b!stop', '\n!überraschung'])('%j does', (text) =>
    expect(looksLikeCommand(text)).toBe(true),
  );
  it.each(['', '!', '!!', '! no', 'wow!', '!1', 'so !stop', '?!really'])('%j does not', (text) =>
    expect(looksLikeCommand(text)).toBe(false),
  );
});

describe('isBareStop', () => {
  it.each(['stop', 'Stop', 'STOP!!', '"stop".', '🛑 stop', '!Stop.', '！stop'])('%j is', (text) =>
    expect(isBareStop(text)).toBe(true),
  );
  it.each(['', 'stop it', 'nonstop', 'stopp', 'bus stop', `stop${'!'.repeat(99)}`])('%j is not', (text) =>
    expect(isBareStop(text)).toBe(false),
  );
});

describe('caps', () => {
  const caps = { perChatSeconds: 5, perChatHour: 3, perDay: 5 };
  const now = 1_000_000_000;
  /** ages of sent replies, ms; the day's are of all chats */
  const outbox = (here: number[], elsewhere: number[] = []) => ({
    sentSince: (chatId: number | null, sinceMs: number) =>
      (chatId === null ? [...here, ...elsewhere] : here).map((age) => now - age).filter((atMs) => atMs >= sinceMs),
  });
  const allowance = (here: number[], elsewhere: number[] = []) =>
    replyAllowance(outbox(here, elsewhere) as Parameters<typeof replyAllowance>[0], 1, now, caps);

  it.each([
    ['nothing sent', [], [], { verdict: 'yes' }],
    ['sent two seconds ago', [2000], [], { verdict: 'wait', waitMs: 3000 }],
    ['sent five seconds ago', [5000], [], { verdict: 'yes' }],
    ['three this hour', [10_000, 20_000, 3_600_000], [], { verdict: 'no', cap: 'hour' }],
    ['the third is an hour and more old', [10_000, 20_000, 3_600_001], [], { verdict: 'yes' }],
    ['five today', [10_000], [9e6, 9e6, 9e6, 9e6], { verdict: 'no', cap: 'day' }],
    ['the clock stepped back an hour', [-3_600_000], [], { verdict: 'wait', waitMs: 5000 }],
  ])('%s', (_, here, elsewhere, expected) => expect(allowance(here, elsewhere)).toEqual(expected));

  it('leave room for a bubble until the hour is used up', () => {
    const room = (here: number[]) => bubbleAllowed(outbox(here) as Parameters<typeof bubbleAllowed>[0], 1, now, caps);
    expect([room([1, 2]), room([1, 2, 3])]).toEqual([true, false]);
  });
});

describe('quiet hours', () => {
  const at = (iso: string, hours: string | null, zone = 'UTC') => isQuiet(Date.parse(iso), hours, zone);
  it.each([
    ['2026-11-20T22:00Z', '22:00-08:00', 'UTC', true],
    ['2026-11-20T21:59Z', '22:00-08:00', 'UTC', false],
    ['2026-11-20T00:00Z', '22:00-08:00', 'UTC', true],
    ['2026-11-20T08:00Z', '22:00-08:00', 'UTC', false],
    ['2026-11-20T13:00Z', '12:30-14:00', 'UTC', true],
    ['2026-11-20T14:00Z', '12:30-14:00', 'UTC', false],
    ['2026-11-20T21:30Z', '22:00-08:00', 'Europe/Berlin', true],
    ['2026-07-20T20:30Z', '22:00-08:00', 'Europe/Berlin', true],
    ['2026-11-20T20:30Z', '22:00-08:00', 'Europe/Berlin', false],
    ['2026-11-20T12:00Z', '00:00-00:00', 'UTC', false],
  ])('%s in %s, %s: %s', (iso, hours, zone, quiet) => expect(at(iso, hours, zone)).toBe(quiet));
  it('none', () => expect(at('2026-11-20T03:00Z', null)).toBe(false));
});

describe('pace', () => {
  it('draws the pause from the gap class, typing at its end, at most two minutes', () => {
    const random = createRandom(1);
    for (const [gap, low, high] of [
      [0, 1_000, 5_000],
      [1, 5_000, 30_000],
      [2, 30_000, 120_000],
      [5, 120_000, 120_000],
    ] as const) {
      const { pauseMs, typingMs } = paceOf('some words', gap, 0, random);
      expect(pauseMs + typingMs).toBeGreaterThanOrEqual(low);
      expect(pauseMs + typingMs).toBeLessThanOrEqual(high);
      expect(typingMs).toBeLessThanOrEqual(8_000);
    }
    expect(paceOf('x'.repeat(500), null, 0, random)).toEqual({ pauseMs: 0, typingMs: 8_000 });
    expect(paceOf('short', 1, 40_000, random)).toEqual({ pauseMs: 0, typingMs: 0 });
  });
});

describe('lanes', () => {
  it('keep the order of one key through failures, run keys side by side, and forget idle ones', async () => {
    const lanes = createLanes<string>();
    const done: string[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const first = lanes.run('a', async () => {
      await gate;
      done.push('a1');
      throw new Error('a1 failed');
    });
    const second = lanes.run('a', () => Promise.resolve(done.push('a2')));
    await lanes.run('b', () => Promise.resolve(done.push('b1')));
    expect(done).toEqual(['b1']);
    release();
    await expect(first).rejects.toThrow('a1 failed');
    await second;
    await lanes.idle();
    expect(done).toEqual(['b1', 'a1', 'a2']);
    expect(lanes.size()).toBe(0);
  });
});

describe('bursts', () => {
  const setUp = () => {
    const clock = createClock(0);
    const answers: { atMs: number; items: string[] }[] = [];
    const bursts = createBursts<string>({
      quietMs: 100,
      wait: (ms) => clock.wait(ms),
      isClosed: () => false,
      answer: (_, items, isCurrent) => {
        answers.push({ atMs: clock.nowMs, items });
        return Promise.resolve(isCurrent());
      },
      onError: () => undefined,
    });
    return { clock, answers, bursts };
  };

  it('hand over what came until it was quiet', async () => {
    const { clock, answers, bursts } = setUp();
    bursts.add(1, 'a');
    await clock.advance(90);
    bursts.add(1, 'b');
    bursts.add(2, 'other chat');
    await clock.runOut();
    expect(answers.map(({ items }) => items)).toEqual([['other chat'], ['a', 'b']]);
    await bursts.idle();
  });

  it('forget what was cancelled or taken back', async () => {
    const { clock, answers, bursts } = setUp();
    bursts.add(1, 'a');
    bursts.add(1, 'b');
    bursts.remove(1, (item) => item === 'b');
    bursts.add(2, 'c');
    bursts.cancel(2);
    await clock.runOut();
    expect(answers.map(({ items }) => items)).toEqual([['a']]);
    bursts.add(2, 'd');
    await clock.runOut();
    expect(answers.map(({ items }) => items)).toEqual([['a'], ['d']]);
  });
});

describe('seen', () => {
  const memory = () => {
    const values = new Map<string, string>();
    return {
      get: (key: string) => values.get(key),
      set: (key: string, value: string) => void values.set(key, value),
      delete: (key: string) => void values.delete(key),
    };
  };

  it('knows an id until it is told to forget, and holds a bounded number', () => {
    const seen = createSeen({ settings: memory(), dataDir: '' });
    expect([seen.add('a'), seen.add('a')]).toEqual([true, false]);
    seen.forget('a');
    expect(seen.add('a')).toBe(true);
    for (let i = 0; i < 20_000; i++) seen.add(String(i));
    expect([seen.add('19999'), seen.add('a')]).toEqual([false, true]);
  });

  it('knows obeyed commands after a restart', () => {
    const settings = memory();
    const seen = () => createSeen({ settings, dataDir: '' });
    expect(seen().addCommand('a')).toBe(true);
    expect(seen().addCommand('a')).toBe(false);
    for (let i = 0; i < 200; i++) seen().addCommand(String(i));
    expect(settings.get('bot.commandsObeyed')?.split('\n')).toHaveLength(200);
  });

  it('knows urgent commands that could not be written, and writes them with the next one', () => {
    const settings = memory();
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    const { set } = settings;
    settings.set = () => {
      throw full;
    };
    const seen = createSeen({ settings, dataDir: '' });
    expect(() => seen.addCommand('a')).toThrow(full);
    expect([seen.addCommand('b', true), seen.addCommand('b', true)]).toEqual([true, false]);
    settings.set = set;
    expect(seen.addCommand('c')).toBe(true);
    expect(settings.get('bot.commandsObeyed')).toBe('b\nc');
  });
});

describe('describeError', () => {
  it('gives name, code and place, and no word of the message', () => {
    const error = Object.assign(new TypeError('secret\n    at secret (secret.ts:1:1)'), { code: 'E_CODE' });
    const described = describeError(error);
    expect(described).toMatchObject({ error: 'TypeError', code: 'E_CODE' });
    expect(described.at?.[0]).toContain('parts.test.ts');
    expect(JSON.stringify(described)).not.toContain('secret');
    expect(describeError('secret')).toEqual({ error: 'string' });
  });
});

it('the test clock wakes waiters in order', async () => {
  const clock = createClock(0);
  const woken: number[] = [];
  for (const ms of [30, 10, 20]) void clock.wait(ms).then(() => woken.push(ms));
  await clock.advance(20);
  await breathe();
  expect(woken).toEqual([10, 20]);
});
