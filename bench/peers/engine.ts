/**
 * An engine of this project as a contender of bench/train and bench/memory. Run by child.ts with the backend's name and
 * the number of threads as arguments; TensorFlow's threads are set through its environment.
 */
import { readFileSync } from 'node:fs';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { parameterCount } from '../../src/model/sizes.ts';
import { generate } from '../../src/model/generate.ts';
import { backendNames, type TokenBatch } from '../../src/types.ts';
import { check } from '../../src/util/errors.ts';
import { createRandom } from '../../src/util/random.ts';
import { serve } from './serve.ts';
import type { MatmulRequest, Started, StartTraining, TrainReply, TrainRequest } from './training.ts';

const backend = backendNames.find((name) => name === process.argv[2]);
const threads = Number(process.argv[3]);

let engine: Engine | undefined;
let nextBatch: (() => TokenBatch) | undefined;
let options: StepOptions | undefined;

async function start({ config, batchSize, length, ids, learningRate }: StartTraining): Promise<Started> {
  check(backend, `no backend ${process.argv[2] ?? ''}`);
  engine = await createEngine({ backend, config, seed: 1, threads });
  const bytes = readFileSync(ids);
  const data = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const count = batchSize * length;
  let at = 0;
  nextBatch = () => {
    if (at + count + 1 > data.length) at = 0;
    const [inputs, targets] = [data.subarray(at, at + count), data.subarray(at + 1, at + count + 1)];
    at += count;
    return { inputs: Int32Array.from(inputs), targets: Int32Array.from(targets), batchSize, length };
  };
  options = {
    optimizer: 'adamw',
    learningRate,
    weightDecay: 0.1,
    beta1: 0.9,
    beta2: 0.99,
    clipNorm: 1,
    dropout: 0,
    seed: 0,
  };
  return { version: `whatsapp-persona ${backend}, Node ${process.version}`, parameters: parameterCount(config) };
}

async function train({ seconds, atLeast }: TrainRequest): Promise<TrainReply> {
  check(engine && nextBatch && options, 'not started');
  const stepMs: number[] = [];
  let loss = Number.NaN;
  const begin = performance.now();
  while (stepMs.length < atLeast || performance.now() - begin < seconds * 1000) {
    const batch = nextBatch();
    const start = performance.now();
    loss = (await engine.trainStep([batch], options)).lossNats;
    stepMs.push(performance.now() - start);
  }
  return { stepMs, loss };
}

async function matmul({ size, repeats }: MatmulRequest): Promise<number> {
  const product = backend === 'simd' ? await simdProduct(size) : await tfjsProduct(size);
  let bestMs = Infinity;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await product.run();
    bestMs = Math.min(bestMs, performance.now() - start);
  }
  product.close();
  return (2 * size ** 3) / bestMs / 1e6;
}

interface Product {
  run: () => Promise<unknown>;
  close: () => void;
}

async function simdProduct(size: number): Promise<Product> {
  const { openPool } = await import('../../src/kernels/pool.ts');
  const pool = await openPool({ threads });
  const random = createRandom('matmul');
  const words = size * size;
  const [a, b, c] = [pool.allocate(words), pool.allocate(words), pool.allocate(words)];
  for (const at of [a, b]) pool.floats(at, words).forEach((_, i, view) => (view[i] = random.next() - 0.5));
  const shape = { m: size, n: size, k: size, lda: size, ldb: size, ldc: size };
  const run = (): Promise<void> => {
    pool.tape.gemm({ ...shape, a, b, c });
    pool.tape.run();
    return Promise.resolve();
  };
  return { run, close: () => pool.close() };
}

async function tfjsProduct(size: number): Promise<Product> {
  const tf = await import('@tensorflow/tfjs-core');
  const [a, b] = [tf.randomNormal([size, size]), tf.randomNormal([size, size])];
  const run = async (): Promise<void> => {
    const corner = tf.tidy(() => tf.slice(tf.matMul(a, b), [0, 0], [1, 1]));
    await corner.data();
    corner.dispose();
  };
  return { run, close: () => tf.dispose([a, b]) };
}

/** Tensors alive after a collection of garbage, so that what is measured from outside is what is in use. */
function settle(): Promise<{ tensors: number }> {
  globalThis.gc?.();
  return Promise.resolve({ tensors: engine?.numTensors() ?? 0 });
}

/** Short replies: prompts of 8 to 40 ids, 16 new ones, drawn as a bot draws them. */
async function replies({ count }: { count: number }): Promise<{ ids: number }> {
  check(engine, 'not started');
  const random = createRandom('replies');
  const { vocabSize } = engine.config;
  const sampling = { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 };
  let ids = 0;
  for (let i = 0; i < count; i++) {
    const prompt = Array.from({ length: 8 + random.int(33) }, () => random.int(vocabSize));
    const limits = { banned: new Set([0]), stop: [1], maxNewTokens: 16 };
    ids += (await generate(engine, prompt, { sampling, ...limits, random })).length;
  }
  return { ids };
}

serve({ start, train, matmul, settle, replies });
