/**
 * Where each weight lies: Hugging Face's names and (out, in) matrices outside, this engine's parameters inside.
 * Inside, linear weights are (in, out), so that the forward pass multiplies without a transpose.
 * Host arrays only; nothing here knows tfjs.
 */
import type { HostTensor, ModelConfig, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';

/** One trainable array of the engine. */
export interface Parameter {
  name: string;
  /** (in, out) of a linear map, (vocabSize, width) of the embedding and the head, (width) of a norm; lora.ts has adapters' */
  shape: [number] | [number, number];
  /** Hugging Face's name */
  source: string;
  /** `linear`: the matrices inside the layers, which Muon may train; `head`: the output layer where it is not the embedding */
  kind: 'embedding' | 'linear' | 'norm' | 'head' | 'adapter';
  /** standard deviation of the initial normal, 0 = zeros; norms start at one */
  initialStd: number;
}

/**
 * Every parameter, in the order of the forward pass. Keys and values are `kvHeads` heads wide (grouped-query attention,
 * Ainslie et al. 2023); the output layer has an array of its own where the embedding is not tied.
 */
export function parametersOf(config: ModelConfig): Parameter[] {
  const { vocabSize, width, heads, kvHeads, hiddenWidth, layers, tiedEmbeddings } = config;
  check(
    Number.isInteger(width / heads / 2) && Number.isInteger(heads / kvHeads),
    `width ${width}, ${heads} heads and ${kvHeads} heads of keys: the width must be an even multiple of the heads, and these a multiple of those of keys`,
  );
  const kvWidth = (width / heads) * kvHeads;
  const std = 0.02;
  const residualStd = std / Math.sqrt(2 * layers); // GPT-2: keeps the residual stream's variance at any depth
  const norm = (name: string, source: string): Parameter => ({
    name,
    shape: [width],
    source,
    kind: 'norm',
    initialStd: 0,
  });
  const linear = (name: string, inWidth: number, outWidth: number, source: string, initialStd = std): Parameter => ({
    name,
    shape: [inWidth, outWidth],
    source,
    kind: 'linear',
    initialStd,
  });
  const vocabulary = (name: string, source: string, kind: 'embedding' | 'head'): Parameter => ({
    name,
    shape: [vocabSize, width],
    source,
    kind,
    initialStd: std,
  });
  const parameters: Parameter[] = [vocabulary('embedding', 'model.embed_tokens.weight', 'embedding')];
  for (let i = 0; i < layers; i++) {
    const [ours, theirs] = [`layers.${i}`, `model.layers.${i}`];
    parameters.push(
      norm(`${ours}.attentionNorm`, `${theirs}.input_layernorm.weight`),
      linear(`${ours}.query`, width, width, `${theirs}.self_attn.q_proj.weight`),
      linear(`${ours}.key`, width, kvWidth, `${theirs}.self_attn.k_proj.weight`),
      linear(`${ours}.value`, width, kvWidth, `${theirs}.self_attn.v_proj.weight`),
      linear(`${ours}.output`, width, width, `${theirs}.self_attn.o_proj.weight`, residualStd),
      norm(`${ours}.mlpNorm`, `${theirs}.post_attention_layernorm.weight`),
      linear(`${ours}.gate`, width, hiddenWidth, `${theirs}.mlp.gate_proj.weight`),
      linear(`${ours}.up`, width, hiddenWidth, `${theirs}.mlp.up_proj.weight`),
      linear(`${ours}.down`, hiddenWidth, width, `${theirs}.mlp.down_proj.weight`, residualStd),
    );
  }
  parameters.push(norm('finalNorm', 'model.norm.weight'));
  if (!tiedEmbeddings) parameters.push(vocabulary('outputHead', 'lm_head.weight', 'head'));
  return parameters;
}

/** Initial value: norms one, matrices normal or zero. The same seed gives the same weights on every backend. */
export function initialValue(parameter: Parameter, seed: number): Float32Array {
  const data = new Float32Array(parameter.shape.reduce((a, b) => a * b, 1));
  if (parameter.kind === 'norm') return data.fill(1);
  if (parameter.initialStd === 0) return data;
  const random = createRandom(`${seed} ${parameter.name}`);
  return data.map(() => random.normal() * parameter.initialStd);
}

/** The parameter's tensor in Hugging Face's layout. A missing name or another shape is an error that names it. */
export function checkedWeight({ source, shape, kind }: Parameter, weights: Weights): HostTensor {
  const tensor = weights.get(source);
  check(tensor, `weights hold no ${source}`);
  const expected = kind === 'linear' ? shape.toReversed() : shape;
  check(
    tensor.shape.length === expected.length && tensor.shape.every((n, i) => n === expected[i]),
    `${source} is (${tensor.shape.join(', ')}), the model's is (${expected.join(', ')})`,
  );
  return tensor;
}

/** Weights by Hugging Face name -> the parameter's array; what `checkedWeight` refuses is refused. */
export function fromWeights(parameter: Parameter, weights: Weights): Float32Array {
  const { shape, data } = checkedWeight(parameter, weights);
  return parameter.kind === 'linear' ? transpose(data, shape[1]!) : Float32Array.from(data);
}

/** The parameter's array -> a tensor under its Hugging Face name; the inverse of `fromWeights`. */
export function toWeight({ source, shape, kind }: Parameter, data: Float32Array): [string, HostTensor] {
  if (kind !== 'linear') return [source, { shape, data: Float32Array.from(data) }];
  return [source, { shape: shape.toReversed(), data: transpose(data, shape[1]!) }];
}

/** A row-major matrix with rows of `width` -> its transpose, row-major. */
function transpose(data: Float32Array, width: number): Float32Array {
  const height = data.length / width;
  const turned = new Float32Array(data.length);
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) turned[j * height + i] = data[i * width + j]!;
  return turned;
}

/** Refuses names that the model does not have, so that a wrong folder fails by name instead of being half read. */
export function checkNames(parameters: readonly Parameter[], weights: Weights): void {
  const known = new Set(parameters.map((p) => p.source));
  for (const name of weights.keys()) check(known.has(name), `the model has no weight ${name}`);
}
