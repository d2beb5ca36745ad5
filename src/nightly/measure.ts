/** Held-out bits per byte of models and of the byte 5-gram, all by the definition of `persona evaluate`. */
import type { LlamaFolder } from '../checkpoint/folder.ts';
import type { Conversation } from '../dataset/conversations.ts';
import { createEngine } from '../model/create-engine.ts';
import { createTokenizer } from '../tokenizer/bpe.ts';
import { fromTokenizerJson } from '../tokenizer/tokenizer-json.ts';
import { evaluateConversations } from '../train/evaluate.ts';
import { ngramBaselines } from '../train/ngram.ts';
import type { BackendName, BitsReport } from '../types.ts';

/** Load a checkpoint, measure it, and free it. */
export async function checkpointBits(
  checkpoint: LlamaFolder,
  backend: BackendName,
  conversations: readonly Conversation[],
): Promise<BitsReport> {
  const { config, weights, tokenizerJson } = checkpoint;
  const engine = await createEngine({ backend, config, weights, seed: 0 });
  try {
    return await evaluateConversations(engine, createTokenizer(fromTokenizerJson(tokenizerJson)), conversations);
  } finally {
    engine.dispose();
  }
}

/** The better of the two ways to train the 5-gram. */
export function bestNgramBits(train: readonly Conversation[], heldOut: readonly Conversation[]): BitsReport {
  const { bothSides, personaOnly } = ngramBaselines(train, heldOut);
  return bothSides.bitsPerByte <= personaOnly.bitsPerByte ? bothSides : personaOnly;
}
