/**
 * A model folder as llama.cpp wants it in GGUF: architecture `llama`, tokenizer `gpt2` (byte-level BPE with merges).
 * Query and key rows are reordered: llama.cpp turns neighbouring numbers of a head, Hugging Face numbers half a head
 * apart. Llama 3.1's rotary scaling becomes a factor for each pair.
 * Not covered: normalizers (llama.cpp has none: a Qwen-style NFC is left to the caller's text).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { HostTensor, ModelConfig, RopeScaling } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import type { LlamaFolder } from './folder.ts';
import { writeGguf, type GgufTensor, type GgufValue } from './gguf.ts';
import type { Checkpoint } from './load.ts';

export interface GgufOptions {
  /** shown by other programs */
  name: string;
  dtype: 'f32' | 'f16';
  bosId: number;
  endId: number;
  chatTemplate: string;
}

const idsSchema = z.object({ bos_token_id: z.number(), eos_token_id: z.number() });
const templateSchema = z.object({ chat_template: z.string() });

/** Write a run as one GGUF file, whole or not at all. @throws UserError for a tokenizer that llama.cpp does not know */
export function exportGguf(run: Checkpoint, path: string, dtype: GgufOptions['dtype']): void {
  const json = (name: string): unknown => JSON.parse(readFileSync(join(run.dir, name), 'utf8'));
  const { bos_token_id: bosId, eos_token_id: endId } = idsSchema.parse(json('generation_config.json'));
  const { chat_template: chatTemplate } = templateSchema.parse(json('tokenizer_config.json'));
  const { metadata, tensors } = toGguf(run, { name: run.runId, dtype, bosId, endId, chatTemplate });
  writeGguf(path, metadata, tensors);
}

/** Keys and tensors of the file, in llama.cpp's names. @throws UserError for a tokenizer that llama.cpp does not know */
export function toGguf(
  { config, weights, tokenizerJson }: LlamaFolder,
  options: GgufOptions,
): { metadata: Map<string, GgufValue>; tensors: GgufTensor[] } {
  const take = (name: string): HostTensor => {
    const tensor = weights.get(name);
    check(tensor, `weights hold no ${name}`);
    return tensor;
  };
  const tensors: GgufTensor[] = [];
  const put = (name: string, source: string, change?: (tensor: HostTensor) => Float32Array): void => {
    const tensor = take(source);
    // llama.cpp keeps vectors in f32
    const dtype = tensor.shape.length === 1 ? 'f32' : options.dtype;
    tensors.push({ name, shape: tensor.shape, dtype, data: () => change?.(tensor) ?? tensor.data });
  };
  put('token_embd.weight', 'model.embed_tokens.weight');
  if (config.ropeScaling) {
    const factors = ropeFactors(config, config.ropeScaling);
    tensors.push({ name: 'rope_freqs.weight', shape: [factors.length], dtype: 'f32', data: () => factors });
  }
  for (let layer = 0; layer < config.layers; layer++) {
    const [ours, theirs] = [`model.layers.${layer}`, `blk.${layer}`];
    put(`${theirs}.attn_norm.weight`, `${ours}.input_layernorm.weight`);
    put(`${theirs}.attn_q.weight`, `${ours}.self_attn.q_proj.weight`, (tensor) => pairUp(tensor, config.heads));
    put(`${theirs}.attn_k.weight`, `${ours}.self_attn.k_proj.weight`, (tensor) => pairUp(tensor, config.kvHeads));
    put(`${theirs}.attn_v.weight`, `${ours}.self_attn.v_proj.weight`);
    put(`${theirs}.attn_output.weight`, `${ours}.self_attn.o_proj.weight`);
    put(`${theirs}.ffn_norm.weight`, `${ours}.post_attention_layernorm.weight`);
    for (const part of ['gate', 'up', 'down']) put(`${theirs}.ffn_${part}.weight`, `${ours}.mlp.${part}_proj.weight`);
  }
  put('output_norm.weight', 'model.norm.weight');
  if (!config.tiedEmbeddings) put('output.weight', 'lm_head.weight');
  return {
    metadata: new Map([...architecture(config, options), ...tokenizer(tokenizerJson, config.vocabSize, options)]),
    tensors,
  };
}

