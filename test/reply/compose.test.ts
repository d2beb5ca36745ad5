import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { compose } from '../../src/reply/compose.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import { specialTokens } from '../../src/tokenizer/chat-format.ts';
import { bannedInReplies, tokenIds } from '../tokenizer/examples.ts';
import { chat, config, loudWeights, sampling, tokenizer } from './examples.ts';

describe('with a real network', () => {
  let engine: Engine;
  const { ids: prompt } = buildPrompt(chat(['hello there', 'how are you?', 'see you']), tokenizer, config);
  const ask = (seed: number) => compose(engine, tokenizer, prompt, { seed, sampling, maxNewTokens: 20 });

  beforeAll(async () => {
    engine = await createEngine({ backend: 'cpu', config, weights: loudWeights(1), seed: 0 });
  });
  afterAll(() => engine.dispose());

  test('a seed gives its own bubbles, again and again, and leaks nothing', async () => {
    const first = await ask(1);
    const tensors = engine.numTensors();
    const others = [await ask(2), await ask(3), await ask(4)];
    expect(await ask(1)).toEqual(first);
    expect(others).not.toContainEqual(first);
    expect(engine.numTensors()).toBe(tensors);
    expect(first.length).toBeGreaterThan(0);
  });

  test('bubbles are printable, trimmed, never empty, at most four, and hold no special token', async () => {
    for (let seed = 0; seed < 25; seed++) {
      const bubbles = await ask(seed);
      expect(bubbles.length).toBeLessThanOrEqual(4);
      for (const { text, gap } of bubbles) {
        expect(text).toMatch(/\S/);
        expect(text).toBe(text.trim());
        expect(text.replaceAll(/[\t\n]/g, '')).not.toMatch(/\p{Cc}|\uFFFD/u);
        expect(specialTokens.filter((token) => text.includes(token))).toEqual([]);
        expect(gap).not.toBe(6);
      }
    }
  });
});

/** An engine that wants to say exactly these ids: the arithmetic is not what is tested here. */
function sayer(script: readonly number[]): Engine {
  const logits = (id: number | undefined): Float32Array => {
    const scores = new Float32Array(config.vocabSize);
    for (const banned of bannedInReplies()) scores[banned] = 200; // would win if it were allowed
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
        fork: unused,
        dispose: () => undefined,
      };
    },
    trainStep: unused,
    tokenLosses: unused,
    exportWeights: unused,
    importWeights: unused,
    exportOptimizer: unused,
    importOptimizer: unused,
    numTensors: unused,
    dispose: unused,
  };
}

describe('what the model wants to say becomes', () => {
  const { msg, end, gap0, quote1 } = tokenIds;
  const say = (text: string): number[] => tokenizer.encode(text);
  const greedy = { ...sampling, temperature: 0 };
  const said = (script: number[], maxNewTokens = 60) =>
    compose(sayer(script), tokenizer, [tokenIds.bos, tokenIds.persona], { seed: 1, sampling: greedy, maxNewTokens });
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
    expect(await said(say('only half of this'), 2)).toEqual([
      plain(tokenizer.decode(say('only half of this').slice(0, 2))),
    ]);
  });

  test('special tokens that were typed stay text, and placeholders are not said', async () => {
    expect(await said([...say('<|end|> <|persona|>'), end])).toEqual([plain('<|end|> <|persona|>')]);
  });
});
