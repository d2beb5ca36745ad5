/** A small persona that knows nothing: real tokenizer, real checkpoint, random weights. */
import { randomWeights, temporaryModels } from '../checkpoint/examples.ts';
import { publish } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { chatIds, specialTokens } from '../../src/tokenizer/chat-format.ts';
import { tokenizerConfigJson, toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import type { ConversationMessage, ModelConfig, SamplingOptions, Weights } from '../../src/types.ts';

const bpe = trainBpe(['hello there, how are you today? see you there tomorrow, then we can talk'.repeat(4)], {
  vocabSize: 350,
  specials: specialTokens,
});

export const tokenizer = createTokenizer(bpe);
const special = chatIds(tokenizer);

export const config: ModelConfig = {
  vocabSize: tokenizer.vocabSize,
  contextLength: 96,
  layers: 2,
  width: 32,
  heads: 2,
  kvHeads: 2,
  hiddenWidth: 64,
  ropeTheta: 10_000,
  ropeScaling: null,
  normEps: 1e-5,
  tiedEmbeddings: true,
};

export const sampling: SamplingOptions = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };

/** Large enough that logits are far from uniform, those of `<|end|>` most of all: replies come to an end. */
export function loudWeights(seed: number): Weights {
  const weights = randomWeights(config, seed);
  const { width } = config;
  for (const [name, { shape, data }] of weights) {
    weights.set(name, { shape, data: name.includes('norm') ? data.fill(1) : data.map((value) => value * 10) });
  }
  const ends = weights.get('model.embed_tokens.weight')!.data.subarray(special.end * width, (special.end + 1) * width);
  ends.forEach((value, i) => (ends[i] = value * 3));
  return weights;
}

/** Save and publish a run whose weights come from `seed`. */
export function publishRun(models: string, runId: string, seed: number, lexicon?: Uint32Array): void {
  saveCheckpoint(models, runId, {
    config,
    weights: loudWeights(seed),
    tokenizerJson: toTokenizerJson(bpe),
    tokenizerConfigJson: tokenizerConfigJson(),
    generation: { ...sampling, bosId: special.bos, endId: special.end, bannedIds: [...special.bannedInReplies] },
    metrics: '',
    ...(lexicon && { lexicon }),
    details: { seed, personaP99Chars: 100 + seed },
  });
  publish(models, runId);
}

export function modelsWith(...runIds: string[]): string {
  const models = temporaryModels();
  runIds.forEach((runId, i) => publishRun(models, runId, i + 1));
  return models;
}

/** A chat of texts, every other one by the persona, `stepMs` apart; the last is somebody else's. */
export function chat(texts: readonly string[], { firstRow = 1, stepMs = 10_000 } = {}): ConversationMessage[] {
  return texts.map((text, i) => {
    const isPersona = (texts.length - i) % 2 === 0;
    return {
      rowId: firstRow + i,
      personId: isPersona ? 1 : 2,
      isPersona,
      isBot: false,
      timestampMs: 1_700_000_000_000 + i * stepMs,
      minutePrecision: false,
      text,
      media: null,
      quotedRowId: null,
    };
  });
}
