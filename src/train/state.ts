/**
 * An unfinished run on disk: model.safetensors (weights), optimizer.safetensors (`m.<name>`, `v.<name>`),
 * adapters.safetensors (LoRA's), best.safetensors and average.safetensors where there are such, and state.json, written
 * last, with everything else and the SHA-256 of the others. The folder is built beside and renamed, so a kill at any
 * point leaves the older state or the newer, whole. Numbers come back bit for bit.
 * Not covered: the tokenizer (who resumes must make the same rows again; `fingerprintOf` tells); two writers at once.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, explainWriteError } from '../checkpoint/error.ts';
import { readSafetensors, writeSafetensors } from '../checkpoint/safetensors.ts';
import type { Engine, OptimizerState } from '../model/engine.ts';
import type { Weights } from '../types.ts';
import { ensurePrivateDir, sha256, syncDir, writeFileDurable } from '../util/files.ts';
import type { WeightAverage } from './average.ts';
import type { TokenRow } from './batches.ts';
import type { KeeperState } from './keeper.ts';
import type { Recipe } from './recipe.ts';

const countersSchema = z.strictObject({
  step: z.int().nonnegative(),
  /** ids trained on, padding not counted */
  tokensSeen: z.int().nonnegative(),
  /** time in training steps, and all time in which the run was alive */
  trainingMs: z.number(),
  elapsedMs: z.number(),
  learningRate: z.number(),
  gradNorm: z.number().nullable(),
});

const curveRowSchema = z.strictObject({
  step: z.int(),
  epoch: z.int(),
  elapsedMs: z.number(),
  learningRate: z.number(),
  /** mean training loss since the line before, nats a target; null before the first step */
  lossNats: z.number().nullable(),
  /** nats a target; null where this line comes without a validation */
  validationNats: z.number().nullable(),
  gradNorm: z.number().nullable(),
});

/** One line of metrics.jsonl. */
export type CurveRow = z.infer<typeof curveRowSchema>;

const stateSchema = z.strictObject({
  format: z.literal(1),
  fingerprint: z.string(),
  counters: countersSchema,
  losses: z.array(z.number()),
  curve: z.array(curveRowSchema),
  optimizerStep: z.int(),
  best: z.strictObject({ nats: z.number(), step: z.int(), averaged: z.boolean() }).nullable(),
  sinceBest: z.int(),
  lastValidation: z.int(),
  averageCount: z.int(),
  files: z.record(z.string(), z.string()),
});
type StateFile = z.infer<typeof stateSchema>;

/** All that a run needs to go on as if it had never stopped. */
export interface TrainingState {
  /** of the run that it belongs to (`fingerprintOf`) */
  fingerprint: string;
  counters: z.infer<typeof countersSchema>;
  /** training losses since the last line of the curve */
  losses: readonly number[];
  curve: readonly CurveRow[];
  weights: Weights;
  optimizer: OptimizerState;
  keeper: KeeperState;
  average: WeightAverage | null;
}

interface RunOptions extends Recipe {
  rows: readonly TokenRow[];
  mix?: { rows: readonly TokenRow[]; share: number };
  validationRows: readonly TokenRow[];
  seed: number;
}

/** The settings that decide what a run computes. A time limit is none of them: it may be another when the run goes on. */
const recipeKeys = [
  'epochs',
  'batchTokens',
  'accumulation',
  'optimizer',
  'schedule',
  'learningRate',
  'warmupShare',
  'decayShare',
  'minLearningRateShare',
  'weightDecay',
  'beta1',
  'beta2',
  'dropout',
  'clipNorm',
  'patience',
  'evalEvery',
  'averageSpan',
] as const satisfies readonly (keyof Recipe)[];

/**
 * SHA-256 of what a run starts from: shape, weights and adapters now in the engine, rows, recipe and seed. Two runs with the same
 * fingerprint on the same backend give the same weights. Ask before the first step.
 */
export async function fingerprintOf(engine: Engine, options: RunOptions): Promise<string> {
  const hash = createHash('sha256');
  const { seed, mix } = options;
  hash.update(JSON.stringify([engine.config, seed, mix?.share ?? 0, recipeKeys.map((key) => options[key])]));
  const weights = await engine.exportWeights();
  for (const name of [...weights.keys()].sort()) hash.update(name).update(bytesOf(weights.get(name)!.data));
  if (engine.lora) {
    const { rank, alpha } = engine.lora;
    const { adapters = new Map() as Weights } = await engine.exportOptimizer();
    hash.update(JSON.stringify(['LoRA', rank, alpha]));
    for (const [name, { data }] of adapters) hash.update(name).update(bytesOf(data));
  }
  for (const rows of [options.rows, mix?.rows ?? [], options.validationRows]) {
    hash.update(`rows ${rows.length}`);
    for (const { inputs, targets } of rows) {
      hash.update(bytesOf(Int32Array.of(inputs.length, ...Array.from(inputs), ...Array.from(targets))));
    }
  }
  return hash.digest('hex');
}

