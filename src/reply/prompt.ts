/**
 * Messages of one chat -> the ids a model is asked with. Nothing else goes in: what other chats said cannot come out.
 * A third of the context is left for the reply. The same rows give the same prompt again (`persona replay`), so it is
 * made only from the rows it names: the messages in it and the one before, whose time tells how long the silence was.
 * Not covered: which messages of the chat to hand in, and consent (the store).
 */
import { encodePrompt, type RedactSpans } from '../tokenizer/chat-format.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import type { ConversationMessage } from '../types.ts';
import { sha256 } from '../util/files.ts';

export interface Prompt {
  /** `<|bos|>` ... `<|persona|>`, at most two thirds of the context */
  ids: number[];
  /** rows that the prompt was made from, oldest first */
  rowIds: number[];
  /** SHA-256 of the ids as little-endian 32-bit numbers, hex */
  promptHash: string;
}

/**
 * @param messages of ONE chat, newest last
 * @param options.redact what to put placeholders for, as in training
 */
export function buildPrompt(
  messages: readonly ConversationMessage[],
  tokenizer: Tokenizer,
  options: { contextLength: number; redact?: RedactSpans },
): Prompt {
  const { contextLength, redact } = options;
  const limits = { maxTokens: contextLength - Math.floor(contextLength / 3), ...(redact && { redact }) };
  const { firstMessage } = encodePrompt(messages, tokenizer, limits);
  // encoded anew without the rest: speakers are numbered by appearance, and quotes and gaps look back
  const used = messages.slice(Math.max(0, firstMessage - 1));
  const { ids } = encodePrompt(used, tokenizer, limits);
  const bytes = Buffer.alloc(4 * ids.length);
  ids.forEach((id, i) => bytes.writeInt32LE(id, 4 * i));
  return { ids, rowIds: used.map((message) => message.rowId), promptHash: sha256(bytes) };
}
