/** What every reader of exported chats gives, whatever program wrote the file. Shapes only. */
import type { ExportMessage, MessageKind } from '../types.ts';
import type { DateOrder, Shape } from './whatsapp/shape.ts';

export type { DateOrder, Shape } from './whatsapp/shape.ts';

export interface ExportOptions {
  /** for files whose dates leave open whether day or month comes first */
  dateOrder?: DateOrder | undefined;
}

/** An exported chat that was read through once and proved readable: what it holds, and its messages on demand. */
export interface ChatExport {
  source: 'whatsapp' | 'telegram' | 'jsonl';
  /** how a WhatsApp export writes its times; null for other sources */
  shape: Shape | null;
  /** times carry seconds; false where the file knows minutes only */
  hasSeconds: boolean;
  /** who wrote messages (notices do not count), most first */
  senders: { name: string; messages: number }[];
  counts: Record<MessageKind, number>;
  /** local times of the first and the last message in the file; null where it holds none */
  span: { first: string; last: string } | null;
  /** what a person should know before importing: counts and line numbers, never text */
  oddities: string[];
  /** files beside the chat, in a .zip or a folder; counted, never opened */
  mediaFiles: number;
  /** The messages in the order of the file, read again from its start on every call: a long chat is never whole in memory. */
  messages(): Iterable<ExportMessage>;
}
