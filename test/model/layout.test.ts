/** Names, shapes and copies of the parameters: with and without grouped keys and an output layer of its own. */
import { describe, expect, test } from 'vitest';
import { fromWeights, initialValue, parametersOf, toWeight } from '../../src/model/layout.ts';
import { muonMatrix } from '../../src/model/optimizer-constants.ts';
import type { ModelConfig, Weights } from '../../src/types.ts';
import { normals, tinyConfig } from './helpers.ts';

const grouped: ModelConfig = { ...tinyConfig, layers: 1, heads: 4, kvHeads: 2, tiedEmbeddings: false };

test('grouped keys and values are narrower, and an untied model has an output layer', () => {
  expect(parametersOf(grouped).map(({ source, shape }) => `${source} ${shape.join('x')}`)).toEqual([
    'model.embed_tokens.weight 40x16',
    'model.layers.0.input_layernorm.weight 16',
    'model.layers.0.self_attn.q_proj.weight 16x16',
    'model.layers.0.self_attn.k_proj.weight 16x8',
    'model.layers.0.self_attn.v_proj.weight 16x8',
    'model.layers.0.self_attn.o_proj.weight 16x16',
    'model.layers.0.post_attention_layernorm.weight 16',
    'model.layers.0.mlp.gate_proj.weight 16x24',
    'model.layers.0.mlp.up_proj.weight 16x24',
    'model.layers.0.mlp.down_proj.weight 24x16',
    'model.norm.weight 16',
    'lm_head.weight 40x16',
  ]);
});

test('heads that do not divide the width, or one another, are refused with the numbers', () => {
  for (const wrong of [{ heads: 3 }, { heads: 16 }, { heads: 4, kvHeads: 3 }, { heads: 2, kvHeads: 4 }]) {
    const config = { ...tinyConfig, kvHeads: 1, ...wrong };
    expect(() => parametersOf(config)).toThrow(
      `width 16, ${config.heads} heads and ${config.kvHeads} heads of keys: the width must be`,
    );
  }
});

test('Muon trains the matrices inside the layers, and only those', () => {
  const names = parametersOf(grouped)
    .filter(muonMatrix)
    .map(({ name }) => name);
  expect(names).toEqual(
    ['query', 'key', 'value', 'output', 'gate', 'up', 'down'].map((matrix) => `layers.0.${matrix}`),
  );
});

describe('each parameter', () => {
  test.each(parametersOf(grouped))('$name goes out and comes back', (parameter) => {
    const [rows, columns = 1] = parameter.shape;
    const data = normals(rows * columns, parameter.name);
    const [source, tensor] = toWeight(parameter, data);
    const weights: Weights = new Map([[source, tensor]]);
    expect(fromWeights(parameter, weights)).toEqual(data);
    // outside a linear map is (out, in): element (1, 0) there is (0, 1) here
    if (parameter.kind === 'linear') {
      expect(tensor.shape).toEqual([columns, rows]);
      expect(tensor.data[rows]).toBe(data[1]);
    } else {
      expect(tensor.shape).toEqual(parameter.shape);
      expect(tensor.data).toEqual(data);
    }
  });

  test.each(parametersOf(grouped))('$name starts with its own spread', (parameter) => {
    const data = initialValue(parameter, 5);
    expect(data).toEqual(initialValue(parameter, 5));
    if (parameter.kind === 'norm') expect(data.every((x) => x === 1)).toBe(true);
    else {
      const spread = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
      expect(spread / parameter.initialStd).toBeGreaterThan(0.7);
      expect(spread / parameter.initialStd).toBeLessThan(1.3);
    }
  });
});
