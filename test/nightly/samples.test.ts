/** What the gate listens to: verbatim runs of training text, and turns that are sampled from a real network. */
import { describe, expect, test } from 'vitest';
import { buildDataset } from '../../src/dataset/build.ts';
import type { Conversation } from '../../src/dataset/conversations.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { modelConfig } from '../../src/model/sizes.ts';
import { indexTrainingText, overlapOf } from '../../src/nightly/overlap.ts';
import { drawSamples, turnsToAnswer } from '../../src/nightly/samples.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { specialTokens } from '../../src/tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { message } from '../tokenizer/examples.ts';

const conversation = (...texts: string[]): Conversation => ({
  chatKey: 'c',
  startMs: null,
  previousMs: null,
  messages: texts.map((text, i) => message({ rowId: i + 1, text })),
  withoutLoss: new Set(),
});

describe('what is copied', () => {
  const training = indexTrainingText([
    conversation('the quick brown fox jumps over the lazy dog', 'and then it sleeps all day long, every day'),
    conversation('see you at the usual place tonight then'),
    conversation('see you at the usual place tonight ok'),
    conversation('well, see you at the usual place tonight'),
  ]);
  test.each([
    ['The QUICK brown fox, jumps over!', 6],
    ['he said the quick brown fox jumps over the lazy dog and left', 9],
    ['the quick brown fox jumps', 0], // five words
    ['the quick brown fox jumped over the lazy dog', 0], // a word changed
    ['the lazy dog and then it sleeps all day', 6], // two messages are two texts: "and then it sleeps all day"
    ['see you at the usual place tonight', 0], // said in three conversations: nobody's
    ['', 0],
  ])('%j: %i words', (text, words) => expect(training.longestRun(text)).toBe(words));

  test('a run ends where something was hidden', () => {
    const redact = (text: string) => {
      const start = text.indexOf('fox');
      return start < 0 ? [] : [{ start, end: start + 3, token: 'name' as const }];
    };
    const hidden = indexTrainingText([conversation('the quick brown fox jumps over the lazy dog again')], redact);
    expect(hidden.longestRun('the quick brown fox jumps over the lazy dog again')).toBe(6);
  });

  test('of many texts, only those of six words or more count', () => {
    const texts = ['ok', 'the quick brown fox jumps over', 'nobody ever said anything like this before', 'haha'];
    expect(overlapOf(texts, training)).toEqual({ texts: 2, longest: 6, copied: 0.5 });
    expect(overlapOf([], training)).toEqual({ texts: 0, longest: 0, copied: 0 });
  });
});

const weekMs = 7 * 86_400_000;
const says = ['are you there', 'what a day it was', 'bring the soup', 'no idea', 'the ferry is late', 'on sunday then'];
/** Four messages a week over so many weeks, so that every split has some. */
const dataset = buildDataset({
  chats: [
    {
      chatKey: 'c',
      messages: Array.from({ length: 4 * 80 }, (_, i): ConversationMessage => {
        const isPersona = i % 2 === 1;
        return message({
          rowId: i + 1,
          isPersona,
          personId: isPersona ? 1 : 2,
          text: `${says[i % says.length]} ${i}`,
          timestampMs: Date.UTC(2024, 0, 3) + Math.floor(i / 4) * weekMs + i * 1000,
        });
      }),
    },
  ],
  timezone: 'Europe/Berlin',
});

describe('samples', () => {
  test('answer what others said in the test split, each turn with its own context', () => {
    const { split, turns } = turnsToAnswer(dataset);
    expect(split).toBe('test');
    expect(turns).toHaveLength(dataset.manifest.counts.test.personaMessages);
    for (const { context, real } of turns) {
      expect(context.at(-1)?.isPersona).toBe(false);
      expect(real.length).toBeGreaterThan(0);
      expect(real.every(({ isPersona }) => isPersona)).toBe(true);
    }
  });

  test('where nothing is held out they say so, and where nobody asks there are none', () => {
    const only = (...splits: string[]) => ({
      ...dataset,
      conversations: dataset.conversations.filter(({ split }) => splits.includes(split)),
    });
    expect(turnsToAnswer(only('validation', 'train')).split).toBe('validation');
    expect(turnsToAnswer(only('train')).split).toBe('train');
    expect(turnsToAnswer(only()).turns).toEqual([]);
  });

  test('of a network that knows nothing: counted, repeatable, bounded in time', { timeout: 120_000 }, async () => {
    const tokenizer = createTokenizer(trainBpe(says, { vocabSize: 330, specials: specialTokens }));
    const config = { ...modelConfig('nano', 330), layers: 1, width: 16, heads: 2, kvHeads: 2, hiddenWidth: 32 };
    const engine = await createEngine({ backend: 'simd', config, seed: 1, threads: 1 });
    try {
      const draw = (deadlineMs: number, wanted: number) =>
        drawSamples(engine, tokenizer, dataset, {
          sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
          redact: () => [],
          seed: 1,
          maxChars: 40,
          deadlineMs,
          wanted,
        });
      const drawn = (await draw(Infinity, 80))!;
      const { latencyMs, processorMs, ...findings } = drawn.findings;
      expect(findings).toMatchObject({ samples: 80, split: 'test' });
      expect(findings.tooLong).toBeGreaterThan(0.5); // it does not know how to end
      expect(latencyMs.p95).toBeGreaterThanOrEqual(latencyMs.median);
      expect(processorMs.median).toBeGreaterThan(0);
      expect(drawn.samples).toHaveLength(findings.contexts);
      const again = (await draw(Infinity, 80))!;
      expect(again.samples).toEqual(drawn.samples);
      const late = (await draw(0, 500))!;
      expect(late.findings.samples).toBeGreaterThanOrEqual(60);
      expect(late.findings.samples).toBeLessThan(500);
    } finally {
      engine.dispose();
    }
  });
});
