/**
 * A tiny model folder of ours, written by saveCheckpoint, for other programs to open: test/checkpoint/references/own.
 * Run: npx tsc -p bench; node dist/bench/interop/own-folder.js (then reference.py, then llamacpp.js)
 * The weights are random but large, so that logits differ and attention looks somewhere. Same bytes every time.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llamaShapes } from '../../src/checkpoint/llama.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { chatIds, specialTokens } from '../../src/tokenizer/chat-ids.ts';
import { tokenizerConfigJson, toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import type { ModelConfig, Weights } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { createRandom } from '../../src/util/random.ts';

const references = join(projectRoot, 'test', 'checkpoint', 'references');
const texts = JSON.parse(readFileSync(join(references, 'texts.json'), 'utf8')) as string[];

/** Every text thrice: pairs that occur once are never merged. */
const model = trainBpe([...texts, ...texts, ...texts], { vocabSize: 400, specials: specialTokens });
const tokenizer = createTokenizer(model);
const ids = chatIds(tokenizer);
const config: ModelConfig = {
  vocabSize: tokenizer.vocabSize,
  contextLength: 64,
  layers: 2,
  width: 32,
  heads: 4,
  kvHeads: 4,
  hiddenWidth: 48,
  ropeTheta: 10_000,
  ropeScaling: null,
  normEps: 1e-5,
  tiedEmbeddings: true,
};

function randomWeights(): Weights {
  const random = createRandom('interop');
  const weights: Weights = new Map();
  for (const [name, shape] of llamaShapes(config)) {
    const length = shape.reduce((a, b) => a * b, 1);
    const isNorm = shape.length === 1;
    const draw = (): number => (isNorm ? 1 + random.normal() * 0.1 : random.normal() * 0.3);
    weights.set(name, { shape, data: Float32Array.from({ length }, draw) });
  }
  return weights;
}

const models = mkdtempSync(join(tmpdir(), 'persona-interop-'));
try {
  const dir = saveCheckpoint(models, 'own', {
    config,
    weights: randomWeights(),
    tokenizerJson: toTokenizerJson(model),
    tokenizerConfigJson: tokenizerConfigJson(),
    generation: {
      temperature: 0.8,
      topK: 40,
      topP: 0.95,
      repetitionPenalty: 1.1,
      bosId: ids.bos,
      endId: ids.end,
      bannedIds: [...ids.bannedInReplies],
    },
    metrics: '',
    details: { size: 'tiny' },
  });
  rmSync(join(references, 'own'), { recursive: true, force: true });
  cpSync(dir, join(references, 'own'), { recursive: true });
  console.log(`wrote ${join(references, 'own')}: ${config.vocabSize} ids`);
} finally {
  rmSync(models, { recursive: true, force: true });
}