/** Replace the state in `dir`, which is made where it is not there. @throws UserError when the disk refuses */
export function saveTrainingState(dir: string, state: TrainingState): void {
  const { keeper, optimizer, average } = state;
  const tensors = new Map<string, Weights>([
    ['model.safetensors', state.weights],
    ['optimizer.safetensors', new Map([...prefixed('m', optimizer.m), ...prefixed('v', optimizer.v)])],
  ]);
  if (optimizer.adapters) tensors.set('adapters.safetensors', optimizer.adapters);
  if (keeper.best !== null) tensors.set('best.safetensors', keeper.best.weights);
  if (average !== null) tensors.set('average.safetensors', average.weights);

  const temporary = `${dir}.tmp`;
  const old = `${dir}.old`;
  let bytes = 0;
  try {
    ensurePrivateDir(dirname(dir));
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { mode: 0o700 });
    const files: Record<string, string> = {};
    for (const [name, weights] of tensors) {
      const data = writeSafetensors(weights, { dtype: 'f32', metadata: { format: 'pt' } });
      bytes += data.length;
      files[name] = sha256(data);
      writeFileDurable(join(temporary, name), data);
    }
    const { best } = keeper;
    const file: StateFile = {
      format: 1,
      fingerprint: state.fingerprint,
      counters: state.counters,
      losses: [...state.losses],
      curve: [...state.curve],
      optimizerStep: optimizer.step,
      best: best === null ? null : { nats: best.nats, step: best.step, averaged: best.averaged },
      sinceBest: keeper.sinceBest,
      lastValidation: keeper.lastStep,
      averageCount: average?.count ?? 0,
      files,
    };
    writeFileDurable(join(temporary, 'state.json'), `${JSON.stringify(file, null, 2)}\n`);
    syncDir(temporary);
    // where a kill comes between the two renames, the older state lies in `.old`, and is read from there
    if (existsSync(dir)) {
      rmSync(old, { recursive: true, force: true });
      renameSync(dir, old);
    }
    renameSync(temporary, dir);
    syncDir(dirname(dir));
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw explainWriteError(error, 'saving a training state', dirname(dir), bytes);
  }
}

/**
 * The state in `dir`, or undefined where there is none, or that of another run than `fingerprint` says.
 * @throws CheckpointError when it is damaged
 */
export function loadTrainingState(dir: string, fingerprint: string): TrainingState | undefined {
  const folder = [dir, `${dir}.old`].find((name) => existsSync(join(name, 'state.json')));
  if (folder === undefined) return undefined;
  const file = readStateFile(join(folder, 'state.json'));
  if (file.fingerprint !== fingerprint) return undefined;
  const tensors = (name: string): Weights | null => {
    const expected = file.files[name];
    if (expected === undefined) return null;
    const path = join(folder, name);
    const data = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    if (sha256(data) !== expected) throw new CheckpointError(path, 'does not match its checksum in state.json');
    return readSafetensors(data, path);
  };
  const needed = (name: string): Weights => {
    const weights = tensors(name);
    if (weights === null) throw new CheckpointError(join(folder, 'state.json'), `does not list ${name}`);
    return weights;
  };
  const moments = needed('optimizer.safetensors');
  const average = tensors('average.safetensors');
  const adapters = tensors('adapters.safetensors');
  return {
    fingerprint,
    counters: file.counters,
    losses: file.losses,
    curve: file.curve,
    weights: needed('model.safetensors'),
    optimizer: {
      step: file.optimizerStep,
      m: unprefixed('m', moments),
      v: unprefixed('v', moments),
      ...(adapters && { adapters }),
    },
    keeper: {
      best: file.best === null ? null : { ...file.best, weights: needed('best.safetensors') },
      sinceBest: file.sinceBest,
      lastStep: file.lastValidation,
    },
    average: average === null ? null : { count: file.averageCount, weights: average },
  };
}

/** Remove the state: the run is over. */
export function removeTrainingState(dir: string): void {
  for (const name of [dir, `${dir}.old`, `${dir}.tmp`]) rmSync(name, { recursive: true, force: true });
}

function readStateFile(path: string): StateFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CheckpointError(path, 'cannot be read as JSON', { cause });
  }
  const result = stateSchema.safeParse(value);
  if (!result.success) throw new CheckpointError(path, 'is no training state of format 1');
  return result.data;
}

function prefixed(prefix: string, weights: Weights): Weights {
  return new Map([...weights].map(([name, tensor]) => [`${prefix}.${name}`, tensor]));
}

function unprefixed(prefix: string, weights: Weights): Weights {
  const own = [...weights].filter(([name]) => name.startsWith(`${prefix}.`));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
