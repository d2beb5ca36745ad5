/**
 * What a step of the tfjs engine does with gradients: AdamW or Muon on all weights (optimizer.ts has the formulas).
 * tfjs-lora.ts is the other kind, which changes LoRA's adapters instead.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import type { OptimizerState, StepOptions } from './engine.ts';
import { fromWeights, toWeight, type Parameter } from './layout.ts';
import { muonMatrix } from './optimizer-constants.ts';
import { adamW, adamWTogether, muon, type UpdateOptions } from './optimizer.ts';

/** A weight of the network, or an adapter of LoRA. */
export interface Weight {
  parameter: Parameter;
  variable: tf.Variable;
}

export interface TfjsOptimizer {
  /** a step needs the gradients of these, in this order */
  readonly variables: readonly tf.Variable[];
  /** Before the first batch of a step: the weights are those to train on. */
  begin(): void;
  /** Gradients of `variables` -> of what is changed. Those given are freed, or are those returned. */
  gradientsOf(gradients: tf.Tensor[]): tf.Tensor[];
  /** One update with the gradients from `gradientsOf`, multiplied by `gradientScale` first (clipping). */
  update(gradients: readonly tf.Tensor[], options: StepOptions, gradientScale: number): void;
  /** Someone else has written the weights. */
  weightsReplaced(): void;
  exportState(): Promise<OptimizerState>;
  importState(state: OptimizerState): void;
  dispose(): void;
}

/** What an optimizer changes, with its moments. */
export interface Trained extends Weight {
  /** made by the first training step; Muon's matrices have no second */
  m: tf.Tensor | undefined;
  v: tf.Tensor | undefined;
}

/** AdamW or Muon on `weights`. */
export function createWeightOptimizer(weights: readonly Weight[]): TfjsOptimizer {
  const all = weights.map((weight): Trained => ({ ...weight, m: undefined, v: undefined }));
  let step = 0;
  return {
    variables: all.map((each) => each.variable),
    begin: () => undefined,
    gradientsOf: (gradients) => gradients,
    update(gradients, options, gradientScale) {
      step += 1;
      const updates = all.map((each, i) => {
        const decay = each.parameter.kind === 'norm' ? 0 : options.weightDecay;
        return { each, gradient: gradients[i]!, update: { ...options, gradientScale, decay, step } };
      });
      const byMuon = ({ each }: Update): boolean => options.optimizer === 'muon' && muonMatrix(each.parameter);
      updateByAdamW(updates.filter((update) => !byMuon(update)));
      for (const { each, gradient, update } of updates.filter(byMuon)) {
        const state = { weight: each.variable, gradient };
        replaceState(
          each,
          tf.tidy(() => muon({ ...state, m: each.m ?? tf.zerosLike(each.variable) }, update)),
        );
      }
    },
    weightsReplaced: () => undefined,
    exportState: async () => ({ step, ...(await readMoments(all)) }),
    importState(state) {
      check(!state.adapters, 'the state of an optimizer with LoRA');
      step = state.step;
      writeMoments(all, state);
    },
    dispose: () => all.forEach(disposeMoments),
  };
}

interface Update {
  each: Trained;
  gradient: tf.Tensor;
  update: UpdateOptions;
}

/** AdamW, for all at once where the backend has that. */
export function updateByAdamW(updates: readonly Update[]): void {
  const stateOf = ({ each: { variable, m, v }, gradient }: Update) => ({
    weight: variable,
    gradient,
    m: m ?? tf.zerosLike(variable),
    v: v ?? tf.zerosLike(variable),
  });
  const together = tf.tidy(() =>
    adamWTogether(
      updates.map(stateOf),
      updates.map(({ update }) => update),
    ),
  );
  updates.forEach((each, i) =>
    replaceState(each.each, together?.[i] ?? tf.tidy(() => adamW(stateOf(each), each.update))),
  );
}

/** Puts new tensors in place of the old ones, which are freed. */
function replaceState(trained: Trained, next: { weight: tf.Tensor; m: tf.Tensor; v?: tf.Tensor }): void {
  disposeMoments(trained);
  trained.variable.assign(next.weight);
  next.weight.dispose();
  trained.m = next.m;
  trained.v = next.v;
}

/** A copy of the moments; none before the first step. */
export async function readMoments(trained: readonly Trained[]): Promise<{ m: Weights; v: Weights }> {
  const all = (moment: 'm' | 'v'): Promise<Weights> =>
    readAll(
      trained.flatMap((each) => {
        const tensor = each[moment];
        return tensor ? [[each.parameter, tensor]] : [];
      }),
    );
  return { m: await all('m'), v: await all('v') };
}

/** Replaces the moments; before the first step there are none. */
export function writeMoments(trained: readonly Trained[], { step, m, v }: OptimizerState): void {
  for (const each of trained) {
    const { parameter } = each;
    disposeMoments(each);
    each.m = step === 0 ? undefined : toTensor(parameter, m);
    // Muon's matrices have no second moment
    each.v = step === 0 || (muonMatrix(parameter) && !v.has(parameter.source)) ? undefined : toTensor(parameter, v);
  }
}

export function disposeMoments({ m, v }: Trained): void {
  tf.dispose([m, v].filter((tensor) => tensor !== undefined));
}

export function toTensor(parameter: Parameter, weights: Weights): tf.Tensor {
  return tf.tensor(fromWeights(parameter, weights), parameter.shape);
}

/** Copies on the host, by Hugging Face name. */
export async function readAll(entries: readonly [Parameter, tf.Tensor][]): Promise<Weights> {
  const weights: Weights = new Map();
  for (const [parameter, tensor] of entries) weights.set(...toWeight(parameter, (await tensor.data()) as Float32Array));
  return weights;
}
