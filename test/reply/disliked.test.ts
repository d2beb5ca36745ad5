/** What was disliked in a chat comes last there, and nothing else moves. */
import { describe, expect, test } from 'vitest';
import { dislikedLast } from '../../src/reply/disliked.ts';

const candidate = (...texts: string[]) => ({ bubbles: texts.map((text) => ({ text, gap: null, quote: null })) });
const order = (candidates: ReturnType<typeof candidate>[], disliked: string[][]): string[] =>
  dislikedLast(candidates, disliked).map(({ bubbles }) => bubbles.map(({ text }) => text).join(' / '));

describe('dislikedLast', () => {
  const all = [candidate('I am at home'), candidate('no idea'), candidate('see you', 'tomorrow')];

  test('nothing disliked: as they were', () => {
    expect(order(all, [])).toEqual(['I am at home', 'no idea', 'see you / tomorrow']);
    expect(order(all, [['something else entirely']])).toEqual(['I am at home', 'no idea', 'see you / tomorrow']);
  });

  test('the same, in other case and marks, or in other bubbles, goes behind', () => {
    expect(order(all, [['i am at home!']])).toEqual(['no idea', 'see you / tomorrow', 'I am at home']);
    expect(order(all, [['see', 'you tomorrow']])).toEqual(['I am at home', 'no idea', 'see you / tomorrow']);
    expect(order(all, [['No  Idea']])).toEqual(['I am at home', 'see you / tomorrow', 'no idea']);
  });

  test('nearly the same goes behind, half the same does not', () => {
    expect(order(all, [['I am at home now']])[2]).toBe('I am at home');
    expect(order(all, [['I am on my way']])[0]).toBe('I am at home');
  });

  test('replies without a word are compared as they stand', () => {
    const marks = [candidate('👍'), candidate('!!'), candidate('ok')];
    expect(order(marks, [['👍']])).toEqual(['!!', 'ok', '👍']);
  });

  test('all disliked: the order stays', () => {
    expect(order(all, [['I am at home'], ['no idea'], ['see you tomorrow']])).toEqual(order(all, []));
  });
});
