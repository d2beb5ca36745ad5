/**
 * Dialogues of strangers -> a base: a network that knows how people write to each other before it meets anyone. Chat
 * format v1 with loss on everyone's text; a dialogue is told once for every pass, each time with another of its speakers
 * in the persona's role, so that the role belongs to nobody. What is sensitive is a placeholder, as in retraining.
 * In: parsed dialogues. Out: an engine with the trained weights, the tokenizer, and figures. Not covered: saving.
 */
import { createHash } from 'node:crypto';
import { defaultRegions, redactSpans, type RedactedSpan } from '../consent/redact.ts';
import { cleanDialogues, type CleanCounts } from '../dataset/clean.ts';
import { textsOf, type Conversation } from '../dataset/conversations.ts';
import { toConversations, type Dialogue } from '../dataset/jsonl.ts';
import { toRows, type TrainingRow } from '../dataset/rows.ts';
import { createEngine } from '../model/create-engine.ts';
import type { Engine } from '../model/engine.ts';
import { modelConfig, vocabSizeOf } from '../model/sizes.ts';
import { createTokenizer, trainBpe, type Tokenizer } from '../tokenizer/bpe.ts';
import { encodeConversation, scoredBytes, specialTokens } from '../tokenizer/chat-format.ts';
import { fromTokenizerJson, toTokenizerJson } from '../tokenizer/tokenizer-json.ts';
import type { BackendName, ModelConfig, ModelSize, Weights } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { train, type TrainOptions, type TrainProgress, type TrainResult } from './loop.ts';
import { bitsOfRows } from './evaluate.ts';
import { pretrainingRecipe, type Recipe } from './recipe.ts';
import { trainResumably } from './resume.ts';

