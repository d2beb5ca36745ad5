/** What bench/generate says to a contender that generates, and what it answers (child.ts, serve.ts). Greedy everywhere. */
import type { ModelConfig } from '../../src/types.ts';

/** `{"do": "start"}`. The reply is a `Started` (training.ts). */
export interface StartGeneration {
  config: ModelConfig;
  threads: number;
  /** the weights as GGUF, for contenders that do not draw them from the seed */
  gguf: string;
  /** sequences at once */
  streams: number;
}

/** `{"do": "prompt"}`: a prompt to its first new id, again and again for `seconds`. The reply is a `PromptReply`. */
export interface PromptRequest {
  prompt: readonly number[];
  seconds: number;
}

export interface PromptReply {
  /** of each time */
  ms: number[];
  firstId: number;
}

/**
 * `{"do": "grow"}`: `streams` sequences that share a prompt grow by `newTokens` ids each, again and again for `seconds`.
 * Prompt and copying it are not in the time. The reply is a `GrowReply`.
 */
export interface GrowRequest {
  prompt: readonly number[];
  newTokens: number;
  streams: number;
  seconds: number;
}

export interface GrowReply {
  ms: number[];
  /** of the first sequence */
  ids: number[];
}

/** Repeats a timed piece of work, at least once, until `seconds` are over. */
export async function repeat(seconds: number, once: () => Promise<number>): Promise<number[]> {
  const ms: number[] = [];
  const begin = performance.now();
  do ms.push(await once());
  while (performance.now() - begin < seconds * 1000);
  return ms;
}
