import { expect, test } from 'vitest';
import { fromLlamaConfig, llamaShapes, toLlamaConfig } from '../../src/checkpoint/llama.ts';
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

test('a config comes back as it was', () => {
  expect(fromLlamaConfig(JSON.stringify(toLlamaConfig(tinyConfig, ids, 'f32')), 'config.json')).toEqual(tinyConfig);
});

test.each([
  ['model_type', 'gpt2', 'model_type must be "llama"'],
  ['hidden_act', 'gelu', 'hidden_act must be "silu"'],
  ['tie_word_embeddings', false, 'tie_word_embeddings must be true'],
  ['num_key_value_heads', 1, 'num_key_value_heads must be 2'],
  ['head_dim', 16, 'head_dim must be 8'],
  ['attention_bias', true, 'attention_bias must be false'],
  ['mlp_bias', true, 'mlp_bias must be false'],
  ['rope_scaling', { factor: 2 }, 'rope_scaling must be null'],
  ['hidden_size', 16.5, 'hidden_size must be a positive whole number'],
  ['num_hidden_layers', '2', 'num_hidden_layers must be a positive whole number'],
  ['vocab_size', undefined, 'vocab_size must be a positive whole number'],
  ['rope_theta', 0, 'rope_theta must be a positive number'],
  ['num_attention_heads', 16, 'num_key_value_heads must be 16'],
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
