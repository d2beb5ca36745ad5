/**
 * One training run of ours on a chat, as a variant says, and its bits per byte on held-out replies. For quality.ts and
 * recipe.ts. Text is trained on as it stands (no placeholders), since the measure counts every byte of the original.
 */
import { idsOf, rowStats, toRows, type TrainingRow } from '../src/dataset/rows.ts';
import { textsOf, type Conversation } from '../src/dataset/conversations.ts';
import type { LlamaFolder } from '../src/checkpoint/folder.ts';
import { createEngine } from '../src/model/create-engine.ts';
import type { Engine } from '../src/model/engine.ts';
import { modelConfig, vocabSizeOf } from '../src/model/sizes.ts';
import { createTokenizer, trainBpe, type Tokenizer } from '../src/tokenizer/bpe.ts';
import { fromTokenizerJson } from '../src/tokenizer/tokenizer-json.ts';
import { encodeConversation, specialTokens, type RedactSpans } from '../src/tokenizer/chat-format.ts';
import { evaluateConversations } from '../src/train/evaluate.ts';
import { train } from '../src/train/loop.ts';
import { learnBest } from '../src/train/learn-best.ts';
import { waysFor, type Recipe, type Way } from '../src/train/recipe.ts';
import type { BackendName, ModelConfig, ModelSize } from '../src/types.ts';
import type { Chat } from './chats.ts';

export interface Variant {
  name: string;
  size: ModelSize;
  /** what differs from the size's shape */
  config?: Partial<ModelConfig>;
  /** default: one merge for 80 bytes, up to the size's vocabulary, as the product has it */
  vocabSize?: number;
  /** whose text carries loss; default everyone's from scratch, the persona's on a base */
  lossOn?: 'persona' | 'everyone';
  /** share of all batches that are everyone's text, the rest being the persona's alone; overrides lossOn */
  everyoneShare?: number;
  /** default: the recipe's */
  leftShare?: number;
  /** one conversation a row instead of packed rows */
  unpacked?: boolean;
  /** what differs from the size's recipe */
  recipe?: Partial<Recipe>;
  seed?: number;
  /** how to learn; default: the first of `waysFor` (`learnBestWay` tries each) */
  way?: Way;
  /** start from this model with its tokenizer; default: from scratch */
  base?: Pick<LlamaFolder, 'config' | 'weights' | 'tokenizerJson'>;
  /** what to hide behind placeholders in what is learned; default: nothing */
  redact?: RedactSpans;
  /** train adapters of this rank beside the weights, which stay */
  lora?: { rank: number; alpha: number };
}

export interface Learned {
  /** what was chosen by validation, and nats a target on validation of each way that was tried */
  way: Way['name'];
  tried: Record<string, number>;
  /** share of the base in the weights */
  baseShare: number;
  testBits: number;
  validationBits: number;
  passes: number;
  bestPass: number;
  averaged: boolean;
  steps: number;
  tokensSeen: number;
  seconds: number;
  vocabSize: number;
  /** share of the positions of a row that are used, and of those that are targets */
  fill: number;
  targetShare: number;
  /** nats a target on the validation rows, pass by pass */
  curve: number[];
}

const bytesPerMerge = 80;

export function tokenizerFor(chat: Chat, vocabSize: number): Tokenizer {
  return createTokenizer(trainBpe([...textsOf(chat.train)], { vocabSize, specials: specialTokens }));
}

export function vocabularyOf(chat: Chat, size: ModelSize): number {
  const bytes = [...textsOf(chat.train)].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return Math.min(vocabSizeOf(size), specialTokens.length + 256 + Math.floor(bytes / bytesPerMerge));
}

/** As the product does it: in each way, and the better on validation counts. @param after as in `learn` */
export function learnBestWay(
  chat: Chat,
  variant: Variant,
  backend: BackendName,
  threads?: number,
  after?: (engine: Engine, tokenizer: Tokenizer) => Promise<void>,
): Promise<Learned> {
  const ways = waysFor(variant.size, { fromScratch: variant.base === undefined });
  return learnIn(chat, variant, ways, backend, threads, after);
}

