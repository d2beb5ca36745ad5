/** The message after a night goes to the owner's own chat, and to nobody else. */
import { afterEach, describe, expect, it } from 'vitest';
import { account, anna, createWorld, ownerNumber } from './world.ts';
import type { World, WorldOptions } from './world.ts';

let world: World;
const start = (options: WorldOptions = {}): World => (world = createWorld(options));
afterEach(() => world.close());

describe('tellOwner', () => {
  it('goes to the self-chat, is no row and no command, and its echo neither', async () => {
    start();
    await world.agree(anna);
    expect(await world.bot.tellOwner('The night is over.')).toBe(true);
    await world.settle();
    expect(world.sent.map(({ chatId, text }) => [chatId, text])).toEqual([[account.c, 'The night is over.']]);
    expect(world.rows()).toEqual([]);
    expect(world.spoken).toEqual([]);
  });

  it('on a spare account to the chat with the owner number, once the owner wrote there', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.open(anna);
    expect(await world.bot.tellOwner('The night is over.')).toBe(false);
    expect(world.takeSent()).toEqual([]);
    await world.hear(ownerNumber, '!status');
    world.takeSent();
    expect(await world.bot.tellOwner('The night is over.')).toBe(true);
    await world.settle();
    expect(world.sent.map(({ chatId }) => chatId)).toEqual([ownerNumber.c]);
  });

  it('what did not leave is said, so that it can be tried again', async () => {
    start();
    world.phone.failures = [new Error('not connected')];
    expect(await world.bot.tellOwner('The night is over.')).toBe(false);
    expect(await world.bot.tellOwner('The night is over.')).toBe(true);
  });

  it('nothing after the end', async () => {
    start();
    await world.bot.close();
    expect(await world.bot.tellOwner('The night is over.')).toBe(false);
    expect(world.sent).toEqual([]);
  });
});
