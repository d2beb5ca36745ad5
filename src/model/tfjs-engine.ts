/**
 * The engine on tfjs: weights as variables of one backend, the training step, and caches for generation.
 * Hyperparameters in, host arrays out. Everything it allocates is freed by `dispose`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { prepareBackend, useBackend } from './backend.ts';
import type { CacheSession, Engine, OptimizerState, StepOptions, StepResult } from './engine.ts';
import {
  createDropout,
  createNetwork,
  disposeNetwork,
  nextLogits,
  targetLosses,
  type Cache,
  type Network,
} from './gpt.ts';
import { checkNames, fromWeights, initialValue, parametersOf, toWeight, type Parameter } from './layout.ts';
import { meanLoss, withTarget } from './ops.ts';
import { adamW, globalNorm, type Moments } from './optimizer.ts';

/**
 * @param options.backend a usable one (`pickBackend`)
 * @param options.weights by Hugging Face name; without them the weights are drawn from `seed`
 */
export async function createTfjsEngine(options: {
  backend: BackendName;
  config: ModelConfig;
  weights?: Weights;
  seed: number;
}): Promise<Engine> {
  await prepareBackend(options.backend);
  return new TfjsEngine(options);
}

interface Slot {
  parameter: Parameter;
  variable: tf.Variable;
  /** made by the first training step */
  moments: Moments | undefined;
}

class TfjsEngine implements Engine {
  readonly backend: BackendName;
  readonly config: ModelConfig;
  private readonly slots: Slot[];
  private readonly network: Network;
  private step = 0;

  constructor({
    backend,
    config,
    weights,
    seed,
  }: {
    backend: BackendName;
    config: ModelConfig;
    weights?: Weights;
    seed: number;
  }) {
    this.backend = backend;
    this.config = config;
    useBackend(backend);
    if (weights) checkNames(config, weights);
    this.slots = parametersOf(config).map((parameter) => {
      const data = weights ? fromWeights(parameter, weights) : initialValue(parameter, seed);
      return { parameter, variable: tf.tidy(() => tf.variable(tf.tensor(data, parameter.shape))), moments: undefined };
    });
    this.network = createNetwork(config, new Map(this.slots.map((s) => [s.parameter.name, s.variable])));
  }

  async trainStep(batches: readonly TokenBatch[], options: StepOptions): Promise<StepResult> {
    useBackend(this.backend);
    check(options.optimizer === 'adamw', `no optimizer ${options.optimizer} here`);
    const [batch, ...more] = batches;
    check(batch && more.length === 0, `${batches.length} batches in one step`);
    checkBatch(batch, this.config);
    const targets = withTarget(batch.targets).ids.length;
    check(targets > 0, 'a training batch without any target');

    const { value: loss, grads } = tf.variableGrads(
      () => {
        const rows = batch.batchSize * batch.length;
        const dropout = createDropout(options.dropout, rows, this.config.width, options.seed);
        return meanLoss(targetLosses(this.network, batch, dropout));
      },
      this.slots.map((s) => s.variable),
    );
    try {
      const figures = tf.tidy(() => tf.stack([loss, globalNorm(Object.values(grads))]));
      const [lossNats, gradNorm] = (await figures.data()) as unknown as [number, number];
      figures.dispose();
      useBackend(this.backend);
      check(
        Number.isFinite(lossNats) && Number.isFinite(gradNorm),
        `training diverged: loss ${lossNats}, gradient norm ${gradNorm}; the weights were left as they were`,
      );
      this.update(grads, options, gradNorm);
      return { lossNats, targets, gradNorm };
    } finally {
      loss.dispose();
      tf.dispose(grads);
    }
  }

