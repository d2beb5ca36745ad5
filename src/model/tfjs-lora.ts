/** LoRA on tfjs; lora.ts says what is computed. Weights here are (in, out): W' = W0' + s A' B', with ' for a transpose. */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from '../types.ts';
import { check } from '../util/errors.ts';
import type { LoraOptions } from './engine.ts';
import { checkNames, initialValue, type Parameter } from './layout.ts';
import { adaptersOf, loraScale } from './lora.ts';
import {
  disposeMoments,
  readAll,
  readMoments,
  toTensor,
  updateByAdamW,
  writeMoments,
  type TfjsOptimizer,
  type Trained,
  type Weight,
} from './tfjs-optimizer.ts';

/** Adapters of the weights as they are now. */
export function createTfjsLora(
  config: ModelConfig,
  weights: readonly Weight[],
  options: LoraOptions,
  seed: number,
): TfjsOptimizer {
  const scale = loraScale(options);
  const bases = weights.map(({ variable }) => ({ variable, base: tf.clone(variable) }));
  const trained = (parameter: Parameter): Trained => {
    const variable = tf.tidy(() => tf.variable(tf.tensor(initialValue(parameter, seed), parameter.shape)));
    return { parameter, variable, m: undefined, v: undefined };
  };
  const adapters = adaptersOf(config, options).map(({ target, a, b }) => {
    const place = weights.findIndex((w) => w.parameter.source === target.source);
    return { ...bases[place]!, a: trained(a), b: trained(b) };
  });
  const all = adapters.flatMap(({ a, b }) => [a, b]);
  let step = 0;
  let replaced = false;

  const merge = (): void => {
    for (const { variable, base, a, b } of adapters) {
      tf.tidy(() => {
        const change = tf.matMul(a.variable, b.variable, true, true); // (in, out)
        variable.assign(tf.add(base, tf.mul(change, scale)));
      });
    }
  };
  const restore = (): void => {
    for (const { variable, base } of bases) variable.assign(base);
    merge();
    replaced = false;
  };

  return {
    variables: adapters.map(({ variable }) => variable),
    begin() {
      if (replaced) restore();
    },
    gradientsOf(gradients) {
      // dA = s B' dW and dB = s dW A', from dW' (in, out)
      const ofAdapters = adapters.flatMap(({ a, b }, i) =>
        tf.tidy(() => {
          const dw = gradients[i] as tf.Tensor2D;
          const dA = tf.matMul(b.variable, dw, true, true); // (rank, in)
          const dB = tf.matMul(dw, a.variable, true, true); // (out, rank)
          return [tf.mul(dA, scale), tf.mul(dB, scale)];
        }),
      );
      tf.dispose(gradients);
      return ofAdapters;
    },
    update(gradients, stepOptions, gradientScale) {
      step += 1;
      const update = { ...stepOptions, gradientScale, decay: stepOptions.weightDecay, step };
      updateByAdamW(all.map((each, i) => ({ each, gradient: gradients[i]!, update })));
      merge();
    },
    weightsReplaced() {
      replaced = true;
    },
    exportState: async () => ({
      step,
      ...(await readMoments(all)),
      adapters: await readAll(all.map(({ parameter, variable }) => [parameter, variable])),
    }),
    importState(state) {
      const { adapters: matrices } = state;
      check(matrices, 'the state of an optimizer without LoRA');
      checkNames(
        all.map((each) => each.parameter),
        matrices,
      );
      for (const { parameter, variable } of all) tf.tidy(() => variable.assign(toTensor(parameter, matrices)));
      writeMoments(all, state);
      step = state.step;
      restore();
    },
    dispose() {
      tf.dispose(bases.map(({ base }) => base));
      for (const each of all) {
        each.variable.dispose();
        disposeMoments(each);
      }
    },
  };
}
