/**
 * Which score should choose among candidates for a reply, and how they should be sampled. On held-out contexts of a chat:
 * - finding: the real reply among 19 real replies to other contexts, as in ConvAI2 (Dinan et al. 2019): hits@1, mean
 *   reciprocal rank, and AUC, how often a real reply's score is above that of a reply to something else in any context;
 * - choosing: 16 candidates a context; of the chosen ones word F1 with the real reply, style distance to the real ones
 *   (src/train/style.ts), share of words that the chat did not hold before, distinct word pairs, words. `--judge BASE` adds what another network thinks of them,
 *   `--corpus FILE` (dialogues as JSON lines) how many hold a word that is neither of the chat nor in two dialogues of FILE.
 * Run: npx tsc -p bench && node dist/bench/reply-rank.js [--run RUN] [--folder FOLDER --persona self] [--contexts 80]
 *      [--judge BASE] [--corpus FILE] [--latency]
 *   the sample chat with the run in the folder RUN, or one that learns as the demo does; with FOLDER (what bench/base/prepare
 *   wrote) instead a persona of it, which the base nano has not met; `--latency`: how long replies of 30 tokens take
 * Prints tables and writes its part of bench/results/reply-rank.json.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseBase } from '../scripts/base.ts';
import { importSample, sample } from '../scripts/sample.ts';
import { loadBase } from '../src/checkpoint/base.ts';
import { loadCheckpoint } from '../src/checkpoint/load.ts';
import { runDir } from '../src/checkpoint/save.ts';
import { textsOf, type Conversation } from '../src/dataset/conversations.ts';
import { parseDialogues } from '../src/dataset/jsonl.ts';
import { lexicalWords, lexiconOfPeople } from '../src/dataset/lexicon.ts';
import { pickBackend } from '../src/model/backend.ts';
import { createEngine } from '../src/model/create-engine.ts';
import { retrain } from '../src/nightly/retrain.ts';
import { createTokenizer } from '../src/tokenizer/bpe.ts';
import { fromTokenizerJson, withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import type { ModelConfig, SamplingOptions, Weights } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { readText } from './base/dialogue.ts';
import { namedChat, sampleChat } from './chats.ts';
import { machine } from './machine.ts';
import {
  casesOf,
  choose,
  describe,
  find,
  judgeOf,
  shapeOfReal,
  vocabularyOf,
  type Model,
  type Words,
} from './reply-rank/measure.ts';
import { latencies } from './reply-rank/latency.ts';

const settings: Record<string, SamplingOptions> = {
  'T 0.5, top-k 40, top-p 0.9, penalty 1.1': { temperature: 0.5, topK: 40, topP: 0.9, repetitionPenalty: 1.1 },
  'T 0.8, top-k 40, top-p 0.95, penalty 1.1': { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
  'T 0.6, top-p 0.9': { temperature: 0.6, topK: 0, topP: 0.9, repetitionPenalty: 1 },
  'T 0.8, top-p 0.95': { temperature: 0.8, topK: 0, topP: 0.95, repetitionPenalty: 1 },
  'T 1, min-p 0.1': { temperature: 1, topK: 0, topP: 1, minP: 0.1, repetitionPenalty: 1 },
  'T 1': { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
};
const file = join(projectRoot, 'bench', 'results', 'reply-rank.json');

interface Network {
  config: ModelConfig;
  weights: Weights;
  tokenizerJson: string;
}

async function modelOf({ config, weights, tokenizerJson }: Network): Promise<Model> {
  const backend = await pickBackend('auto', 'replies');
  const engine = await createEngine({ backend, config, weights, seed: 0 });
  return { engine, tokenizer: createTokenizer(fromTokenizerJson(tokenizerJson)) };
}

/** A run on the sample chat, learned as the demo learns. */
async function demoRun(): Promise<Network> {
  const dir = mkdtempSync(join(tmpdir(), 'persona-bench-'));
  try {
    await importSample(join(dir, 'data'));
    const modelsDir = join(dir, 'models');
    const { run } = await retrain({
      ...{ dataDir: join(dir, 'data'), modelsDir, speaker: 'me', timezone: sample.timezone, size: 'nano' },
      ...chooseBase({}, 'nano'),
      ...{ maxMinutes: 10, backend: 'auto', sampling: settings['T 1']!, nowMs: Date.now() },
    });
    check(run, 'the sample chat teaches a run');
    return loadCheckpoint(runDir(modelsDir, run));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param corpus file of dialogues; a word of one dialogue alone may be a slip of the keys */
function wordsFor(train: readonly Conversation[], heldOut: readonly Conversation[], corpus: string | undefined): Words {
  const words = { known: vocabularyOf(train), lexicon: lexiconOfPeople(train) };
  if (corpus === undefined) return { ...words, real: null };
  const real = new Set([...textsOf([...train, ...heldOut])].flatMap(lexicalWords));
  const once = new Set<string>();
  for (const { turns } of parseDialogues(readText(corpus), corpus)) {
    for (const word of new Set(turns.flatMap(({ t }) => lexicalWords(t)))) (once.has(word) ? real : once).add(word);
  }
  return { ...words, real };
}

function record(part: string, result: object): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};
  const what = 'scores that choose among sampled candidates for a reply, and how to sample them';
  mkdirSync(dirname(file), { recursive: true });
  const entry = { date: new Date().toISOString(), machine, ...result };
  writeFileSync(file, `${JSON.stringify({ ...before, what, [part]: entry }, null, 2)}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      run: { type: 'string' },
      folder: { type: 'string' },
      persona: { type: 'string', default: 'self' },
      contexts: { type: 'string', default: '80' },
      judge: { type: 'string' },
      corpus: { type: 'string' },
      latency: { type: 'boolean', default: false },
    },
  });
  console.log(JSON.stringify(machine));
  if (values.latency) {
    const rows = await latencies();
    console.table(rows);
    record('latency', { rows });
    return;
  }
  const { folder, persona } = values;
  const name = folder === undefined ? 'sample' : persona;
  const chat = folder === undefined ? await sampleChat() : namedChat(folder, persona);
  // the sample chat has few held-out turns: those of early stopping count too
  const heldOut: Conversation[] = [...(folder === undefined ? chat.validation : []), ...chat.test];
  const base = () => loadBase(join(projectRoot, 'models', 'base', 'nano'), withSpecialTokens);
  const learned = () => (values.run === undefined ? demoRun() : Promise.resolve(loadCheckpoint(values.run)));
  const model = await modelOf(folder === undefined ? await learned() : base());
  const judge = values.judge === undefined ? undefined : await modelOf(loadBase(values.judge, withSpecialTokens));
  const { engine } = model;
  try {
    const cases = casesOf(heldOut, model, Number(values.contexts));
    console.log(`${name}: ${cases.length} held-out contexts; ${engine.backend}`);
    const shape = shapeOfReal([...chat.train, ...heldOut]);
    console.log(`real turns that the shape rule would refuse: ${shape.refused} of ${shape.turns}`);
    const finding = await find(model, cases);
    console.table(finding);
    const words = wordsFor(chat.train, heldOut, values.corpus);
    const realTurns = cases.map(({ texts }) => texts);
    const real = { ...describe(cases, realTurns, words), ...(judge && (await judgeOf(judge, cases, realTurns))) };
    console.log(`the real replies: ${JSON.stringify(real)}`);
    const choosing: Record<string, object> = {};
    for (const [label, sampling] of Object.entries(settings)) {
      const { refused, rows } = await choose(model, cases, { sampling, words, judge });
      console.log(`${label}: ${refused} of the candidates refused by shape`);
      console.table(rows);
      choosing[label] = { refused, ...rows };
    }
    record(name, { contexts: cases.length, backend: engine.backend, shape, finding, real, choosing });
  } finally {
    engine.dispose();
    judge?.engine.dispose();
  }
}

await main();
