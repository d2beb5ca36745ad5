import { expect, test } from 'vitest';
import { initialValue, parametersOf } from '../../src/model/layout.ts';
import { modelConfig, parameterCount, vocabSizeOf } from '../../src/model/sizes.ts';
import { modelSizes } from '../../src/types.ts';

test('the table of sizes is that of the design', () => {
  expect(
    modelSizes.map((size) => {
      const c = modelConfig(size, vocabSizeOf(size));
      return `${size} ${c.layers} x ${c.width}, ${c.heads} heads, context ${c.contextLength}, vocabulary ${c.vocabSize}, hidden ${c.hiddenWidth}`;
    }),
  ).toEqual([
    'nano 4 x 128, 4 heads, context 128, vocabulary 2048, hidden 352',
    'small 6 x 384, 6 heads, context 256, vocabulary 8192, hidden 1024',
    'base 12 x 768, 12 heads, context 512, vocabulary 16384, hidden 2048',
    'large 24 x 1024, 16 heads, context 1024, vocabulary 32768, hidden 2752',
  ]);
});

test('small has about 14 million parameters, and the count is that of the arrays', () => {
  expect(parameterCount(modelConfig('small', 8192)) / 1e6).toBeCloseTo(13.8, 1);
  const nano = modelConfig('nano', 500);
  expect(nano.vocabSize).toBe(500);
  const made = parametersOf(nano).reduce((sum, p) => sum + initialValue(p, 1).length, 0);
  expect(made).toBe(parameterCount(nano));
  const other = { ...nano, kvHeads: 2, tiedEmbeddings: false };
  const countOf = parametersOf(other).reduce((sum, p) => sum + initialValue(p, 1).length, 0);
  expect(countOf).toBe(parameterCount(other));
  expect(countOf - made).toBe(500 * 128 - 4 * 2 * 128 * 64);
});
