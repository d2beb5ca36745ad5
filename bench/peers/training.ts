/** What bench/train and bench/memory say to a contender that trains, and what it answers (child.ts, serve.ts, protocol.py). */
import type { ModelConfig } from '../../src/types.ts';

/** `{"do": "start"}`: get ready to train. The reply is a `Started`. */
export interface StartTraining {
  config: ModelConfig;
  batchSize: number;
  /** of each row */
  length: number;
  /** path of a file of uint16 ids; rows are taken from it in order */
  ids: string;
  learningRate: number;
}

export interface Started {
  /** of the library that does the work */
  version: string;
  parameters?: number;
}

/** `{"do": "train"}`: steps until `seconds` are over, and at least `atLeast`. The reply is a `TrainReply`. */
export interface TrainRequest {
  seconds: number;
  atLeast: number;
}

export interface TrainReply {
  /** of each step, the loss read back included */
  stepMs: number[];
  /** of the last step, nats */
  loss: number;
}

/** `{"do": "matmul"}`: best of `repeats` products of two (size, size) matrices. The reply is GFLOP/s. */
export interface MatmulRequest {
  size: number;
  repeats: number;
}

/** What a training bench trains: the sizes of the issue, as a table. */
export interface Workload {
  name: 'nano' | 'small';
  config: ModelConfig;
  batchSize: number;
}

/**
 * Floating-point operations of training on one token: 6 for each weight that is multiplied (forward, and twice that
 * backward; Kaplan et al. 2020), the tied embedding once for the output layer and not for the lookup, and causal
 * attention's two products over the half of T x T that counts.
 */
export function flopsPerToken({ vocabSize, contextLength, layers, width }: ModelConfig, layerWeights: number): number {
  return 6 * (layers * layerWeights + vocabSize * width) + 6 * layers * width * contextLength;
}

/** Weights of one layer's matrices: attention's four, and SwiGLU's three or a plain MLP's two. */
export function layerWeightsOf({ width, hiddenWidth }: ModelConfig, mlp: 'swiglu' | 'plain'): number {
  return 4 * width * width + (mlp === 'swiglu' ? 3 * width * hiddenWidth : 8 * width * width);
}
