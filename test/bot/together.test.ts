/** Group commit: who waits, who does not, in which order, and what becomes of the others when one cannot be written. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createTogether } from '../../src/bot/together.ts';
import { onDisk } from './full-disk.ts';
import { anna, ben, createWorld } from './world.ts';
import type { World, WorldOptions } from './world.ts';

/** Longer than any test: what waits for it waits until something makes it go. */
const forEver = 3_600_000;

describe('createTogether', () => {
  const record = (windowMs: number, fails: (item: number) => boolean = () => false) => {
    const groups: number[][] = [];
    const told: string[] = [];
    const write = (items: readonly number[]): string[] => {
      groups.push([...items]);
      if (items.some(fails)) throw new Error(`not ${items.filter(fails).join()}`);
      return items.map((item) => `row ${item}`);
    };
    const together = createTogether({ windowMs, write });
    const add = (item: number): Promise<void> =>
      together.add(item).then(
        (row) => void told.push(row),
        (error: unknown) => void told.push(String(error)),
      );
    return { groups, told, together, add };
  };

  it('writes what comes alone before it returns', () => {
    const { groups, add } = record(forEver);
    void add(1);
    expect(groups).toEqual([[1]]);
  });

  it('writes what comes soon after it together, in order, when the time is over', async () => {
    const { groups, told, add } = record(20);
    await add(1);
    await Promise.all([add(2), add(3), add(4)]);
    expect(groups).toEqual([[1], [2, 3, 4]]);
    expect(told).toEqual(['row 1', 'row 2', 'row 3', 'row 4']);
    await sleep(40);
    void add(5);
    expect(groups).toHaveLength(3);
  });

  it('waits longer where writing is slow, but never long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const groups: number[][] = [];
    let takesMs = 1;
    const write = (items: readonly number[]): number[] => {
      groups.push([...items]);
      vi.advanceTimersByTime(takesMs);
      return [...items];
    };
    const together = createTogether({ windowMs: 40, write });
    const pauseAfter = async (ms: number): Promise<number> => {
      await vi.advanceTimersByTimeAsync(10_000);
      takesMs = ms;
      void together.add(1);
      takesMs = 0;
      const groupsBefore = groups.length;
      void together.add(2);
      let waitedMs = 0;
      for (; groups.length === groupsBefore; waitedMs++) await vi.advanceTimersByTimeAsync(1);
      return waitedMs;
    };
    expect(await pauseAfter(1)).toBe(40);
    expect(await pauseAfter(5)).toBe(100);
    expect(await pauseAfter(500)).toBe(250);
  });

  it('writes at once when told to, and when there are many', () => {
    const { groups, together, add } = record(forEver);
    void add(0);
    void add(1);
    together.flush();
    expect(groups).toEqual([[0], [1]]);
    for (let i = 2; i < 2 + 64; i++) void add(i);
    expect(groups).toHaveLength(3);
    expect(groups[2]).toHaveLength(64);
    together.flush();
    expect(groups).toHaveLength(3); // nothing to write
  });

  it('does not let one that cannot be written take the others with it', async () => {
    const { told, together, add } = record(forEver, (item) => item === 3);
    void add(1);
    const all = [add(2), add(3), add(4)];
    together.flush();
    await Promise.all(all);
    expect(told).toEqual(['row 1', 'row 2', 'Error: not 3', 'row 4']);
  });
});

describe('messages that are written together', () => {
  let world: World;
  const start = (options: WorldOptions = {}): World => (world = createWorld({ togetherMs: forEver, ...options }));
  afterEach(() => world.close());
  /** Told, and not waited for; the first one is written at once, so these wait. */
  const tell = (...texts: string[]): Promise<unknown> =>
    Promise.all(texts.map((text) => world.bot.onMessage(world.inbound(anna, text))));

  it('are handled when they are on disk, and not before', async () => {
    start();
    await world.agree(anna);
    await tell('first');
    let isDone = false;
    const work = tell('second', 'third').then(() => (isDone = true));
    await sleep(20);
    expect([isDone, world.rows()]).toEqual([false, ['first']]);
    await world.bot.settled();
    await work;
    expect(world.rows()).toEqual(['first', 'second', 'third']);
  });

  it.each([
    ['a command', () => world.hear(ben, '!status')],
    ['what the owner types', () => world.type(anna, 'my turn')],
    ['a bare stop', () => world.hear(anna, 'stop')],
    ['closing', () => world.bot.close()],
  ])('%s does not wait for others, nor overtake them', async (_what, work) => {
    start();
    await world.agree(anna);
    await world.agree(ben);
    await tell('first');
    const waiting = tell('second');
    await sleep(5);
    expect(world.rows()).toEqual(['first']);
    await work();
    await waiting;
    expect(world.rows().slice(0, 2)).toEqual(['first', 'second']);
  });

  it('an edit, a deletion and a reaction find the message that they are about', async () => {
    start();
    await world.agree(anna);
    await tell('first');
    const [edited, deleted, liked] = ['second', 'third', 'fourth'].map((text) => world.inbound(anna, text));
    void world.bot.onMessage(edited!);
    const { id, chatId, timestampMs } = edited!;
    await world.bot.onEdit(chatId, id, 'second, but better', timestampMs + 1000);
    void world.bot.onMessage(deleted!);
    await world.bot.onRevoke(chatId, deleted!.id);
    void world.bot.onMessage(liked!);
    await world.bot.onReaction({ chatId, messageId: liked!.id, senderId: anna.c, emoji: '👍', atMs: timestampMs });
    expect(world.rows()).toEqual(['first', 'second, but better', 'fourth']);
  });

  it('are asked for consent when they are written: a refusal that came meanwhile counts', async () => {
    start();
    await world.agree(anna);
    await tell('first');
    const waiting = tell('second');
    await sleep(5);
    const [personId, atMs] = [world.person(anna), world.clock.nowMs - 1000];
    // as another process or the review page would
    world.store.consent.append({ personId, scope: 'log', action: 'withdrawn', atMs, noticeHash: '', chatId: null });
    await world.bot.settled();
    await waiting;
    expect(world.store.messages.count()).toBe(301); // with the imported ones: `second` was never stored
  });

  it('delivered again while they wait are written once; what the disk refused gets another chance', async () => {
    start();
    await world.agree(anna);
    await tell('first');
    const message = world.inbound(anna, 'second');
    const disk = { writesLeft: 0 };
    onDisk(world.store, disk);
    const refused = [world.bot.onMessage(message), world.bot.onMessage(message)];
    await world.bot.settled();
    await Promise.all(refused);
    expect(world.rows()).toEqual(['first']);
    disk.writesLeft = Number.POSITIVE_INFINITY;
    const again = [world.bot.onMessage(message), world.bot.onMessage(message)];
    await world.bot.settled();
    await Promise.all(again);
    expect(world.rows()).toEqual(['first', 'second']);
  });

  it('a thousand that a sweep finds are written in large groups', async () => {
    start();
    await world.agree(anna);
    let commits = 0;
    const transaction = world.store.transaction.bind(world.store);
    world.store.transaction = (work) => {
      commits++;
      return transaction(work);
    };
    const missed = Array.from({ length: 1000 }, (_, i) => world.inbound(anna, `missed ${i}`));
    const swept = world.bot.catchUp(() => Promise.resolve(missed));
    await sleep(50);
    await world.bot.settled();
    await swept;
    expect(world.rows()).toHaveLength(1000);
    expect(commits).toBeLessThan(20);
  });
});
