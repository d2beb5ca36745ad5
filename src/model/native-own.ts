/**
 * The network's operations on kernels of our own inside TensorFlow (scripts/setup-gpu/kernels.cc), for `native`: one call
 * where TensorFlow's ops take three to ten. Matrix products stay TensorFlow's.
 * Shapes as in fused.ts: N = B * T rows, C width, F hidden width, H heads, K heads of keys, D = C / H, G = H / K.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { AttentionSetting, FusedKernels, RopeTensors } from './fused.ts';
import { op, ops, product, products, type Attributes } from './native-ops.ts';

const real = (value: number): Attributes[string] => ({ type: 'float', value });

const rmsNorm: FusedKernels['rmsNorm'] = {
  forward([x, gain], { eps }) {
    const [value, scale] = ops('PersonaRmsNorm', [x, gain], { eps: real(eps) }, 2);
    return { value: value as tf.Tensor2D, kept: [x, scale!, gain] };
  },
  backward(dy, [x, scale, gain]) {
    return ops('PersonaRmsNormGrad', [dy, x!, scale!, gain!], {}, 2) as [tf.Tensor2D, tf.Tensor1D];
  },
};

const swiglu: FusedKernels['swiglu'] = {
  forward: ([gate, up]) => ({ value: op('PersonaSwiglu', [gate, up], 'PersonaSwiglu', () => ({})), kept: [gate, up] }),
  backward: (dy, [gate, up]) => ops('PersonaSwigluGrad', [dy, gate!, up!], {}, 2) as [tf.Tensor2D, tf.Tensor2D],
};

/** What changes between the uses of the kernels that split and join heads. */
interface Turn {
  heads: number;
  kvHeads: number;
  length: number;
  /** 1 by the positions' angles, -1 back, 0 not at all */
  turn: 1 | -1 | 0;
  scale: number;
}

const attributesOf = ({ heads, kvHeads, length, turn, scale }: Turn): Attributes => ({
  heads,
  kv_heads: kvHeads,
  length,
  turn,
  scale: real(scale),
});

const keyOf = (name: string, { heads, kvHeads, length, turn, scale }: Turn): string =>
  `${name} ${heads} ${kvHeads} ${length} ${turn} ${scale}`;

/** (N, heads * D) -> (B * K, heads / K * T, D) */
const splitHeads = (x: tf.Tensor, { cos, sin }: RopeTensors, turn: Turn): tf.Tensor3D =>
  op('PersonaSplitHeads', [x, cos, sin], keyOf('PersonaSplitHeads', turn), () => attributesOf(turn));

/** (B * K, heads / K * T, D) -> (N, heads * D) */
const joinHeads = (x: tf.Tensor, { cos, sin }: RopeTensors, turn: Turn): tf.Tensor2D =>
  op('PersonaJoinHeads', [x, cos, sin], keyOf('PersonaJoinHeads', turn), () => attributesOf(turn));

/** softmax(q k'), causal: (B * K, G * T, D) and (B * K, T, D) -> (B * K, G * T, T) */
function shares(q: tf.Tensor3D, k: tf.Tensor3D, length: number): tf.Tensor3D {
  const scores = products(q, k, false, true);
  return op('PersonaCausalSoftmax', [scores], `PersonaCausalSoftmax ${length}`, () => ({ length }));
}

const plainTurn = ({ kvHeads, length }: AttentionSetting, heads: number): Turn => ({
  heads,
  kvHeads,
  length,
  turn: 0,
  scale: 1,
});

const attention: FusedKernels['attention'] = {
  forward([q, k, v], setting) {
    const { heads, kvHeads, tables } = setting;
    const scale = (q.shape[1] / heads) ** -0.5;
    const queries = splitHeads(q, tables, { ...plainTurn(setting, heads), turn: 1, scale }); // (B * K, G * T, D)
    const keys = splitHeads(k, tables, { ...plainTurn(setting, kvHeads), turn: 1 }); // (B * K, T, D)
    const values = splitHeads(v, tables, plainTurn(setting, kvHeads)); // (B * K, T, D)
    const mixed = products(shares(queries, keys, setting.length), values); // (B * K, G * T, D)
    return {
      value: joinHeads(mixed, tables, plainTurn(setting, heads)),
      kept: [queries, keys, values, tables.cos, tables.sin],
    };
  },
  backward(dy, kept, setting) {
    const [q, k, v] = kept as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    const [cos, sin] = kept.slice(3) as [tf.Tensor2D, tf.Tensor2D];
    const tables = { cos, sin };
    const { heads, kvHeads, length } = setting;
    const scale = q.shape[2] ** -0.5;

    const dMixed = splitHeads(dy, tables, plainTurn(setting, heads)); // (B * K, G * T, D)
    const s = shares(q, k, length); // (B * K, G * T, T)
    const dShares = products(dMixed, v, false, true); // (B * K, G * T, T)
    const dScores = op<tf.Tensor3D>(
      'PersonaCausalSoftmaxGrad',
      [s, dShares],
      `PersonaCausalSoftmaxGrad ${length}`,
      () => ({ length }),
    );
    const dq = products(dScores, k); // (B * K, G * T, D)
    const dk = products(dScores, q, true, false); // (B * K, T, D)
    const dv = products(s, dMixed, true, false); // (B * K, T, D)
    return [
      joinHeads(dq, tables, { ...plainTurn(setting, heads), turn: -1, scale }),
      joinHeads(dk, tables, { ...plainTurn(setting, kvHeads), turn: -1 }),
      joinHeads(dv, tables, plainTurn(setting, kvHeads)),
    ];
  },
};

/** Losses and softmax - onehot: hidden (M, C), table (V, C), ids (M) -> (M), (M, V). */
function losses(hidden: tf.Tensor2D, table: tf.Tensor2D, ids: tf.Tensor1D): [tf.Tensor1D, tf.Tensor2D] {
  const logits = product(hidden, table, false, true); // (M, V)
  return ops('PersonaCrossEntropy', [logits, ids], {}, 2) as [tf.Tensor1D, tf.Tensor2D];
}

const crossEntropy: FusedKernels['crossEntropy'] = (hidden, table, ids) => losses(hidden, table, ids)[0];

const crossEntropyGradient: FusedKernels['crossEntropyGradient'] = (hidden, table, ids) => {
  const [each, dLogits] = losses(hidden, table, ids);
  return {
    losses: each,
    dHidden: product(dLogits, table), // (M, C)
    dTable: product(dLogits, hidden, true, false), // (V, C)
  };
};

/** The operations that kernels.cc has. */
export const ownKernels: Partial<FusedKernels> = { rmsNorm, swiglu, attention, crossEntropy, crossEntropyGradient };