const u32 = (value: number): GgufValue => ({ type: 'u32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });

function architecture(config: ModelConfig, { name, dtype }: GgufOptions): [string, GgufValue][] {
  return [
    ['general.architecture', text('llama')],
    ['general.type', text('model')],
    ['general.name', text(name)],
    ['general.file_type', u32(dtype === 'f32' ? 0 : 1)],
    ['llama.vocab_size', u32(config.vocabSize)],
    ['llama.context_length', u32(config.contextLength)],
    ['llama.embedding_length', u32(config.width)],
    ['llama.block_count', u32(config.layers)],
    ['llama.feed_forward_length', u32(config.hiddenWidth)],
    ['llama.attention.head_count', u32(config.heads)],
    ['llama.attention.head_count_kv', u32(config.kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: config.normEps }],
    ['llama.rope.dimension_count', u32(config.width / config.heads)],
    ['llama.rope.freq_base', { type: 'f32', value: config.ropeTheta }],
  ];
}

/** (heads * d, in): within each head, rows 0, d/2, 1, d/2 + 1, ... */
function pairUp({ shape, data }: HostTensor, heads: number): Float32Array {
  const [rows = 0, inWidth = 0] = shape;
  const half = rows / heads / 2;
  const paired = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const [head, at] = [Math.floor(row / (2 * half)), row % (2 * half)];
    const from = (head * 2 + (at % 2)) * half + Math.floor(at / 2);
    paired.set(data.subarray(from * inWidth, (from + 1) * inWidth), row * inWidth);
  }
  return paired;
}

/**
 * (d/2) what each pair's angle is divided by: 1 for waves shorter than the original context, `factor` for longer ones,
 * and a blend between (Llama 3.1; transformers' `_compute_llama3_parameters` computes the same frequencies).
 */
function ropeFactors({ width, heads, ropeTheta }: ModelConfig, scaling: RopeScaling): Float32Array {
  const { factor, lowFreqFactor, highFreqFactor, originalContextLength } = scaling;
  const headWidth = width / heads;
  return Float32Array.from({ length: headWidth / 2 }, (_, pair) => {
    const waves = originalContextLength / (2 * Math.PI * ropeTheta ** ((2 * pair) / headWidth));
    if (waves > highFreqFactor) return 1;
    if (waves < lowFreqFactor) return factor;
    const blend = (waves - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - blend) / factor + blend);
  });
}

// === Tokenizer

/** llama.cpp's kinds of tokens. */
const tokenType = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

const schema = z.object({
  added_tokens: z.array(z.object({ id: z.number(), content: z.string(), special: z.boolean() })),
  pre_tokenizer: z.unknown(),
  model: z.object({
    vocab: z.custom<Record<string, number>>((value) => typeof value === 'object' && value !== null),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

function tokenizer(json: string, vocabSize: number, options: GgufOptions): [string, GgufValue][] {
  const { added_tokens: added, pre_tokenizer: cuts, model } = schema.parse(JSON.parse(json));
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(vocabSize).fill(tokenType.unused);
  for (const [name, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [name, tokenType.normal];
  for (const { id, content, special } of added) {
    [tokens[id], types[id]] = [content, special ? tokenType.control : tokenType.userDefined];
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(preTokenizerName(cuts))],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: types }],
    ['tokenizer.ggml.merges', { type: 'strings', value: merges }],
    ['tokenizer.ggml.bos_token_id', u32(options.bosId)],
    ['tokenizer.ggml.eos_token_id', u32(options.endId)],
    ['tokenizer.ggml.padding_token_id', u32(options.endId)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
    ['tokenizer.chat_template', text(options.chatTemplate)],
  ];
}

/** Ends of the regular expressions that Llama 3 and Qwen 2 share; they differ in how many digits stand together. */
const sharedStart = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
const sharedEnd = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** llama.cpp knows pre-tokenizers by name, each with its expressions compiled in. */
function preTokenizerName(cuts: unknown): string {
  const steps = isObject(cuts) && Array.isArray(cuts['pretokenizers']) ? (cuts['pretokenizers'] as unknown[]) : [cuts];
  const kinds = steps.map((step) => {
    if (!isObject(step)) return '';
    if (step['type'] === 'ByteLevel') return step['use_regex'] === false ? 'bytes' : 'gpt-2';
    if (step['type'] === 'Digits') return step['individual_digits'] === true ? 'digits' : '';
    const regex = isObject(step['pattern']) && step['behavior'] === 'Isolated' ? step['pattern']['Regex'] : undefined;
    if (regex === `${sharedStart}\\p{N}{1,3}${sharedEnd}`) return 'llama-bpe';
    return regex === `${sharedStart}\\p{N}${sharedEnd}` ? 'qwen2' : '';
  });
  const known: Record<string, string> = {
    'gpt-2': 'gpt-2',
    'digits gpt-2': 'smollm',
    'llama-bpe bytes': 'llama-bpe',
    'qwen2 bytes': 'qwen2',
  };
  const name = known[kinds.join(' ')];
  if (name !== undefined) return name;
  throw new UserError(
    'tokenizer.json: llama.cpp has no name for this pre_tokenizer',
    'Export runs whose base cuts text as GPT-2, Llama 3, SmolLM or Qwen 2 does, or that were trained from scratch.',
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
