/** The blind quiz in the chat: where it is asked, that its answer is nobody's message, and what is kept. */
import { afterEach, describe, expect, it } from 'vitest';
import { phrases } from '../../src/consent/notice.ts';
import { UserError } from '../../src/util/errors.ts';
import { account, anna, createWorld, ownerNumber } from './world.ts';
import type { World, WorldOptions } from './world.ts';

let world: World;
const start = (options: WorldOptions = {}): World => (world = createWorld(options));
afterEach(() => world.close());

const self = { c: account.c };
const inSelf = { chatKind: 'self' } as const;
const say = () => phrases(world.settings.noticesDir, 'en');
const tally = () => world.store.quiz.tally('run-1');
const ask = async (): Promise<void> => {
  await world.type(self, '!quiz', inSelf);
  await world.settle();
};

describe('!quiz', () => {
  it('shows a context and two replies, and asks which is real', async () => {
    start();
    await ask();
    expect(world.takeSent()).toEqual([
      '–: are you home?\n\n1)\nnot yet\n\n2)\nalmost\nten minutes\n\nWhich one did Juno write? Answer 1 or 2.',
    ]);
  });

  it.each([
    ['2', true, 'Right: 2 was real.', '0 of 1 (0 to 79 %)'],
    [' 1 ', false, 'No: 2 was real.', '1 of 1 (21 to 100 %)'],
  ])('the answer %j is kept and scored', async (text, isRight, first, score) => {
    start();
    await ask();
    world.takeSent();
    await world.type(self, text, inSelf);
    const [said = ''] = world.takeSent();
    expect(said).toContain(first);
    expect(said).toContain(score);
    expect(tally()).toEqual({ answers: 1, fooled: isRight ? 0 : 1 });
    expect(world.quiz.told).toBe(1);
  });

  it('the answer is not stored, not answered and not in a prompt, also where collection and replies are on', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!collect on');
    await world.hear(ownerNumber, '!bot on');
    await world.hear(ownerNumber, '!quiz');
    await world.settle();
    world.takeSent();
    await world.hear(ownerNumber, '1');
    await world.settle();
    expect(world.rows()).toEqual([]);
    expect(world.spoken).toEqual([]);
    expect(world.takeSent()).toHaveLength(1);
    expect(tally().answers).toBe(1);
  });

  it('one answer a question: a second "1" is a message like any other', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!collect on');
    await world.hear(ownerNumber, '!quiz');
    await world.settle();
    await world.hear(ownerNumber, '1');
    await world.hear(ownerNumber, '1');
    expect(tally().answers).toBe(1);
    expect(world.rows()).toEqual(['1']);
  });

  it.each(['one', '3', '1 I think', 'hello'])(
    '%j answers nothing, is kept as usual, and closes the question',
    async (text) => {
      start({ settings: { ownerNumbers: [ownerNumber.digits] } });
      await world.hear(ownerNumber, '!collect on');
      await world.hear(ownerNumber, '!quiz');
      await world.settle();
      await world.hear(ownerNumber, text);
      await world.hear(ownerNumber, '2');
      expect(tally().answers).toBe(0);
      expect(world.rows()).toEqual([text, '2']);
    },
  );

  it('an hour later a "1" is a message again', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!collect on');
    await world.hear(ownerNumber, '!quiz');
    await world.settle();
    world.clock.nowMs += 61 * 60_000;
    await world.hear(ownerNumber, '1');
    expect(tally().answers).toBe(0);
    expect(world.rows()).toEqual(['1']);
  });

  it('an answer after a restart still counts, and one found by catch-up is not stored either', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!collect on');
    await world.hear(ownerNumber, '!quiz');
    await world.settle();
    await world.restart();
    await world.hear(ownerNumber, '2', { isCatchUp: true });
    expect(tally()).toEqual({ answers: 1, fooled: 0 });
    expect(world.rows()).toEqual([]);
  });

  it('typed into a chat with somebody else it shows nothing there', async () => {
    start();
    await world.agree(anna);
    await world.type(anna, '!quiz');
    await world.settle();
    expect(world.takeSent()).toEqual([say().quizWhere]);
    await world.type(anna, '1');
    await world.hear(anna, '2');
    expect(tally().answers).toBe(0);
    expect(world.rows()).toEqual(['1', '2']);
  });

  it('asked by a contact it is not heard', async () => {
    start();
    await world.open(anna);
    await world.hear(anna, '!quiz');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('a contact does not answer what the owner was asked', async () => {
    start();
    await world.agree(anna);
    await ask();
    await world.hear(anna, '2');
    expect(tally().answers).toBe(0);
    await world.type(self, '2', inSelf);
    expect(tally().answers).toBe(1);
  });

  it('says why there is no question', async () => {
    start();
    world.quiz.refusal = new UserError('no reply of the persona is held out yet', 'Collect more.');
    await ask();
    expect(world.takeSent()).toEqual(['That did not work: no reply of the persona is held out yet']);
    await world.type(self, '1', inSelf);
    expect(tally().answers).toBe(0);
  });

  it('on disk there is no text of a question', async () => {
    start();
    await ask();
    const chatId = world.store.chats.find(account.c) ?? -1;
    expect(JSON.parse(world.store.settings.get(`bot.quiz.${chatId}`) ?? '')).toEqual({
      run: 'run-1',
      messageId: 1,
      real: 2,
      atMs: expect.any(Number) as number,
    });
  });
});
