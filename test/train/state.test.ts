/**
 * A run that is killed goes on as if it had not been: the same weights, moments, data, curve and choice of the best,
 * bit for bit, on each CPU backend; the state on disk is old or new, never neither.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { createEngine } from '../../src/model/create-engine.ts';
import type { Engine, LoraOptions, OptimizerState } from '../../src/model/engine.ts';
import { train, type TrainOptions, type TrainResult } from '../../src/train/loop.ts';
import {
  fingerprintOf,
  loadTrainingState,
  removeTrainingState,
  saveTrainingState,
  type TrainingState,
} from '../../src/train/state.ts';
import type { BackendName, Weights } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { distFile } from '../../src/util/dist.ts';
import { tinyConfig } from '../model/helpers.ts';
import { countingRows, recipe } from './examples.ts';

const cpuBackends = ['cpu', 'simd'] as const satisfies readonly BackendName[];

const engines: Engine[] = [];
async function fresh(
  backend: BackendName,
  more: { weights?: Weights; lora?: LoraOptions; seed?: number } = {},
): Promise<Engine> {
  const engine = await createEngine({ backend, config: tinyConfig, seed: 1, ...more });
  engines.push(engine);
  return engine;
}
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

/** Everything that has a state: dropout, a warm-up, an average, other text, validations amid a pass. */
const options: TrainOptions = {
  ...recipe,
  epochs: 3,
  rows: countingRows(11, 1),
  mix: { rows: countingRows(5, 4), share: 0.3 },
  validationRows: countingRows(5, 2),
  averageSpan: 0.2,
  evalEvery: 3,
  patience: 5,
  seed: 3,
  now: () => 0,
};

interface Outcome {
  result: TrainResult;
  weights: Weights;
  optimizer: OptimizerState;
}

