/** How many ids a Hugging Face tokenizer.json defines: the one fact of it that must agree with the model. */
import { CheckpointError } from './error.ts';

/** @throws CheckpointError unless the vocabulary and the added tokens together take every id from 0 up */
export function vocabularySize(tokenizerJson: string, file: string): number {
  let parsed: unknown;
  try {
    parsed = JSON.parse(tokenizerJson);
  } catch {
    throw new CheckpointError(file, 'not JSON'); // the parser's message may quote the file, and merges hold words
  }
  const ids = new Set(Object.values(field(field(parsed, 'model'), 'vocab') ?? {}) as unknown[]);
  const added = field(parsed, 'added_tokens');
  if (Array.isArray(added)) for (const token of added as unknown[]) ids.add(field(token, 'id'));
  for (let id = 0; id < ids.size; id++) {
    if (!ids.has(id)) throw new CheckpointError(file, `${ids.size} ids, but none is ${id}`);
  }
  if (ids.size === 0) throw new CheckpointError(file, 'no vocabulary');
  return ids.size;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
