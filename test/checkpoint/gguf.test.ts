/** Exported GGUF files, read back by @huggingface/gguf; what llama.cpp makes of them stands in references/llamacpp.json. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { describe, expect, test } from 'vitest';
import { adaptBase } from '../../src/checkpoint/base.ts';
import { loadLlamaFolder } from '../../src/checkpoint/folder.ts';
import { writeGguf } from '../../src/checkpoint/gguf.ts';
import { exportGguf, toGguf } from '../../src/checkpoint/llama-gguf.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import { temporaryModels } from './examples.ts';
import { referencesDir } from './references.ts';

const own = join(referencesDir, 'own');
const readBack = (path: string) => gguf(path, { allowLocalFile: true });
const options = { name: 'x', dtype: 'f32', bosId: 1, endId: 2, chatTemplate: 't' } as const;

describe('a run of ours', () => {
  test('every key that llama.cpp asks for', async () => {
    const path = join(temporaryModels(), 'own.gguf');
    exportGguf(loadCheckpoint(own), path, 'f32');
    const { metadata, tensorInfos } = await readBack(path);
    const { chat_template: template } = JSON.parse(readFileSync(join(own, 'tokenizer_config.json'), 'utf8')) as {
      chat_template: string;
    };
    const keys = Object.fromEntries(Object.entries(metadata).filter(([, value]) => !Array.isArray(value)));
    expect(keys).toMatchObject({
      version: 3,
      tensor_count: 20n,
      'general.architecture': 'llama',
      'general.type': 'model',
      'general.name': 'own',
      'general.file_type': 0,
      'llama.vocab_size': 400,
      'llama.context_length': 64,
      'llama.embedding_length': 32,
      'llama.block_count': 2,
      'llama.feed_forward_length': 48,
      'llama.attention.head_count': 4,
      'llama.attention.head_count_kv': 4,
      'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
      'llama.rope.dimension_count': 8,
      'llama.rope.freq_base': 10_000,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.bos_token_id': 0,
      'tokenizer.ggml.eos_token_id': 39,
      'tokenizer.ggml.padding_token_id': 39,
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_eos_token': false,
      'tokenizer.chat_template': template,
    });
    expect(tensorInfos.map(({ name }) => name)).not.toContain('output.weight'); // tied
    expect(tensorInfos.find(({ name }) => name === 'blk.1.ffn_down.weight')?.shape).toEqual([48n, 32n]);
  });

  test('tokens by id, specials as control tokens, merges in order', async () => {
    const path = join(temporaryModels(), 'own.gguf');
    exportGguf(loadCheckpoint(own), path, 'f32');
    const { metadata } = await readBack(path);
    const tokenizer = JSON.parse(readFileSync(join(own, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number>; merges: string[] };
    };
    const lists = metadata as unknown as Record<string, unknown[]>;
    const names = Object.entries(tokenizer.model.vocab).sort(([, a], [, b]) => a - b);
    expect(lists['tokenizer.ggml.tokens']).toEqual(names.map(([name]) => name));
    const types = Array.from({ length: 400 }, (_, id) => (id < 64 ? 3 : 1));
    expect(lists['tokenizer.ggml.token_type']).toEqual(types);
    expect(lists['tokenizer.ggml.merges']).toEqual(tokenizer.model.merges);
  });

  test('numbers lie where the header says; query rows are paired as llama.cpp turns them', async () => {
    const path = join(temporaryModels(), 'own.gguf');
    const run = loadCheckpoint(own);
    exportGguf(run, path, 'f32');
    const { tensorInfos, tensorDataOffset } = await readBack(path);
    const bytes = readFileSync(path);
    const numbers = (name: string): Float32Array => {
      const info = tensorInfos.find((tensor) => tensor.name === name)!;
      const at = Number(tensorDataOffset + info.offset);
      expect(at % 32).toBe(0);
      const count = Number(info.shape.reduce((a, b) => a * b, 1n));
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 4 * count));
    };
    expect(numbers('token_embd.weight')).toEqual(run.weights.get('model.embed_tokens.weight')!.data);
    expect(numbers('output_norm.weight')).toEqual(run.weights.get('model.norm.weight')!.data);
    // a head of 8 rows: its halves 0..3 and 4..7 interleave
    const query = run.weights.get('model.layers.0.self_attn.q_proj.weight')!.data;
    const rows = [0, 4, 1, 5, 2, 6, 3, 7].map((row) => [...query.subarray((8 + row) * 32, (9 + row) * 32)]);
    expect([...numbers('blk.0.attn_q.weight').subarray(8 * 32, 16 * 32)]).toEqual(rows.flat());
  });

  test('f16 takes half the room, but vectors stay f32', async () => {
    const [half, full] = ['half', 'full'].map((name) => join(temporaryModels(), `${name}.gguf`)) as [string, string];
    exportGguf(loadCheckpoint(own), half, 'f16');
    exportGguf(loadCheckpoint(own), full, 'f32');
    const { metadata, tensorInfos } = await readBack(half);
    expect(metadata).toMatchObject({ 'general.file_type': 1 });
    for (const { name, n_dims: rank, dtype } of tensorInfos) expect([name, dtype]).toEqual([name, rank === 1 ? 0 : 1]);
    expect(statSync(full).size - statSync(half).size).toBeGreaterThan(60_000);
    expect(statSync(half).mode & 0o777).toBe(0o600);
  });
});

describe('a run from a base', () => {
  test('grouped keys, an output of its own, a factor for each pair of rotary numbers', async () => {
    const folder = adaptBase(loadLlamaFolder(join(referencesDir, 'grouped-bf16')), withSpecialTokens);
    const path = join(temporaryModels(), 'grouped.gguf');
    const { metadata: keys, tensors } = toGguf(folder, options);
    writeGguf(path, keys, tensors);
    const { metadata, tensorInfos } = await readBack(path);
    expect(metadata).toMatchObject({
      'llama.attention.head_count': 4,
      'llama.attention.head_count_kv': 2,
      'llama.rope.freq_base': 500_000,
      'tokenizer.ggml.pre': 'llama-bpe',
    });
    const shapes = Object.fromEntries(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)]));
    expect(shapes).toMatchObject({
      'blk.0.attn_k.weight': [32, 16],
      'output.weight': [32, 342 + 64],
      'rope_freqs.weight': [4],
    });
    // theta 500,000 and an original context of 32: waves of 6.3, 167, 4,443 and 118,142 positions
    const factors = tensors.find(({ name }) => name === 'rope_freqs.weight')!.data();
    expect([...factors]).toEqual([1, 8, 8, 8]);
  });

  test('between short and long waves the factor is blended', () => {
    const folder = loadLlamaFolder(join(referencesDir, 'grouped-bf16'));
    const ropeScaling = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 334 };
    const { tensors } = toGguf({ ...folder, config: { ...folder.config, ropeScaling } }, options);
    const [, second] = tensors.find(({ name }) => name === 'rope_freqs.weight')!.data();
    // 334 positions hold 1.999 waves of the second pair, a third of the way from 1 to 4
    expect(second).toBeCloseTo(1 / (2 / 3 / 8 + 1 / 3), 2);
  });

  test.each([
    ['grouped-f16', undefined, 'qwen2'],
    [
      'own',
      { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, { type: 'ByteLevel' }] },
      'smollm',
    ],
  ])("%s: its pre-tokenizer by llama.cpp's name", (name, preTokenizer, expected) => {
    const folder = loadLlamaFolder(join(referencesDir, name));
    const json = JSON.parse(folder.tokenizerJson) as object;
    const tokenizerJson = JSON.stringify(preTokenizer ? { ...json, pre_tokenizer: preTokenizer } : json);
    const { metadata } = toGguf({ ...folder, tokenizerJson }, options);
    expect(metadata.get('tokenizer.ggml.pre')).toEqual({ type: 'string', value: expected });
    expect(metadata.get('tokenizer.ggml.tokens')?.value).toHaveLength(folder.config.vocabSize);
  });

  test('a pre-tokenizer that llama.cpp has no name for is refused', () => {
    const folder = loadLlamaFolder(own);
    const pretokenizers = [{ type: 'Digits', individual_digits: false }, { type: 'ByteLevel' }];
    const json = {
      ...(JSON.parse(folder.tokenizerJson) as object),
      pre_tokenizer: { type: 'Sequence', pretokenizers },
    };
    expect(() => toGguf({ ...folder, tokenizerJson: JSON.stringify(json) }, options)).toThrow(
      'llama.cpp has no name for this pre_tokenizer',
    );
  });
});

test('a file that cannot be written leaves nothing, and the one before stays', () => {
  const folder = temporaryModels();
  mkdirSync(join(folder, 'taken.gguf'));
  const tensors = [{ name: 'x', shape: [1], dtype: 'f32', data: () => Float32Array.of(1) }] as const;
  expect(() => writeGguf(join(folder, 'taken.gguf'), new Map(), tensors)).toThrow('EISDIR');
  const wrong = [{ ...tensors[0], shape: [2] }];
  expect(() => writeGguf(join(folder, 'wrong.gguf'), new Map(), wrong)).toThrow('x: shape 2 but 1 numbers');
  expect(existsSync(join(folder, 'wrong.gguf'))).toBe(false);
  expect(readdirSync(folder)).toEqual(['taken.gguf']);
});
