import { expect, test } from 'vitest';
import { fromLlamaConfig, llamaShapes, toLlamaConfig } from '../../src/checkpoint/llama.ts';
import type { ModelConfig } from '../../src/types.ts';
import { tinyConfig } from './examples.ts';

const ids = { bosId: 0, endId: 41 };

test('names and values are those of LlamaConfig', () => {
  expect(toLlamaConfig(tinyConfig, ids, 'bf16')).toEqual({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 320,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    head_dim: 8,
    hidden_act: 'silu',
    max_position_embeddings: 64,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    rope_scaling: null,
    rope_parameters: { rope_theta: 10_000, rope_type: 'default' },
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    pretraining_tp: 1,
    tie_word_embeddings: true,
    use_cache: true,
    bos_token_id: 0,
    eos_token_id: 41,
    pad_token_id: 41,
    torch_dtype: 'bfloat16',
  });
});

/** The shape of Llama 3.2: grouped keys, stretched rotary positions, an output layer of its own. */
const grouped: ModelConfig = {
  ...tinyConfig,
  heads: 4,
  kvHeads: 2,
  ropeTheta: 500_000,
  ropeScaling: { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 8192 },
  tiedEmbeddings: false,
};

test.each([
  ['plain', tinyConfig],
  ['grouped, scaled and untied', grouped],
])('a %s config comes back as it was', (_, config) => {
  expect(fromLlamaConfig(JSON.stringify(toLlamaConfig(config, ids, 'f32')), 'config.json')).toEqual(config);
});

const llama3 = {
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
  rope_type: 'llama3',
};

/** config.json without rotary keys, and these instead. */
const withRope = (keys: object): string => {
  const { rope_theta: _, rope_scaling: __, rope_parameters: ___, ...rest } = toLlamaConfig(grouped, ids, 'f32');
  return JSON.stringify({ ...rest, ...keys });
};

test.each([
  ['nothing', {}, 10_000, null],
  ['version 4, no scaling', { rope_theta: 1e6, rope_scaling: null }, 1e6, null],
  ['version 4', { rope_theta: 500_000, rope_scaling: llama3 }, 500_000, grouped.ropeScaling],
  ['an older version 4', { rope_scaling: { type: 'default' } }, 10_000, null],
  ['version 5, no scaling', { rope_parameters: { rope_theta: 1e6, rope_type: 'default' } }, 1e6, null],
  ['version 5', { rope_parameters: { ...llama3, rope_theta: 500_000 } }, 500_000, grouped.ropeScaling],
  ['both', { rope_theta: 7, rope_parameters: { ...llama3, rope_theta: 500_000 } }, 500_000, grouped.ropeScaling],
])('reads rotary positions as %s writes them', (_, keys, ropeTheta, ropeScaling) => {
  expect(fromLlamaConfig(withRope(keys), 'config.json')).toEqual({ ...grouped, ropeTheta, ropeScaling });
});

test.each([
  ['yarn', { rope_scaling: { rope_type: 'yarn', factor: 2 } }, 'rope_type must be "default" or "llama3"'],
  ['linear, as once spelled', { rope_scaling: { type: 'linear', factor: 2 } }, 'type must be "default" or "llama3"'],
  ['no type', { rope_scaling: { factor: 2 } }, 'rope_type must be "default" or "llama3"'],
  ['a list', { rope_scaling: [] }, 'rope_scaling must be an object or null'],
  ['a part', { rope_parameters: { ...llama3, partial_rotary_factor: 0.5 } }, 'partial_rotary_factor must be 1'],
  ['no factor', { rope_scaling: { ...llama3, factor: undefined } }, 'rope_scaling.factor must be a positive number'],
  ['bounds in the wrong order', { rope_scaling: { ...llama3, high_freq_factor: 1 } }, 'high_freq_factor must be above'],
])('refuses rotary positions: %s', (_, keys, message) => {
  expect(() => fromLlamaConfig(withRope(keys), 'config.json')).toThrow(message);
});

