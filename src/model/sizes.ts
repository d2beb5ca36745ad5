/**
 * The table of model sizes (design: model). One dial, the size, decides the shape; the vocabulary is the tokenizer's.
 */
import type { ModelConfig, ModelSize } from '../types.ts';

interface Size {
  layers: number;
  width: number;
  heads: number;
  contextLength: number;
  vocabSize: number;
}

const table: Record<ModelSize, Size> = {
  nano: { layers: 4, width: 128, heads: 4, contextLength: 128, vocabSize: 2048 },
  small: { layers: 6, width: 384, heads: 6, contextLength: 256, vocabSize: 8192 },
  base: { layers: 12, width: 768, heads: 12, contextLength: 512, vocabSize: 16_384 },
  large: { layers: 24, width: 1024, heads: 16, contextLength: 1024, vocabSize: 32_768 },
};

/** Vocabulary that a tokenizer for this size is trained to. */
export function vocabSizeOf(size: ModelSize): number {
  return table[size].vocabSize;
}

/** Shape of a model of this size for a tokenizer with `vocabSize` ids (which may be fewer than the size's own). */
export function modelConfig(size: ModelSize, vocabSize: number): ModelConfig {
  const { layers, width, heads, contextLength } = table[size];
  return {
    vocabSize,
    contextLength,
    layers,
    width,
    heads,
    kvHeads: heads,
    // SwiGLU has three matrices where a plain MLP of 4 x width has two: 8/3 keeps the number of parameters (Shazeer 2020)
    hiddenWidth: Math.ceil((8 * width) / 3 / 32) * 32,
    ropeTheta: 10_000,
    ropeScaling: null,
    normEps: 1e-5,
    tiedEmbeddings: true,
  };
}

/** Number of weights; a tied embedding counts once. */
export function parameterCount(config: ModelConfig): number {
  const { vocabSize, layers, width, heads, kvHeads, hiddenWidth, tiedEmbeddings } = config;
  const attention = 2 * width * width + 2 * width * (width / heads) * kvHeads;
  const tables = (tiedEmbeddings ? 1 : 2) * vocabSize * width;
  return tables + layers * (attention + 3 * width * hiddenWidth + 2 * width) + width;
}
