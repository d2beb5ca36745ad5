/**
 * Bits per byte of a model on held-out conversations, by the definition of `persona evaluate`: teacher-forced on the
 * original text, every byte of the persona's messages and one newline each, each with as much of its conversation to the
 * left as the context holds. Independent of the tokenizer, so models with different vocabularies compare.
 */
import { toRows } from '../dataset/rows.ts';
import type { Conversation } from '../dataset/conversations.ts';
import type { Engine } from '../model/engine.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, encodeConversation, scoredBytes } from '../tokenizer/chat-format.ts';
import type { BitsReport } from '../types.ts';
import { makeBatches, type TokenRow } from './batches.ts';

/** ids a batch: memory, not results, depends on it */
const batchTokens = 2048;

/** @returns bitsPerByte 0 where the persona says nothing */
export async function evaluateConversations(
  engine: Pick<Engine, 'config' | 'tokenLosses'>,
  tokenizer: Tokenizer,
  conversations: readonly Conversation[],
): Promise<BitsReport> {
  const encoded = conversations.map((conversation) =>
    encodeConversation(conversation.messages, tokenizer, conversation),
  );
  // rows of one conversation each: what it costs must not depend on which others stand in the file
  const rows = encoded.flatMap((conversation) => toRows([conversation], engine.config.contextLength));
  const { bits, markBits } = await bitsOfRows(engine, tokenizer, rows);
  const bytes = encoded.reduce((sum, conversation) => sum + scoredBytes(conversation, tokenizer), 0);
  return { bits, bytes, bitsPerByte: bytes === 0 ? 0 : bits / bytes, markBits };
}

/** What the targets of rows cost: the texts, and beside them the gap and quote marks. */
export async function bitsOfRows(
  engine: Pick<Engine, 'tokenLosses'>,
  tokenizer: Tokenizer,
  rows: readonly TokenRow[],
): Promise<{ bits: number; markBits: number }> {
  const { isMark } = chatIds(tokenizer);
  let textNats = 0;
  let markNats = 0;
  for (const batch of makeBatches(rows, { batchTokens })) {
    const losses = await engine.tokenLosses(batch);
    batch.targets.forEach((target, at) => {
      if (target < 0) return;
      if (isMark(target)) markNats += losses[at]!;
      else textNats += losses[at]!;
    });
  }
  return { bits: textNats / Math.LN2, markBits: markNats / Math.LN2 };
}
