/**
 * The engine on tfjs: weights as variables of one backend, the training step, and caches for generation.
 * Hyperparameters in, host arrays out. Everything it allocates is freed by `dispose`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName, ModelConfig, TokenBatch, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { prepareBackend, useBackend } from './backend.ts';
import { checkBatch, countTargets } from './checks.ts';
import { createDropoutPool } from './dropout.ts';
import type { CacheSession, Engine, OptimizerState, StepOptions, StepResult } from './engine.ts';
import { createNetwork, disposeNetwork, scaledLoss, targetLosses, type Network } from './gpt.ts';
import { checkNames, fromWeights, initialValue, parametersOf, toWeight, type Parameter } from './layout.ts';
import { withTarget } from './ops.ts';
import { muonMatrix } from './optimizer-constants.ts';
import { adamW, adamWTogether, globalNorm, muon } from './optimizer.ts';
import { startSession } from './tfjs-cache.ts';

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
  /** made by the first training step; Muon's matrices have no second */
  m: tf.Tensor | undefined;
  v: tf.Tensor | undefined;
}

class TfjsEngine implements Engine {
  readonly backend: BackendName;
  readonly config: ModelConfig;
  private readonly slots: Slot[];
  private readonly network: Network;
  private readonly masks = createDropoutPool();
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
      const variable = tf.tidy(() => tf.variable(tf.tensor(data, parameter.shape)));
      return { parameter, variable, m: undefined, v: undefined };
    });
    this.network = createNetwork(config, new Map(this.slots.map((s) => [s.parameter.name, s.variable])));
  }

  async trainStep(batches: readonly TokenBatch[], options: StepOptions): Promise<StepResult> {
    useBackend(this.backend);
    for (const batch of batches) checkBatch(batch, this.config);
    const targets = batches.reduce((sum, batch) => sum + countTargets(batch), 0);
    check(targets > 0, 'a training batch without any target');

    const { loss, grads } = this.gradients(batches, 1 / targets, options);
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

  /** Loss and gradients of all batches, added up one batch after the other, so that memory is needed for one only. */
  private gradients(batches: readonly TokenBatch[], scale: number, { dropout, seed }: StepOptions) {
    const variables = this.slots.map((s) => s.variable);
    let sum: { loss: tf.Scalar; grads: tf.NamedTensorMap } | undefined;
    batches.forEach((batch, i) => {
      if (countTargets(batch) === 0) return;
      const { value, grads } = tf.variableGrads(() => {
        const rows = batch.batchSize * batch.length;
        const drop = this.masks.dropout(dropout, rows, this.config.width, `${seed} ${i}`);
        return scaledLoss(this.network, batch, scale, drop);
      }, variables);
      if (sum === undefined) {
        sum = { loss: value, grads };
        return;
      }
      const before = sum;
      const added = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
        const both = tf.add(a, b);
        tf.dispose([a, b]);
        return both;
      };
      const names = Object.keys(grads);
      sum = {
        loss: added(before.loss, value) as tf.Scalar,
        grads: Object.fromEntries(names.map((name) => [name, added(before.grads[name]!, grads[name]!)])),
      };
    });
    return sum!;
  }

  private update(grads: tf.NamedTensorMap, options: StepOptions, gradNorm: number): void {
    this.step += 1;
    const gradientScale = options.clipNorm > 0 && gradNorm > options.clipNorm ? options.clipNorm / gradNorm : 1;
    const updates = this.slots.map((slot) => {
      const { parameter, variable } = slot;
      const decay = parameter.kind === 'norm' ? 0 : options.weightDecay;
      return { slot, gradient: grads[variable.name]!, update: { ...options, gradientScale, decay, step: this.step } };
    });
    const byMuon = ({ slot }: (typeof updates)[0]): boolean =>
      options.optimizer === 'muon' && muonMatrix(slot.parameter);
    const stateOf = ({ slot: { variable, m, v }, gradient }: (typeof updates)[0]) => ({
      weight: variable,
      gradient,
      m: m ?? tf.zerosLike(variable),
      v: v ?? tf.zerosLike(variable),
    });

    const byAdam = updates.filter((each) => !byMuon(each));
    const together = tf.tidy(() =>
      adamWTogether(
        byAdam.map(stateOf),
        byAdam.map(({ update }) => update),
      ),
    );
    byAdam.forEach((each, i) =>
      replaceState(each.slot, together?.[i] ?? tf.tidy(() => adamW(stateOf(each), each.update))),
    );
    for (const { slot, gradient, update } of updates.filter(byMuon)) {
      const state = { weight: slot.variable, gradient };
      replaceState(
        slot,
        tf.tidy(() => muon({ ...state, m: slot.m ?? tf.zerosLike(slot.variable) }, update)),
      );
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
    return startSession(this.network, this.backend);
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
    const all = (pick: (slot: Slot) => tf.Tensor | undefined): Promise<Weights> =>
      readAll(
        this.slots.flatMap((slot) => {
          const tensor = pick(slot);
          return tensor ? [[slot.parameter, tensor]] : [];
        }),
      );
    return { step: this.step, m: await all((s) => s.m), v: await all((s) => s.v) };
  }

  importOptimizer(state: OptimizerState): void {
    useBackend(this.backend);
    for (const slot of this.slots) {
      const { parameter } = slot;
      const read = (weights: Weights): tf.Tensor => tf.tensor(fromWeights(parameter, weights), parameter.shape);
      tf.dispose([slot.m, slot.v].filter((tensor) => tensor !== undefined));
      slot.m = state.step === 0 ? undefined : read(state.m);
      // Muon's matrices have no second moment
      slot.v =
        state.step === 0 || (muonMatrix(parameter) && !state.v.has(parameter.source)) ? undefined : read(state.v);
    }
    this.step = state.step;
  }

  numTensors(): number {
    return tf.memory().numTensors;
  }

  dispose(): void {
    useBackend(this.backend);
    for (const { variable, m, v } of this.slots) tf.dispose([variable, m, v].filter((tensor) => tensor !== undefined));
    this.masks.dispose();
    disposeNetwork(this.network);
  }
}

/** Puts new tensors in place of a slot's, which are freed. */
function replaceState(slot: Slot, next: { weight: tf.Tensor; m: tf.Tensor; v?: tf.Tensor }): void {
  tf.dispose([slot.m, slot.v].filter((tensor) => tensor !== undefined));
  slot.variable.assign(next.weight);
  next.weight.dispose();
  slot.m = next.m;
  slot.v = next.v;
}

async function readAll(entries: [Parameter, tf.Tensor][]): Promise<Weights> {
  const weights: Weights = new Map();
  for (const [parameter, tensor] of entries) weights.set(...toWeight(parameter, (await tensor.data()) as Float32Array));
  return weights;
}
