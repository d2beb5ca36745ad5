/**
 * Shapes that more than one folder shares. Imports nothing.
 */

// === Messages

export const messageKinds = [
  'text',
  'media',
  'system',
  'deleted',
  'edited',
  'call',
  'poll',
  'location',
  'contact',
] as const;
export type MessageKind = (typeof messageKinds)[number];

export const mediaKinds = ['image', 'video', 'voice', 'sticker', 'file', 'location', 'contact'] as const;
export type MediaKind = (typeof mediaKinds)[number];

/** One message of an exported chat, as the file says it. */
export interface ExportMessage {
  /** local time in ISO 8601 without an offset, `2026-09-19T09:52:00` */
  ts: string;
  /** the name the export gives; null for system messages */
  sender: string | null;
  text: string;
  kind: MessageKind;
  /** what a media, location or contact message holds, where the export tells */
  media: MediaKind | null;
  /** 1-based line of the file where the message starts */
  line: number;
  /** the instant, unix ms, where the source knows it; then it counts and `ts` is only what people read */
  timestampMs?: number;
  /** the source's own id of the message, unique within its chat */
  id?: string;
  /** `id` of the message that this one answers; it may be missing from the file */
  replyToId?: string;
  /** not the sender's own words: passed on from someone else, or made by a bot on their behalf. Never stored. */
  isForwarded?: boolean;
}

/** Key of the chat that holds what the owner wrote on the playground of the review page to teach the persona. */
export const playgroundKey = 'playground';

export type ChatKind = 'direct' | 'self' | 'group' | 'status' | 'broadcast' | 'newsletter';

/** One message as WhatsApp delivered it, before anyone asked whether it may be kept. Lives in memory only. */
export interface InboundMessage {
  /** WhatsApp's id of the message, serialised (`false_4915…@c.us_3A…`) */
  id: string;
  /** id of the chat as received (`…@c.us`, `…@lid`, `…@g.us`) */
  chatId: string;
  chatKind: ChatKind;
  /** id of the author as received; the account's own id when `fromMe` */
  senderId: string;
  /** sent by the account: typed by the owner on a phone, or by this program */
  fromMe: boolean;
  timestampMs: number;
  kind: MessageKind;
  /** body, or a media message's caption */
  text: string;
  media: MediaKind | null;
  quotedId: string | null;
  isForwarded: boolean;
  /** names the account with @; absent: no */
  mentionsMe?: true;
  /** the chat's messages disappear */
  isEphemeral: boolean;
  /** true when found by the sweep after downtime, not delivered live */
  isCatchUp: boolean;
}

/** What the store keeps of a message; only consent/ turns one into a `ConsentedMessage`. */
export interface MessageDraft {
  /** unique together with chat and fromMe: WhatsApp's id, or `import:<hash>` */
  waId: string;
  chatId: number;
  personId: number;
  fromMe: boolean;
  origin: MessageOrigin;
  timestampMs: number;
  /** the source knows minutes only */
  minutePrecision: boolean;
  kind: MessageKind;
  text: string;
  media: MediaKind | null;
  quotedWaId: string | null;
}

/** `bot`: sent by this program, context for prompts and never a training target */
export type MessageOrigin = 'live' | 'import' | 'bot';

/** A message of a stored conversation as dataset/ and reply/ see it. */
export interface ConversationMessage {
  /** row id in the store; stable */
  rowId: number;
  personId: number;
  /** written by the person whose voice is learned (bot text is not) */
  isPersona: boolean;
  /** sent by this program */
  isBot: boolean;
  timestampMs: number | null;
  minutePrecision: boolean;
  text: string;
  /** where in `text` one `█` stands for words that somebody hid; sorted, UTF-16 offsets, end exclusive; absent: nowhere */
  hidden?: readonly { start: number; end: number }[];
  media: MediaKind | null;
  /** row id of the quoted message, where it is stored */
  quotedRowId: number | null;
  /** said with `!no` in the place of a reply of the bot's: that one's row id, null where it is gone; absent: no correction */
  corrects?: number | null;
}

// === Consent

export type ConsentScope = 'log' | 'imitate';
export type ConsentAction = 'asked' | 'granted' | 'declined' | 'withdrawn' | 'forgotten' | 'attested';
export type ConsentState = 'unknown' | 'asked' | 'granted' | 'declined' | 'withdrawn';

/** One line of the append-only consent ledger. */
export interface ConsentEvent {
  personId: number;
  scope: ConsentScope;
  action: ConsentAction;
  atMs: number;
  /** SHA-256 of the notice that was shown, or '' where none was (init, attestation) */
  noticeHash: string;
  /** where it was said: store id of the chat, null for init and imports */
  chatId: number | null;
}

// === Model

export const backendNames = ['cuda', 'webgpu', 'native', 'simd', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

export const modelSizes = ['nano', 'small', 'base', 'large'] as const;
export type ModelSize = (typeof modelSizes)[number];

/** Decoder-only transformer in the Llama layout; the fields of Hugging Face's LlamaConfig under readable names. */
export interface ModelConfig {
  vocabSize: number;
  contextLength: number;
  layers: number;
  width: number;
  heads: number;
  /** heads of keys and values; fewer than `heads` = grouped-query attention, and a divisor of it */
  kvHeads: number;
  /** inner width of SwiGLU */
  hiddenWidth: number;
  ropeTheta: number;
  ropeScaling: RopeScaling | null;
  normEps: number;
  /** the output layer is the embedding; false = `lm_head.weight` of its own */
  tiedEmbeddings: boolean;
}

/** Llama 3.1's stretching of low rotary frequencies ("rope_type": "llama3" in config.json). */
export interface RopeScaling {
  factor: number;
  lowFreqFactor: number;
  highFreqFactor: number;
  originalContextLength: number;
}

/** A tensor outside any engine. */
export interface HostTensor {
  shape: number[];
  data: Float32Array;
}

/** Weights by Hugging Face name (`model.layers.0.self_attn.q_proj.weight`), linear weights as (out, in). */
export type Weights = Map<string, HostTensor>;

/**
 * One batch of rows. `targets[i]` is the id that should follow `inputs[i]`, or -1 where there is no loss.
 * Both are (batchSize, length), row-major; rows shorter than `length` are padded with input 0 and target -1.
 */
export interface TokenBatch {
  inputs: Int32Array;
  targets: Int32Array;
  batchSize: number;
  length: number;
}

export interface SamplingOptions {
  /** 0 = greedy */
  temperature: number;
  /** 0 = off */
  topK: number;
  /** 1 = off */
  topP: number;
  /** least probability, as a part of the most likely id's (Nguyen et al. 2024); 0 or absent = off */
  minP?: number;
  /** 1 = off; divides the logits of ids already generated (CTRL, Keskar et al. 2019) */
  repetitionPenalty: number;
}

/** Bits that a model or baseline spends on held-out persona messages (design: `persona evaluate`). */
export interface BitsReport {
  bits: number;
  /** UTF-8 bytes of the persona's messages plus one newline each */
  bytes: number;
  bitsPerByte: number;
  /** bits spent on gap and quote marks, which `bits` leaves out */
  markBits: number;
}

// === Runs

export type Verdict = 'promoted' | 'kept' | 'skipped';
export type Split = 'train' | 'validation' | 'test';
