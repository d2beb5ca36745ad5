/**
 * A run that knows nothing, for timing: real tokenizer, real checkpoint, random weights. Every few tokens it begins a new
 * message, so that what is cut after so many tokens has whole ones; it hardly ever ends by itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publish } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { initialValue, parametersOf, toWeight } from '../../src/model/layout.ts';
import { modelConfig, vocabSizeOf } from '../../src/model/sizes.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { chatIds, specialTokens } from '../../src/tokenizer/chat-format.ts';
import { tokenizerConfigJson, toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import type { ModelSize, SamplingOptions, Weights } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';

export const sampling: SamplingOptions = { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 };

/** What all embeddings have in common, and how much more of it `<|msg|>` has: its logit stands above the others by it. */
const common = 0.06;
const ofMessage = 1.24;

export function publishRandomRun(modelsDir: string, size: ModelSize): void {
  const text = readFileSync(join(projectRoot, 'persona', 'sample', 'chat.txt'), 'utf8');
  const bpe = trainBpe(text.split('\n'), { vocabSize: vocabSizeOf(size), specials: specialTokens });
  const tokenizer = createTokenizer(bpe);
  const special = chatIds(tokenizer);
  const config = modelConfig(size, tokenizer.vocabSize);
  const weights: Weights = new Map(
    parametersOf(config).map((parameter) => toWeight(parameter, initialValue(parameter, 1))),
  );
  const { data } = weights.get('model.embed_tokens.weight')!;
  data.forEach((value, i) => {
    const share = Math.floor(i / config.width) === special.msg ? ofMessage : 1;
    data[i] = value + (i % 2 === 0 ? common : -common) * share;
  });
  saveCheckpoint(modelsDir, 'random', {
    ...{ config, weights, tokenizerJson: toTokenizerJson(bpe), tokenizerConfigJson: tokenizerConfigJson() },
    generation: { ...sampling, bosId: special.bos, endId: special.end, bannedIds: [...special.bannedInReplies] },
    metrics: '',
    details: { seed: 1, personaP99Chars: 500 },
  });
  publish(modelsDir, 'random');
}
