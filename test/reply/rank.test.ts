/** The shape rules and the order, with a network whose opinion is written down. */
import { describe, expect, test } from 'vitest';
import {
  agreements,
  rank,
  repeatsItself,
  standardised,
  textLogProbabilities,
  wordF1,
  type Draft,
} from '../../src/reply/rank.ts';
import type { TokenBatch } from '../../src/types.ts';
import { tokenIds } from '../tokenizer/examples.ts';
import { config, tokenizer } from './examples.ts';

const { bos, persona, msg, end, gap0, quote1, other } = tokenIds;

/** A network to which every id costs as many nats as are written down for it, 1 where nothing is. */
function network(nats: ReadonlyMap<number, number> = new Map()) {
  const asked: TokenBatch[] = [];
  return {
    asked,
    config,
    tokenLosses: (batch: TokenBatch) => {
      asked.push(batch);
      return Promise.resolve(Float32Array.from(batch.targets, (id) => (id < 0 ? 0 : (nats.get(id) ?? 1))));
    },
  };
}

/** A draft of these bubbles whose ids all cost `nats` after the context. */
function draft(seed: number, nats: number, ...texts: string[]): Draft {
  const ids = texts.flatMap((text, i) => [gap0 + 1, ...tokenizer.encode(text), i === texts.length - 1 ? end : msg]);
  return {
    seed,
    ids,
    logProbabilities: ids.map(() => -nats),
    bubbles: texts.map((text) => ({ text, gap: 1, quote: null })),
  };
}

describe('rank', () => {
  const seeds = async (...drafts: Draft[]) => (await rank(network(), tokenizer, drafts)).map(({ seed }) => seed);

  test('puts first what the context makes likelier, however unlikely it is', async () => {
    const rare = tokenizer.encode('x');
    expect(rare).toHaveLength(1);
    const opinion = network(new Map([[rare[0]!, 9]]));
    const replies = await rank(opinion, tokenizer, [draft(1, 0.5, 'you'), draft(2, 2, 'x'), draft(3, 0.9, 'there')]);
    expect(replies.map(({ seed }) => seed)).toEqual([2, 1, 3]);
    // `x` and `<|end|>`: 9 + 1 nats alone, 2 + 2 in this context; the gap mark does not count
    expect(replies[0]).toMatchObject({ bubbles: [{ text: 'x', gap: 1, quote: null }], information: 6, agreement: 0 });
  });

  test('puts first what the others say too, where the context tells as little of each', async () => {
    const texts = ['we see you there', 'nobody knows anything', 'we see you', 'see you there'];
    const replies = await rank(
      network(),
      tokenizer,
      texts.map((text, i) => draft(i, 1, text)),
    );
    expect(replies.map(({ information }) => information)).toEqual([0, 0, 0, 0]);
    expect(replies[0]!.seed).toBe(0);
    expect(replies.at(-1)).toMatchObject({ seed: 1, agreement: 0 });
  });

  test('the two weigh the same', async () => {
    const replies = await rank(network(), tokenizer, [
      draft(1, 0.2, 'see you'),
      draft(2, 0.7, 'you'),
      draft(3, 3, 'x'),
    ]);
    const scores = (of: (reply: (typeof replies)[number]) => number) => standardised(replies.map(of));
    const agreement = scores((reply) => reply.agreement);
    const expected = scores((reply) => reply.information).map((value, i) => value + agreement[i]!);
    replies.forEach(({ score }, i) => expect(score).toBeCloseTo(expected[i]!, 9));
  });

  test('what holds a word that nobody wrote comes last, whatever its score', async () => {
    const drafts = [draft(1, 0.2, 'see tils'), draft(2, 0.7, 'you'), draft(3, 3, 'x'), draft(4, 0.1, 'a', 'grold')];
    const known = new Set(['see', 'you', 'x', 'a']);
    const unknown = (text: string): string[] => text.split(/\s/).filter((word) => !known.has(word));
    const replies = await rank(network(), tokenizer, drafts, unknown);
    expect(replies.map(({ unknownWords }) => unknownWords)).toEqual([[], [], ['grold'], ['tils']]);
    const plain = await rank(network(), tokenizer, drafts);
    const scoreOf = (of: typeof replies) => new Map(of.map(({ seed, score }) => [seed, score]));
    expect(scoreOf(replies)).toEqual(scoreOf(plain));
    expect(plain[0]!.seed).toBe(4);
    const all = await rank(network(), tokenizer, drafts, () => ['each']);
    expect(all.map(({ seed }) => seed)).toEqual(plain.map(({ seed }) => seed));
  });

  test('keeps equals in order', async () => {
    expect(await seeds(draft(7, 1, 'see'), draft(5, 1, 'you'), draft(6, 1, 'there'))).toEqual([7, 5, 6]);
  });

  test('drops what is empty, repeats itself or was said by another candidate', async () => {
    const empty = { ...draft(1, 0, 'you'), bubbles: [] };
    expect(await seeds(empty, draft(2, 0, 'you', 'You!'), draft(3, 1, 'see'), draft(4, 0, 'see'))).toEqual([3]);
    expect(await seeds(draft(1, 0, 'see', 'you'), draft(2, 1, 'see you'))).toEqual([1, 2]);
    expect(await seeds()).toEqual([]);
  });
});

