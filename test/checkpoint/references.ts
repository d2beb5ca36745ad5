/** What other programs computed from the folders in references/ (made by bench/interop). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/util/dist.ts';

export const referencesDir = join(projectRoot, 'test', 'checkpoint', 'references');

/** A prompt and the ids and text that followed it, always the likeliest. */
export interface Continuation {
  prompt: number[];
  ids: number[];
  text: string;
}

export interface Reference {
  versions: Record<string, string>;
  /** losses in nats of ids[1..], and the logits after the last id */
  runs: { ids: number[]; losses: number[]; logits: number[] }[];
  greedy: Continuation[];
  /** texts without special tokens, and their ids */
  tokens: { text: string; ids: number[] }[];
}

export type ChatReference = Reference & {
  chat: {
    messages: { role: string; content: string }[];
    prompt: { text: string; ids: number[] };
    whole: { text: string; ids: number[] };
  };
};

/** What llama.cpp said of the same folders as GGUF, by folder. */
export type LlamaCppReference = Record<string, Pick<Reference, 'tokens'> & { greedy: Omit<Continuation, 'text'>[] }>;

/** references/NAME.json as what its maker (bench/interop) writes. */
export function readReference<T = Reference>(name: string): T {
  return JSON.parse(readFileSync(join(referencesDir, `${name}.json`), 'utf8')) as T;
}

/** Index of the largest number, the first of equals. */
export function argmax(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i;
  return best;
}