test('what a config leaves out is what LlamaConfig takes it to be', () => {
  const {
    num_key_value_heads: _,
    head_dim: __,
    hidden_act: ___,
    tie_word_embeddings: ____,
    ...short
  } = toLlamaConfig(tinyConfig, ids, 'f32');
  expect(fromLlamaConfig(JSON.stringify(short), 'config.json')).toEqual({ ...tinyConfig, tiedEmbeddings: false });
});

test.each([
  ['model_type', 'gpt2', 'model_type must be "llama"'],
  ['hidden_act', 'gelu', 'hidden_act must be "silu"'],
  ['tie_word_embeddings', 'yes', 'tie_word_embeddings must be true or false'],
  ['num_key_value_heads', 0, 'num_key_value_heads must be a positive whole number'],
  ['num_key_value_heads', 4, 'num_attention_heads 2 is not a multiple of num_key_value_heads 4'],
  ['head_dim', 16, 'head_dim must be 8'],
  ['attention_bias', true, 'attention_bias must be false'],
  ['mlp_bias', true, 'mlp_bias must be false'],
  ['quantization_config', { bits: 4 }, 'quantization_config must be absent'],
  ['hidden_size', 16.5, 'hidden_size must be a positive whole number'],
  ['num_hidden_layers', '2', 'num_hidden_layers must be a positive whole number'],
  ['vocab_size', undefined, 'vocab_size must be a positive whole number'],
  ['rope_parameters', { rope_type: 'default', rope_theta: 0 }, 'rope_parameters.rope_theta must be a positive number'],
])('refuses %s = %j', (key, value, message) => {
  const changed = { ...toLlamaConfig(tinyConfig, ids, 'f32'), [key]: value };
  expect(() => fromLlamaConfig(JSON.stringify(changed), 'there/config.json')).toThrow(`there/config.json: ${message}`);
});

test('refuses heads of an odd width, which rotary positions cannot turn', () => {
  const odd = { ...toLlamaConfig(tinyConfig, ids, 'f32'), hidden_size: 6, head_dim: 3 };
  expect(() => fromLlamaConfig(JSON.stringify(odd), 'config.json')).toThrow('heads of an even width');
});

test.each(['', '{', 'null', '3'])('refuses %j', (text) => {
  expect(() => fromLlamaConfig(text, 'config.json')).toThrow('config.json: not');
});

test('weights are named and shaped as transformers names and shapes them', () => {
  expect([...llamaShapes({ ...tinyConfig, layers: 1 })]).toEqual([
    ['model.embed_tokens.weight', [320, 16]],
    ['model.layers.0.input_layernorm.weight', [16]],
    ['model.layers.0.self_attn.q_proj.weight', [16, 16]],
    ['model.layers.0.self_attn.k_proj.weight', [16, 16]],
    ['model.layers.0.self_attn.v_proj.weight', [16, 16]],
    ['model.layers.0.self_attn.o_proj.weight', [16, 16]],
    ['model.layers.0.post_attention_layernorm.weight', [16]],
    ['model.layers.0.mlp.gate_proj.weight', [32, 16]],
    ['model.layers.0.mlp.up_proj.weight', [32, 16]],
    ['model.layers.0.mlp.down_proj.weight', [16, 32]],
    ['model.norm.weight', [16]],
  ]);
});

test('grouped keys are narrower, and an untied output has a matrix of its own', () => {
  const shapes = llamaShapes(grouped);
  expect(shapes.get('model.layers.1.self_attn.q_proj.weight')).toEqual([16, 16]);
  expect(shapes.get('model.layers.1.self_attn.k_proj.weight')).toEqual([8, 16]);
  expect(shapes.get('model.layers.1.self_attn.v_proj.weight')).toEqual([8, 16]);
  expect(shapes.get('lm_head.weight')).toEqual([320, 16]);
});
