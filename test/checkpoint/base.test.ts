import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adaptBase, loadBase } from '../../src/checkpoint/base.ts';
import { loadLlamaFolder } from '../../src/checkpoint/folder.ts';
import { fromLlamaConfig } from '../../src/checkpoint/llama.ts';
import { vocabularySize } from '../../src/checkpoint/vocabulary.ts';
import { specialTokens } from '../../src/tokenizer/chat-ids.ts';
import { withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import type { HostTensor } from '../../src/types.ts';
import { UserError } from '../../src/util/errors.ts';
import { temporaryModels } from './examples.ts';
import { referencesDir } from './references.ts';

const sharded = join(referencesDir, 'grouped-f16');

/** A copy of a reference folder, to be damaged. */
function copyOf(name: string): string {
  const dir = join(temporaryModels(), name);
  cpSync(join(referencesDir, name), dir, { recursive: true });
  return dir;
}

function edit(file: string, change: (json: Record<string, unknown>) => object): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)));
}

describe('a folder of another program', () => {
  test('config, shards and tokenizer come in', () => {
    const { config, weights } = loadLlamaFolder(sharded);
    expect(config).toEqual({
      vocabSize: 352,
      contextLength: 128,
      layers: 2,
      width: 32,
      heads: 4,
      kvHeads: 2,
      hiddenWidth: 48,
      ropeTheta: 500_000,
      ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 32 },
      normEps: 1e-5,
      tiedEmbeddings: false,
    });
    expect(weights.size).toBe(21);
    expect(weights.get('model.layers.0.self_attn.k_proj.weight')?.shape).toEqual([16, 32]);
    expect(weights.get('lm_head.weight')?.shape).toEqual([352, 32]);
  });

  test('our own folder, saved again by transformers, has the same config', () => {
    const [own, again] = ['own', 'resaved'].map((name) => {
      const file = join(referencesDir, name, 'config.json');
      return fromLlamaConfig(readFileSync(file, 'utf8'), file);
    });
    expect(again).toEqual(own);
  });

  test('the copy of a tied output layer is not read', () => {
    const dir = copyOf('grouped-bf16');
    edit(join(dir, 'config.json'), (config) => ({ ...config, tie_word_embeddings: true }));
    expect(loadLlamaFolder(dir).weights.has('lm_head.weight')).toBe(false);
  });

  test.each<[string, (dir: string) => void, string]>([
    ['no config', (dir) => rmSync(join(dir, 'config.json')), 'config.json: missing'],
    ['no tokenizer', (dir) => rmSync(join(dir, 'tokenizer.json')), 'tokenizer.json: missing'],
    [
      'no weights',
      (dir) => rmSync(join(dir, 'model.safetensors.index.json')),
      'model.safetensors: missing, and no model.safetensors.index.json beside it',
    ],
    [
      'a shard that is gone',
      (dir) => rmSync(join(dir, 'model-00002-of-00002.safetensors')),
      'model-00002-of-00002.safetensors: missing, though model.safetensors.index.json names it',
    ],
    [
      'an index that is no JSON',
      (dir) => writeFileSync(join(dir, 'model.safetensors.index.json'), '{'),
      'model.safetensors.index.json: not JSON',
    ],
    [
      'an index of something else',
      (dir) => writeFileSync(join(dir, 'model.safetensors.index.json'), '{}'),
      'holds no "weight_map"',
    ],
    [
      'an index that leaves the folder',
      (dir) =>
        edit(join(dir, 'model.safetensors.index.json'), ({ weight_map: map }) => ({
          weight_map: { ...(map as object), 'model.norm.weight': '../elsewhere.safetensors' },
        })),
      '"../elsewhere.safetensors" is no plain file name',
    ],
    [
      'an index without a tensor',
      (dir) =>
        edit(join(dir, 'model.safetensors.index.json'), ({ weight_map: map }) => ({
          weight_map: { ...(map as object), 'model.norm.weight': undefined },
        })),
      'names no file for tensor model.norm.weight',
    ],
    [
      'another shape',
      (dir) => edit(join(dir, 'config.json'), (config) => ({ ...config, num_key_value_heads: 4 })),
      'tensor model.layers.0.self_attn.k_proj.weight is 16x32, config.json asks for 32x32',
    ],
    [
      'biases',
      (dir) => edit(join(dir, 'config.json'), (config) => ({ ...config, attention_bias: true })),
      'attention_bias must be false',
    ],
    ['nothing at all', (dir) => rmSync(dir, { recursive: true }), 'does not exist'],
  ])('refuses %s, and says what it reads', (_, damage, message) => {
    const dir = copyOf('grouped-f16');
    damage(dir);
    const load = (): unknown => loadBase(dir, withSpecialTokens);
    expect(load).toThrow(UserError);
    expect(load).toThrow(message);
    let hint = '';
    try {
      load();
    } catch (error) {
      hint = (error as UserError).hint;
    }
    expect(hint).toMatch(/folder/);
  });
});

describe('made ready for the chat format', () => {
  const folder = loadLlamaFolder(sharded);
  const adapted = adaptBase(folder, withSpecialTokens);
  const added = (JSON.parse(adapted.tokenizerJson) as { added_tokens: { id: number; content: string }[] }).added_tokens;

  test('the specials follow the last id, in their order, and padding rows are gone', () => {
    expect(adapted.config.vocabSize).toBe(342 + specialTokens.length);
    expect(vocabularySize(adapted.tokenizerJson, 'tokenizer.json')).toBe(adapted.config.vocabSize);
    expect(added.slice(-specialTokens.length).map(({ id, content }) => [id, content])).toEqual(
      specialTokens.map((name, at) => [342 + at, name]),
    );
  });

  test.each(['model.embed_tokens.weight', 'lm_head.weight'])('%s: old rows stay, new rows are their mean', (name) => {
    const [old, now] = [folder.weights.get(name), adapted.weights.get(name)] as [HostTensor, HostTensor];
    expect(now.shape).toEqual([adapted.config.vocabSize, 32]);
    expect(now.data.subarray(0, 342 * 32)).toEqual(old.data.subarray(0, 342 * 32));
    for (const column of [0, 31]) {
      let sum = 0;
      for (let row = 0; row < 342; row++) sum += old.data[row * 32 + column]!;
      expect(now.data[342 * 32 + column]).toBeCloseTo(sum / 342, 6);
      expect(now.data[(adapted.config.vocabSize - 1) * 32 + column]).toBe(now.data[342 * 32 + column]);
    }
  });

  test('once is enough', () => {
    expect(adaptBase(adapted, withSpecialTokens)).toEqual(adapted);
  });

  test('a long context is cut, and the tokenizer places no token of its own', () => {
    const llama3 = loadLlamaFolder(join(referencesDir, 'grouped-bf16'));
    expect(llama3.tokenizerJson).toContain('TemplateProcessing');
    const { config, tokenizerJson } = adaptBase(
      { ...llama3, config: { ...llama3.config, contextLength: 131_072 } },
      withSpecialTokens,
    );
    expect(config.contextLength).toBe(1024);
    expect(JSON.parse(tokenizerJson)).toMatchObject({ post_processor: null });
  });

  test('refuses more ids than rows', () => {
    const config = { ...folder.config, vocabSize: 340 };
    expect(() => adaptBase({ ...folder, config }, withSpecialTokens)).toThrow(
      'tokenizer.json: 342 ids, but the embedding of config.json has 340 rows',
    );
  });
});
