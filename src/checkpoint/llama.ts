/**
 * Our ModelConfig as Hugging Face's LlamaForCausalLM config.json and back, and the names and shapes of its weights.
 * Keys and their defaults are those of transformers' LlamaConfig; rotary positions are read in both spellings
 * (`rope_theta` and `rope_scaling` up to version 4, `rope_parameters` from 5) and written in both.
 * Reading refuses what the engines here do not compute: biases, quantised weights, other rotary scalings than Llama 3's,
 * and heads that are not width / heads wide.
 */
import type { ModelConfig, RopeScaling } from '../types.ts';
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
  const { width, heads, kvHeads } = config;
  check(width % heads === 0, `width ${width} is not a multiple of ${heads} heads`);
  check(heads % kvHeads === 0, `${heads} heads are not a multiple of ${kvHeads} key and value heads`);
  const scaling = config.ropeScaling && ropeScalingJson(config.ropeScaling);
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: width,
    intermediate_size: config.hiddenWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: width / heads,
    hidden_act: 'silu',
    max_position_embeddings: config.contextLength,
    initializer_range: 0.02,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    rope_scaling: scaling,
    rope_parameters: { rope_theta: config.ropeTheta, ...(scaling ?? { rope_type: 'default' }) },
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    pretraining_tp: 1,
    tie_word_embeddings: config.tiedEmbeddings,
    use_cache: true,
    bos_token_id: ids.bosId,
    eos_token_id: ids.endId,
    pad_token_id: ids.endId,
    torch_dtype: torchDtypes[dtype],
  };
}

function ropeScalingJson(scaling: RopeScaling): Record<string, unknown> {
  return {
    rope_type: 'llama3',
    factor: scaling.factor,
    low_freq_factor: scaling.lowFreqFactor,
    high_freq_factor: scaling.highFreqFactor,
    original_max_position_embeddings: scaling.originalContextLength,
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
  const keys = new Keys(parsed, file);
  keys.only('model_type', 'llama');
  keys.only('hidden_act', 'silu', undefined);
  keys.only('attention_bias', false, undefined);
  keys.only('mlp_bias', false, undefined);
  keys.only('quantization_config', undefined, null);
  keys.only('tie_word_embeddings', true, false, undefined);
  const width = keys.positive('hidden_size');
  const heads = keys.positive('num_attention_heads');
  const kvHeads = keys.optional('num_key_value_heads') ?? heads;
  if (width % (2 * heads) !== 0) {
    throw new CheckpointError(file, `hidden_size ${width} does not give ${heads} heads of an even width`);
  }
  if (heads % kvHeads !== 0) {
    throw new CheckpointError(file, `num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  }
  keys.only('head_dim', width / heads, undefined, null);
  return {
    vocabSize: keys.positive('vocab_size'),
    contextLength: keys.positive('max_position_embeddings'),
    layers: keys.positive('num_hidden_layers'),
    width,
    heads,
    kvHeads,
    hiddenWidth: keys.positive('intermediate_size'),
    ...readRope(keys),
    normEps: keys.positive('rms_norm_eps', { whole: false }),
    tiedEmbeddings: keys.get('tie_word_embeddings') === true,
  };
}

/** transformers 5 keeps theta and scaling in `rope_parameters`; before, theta stood at the top. */
function readRope(keys: Keys): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
  const scaling = keys.object('rope_parameters') ?? keys.object('rope_scaling');
  const ropeTheta =
    scaling?.optional('rope_theta', { whole: false }) ?? keys.optional('rope_theta', { whole: false }) ?? 10_000;
  if (scaling === undefined) return { ropeTheta, ropeScaling: null };
  const typeKey = scaling.get('rope_type') === undefined && scaling.get('type') !== undefined ? 'type' : 'rope_type';
  scaling.only(typeKey, 'default', 'llama3');
  scaling.only('partial_rotary_factor', 1, undefined, null);
  if (scaling.get(typeKey) === 'default') return { ropeTheta, ropeScaling: null };
  const number = (key: string): number => scaling.positive(key, { whole: false });
  const ropeScaling = {
    factor: number('factor'),
    lowFreqFactor: number('low_freq_factor'),
    highFreqFactor: number('high_freq_factor'),
    originalContextLength: scaling.positive('original_max_position_embeddings'),
  };
  if (ropeScaling.highFreqFactor <= ropeScaling.lowFreqFactor) {
    throw new CheckpointError(scaling.file, `${scaling.prefix}high_freq_factor must be above low_freq_factor`);
  }
  return { ropeTheta, ropeScaling };
}

/** The keys of one JSON object, read with errors that name file and key. */
class Keys {
  readonly #values: Map<string, unknown>;
  readonly file: string;
  readonly prefix: string;

  constructor(object: object, file: string, prefix = '') {
    this.#values = new Map<string, unknown>(Object.entries(object));
    this.file = file;
    this.prefix = prefix;
  }

  get(key: string): unknown {
    return this.#values.get(key);
  }

  only(key: string, ...allowed: unknown[]): void {
    if (allowed.includes(this.get(key))) return;
    const wanted = allowed.filter((value) => value !== undefined && value !== null).map((v) => JSON.stringify(v));
    const must = wanted.length === 0 ? 'must be absent' : `must be ${wanted.join(' or ')}`;
    throw new CheckpointError(this.file, `${this.prefix}${key} ${must}`);
  }

  positive(key: string, { whole = true } = {}): number {
    const value = this.get(key);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0 && (!whole || Number.isSafeInteger(value)))
      return value;
    throw new CheckpointError(
      this.file,
      `${this.prefix}${key} must be a positive ${whole ? 'whole number' : 'number'}`,
    );
  }

  /** undefined where the key is absent or null */
  optional(key: string, options: { whole?: boolean } = {}): number | undefined {
    return this.get(key) === undefined || this.get(key) === null ? undefined : this.positive(key, options);
  }

  /** undefined where the key is absent or null */
  object(key: string): Keys | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'object' && !Array.isArray(value)) return new Keys(value, this.file, `${key}.`);
    throw new CheckpointError(this.file, `${this.prefix}${key} must be an object or null`);
  }
}

/** Every weight of a Llama by Hugging Face name; linear weights as (out, in). An untied output is `lm_head.weight`. */
export function llamaShapes(config: ModelConfig): Map<string, number[]> {
  const { vocabSize, layers, width, hiddenWidth } = config;
  const kvWidth = (width / config.heads) * config.kvHeads;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, width]]]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [width]);
    shapes.set(`${at}.self_attn.q_proj.weight`, [width, width]);
    shapes.set(`${at}.self_attn.k_proj.weight`, [kvWidth, width]);
    shapes.set(`${at}.self_attn.v_proj.weight`, [kvWidth, width]);
    shapes.set(`${at}.self_attn.o_proj.weight`, [width, width]);
    shapes.set(`${at}.post_attention_layernorm.weight`, [width]);
    shapes.set(`${at}.mlp.gate_proj.weight`, [hiddenWidth, width]);
    shapes.set(`${at}.mlp.up_proj.weight`, [hiddenWidth, width]);
    shapes.set(`${at}.mlp.down_proj.weight`, [width, hiddenWidth]);
  }
  shapes.set('model.norm.weight', [width]);
  return config.tiedEmbeddings ? shapes : shapes.set('lm_head.weight', [vocabSize, width]);
}

/** No NaN, no infinity. A plain loop: `every` with a callback takes seconds where a base has 100 million weights. */
export function allFinite(numbers: Float32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (numbers[i]! - numbers[i]! !== 0) return false;
  return true;
}
