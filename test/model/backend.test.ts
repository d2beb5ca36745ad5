/** Backends that are there and backends that are not. The first test starts them: tfjs is one per process. */
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { availableBackends, pickBackend, prepareBackend, useBackend } from '../../src/model/backend.ts';
import { backendNames } from '../../src/types.ts';
import { UserError } from '../../src/util/errors.ts';

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
      await prepareBackend('wasm');
      await prepareBackend('cpu');
      useBackend('cpu');
      tf.tidy(() => tf.add([1], [2])); // the cpu backend greets at its first tensor
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    } finally {
      vi.restoreAllMocks();
    }
    expect(handlers()).toEqual(before); // Emscripten's loader would make every unhandled rejection fatal
  });

  test('every name is reported, with a device or a reason', async () => {
    const reports = await availableBackends();
    expect(reports.map((r) => r.name)).toEqual([...backendNames]);
    expect(reports.filter((r) => r.usable).map((r) => r.name)).toEqual(['wasm', 'cpu']);
    for (const { usable, device, reason } of reports) {
      expect(device === '').toBe(!usable);
      expect(reason === '').toBe(usable);
    }
    expect(reports.find((r) => r.name === 'simd')!.reason).toBe('not supported by this version');
  });

  test('auto is the fastest usable one; a usable name is itself', async () => {
    expect(await pickBackend('auto')).toBe('wasm');
    expect(await pickBackend('cpu')).toBe('cpu');
  });

  test('an unusable name is an error that says why and what to choose', async () => {
    const error = await pickBackend('cuda').then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    const { message, hint } = error as UserError;
    expect(message).toBe('backend "cuda" cannot be used: not supported by this version');
    expect(hint).toBe('Choose one of: auto, wasm, cpu.');
  });
});
