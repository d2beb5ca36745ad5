/**
 * Folders that other programs read, and folders that they wrote: the same logits, losses and greedy text as Python's
 * transformers and llama.cpp (references/*.json name the versions), on every engine that runs everywhere.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adaptBase, loadBase } from '../../src/checkpoint/base.ts';
import { loadLlamaFolder, type LlamaFolder } from '../../src/checkpoint/folder.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine } from '../../src/model/engine.ts';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import { fromTokenizerJson, withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import type { BackendName, ConversationMessage, TokenBatch } from '../../src/types.ts';
import { engineBackends, expectClose } from '../model/helpers.ts';
import { argmax, readReference, referencesDir, type ChatReference, type LlamaCppReference } from './references.ts';

const folders = ['own', 'grouped-bf16', 'grouped-f16'];
/** Of the largest number compared; sums in another order differ by that much. */
const tolerance = 1e-4;

/** Run `work` on a network and free it. */
async function withEngine(
  { config, weights }: LlamaFolder,
  backend: BackendName,
  work: (engine: Engine) => Promise<void>,
): Promise<void> {
  const engine = await createEngine({ backend, config, weights, seed: 0 });
  try {
    await work(engine);
  } finally {
    engine.dispose();
  }
}

/** Each next id given the one before: (1, ids.length - 1). */
function nextIds(ids: readonly number[]): TokenBatch {
  const [inputs, targets] = [Int32Array.from(ids.slice(0, -1)), Int32Array.from(ids.slice(1))];
  return { inputs, targets, batchSize: 1, length: inputs.length };
}

async function greedy(engine: Engine, prompt: readonly number[], count: number): Promise<number[]> {
  const cache = engine.startCache();
  try {
    const ids: number[] = [];
    for (let next = argmax(await cache.append(prompt)); ; next = argmax(await cache.append([next]))) {
      ids.push(next);
      if (ids.length === count) return ids;
    }
  } finally {
    cache.dispose();
  }
}

describe.each(folders)('%s', (name) => {
  const folder = loadLlamaFolder(join(referencesDir, name));
  const reference = readReference(name);
  const ofLlamaCpp = readReference<LlamaCppReference>('llamacpp')[name]!;

  test.each(engineBackends)('%s: logits and losses are those of transformers', async (backend) => {
    await withEngine(folder, backend, async (engine) => {
      for (const { ids, losses, logits } of reference.runs) {
        const cache = engine.startCache();
        expectClose(await cache.append(ids), logits, tolerance, `logits after ${ids.length} ids`);
        cache.dispose();
        if (ids.length > 1) expectClose(await engine.tokenLosses(nextIds(ids)), losses, tolerance, 'losses');
      }
    });
  });

  test.each(engineBackends)('%s: greedy text is that of transformers', async (backend) => {
    await withEngine(folder, backend, async (engine) => {
      for (const { prompt, ids } of reference.greedy) expect(await greedy(engine, prompt, ids.length)).toEqual(ids);
    });
  });

  test.each(engineBackends)('%s: made ready for the chat format it says the same', async (backend) => {
    const adapted = adaptBase(folder, withSpecialTokens);
    const tokenizer = createTokenizer(fromTokenizerJson(adapted.tokenizerJson));
    await withEngine(adapted, backend, async (engine) => {
      for (const { prompt, ids, text } of reference.greedy) {
        const generated = await greedy(engine, prompt, ids.length);
        expect(generated).toEqual(ids);
        const plain = generated.filter((id) => !tokenizer.isSpecial(id));
        expect(tokenizer.decode(plain)).toBe(text.replaceAll(/<\|\w+\|>/g, ''));
      }
    });
  });

  test.each(engineBackends)('%s: greedy text is what llama.cpp writes from the exported GGUF', async (backend) => {
    await withEngine(adaptBase(folder, withSpecialTokens), backend, async (engine) => {
      for (const { prompt, ids } of ofLlamaCpp.greedy) expect(await greedy(engine, prompt, ids.length)).toEqual(ids);
    });
  });

  test('llama.cpp cuts text as we do, but for the normalizer that it does not have', () => {
    const { tokenizerJson } = loadBase(folder.dir, withSpecialTokens);
    const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
    const isNfc = tokenizerJson.includes('"NFC"');
    expect(isNfc).toBe(name === 'grouped-f16');
    const compared = ofLlamaCpp.tokens.filter(({ text }) => !isNfc || text.normalize('NFC') === text);
    expect(compared.length).toBeGreaterThan(15);
    for (const { text, ids } of compared) expect({ text, ids: tokenizer.encode(text) }).toEqual({ text, ids });
  });

  test('its tokenizer gives the ids of transformers', () => {
    const { tokenizerJson } = loadBase(folder.dir, withSpecialTokens);
    const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
    for (const { text, ids } of reference.tokens) expect({ text, ids: tokenizer.encode(text) }).toEqual({ text, ids });
  });
});

test('the chat template in transformers gives the ids of the chat format', () => {
  const { chat } = readReference<ChatReference>('own');
  const messages = chat.messages
    .filter(({ role }) => role !== 'system')
    .map(({ role, content }, rowId): ConversationMessage => ({
      rowId,
      personId: role === 'user' ? 1 : 2,
      isPersona: role === 'assistant',
      isBot: false,
      timestampMs: null,
      minutePrecision: false,
      text: content,
      media: null,
      quotedRowId: null,
    }));
  const { tokenizerJson } = loadLlamaFolder(join(referencesDir, 'own'));
  const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
  const { ids } = encodeConversation(messages, tokenizer);
  expect([...ids]).toEqual(chat.whole.ids);
  expect([...ids, tokenizer.specialId('<|persona|>')]).toEqual(chat.prompt.ids);
});