test.each([
  ['the same bubble twice', ['yes', 'Yes!'], true],
  ['the same in the first and last', ['one', 'two', 'one'], true],
  ['a phrase twice running', ['i think i think so'], true],
  ['a long phrase twice running', ['it is in the box by the door, it is in the box by the door'], true],
  ['a phrase twice, not running', ['i know that you know that'], false],
  ['a phrase with a word between', ['so good and so good'], false],
  ['one word over and over', ['no no no no'], false],
  ['laughter', ['hahahahaha', 'oh'], false],
  ['signs alone', ['...', '?', '!'], false],
  ['different bubbles', ['yes', 'yes please'], false],
])('%s', (_, texts, expected) => {
  expect(repeatsItself(texts.map((text) => ({ text })))).toBe(expected);
});

test('words that two texts share', () => {
  const f1 = (a: string, b: string): number => wordF1(a.split(' '), b.split(' '));
  expect(f1('a b c', 'c b a')).toBe(1);
  expect(f1('a a b', 'a c')).toBeCloseTo(2 / 5);
  expect(f1('a', 'b')).toBe(0);
  expect(wordF1([], [])).toBe(0);
  const three = agreements([['a', 'b'], ['a', 'b'], ['c']]);
  expect(three).toEqual([0.5, 0.5, 0]);
  expect(agreements([['a']])).toEqual([0]);
});

test('standardised values have mean 0 and deviation 1', () => {
  expect(standardised([1, 3])).toEqual([-1, 1]);
  expect(standardised([2, 2, 2])).toEqual([0, 0, 0]);
  expect(standardised([])).toEqual([]);
});

describe('textLogProbabilities', () => {
  test('asks for the text after the prompt, of rows of one length, and not for marks', async () => {
    const net = network();
    const replies = [
      [gap0, quote1, 100, end],
      [101, msg, gap0 + 1, 102, 103, end],
    ];
    expect(await textLogProbabilities(net, tokenizer, [bos, persona], replies)).toEqual([-2, -5]);
    expect(net.asked).toHaveLength(1);
    const { inputs, targets, batchSize, length } = net.asked[0]!;
    expect([batchSize, length]).toEqual([2, 7]);
    expect([...inputs]).toEqual([bos, persona, gap0, quote1, 100, 0, 0, bos, persona, 101, msg, gap0 + 1, 102, 103]);
    expect([...targets]).toEqual([-1, -1, -1, 100, end, -1, -1, -1, 101, msg, -1, 102, 103, end]);
  });

  test('takes many in several batches, and cuts at the context', async () => {
    const net = network();
    const prompt = [bos, ...Array<number>(config.contextLength - 3).fill(other), persona];
    const replies = Array.from({ length: 40 }, () => [100, 101, 102, 103]);
    expect(await textLogProbabilities(net, tokenizer, prompt, replies)).toEqual(Array(40).fill(-2));
    expect(net.asked.map(({ batchSize, length }) => [batchSize, length])).toEqual([16, 16, 8].map((n) => [n, 96]));
    expect(await textLogProbabilities(net, tokenizer, prompt, [])).toEqual([]);
  });
});
