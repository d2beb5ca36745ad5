/**
 * What the design gains, on Apollo 13's CapCom: bits per byte on held-out persona replies (by the definition of `persona
 * evaluate`) of a byte 5-gram, of the story's recipe from scratch, and of ours from scratch. Same train and test text, same
 * tokenizer and size for both networks.
 * Run: npx tsc -p bench && node dist/bench/quality.js FILE [--only ngram|story|storyTuned|ours] [--backend NAME] [--seed N]
 *   FILE: dialogues, one {"id","turns"} a line, with Apollo 13's air-to-ground loop in it
 * Prints a table and writes bench/results/quality.json; a part that is run alone replaces only its own entry.
 * Ours holds back the end of the training text to stop early by, as the product does; the others learn all of it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { availableBackends, pickBackend } from '../src/model/backend.ts';
import { modelConfig } from '../src/model/sizes.ts';
import { ngramBaselines } from '../src/train/ngram.ts';
import { recipeFor } from '../src/train/recipe.ts';
import { backendNames, type BackendName } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { capcom, sizeOf, type Chat } from './chats.ts';
import { learn, rounded, tokenizerFor, vocabularyOf } from './learn.ts';
import { machine } from './machine.ts';
import { learnAsTheStory, storyRecipe } from './story/learn.ts';

const size = 'nano';
/** backends of tfjs that the story's network can run on, fastest first */
const storyBackends: readonly BackendName[] = ['cuda', 'native', 'cpu'];
/**
 * The story tells of a low rate and of a loss that would not fall below 4 nats an id; at 1e-4 it ends there. The second is
 * the rate of the lectures that such code follows, more than the story had.
 */
const storyRates = { low: 1e-4, tuned: 3e-4 };

interface Entry {
  name: string;
  bitsPerByte: number;
  details: Record<string, unknown>;
}

/** A part gives no entry where this machine cannot run it; what was measured before then stays. */
const parts: Record<string, (chat: Chat, seed: number, backend: BackendName | 'auto') => Promise<Entry | undefined>> = {
  ngram,
  story: (chat, seed) => story(chat, seed, "the story's recipe from scratch", storyRates.low),
  storyTuned: (chat, seed) => story(chat, seed, 'the same at a higher rate', storyRates.tuned),
  ours,
};

function ngram(chat: Chat): Promise<Entry> {
  const { bothSides, personaOnly } = ngramBaselines([...chat.train, ...chat.validation], chat.test);
  return Promise.resolve({
    name: 'byte 5-gram (Witten-Bell)',
    bitsPerByte: rounded(Math.min(bothSides.bitsPerByte, personaOnly.bitsPerByte)),
    details: { bothSides: rounded(bothSides.bitsPerByte), personaOnly: rounded(personaOnly.bitsPerByte) },
  });
}

async function story(chat: Chat, seed: number, name: string, learningRate: number): Promise<Entry | undefined> {
  const usable = (await availableBackends()).filter((report) => report.usable).map((report) => report.name);
  const backend = storyBackends.find((name) => usable.includes(name));
  if (backend === undefined) {
    console.log('the story is not measured: it needs backend cuda or native (npm run setup:gpu)');
    return undefined;
  }
  const tokenizer = tokenizerFor(chat, vocabularyOf(chat, size));
  const { layers, width, heads, contextLength } = modelConfig(size, tokenizer.vocabSize);
  const config = { layers, width, heads, contextLength, vocabSize: tokenizer.vocabSize };
  const recipe = { ...storyRecipe, learningRate };
  const outcome = await learnAsTheStory([...chat.train, ...chat.validation], chat.test, tokenizer, config, recipe, {
    backend,
    seed,
    onStep: (step, steps, loss) => {
      if (step % 100 === 0) console.error(`${name}: step ${step} of ${steps}, ${loss.toFixed(3)} nats`);
    },
  });
  return { name, bitsPerByte: rounded(outcome.bitsPerByte), details: { backend, config, recipe, outcome } };
}

async function ours(chat: Chat, seed: number, wanted: BackendName | 'auto'): Promise<Entry> {
  const backend = await pickBackend(wanted, 'training');
  const learned = await learn(chat, { name: 'product', size, seed }, backend);
  return {
    name: 'ours from scratch',
    bitsPerByte: learned.testBits,
    details: { backend, size, recipe: recipeFor(size, { fromScratch: true }), learned },
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      backend: { type: 'string', default: 'auto' },
    },
    allowPositionals: true,
  });
  const [path] = positionals;
  check(path, 'which file of dialogues?');
  const wanted = values.only === undefined ? Object.keys(parts) : [values.only];
  const backend = (['auto', ...backendNames] as const).find((name) => name === values.backend);
  check(backend, `no backend ${values.backend}`);
  const chat = capcom(path);
  const file = join(projectRoot, 'bench', 'results', 'quality.json');
  let entries: Record<string, Entry> = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { entries: Record<string, Entry> }).entries
    : {};
  for (const name of wanted) {
    const part = parts[name];
    check(part, `no part ${name}`);
    const entry = await part(chat, Number(values.seed), backend);
    if (entry !== undefined) entries = { ...entries, [name]: entry };
    const result = {
      what: "bits per byte on the held-out replies of Apollo 13's CapCom",
      date: new Date().toISOString(),
      machine,
      seed: Number(values.seed),
      train: sizeOf([...chat.train, ...chat.validation]),
      test: sizeOf(chat.test),
      entries,
    };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  }
  const test = sizeOf(chat.test);
  console.log(`${test.personaMessages} held-out replies of CapCom, ${test.personaBytes} bytes`);
  const baseline = entries['story']?.bitsPerByte;
  for (const part of Object.keys(parts)) {
    const entry = entries[part];
    if (entry === undefined) continue;
    const { name, bitsPerByte } = entry;
    const less = baseline === undefined ? '' : `${((1 - bitsPerByte / baseline) * 100).toFixed(1)} % under the story`;
    console.log(`${bitsPerByte.toFixed(3)}  ${name.padEnd(34)}${part === 'story' ? '' : less}`);
  }
}

await main();
