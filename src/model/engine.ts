/**
 * What training and generation ask of a network, whichever engine runs it (design: two engines, one interface).
 * Input and output are host arrays, so nothing above this file knows a tensor library.
 */
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../types.ts';

/** Hyperparameters of one optimiser step. */
export interface StepOptions {
  learningRate: number;
  /** decoupled, on matrices only (AdamW, Loshchilov & Hutter 2019) */
  weightDecay: number;
  beta1: number;
  beta2: number;
  /** global gradient norm is clipped to this; 0 = off */
  clipNorm: number;
  /** residual and embedding dropout probability */
  dropout: number;
  /** seeds the dropout masks of this step */
  seed: number;
}

export interface StepResult {
  /** mean cross-entropy over the batch's targets, in nats */
  lossNats: number;
  targets: number;
  /** global norm before clipping */
  gradNorm: number;
}

/** Keys and values of one growing sequence. */
export interface CacheSession {
  /** Append ids (1 or more); returns the logits (vocabSize) that follow the last of them. */
  append(ids: readonly number[]): Promise<Float32Array>;
  /** ids in the cache; at most the model's context length */
  readonly length: number;
  dispose(): void;
}

/** First and second moments by weight name, and the number of steps taken. */
export interface OptimizerState {
  step: number;
  m: Weights;
  v: Weights;
}

export interface Engine {
  readonly backend: BackendName;
  readonly config: ModelConfig;
  /** One AdamW step on one batch. A batch without any target is an error of the caller. */
  trainStep(batch: TokenBatch, options: StepOptions): Promise<StepResult>;
  /** Cross-entropy in nats of every position, (batchSize * length), 0 where the target is -1. No dropout. */
  tokenLosses(batch: TokenBatch): Promise<Float32Array>;
  startCache(): CacheSession;
  /** A copy of the weights on the host. */
  exportWeights(): Promise<Weights>;
  /** Replace all weights (same names and shapes). */
  importWeights(weights: Weights): void;
  exportOptimizer(): Promise<OptimizerState>;
  importOptimizer(state: OptimizerState): void;
  /** Tensors alive, for leak tests. */
  numTensors(): number;
  dispose(): void;
}
