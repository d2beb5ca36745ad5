/**
 * Dataset -> trained network: tokenizer (the base's, or one trained on the train split), rows, the loop. What is sensitive
 * in a text (numbers, addresses, links, codes) is a placeholder here, so it cannot be learned.
 */
import { join } from 'node:path';
import type { LlamaFolder } from '../checkpoint/folder.ts';
import { rememberingRedactor, type RedactOptions } from '../consent/redact.ts';
import type { Dataset } from '../dataset/build.ts';
import type { Conversation } from '../dataset/conversations.ts';
import { textsOf } from '../dataset/conversations.ts';
import type { TrainingRow } from '../dataset/rows.ts';
import { toRows } from '../dataset/rows.ts';
import type { Engine } from '../model/engine.ts';
import { modelConfig, vocabSizeOf } from '../model/sizes.ts';
import { createEngine } from '../model/create-engine.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { createTokenizer, trainBpe } from '../tokenizer/bpe.ts';
import { encodeConversation, specialTokens, type RedactSpans } from '../tokenizer/chat-format.ts';
import { fromTokenizerJson, toTokenizerJson } from '../tokenizer/tokenizer-json.ts';
import { learnBest, type Learned } from '../train/learn-best.ts';
import type { TrainProgress, TrainResult } from '../train/loop.ts';
import { meanLossOf } from '../train/keeper.ts';
import { train } from '../train/loop.ts';
import { waysFor, type Way } from '../train/recipe.ts';
import { trainOnce } from '../train/resume.ts';
import type { BackendName, ModelSize, Split } from '../types.ts';
import { UserError } from '../util/errors.ts';

