/** Backends that are there and backends that are not. The first test starts them: tfjs is one per process. */
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { availableBackends, measureBackend, pickBackend, prepareBackend, useBackend } from '../../src/model/backend.ts';
import { backendNames } from '../../src/types.ts';
import { distFile } from '../../src/util/dist.ts';
import { UserError } from '../../src/util/errors.ts';
import { hasNative } from './helpers.ts';

const mustStart = ['simd', 'cpu'] as const;

describe('backends', () => {
  test('starting them prints nothing and leaves no process-wide handler', async () => {
    const events = ['uncaughtException', 'unhandledRejection'];
    const handlers = (): number[] => events.map((event) => process.listenerCount(event));
    const before = handlers();
    const spies = [
      vi.spyOn(process.stdout, 'write'),
      vi.spyOn(process.stderr, 'write'),
      ...(['log', 'warn', 'error', 'info'] as const).map((name) => vi.spyOn(console, name)),
    ] as const;
    try {
      for (const name of [...mustStart, ...(hasNative ? (['native'] as const) : [])]) {
        await prepareBackend(name);
        if (name === 'simd') continue; // no backend of tfjs
        useBackend(name);
        tf.tidy(() => tf.add([1], [2])); // the cpu backend greets at its first tensor
      }
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    } finally {
      vi.restoreAllMocks();
    }
    expect(handlers()).toEqual(before); // Emscripten's loader would make every unhandled rejection fatal
  });

  test('every name is reported, with a device or a reason', async () => {
    const reports = await availableBackends();
    expect(reports.map((r) => r.name)).toEqual([...backendNames]);
    expect(reports.filter((r) => r.usable).map((r) => r.name)).toEqual(expect.arrayContaining([...mustStart]));
    for (const { usable, device, reason } of reports) {
      expect(device === '').toBe(!usable);
      expect(reason === '').toBe(usable);
    }
  });

  test('a usable name is itself; auto is a usable one that is no imitation', async () => {
    expect(await pickBackend('cpu', 'training')).toBe('cpu');
    const picked = await pickBackend('auto', 'training');
    const report = (await availableBackends()).find((r) => r.name === picked);
    expect(report).toMatchObject({ usable: true, software: false });
    expect(picked).not.toBe('cpu');
  });

  test('a measured speed is positive, the same when asked again, and leaves no tensor', async () => {
    await prepareBackend('cpu');
    const before = tf.memory().numTensors;
    const gflops = await measureBackend('cpu');
    expect(gflops).toBeGreaterThan(0);
    expect(await measureBackend('cpu')).toBe(gflops);
    expect(tf.memory().numTensors).toBe(before);
  });

  test.skipIf(hasNative)('without a set-up, native says how to get one (skipped: TensorFlow is set up)', async () => {
    const report = (await availableBackends()).find((r) => r.name === 'native');
    expect(report?.reason).toBe('not set up; run `npm run setup:gpu`');
  });

  test.skipIf(!hasNative)('native names its device (skipped: no TensorFlow; npm run setup:gpu)', async () => {
    const report = (await availableBackends()).find((r) => r.name === 'native');
    expect(report?.device).toMatch(/, \d+ threads, TensorFlow \d+\.\d+\.\d+$/);
  });

  test.skipIf(!hasNative)(
    'native starts in one thread after another (skipped: no TensorFlow; npm run setup:gpu)',
    async () => {
      const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData).then(async ({ pickBackend }) => parentPort.postMessage(await pickBackend('native', 'training')));`;
      const start = async (): Promise<unknown> => {
        const worker = new Worker(code, {
          eval: true,
          workerData: pathToFileURL(distFile('src/model/backend.ts')).href,
        });
        const ended = once(worker, 'exit');
        const [answer] = (await once(worker, 'message')) as [unknown];
        await ended;
        return answer;
      };
      expect(await start()).toBe('native');
      expect(await start()).toBe('native');
      expect(await Promise.all([start(), start()])).toEqual(['native', 'native']);
    },
  );

  test('an unusable name is an error that says why and what to choose', async () => {
    const reports = await availableBackends();
    const unusable = reports.find((r) => !r.usable);
    if (unusable === undefined) return; // a machine that has everything
    const error = await pickBackend(unusable.name, 'training').then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    const { message, hint } = error as UserError;
    expect(message).toBe(`backend "${unusable.name}" cannot be used: ${unusable.reason}`);
    const usableNames = reports.filter((r) => r.usable).map((r) => r.name);
    expect(hint).toBe(`Choose one of: ${['auto', ...usableNames].join(', ')}.`);
  });
});