  private update(grads: tf.NamedTensorMap, options: StepOptions, gradNorm: number): void {
    this.step += 1;
    const gradientScale = options.clipNorm > 0 && gradNorm > options.clipNorm ? options.clipNorm / gradNorm : 1;
    for (const slot of this.slots) {
      const { parameter, variable } = slot;
      const before = slot.moments ?? { m: tf.zerosLike(variable), v: tf.zerosLike(variable) };
      const decay = parameter.kind === 'norm' ? 0 : options.weightDecay;
      const { weight, m, v } = adamW(variable, grads[variable.name]!, before, decay, {
        ...options,
        gradientScale,
        step: this.step,
      });
      tf.dispose([before.m, before.v]);
      variable.assign(weight);
      weight.dispose();
      slot.moments = { m, v };
    }
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
    const { network, backend, config } = this;
    let cache: Cache = [];
    let length = 0;
    const release = (): void => {
      for (const { k, v } of cache) tf.dispose([k, v]);
      cache = [];
    };
    return {
      get length() {
        return length;
      },
      async append(ids) {
        useBackend(backend);
        check(ids.length > 0, 'nothing to append to the cache');
        check(
          length + ids.length <= config.contextLength,
          `${length} + ${ids.length} ids exceed the context of ${config.contextLength}`,
        );
        checkIds(ids, config.vocabSize);
        const next = tf.tidy(() => nextLogits(network, Int32Array.from(ids), cache));
        release();
        cache = next.cache;
        length += ids.length;
        const logits = (await next.logits.data()) as Float32Array;
        next.logits.dispose();
        return logits;
      },
      fork: () => {
        throw new Error('not yet');
      },
      dispose() {
        release();
        length = 0;
      },
    };
  }

  async exportWeights(): Promise<Weights> {
    return await readAll(this.slots.map((s) => [s.parameter, s.variable]));
  }

  importWeights(weights: Weights): void {
    useBackend(this.backend);
    checkNames(this.config, weights);
    for (const { parameter, variable } of this.slots) {
      const value = tf.tensor(fromWeights(parameter, weights), parameter.shape);
      variable.assign(value);
      value.dispose();
    }
  }

  async exportOptimizer(): Promise<OptimizerState> {
    const moments = this.slots.filter((s): s is Slot & { moments: Moments } => s.moments !== undefined);
    return {
      step: this.step,
      m: await readAll(moments.map((s) => [s.parameter, s.moments.m])),
      v: await readAll(moments.map((s) => [s.parameter, s.moments.v])),
    };
  }

  importOptimizer(state: OptimizerState): void {
    useBackend(this.backend);
    for (const slot of this.slots) {
      const { parameter } = slot;
      if (slot.moments) tf.dispose([slot.moments.m, slot.moments.v]);
      slot.moments =
        state.step === 0
          ? undefined
          : {
              m: tf.tensor(fromWeights(parameter, state.m), parameter.shape),
              v: tf.tensor(fromWeights(parameter, state.v), parameter.shape),
            };
    }
    this.step = state.step;
  }

  numTensors(): number {
    return tf.memory().numTensors;
  }

  dispose(): void {
    useBackend(this.backend);
    for (const { variable, moments } of this.slots) {
      variable.dispose();
      if (moments) tf.dispose([moments.m, moments.v]);
    }
    disposeNetwork(this.network);
  }
}

async function readAll(entries: [Parameter, tf.Tensor][]): Promise<Weights> {
  const weights: Weights = new Map();
  for (const [parameter, tensor] of entries) weights.set(...toWeight(parameter, (await tensor.data()) as Float32Array));
  return weights;
}

function checkBatch({ inputs, targets, batchSize, length }: TokenBatch, { vocabSize }: ModelConfig): void {
  check(
    inputs.length === batchSize * length && targets.length === inputs.length,
    `a batch of ${batchSize} x ${length} with ${inputs.length} inputs and ${targets.length} targets`,
  );
  checkIds(inputs, vocabSize);
  for (const id of targets) check(id < vocabSize, `target ${id} in a vocabulary of ${vocabSize}`);
}

/** Out of range, gatherND would read another tensor's memory. */
function checkIds(ids: Iterable<number>, vocabSize: number): void {
  for (const id of ids)
    check(Number.isInteger(id) && id >= 0 && id < vocabSize, `id ${id} in a vocabulary of ${vocabSize}`);
}
