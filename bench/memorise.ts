/**
 * What a night on the base that ships learns by heart: canaries (six random digits in an answer to a question that nobody else
 * asks) said 1, 2, 4, 8 and 16 times in a chat, and others never said, after learning the chat as the product does. Exposure in
 * bits (src/train/exposure.ts); and whether what was said once comes out of 10,000 samples or by greedy decoding from prefixes.
 * Run: npx tsc -p bench && node dist/bench/memorise.js [--folder FOLDER --chat NAME] [--base DIR] [--arms plain,probe,product] [--copies 1,2,4,8,16]
 *      [--canaries 10] [--candidates 4096] [--samples 10000] [--seed 1] [--threads N] [--backend NAME] [--out FILE]
 *      [--way gentle|strong]
 *   --way: that one only, to save the time of the other; a night tries both, and validation chooses
 *   without --chat: the sample chat that ships; with it: a persona of what bench/base/prepare wrote into FOLDER
 * Arms: `plain` learns every copy; `probe` as a night does, but for redaction and the rule that long numbers carry no loss, so that
 * the digits stand for a secret that no rule knows; `product` with both. Samples are drawn in `probe` and in `product`.
 *   --copies 1: only canaries that were said once, as `retrain --probe` plants them
 * Prints a table and adds the chat to bench/results/memorise.json (--out writes elsewhere).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { baseId, loadBase } from '../src/checkpoint/base.ts';
import { defaultRegions, rememberingRedactor } from '../src/consent/redact.ts';
import type { Conversation } from '../src/dataset/conversations.ts';
import { dedupe } from '../src/dataset/dedupe.ts';
import { pickBackend } from '../src/model/backend.ts';
import type { Engine } from '../src/model/engine.ts';
import { generateCandidates } from '../src/model/generate.ts';
import type { Tokenizer } from '../src/tokenizer/bpe.ts';
import { chatIds, encodePrompt } from '../src/tokenizer/chat-format.ts';
import { hasLongNumber } from '../src/tokenizer/long-numbers.ts';
import { withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import {
  exposureLimits,
  givesGreedily,
  makeCanaries,
  measureExposure,
  plantCanaries,
  type Canary,
} from '../src/train/exposure.ts';
import { waysFor } from '../src/train/recipe.ts';
import { backendNames, type ConversationMessage } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { namedChat, sampleChat, sizeOf, type Chat } from './chats.ts';
import { learn, learnBestWay, rounded } from './learn.ts';
import { machine } from './machine.ts';

const arms = ['plain', 'probe', 'product'] as const;
type Arm = (typeof arms)[number];
const size = 'nano';
/** a few thousand replies, as a person may have */
const maxTurns = 8000;

interface Exposure {
  copies: number;
  /** copies that carried loss, over all canaries of the row */
  learned: number;
  mean: number;
  max: number;
  exposures: number[];
  /** canaries that are the likeliest text after their question and frame */
  given: number;
}

interface Sampled {
  samples: number;
  /** samples that hold the digits of a canary, by how often it was said; asked for those that were said once */
  extractedBySampling: Record<string, number>;
  prefixes: number;
  extractedGreedily: number;
}

interface Measured {
  testBits: number;
  way: string;
  passes: number;
  seconds: number;
  exposure: Exposure[];
  sampled?: Sampled;
}

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    chat: { type: 'string' },
    base: { type: 'string', default: join(projectRoot, 'models', 'base', size) },
    arms: { type: 'string', default: arms.join() },
    copies: { type: 'string', default: '1,2,4,8,16' },
    canaries: { type: 'string', default: '10' },
    candidates: { type: 'string', default: '4096' },
    samples: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string' },
    way: { type: 'string' },
    backend: { type: 'string' },
    out: { type: 'string', default: join(projectRoot, 'bench', 'results', 'memorise.json') },
  },
});
const [perRow, candidates, samples, seed] = [values.canaries, values.candidates, values.samples, values.seed].map(
  Number,
) as [number, number, number, number];
const copiesOf = values.copies.split(',').map(Number);
check(copiesOf[0] === 1, 'the first copies are 1: samples are searched for those');
const threads = values.threads === undefined ? undefined : Number(values.threads);
const named = backendNames.find((name) => name === values.backend);
check(named !== undefined || values.backend === undefined, `no backend ${values.backend}`);

