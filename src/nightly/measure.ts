/**
 * Held-out bits per byte of models and of the byte 5-gram, all by the definition of `persona evaluate`; and for the gate, the
 * new run beside what it must not be worse than, conversation by conversation.
 */
import type { LlamaFolder } from '../checkpoint/folder.ts';
import type { Checkpoint } from '../checkpoint/load.ts';
import type { Dataset } from '../dataset/build.ts';
import { isScored, type Conversation } from '../dataset/conversations.ts';
import { createEngine } from '../model/create-engine.ts';
import type { Engine } from '../model/engine.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer/bpe.ts';
import { fromTokenizerJson } from '../tokenizer/tokenizer-json.ts';
import { evaluateEach, totalBits } from '../train/evaluate.ts';
import { ngramBits, trainConversationNgram } from '../train/ngram.ts';
import type { BackendName, BitsReport } from '../types.ts';
import type { Pair } from './bootstrap.ts';
import type { HeldOutBits } from './findings.ts';
import { readManifest } from './manifest.ts';
import { countWords, type ConversationCost } from './report/figures.ts';

/** Load a checkpoint, measure it, and free it. */
export async function checkpointBits(
  checkpoint: LlamaFolder,
  backend: BackendName,
  conversations: readonly Conversation[],
): Promise<BitsReport> {
  return totalBits(await checkpointBitsEach(checkpoint, backend, conversations));
}

async function checkpointBitsEach(
  { config, weights, tokenizerJson }: LlamaFolder,
  backend: BackendName,
  conversations: readonly Conversation[],
): Promise<BitsReport[]> {
  const engine = await createEngine({ backend, config, weights, seed: 0 });
  try {
    return await evaluateEach(engine, createTokenizer(fromTokenizerJson(tokenizerJson)), conversations);
  } finally {
    engine.dispose();
  }
}

/** One held-out conversation: its bits under both models, and who takes part beside the persona. */
export interface MeasuredPair extends Pair {
  others: readonly number[];
}

export interface HeldOut {
  bits: HeldOutBits;
  /** empty: nothing to compare with, or on */
  pairs: MeasuredPair[];
  against: 'champion' | 'base' | 'untrained' | 'nothing';
  /** conversations of the test split that the champion was trained on, which are measured for nobody */
  excluded: number;
  /** every measured conversation under every model, for the report card */
  costs: ConversationCost[];
}

export interface MeasureOptions {
  dataDir: string;
  backend: BackendName;
  /** what serves and may go on serving */
  champion: Checkpoint | undefined;
  /** what the run was trained from; undefined: from scratch */
  base: LlamaFolder | undefined;
}

/** The new run on the test split, beside the champion, or where there is none beside what it was trained from. */
export async function measureHeldOut(
  dataset: Dataset,
  { engine, tokenizer }: { engine: Engine; tokenizer: Tokenizer },
  { dataDir, backend, champion, base }: MeasureOptions,
): Promise<HeldOut> {
  const all = dataset.conversations.filter(({ split }) => split === 'test').map(({ conversation }) => conversation);
  const seen = champion === undefined ? undefined : trainedRows(dataDir, champion);
  const test = all.filter(({ messages }) => !messages.some(({ rowId }) => seen?.has(rowId) === true));
  const excluded = all.length - test.length;
  if (!test.some((conversation) => conversation.messages.some((message) => isScored(message, conversation)))) {
    const bits = { run: null, champion: null, ngram: null, base: null };
    return { bits, pairs: [], against: 'nothing', excluded, costs: [] };
  }
  const of = async (model: LlamaFolder | undefined): Promise<BitsReport[] | null> =>
    model === undefined ? null : await checkpointBitsEach(model, backend, test);
  const train = dataset.conversations.filter(({ split }) => split === 'train').map(({ conversation }) => conversation);
  const each = {
    run: await evaluateEach(engine, tokenizer, test),
    champion: await of(champion),
    base: await of(base),
    ngram: bestNgramBits(train, test),
  };
  const total = (reports: BitsReport[] | null): BitsReport | null => (reports === null ? null : totalBits(reports));
  const rival = each.champion ?? each.base;
  const costs = test.map((conversation, i): ConversationCost => {
    const bits = (reports: BitsReport[] | null): number | null => reports?.[i]?.bits ?? null;
    const said = conversation.messages.filter((message) => isScored(message, conversation));
    return {
      bytes: each.run[i]!.bytes,
      words: said.reduce((sum, { text }) => sum + countWords(text), 0),
      bits: { run: bits(each.run), champion: bits(each.champion), base: bits(each.base), ngram: bits(each.ngram) },
    };
  });
  const pairs = test.flatMap(({ messages }, i) => {
    if (rival === null || each.run[i]!.bytes === 0) return [];
    const others = new Set(messages.filter(({ isPersona, isBot }) => !isPersona && !isBot).map((m) => m.personId));
    return [{ run: each.run[i]!.bits, other: rival[i]!.bits, others: [...others] }];
  });
  return {
    bits: {
      run: total(each.run),
      champion: total(each.champion),
      ngram: total(each.ngram),
      base: total(each.base),
    },
    pairs,
    against: each.champion !== null ? 'champion' : each.base !== null ? 'base' : 'untrained',
    excluded,
    costs,
  };
}

/** The better of the two ways to train the 5-gram, on each conversation. */
function bestNgramBits(train: readonly Conversation[], heldOut: readonly Conversation[]): BitsReport[] {
  const [bothSides, personaOnly] = [false, true].map((personaOnly) => {
    const model = trainConversationNgram(train, { personaOnly });
    return heldOut.map((conversation) => ngramBits(model, [conversation]));
  }) as [BitsReport[], BitsReport[]];
  return totalBits(bothSides).bits <= totalBits(personaOnly).bits ? bothSides : personaOnly;
}

/**
 * Rows that a run was trained or stopped early on, so that no test conversation may hold one. The split is fixed at first
 * sight, so there are none such, unless somebody changed the time zone, by which weeks and with them splits are cut.
 */
function trainedRows(dataDir: string, { manifest }: Checkpoint): ReadonlySet<number> | undefined {
  const { datasetHash } = manifest.details;
  const seen = datasetHash === undefined ? undefined : readManifest(dataDir, datasetHash);
  if (seen?.testRows === undefined) return undefined; // of an older version, or unknown
  const test = new Set(seen.testRows);
  return new Set(seen.rows.map(({ id }) => id).filter((id) => !test.has(id)));
}
