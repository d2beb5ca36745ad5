/**
 * LoRA (Hu et al. 2021): of a base's weights W0, only a low-rank change of the matrices inside the layers is learned,
 * W = W0 + (alpha / rank) B A with A (rank, in) and B (out, rank). A starts normal, B zero, so the first step sees the base.
 * Embedding, norms and output layer are frozen.
 *
 * Computed on merged weights: the network runs on W and never sees an adapter. From dW, the gradient of W, those of the
 * adapters are dB = s dW A^T and dA = s B^T dW with s = alpha / rank; AdamW changes A and B, and W is merged again from W0.
 * In exact arithmetic that is LoRA without its dropout. It restricts what can change and saves the moments of the frozen
 * weights; backward costs as much as when all weights are trained, and W0 is kept beside W.
 *
 * Beside the paper: A has variance 1 / in. The weight decay of a step applies to A and B alike, and so pulls W towards W0.
 * The gradient norm, reported and clipped, is that of all adapters' gradients. The optimizer is AdamW whatever a step asks.
 *
 * `importWeights` replaces what the engine computes and exports, not what it learns: the next step begins from W0 and the
 * adapters. `importOptimizer` replaces adapters and moments, and merges. W0 is always the weights the engine began with.
 * Host arrays only; simd-lora.ts and tfjs-lora.ts compute.
 */
import type { ModelConfig } from '../types.ts';
import { check } from '../util/errors.ts';
import type { LoraOptions } from './engine.ts';
import { parametersOf, type Parameter } from './layout.ts';
import { muonMatrix } from './optimizer-constants.ts';

/** What is learned for one matrix. */
export interface Adapter {
  /** the matrix that it changes */
  target: Parameter;
  /** (rank, in) */
  a: Parameter;
  /** (out, rank) */
  b: Parameter;
}

/** alpha / rank: what B A is multiplied by. */
export const loraScale = ({ rank, alpha }: LoraOptions): number => alpha / rank;

/** An adapter for each matrix inside the layers, in the order of the forward pass, named as Hugging Face's PEFT names them. */
export function adaptersOf(config: ModelConfig, { rank, alpha }: LoraOptions): Adapter[] {
  check(Number.isInteger(rank) && rank >= 1, `LoRA of rank ${rank}`);
  check(Number.isFinite(alpha) && alpha > 0, `LoRA with alpha ${alpha}`);
  return parametersOf(config)
    .filter(muonMatrix)
    .map((target) => {
      const [inWidth, outWidth] = target.shape as [number, number];
      const matrix = (letter: 'A' | 'B', shape: [number, number], initialStd: number): Parameter => ({
        name: `${target.name}.lora${letter}`,
        source: target.source.replace(/\.weight$/, `.lora_${letter}.weight`),
        shape,
        kind: 'adapter',
        initialStd,
      });
      return {
        target,
        a: matrix('A', [rank, inWidth], 1 / Math.sqrt(inWidth)),
        b: matrix('B', [outWidth, rank], 0),
      };
    });
}
