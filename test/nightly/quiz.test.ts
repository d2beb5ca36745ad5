/** Questions of the blind quiz: held out only, alike on both sides, in random order, none twice. */
import { describe, expect, test } from 'vitest';
import { buildDataset } from '../../src/dataset/build.ts';
import { askQuestion, quizTurns, type AskOptions } from '../../src/nightly/quiz.ts';
import { redactorOf } from '../../src/consent/redact.ts';
import type { Spoken } from '../../src/reply/voice.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';

const redact = redactorOf({ regions: ['GB'] });
const weekMs = 7 * 24 * 3_600_000;

/** A chat with one conversation a week: question and answer. Of 100 weeks some are held out. */
function chat(answer: (i: number) => Partial<ConversationMessage>) {
  const messages: ConversationMessage[] = [];
  for (let i = 0; i < 100; i++) {
    const at = Date.UTC(2024, 0, 3, 12) + i * weekMs;
    const base = { isBot: false, minutePrecision: false, media: null, quotedRowId: null };
    messages.push({ ...base, rowId: 2 * i + 1, personId: 2, isPersona: false, timestampMs: at, text: `question ${i}` });
    messages.push({
      ...{ ...base, rowId: 2 * i + 2, personId: 1, isPersona: true, timestampMs: at + 9000, text: `answer ${i}` },
      ...answer(i),
    });
  }
  return buildDataset({ chats: [{ chatKey: 'a', messages }], timezone: 'UTC' });
}
const spoken = (texts: string[]): Spoken => ({
  runId: 'run-1',
  backend: 'cpu',
  candidates: [
    {
      seed: 1,
      bubbles: texts.map((text) => ({ text, gap: null, quote: null })),
      information: 0,
      agreement: 0,
      score: 0,
      unknownWords: [],
    },
  ],
  promptRowIds: [],
  promptHash: '',
  latencyMs: 1,
  personaP99Chars: 100,
});
const options = (fields: Partial<AskOptions> = {}): AskOptions => ({
  speak: () => Promise.resolve(spoken(['sampled'])),
  sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
  redact,
  random: createRandom('quiz'),
  asked: new Set(),
  ...fields,
});
const dataset = chat(() => ({}));
const turns = quizTurns(dataset, redact);

describe('the turns', () => {
  test('are those of the test split', () => {
    const held = dataset.conversations.filter(({ split }) => split === 'test');
    expect(held.length).toBeGreaterThan(0);
    expect(turns.map(({ real }) => real[0]?.rowId)).toEqual(
      held.map(({ conversation }) => conversation.messages[1]?.rowId),
    );
  });

  test.each([
    ['a number', { text: 'call +44 20 7946 0958' }],
    ['a medium', { media: 'image' as const }],
    ['more than a reply may hold', { text: 'x'.repeat(501) }],
  ])('none with %s', (_, fields) => {
    expect(
      quizTurns(
        chat(() => fields),
        redact,
      ),
    ).toEqual([]);
  });
});

describe('askQuestion', () => {
  test('the real reply and the sample, each first about as often', async () => {
    const random = createRandom('order');
    const places: number[] = [];
    for (let i = 0; i < 40; i++) {
      const { options: shown, real, run, messageId, context } = await askQuestion(turns, options({ random }));
      places.push(real);
      expect(run).toBe('run-1');
      const own = turns.find((turn) => turn.real[0]?.rowId === messageId)!;
      expect(shown[real - 1]).toEqual([own.real[0]?.text]);
      expect(shown[2 - real]).toEqual(['sampled']);
      expect(context).toEqual([{ who: 'other', text: own.context[0]?.text }]);
    }
    expect(places.filter((place) => place === 1).length).toBeGreaterThan(8);
    expect(places.filter((place) => place === 2).length).toBeGreaterThan(8);
  });

  test('none is asked twice, and then it says so', async () => {
    const asked = new Set<number>();
    for (let i = 0; i < turns.length; i++) asked.add((await askQuestion(turns, options({ asked }))).messageId);
    expect(asked.size).toBe(turns.length);
    await expect(askQuestion(turns, options({ asked }))).rejects.toThrow('every held-out reply was asked about');
  });

  test('a sample that is what the person said is no question', async () => {
    const [first, ...rest] = turns;
    const same = first!.real[0]!.text.toUpperCase();
    const speak: AskOptions['speak'] = ({ context }) =>
      Promise.resolve(spoken([context.at(-1)?.text === first!.context.at(-1)?.text ? same : 'sampled']));
    for (let i = 0; i < rest.length; i++) {
      const random = createRandom(i);
      expect((await askQuestion(turns, options({ speak, random }))).messageId).not.toBe(first!.real[0]!.rowId);
    }
  });

  test('context shows placeholders', async () => {
    const secret = quizTurns(
      chat(() => ({})),
      redact,
    ).map((turn) => ({
      ...turn,
      context: turn.context.map((message) => ({ ...message, text: 'call +44 20 7946 0958 now' })),
    }));
    expect((await askQuestion(secret, options())).context[0]?.text).toBe('call [phone] now');
  });

  test.each([
    ['nothing held out', [], {}, 'no reply of the persona is held out yet'],
    ['no model', turns, { speak: () => Promise.resolve(undefined) }, 'no trained model yet'],
    ['a silent model', turns, { speak: () => Promise.resolve(spoken([])) }, 'nothing to say'],
  ])('%s is said', async (_, some, fields, reason) => {
    await expect(askQuestion(some, options(fields))).rejects.toThrow(reason);
  });
});
