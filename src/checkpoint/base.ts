/**
 * What training can start from: a checkpoint of ours, or a Llama-family folder made ready for the chat format. The
 * latter's tokenizer gets the format's special tokens at its end, its embedding (and output layer) a row for each.
 * In: a folder. Out: config, weights and tokenizer.json that fit together. Not covered: the tokenizer itself; src/tokenizer
 * reads it, adds the tokens, and refuses what is no byte-level BPE.
 */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { HostTensor, Weights } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';
import { loadLlamaFolder, type LlamaFolder } from './folder.ts';
import { loadCheckpoint } from './load.ts';
import { manifestName } from './manifest.ts';

/** Positions kept of a foreign model: chats are short, and caches and masks grow with the context. */
const maxContextLength = 1024;

/** A base's tokenizer.json with the chat format's special tokens behind its last id. */
export interface ExtendedTokenizer {
  tokenizerJson: string;
  /** ids before */
  baseVocabSize: number;
  /** ids now */
  vocabSize: number;
}

/** Adds the special tokens that a tokenizer.json lacks (src/tokenizer's `withSpecialTokens`). */
export type ExtendTokenizer = (tokenizerJson: string) => ExtendedTokenizer;

/**
 * Name and content of a base in one word, `small@5f1c09e2ab47`: a base of that name with other weights is another base.
 * Of a foreign folder only the names and sizes of its files are looked at.
 * @throws UserError when there is no such folder
 */
export function baseId(dir: string): string {
  refuseMissing(dir);
  const manifest = join(dir, manifestName);
  const content = existsSync(manifest)
    ? readFileSync(manifest)
    : JSON.stringify(readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size]));
  return `${basename(dir)}@${sha256(content).slice(0, 12)}`;
}

function refuseMissing(dir: string): void {
  if (!existsSync(dir)) throw new UserError(`${dir} does not exist`, 'Give the folder of a model.');
}

/** @throws UserError naming the file that is missing, damaged or of a kind that is not read here */
export function loadBase(dir: string, extend: ExtendTokenizer): LlamaFolder {
  refuseMissing(dir);
  if (existsSync(join(dir, manifestName))) return loadCheckpoint(dir);
  return adaptBase(loadLlamaFolder(dir), extend);
}

/**
 * Give every special token of the chat format a row. Rows of the embedding that no id uses (padding to a round number)
 * make room. A new row is the mean of all others, so that no special is likelier than an average token before it is
 * trained, and greedy text stays what it was (Hewitt 2021, "Initializing new word embeddings for pretrained language
 * models"). The tokenizer's own post-processor goes: `<|bos|>` is the chat format's to place.
 */
export function adaptBase(folder: LlamaFolder, extend: ExtendTokenizer): LlamaFolder {
  const { tokenizerJson, baseVocabSize, vocabSize } = extend(folder.tokenizerJson);
  const { config } = folder;
  if (baseVocabSize > config.vocabSize) {
    throw new UserError(
      `${join(folder.dir, 'tokenizer.json')}: ${baseVocabSize} ids, but the embedding of config.json has ${config.vocabSize} rows`,
      'Use the tokenizer.json that came with these weights.',
    );
  }
  const weights: Weights = new Map(folder.weights);
  for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
    const tensor = weights.get(name);
    if (tensor !== undefined) weights.set(name, withMeanRows(tensor, baseVocabSize, vocabSize - baseVocabSize));
  }
  const tokenizer = { ...(JSON.parse(tokenizerJson) as object), post_processor: null };
  return {
    dir: folder.dir,
    config: { ...config, vocabSize, contextLength: Math.min(config.contextLength, maxContextLength) },
    weights,
    tokenizerJson: `${JSON.stringify(tokenizer, null, 1)}\n`,
  };
}

/** (rows, width) -> (kept + more, width): the first `kept` rows, then their mean `more` times. */
function withMeanRows({ shape, data }: HostTensor, kept: number, more: number): HostTensor {
  const [rows = 0, width = 0] = shape;
  check(kept <= rows, `${kept} rows to keep of ${rows}`);
  const mean = new Float64Array(width);
  for (let at = 0; at < kept * width; at++) mean[at % width]! += data[at]! / kept;
  const grown = new Float32Array((kept + more) * width);
  grown.set(data.subarray(0, kept * width));
  for (let row = kept; row < kept + more; row++) grown.set(mean, row * width);
  return { shape: [kept + more, width], data: grown };
}
