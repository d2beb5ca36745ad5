/** The state of a night's training on disk: gone on from, replaced where it is of no use, kept for a night that is killed later. */
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { buildDataset } from '../../src/dataset/build.ts';
import type { Engine } from '../../src/model/engine.ts';
import { trainOnDataset, type TrainingOptions } from '../../src/nightly/training.ts';
import type { Weights } from '../../src/types.ts';
import { message } from '../tokenizer/examples.ts';

const dayMs = 86_400_000;
const texts = ['are you there', 'ok', 'see you tomorrow then', 'the bus is late again', 'no no no', 'what a day'];
const dataset = buildDataset({
  chats: [
    {
      chatKey: 'c',
      messages: Array.from({ length: 28 }, (_, i) =>
        message({
          rowId: i + 1,
          isPersona: i % 2 === 1,
          personId: 1 + (i % 2),
          text: `${texts[i % texts.length]} ${i}`,
          timestampMs: Date.UTC(2026, 0, 5) + Math.floor(i / 4) * 3 * dayMs + i * 1000,
        }),
      ),
    },
  ],
  timezone: 'Europe/Berlin',
});
const options: TrainingOptions = {
  size: 'nano',
  maxMinutes: 1e6,
  backend: 'simd',
  base: undefined,
  redaction: { regions: ['GB'] },
  seed: 1,
};

const engines: Engine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function weightsOf(more: Partial<TrainingOptions>): Promise<Weights> {
  const { engine } = await trainOnDataset(dataset, { ...options, ...more });
  engines.push(engine);
  return await engine.exportWeights();
}

test('a night that was stopped goes on from its state and ends in the same bits', { timeout: 900_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-night-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const stateDir = join(folder, 'training');
  const straight = await weightsOf({});

  const controller = new AbortController();
  const stop: Partial<TrainingOptions> = {
    stateDir,
    signal: controller.signal,
    onProgress: ({ step }) => void (step === 5 && controller.abort()),
  };
  await expect(weightsOf(stop)).rejects.toThrow('training was stopped before its end');
  expect(existsSync(join(stateDir, 'from-scratch', 'state.json'))).toBe(true);
  const steps: number[] = [];
  expect(await weightsOf({ stateDir, onProgress: ({ step }) => void steps.push(step) })).toEqual(straight);
  expect(steps[0]).toBe(6);
  expect(readdirSync(stateDir)).toEqual(['from-scratch.finished']);

  // asked once more, by a night that was killed later, it is not trained again; a damaged result is
  const again: number[] = [];
  const onStep: TrainingOptions['onProgress'] = ({ step }) => void again.push(step);
  expect(await weightsOf({ stateDir, onProgress: onStep })).toEqual(straight);
  expect(again).toEqual([]);
  truncateSync(join(stateDir, 'from-scratch.finished', 'model.safetensors'), 100);

  // a state of another run, and a damaged one, are started over
  const second = new AbortController();
  const onProgress: TrainingOptions['onProgress'] = ({ step }) => void (step === 2 && second.abort());
  await expect(weightsOf({ stateDir, seed: 2, signal: second.signal, onProgress })).rejects.toThrow('stopped');
  expect(await weightsOf({ stateDir })).toEqual(straight);
  rmSync(join(stateDir, 'from-scratch.finished'), { recursive: true });
  const third = new AbortController();
  await expect(weightsOf({ stateDir, signal: third.signal, onProgress: () => third.abort() })).rejects.toThrow(
    'stopped',
  );
  writeFileSync(join(stateDir, 'from-scratch', 'state.json'), '{');
  expect(await weightsOf({ stateDir })).toEqual(straight);
});
