/** A model small enough to save a hundred times, and the programs that save it in a process of their own. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect } from 'vitest';
import { loadServing, publish } from '../../src/checkpoint/current.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { llamaShapes } from '../../src/checkpoint/llama.ts';
import { saveCheckpoint, type CheckpointParts } from '../../src/checkpoint/save.ts';
import type { ModelConfig, Weights } from '../../src/types.ts';
import { distFile } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { createRandom } from '../../src/util/random.ts';

export const tinyConfig: ModelConfig = {
  vocabSize: 320,
  contextLength: 64,
  layers: 2,
  width: 16,
  heads: 2,
  kvHeads: 2,
  hiddenWidth: 32,
  ropeTheta: 10_000,
  ropeScaling: null,
  normEps: 1e-5,
  tiedEmbeddings: true,
};

export function randomWeights(config: ModelConfig, seed: number): Weights {
  const random = createRandom(seed);
  const weights: Weights = new Map();
  for (const [name, shape] of llamaShapes(config)) {
    const length = shape.reduce((a, b) => a * b, 1);
    weights.set(name, { shape, data: Float32Array.from({ length }, () => random.normal() * 0.02) });
  }
  return weights;
}

/** A whole checkpoint with a vocabulary of the right size; `seed` tells one from another. */
export function tinyParts(seed: number): CheckpointParts {
  const vocab = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`t${i}`, 64 + i]));
  const special = Array.from({ length: 64 }, (_, id) => ({ id, content: `<|s${id}|>`, special: true }));
  return {
    config: tinyConfig,
    weights: randomWeights(tinyConfig, seed),
    tokenizerJson: JSON.stringify({ version: '1.0', added_tokens: special, model: { type: 'BPE', vocab, merges: [] } }),
    tokenizerConfigJson: JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast' }),
    generation: {
      temperature: 0.8,
      topK: 40,
      topP: 0.95,
      repetitionPenalty: 1.1,
      bosId: 0,
      endId: 41,
      bannedIds: [0, 2, 3],
    },
    metrics: '{"step":1,"lossNats":5.7}\n{"step":2,"lossNats":5.5}\n',
    lexicon: Uint32Array.of(1, 7, 2 ** 32 - 1),
    details: { size: 'nano', seed, backend: 'cpu', bitsPerByte: 3.25, personaP99Chars: 120 },
  };
}

const folders: string[] = [];

/** A models folder of its own, removed after the test. */
export function temporaryModels(): string {
  const folder = mkdtempSync(join(tmpdir(), 'persona-models-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Import specifier of a compiled module, for programs that run outside of vitest. */
export function compiled(source: string): string {
  const file = distFile(source);
  check(existsSync(file), `${file} is missing: run \`npx tsc -p tsconfig.build.json\` first`);
  return JSON.stringify(pathToFileURL(file).href);
}

/**
 * Arguments for node: a program that saves a copy of the run in `origin` as `run-<i>`, publishes it and keeps 2, for i from
 * `first` up to and including `last`, and says `begin i` before and `done i` after.
 */
export function publisher(origin: string, modelsDir: string, first: number, last: number): string[] {
  const models = JSON.stringify(modelsDir);
  return program(
    origin,
    modelsDir,
    [first, last],
    [
      `import { publish, pruneRuns } from ${compiled('src/checkpoint/current.ts')};`,
      `const after = (run) => { publish(${models}, run); pruneRuns(${models}, 2); };`,
    ],
  );
}

/** The same as a night ends (nightly/save-run.ts): a card goes into the run, then it is published, and three are kept. */
export function nightlyPublisher(origin: string, modelsDir: string, first: number, last: number): string[] {
  const dirs = JSON.stringify({ dataDir: join(modelsDir, 'data'), modelsDir });
  return program(
    origin,
    modelsDir,
    [first, last],
    [
      `import { settle } from ${compiled('src/nightly/save-run.ts')};`,
      `import { writeFileAtomic } from ${compiled('src/util/files.ts')};`,
      `const after = (run, folder) => {`,
      `  writeFileAtomic(folder + '/report.md', 'the card of ' + run);`,
      `  settle(run, 'promoted', { rows: [] }, ${dirs});`,
      `};`,
    ],
  );
}

/** @param after lines that define what is done with a run that was saved: `after(run, folder)` */
function program(origin: string, modelsDir: string, [first, last]: [number, number], after: string[]): string[] {
  const text = `
    import { writeSync } from 'node:fs';
    import { loadCheckpoint } from ${compiled('src/checkpoint/load.ts')};
    import { saveCheckpoint } from ${compiled('src/checkpoint/save.ts')};
    ${after.join('\n    ')}
    const { config, weights, tokenizerJson } = loadCheckpoint(${JSON.stringify(origin)});
    const generation = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, bosId: 0, endId: 41, bannedIds: [] };
    const parts = { config, weights, tokenizerJson, tokenizerConfigJson: '{}', generation, metrics: '{}' };
    for (let i = ${first}; i <= ${last}; i++) {
      writeSync(1, 'begin ' + i + '\\n');
      after('run-' + i, saveCheckpoint(${JSON.stringify(modelsDir)}, 'run-' + i, { ...parts, details: { seed: i } }));
      writeSync(1, 'done ' + i + '\\n');
    }`;
  return ['--input-type=module', '-e', text];
}

/** A models folder in which `run-0` serves and two others served before, and the folder of a run elsewhere to copy from. */
export function modelsWithRunZero(): { models: string; origin: string } {
  const models = temporaryModels();
  const origin = saveCheckpoint(temporaryModels(), 'origin', tinyParts(0));
  for (const seed of [200, 100, 0]) {
    saveCheckpoint(models, `run-${seed}`, { ...tinyParts(0), details: { seed } });
    publish(models, `run-${seed}`);
  }
  return { models, origin };
}

/** The number of the run that serves. Fails when a run had to be refused on the way, or one in runs/ is not whole. */
export function servingNumber(modelsDir: string): number {
  const checkpoint = loadServing(modelsDir, (runId, reason) => expect.fail(`${runId} was refused: ${reason.message}`));
  const number = Number(/^run-(\d+)$/.exec(checkpoint?.runId ?? '')?.[1]);
  expect(checkpoint?.manifest.details.seed).toBe(number);
  const visible = readdirSync(join(modelsDir, 'runs')).filter((name) => !name.startsWith('.'));
  for (const runId of visible) expect(loadCheckpoint(join(modelsDir, 'runs', runId)).runId).toBe(runId);
  return number;
}