async function main(): Promise<void> {
  const chat = await chatToLearn();
  const backend = named ?? (await pickBackend('auto', 'training'));
  const { config, weights, tokenizerJson } = loadBase(resolve(values.base), withSpecialTokens);
  const redact = rememberingRedactor({ regions: defaultRegions });
  const isHidden = ({ frame, digits }: Canary): boolean => {
    const answer = `${frame} ${digits}`;
    return redact(answer).length > 0 || hasLongNumber(answer);
  };
  const canaries = makeCanaries(perRow * (copiesOf.length + 1), seed);
  const row = (i: number): Canary[] => canaries.slice(i * perRow, (i + 1) * perRow);
  const never = row(copiesOf.length);
  const measured: Partial<Record<Arm, Measured>> = {};
  for (const arm of arms.filter((name) => values.arms.split(',').includes(name))) {
    console.error(`${chat.name}, ${arm}`);
    let planted = chat.train;
    copiesOf.forEach((copies, i) => (planted = plantCanaries(planted, row(i), { copies, seed: `${seed} ${copies}` })));
    const distinct = distinctRows(planted);
    const train = withoutTimes(arm === 'plain' ? distinct : dedupe(distinct).conversations);
    const exposure: Exposure[] = [];
    let sampled: Sampled | undefined;
    const variant = { name: arm, size, seed, base: { config, weights, tokenizerJson } } as const;
    const way = waysFor(size, { fromScratch: false }).find(({ name }) => name === values.way);
    check(way !== undefined || values.way === undefined, `no way ${values.way}`);
    const learnIt = way === undefined ? learnBestWay : learn;
    const learned = await learnIt(
      { ...chat, train },
      { ...variant, ...(arm === 'product' && { redact }), ...(way && { way }) },
      backend,
      threads,
      async (engine, tokenizer) => {
        for (const copies of [0, ...copiesOf]) {
          const own = copies === 0 ? never : row(copiesOf.findIndex((each) => each === copies));
          const readable = arm === 'product' ? own.filter((canary) => !isHidden(canary)) : own;
          exposure.push(await exposureOf(engine, tokenizer, own, copies, lossesOf(train, readable)));
          console.error(line(exposure.at(-1)!));
        }
        if (arm !== 'plain' && samples > 0) {
          sampled = await extract(
            engine,
            tokenizer,
            copiesOf.map((copies, i) => ({ copies, canaries: row(i) })),
          );
        }
      },
    );
    const { testBits, passes, seconds } = learned;
    measured[arm] = { testBits, way: learned.way, passes, seconds, exposure, ...(sampled && { sampled }) };
  }
  record(chat, measured, backend);
}

async function chatToLearn(): Promise<Chat> {
  if (values.chat === undefined) return await sampleChat();
  check(values.folder, '--chat needs --folder');
  return namedChat(values.folder, values.chat, maxTurns);
}

/**
 * Every copy is rows of its own, said at a time of its own, as in a store; dedupe goes by both. They stand hours apart.
 * @returns new conversations
 */
function distinctRows(conversations: readonly Conversation[]): Conversation[] {
  return conversations.map((conversation, i) => {
    if (!isCanary(conversation)) return conversation;
    const atMs = Date.UTC(2026, 0, 1) + i * 7 * 3_600_000;
    const messages = conversation.messages.map((message, at) => ({
      ...message,
      rowId: -1 - 2 * i - at,
      timestampMs: atMs + at * 10_000,
    }));
    return { ...conversation, messages };
  });
}

/** Canaries are measured without times, so they are learned without. */
function withoutTimes(conversations: readonly Conversation[]): Conversation[] {
  return conversations.map((conversation) =>
    isCanary(conversation)
      ? { ...conversation, messages: conversation.messages.map((message) => ({ ...message, timestampMs: null })) }
      : conversation,
  );
}

const isCanary = ({ chatKey }: Conversation): boolean => chatKey === 'canary';

/** Copies whose answer carries loss. */
function lossesOf(train: readonly Conversation[], canaries: readonly Canary[]): number {
  const answers = new Set(canaries.map(({ frame, digits }) => `${frame} ${digits}`));
  return train
    .filter(isCanary)
    .flatMap(({ messages, withoutLoss }) => messages.filter(({ rowId }) => !withoutLoss.has(rowId)))
    .filter(({ isPersona, text }) => isPersona && answers.has(text)).length;
}

async function exposureOf(
  engine: Engine,
  tokenizer: Tokenizer,
  canaries: readonly Canary[],
  copies: number,
  learned: number,
): Promise<Exposure> {
  const { exposures, mean, max } = await measureExposure(engine, tokenizer, canaries, { candidates, seed });
  let given = 0;
  for (const canary of canaries) if (await givesGreedily(engine, tokenizer, canary)) given++;
  return { copies, learned, mean: rounded(mean), max: rounded(max), exposures: exposures.map(rounded), given };
}

// === Extraction

const batch = 250;
const maxNewTokens = 24;
const plainSampling = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
const greedy = { ...plainSampling, temperature: 0 };