async function outcome(engine: Engine, more: Partial<TrainOptions> = {}): Promise<Outcome> {
  const result = await train(engine, { ...options, ...more });
  return { result, weights: await engine.exportWeights(), optimizer: await engine.exportOptimizer() };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'persona-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A state after every step of a run. */
async function statesOf(engine: Engine, more: Partial<TrainOptions> = {}): Promise<TrainingState[]> {
  const states: TrainingState[] = [];
  await train(engine, { ...options, ...more, saveEveryMs: 0, onState: (state) => void states.push(state) });
  return states;
}

describe.each(cpuBackends)('a run on %s', { timeout: 240_000 }, (backend) => {
  test('stopped after any step and resumed from disk in a fresh engine ends in the same bits', async () => {
    const straight = await outcome(await fresh(backend));
    const states = await statesOf(await fresh(backend));
    expect(straight.result.steps).toBeGreaterThan(10);
    expect(states.map((state) => state.counters.step)).toEqual(states.map((_, i) => i + 1));
    expect(states).toHaveLength(straight.result.steps);
    const dir = join(temporaryFolder(), 'state');
    for (const state of states) {
      saveTrainingState(dir, state);
      const resume = loadTrainingState(dir, state.fingerprint);
      expect(resume).toEqual(state);
      expect(await outcome(await fresh(backend), { resume })).toEqual(straight);
    }
  });

  test('stopped and resumed after every single step, it still ends in the same bits', async () => {
    const more: Partial<TrainOptions> = { epochs: 2, patience: 0 };
    const straight = await outcome(await fresh(backend), more);
    let resume: TrainingState | undefined;
    for (let step = 1; ; step++) {
      const controller = new AbortController();
      const engine = await fresh(backend);
      const run = await outcome(engine, {
        ...more,
        resume,
        signal: controller.signal,
        onProgress: () => controller.abort(),
        onState: (state) => void (resume = state),
      });
      if (run.result.stoppedBecause === 'finished') {
        expect(run).toEqual(straight);
        break;
      }
      expect(run.result).toMatchObject({ steps: step, stoppedBecause: 'aborted' });
    }
  });

  test('with LoRA it ends in the same bits too, adapters and averages included', async () => {
    const weights = await (await fresh(backend)).exportWeights();
    const adapting = (): Promise<Engine> => fresh(backend, { weights, lora: { rank: 2, alpha: 4 } });
    const more: Partial<TrainOptions> = { epochs: 1, evalEvery: 2, patience: 0, learningRate: 0.03 };
    const straight = await outcome(await adapting(), more);
    expect(straight.result.bestStep).toBeGreaterThan(0);
    const states = await statesOf(await adapting(), more);
    const dir = join(temporaryFolder(), 'state');
    for (const state of states) {
      saveTrainingState(dir, state);
      const resume = loadTrainingState(dir, state.fingerprint);
      expect(resume).toEqual(state);
      expect(resume!.optimizer.adapters!.size).toBe(28);
      expect(await outcome(await adapting(), { ...more, resume })).toEqual(straight);
    }
  });

  test('a run that stopped early stops at the same step after a restart', async () => {
    // a rate so high that it only gets worse
    const more: Partial<TrainOptions> = { learningRate: 3, patience: 2, epochs: 30 };
    const straight = await outcome(await fresh(backend), more);
    expect(straight.result.stoppedBecause).toBe('early stopping');
    for (const resume of await statesOf(await fresh(backend), more)) {
      expect(await outcome(await fresh(backend), { ...more, resume })).toEqual(straight);
    }
  });
});

describe('time', () => {
  /** A clock that moves on by 100 ms where it is told to. */
  const clock = (from: number) => {
    let ms = from;
    return { now: () => ms, tick: () => void (ms += 100) };
  };

  test('only time in which the run was alive counts, before and after', async () => {
    const first = clock(1_000_000);
    let resume: TrainingState | undefined;
    const controller = new AbortController();
    const common: Partial<TrainOptions> = { maxMs: 1000, epochs: 50, validationRows: [] };
    await train(await fresh('cpu'), {
      ...options,
      ...common,
      now: first.now,
      signal: controller.signal,
      onProgress: ({ step }) => (step === 4 ? controller.abort() : first.tick()),
      onState: (state) => void (resume = state),
    });
    expect(resume!.counters.elapsedMs).toBe(300);
    const second = clock(90_000_000); // a day later
    const shares: number[] = [];
    const result = await train(await fresh('cpu'), {
      ...options,
      ...common,
      resume,
      now: second.now,
      onProgress: ({ share }) => (shares.push(share), second.tick()),
    });
    expect(shares).toEqual([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((share) => expect.closeTo(share) as number));
    expect(result).toMatchObject({ steps: 11, stoppedBecause: 'time' });
  });

  test('a state is handed out no more often than asked for', async () => {
    const time = clock(0);
    const steps: number[] = [];
    await train(await fresh('cpu'), {
      ...options,
      now: time.now,
      saveEveryMs: 250,
      onProgress: time.tick,
      onState: ({ counters }) => void steps.push(counters.step),
    });
    expect(steps.slice(0, 3)).toEqual([3, 6, 9]);
  });
});

describe('which run a state belongs to', () => {
  test('another recipe, seed, text, network, start or adapters are another run', async () => {
    const engine = await fresh('cpu');
    const own = await fingerprintOf(engine, options);
    expect(await fingerprintOf(await fresh('cpu'), { ...options, maxMs: 5 } as TrainOptions)).toBe(own);
    const others: TrainOptions[] = [
      { ...options, seed: 4 },
      { ...options, learningRate: 0.02 },
      { ...options, averageSpan: 0 },
      { ...options, rows: countingRows(16, 7) },
      { ...options, validationRows: [] },
      { ...options, mix: { ...options.mix!, share: 0.2 } },
    ];
    const seen = new Set([own]);
    for (const other of others) seen.add(await fingerprintOf(engine, other));
    const base = await createEngine({ backend: 'cpu', config: tinyConfig, seed: 2 });
    engines.push(base);
    seen.add(await fingerprintOf(base, options));
    const weights = await engine.exportWeights();
    const adapting: { lora: LoraOptions; seed?: number }[] = [
      { lora: { rank: 2, alpha: 4 } },
      { lora: { rank: 2, alpha: 3 } },
      { lora: { rank: 3, alpha: 4 } },
      { lora: { rank: 2, alpha: 4 }, seed: 2 },
    ];
    for (const more of adapting) seen.add(await fingerprintOf(await fresh('cpu', { weights, ...more }), options));
    expect(seen.size).toBe(others.length + 2 + adapting.length);
  });

  test('a state of another run is not loaded, and the loop refuses it', async () => {
    const states = await statesOf(await fresh('cpu'), { epochs: 1 });
    const dir = join(temporaryFolder(), 'state');
    saveTrainingState(dir, states[1]!);
    expect(loadTrainingState(dir, 'another')).toBeUndefined();
    const other = { ...options, epochs: 1, seed: 9, resume: states[1]! };
    await expect(train(await fresh('cpu'), other)).rejects.toThrow('this training state is of another run');
  });
});

describe('the folder', () => {
  const someStates = async (): Promise<[TrainingState, TrainingState]> => {
    const states = await statesOf(await fresh('cpu'), { epochs: 1 });
    return [states[0]!, states[1]!];
  };

  test('a kill between the two renames leaves the older state, and the next save clears up', async () => {
    const [older, newer] = await someStates();
    const dir = join(temporaryFolder(), 'state');
    saveTrainingState(dir, older);
    cpSync(dir, `${dir}.tmp`, { recursive: true });
    renameSync(dir, `${dir}.old`);
    expect(loadTrainingState(dir, older.fingerprint)).toEqual(older);
    saveTrainingState(dir, newer);
    expect(loadTrainingState(dir, older.fingerprint)).toEqual(newer);
    expect([existsSync(`${dir}.old`), existsSync(`${dir}.tmp`)]).toEqual([false, false]);
    removeTrainingState(dir);
    expect(existsSync(dir)).toBe(false);
    expect(loadTrainingState(dir, older.fingerprint)).toBeUndefined();
  });

  test('damage is named, not trained on', async () => {
    const [state] = await someStates();
    const dir = join(temporaryFolder(), 'state');
    for (const name of ['model', 'optimizer', 'best'].map((part) => `${part}.safetensors`)) {
      saveTrainingState(dir, state);
      const path = join(dir, name);
      const data = readFileSync(path);
      data[data.length - 2]! ^= 1;
      writeFileSync(path, data);
      expect(() => loadTrainingState(dir, state.fingerprint)).toThrow(`${name}: does not match its checksum`);
      rmSync(path);
      expect(() => loadTrainingState(dir, state.fingerprint)).toThrow(`${name}: does not match its checksum`);
    }
    saveTrainingState(dir, state);
    const file = join(dir, 'state.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, -20));
    expect(() => loadTrainingState(dir, state.fingerprint)).toThrow('state.json: cannot be read as JSON');
    writeFileSync(file, text.replace('"sinceBest"', '"since"'));
    expect(() => loadTrainingState(dir, state.fingerprint)).toThrow('is no training state of format 1');
  });

  test('it is for its owner alone', async () => {
    const [state] = await someStates();
    const dir = join(temporaryFolder(), 'state');
    saveTrainingState(dir, state);
    const { statSync } = await import('node:fs');
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'model.safetensors')).mode & 0o777).toBe(0o600);
  });
});

