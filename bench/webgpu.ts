/**
 * Backend `webgpu` on the GPU that is here: each operation with its gradient, our shaders beside tfjs's own kernels, and a
 * training step of the whole network with both; times and dispatches.
 * Run: npx tsc -p bench && node dist/bench/webgpu.js [size] [rows]   (default: nano 12; context and vocabulary are the size's)
 * Prints the adapter and two tables; on a real GPU also writes bench/results/webgpu.json. A time is the median of several
 * rounds, each of them several runs and one wait for the GPU. Not covered: shader compilation, which the first round pays.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { causalAttention, causalMask, ropeTensors } from '../src/model/attention.ts';
import { prepareBackend, useBackend } from '../src/model/backend.ts';
import { createEngine } from '../src/model/create-engine.ts';
import { registerFusedKernels } from '../src/model/fused.ts';
import { embedding, linear, maskedCrossEntropy, rmsNorm, swiglu } from '../src/model/ops.ts';
import { adamW, globalNorm } from '../src/model/optimizer.ts';
import { modelConfig } from '../src/model/sizes.ts';
import { registerWebgpuKernels } from '../src/model/webgpu-kernels.ts';
import { modelSizes, type ModelConfig, type ModelSize, type TokenBatch } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';

const vocabularies: Record<ModelSize, number> = { nano: 2048, small: 8192, base: 16_384, large: 32_768 };

/** Dispatches since the start, tfjs's and ours. */
let dispatched = 0;

function countDispatches(): void {
  const backend = tf.backend() as unknown as { device: { createCommandEncoder(): CommandEncoder } };
  const encoder = backend.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const prototype = Object.getPrototypeOf(pass) as { dispatchWorkgroups: (...groups: number[]) => void };
  pass.end();
  encoder.finish();
  const original = prototype.dispatchWorkgroups;
  prototype.dispatchWorkgroups = function (...groups) {
    dispatched += 1;
    original.apply(this, groups);
  };
}

interface CommandEncoder {
  beginComputePass(): { end(): void };
  finish(): object;
}

/** Our shaders, or nothing of ours. */
function select(ours: boolean): void {
  const packed = 3; // tfjs's program for all but small products
  tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', ours ? -1 : packed);
  if (ours) registerWebgpuKernels();
  else {
    const names = ['embedding', 'rmsNorm', 'swiglu', 'rotate', 'attention', 'adamW', 'globalNorm'] as const;
    const none = [...names, 'crossEntropy', 'crossEntropyGradient'].map((name) => [name, undefined]);
    registerFusedKernels('webgpu', Object.fromEntries(none) as object);
  }
}

/** Median milliseconds of a run, and its dispatches. `run` queues work and returns a tensor to wait for. */
async function time(run: () => tf.Tensor, runs: number, rounds: number): Promise<{ ms: number; dispatches: number }> {
  const wait = async (x: tf.Tensor): Promise<void> => {
    const first = tf.tidy(() => tf.slice(tf.reshape(x, [-1]), [0], [1]));
    await first.data();
    tf.dispose([x, first]);
  };
  const before = dispatched;
  await wait(run());
  const dispatches = dispatched - before - 1; // the slice is one
  const ms: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 1; i < runs; i++) run().dispose();
    await wait(run());
    ms.push((performance.now() - start) / runs);
  }
  return { ms: median(ms), dispatches };
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Value and all gradients of an operation, summed up to one tensor that depends on all. */
function withGradient(run: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], dy: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.valueAndGrads(run)(inputs, dy).grads.at(-1)!);
}

