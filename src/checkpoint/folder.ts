/**
 * Read a Llama-family model folder that another program wrote: config.json, model.safetensors (or shards with
 * model.safetensors.index.json; f32, f16, bf16) and tokenizer.json. It has no manifest of ours, so only what the files
 * say is checked: shapes, finite numbers, and a row of the embedding for every id of the tokenizer.
 * Not covered: pickled weights, SentencePiece models, quantised weights.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ModelConfig, Weights } from '../types.ts';
import { errorCode, UserError } from '../util/errors.ts';
import { CheckpointError } from './error.ts';
import { fromLlamaConfig, llamaShapes } from './llama.ts';
import { refuseMisfits } from './load.ts';
import { readSafetensorsFile } from './safetensors.ts';

/** What a network and its tokenizer are made of, whoever trained them. */
export interface LlamaFolder {
  dir: string;
  config: ModelConfig;
  weights: Weights;
  tokenizerJson: string;
}

const hint =
  'Give a Llama-family folder in Hugging Face layout: config.json, model.safetensors (or its shards) and tokenizer.json (byte-level BPE).';

/** @throws UserError naming the first file, key or tensor that is missing or cannot be used here */
export function loadLlamaFolder(dir: string): LlamaFolder {
  try {
    const configFile = join(dir, 'config.json');
    const config = fromLlamaConfig(readText(configFile), configFile);
    const weights = readWeights(dir, config);
    refuseMisfits(weights, config, dir);
    return { dir, config, weights, tokenizerJson: readText(join(dir, 'tokenizer.json')) };
  } catch (error) {
    if (error instanceof CheckpointError) throw new UserError(error.message, hint, { cause: error });
    const code = errorCode(error);
    if (code === undefined || error instanceof UserError) throw error;
    throw new UserError(`${dir}: cannot be read (${code})`, hint, { cause: error });
  }
}

function readText(file: string): string {
  if (!existsSync(file)) throw new CheckpointError(file, 'missing');
  return readFileSync(file, 'utf8');
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Tensors of all files. Positions that old versions stored and the copy of a tied output are left out. */
function readWeights(dir: string, config: ModelConfig): Weights {
  const isWanted = (name: string): boolean =>
    !name.endsWith('.rotary_emb.inv_freq') && !(config.tiedEmbeddings && name === 'lm_head.weight');
  const whole = join(dir, 'model.safetensors');
  if (existsSync(whole)) return readSafetensorsFile(whole, isWanted);
  const index = join(dir, 'model.safetensors.index.json');
  if (!existsSync(index)) throw new CheckpointError(whole, 'missing, and no model.safetensors.index.json beside it');
  const shardOf = readIndex(index);
  const expected = [...llamaShapes(config).keys()].filter((name) => !shardOf.has(name));
  if (expected[0] !== undefined) throw new CheckpointError(index, `names no file for tensor ${expected[0]}`);
  const weights: Weights = new Map();
  for (const shard of new Set(shardOf.values())) {
    const file = join(dir, shard);
    if (!existsSync(file)) throw new CheckpointError(file, 'missing, though model.safetensors.index.json names it');
    const isHere = (name: string): boolean => isWanted(name) && shardOf.get(name) === shard;
    for (const [name, tensor] of readSafetensorsFile(file, isHere)) weights.set(name, tensor);
  }
  return weights;
}

/** Tensor name -> file name. */
function readIndex(file: string): Map<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readText(file));
  } catch (cause) {
    throw new CheckpointError(file, 'not JSON', { cause });
  }
  const result = indexSchema.safeParse(parsed);
  if (!result.success) throw new CheckpointError(file, 'holds no "weight_map" of tensor and file names');
  const entries = Object.entries(result.data.weight_map);
  const [, escaping] = entries.find(([, name]) => !/^[\w-][\w.-]*$/.test(name)) ?? [];
  if (escaping !== undefined) throw new CheckpointError(file, `${JSON.stringify(escaping)} is no plain file name`);
  return new Map(entries);
}