/**
 * @param threads of `simd`; undefined = all cores
 * @param after is given the trained engine and its tokenizer before the engine goes
 */
export function learn(
  chat: Chat,
  variant: Variant,
  backend: BackendName,
  threads?: number,
  after?: (engine: Engine, tokenizer: Tokenizer) => Promise<void>,
): Promise<Learned> {
  const way = variant.way ?? waysFor(variant.size, { fromScratch: variant.base === undefined })[0]!;
  return learnIn(chat, variant, [way], backend, threads, after);
}

async function learnIn(
  chat: Chat,
  variant: Variant,
  ways: readonly Way[],
  backend: BackendName,
  threads?: number,
  after?: (engine: Engine, tokenizer: Tokenizer) => Promise<void>,
): Promise<Learned> {
  const { size, seed = 1, everyoneShare = 0, base, lora, redact } = variant;
  const tokenizer =
    base === undefined
      ? tokenizerFor(chat, variant.vocabSize ?? vocabularyOf(chat, size))
      : createTokenizer(fromTokenizerJson(base.tokenizerJson));
  const config = base?.config ?? { ...modelConfig(size, tokenizer.vocabSize), ...variant.config };
  const rowsOf = (conversations: readonly Conversation[], lossOn: 'persona' | 'everyone', leftShare?: number) => {
    const encoded = conversations.map((c) =>
      encodeConversation(c.messages, tokenizer, { ...c, lossOn, ...(redact && { redact, skipsLongNumbers: true }) }),
    );
    const options = leftShare === undefined ? {} : { leftShare };
    if (variant.unpacked !== true) return toRows(encoded, config.contextLength, options);
    return encoded.flatMap((conversation): TrainingRow[] => toRows([conversation], config.contextLength, options));
  };
  const leftShareOf = ({ recipe }: Way): number => variant.leftShare ?? variant.recipe?.leftShare ?? recipe.leftShare;
  const wayRows = (way: Way): TrainingRow[] => {
    const lossOn = everyoneShare > 0 ? 'persona' : (variant.lossOn ?? way.lossOn);
    return rowsOf(chat.train, lossOn, leftShareOf(way));
  };
  const started = Date.now();
  const { engine, way, result, baseShare, tried } = await learnBest({
    ways: ways.map((way) => ({ ...way, recipe: { ...way.recipe, ...variant.recipe } })),
    rowsOf: wayRows,
    validationRows: rowsOf(chat.validation, 'persona'),
    startEngine: () => createEngine({ backend, config, seed, threads, weights: base?.weights, lora }),
    run: (engine, options, way) => {
      const mix = everyoneShare > 0 && {
        mix: { rows: rowsOf(chat.train, 'everyone', leftShareOf(way)), share: everyoneShare },
      };
      return train(engine, { ...options, ...variant.recipe, ...mix });
    },
    seed,
  });
  try {
    const seconds = (Date.now() - started) / 1000;
    const rows = wayRows(way);
    const { fill, targets } = rowStats(rows, config.contextLength);
    const bitsOf = async (conversations: readonly Conversation[]): Promise<number> =>
      rounded((await evaluateConversations(engine, tokenizer, conversations)).bitsPerByte);
    const [testBits, validationBits] = [await bitsOf(chat.test), await bitsOf(chat.validation)];
    await after?.(engine, tokenizer);
    return {
      way: way.name,
      tried: Object.fromEntries(tried.map(({ way, validationNats }) => [way, rounded(validationNats ?? NaN)])),
      baseShare,
      testBits,
      validationBits,
      passes: result.epochs,
      bestPass: rounded((result.bestStep / result.steps) * result.epochs),
      averaged: result.averaged,
      steps: result.steps,
      tokensSeen: result.tokensSeen,
      seconds: Math.round(seconds),
      vocabSize: tokenizer.vocabSize,
      fill: rounded(fill),
      targetShare: rounded(targets / idsOf(rows)),
      curve: result.curve.flatMap(({ validationNats }) => (validationNats === null ? [] : [rounded(validationNats)])),
    };
  } finally {
    engine.dispose();
  }
}

export const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
