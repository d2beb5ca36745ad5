/**
 * TensorFlow's ops by name, on tensors of tfjs: what tfjs's own functions cannot say (transposed factors of rank 2, fused
 * losses, variables that are updated in place). Each call is one op, run at once; its result is a tensor of the tidy around.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { tensorflowBackend, type OpAttribute } from './tensorflow.ts';

/** Attributes by the names of TensorFlow's op definitions. Numbers are integers; use `float` for others. */
export type Attributes = Record<string, boolean | number | string | readonly number[] | TypedAttribute>;

interface TypedAttribute {
  type: 'float' | 'type' | 'shape';
  value: number | readonly number[];
}

export const float32 = (): TypedAttribute => ({ type: 'type', value: tensorflowBackend().binding.TF_FLOAT });
export const int32 = (): TypedAttribute => ({ type: 'type', value: tensorflowBackend().binding.TF_INT32 });
export const shapeOf = (tensor: tf.Tensor): TypedAttribute => ({ type: 'shape', value: tensor.shape });

/** Lists of attributes are made once: the same few are used thousands of times a second. */
const lists = new Map<string, OpAttribute[]>();

function listOf(attributes: Attributes): OpAttribute[] {
  const { binding } = tensorflowBackend();
  const typed = { float: binding.TF_ATTR_FLOAT, type: binding.TF_ATTR_TYPE, shape: binding.TF_ATTR_SHAPE };
  return Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === 'string') return { name, type: binding.TF_ATTR_STRING, value };
    if (typeof value === 'object' && 'value' in value) return { name, type: typed[value.type], value: value.value };
    return { name, type: binding.TF_ATTR_INT, value };
  });
}

/**
 * An op with one output and fixed attributes. `key` names the pair: calls with the same key have the same attributes.
 * Without attributes it works on float32.
 */
export function op<T extends tf.Tensor>(
  name: string,
  inputs: tf.Tensor[],
  key = name,
  attributes?: () => Attributes,
): T {
  let list = lists.get(key);
  if (!list) {
    list = listOf(attributes ? attributes() : { T: float32() });
    lists.set(key, list);
  }
  return tensorflowBackend().executeSingleOutput(name, list, inputs) as T;
}

/** An op with any number of outputs, and attributes that change. */
export function ops(name: string, inputs: tf.Tensor[], attributes: Attributes, outputs: number): tf.Tensor[] {
  return tensorflowBackend().executeMultipleOutputs(name, listOf(attributes), inputs, outputs);
}

/** a b, each transposed first if so: (M, K) x (K, N) -> (M, N). No transposed copy is made. */
export function product(a: tf.Tensor2D, b: tf.Tensor2D, transposeA = false, transposeB = false): tf.Tensor2D {
  return op('MatMul', [a, b], `MatMul ${transposeA} ${transposeB}`, () => ({
    transpose_a: transposeA,
    transpose_b: transposeB,
    T: float32(),
  }));
}

/** The same for each of G pairs of matrices. */
export function products(a: tf.Tensor3D, b: tf.Tensor3D, transposeA = false, transposeB = false): tf.Tensor3D {
  return op('BatchMatMulV2', [a, b], `BatchMatMulV2 ${transposeA} ${transposeB}`, () => ({
    adj_x: transposeA,
    adj_y: transposeB,
    T: float32(),
  }));
}

export const mul = <T extends tf.Tensor>(a: T, b: tf.Tensor): T => op('Mul', [a, b]);
export const add = <T extends tf.Tensor>(a: T, b: tf.Tensor): T => op('AddV2', [a, b]);
export const sub = <T extends tf.Tensor>(a: T, b: tf.Tensor): T => op('Sub', [a, b]);
