/**
 * Read a run back, or refuse it: every file must be there in the size and with the SHA-256 the manifest says, and
 * config, weights and vocabulary must fit together and be finite.
 * In: the run's folder. Out: typed arrays and strings, no engine. Not covered: folders without our manifest.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ModelConfig, Weights } from '../types.ts';
import { errorCode } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';
import { CheckpointError } from './error.ts';
import { lexiconName, parseLexicon } from './lexicon.ts';
import { allFinite, fromLlamaConfig, llamaShapes } from './llama.ts';
import { manifestName, parseManifest, type Manifest } from './manifest.ts';
import { readSafetensors } from './safetensors.ts';
import { vocabularySize } from './vocabulary.ts';

export { CheckpointError } from './error.ts';

export interface Checkpoint {
  dir: string;
  /** name of the folder */
  runId: string;
  config: ModelConfig;
  weights: Weights;
  tokenizerJson: string;
  /** hashes of words that it has read (dataset/lexicon.ts); null: it does not say */
  lexicon: Uint32Array | null;
  manifest: Manifest;
}

const needed = [
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'metrics.jsonl',
];

/** @throws CheckpointError naming the first file that is missing, damaged, unreadable, or does not fit the others */
export function loadCheckpoint(dir: string): Checkpoint {
  try {
    return load(dir);
  } catch (error) {
    const code = errorCode(error); // of the file system: a bad sector, or a folder removed under our hands
    if (code === undefined || error instanceof CheckpointError) throw error;
    throw new CheckpointError(dir, `cannot be read (${code})`, { cause: error });
  }
}

function load(dir: string): Checkpoint {
  const manifestFile = join(dir, manifestName);
  if (!existsSync(dir)) throw new CheckpointError(dir, 'there is no such run');
  if (!existsSync(manifestFile)) throw new CheckpointError(manifestFile, 'missing, so the run was never finished');
  const manifest = parseManifest(readFileSync(manifestFile, 'utf8'), manifestFile);
  for (const name of needed) {
    if (!(name in manifest.files)) throw new CheckpointError(manifestFile, `does not list ${name}`);
  }
  const files = new Map(Object.keys(manifest.files).map((name) => [name, readVerified(dir, name, manifest)]));
  const text = (name: string): string => files.get(name)?.toString('utf8') ?? '';

  const config = fromLlamaConfig(text('config.json'), join(dir, 'config.json'));
  const tokenizerJson = text('tokenizer.json');
  const vocabulary = vocabularySize(tokenizerJson, join(dir, 'tokenizer.json'));
  if (vocabulary !== config.vocabSize) {
    throw new CheckpointError(
      join(dir, 'tokenizer.json'),
      `${vocabulary} ids, but config.json says ${config.vocabSize}`,
    );
  }
  const weightsFile = join(dir, 'model.safetensors');
  const weights = readSafetensors(files.get('model.safetensors') ?? Buffer.alloc(0), weightsFile);
  refuseMisfits(weights, config, weightsFile);
  const words = files.get(lexiconName);
  const lexicon = words === undefined ? null : parseLexicon(words, join(dir, lexiconName));
  return { dir, runId: basename(dir), config, weights, tokenizerJson, lexicon, manifest };
}

function readVerified(dir: string, name: string, manifest: Manifest): Buffer {
  const file = join(dir, name);
  const expected = manifest.files[name];
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) throw new CheckpointError(file, 'missing');
  if (bytes !== expected?.bytes)
    throw new CheckpointError(file, `${bytes} bytes, but the manifest says ${expected?.bytes}`);
  const data = readFileSync(file);
  if (sha256(data) !== expected.sha256) throw new CheckpointError(file, 'does not match its checksum in the manifest');
  return data;
}

/** @throws CheckpointError unless these are the tensors of this config, all finite */
export function refuseMisfits(weights: Weights, config: ModelConfig, file: string): void {
  const shapes = llamaShapes(config);
  for (const name of weights.keys()) {
    if (!shapes.has(name)) throw new CheckpointError(file, `tensor ${name} has no place in the model of config.json`);
  }
  for (const [name, shape] of shapes) {
    const tensor = weights.get(name);
    if (!tensor) throw new CheckpointError(file, `tensor ${name} is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw new CheckpointError(
        file,
        `tensor ${name} is ${tensor.shape.join('x')}, config.json asks for ${shape.join('x')}`,
      );
    }
    if (!allFinite(tensor.data)) throw new CheckpointError(file, `tensor ${name} holds NaN or infinity`);
  }
}
