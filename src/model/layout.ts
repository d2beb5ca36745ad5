/**
 * Where each weight lies: Hugging Face's names and (out, in) matrices outside, this engine's parameters inside.
 * Inside, linear weights are (in, out), so that the forward pass multiplies without a transpose, and query, key and
 * value share one matrix, side by side along the output axis. Host arrays only; nothing here knows tfjs.
 */
import type { HostTensor, ModelConfig, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';

/** One trainable array of the engine. */
export interface Parameter {
  name: string;
  /** (in, out) of a linear map, (vocabSize, width) of the embedding, (width) of a norm */
  shape: [number] | [number, number];
  /** Hugging Face names; more than one where matrices share a parameter */
  sources: string[];
  kind: 'embedding' | 'linear' | 'norm';
  /** standard deviation of the initial normal; norms start at one */
  initialStd: number;
}

/** Every parameter, in the order of the forward pass. */
export function parametersOf(config: ModelConfig): Parameter[] {
  const { vocabSize, width, hiddenWidth, layers } = config;
  const std = 0.02;
  const residualStd = std / Math.sqrt(2 * layers); // GPT-2: keeps the residual stream's variance at any depth
  const norm = (name: string, source: string): Parameter => ({
    name,
    shape: [width],
    sources: [source],
    kind: 'norm',
    initialStd: 0,
  });
  const linear = (name: string, inWidth: number, outWidth: number, sources: string[], initialStd = std): Parameter => ({
    name,
    shape: [inWidth, outWidth],
    sources,
    kind: 'linear',
    initialStd,
  });
  const parameters: Parameter[] = [
    {
      name: 'embedding',
      shape: [vocabSize, width],
      sources: ['model.embed_tokens.weight'],
      kind: 'embedding',
      initialStd: std,
    },
  ];
  for (let i = 0; i < layers; i++) {
    const hf = `model.layers.${i}`;
    const projections = ['q', 'k', 'v'].map((p) => `${hf}.self_attn.${p}_proj.weight`);
    parameters.push(
      norm(`layers.${i}.attentionNorm`, `${hf}.input_layernorm.weight`),
      linear(`layers.${i}.qkv`, width, 3 * width, projections),
      linear(`layers.${i}.output`, width, width, [`${hf}.self_attn.o_proj.weight`], residualStd),
      norm(`layers.${i}.mlpNorm`, `${hf}.post_attention_layernorm.weight`),
      linear(`layers.${i}.gate`, width, hiddenWidth, [`${hf}.mlp.gate_proj.weight`]),
      linear(`layers.${i}.up`, width, hiddenWidth, [`${hf}.mlp.up_proj.weight`]),
      linear(`layers.${i}.down`, hiddenWidth, width, [`${hf}.mlp.down_proj.weight`], residualStd),
    );
  }
  parameters.push(norm('finalNorm', 'model.norm.weight'));
  return parameters;
}

/** Hugging Face shape of each source of a parameter. */
function sourceShape(parameter: Parameter): number[] {
  if (parameter.kind !== 'linear') return parameter.shape;
  const [inWidth, outWidth] = parameter.shape as [number, number];
  return [outWidth / parameter.sources.length, inWidth];
}

/** Initial value: norms one, matrices normal. The same seed gives the same weights on every backend. */
export function initialValue(parameter: Parameter, seed: number): Float32Array {
  const data = new Float32Array(parameter.shape.reduce((a, b) => a * b, 1));
  if (parameter.kind === 'norm') return data.fill(1);
  const random = createRandom(`${seed} ${parameter.name}`);
  return data.map(() => random.normal() * parameter.initialStd);
}

/** Weights by Hugging Face name -> the parameter's array. A missing name or another shape is an error that names it. */
export function fromWeights(parameter: Parameter, weights: Weights): Float32Array {
  const expected = sourceShape(parameter);
  const sources = parameter.sources.map((name) => {
    const tensor = weights.get(name);
    check(tensor, `weights hold no ${name}`);
    check(
      tensor.shape.length === expected.length && tensor.shape.every((n, i) => n === expected[i]),
      `${name} is (${tensor.shape.join(', ')}), the model's is (${expected.join(', ')})`,
    );
    return tensor.data;
  });
  if (parameter.kind !== 'linear') return Float32Array.from(sources[0]!);
  const [inWidth, outWidth] = parameter.shape as [number, number];
  const rows = outWidth / sources.length;
  const data = new Float32Array(inWidth * outWidth);
  sources.forEach((source, s) => {
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < inWidth; i++) data[i * outWidth + s * rows + row] = source[row * inWidth + i]!;
    }
  });
  return data;
}

/** The parameter's array -> tensors by Hugging Face name; the inverse of `fromWeights`. */
export function toWeights(parameter: Parameter, data: Float32Array): [string, HostTensor][] {
  const shape = sourceShape(parameter);
  if (parameter.kind !== 'linear') return [[parameter.sources[0]!, { shape, data: Float32Array.from(data) }]];
  const [inWidth, outWidth] = parameter.shape as [number, number];
  const rows = outWidth / parameter.sources.length;
  return parameter.sources.map((name, s) => {
    const source = new Float32Array(rows * inWidth);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < inWidth; i++) source[row * inWidth + i] = data[i * outWidth + s * rows + row]!;
    }
    return [name, { shape, data: source }];
  });
}

/** Refuses names that the model does not have, so that a wrong folder fails by name instead of being half read. */
export function checkNames(config: ModelConfig, weights: Weights): void {
  const known = new Set(parametersOf(config).flatMap((p) => p.sources));
  for (const name of weights.keys()) check(known.has(name), `the model has no weight ${name}`);
}
