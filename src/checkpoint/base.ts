/**
 * What training can start from: a checkpoint of ours, or a Llama-family folder made ready for the chat format. The
 * latter's tokenizer gets the format's special tokens at its end, its embedding (and output layer) a row for each.
 * In: a folder. Out: config, weights and tokenizer.json that fit together. Not covered: reading the tokenizer itself
 * (src/tokenizer), which refuses what is no byte-level BPE.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { HostTensor, Weights } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import { loadLlamaFolder, type LlamaFolder } from './folder.ts';
import { loadCheckpoint } from './load.ts';
import { manifestName } from './manifest.ts';

/** Positions kept of a foreign model: chats are short, and caches and masks grow with the context. */
const maxContextLength = 1024;

/**
 * @param specials names of the chat format's special tokens, in their order
 * @throws UserError naming the file that is missing, damaged or of a kind that is not read here
 */
export function loadBase(dir: string, specials: readonly string[]): LlamaFolder {
  if (!existsSync(dir)) throw new UserError(`${dir} does not exist`, 'Give the folder of a model.');
  if (existsSync(join(dir, manifestName))) return loadCheckpoint(dir);
  return adaptBase(loadLlamaFolder(dir), specials);
}

/**
 * Add the special tokens that the tokenizer lacks. Ids go on after its last one; rows of the embedding that no id uses
 * (padding to a round number) make room. A new row is the mean of all others, so that no special is likelier than an average
 * token before it is trained, and greedy text stays what it was (Hewitt 2021, "Initializing new word embeddings").
 * Ids between that nobody uses become special tokens too, since every row must have a name. The tokenizer's own
 * post-processor goes: this program places `<|bos|>` itself.
 */
export function adaptBase(folder: LlamaFolder, specials: readonly string[]): LlamaFolder {
  const file = join(folder.dir, 'tokenizer.json');
  const tokenizer = parseTokenizer(folder.tokenizerJson, file);
  const { added_tokens: added } = tokenizer;
  const usedIds = new Set([...Object.values(tokenizer.model.vocab), ...added.map(({ id }) => id)]);
  const size = [...usedIds].reduce((a, b) => Math.max(a, b), 0) + 1;
  if (size > folder.config.vocabSize) {
    throw new UserError(
      `${file}: ${size} ids, but the embedding of config.json has ${folder.config.vocabSize} rows`,
      'Use the tokenizer.json that came with these weights.',
    );
  }
  const names = new Set([...Object.keys(tokenizer.model.vocab), ...added.map(({ content }) => content)]);
  const missing = specials.filter((name) => !names.has(name));
  for (let id = 0; id < size; id++) if (!usedIds.has(id)) added.push(specialToken(id, `<|unused_${id}|>`));
  added.sort((a, b) => a.id - b.id); // the order of ids is the order in which the reference implementation adds them
  missing.forEach((name, at) => added.push(specialToken(size + at, name)));

  const weights: Weights = new Map(folder.weights);
  for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
    const tensor = weights.get(name);
    if (tensor !== undefined) weights.set(name, withMeanRows(tensor, size, missing.length));
  }
  const { vocabSize: _, contextLength, ...config } = folder.config;
  return {
    dir: folder.dir,
    config: {
      ...config,
      vocabSize: size + missing.length,
      contextLength: Math.min(contextLength, maxContextLength),
    },
    weights,
    tokenizerJson: `${JSON.stringify({ ...tokenizer, post_processor: null }, null, 1)}\n`,
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

// === tokenizer.json, as far as ids go

interface AddedToken {
  id: number;
  content: string;
  [key: string]: unknown;
}

interface TokenizerFile {
  added_tokens: AddedToken[];
  model: { vocab: Record<string, number> };
}

function specialToken(id: number, content: string): AddedToken {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function parseTokenizer(json: string, file: string): TokenizerFile {
  const remedy = 'Only byte-level BPE is read, as GPT-2, Llama 3, SmolLM and Qwen have it.';
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new UserError(`${file}: not JSON`, remedy); // the parser's message may quote the file, and merges hold words
  }
  if (!isTokenizerFile(parsed)) throw new UserError(`${file}: no vocabulary of names and ids`, remedy);
  return { ...parsed, added_tokens: [...parsed.added_tokens] };
}

function isTokenizerFile(value: unknown): value is TokenizerFile {
  if (!isObject(value) || !isObject(value['model']) || !isObject(value['model']['vocab'])) return false;
  const added = value['added_tokens'];
  const ids = Object.values(value['model']['vocab']);
  return ids.length > 0 && ids.every(isId) && Array.isArray(added) && (added as unknown[]).every(isAddedToken);
}

function isAddedToken(value: unknown): value is AddedToken {
  return isObject(value) && isId(value['id']) && typeof value['content'] === 'string';
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
