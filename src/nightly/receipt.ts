/**
 * What a receipt of forgetting says, and the one thing in it that is measured: what their words cost a model in bits per
 * byte, beside text that no model saw. A model that learned a text by heart pays less for it than for unseen text of the
 * same kind. Measured while they are being forgotten, for the text is gone afterwards: "before" is the model that served
 * and saw it; "after" is what answers from now on, an older run that never saw it, or else the base that tonight's
 * training begins with, never tonight's model. Numbers alone are kept.
 */
import { loadBase } from '../checkpoint/base.ts';
import type { LlamaFolder } from '../checkpoint/folder.ts';
import type { Conversation } from '../dataset/conversations.ts';
import { createEngine } from '../model/create-engine.ts';
import { createTokenizer } from '../tokenizer/bpe.ts';
import { encodeConversation, scoredBytes, type RedactSpans } from '../tokenizer/chat-format.ts';
import { fromTokenizerJson, withSpecialTokens } from '../tokenizer/tokenizer-json.ts';
import { toRows } from '../dataset/rows.ts';
import { bitsOfRows } from '../train/evaluate.ts';
import type { BackendName, ConversationMessage } from '../types.ts';
import type { ErasedRows } from '../store/forget.ts';

/** Bits per byte of one model. */
export interface MeasuredLoss {
  /** run id, or `base` */
  model: string;
  /** of the text that was erased */
  deleted: number;
  /** of held-out text that no model saw; null where nothing is held out */
  unseen: number | null;
}

export interface LossReceipt {
  /** UTF-8 bytes of the erased text that were measured, a sample of at most `sampleBytes` */
  bytes: number;
  before: MeasuredLoss;
  /** null: nothing answers from now on, and training starts from scratch */
  after: MeasuredLoss | null;
}

export interface ForgetReport {
  what: 'person' | 'everything';
  /** rows by table; null: the whole database */
  rows: ErasedRows | null;
  /** keyed hashes that keep exports from bringing them back */
  tombstones: number;
  /** models that were removed, and what serves now */
  retired: string[];
  serves: string | null;
  /** manifests of training sets */
  datasets: number;
  /** copies of the database */
  copies: number;
  freshCopy: string | null;
  exports: number;
  /** a training with their words was under way and was stopped */
  stoppedTraining: boolean;
  loss: LossReceipt | null;
  /** WhatsApp's own profile: `--everything` alone takes it away */
  device?: 'unlinked' | 'forgotten here only' | 'was not linked';
  /** what could not be done, in sentences */
  left: string[];
  /** from the request to the last byte, without `loss` and `freshCopy` */
  seconds: number;
}

/** Text of theirs that is measured, and as much held-out text beside it. */
export const sampleBytes = 16_384;
/** a larger network does not read two samples within a minute on a processor */
const mostParameters = 150e6;

/** Their messages as conversations of their own, a bounded sample: one in so many, evenly spread. */
export function sampleOf(messages: readonly ConversationMessage[]): ConversationMessage[] {
  const bytes = messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  const step = Math.max(1, Math.ceil(bytes / sampleBytes));
  return messages.filter(({ text }, at) => text !== '' && at % step === 0);
}

export interface LossTexts {
  deleted: readonly ConversationMessage[];
  unseen: readonly ConversationMessage[];
  redact: RedactSpans;
  backend: BackendName;
}

/** @returns undefined where the network is too large for it or nothing is left of the texts to measure */
export async function measureLoss(
  model: LlamaFolder,
  name: string,
  { deleted, unseen, redact, backend }: LossTexts,
): Promise<(MeasuredLoss & { bytes: number }) | undefined> {
  const { config, weights, tokenizerJson } = model;
  const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (parameters > mostParameters) return undefined;
  const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
  const engine = await createEngine({ backend, config, weights, seed: 0 });
  try {
    const bitsPerByte = async (messages: readonly ConversationMessage[]): Promise<{ bytes: number; bpb: number }> => {
      // each message alone, whoever wrote it: what stood beside it may be gone, and must not help
      const encoded = messages.map((message) =>
        encodeConversation([message], tokenizer, { ...alone(message), redact, lossOn: 'everyone' }),
      );
      const bytes = encoded.reduce((sum, one) => sum + scoredBytes(one, tokenizer), 0);
      const rows = encoded.flatMap((one) => toRows([one], config.contextLength));
      const { bits } = await bitsOfRows(engine, tokenizer, rows);
      return { bytes, bpb: bits / bytes };
    };
    const theirs = await bitsPerByte(deleted);
    if (!Number.isFinite(theirs.bpb)) return undefined;
    const others = unseen.length === 0 ? null : (await bitsPerByte(unseen)).bpb;
    return { model: name, deleted: theirs.bpb, unseen: others, bytes: theirs.bytes };
  } finally {
    engine.dispose();
  }
}

/** The base that a night begins with, ready for the chat format. */
export function loadCleanBase(dir: string): LlamaFolder {
  return loadBase(dir, withSpecialTokens);
}

function alone(message: ConversationMessage): Conversation {
  return { chatKey: '', startMs: null, previousMs: null, messages: [message], withoutLoss: new Set() };
}
