/**
 * Training speed of `nano` per backend, and where a step's time goes.
 * Run: npx tsc -p bench && node dist/bench/train-tfjs.js [backend...]   (default: wasm cpu)
 * Prints a table and writes bench/results/train-tfjs.json. Times are medians and best of the steps: on a shared machine the
 * best says what the code can do, the median what one got. Not covered: memory, other sizes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { pickBackend } from '../src/model/backend.ts';
import { modelConfig, parameterCount } from '../src/model/sizes.ts';
import { createEngine } from '../src/model/create-engine.ts';
import type { BackendName, TokenBatch } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';

const config = modelConfig('nano', 2048);
const [batchSize, length] = [12, config.contextLength];
const options = {
  optimizer: 'adamw' as const,
  learningRate: 1e-3,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  clipNorm: 1,
  dropout: 0.1,
};

/** Random ids; a share of the positions have a target, as in chats where only the persona's turns count. */
function batchWith(targetShare: number): TokenBatch {
  const random = createRandom('bench');
  const inputs = Int32Array.from({ length: batchSize * length }, () => random.int(config.vocabSize));
  const targets = inputs.map(() => (random.next() < targetShare ? random.int(config.vocabSize) : -1));
  return { inputs, targets, batchSize, length };
}

async function measure(backend: BackendName, targetShare: number, steps: number) {
  const engine = await createEngine({ backend, config, seed: 1 });
  const batch = batchWith(targetShare);
  if (steps > 2) await engine.trainStep([batch], { ...options, seed: 0 });
  const kernels = watchKernels(backend);
  const stepMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let step = 1; step <= steps; step++) {
    const start = performance.now();
    await engine.trainStep([batch], { ...options, seed: step });
    stepMs.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const shares = kernels.stop(stepMs.reduce((a, b) => a + b));
  engine.dispose();

  stepMs.sort((a, b) => a - b);
  const tokens = batchSize * length;
  const perSecond = (ms: number): number => Math.round((tokens / ms) * 1000);
  return {
    backend,
    targetShare,
    steps,
    tokensPerSecond: { median: perSecond(stepMs[steps >> 1]!), best: perSecond(stepMs[0]!) },
    tokensPerCpuSecond: perSecond((user + system) / 1000 / steps),
    shareByKernel: shares,
  };
}

/** Wraps every kernel of a backend with a stopwatch. */
function watchKernels(backend: BackendName) {
  const spentMs = new Map<string, number>();
  const originals = tf.getKernelsForBackend(backend).map((kernel) => ({ kernel, kernelFunc: kernel.kernelFunc }));
  for (const { kernel, kernelFunc } of originals) {
    kernel.kernelFunc = (args) => {
      const start = performance.now();
      const result = kernelFunc(args);
      spentMs.set(kernel.kernelName, (spentMs.get(kernel.kernelName) ?? 0) + performance.now() - start);
      return result;
    };
  }
  return {
    /** shares of the time, the ten largest and what no kernel accounts for */
    stop(totalMs: number): Record<string, number> {
      for (const { kernel, kernelFunc } of originals) kernel.kernelFunc = kernelFunc;
      const share = (ms: number): number => Math.round((ms / totalMs) * 1000) / 1000;
      const sorted = [...spentMs].sort((a, b) => b[1] - a[1]);
      const inKernels = sorted.reduce((sum, [, ms]) => sum + ms, 0);
      return Object.fromEntries([
        ...sorted.slice(0, 10).map(([name, ms]): [string, number] => [name, share(ms)]),
        ['outside kernels', share(totalMs - inKernels)],
      ]);
    },
  };
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const backends = wanted.length > 0 ? (wanted as BackendName[]) : (['wasm', 'cpu'] as const);
  console.log(machine);
  console.log(`nano: ${parameterCount(config)} parameters, ${batchSize} x ${length} tokens a step`);
  const results = [];
  for (const name of backends) {
    const backend = await pickBackend(name);
    for (const targetShare of backend === 'cpu' ? [1] : [1, 0.5]) {
      const result = await measure(backend, targetShare, backend === 'cpu' ? 2 : 25);
      results.push(result);
      const { median, best } = result.tokensPerSecond;
      console.log(
        `${backend}, targets ${targetShare * 100} %: ${median} tokens/s (best step ${best}, ${result.tokensPerCpuSecond} per CPU second)`,
      );
      console.table(result.shareByKernel);
    }
  }
  const folder = join(projectRoot, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const report = { what: 'training speed of nano on tfjs', date: new Date().toISOString(), machine, results };
  writeFileSync(join(folder, 'train-tfjs.json'), `${JSON.stringify(report, null, 2)}\n`);
}

await main();