/** A process that trains with its state in `dir`, says each step, and at the end prints a hash of the weights. */
function program(dir: string): string[] {
  const from = (path: string): string => JSON.stringify(distFile(path));
  const plain = { ...options, now: undefined, rows: undefined, validationRows: undefined, mix: undefined };
  const rows = (list: TrainOptions['rows']): string =>
    JSON.stringify(list.map(({ inputs, targets }) => ({ inputs: Array.from(inputs), targets: Array.from(targets) })));
  return [
    '--input-type=module',
    '-e',
    `
    import { createHash } from 'node:crypto';
    import { writeSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    import { createEngine } from ${from('src/model/create-engine.ts')};
    import { train } from ${from('src/train/loop.ts')};
    import { fingerprintOf, loadTrainingState, saveTrainingState } from ${from('src/train/state.ts')};
    const engine = await createEngine({ backend: 'cpu', config: ${JSON.stringify(tinyConfig)}, seed: 1 });
    const options = { ...${JSON.stringify(plain)}, now: () => 0, rows: ${rows(options.rows)},
      validationRows: ${rows(options.validationRows)}, mix: { share: ${options.mix!.share}, rows: ${rows(options.mix!.rows)} } };
    const resume = loadTrainingState(${JSON.stringify(dir)}, await fingerprintOf(engine, options));
    await train(engine, { ...options, resume, saveEveryMs: 0,
      onProgress: ({ step }) => writeSync(1, 'step ' + step + '\\n'),
      onState: async (state) => {
        await setTimeout(5); // so that a fast disk leaves time for kills
        saveTrainingState(${JSON.stringify(dir)}, state);
      } });
    const hash = createHash('sha256');
    for (const [name, { data }] of await engine.exportWeights()) hash.update(name).update(new Uint8Array(data.buffer));
    writeSync(1, 'weights ' + hash.digest('hex') + '\\n');
    engine.dispose();`,
  ];
}

interface Life {
  output: string;
  complaint: string;
  signal: NodeJS.Signals | null;
}

/** Run it; with `delayMs`, kill it that long after its first step of this life. */
function live(dir: string, delayMs?: number): Promise<Life> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, program(dir));
    const life: Life = { output: '', complaint: '', signal: null };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (life.complaint += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (life.output === '' && delayMs !== undefined) setTimeout(() => child.kill('SIGKILL'), delayMs);
      life.output += text;
    });
    child.once('close', (_, signal) => resolve({ ...life, signal }));
  });
}

test('kill -9 at random moments: the run ends in the same bits', { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const weightsIn = (output: string): string | undefined => /^weights (\w+)$/m.exec(output)?.[1];
  const straight = await live(join(folder, 'straight'));
  expect([straight.signal, straight.complaint]).toEqual([null, '']);
  expect(weightsIn(straight.output)).toMatch(/^[0-9a-f]{64}$/);

  const random = createRandom('kills of a training run');
  const dir = join(folder, 'killed');
  let kills = 0;
  let last: Life;
  do {
    last = await live(dir, kills < 5 ? random.next() * 60 : undefined);
    expect(last.complaint).toBe('');
    if (last.signal === 'SIGKILL') kills++;
  } while (last.signal === 'SIGKILL');
  expect(weightsIn(last.output)).toBe(weightsIn(straight.output));
  expect(kills).toBeGreaterThanOrEqual(2);
});