export interface PretrainOptions {
  size: ModelSize;
  /** ids of the tokenizer; default: the size's. Ignored where `base` brings its own */
  vocabSize?: number | undefined;
  /** times that every dialogue is told; default: the recipe's */
  passes?: number | undefined;
  /** training ends, with its schedule, after this long; default: never */
  maxMinutes?: number | undefined;
  /** go on from these weights and this tokenizer, with a schedule of its own: another leg */
  base?: { config: ModelConfig; weights: Weights; tokenizerJson: string } | undefined;
  /** what differs from the size's recipe, for experiments */
  recipe?: Partial<Recipe> | undefined;
  backend: BackendName;
  threads?: number | undefined;
  seed: number;
  /** keep the unfinished run in this folder, and go on from it where it is of this very run */
  stateDir?: string | undefined;
  onPhase?: ((phase: string) => void) | undefined;
  onProgress?: ((progress: TrainProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Pretrained {
  engine: Engine;
  tokenizer: Tokenizer;
  tokenizerJson: string;
  recipe: Recipe;
  cleaned: CleanCounts;
  learned: { dialogues: number; bytes: number };
  heldOut: { dialogues: number; bytes: number; bitsPerByte: number };
  result: TrainResult;
}

/** One in this many dialogues is held out, by a hash of its id: the curve's validation and the figure at the end. */
const heldOutOneIn = 200;

/** validations in a run */
const validations = 30;

/** Train on dialogues. The caller disposes the engine. @throws UserError when nothing is left to learn from, Error as `train` does */
export async function pretrain(dialogues: readonly Dialogue[], options: PretrainOptions): Promise<Pretrained> {
  const { size, base, backend, threads, seed, onPhase } = options;
  onPhase?.('cleaning');
  const { dialogues: clean, counts } = cleanDialogues(dialogues);
  const heldOut = clean.filter(({ id }) => isHeldOut(id));
  const learned = clean.filter(({ id }) => !isHeldOut(id));
  if (learned.length === 0) {
    throw new UserError('no dialogue is left to learn from', 'Give dialogues of two speakers and at least two turns.');
  }
  const recipe = { ...pretrainingRecipe(size), ...options.recipe };
  const passes = options.passes ?? recipe.epochs;

  onPhase?.('reading words');
  const redact = redactOf(clean);
  const told = (pass: number): Conversation[] => learned.flatMap((dialogue) => asOneSpeaker(dialogue, pass));
  const first = told(0);
  const tokenizerJson =
    base?.tokenizerJson ??
    toTokenizerJson(
      trainBpe([...textsOf(first, redact)], {
        vocabSize: options.vocabSize ?? vocabSizeOf(size),
        specials: specialTokens,
      }),
    );
  const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
  const config = base?.config ?? modelConfig(size, tokenizer.vocabSize);
  const encode = (conversations: readonly Conversation[]) =>
    conversations.map((c) => encodeConversation(c.messages, tokenizer, { ...c, redact, lossOn: 'everyone' }));
  const rows: TrainingRow[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const encoded = encode(pass === 0 ? first : told(pass));
    for (const row of toRows(encoded, config.contextLength, { leftShare: recipe.leftShare })) rows.push(row);
  }
  const encodedHeldOut = encode(heldOut.flatMap((dialogue) => asOneSpeaker(dialogue, 0)));
  const validationRows = toRows(encodedHeldOut, config.contextLength);

  const engine = await createEngine({
    backend,
    config,
    seed,
    threads,
    weights: base?.weights,
  });
  try {
    onPhase?.(`pretraining ${size} on ${backend}: ${learned.length} dialogues, ${rows.length} rows`);
    const run: TrainOptions = {
      ...recipe,
      epochs: 1, // every pass has rows of its own
      evalEvery: Math.ceil((rows.length * config.contextLength) / recipe.batchTokens / validations),
      saveEveryMs: 5 * 60_000,
      rows,
      validationRows,
      seed,
      ...(options.maxMinutes === undefined ? {} : { maxMs: options.maxMinutes * 60_000 }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    const result = await (options.stateDir === undefined
      ? train(engine, run)
      : trainResumably(engine, run, options.stateDir));
    const bytes = encodedHeldOut.reduce((sum, encoded) => sum + scoredBytes(encoded, tokenizer), 0);
    const { bits } =
      result.stoppedBecause === 'aborted' ? { bits: NaN } : await bitsOfRows(engine, tokenizer, validationRows);
    return {
      engine,
      tokenizer,
      tokenizerJson,
      recipe,
      cleaned: counts,
      learned: { dialogues: learned.length, bytes: bytesOf(learned) },
      heldOut: { dialogues: heldOut.length, bytes, bitsPerByte: bits / bytes },
      result,
    };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** A hash of the id alone decides, so that it stays held out whatever else is learned from. */
export function isHeldOut(id: string): boolean {
  return hashOf(id) % heldOutOneIn === 0;
}

/** A dialogue with one of its speakers as the persona, another in every pass until all had their turn. */
function asOneSpeaker(dialogue: Dialogue, pass: number): Conversation[] {
  const speakers = [...new Set(dialogue.turns.map(({ s }) => s))];
  return toConversations([dialogue], speakers[(hashOf(`${dialogue.id} role`) + pass) % speakers.length]!);
}

/** What is sensitive is looked for once a text, however often it is told. */
function redactOf(dialogues: readonly Dialogue[]): (text: string) => readonly RedactedSpan[] {
  const found = new Map<string, RedactedSpan[]>();
  for (const { turns } of dialogues) {
    for (const { t } of turns) {
      const spans = redactSpans(t, { regions: defaultRegions });
      if (spans.length > 0) found.set(t, spans);
    }
  }
  return (text) => found.get(text) ?? [];
}

function bytesOf(dialogues: readonly Dialogue[]): number {
  return dialogues.reduce(
    (sum, { turns }) => sum + turns.reduce((bytes, { t }) => bytes + Buffer.byteLength(t) + 1, 0),
    0,
  );
}

const hashOf = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0);
