/** Reactions, `!again` and `!no`: what is kept of them, and that what was disliked is not said again where there is a choice. */
import { afterEach, describe, expect, it } from 'vitest';
import { anna, ben, createWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.close());

const since = () => world.store.feedback.since({ atMs: 0, rowId: 0 });
async function start(): Promise<void> {
  world = createWorld();
  await world.open(anna);
  world.says((_, candidate) => [['fine by me', 'not today', 'ask Ben', 'hm'][candidate - 1]!]);
}
async function answerTo(text: string): Promise<{ id: string; text: string }> {
  await world.hear(anna, text);
  await world.settle();
  return world.sent.at(-1)!;
}
const react = (messageId: string, emoji: string): Promise<void> =>
  world.bot.onReaction({ chatId: anna.c, messageId, senderId: anna.c, emoji, atMs: world.clock.nowMs });
const said = (text: string): string => text.split('\n').at(-1)!;

describe('feedback', () => {
  it('a liked reply changes nothing', async () => {
    await start();
    const { id, text } = await answerTo('coming?');
    expect(said(text)).toBe('fine by me');
    await react(id, '👍🏽');
    expect(since()).toMatchObject({ liked: 1, disliked: 0, other: 0 });
    expect(said((await answerTo('and now?')).text)).toBe('fine by me');
  });

  it('a disliked one is said last in that chat, and only there', async () => {
    await start();
    const { id } = await answerTo('coming?');
    await react(id, '👎');
    expect(since()).toMatchObject({ liked: 0, disliked: 1 });
    expect((await answerTo('and now?')).text).toBe('not today');
    await world.open(ben);
    world.says((_, candidate) => [['fine by me', 'not today'][candidate - 1] ?? 'hm']);
    await world.hear(ben, 'coming?');
    await world.settle();
    expect(said(world.sent.at(-1)!.text)).toBe('fine by me');
  });

  it('taken back, it counts no more', async () => {
    await start();
    const { id } = await answerTo('coming?');
    await react(id, '👎');
    await react(id, '');
    expect(since().disliked).toBe(0);
    expect((await answerTo('and now?')).text).toBe('fine by me');
  });

  it('!again brings another reply and is counted once a reply', async () => {
    await start();
    await answerTo('coming?');
    await world.type(anna, '!again');
    await world.settle();
    expect(world.sent.at(-1)!.text).toBe('not today');
    expect(since().again).toBe(1);
    await world.type(anna, '!again');
    await world.settle();
    expect(world.sent.at(-1)!.text).toBe('ask Ben');
    expect(since().again).toBe(2);
  });

  it('a correction is counted, and the corrected reply comes last', async () => {
    await start();
    await answerTo('coming?');
    await world.type(anna, '!no yes, at eight');
    await world.settle();
    const { corrections, newestRowId } = since();
    expect(corrections).toBe(1);
    expect(world.store.feedback.since({ atMs: 0, rowId: newestRowId }).corrections).toBe(0);
    expect((await answerTo('and now?')).text).toBe('not today');
  });

  it('where all were disliked, the best of them is said all the same', async () => {
    await start();
    world.says(() => ['fine by me']);
    const { id } = await answerTo('coming?');
    await react(id, '👎');
    expect((await answerTo('and now?')).text).toBe('fine by me');
  });

  it('after 30 days it is forgotten', async () => {
    await start();
    const { id } = await answerTo('coming?');
    await react(id, '👎');
    world.clock.nowMs += 31 * 24 * 3_600_000;
    expect(said((await answerTo('and now?')).text)).toBe('fine by me');
  });
});
