/**
 * Bits per byte of a model on held-out conversations, by the definition of `persona evaluate`: teacher-forced on the
 * original text, every byte of the persona's messages and one newline each, each with as much of its conversation to the
 * left as the context holds. Independent of the tokenizer, so models with different vocabularies compare.
 */
import { setImmediate } from 'node:timers/promises';
import { toRows } from '../dataset/rows.ts';
import type { Conversation } from '../dataset/conversations.ts';
import type { Engine } from '../model/engine.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, encodeConversation, scoredBytes } from '../tokenizer/chat-format.ts';
import type { BitsReport } from '../types.ts';
import { check } from '../util/errors.ts';
import { makeBatches, type TokenRow } from './batches.ts';

/** ids a batch: memory, not results, depends on it */
const batchTokens = 2048;

/** @returns bitsPerByte 0 where the persona says nothing */
export async function evaluateConversations(
  engine: Pick<Engine, 'config' | 'tokenLosses'>,
  tokenizer: Tokenizer,
  conversations: readonly Conversation[],
): Promise<BitsReport> {
  return totalBits(await evaluateEach(engine, tokenizer, conversations));
}

/** The same for each conversation, in their order: what a paired comparison of two models needs. */
export async function evaluateEach(
  engine: Pick<Engine, 'config' | 'tokenLosses'>,
  tokenizer: Tokenizer,
  conversations: readonly Conversation[],
): Promise<BitsReport[]> {
  const encoded = conversations.map((conversation) =>
    encodeConversation(conversation.messages, tokenizer, conversation),
  );
  // rows of one conversation each: what it costs must not depend on which others stand in the file
  const ownRows = encoded.map((conversation) => toRows([conversation], engine.config.contextLength));
  const costs = await costsOfRows(engine, tokenizer, ownRows.flat());
  let next = 0;
  return encoded.map((conversation, i) => {
    const own = costs.slice(next, (next += ownRows[i]!.length));
    const bits = own.reduce((sum, row) => sum + row.bits, 0);
    const markBits = own.reduce((sum, row) => sum + row.markBits, 0);
    const bytes = scoredBytes(conversation, tokenizer);
    return { bits, bytes, bitsPerByte: bytes === 0 ? 0 : bits / bytes, markBits };
  });
}

/** Of all conversations together. */
export function totalBits(reports: readonly BitsReport[]): BitsReport {
  const total = (of: (report: BitsReport) => number): number => reports.reduce((sum, report) => sum + of(report), 0);
  const bits = total((report) => report.bits);
  const bytes = total((report) => report.bytes);
  return { bits, bytes, bitsPerByte: bytes === 0 ? 0 : bits / bytes, markBits: total((report) => report.markBits) };
}

interface RowCost {
  bits: number;
  markBits: number;
}

/** What the targets of rows cost: the texts, and beside them the gap and quote marks. */
export async function bitsOfRows(
  engine: Pick<Engine, 'tokenLosses'>,
  tokenizer: Tokenizer,
  rows: readonly TokenRow[],
): Promise<RowCost> {
  const costs = await costsOfRows(engine, tokenizer, rows);
  return {
    bits: costs.reduce((sum, { bits }) => sum + bits, 0),
    markBits: costs.reduce((sum, { markBits }) => sum + markBits, 0),
  };
}

/** The same for each row, in their order. */
async function costsOfRows(
  engine: Pick<Engine, 'tokenLosses'>,
  tokenizer: Tokenizer,
  rows: readonly TokenRow[],
): Promise<RowCost[]> {
  const { isMark } = chatIds(tokenizer);
  const costs: RowCost[] = rows.map(() => ({ bits: 0, markBits: 0 }));
  // the order in which batches hold rows without a seed: by length, equals as they come, none without a target
  const order = [...rows.keys()]
    .filter((at) => Array.from(rows[at]!.targets).some((target) => target >= 0))
    .sort((a, b) => rows[a]!.inputs.length - rows[b]!.inputs.length);
  let next = 0;
  for (const batch of makeBatches(rows, { batchTokens })) {
    const losses = await engine.tokenLosses(batch);
    for (let row = 0; row < batch.batchSize; row++) {
      const cost = costs[order[next++]!]!;
      for (let at = row * batch.length; at < (row + 1) * batch.length; at++) {
        const target = batch.targets[at]!;
        if (target < 0) continue;
        if (isMark(target)) cost.markBits += losses[at]! / Math.LN2;
        else cost.bits += losses[at]! / Math.LN2;
      }
    }
    await setImmediate(); // lets timers and signals through
  }
  check(next === order.length, `${order.length} rows with a target, ${next} in batches`);
  return costs;
}
