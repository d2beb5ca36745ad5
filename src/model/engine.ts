/**
 * What training and generation ask of a network, whichever engine runs it (design: two engines, one interface).
 * Input and output are host arrays, so nothing above this file knows a tensor library.
 */
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../types.ts';

/** `muon`: Muon for the matrices inside the layers (Jordan 2024, scaled as by Liu et al. 2025), AdamW for the rest */
export type OptimizerName = 'adamw' | 'muon';

/** Hyperparameters of one optimiser step. */
export interface StepOptions {
  optimizer: OptimizerName;
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
  /** mean cross-entropy over the targets of all batches, in nats */
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
  /** `count` sequences that all begin with this one's ids and share its keys and values. This session must outlive them. */
  fork(count: number): CacheStreams;
  dispose(): void;
}

/** Several sequences with a common beginning that grow in step: the candidates for one reply. */
export interface CacheStreams {
  /** sequences alive */
  readonly count: number;
  /** ids in each, those of the common beginning included */
  readonly length: number;
  /** One id for each sequence -> the logits (count, vocabSize) that follow, row-major. */
  append(ids: readonly number[]): Promise<Float32Array>;
  /** Go on with these sequences only: indices in rising order. */
  keep(indices: readonly number[]): void;
  dispose(): void;
}

/**
 * First and second moments by weight name (Muon's matrices have no second), and the number of steps taken.
 * With LoRA they are those of the adapters, by the adapters' names.
 */
export interface OptimizerState {
  step: number;
  m: Weights;
  v: Weights;
  /** A and B of each adapter, with LoRA only */
  adapters?: Weights;
}

/** Low-rank adaptation of the weights given (lora.ts). */
export interface LoraOptions {
  /** rows of A */
  rank: number;
  /** the change of a weight is (alpha / rank) B A */
  alpha: number;
}

export interface Engine {
  readonly backend: BackendName;
  readonly config: ModelConfig;
  /** where only adapters learn */
  readonly lora?: LoraOptions;
  /**
   * One optimiser step on the mean loss over all targets of one or more batches (gradient accumulation).
   * Batches without any target are an error of the caller. @throws Error when the loss or a gradient is no finite number;
   * the weights are then those before the step
   */
  trainStep(batches: readonly TokenBatch[], options: StepOptions): Promise<StepResult>;
  /** Cross-entropy in nats of every position, (batchSize * length), 0 where the target is -1. No dropout. */
  tokenLosses(batch: TokenBatch): Promise<Float32Array>;
  startCache(): CacheSession;
  /** A copy of the weights on the host. */
  exportWeights(): Promise<Weights>;
  /** Replace all weights (same names and shapes). With LoRA until the next step, which goes on from its own (lora.ts). */
  importWeights(weights: Weights): void;
  exportOptimizer(): Promise<OptimizerState>;
  importOptimizer(state: OptimizerState): void;
  /** Tensors alive, for leak tests. */
  numTensors(): number;
  dispose(): void;
}
