/** What stands behind a reply: the same candidates as a chat gets, and for each id the chances that it was really drawn by. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine } from '../../src/model/engine.ts';
import { drawChances, sampleToken } from '../../src/model/sample.ts';
import { compose, draftReplies } from '../../src/reply/compose.ts';
import { explainReplies, traceReply } from '../../src/reply/explain.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import type { SamplingOptions } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { chat, config, loudWeights, sampling, tokenizer } from './examples.ts';

describe('a real network', () => {
  let engine: Engine;
  const { ids: prompt } = buildPrompt(chat(['hello there', 'how are you?', 'see you']), tokenizer, config);
  beforeAll(async () => {
    engine = await createEngine({ backend: 'cpu', config, weights: loudWeights(1), seed: 0 });
  });
  afterAll(() => engine.dispose());

  test('candidates come in the order of a chat, and the others say why they do not', async () => {
    const request = { seed: 40, sampling };
    const explained = await explainReplies(engine, tokenizer, prompt, request);
    const composed = await compose(engine, tokenizer, prompt, request);
    const ranked = explained.filter(({ leftOut }) => leftOut === null);
    expect(ranked.map(({ seed, scores }) => ({ seed, ...scores }))).toEqual(
      composed.map(({ seed, information, agreement, score }) => ({ seed, information, agreement, score })),
    );
    expect(explained).toHaveLength((await draftReplies(engine, tokenizer, prompt, request)).length);
    const greedy = await explainReplies(engine, tokenizer, prompt, {
      seed: 40,
      sampling: { ...sampling, temperature: 0 },
    });
    expect(greedy.slice(1).every(({ leftOut }) => leftOut !== null)).toBe(true);
    expect(greedy.length).toBeGreaterThan(1);
  });

  test('each id has the probability that it was drawn with, and the text is whole', async () => {
    const [draft] = await draftReplies(engine, tokenizer, prompt, { seed: 40, sampling, candidates: 1 });
    const tensors = engine.numTensors();
    const tokens = await traceReply(engine, tokenizer, prompt, { ids: draft!.ids, sampling });
    expect(engine.numTensors()).toBe(tensors);
    expect(tokens).toHaveLength(draft!.ids.length);
    tokens.forEach(({ probability }, at) => expect(Math.log(probability)).toBeCloseTo(draft!.logProbabilities[at]!, 3));
    const said = tokens.filter(({ isSpecial }) => !isSpecial).map(({ text }) => text);
    expect(said.join('')).toBe(tokenizer.decode(draft!.ids));
    expect(tokens.filter(({ isSpecial }) => isSpecial).every(({ text }) => /^<\|\w+\|>$/.test(text))).toBe(true);
  });

  test('a character of several ids is said once', async () => {
    const ids = tokenizer.encode('ok 👍🏽 é');
    const tokens = await traceReply(engine, tokenizer, prompt, { ids, sampling });
    expect(tokens.map(({ text }) => text).join('')).toBe('ok 👍🏽 é');
    expect(tokens.some(({ text }) => text === '')).toBe(true);
  });
});

test('the chances are those by which ids are drawn', () => {
  const random = createRandom('chances');
  const logits = Float32Array.from({ length: 12 }, () => 2 * random.normal());
  const generated = [3, 3, 5];
  const restrictions = { banned: new Set([1]), logitBias: new Map([[2, 1.5]]) };
  const all: Partial<SamplingOptions>[] = [
    {},
    { topK: 4 },
    { topP: 0.8 },
    { minP: 0.1 },
    { temperature: 2, topK: 6, topP: 0.9 },
  ];
  for (const change of all) {
    const options = { ...sampling, repetitionPenalty: 1.3, ...change };
    const chances = drawChances(logits, generated, options, restrictions);
    expect([...chances.values()].reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(chances.has(1)).toBe(false);
    const draws = 20_000;
    const counts = new Map<number, number>();
    for (let n = 0; n < draws; n++) {
      const id = sampleToken(logits, generated, options, restrictions, random);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const id of counts.keys()) expect(chances.has(id)).toBe(true);
    // five standard deviations of a binomial
    for (const [id, p] of chances) {
      expect(Math.abs((counts.get(id) ?? 0) / draws - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / draws) + 1e-9);
    }
  }
  expect(drawChances(logits, generated, { ...sampling, temperature: 0 }, restrictions).size).toBe(1);
});