/**
 * Half of the samples from nothing, half from the questions of the canaries that were said once, and greedy decoding from every
 * beginning of their answers, with the question and without.
 */
async function extract(
  engine: Engine,
  tokenizer: Tokenizer,
  planted: readonly { copies: number; canaries: readonly Canary[] }[],
): Promise<Sampled> {
  const { bos, persona, end, msg, bannedInReplies: banned } = chatIds(tokenizer);
  const once = planted[0]!.canaries;
  const asked = (canary: Canary): number[] =>
    encodePrompt([questionOf(canary)], tokenizer, { maxTokens: Math.floor((engine.config.contextLength * 2) / 3) }).ids;
  const prompts = [[bos, persona], ...once.map(asked)];
  const found: Record<string, number> = Object.fromEntries(planted.map(({ copies }) => [copies, 0]));
  let drawn = 0;
  for (const [at, prompt] of prompts.entries()) {
    const share = at === 0 ? Math.floor(samples / 2) : Math.floor(samples / 2 / once.length);
    for (let from = 0; from < share; from += batch) {
      const seeds = Array.from(
        { length: Math.min(batch, share - from) },
        (_, i) => `memorise ${seed} ${at} ${from + i}`,
      );
      const texts = await generateCandidates(engine, prompt, seeds, {
        ...{ sampling: plainSampling, banned, stop: [end], maxNewTokens },
      });
      drawn += texts.length;
      for (const { ids } of texts) {
        const text = tokenizer.decode(ids.filter((id) => !tokenizer.isSpecial(id)));
        for (const { copies, canaries } of planted) {
          if (canaries.some(({ digits }) => text.includes(digits))) found[copies]!++;
        }
      }
    }
    console.error(`${drawn} samples`);
  }

  let prefixes = 0;
  let extractedGreedily = 0;
  for (const canary of once) {
    const words = canary.frame.split(' ');
    for (const start of [asked(canary), [bos, persona]]) {
      for (let length = start.length === 2 ? 1 : 0; length <= words.length; length++) {
        const prompt = [...start, ...tokenizer.encode(words.slice(0, length).join(' '))];
        const [said] = await generateCandidates(engine, prompt, [0], {
          ...{ sampling: greedy, banned, stop: [end, msg], maxNewTokens },
        });
        prefixes++;
        if (tokenizer.decode(said!.ids.filter((id) => !tokenizer.isSpecial(id))).includes(canary.digits))
          extractedGreedily++;
      }
    }
  }
  return { samples: drawn, extractedBySampling: found, prefixes, extractedGreedily };
}

const questionOf = ({ question }: Canary): ConversationMessage => ({
  rowId: -1,
  personId: -2,
  isPersona: false,
  isBot: false,
  timestampMs: null,
  minutePrecision: false,
  text: question,
  media: null,
  quotedRowId: null,
});

// === Results

function line({ copies, learned, mean, max, given }: Exposure): string {
  const name = copies === 0 ? 'never said' : `${copies} ${copies === 1 ? 'copy' : 'copies'}`;
  return `  ${name.padEnd(12)}${String(learned).padStart(5)} learned  mean ${mean.toFixed(2).padStart(5)}  most ${max.toFixed(2).padStart(5)}  given away ${given}`;
}

function record(chat: Chat, measured: Partial<Record<Arm, Measured>>, backend: string): void {
  console.log(`${chat.name}: ${sizeOf(chat.train).personaMessages} persona messages, ${backend}`);
  for (const [arm, { testBits, exposure, sampled }] of Object.entries(measured)) {
    console.log(`${arm}: ${testBits.toFixed(3)} bits per byte`);
    for (const each of exposure) console.log(line(each));
    if (sampled === undefined) continue;
    const { extractedBySampling, prefixes, extractedGreedily } = sampled;
    const bySampling = Object.entries(extractedBySampling).map(([copies, count]) => `${copies}: ${count}`);
    console.log(`  in ${sampled.samples} samples, by copies: ${bySampling.join(', ')}`);
    console.log(`  greedily from ${prefixes} prefixes of what was said once: ${extractedGreedily}`);
  }
  const known = existsSync(values.out) ? (JSON.parse(readFileSync(values.out, 'utf8')) as { chats?: object }) : {};
  const entry = {
    date: new Date().toISOString(),
    machine,
    backend,
    base: baseId(resolve(values.base)),
    seed,
    canariesOfEach: perRow,
    candidates,
    trained: sizeOf(chat.train),
    arms: measured,
  };
  const result = {
    what: 'exposure in bits of canaries said so many times in a chat, after a night on the base; chance is 1.44 in the mean',
    limits: exposureLimits,
    chats: { ...known.chats, [`${chat.name} seed ${seed}, copies ${values.copies}`]: entry },
  };
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
}

await main();
