/** Bits per byte: what is counted, and that it is all of it once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupConversations, type Conversation } from '../../src/dataset/conversations.ts';
import type { Engine } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { evaluateConversations } from '../../src/train/evaluate.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { tinyConfig } from '../model/helpers.ts';
import { message, tinyTokenizer, tokenIds } from '../tokenizer/examples.ts';

const config = { ...tinyConfig, vocabSize: tinyTokenizer.vocabSize, contextLength: 16 };
const conversationOf = (...messages: Partial<ConversationMessage>[]): Conversation =>
  groupConversations({ chatKey: 'c', messages: messages.map((m, i) => message({ rowId: i + 1, ...m })) })[0]!;

let uniform: Engine;
let random: Engine;

/** With all weights 0 every id costs the same, log2 of the vocabulary. */
beforeAll(async () => {
  random = await createEngine({ backend: 'simd', config, seed: 1 });
  const weights = await random.exportWeights();
  uniform = await createEngine({ backend: 'simd', config, seed: 1 });
  uniform.importWeights(
    new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }])),
  );
  // larger weights make the context matter
  random.importWeights(
    new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * 8) }])),
  );
});

afterAll(() => {
  uniform.dispose();
  random.dispose();
});

const tokens = (text: string): number => tinyTokenizer.encode(text).length;
const each = Math.log2(config.vocabSize);

describe('evaluateConversations', () => {
  test("counts the persona's text and one newline a message, and nobody else's", async () => {
    const text = 'grüße, see you 🙂';
    const report = await evaluateConversations(uniform, tinyTokenizer, [
      conversationOf(
        { text: 'are you there' },
        { isPersona: true, text },
        { isPersona: true, text: 'ok' },
        { text: 'good' },
      ),
    ]);
    expect(report.bytes).toBe(Buffer.byteLength(text) + Buffer.byteLength('ok') + 2);
    expect(report.bits).toBeCloseTo((tokens(text) + tokens('ok') + 2) * each, 3);
    expect(report.bitsPerByte).toBeCloseTo(report.bits / report.bytes, 10);
    expect(report.markBits).toBe(0);
  });

  test('gap and quote marks are counted apart', async () => {
    const start = Date.UTC(2026, 8, 19, 9);
    const report = await evaluateConversations(uniform, tinyTokenizer, [
      conversationOf(
        { text: 'first', timestampMs: start },
        { isPersona: true, text: 'ok', timestampMs: start + 60_000, quotedRowId: 1 },
      ),
    ]);
    expect(report.bits).toBeCloseTo((tokens('ok') + 1) * each, 3);
    expect(report.markBits).toBeCloseTo(2 * each, 3);
  });

  test('a conversation longer than the context is counted whole, each id once', async () => {
    const text = 'a long story that goes on and on, well beyond sixteen ids of context, to the very end of it';
    expect(tokens(text)).toBeGreaterThan(2 * config.contextLength);
    const report = await evaluateConversations(uniform, tinyTokenizer, [
      conversationOf({ text: 'hm?' }, { isPersona: true, text }),
    ]);
    expect(report.bits).toBeCloseTo((tokens(text) + 1) * each, 2);
  });

  test('short ids are scored with all that stands to their left', async () => {
    const conversation = conversationOf({ text: 'so' }, { isPersona: true, text: 'ok' });
    const ids = [tokenIds.bos, tokenIds.other, ...tinyTokenizer.encode('so'), tokenIds.end, tokenIds.persona];
    let nats = 0;
    for (const next of [...tinyTokenizer.encode('ok'), tokenIds.end]) {
      const cache = random.startCache();
      const logits = await cache.append(ids);
      cache.dispose();
      const top = Math.max(...logits);
      nats += top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0)) - logits[next]!;
      ids.push(next);
    }
    const report = await evaluateConversations(random, tinyTokenizer, [conversation]);
    expect(report.bits).toBeCloseTo(nats / Math.LN2, 3);
  });

  test('what a conversation costs does not depend on the others', async () => {
    const conversations = [
      conversationOf({ text: 'hi' }, { isPersona: true, text: 'see you' }),
      conversationOf({ text: 'are you there' }, { isPersona: true, text: 'ok ok ok' }, { isPersona: true, text: 'no' }),
      conversationOf({ isPersona: true, text: 'hi' }),
    ];
    const all = await evaluateConversations(random, tinyTokenizer, conversations);
    let bits = 0;
    for (const conversation of conversations)
      bits += (await evaluateConversations(random, tinyTokenizer, [conversation])).bits;
    expect(all.bits).toBeCloseTo(bits, 3);
  });

  test('where the persona says nothing, nothing is counted', async () => {
    expect(await evaluateConversations(uniform, tinyTokenizer, [conversationOf({ text: 'hello?' })])).toEqual({
      bits: 0,
      bytes: 0,
      bitsPerByte: 0,
      markBits: 0,
    });
    expect((await evaluateConversations(uniform, tinyTokenizer, [])).bits).toBe(0);
  });
});
