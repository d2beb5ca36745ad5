/**
 * Write a run as a Hugging Face model folder, models/runs/<id>/, whole or not at all: everything is built in
 * models/runs/.tmp-<id>/, each file and the folder made durable, and the folder renamed. A kill at any point leaves the
 * run absent or complete; what it left behind is removed by the next save.
 * Not covered: two savers at once (the retrain lock sees to that); serving the run (current.ts).
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ModelConfig, SamplingOptions, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { ensurePrivateDir, sha256, syncDir, writeFileDurable } from '../util/files.ts';
import { CheckpointError, explainWriteError } from './error.ts';
import { lexiconName, renderLexicon } from './lexicon.ts';
import { allFinite, llamaShapes, toLlamaConfig } from './llama.ts';
import { manifestName, renderManifest, type Manifest, type RunDetails } from './manifest.ts';
import { writeSafetensors, type WeightDtype } from './safetensors.ts';
import { vocabularySize } from './vocabulary.ts';

/** How to sample from the model, and the ids that steer it: generation_config.json. */
export interface GenerationSettings extends SamplingOptions {
  /** `<|bos|>` */
  bosId: number;
  /** `<|end|>`, which ends a turn */
  endId: number;
  /** ids that a reply never holds */
  bannedIds: readonly number[];
}

export interface CheckpointParts {
  config: ModelConfig;
  weights: Weights;
  /** numbers of model.safetensors; f32 where left out, so that a loaded model computes what the trained one did */
  dtype?: WeightDtype;
  tokenizerJson: string;
  tokenizerConfigJson: string;
  generation: GenerationSettings;
  /** JSON lines of the training run */
  metrics: string;
  /** hashes of words that it has read (dataset/lexicon.ts); a base has none */
  lexicon?: Uint32Array;
  details: RunDetails;
}

/** The folder that holds all runs. */
export function runsDir(modelsDir: string): string {
  return join(modelsDir, 'runs');
}

/** @throws CheckpointError unless `runId` can be the name of a folder and nothing more */
export function runDir(modelsDir: string, runId: string): string {
  if (!/^[a-z0-9][\w.-]{0,99}$/i.test(runId)) {
    throw new CheckpointError(runsDir(modelsDir), `${JSON.stringify(runId)} cannot be the id of a run`);
  }
  return join(runsDir(modelsDir), runId);
}

/**
 * @returns the run's folder
 * @throws UserError when the disk is full or not writable (nothing is left behind then); Error when weights, config and
 *   tokenizer disagree, a weight is not finite, or the run exists
 */
export function saveCheckpoint(modelsDir: string, runId: string, parts: CheckpointParts): string {
  const target = runDir(modelsDir, runId);
  writeFolder(target, join(runsDir(modelsDir), `.tmp-${runId}`), parts, {
    prepare: () => {
      ensurePrivateDir(runsDir(modelsDir));
      removeStale(modelsDir);
    },
    name: `run ${runId}`,
    room: modelsDir,
  });
  syncDir(modelsDir); // runs/ itself may be new
  return target;
}

/** A base, which no run and no person owns, in a folder of its own. @throws as `saveCheckpoint` does */
export function saveBase(dir: string, parts: CheckpointParts): void {
  const temporary = `${dir}.tmp`;
  writeFolder(dir, temporary, parts, {
    prepare: () => {
      mkdirSync(dirname(dir), { recursive: true });
      rmSync(temporary, { recursive: true, force: true });
    },
    name: `base ${basename(dir)}`,
    room: dirname(dir),
  });
}

interface Place {
  /** make room for the temporary folder */
  prepare: () => void;
  /** for errors: what is saved, and where room is needed */
  name: string;
  room: string;
}

function writeFolder(target: string, temporary: string, parts: CheckpointParts, place: Place): void {
  const files = renderFiles(parts);
  const manifest: Manifest = { format: 1, files: {}, details: parts.details };
  for (const [name, data] of files) manifest.files[name] = { bytes: data.length, sha256: sha256(data) };
  try {
    place.prepare();
    check(!existsSync(target), `${place.name} exists already`);
    mkdirSync(temporary, { mode: 0o700 });
    for (const [name, data] of files) writeFileDurable(join(temporary, name), data);
    writeFileDurable(join(temporary, manifestName), renderManifest(manifest));
    syncDir(temporary);
    renameSync(temporary, target);
    syncDir(dirname(target));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const bytes = [...files.values()].reduce((sum, data) => sum + data.length, 0);
    throw explainWriteError(error, `saving ${place.name}`, place.room, bytes);
  }
}

/** Remove what killed savers and pruners left behind. `runs/` must exist. */
export function removeStale(modelsDir: string): void {
  for (const name of readdirSync(runsDir(modelsDir))) {
    if (name.startsWith('.tmp-')) rmSync(join(runsDir(modelsDir), name), { recursive: true, force: true });
  }
}

/** The folder's files by name, without the manifest. */
function renderFiles(parts: CheckpointParts): Map<string, Buffer> {
  const { config, weights, generation, lexicon, dtype = 'f32' } = parts;
  checkWeights(config, weights);
  const vocabulary = vocabularySize(parts.tokenizerJson, 'tokenizer.json');
  check(vocabulary === config.vocabSize, `tokenizer of ${vocabulary} ids, model of ${config.vocabSize}`);
  const tensors = writeSafetensors(weights, { dtype, metadata: { format: 'pt' } });
  return new Map([
    ['config.json', json(toLlamaConfig(config, generation, dtype))],
    ['model.safetensors', Buffer.from(tensors.buffer, tensors.byteOffset, tensors.length)],
    ['tokenizer.json', Buffer.from(parts.tokenizerJson)],
    ['tokenizer_config.json', Buffer.from(parts.tokenizerConfigJson)],
    ['generation_config.json', json(generationConfig(generation))],
    ['metrics.jsonl', Buffer.from(parts.metrics)],
    ...(lexicon === undefined ? [] : [[lexiconName, renderLexicon(lexicon)] as const]),
  ]);
}

function checkWeights(config: ModelConfig, weights: Weights): void {
  const shapes = llamaShapes(config);
  check(weights.size === shapes.size, `${weights.size} weights, expected ${shapes.size}`);
  for (const [name, shape] of shapes) {
    const tensor = weights.get(name);
    check(tensor, `${name} is missing`);
    check(tensor.shape.join() === shape.join(), `${name} is ${tensor.shape.join('x')}, expected ${shape.join('x')}`);
    check(allFinite(tensor.data), `${name} holds a number that is not finite`);
  }
}

/** Names as in transformers' GenerationConfig; greedy decoding leaves the sampling keys out, as it wants. */
function generationConfig(settings: GenerationSettings): Record<string, unknown> {
  const sampled = settings.temperature > 0;
  return {
    bos_token_id: settings.bosId,
    eos_token_id: settings.endId,
    pad_token_id: settings.endId,
    do_sample: sampled,
    ...(sampled && { temperature: settings.temperature, top_k: settings.topK, top_p: settings.topP }),
    ...(sampled && settings.minP !== undefined && settings.minP > 0 && { min_p: settings.minP }),
    repetition_penalty: settings.repetitionPenalty,
    suppress_tokens: settings.bannedIds,
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, null, 2) + '\n');
}
