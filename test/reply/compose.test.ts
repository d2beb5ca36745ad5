import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { affordableCandidates, compose, maxCandidates } from '../../src/reply/compose.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import { generateCandidates } from '../../src/model/generate.ts';
import { logProbabilityOf } from '../../src/model/sample.ts';
import { modelConfig } from '../../src/model/sizes.ts';
import { chatIds, specialTokens } from '../../src/tokenizer/chat-format.ts';
import { tokenIds } from '../tokenizer/examples.ts';
import { chat, config, loudWeights, sampling, tokenizer } from './examples.ts';

const { bos, persona, msg, end, gap0, quote1 } = tokenIds;
const { bannedInReplies: banned, isMark } = chatIds(tokenizer);

/** Log-probability of a reply's ids but its marks, one step after the other. */
async function textNats(engine: Engine, promptIds: readonly number[], ids: readonly number[]): Promise<number> {
  const cache = engine.startCache();
  let sum = 0;
  let logits = await cache.append(promptIds);
  for (const id of ids) {
    if (!isMark(id)) sum += logProbabilityOf(logits, id);
    logits = await cache.append([id]);
  }
  cache.dispose();
  return sum;
}

describe('with a real network', () => {
  let engine: Engine;
  const { ids: prompt } = buildPrompt(chat(['hello there', 'how are you?', 'see you']), tokenizer, config);
  const ask = (seed: number, candidates = 4) =>
    compose(engine, tokenizer, prompt, { seed, sampling, maxNewTokens: 60, candidates });

  beforeAll(async () => {
    engine = await createEngine({ backend: 'cpu', config, weights: loudWeights(1), seed: 0 });
  });
  afterAll(() => engine.dispose());

  test('a seed gives its own candidates, again and again, and leaks nothing', async () => {
    const first = await ask(100, 8);
    const tensors = engine.numTensors();
    expect(first.length).toBeGreaterThan(2);
    expect(await ask(100, 8)).toEqual(first);
    expect(await ask(200, 8)).not.toEqual(first);
    expect(engine.numTensors()).toBe(tensors);
  });

  test('each candidate is made again from its own seed, alone and among others', async () => {
    const replies = await ask(100, 8);
    for (const { seed, bubbles } of replies) {
      expect(seed).toBeGreaterThanOrEqual(100);
      expect(seed).toBeLessThan(108);
      expect((await ask(seed, 1)).map((reply) => reply.bubbles)).toEqual([bubbles]);
    }
    const more = await ask(100, 12);
    expect(more.map(({ seed }) => seed)).toEqual(expect.arrayContaining(replies.map(({ seed }) => seed)));
  });

  test('what the context adds to the log-probability of the text is what the steps say', async () => {
    const replies = await ask(100, 8);
    for (const { seed, information } of replies) {
      const [drawn] = await generateCandidates(engine, prompt, [seed], {
        ...{ sampling, stop: [end], banned, maxNewTokens: 60 },
      });
      const { ids } = drawn!;
      const whole = ids.at(-1) === end ? ids : ids.slice(0, ids.lastIndexOf(msg) + 1);
      const inContext = await textNats(engine, prompt, whole);
      expect(information).toBeCloseTo(inContext - (await textNats(engine, [bos, persona], whole)), 3);
    }
    const scores = replies.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  test('bubbles are printable, trimmed, never empty, at most four, and hold no special token', async () => {
    let count = 0;
    for (const { bubbles } of [...(await ask(0, 16)), ...(await ask(16, 16))]) {
      count++;
      expect(bubbles.length).toBeGreaterThan(0);
      expect(bubbles.length).toBeLessThanOrEqual(4);
      for (const { text, gap } of bubbles) {
        expect(text).toMatch(/\S/);
        expect(text).toBe(text.trim());
        expect(text.replaceAll(/[\t\n]/g, '')).not.toMatch(/\p{Cc}|\uFFFD/u);
        expect(specialTokens.filter((token) => text.includes(token))).toEqual([]);
        expect(gap).not.toBe(6);
      }
    }
    expect(count).toBeGreaterThan(9);
  });
});

/** An engine that wants to say exactly these ids: the arithmetic is not what is tested here. */
function sayer(script: readonly number[]): Engine {
  const logits = (id: number | undefined): Float32Array => {
    const scores = new Float32Array(config.vocabSize);
    for (const id of banned) scores[id] = 200; // would win if it were allowed
    if (id !== undefined) scores[id] = 100;
    return scores;
  };
  const unused = (): never => expect.fail('compose only generates');
  return {
    backend: 'cpu',
    config,
    startCache() {
      let length = 0;
      let said = 0;
      return {
        get length() {
          return length;
        },
        append(ids) {
          length += ids.length;
          return Promise.resolve(logits(script[said++]));
        },
        fork(count) {
          expect(count).toBe(1);
          const row = (ids: readonly number[]) => this.append(ids);
          const getLength = () => length;
          return {
            count,
            get length() {
              return getLength();
            },
            append: row,
            keep: unused,
            dispose: () => undefined,
          };
        },
        dispose: () => undefined,
      };
    },
    trainStep: unused,
    tokenLosses: (batch) => Promise.resolve(new Float32Array(batch.targets.length)),
    exportWeights: unused,
    importWeights: unused,
    exportOptimizer: unused,
    importOptimizer: unused,
    numTensors: unused,
    dispose: unused,
  };
}

describe('what the model wants to say becomes', () => {
  const say = (text: string): number[] => tokenizer.encode(text);
  const greedy = { ...sampling, temperature: 0 };
  const said = async (script: number[], maxNewTokens = 60) => {
    const options = { seed: 1, sampling: greedy, maxNewTokens, candidates: 1 };
    const [reply] = await compose(sayer(script), tokenizer, [bos, persona], options);
    return reply?.bubbles ?? [];
  };
  const plain = (text: string) => ({ text, gap: null, quote: null });

  test('bubbles with their gaps and quotes', async () => {
    expect(await said([gap0 + 1, quote1 + 2, ...say('hello'), msg, gap0, ...say('there'), end])).toEqual([
      { text: 'hello', gap: 1, quote: 3 },
      { text: 'there', gap: 0, quote: null },
    ]);
  });

  test('four bubbles at most', async () => {
    const script = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((text) => [...say(text), msg]);
    expect(await said([...script, ...say('g'), end])).toEqual(['a', 'b', 'c', 'd'].map(plain));
  });

  test('nothing, where there is nothing to see', async () => {
    expect(await said([end])).toEqual([]);
    expect(await said([...say('  \n'), msg, ...say('\u0007'), msg, end])).toEqual([]);
  });

  test('empty bubbles are dropped before four are counted', async () => {
    expect(await said([msg, ...say(' '), msg, ...say('\0'), msg, msg, ...say('here'), end])).toEqual([plain('here')]);
  });

  test('text without control characters and broken UTF-8', async () => {
    const half = say('é').slice(0, 1);
    expect(await said([...say(' a\u0001\tb\nc\u009f'), ...half, ...say(' \u{1F468}\u200D\u{1F469} '), end])).toEqual([
      plain('a\tb\nc \u{1F468}\u200D\u{1F469}'),
    ]);
  });

  test('whole bubbles only, where the length cuts the last one off', async () => {
    const script = [...say('one'), msg, ...say('two and a half')];
    expect(await said(script, say('one').length + 3)).toEqual([plain('one')]);
    expect(await said(say('only half of this'), 2)).toEqual([]);
  });

  test('special tokens that were typed stay text, and placeholders are not said', async () => {
    expect(await said([...say('<|end|> <|persona|>'), end])).toEqual([plain('<|end|> <|persona|>')]);
  });
});

test('as many candidates as the network has time for', () => {
  const count = (size: 'nano' | 'small' | 'base' | 'large', backend: 'simd' | 'cuda', vocabSize: number) =>
    affordableCandidates({ backend, config: modelConfig(size, vocabSize) });
  expect(count('nano', 'simd', 2048)).toBe(maxCandidates);
  expect(count('small', 'simd', 8192)).toBe(12);
  expect(count('large', 'simd', 32_768)).toBe(4);
  expect(count('large', 'cuda', 32_768)).toBe(maxCandidates);
});