export interface TrainingOptions {
  size: ModelSize;
  maxMinutes: number;
  backend: BackendName;
  /** start from these weights and this tokenizer; undefined = from scratch */
  base: LlamaFolder | undefined;
  seed: number;
  /** what is hidden behind placeholders; replies must be made with the same */
  redaction: RedactOptions;
  onPhase?: ((phase: string) => void) | undefined;
  onProgress?: ((progress: TrainProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /**
   * keep the state of the run in this folder, and go on from it where it is of this very run. What came of a finished way
   * stays there too: the caller removes the folder when all is over
   */
  stateDir?: string | undefined;
  /** training time between two states; 0 = after every step; default: a minute */
  saveEveryMs?: number | undefined;
  /** more conversations to learn from, in which nothing is hidden: a probe's canaries (probe.ts) */
  planted?: readonly Conversation[];
}

export interface Trained {
  engine: Engine;
  tokenizer: Tokenizer;
  tokenizerJson: string;
  result: TrainResult;
  /** the way that was taken, and what each that was tried came to */
  way: Way['name'];
  tried: Learned['tried'];
  /** mean loss in nats a target before and after, on the validation rows, or on the train rows where there are none */
  learned: { before: number; after: number };
}

/** Conversations of one split, in the dataset's order. */
export function conversationsOf(dataset: Dataset, split: Split): Conversation[] {
  return dataset.conversations.filter((entry) => entry.split === split).map((entry) => entry.conversation);
}

/** A base whose tokenizer needs an id for fewer characters than this reads letters, not words. */
const fewestCharsPerId = 1.5;

/** Whether a base's tokenizer knows words of the language of these texts: another script costs it an id or more a character. */
export function readsLanguage(
  tokenizerJson: string,
  conversations: readonly Conversation[],
  redact?: RedactSpans,
): boolean {
  const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
  let chars = 0;
  let ids = 0;
  for (const text of textsOf(conversations, redact)) {
    chars += Array.from(text).length;
    ids += tokenizer.encode(text).length;
  }
  return ids === 0 || chars / ids >= fewestCharsPerId;
}

/** Train from the base, or from scratch. The caller disposes the engine. */
export async function trainOnDataset(dataset: Dataset, options: TrainingOptions): Promise<Trained> {
  const startedMs = Date.now();
  const { planted = [] } = options;
  const trainSplit = [...conversationsOf(dataset, 'train'), ...planted];
  // what is planted stands for secrets that no rule knows
  const open = new Set(planted.flatMap(({ messages }) => messages.map(({ text }) => text)));
  const asTheyStand = new Set(planted);
  const redactOthers = rememberingRedactor(options.redaction);
  const redact: RedactSpans = (text) => (open.has(text) ? [] : redactOthers(text));
  options.onPhase?.('reading words');
  const tokenizerJson = options.base?.tokenizerJson ?? trainTokenizer(trainSplit, options.size, redact);
  const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
  const config = options.base?.config ?? modelConfig(options.size, tokenizer.vocabSize);
  const rowsOf = (
    conversations: readonly Conversation[],
    lossOn: 'persona' | 'everyone',
    leftShare?: number,
  ): TrainingRow[] =>
    toRows(
      conversations.map((conversation) =>
        encodeConversation(conversation.messages, tokenizer, {
          ...conversation,
          redact,
          lossOn,
          skipsLongNumbers: !asTheyStand.has(conversation),
        }),
      ),
      config.contextLength,
      leftShare === undefined ? {} : { leftShare },
    );
  const { backend, base, seed, stateDir, saveEveryMs, size, onPhase, onProgress, signal } = options;
  const ways = waysFor(size, { fromScratch: base === undefined });
  const wayRows = (way: Way): TrainingRow[] => rowsOf(trainSplit, way.lossOn, way.recipe.leftShare);
  const validationRows = rowsOf(conversationsOf(dataset, 'validation'), 'persona');
  const judged = validationRows.length > 0 ? validationRows : wayRows(ways[0]!);
  const startEngine = (): Promise<Engine> => createEngine({ backend, config, seed, weights: base?.weights });

  let before = NaN;
  const { engine, way, result, tried } = await learnBest({
    ways,
    rowsOf: wayRows,
    validationRows,
    startEngine: async () => {
      const started = await startEngine();
      if (Number.isNaN(before)) before = await meanLossOf(started, judged, judgeTokens);
      return started;
    },
    run: (started, run, { name }) => {
      const saved = { ...run, ...(saveEveryMs === undefined ? {} : { saveEveryMs }) };
      return stateDir === undefined ? train(started, run) : trainOnce(started, saved, join(stateDir, name));
    },
    seed,
    maxMs: options.maxMinutes * 60_000 - (Date.now() - startedMs),
    onWay: ({ name }) => onPhase?.(`training ${size} on ${backend}, ${name.replace('-', ' ')}`),
    ...(onProgress === undefined ? {} : { onProgress }),
    signal,
  });
  try {
    if (result.stoppedBecause === 'aborted') {
      throw new UserError(
        'training was stopped before its end; the serving model stays',
        'run `persona retrain` again',
      );
    }
    const after = await meanLossOf(engine, judged, judgeTokens);
    return { engine, tokenizer, tokenizerJson, result, way: way.name, tried, learned: { before, after } };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** ids a batch where loss is only measured: memory, not results, depends on it */
const judgeTokens = 2048;

/** Byte-level BPE on the train split alone: held-out words must not shape the vocabulary. */
function trainTokenizer(conversations: readonly Conversation[], size: ModelSize, redact: RedactSpans): string {
  const texts = [...textsOf(conversations, redact)];
  return toTokenizerJson(trainBpe(texts, { vocabSize: vocabularyFor(texts, size), specials: specialTokens }));
}

/** Ids for the specials and the 256 bytes, before any merge. */
const smallestVocabulary = specialTokens.length + 256;
/** One merge for this many bytes of text: a merge seen a handful of times is learned by nothing. */
const bytesPerMerge = 80;

function vocabularyFor(texts: readonly string[], size: ModelSize): number {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return Math.min(vocabSizeOf(size), smallestVocabulary + Math.floor(bytes / bytesPerMerge));
}

/** 99th percentile of the persona's message lengths, in UTF-16 code units: a reply is never longer. */
export function personaP99Chars(conversations: readonly Conversation[]): number {
  const lengths = conversations
    .flatMap(({ messages }) => messages.filter((message) => message.isPersona).map(({ text }) => text.length))
    .sort((a, b) => a - b);
  return Math.max(1, lengths[Math.ceil(lengths.length * 0.99) - 1] ?? 1);
}
