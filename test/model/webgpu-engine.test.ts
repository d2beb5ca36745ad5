/**
 * Backend `webgpu` as a whole, on SwiftShader: the network against backend `cpu`, nothing left on the GPU, failures that
 * reach the caller, a process that ends. Sizes are tiny: SwiftShader compiles each shader for a tenth of a second.
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareBackend, useBackend } from '../../src/model/backend.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine, StepOptions } from '../../src/model/engine.ts';
import { dispatch, emptyTensor } from '../../src/model/webgpu-dispatch.ts';
import { distFile } from '../../src/util/dist.ts';
import { swiftShaderEnv, swiftShaderFolder } from '../support/swiftshader.ts';
import { expectClose, groupedConfig, noWebgpu, randomBatch } from './helpers.ts';

const options: StepOptions = {
  optimizer: 'adamw',
  learningRate: 0.01,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  clipNorm: 0.5,
  dropout: 0.1,
  seed: 1,
};
const config = groupedConfig;

describe.skipIf(noWebgpu !== '')(
  `webgpu${noWebgpu === '' ? '' : ` (skipped: ${noWebgpu})`}`,
  { timeout: 180_000 },
  () => {
    let engine: Engine;
    let twin: Engine;

    beforeAll(async () => {
      engine = await createEngine({ backend: 'webgpu', config, seed: 3 });
      twin = await createEngine({ backend: 'cpu', config, seed: 3 });
    });

    afterAll(() => {
      engine.dispose();
      twin.dispose();
    });

    test('SwiftShader is known to be software, so that it is taken only by name', async () => {
      const { device, software, memoryBytes } = await prepareBackend('webgpu');
      expect(device).toMatch(/swiftshader/i);
      expect(software).toBe(true);
      expect(memoryBytes).toBeNull();
    });

    test('losses are those on cpu', async () => {
      const batch = randomBatch(config, 3, 7, 1);
      expectClose(await engine.tokenLosses(batch), await twin.tokenLosses(batch), 1e-5, 'losses');
    });

    test('training takes the same steps as on cpu, and leaves nothing on the GPU', async () => {
      const bytes = (): number => {
        useBackend('webgpu');
        return (tf.memory() as unknown as { numBytesInGPU: number }).numBytesInGPU;
      };
      const after: { tensors: number; bytes: number }[] = [];
      for (let step = 0; step < 4; step++) {
        const batches = [randomBatch(config, 2, 6, step)];
        const here = await engine.trainStep(batches, { ...options, seed: step });
        const there = await twin.trainStep(batches, { ...options, seed: step });
        expect(here.lossNats).toBeCloseTo(there.lossNats, 4);
        expect(here.gradNorm).toBeCloseTo(there.gradNorm, 3);
        after.push({ tensors: engine.numTensors(), bytes: bytes() });
      }
      const there = await twin.exportWeights();
      for (const [name, { data }] of await engine.exportWeights()) expectClose(data, there.get(name)!.data, 1e-3, name);
      expect(after[3]).toEqual(after[1]); // the first step makes the moments and the dropout pool
    });

    test('greedy text is that on cpu, from one sequence and from streams that share it', async () => {
      const greedy = async (on: Engine): Promise<number[][]> => {
        const best = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));
        const cache = on.startCache();
        const id = best(await cache.append([5, 1, 7]));
        const streams = cache.fork(2);
        let ids = [id, (id + 1) % config.vocabSize];
        const texts = [ids];
        for (let step = 0; step < 3; step++) {
          const logits = await streams.append(ids);
          ids = [0, 1].map((row) => best(logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize)));
          texts.push(ids);
        }
        streams.dispose();
        cache.dispose();
        return texts;
      };
      const before = engine.numTensors();
      const texts = await greedy(engine);
      expect(engine.numTensors()).toBe(before);
      twin.importWeights(await engine.exportWeights());
      expect(texts).toEqual(await greedy(twin));
    });

    test('weights that are not numbers stop training, and the weights stay', async () => {
      const good = await engine.exportWeights();
      const bad = new Map(good);
      const [name, { data, shape }] = [...good].find(([name]) => name.endsWith('down_proj.weight'))!;
      bad.set(name, { shape, data: data.map((x, i) => (i === 5 ? NaN : x)) });
      engine.importWeights(bad);
      await expect(engine.trainStep([randomBatch(config, 2, 6, 9)], options)).rejects.toThrow(
        /training diverged: loss NaN/,
      );
      expect(await engine.exportWeights()).toEqual(bad);
      engine.importWeights(good);
    });

    test('what fails on the GPU is thrown by the next read, and reading goes on after it', async () => {
      useBackend('webgpu');
      const wrong = { name: 'wrong', threads: 64, constants: {}, params: [], body: 'no WGSL' };
      const x = emptyTensor([4]);
      dispatch({ ...wrong, buffers: [{ name: 'x', type: 'f32', access: 'write' }] }, [x], [], 1);
      await expect(x.data()).rejects.toThrow(/^webgpu: Error while parsing WGSL/);
      x.dispose();
      const y = tf.tidy(() => tf.mul(tf.ones([1_200]), 2));
      expect((await y.data())[7]).toBe(2);
      y.dispose();
    });

    test('a tensor on the GPU is not read without waiting', () => {
      useBackend('webgpu');
      const x = tf.tidy(() => tf.mul(tf.ones([1_200]), 2));
      expect(() => x.dataSync()).toThrow('webgpu: a tensor on the GPU is read with await');
      x.dispose();
    });

    test('a shader refuses tensors that do not fit its bindings', () => {
      useBackend('webgpu');
      const shader = { name: 'copy', threads: 64, constants: {}, params: [], body: '' };
      const buffers = [{ name: 'x', type: 'f32', access: 'write' }] as const;
      tf.tidy(() => {
        expect(() => dispatch({ ...shader, buffers }, [], [], 1)).toThrow('copy: 0 tensors for 1 bindings');
        const ids = tf.tensor1d([1, 2], 'int32');
        expect(() => dispatch({ ...shader, buffers }, [ids], [], 1)).toThrow('binding 0 of 2 numbers is int32');
        expect(() => dispatch({ ...shader, buffers }, [emptyTensor([2])], [1], 1)).toThrow('copy: 1 of 0 params');
        expect(() => dispatch({ ...shader, buffers }, [emptyTensor([2])], [], 0)).toThrow('copy: 0 workgroups');
      });
    });

    test('a process that used it ends by itself and prints nothing', async () => {
      const { env, dispose } = swiftShaderEnv((await swiftShaderFolder())!);
      const module = pathToFileURL(distFile('src/model/backend.ts')).href;
      const code = `const { prepareBackend } = await import(${JSON.stringify(module)});
      console.log((await prepareBackend('webgpu')).software);`;
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        env: { ...process.env, ...env },
        encoding: 'utf8',
        timeout: 30_000,
      });
      dispose();
      expect(child).toMatchObject({ status: 0, stdout: 'true\n', stderr: '' });
    });
  },
);
