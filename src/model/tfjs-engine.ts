/**
 * The engine on tfjs: weights as variables of one backend, the training step, and caches for generation.
 * Hyperparameters in, host arrays out. Everything it allocates is freed by `dispose`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../types.ts';
import { prepareBackend, useBackend } from './backend.ts';
import { checkBatch, checkBatches, clipScale } from './checks.ts';
import { createDropoutPool } from './dropout.ts';
import type { CacheSession, Engine, LoraOptions, OptimizerState, StepOptions, StepResult } from './engine.ts';
import { createNetwork, disposeNetwork, scaledLoss, targetLosses, type Network } from './gpt.ts';
import { checkNames, initialValue, parametersOf } from './layout.ts';
import { globalNorm } from './optimizer.ts';
import { countTargets, withTarget } from './targets.ts';
import { startSession } from './tfjs-cache.ts';
import { createTfjsLora } from './tfjs-lora.ts';
import { createWeightOptimizer, readAll, toTensor, type TfjsOptimizer, type Weight } from './tfjs-optimizer.ts';

export interface TfjsOptions {
  /** a usable one (`pickBackend`) */
  backend: BackendName;
  config: ModelConfig;
  /** by Hugging Face name; without them the weights are drawn from `seed` */
  weights?: Weights;
  seed: number;
  /** train adapters of the weights given, instead of the weights */
  lora?: LoraOptions;
}

export async function createTfjsEngine(options: TfjsOptions): Promise<Engine> {
  await prepareBackend(options.backend);
  return new TfjsEngine(options);
}

class TfjsEngine implements Engine {
  readonly backend: BackendName;
  readonly config: ModelConfig;
  readonly lora?: LoraOptions;
  private readonly slots: Weight[];
  private readonly network: Network;
  private readonly masks = createDropoutPool();
  private readonly optimizer: TfjsOptimizer;

  constructor({ backend, config, weights, seed, lora }: TfjsOptions) {
    this.backend = backend;
    this.config = config;
    useBackend(backend);
    const parameters = parametersOf(config);
    if (weights) checkNames(parameters, weights);
    this.slots = parameters.map((parameter) => {
      const value = (): tf.Tensor =>
        weights ? toTensor(parameter, weights) : tf.tensor(initialValue(parameter, seed), parameter.shape);
      return { parameter, variable: tf.tidy(() => tf.variable(value())) };
    });
    if (lora) this.lora = lora;
    this.optimizer = lora ? createTfjsLora(config, this.slots, lora, seed) : createWeightOptimizer(this.slots);
    this.network = createNetwork(config, new Map(this.slots.map((s) => [s.parameter.name, s.variable])));
  }

  async trainStep(batches: readonly TokenBatch[], options: StepOptions): Promise<StepResult> {
    useBackend(this.backend);
    const targets = checkBatches(batches, this.config);
    const { optimizer } = this;
    optimizer.begin();

    const { loss, gradients: ofWeights } = this.gradients(batches, 1 / targets, options);
    const gradients = optimizer.gradientsOf(ofWeights);
    try {
      const figures = tf.tidy(() => tf.stack([loss, globalNorm(gradients)]));
      const [lossNats, gradNorm] = (await figures.data()) as unknown as [number, number];
      figures.dispose();
      useBackend(this.backend);
      optimizer.update(gradients, options, clipScale(lossNats, gradNorm, options.clipNorm));
      return { lossNats, targets, gradNorm };
    } finally {
      loss.dispose();
      tf.dispose(gradients);
    }
  }

  /** Loss and gradients of all batches, added up one batch after the other, so that memory is needed for one only. */
  private gradients(batches: readonly TokenBatch[], scale: number, { dropout, seed }: StepOptions) {
    const variables = [...this.optimizer.variables];
    let sum: { loss: tf.Scalar; gradients: tf.Tensor[] } | undefined;
    batches.forEach((batch, i) => {
      if (countTargets(batch) === 0) return;
      const { value, grads } = tf.variableGrads(() => {
        const rows = batch.batchSize * batch.length;
        const drop = this.masks.dropout(dropout, rows, this.config.width, `${seed} ${i}`);
        return scaledLoss(this.network, batch, scale, drop);
      }, variables);
      const gradients = variables.map(({ name }) => grads[name]!);
      if (sum === undefined) {
        sum = { loss: value, gradients };
        return;
      }
      const before = sum;
      const added = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
        const both = tf.add(a, b);
        tf.dispose([a, b]);
        return both;
      };
      sum = {
        loss: added(before.loss, value) as tf.Scalar,
        gradients: gradients.map((gradient, i) => added(before.gradients[i]!, gradient)),
      };
    });
    return sum!;
  }

  async tokenLosses(batch: TokenBatch): Promise<Float32Array> {
    useBackend(this.backend);
    checkBatch(batch, this.config);
    const { positions } = withTarget(batch.targets);
    const all = new Float32Array(batch.targets.length);
    if (positions.length === 0) return all;
    const losses = tf.tidy(() => targetLosses(this.network, batch));
    const values = await losses.data();
    losses.dispose();
    positions.forEach((position, i) => {
      all[position] = values[i]!;
    });
    return all;
  }

  startCache(): CacheSession {
    return startSession(this.network, this.backend);
  }

  async exportWeights(): Promise<Weights> {
    return await readAll(this.slots.map((s) => [s.parameter, s.variable]));
  }

  importWeights(weights: Weights): void {
    useBackend(this.backend);
    checkNames(
      this.slots.map((s) => s.parameter),
      weights,
    );
    for (const { parameter, variable } of this.slots) tf.tidy(() => variable.assign(toTensor(parameter, weights)));
    this.optimizer.weightsReplaced();
  }

  exportOptimizer(): Promise<OptimizerState> {
    return this.optimizer.exportState();
  }

  importOptimizer(state: OptimizerState): void {
    useBackend(this.backend);
    this.optimizer.importState(state);
  }

  numTensors(): number {
    return tf.memory().numTensors;
  }

  dispose(): void {
    useBackend(this.backend);
    tf.dispose(this.slots.map((s) => s.variable));
    this.optimizer.dispose();
    this.masks.dispose();
    disposeNetwork(this.network);
  }
}
