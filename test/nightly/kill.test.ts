/**
 * A night that is killed (promises C2 and A3): kill -9 at 20 random training steps, and while it measures, listens and saves.
 * Until the end the old run serves, whole; then the new one; and its weights are, bit for bit, those of a night that nobody
 * killed. On CPU (simd), as a process of its own, from dist.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadServing } from '../../src/checkpoint/current.ts';
import type { RetrainResult } from '../../src/nightly/retrain.ts';
import { openStore } from '../../src/store/store.ts';
import { sha256File } from '../../src/util/files.ts';
import { createRandom } from '../../src/util/random.ts';
import { compiled } from '../checkpoint/examples.ts';
import { importInvented, timezone } from './invented.ts';

const kills = 20;
let dir: string;

/** A process that runs one night in this home, saves its state after every step, and says every step and phase. */
function night(home: string, nowMs: number): ChildProcess {
  const program = `
    import { writeSync } from 'node:fs';
    import { retrain } from ${compiled('src/nightly/retrain.ts')};
    const say = (line) => writeSync(1, line + '\\n');
    const result = await retrain({
      dataDir: ${JSON.stringify(join(home, 'data'))},
      modelsDir: ${JSON.stringify(join(home, 'models'))},
      speaker: 'me',
      timezone: ${JSON.stringify(timezone)},
      size: 'nano',
      maxMinutes: 240,
      backend: 'simd',
      sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
      samples: 60,
      saveEveryMs: 0,
      nowMs: ${nowMs},
      onPhase: (phase) => say('phase ' + phase),
      onProgress: ({ step, steps }) => say('step ' + step + ' of ' + steps),
    });
    say('result ' + JSON.stringify(result));`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
}

interface Lived {
  /** everything that was said */
  lines: string[];
  wasKilled: boolean;
}

/** @param isTime asked of every line: kill now? */
async function live(home: string, nowMs: number, isTime: (line: string) => boolean = () => false): Promise<Lived> {
  const child = night(home, nowMs);
  const lines: string[] = [];
  let rest = '';
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    const parts = (rest + piece).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      if (isTime(line)) child.kill('SIGKILL');
    }
  });
  await once(child, 'close');
  return { lines, wasKilled: child.signalCode === 'SIGKILL' };
}

const resultOf = ({ lines }: Lived): RetrainResult =>
  JSON.parse(lines.find((line) => line.startsWith('result '))!.slice('result '.length)) as RetrainResult;
const stepOf = (line: string): number => Number(/^step (\d+) /.exec(line)?.[1] ?? NaN);
const weightsOf = (home: string, run: string | null): string =>
  sha256File(join(home, 'models', 'runs', String(run), 'model.safetensors'));
const serving = (home: string): string | undefined =>
  loadServing(join(home, 'models'), (run, error) => expect.fail(`${run}: ${error.message}`))?.runId;

describe.sequential('a night', { timeout: 900_000 }, () => {
  let old: string;
  let straight: RetrainResult;
  let steps: number;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'persona-killed-'));
    const next = await importInvented(join(dir, 'old', 'data'), {
      conversations: { train: 14, validation: 2, test: 5 },
    });
    const first = resultOf(await live(join(dir, 'old'), Date.UTC(2026, 8, 1, 3)));
    expect(first.verdict).toBe('promoted');
    old = first.run!;
    // more was said since, so that the new run is better and promoted
    await importInvented(join(dir, 'old', 'data'), {
      conversations: { train: 16, validation: 1, test: 1 },
      fromWeek: next,
    });
    for (const home of ['straight', 'killed']) cpSync(join(dir, 'old'), join(dir, home), { recursive: true });
    const lived = await live(join(dir, 'straight'), Date.UTC(2026, 8, 2, 3));
    straight = resultOf(lived);
    steps = lived.lines.filter((line) => line.startsWith('step ')).length;
  }, 900_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('that nobody kills publishes a better run and leaves nothing behind', () => {
    expect(straight).toMatchObject({ verdict: 'promoted' });
    expect(serving(join(dir, 'straight'))).toBe(straight.run);
    expect(existsSync(join(dir, 'straight', 'data', 'training'))).toBe(false);
  });

  test('killed at 20 random steps: the old run serves, and training goes on where it was', async () => {
    const home = join(dir, 'killed');
    expect(steps).toBeGreaterThan(kills);
    const random = createRandom('steps of a night');
    const at = random
      .shuffle(Array.from({ length: steps - 1 }, (_, i) => i + 1))
      .slice(0, kills)
      .sort((a, b) => a - b);
    for (const [i, step] of at.entries()) {
      const lived = await live(home, Date.UTC(2026, 8, 3, 3, i), (line) => stepOf(line) >= step);
      expect(lived.wasKilled).toBe(true);
      const begun = stepOf(lived.lines.find((line) => line.startsWith('step '))!);
      // the state of the step that was killed may or may not have been whole on disk
      if (i > 0) expect([at[i - 1]!, at[i - 1]! + 1]).toContain(begun);
      expect(serving(home)).toBe(old);
      expect(readdirSync(join(home, 'models', 'runs'))).toEqual([old]);
    }
  });

  test('killed while it measures and listens: the old run serves, and nothing is trained again', async () => {
    const home = join(dir, 'killed');
    for (const phase of ['measuring', 'listening']) {
      const lived = await live(home, Date.UTC(2026, 8, 4, 3), (line) => line.startsWith(`phase ${phase}`));
      expect(lived.wasKilled).toBe(true);
      expect(serving(home)).toBe(old);
      const trained = lived.lines.filter((line) => line.startsWith('step ')).length;
      if (phase === 'listening') expect(trained).toBe(0);
    }
  });

  test('then it ends in the same bits, once', async () => {
    const home = join(dir, 'killed');
    const result = resultOf(await live(home, Date.UTC(2026, 8, 5, 3)));
    expect(result).toMatchObject({ verdict: 'promoted', bitsPerByte: straight.bitsPerByte });
    expect(result.report?.resumed).toBe(kills + 2);
    expect(weightsOf(home, result.run)).toBe(weightsOf(join(dir, 'straight'), straight.run));
    expect(serving(home)).toBe(result.run);
    expect(existsSync(join(home, 'data', 'training'))).toBe(false);
    const store = openStore(join(home, 'data'));
    try {
      expect(store.runs.list().map(({ verdict }) => verdict)).toEqual(['promoted', 'promoted']);
      expect(store.nights.running()).toBeUndefined();
    } finally {
      store.close();
    }
  });
});
