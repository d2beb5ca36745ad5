/**
 * What the design gains: bits per byte on a persona's held-out replies (by the definition of `persona evaluate`) of a byte
 * 5-gram trained on the chat, of one trained on everything the base saw and the chat, of the story's recipe from scratch,
 * of ours from scratch, and of the bases that ship after learning from the chat. Same train and test text for all.
 * Run: npx tsc -p bench && node dist/bench/quality.js FOLDER [--chats NAME,...] [--only PART,...] [--backend NAME] [--seed N]
 *   FOLDER: what bench/base/prepare wrote; chats: capcom, ubuntu, self, xpersona (bench/base/personas.ts)
 *   parts: ngram ngramAll story storyTuned ours baseNano baseSmall
 * Prints a table a chat and writes bench/results/quality.json; what is run alone replaces only its own entry.
 * Ours holds back the end of the training text to stop early by, as the product does; the others learn all of it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { baseId, loadBase } from '../src/checkpoint/base.ts';
import type { Conversation } from '../src/dataset/conversations.ts';
import { parseDialogues, toConversations } from '../src/dataset/jsonl.ts';
import { availableBackends, pickBackend } from '../src/model/backend.ts';
import { modelConfig } from '../src/model/sizes.ts';
import { withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import { ngramBaselines, ngramBits, trainConversationNgram, type Ngram } from '../src/train/ngram.ts';
import { recipeFor, waysFor } from '../src/train/recipe.ts';
import { backendNames, type BackendName, type ModelSize } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { readText } from './base/dialogue.ts';
import { namedChat, sizeOf, type Chat } from './chats.ts';
import { learn, learnBestWay, rounded, tokenizerFor, vocabularyOf } from './learn.ts';
import { machine } from './machine.ts';
import { learnAsTheStory, storyRecipe } from './story/learn.ts';

/** of what is trained from scratch */
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

/** At most this many turns of a chat: a few thousand replies, as a person may have. */
const maxTurns = 8000;
const chatNames = ['capcom', 'ubuntu', 'self', 'xpersona'] as const;

interface Measured {
  chat: Chat;
  seed: number;
  backend: BackendName | 'auto';
  /** what bench/base/prepare wrote */
  folder: string;
}

/** A part gives no entry where this machine cannot run it; what was measured before then stays. */
const parts: Record<string, (measured: Measured) => Promise<Entry | undefined>> = {
  ngram,
  ngramAll,
  story: (measured) => story(measured, "the story's recipe from scratch", storyRates.low),
  storyTuned: (measured) => story(measured, 'the same at a higher rate', storyRates.tuned),
  ours,
  baseNano: (measured) => onBase(measured, 'nano'),
  baseSmall: (measured) => onBase(measured, 'small'),
};

function ngram({ chat }: Measured): Promise<Entry> {
  const { bothSides, personaOnly } = ngramBaselines([...chat.train, ...chat.validation], chat.test);
  return Promise.resolve({
    name: 'byte 5-gram (Witten-Bell)',
    bitsPerByte: rounded(Math.min(bothSides.bitsPerByte, personaOnly.bitsPerByte)),
    details: { bothSides: rounded(bothSides.bitsPerByte), personaOnly: rounded(personaOnly.bitsPerByte) },
  });
}

/** One for all chats, with all of their training text: never less than the base and its persona saw. */
let everything: Ngram | undefined;

function ngramAll({ chat, folder }: Measured): Promise<Entry> {
  everything ??= trainConversationNgram(allText(folder), { personaOnly: false });
  return Promise.resolve({
    name: 'byte 5-gram on everything the base saw',
    bitsPerByte: rounded(ngramBits(everything, chat.test).bitsPerByte),
    details: { nodes: everything.nodes },
  });
}

function* allText(folder: string): Generator<Conversation> {
  const file = join(folder, 'pretrain.jsonl.gz');
  for (const dialogue of parseDialogues(readText(file), file)) {
    yield* toConversations([dialogue], dialogue.turns[0]?.s ?? '');
  }
  for (const name of chatNames) {
    const { train, validation } = namedChat(folder, name, maxTurns);
    yield* train;
    yield* validation;
  }
}

async function story({ chat, seed }: Measured, name: string, learningRate: number): Promise<Entry | undefined> {
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

async function ours({ chat, seed, backend: wanted }: Measured): Promise<Entry> {
  const backend = await pickBackend(wanted, 'training');
  const learned = await learn(chat, { name: 'product', size, seed }, backend);
  return {
    name: 'ours from scratch',
    bitsPerByte: learned.testBits,
    details: { backend, size, recipe: recipeFor(size, { fromScratch: true }), learned },
  };
}

async function onBase({ chat, seed, backend: wanted }: Measured, base: ModelSize): Promise<Entry | undefined> {
  const dir = join(projectRoot, 'models', 'base', base);
  if (!existsSync(dir)) return undefined;
  const backend = await pickBackend(wanted, 'training');
  const { config, weights, tokenizerJson } = loadBase(dir, withSpecialTokens);
  const variant = { name: base, size: base, seed, base: { config, weights, tokenizerJson } };
  const learned = await learnBestWay(chat, variant, backend);
  return {
    name: `base ${base}, then the chat`,
    bitsPerByte: learned.testBits,
    details: { backend, size: base, base: baseId(dir), ways: waysFor(base, { fromScratch: false }), learned },
  };
}

interface Results {
  chats: Record<string, { train: object; test: object; entries: Record<string, Entry> }>;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      chats: { type: 'string', default: chatNames.join() },
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      backend: { type: 'string', default: 'auto' },
    },
    allowPositionals: true,
  });
  const [folder] = positionals;
  check(folder, 'which folder of prepared dialogues?');
  const backend = (['auto', ...backendNames] as const).find((name) => name === values.backend);
  check(backend, `no backend ${values.backend}`);
  const file = join(projectRoot, 'bench', 'results', 'quality.json');
  const { chats }: Results = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : { chats: {} };
  for (const name of values.chats.split(',')) {
    const chat = namedChat(folder, name, maxTurns);
    const known = chats[name]?.entries ?? {};
    const entries = { ...known };
    for (const part of values.only?.split(',') ?? Object.keys(parts)) {
      const measure = parts[part];
      check(measure, `no part ${part}`);
      const entry = await measure({ chat, seed: Number(values.seed), backend, folder });
      if (entry === undefined) continue;
      entries[part] = entry;
      chats[name] = { train: sizeOf([...chat.train, ...chat.validation]), test: sizeOf(chat.test), entries };
      const what = "bits per byte on a persona's held-out replies";
      const result = { what, date: new Date().toISOString(), machine, seed: Number(values.seed), chats };
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
    }
    print(chat, entries);
  }
}

function print(chat: Chat, entries: Record<string, Entry>): void {
  const { personaMessages, personaBytes } = sizeOf(chat.test);
  console.log(`${chat.name}: ${personaMessages} held-out replies, ${personaBytes} bytes`);
  const under = (part: string, bits: number): string => {
    const other = entries[part]?.bitsPerByte;
    return other === undefined ? ''.padStart(8) : `${((1 - bits / other) * 100).toFixed(1).padStart(6)} %`;
  };
  console.log(`${''.padEnd(48)}under: 5-gram   all    story`);
  for (const part of Object.keys(parts)) {
    const entry = entries[part];
    if (entry === undefined) continue;
    const { name, bitsPerByte: bits } = entry;
    console.log(
      `${bits.toFixed(3)}  ${name.padEnd(44)}${under('ngram', bits)}${under('ngramAll', bits)}${under('story', bits)}`,
    );
  }
}

await main();