function operations(config: ModelConfig, rows: number): Record<string, () => tf.Tensor> {
  const { width, hiddenWidth, vocabSize, contextLength, heads, kvHeads } = config;
  const count = rows * contextLength;
  const random = createRandom('bench webgpu');
  const numbers = <T extends tf.Tensor>(...shape: number[]): T => {
    const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => random.normal() * 0.1);
    return tf.tensor(values, shape) as T;
  };
  const ids = tf.tensor1d(
    Int32Array.from({ length: count }, () => random.int(vocabSize)),
    'int32',
  );
  const [x, dx] = [numbers<tf.Tensor2D>(count, width), numbers<tf.Tensor2D>(count, width)];
  const [gate, up, dHidden] = [0, 1, 2].map(() => numbers<tf.Tensor2D>(count, hiddenWidth)) as [
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const table = numbers<tf.Tensor2D>(vocabSize, width);
  const [gain, weight] = [numbers<tf.Tensor1D>(width), numbers<tf.Tensor2D>(width, hiddenWidth)];
  const keyWidth = (width / heads) * kvHeads;
  const [q, k, v] = [x, numbers<tf.Tensor2D>(count, keyWidth), numbers<tf.Tensor2D>(count, keyWidth)];
  const setting = {
    heads,
    kvHeads,
    length: contextLength,
    tables: ropeTensors(config),
    mask: causalMask(contextLength),
  };
  const [m, second] = [tf.zerosLike(table), tf.zerosLike(table)];
  const update = { learningRate: 1e-3, decay: 0.1, beta1: 0.9, beta2: 0.99, gradientScale: 1, step: 1 };
  return {
    linear: () => withGradient((x, w) => linear(x as typeof q, w as typeof q), [x, weight], dHidden),
    embedding: () => withGradient((table) => embedding(table as typeof q, ids), [table], dx),
    rmsNorm: () => withGradient((x, g) => rmsNorm(x as typeof q, g as typeof gain, 1e-5), [x, gain], dx),
    swiglu: () => withGradient((g, u) => swiglu(g as typeof q, u as typeof q), [gate, up], dHidden),
    attention: () =>
      withGradient((q, k, v) => causalAttention(q as typeof x, k as typeof x, v as typeof x, setting), [q, k, v], dx),
    crossEntropy: () =>
      withGradient(
        (x, t) => maskedCrossEntropy(x as typeof q, t as typeof q, ids, 1 / count),
        [x, table],
        tf.scalar(1),
      ),
    'adamW of the embedding': () =>
      tf.tidy(() => adamW({ weight: table, gradient: table, m, v: second }, update).weight),
    'norm of the embedding': () => tf.tidy(() => globalNorm([table])),
  };
}

async function stepTime(config: ModelConfig, rows: number, rounds: number) {
  const engine = await createEngine({ backend: 'webgpu', config, seed: 1 });
  const random = createRandom('bench step');
  const inputs = Int32Array.from({ length: rows * config.contextLength }, () => random.int(config.vocabSize));
  const targets = inputs.map(() => random.int(config.vocabSize));
  const batch: TokenBatch = { inputs, targets, batchSize: rows, length: config.contextLength };
  const options = { learningRate: 1e-3, weightDecay: 0.1, beta1: 0.9, beta2: 0.99, clipNorm: 1, dropout: 0.1 };
  const ms: number[] = [];
  let dispatches = 0;
  for (let round = 0; round <= rounds; round++) {
    const [start, before] = [performance.now(), dispatched];
    await engine.trainStep([batch], { ...options, optimizer: 'adamw', seed: round });
    if (round > 0) ms.push(performance.now() - start); // the first compiles
    dispatches = dispatched - before;
  }
  useBackend('webgpu');
  const { numBytesInGPU } = tf.memory() as unknown as { numBytesInGPU: number };
  engine.dispose();
  return { ms: median(ms), dispatches, bytesBetweenSteps: numBytesInGPU };
}

async function main(): Promise<void> {
  const [size = 'nano', rowsText = '12'] = process.argv.slice(2);
  if (!modelSizes.includes(size as ModelSize)) throw new Error(`no size ${size}`);
  const rows = Number(rowsText);
  const config = modelConfig(size as ModelSize, vocabularies[size as ModelSize]);
  const { device, software } = await prepareBackend('webgpu');
  useBackend('webgpu');
  countDispatches();
  console.log(`adapter: ${device}${software ? ' (software: times say nothing about a GPU)' : ''}`);
  console.log(`${size}: ${rows} x ${config.contextLength} tokens a step`);
  const [runs, rounds] = software ? [1, 1] : [20, 7];

  const byOperation: Record<string, object> = {};
  for (const [name, run] of Object.entries(operations(config, rows))) {
    select(true);
    const ours = await time(run, runs, rounds);
    select(false);
    const plain = await time(run, runs, rounds);
    byOperation[name] = {
      'ms, ours': round(ours.ms),
      'ms, tfjs': round(plain.ms),
      'dispatches, ours': ours.dispatches,
      'dispatches, tfjs': plain.dispatches,
    };
  }
  console.table(byOperation);

  const steps: Record<string, object> = {};
  for (const ours of [true, false]) {
    select(ours);
    const { ms, dispatches, bytesBetweenSteps } = await stepTime(config, rows, software ? 1 : 20);
    steps[ours ? 'our shaders' : "tfjs's kernels"] = {
      'ms a step': round(ms),
      'tokens/s': Math.round((rows * config.contextLength * 1000) / ms),
      dispatches,
      'MB between steps': Math.round(bytesBetweenSteps / 1e6),
    };
  }
  console.table(steps);
  if (software) return;
  const folder = join(projectRoot, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const report = {
    what: 'backend webgpu',
    date: new Date().toISOString(),
    machine,
    device,
    size,
    rows,
    byOperation,
    steps,
  };
  writeFileSync(join(folder, 'webgpu.json'), `${JSON.stringify(report, null, 2)}\n`);
}

const round = (x: number): number => Math.round(x * 1000) / 1000;

await main();
