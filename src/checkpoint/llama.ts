/**
 * Our ModelConfig as Hugging Face's LlamaForCausalLM config.json and back, and the names and shapes of its weights.
 * Reading refuses what the engines here do not compute: grouped keys, biases, scaled rotary positions, untied output.
 * A head's width is always width / heads.
 */
import type { ModelConfig } from '../types.ts';
import { check } from '../util/errors.ts';
import { CheckpointError } from './error.ts';
import type { WeightDtype } from './safetensors.ts';

const torchDtypes: Record<WeightDtype, string> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/** Everything LlamaConfig holds, so that no default of any version of transformers matters. */
export function toLlamaConfig(
  config: ModelConfig,
  ids: { bosId: number; endId: number },
  dtype: WeightDtype,
): Record<string, unknown> {
  check(config.width % config.heads === 0, `width ${config.width} is not a multiple of ${config.heads} heads`);
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.width,
    intermediate_size: config.hiddenWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.heads,
    head_dim: config.width / config.heads,
    hidden_act: 'silu',
    max_position_embeddings: config.contextLength,
    initializer_range: 0.02,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    rope_scaling: null,
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    pretraining_tp: 1,
    tie_word_embeddings: true,
    use_cache: true,
    bos_token_id: ids.bosId,
    eos_token_id: ids.endId,
    pad_token_id: ids.endId,
    torch_dtype: torchDtypes[dtype],
  };
}

/** @throws CheckpointError naming the first key that is missing, wrong, or asks for what is not computed here. */
export function fromLlamaConfig(json: string, file: string): ModelConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(file, 'not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null) throw new CheckpointError(file, 'not a JSON object');
  const values = new Map<string, unknown>(Object.entries(parsed));

  const positive = (key: string, { whole = true } = {}): number => {
    const value = values.get(key);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0 && (!whole || Number.isSafeInteger(value)))
      return value;
    throw new CheckpointError(file, `${key} must be a positive ${whole ? 'whole number' : 'number'}`);
  };
  const only = (key: string, ...allowed: unknown[]): void => {
    if (allowed.includes(values.get(key))) return;
    const wanted = allowed.filter((value) => value !== undefined).map((value) => JSON.stringify(value));
    throw new CheckpointError(file, `${key} must be ${wanted.join(' or ')}`);
  };

  only('model_type', 'llama');
  only('hidden_act', 'silu');
  only('tie_word_embeddings', true);
  only('attention_bias', false, undefined);
  only('mlp_bias', false, undefined);
  only('rope_scaling', null, undefined);
  const config: ModelConfig = {
    vocabSize: positive('vocab_size'),
    contextLength: positive('max_position_embeddings'),
    layers: positive('num_hidden_layers'),
    width: positive('hidden_size'),
    heads: positive('num_attention_heads'),
    kvHeads: positive('num_attention_heads'),
    hiddenWidth: positive('intermediate_size'),
    ropeTheta: positive('rope_theta', { whole: false }),
    ropeScaling: null,
    normEps: positive('rms_norm_eps', { whole: false }),
    tiedEmbeddings: true,
  };
  only('num_key_value_heads', config.heads, undefined);
  only('head_dim', config.width / config.heads, undefined);
  if (config.width % (2 * config.heads) !== 0) {
    throw new CheckpointError(file, `hidden_size ${config.width} does not give ${config.heads} heads of an even width`);
  }
  return config;
}

/** Every weight of a tied Llama by Hugging Face name; linear weights as (out, in). */
export function llamaShapes(config: ModelConfig): Map<string, number[]> {
  const { vocabSize, layers, width, hiddenWidth } = config;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, width]]]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [width]);
    for (const part of ['q', 'k', 'v', 'o']) shapes.set(`${at}.self_attn.${part}_proj.weight`, [width, width]);
    shapes.set(`${at}.post_attention_layernorm.weight`, [width]);
    shapes.set(`${at}.mlp.gate_proj.weight`, [hiddenWidth, width]);
    shapes.set(`${at}.mlp.up_proj.weight`, [hiddenWidth, width]);
    shapes.set(`${at}.mlp.down_proj.weight`, [width, hiddenWidth]);
  }
  return shapes.set('model.norm.weight', [width]);
}
