/**
 * Would what was said since the last night help at once, without training? The model's probability of each id of a persona's
 * held-out replies, mixed with that of a cache of the same chat: the text it was trained on and all that was said before.
 * - `unigram`: how often the persona said the id, later ones counting more (recency; Grave et al. 2017, "Improving Neural Language
 *   Models with a Continuous Cache", without its similarity);
 * - `ngram`: what followed the longest earlier occurrence of the last ids, up to eight, in anybody's text; nearest neighbours by
 *   exact context where kNN-LM (Khandelwal et al. 2020) takes hidden states. Shorter contexts count where longer ones are unseen.
 * p = (1 - w) model + w cache; w and the cache's own numbers are chosen on the validation part, the test is read once.
 * Run: npx tsc -p bench && node dist/bench/cache-lm.js FOLDER [--chats xpersona,ubuntu,self,capcom] [--turns 8000] [--threads N]
 *      [--way gentle|strong]
 *   FOLDER: what bench/base/prepare wrote. --way: the one that validation chose before (bench/results/quality.json), to save the
 *   time of the other. Adds to bench/results/cache-lm.json.
 * Only this chat is in the cache, as it would be in a bot: what others said cannot come out, and a deleted row is out at once.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBase } from '../src/checkpoint/base.ts';
import type { Conversation } from '../src/dataset/conversations.ts';
import { toRows } from '../src/dataset/rows.ts';
import { pickBackend } from '../src/model/backend.ts';
import type { Engine } from '../src/model/engine.ts';
import type { Tokenizer } from '../src/tokenizer/bpe.ts';
import { chatIds, encodeConversation, lossKind, scoredBytes } from '../src/tokenizer/chat-format.ts';
import { withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { waysFor } from '../src/train/recipe.ts';
import { namedChat, sizeOf } from './chats.ts';
import { learn, learnBestWay, rounded } from './learn.ts';
import { machine } from './machine.ts';

const size = 'nano';
const weights = [0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2];
const halfLives = [500, 5000, 50_000];
const longestContexts = [1, 2, 4, 8];
const maxContext = Math.max(...longestContexts);

/** One conversation: its ids, which of them are the persona's text, and the model's probability of those. */
interface Scored {
  ids: Int32Array;
  kinds: Uint8Array;
  /** (n) by position; 0 where nothing is scored */
  probability: Float64Array;
  bytes: number;
}

/** Probabilities that a cache gives the scored ids of some conversations, in their order. */
type CacheProbabilities = Float64Array;

async function score(engine: Engine, tokenizer: Tokenizer, conversations: readonly Conversation[]): Promise<Scored[]> {
  const scored: Scored[] = [];
  for (const conversation of conversations) {
    const encoded = encodeConversation(conversation.messages, tokenizer, conversation);
    const losses: number[] = [];
    for (const { inputs, targets } of toRows([encoded], engine.config.contextLength)) {
      const nats = await engine.tokenLosses({ inputs, targets, batchSize: 1, length: inputs.length });
      targets.forEach((target, at) => target >= 0 && losses.push(nats[at]!));
    }
    // every id with loss is a target once, in order
    const places = [...encoded.ids.keys()].filter((at) => encoded.kinds[at] !== lossKind.none);
    check(places.length === losses.length, `${places.length} ids with loss, ${losses.length} losses`);
    const probability = new Float64Array(encoded.ids.length);
    places.forEach((at, i) => (probability[at] = Math.exp(-losses[i]!)));
    scored.push({ ids: encoded.ids, kinds: encoded.kinds, probability, bytes: scoredBytes(encoded, tokenizer) });
  }
  return scored;
}

/** Counts of the persona's ids that halve every so many of them. */
function unigramCache(vocabSize: number, halfLife: number) {
  const counts = new Float64Array(vocabSize);
  const growth = 2 ** (1 / halfLife);
  let unit = 1;
  let total = 0;
  return {
    probability: (id: number): number => (total === 0 ? 0 : counts[id]! / total),
    add: (id: number): void => {
      counts[id]! += unit;
      total += unit;
      unit *= growth;
      if (unit < 1e200) return;
      for (let i = 0; i < vocabSize; i++) counts[i]! /= unit;
      total /= unit;
      unit = 1;
    },
  };
}

/** What followed each context of up to so many ids; the longest one that was seen speaks, by counts. */
function ngramCache(longest: number) {
  const next = new Map<string, Map<number, number>>();
  const keyOf = (history: readonly number[], length: number): string => history.slice(history.length - length).join();
  return {
    probability: (history: readonly number[], id: number): number => {
      for (let length = Math.min(longest, history.length); length > 0; length--) {
        const seen = next.get(keyOf(history, length));
        if (seen === undefined) continue;
        let total = 0;
        for (const count of seen.values()) total += count;
        return (seen.get(id) ?? 0) / total;
      }
      return 0;
    },
    add: (history: readonly number[], id: number): void => {
      for (let length = 1; length <= Math.min(longest, history.length); length++) {
        const key = keyOf(history, length);
        const seen = next.get(key) ?? new Map<number, number>();
        seen.set(id, (seen.get(id) ?? 0) + 1);
        next.set(key, seen);
      }
    },
  };
}

type Encoded = Pick<Scored, 'ids' | 'kinds'>;

/** @param before what is in the cache from the start; each conversation joins it when it is over, its own text as it goes */
function unigramProbabilities(
  before: readonly Encoded[],
  conversations: readonly Encoded[],
  vocabSize: number,
  halfLife: number,
): CacheProbabilities {
  const cache = unigramCache(vocabSize, halfLife);
  const found: number[] = [];
  const read = ({ ids, kinds }: Encoded, isScored: boolean): void =>
    ids.forEach((id, at) => {
      if (kinds[at] !== lossKind.text) return;
      if (isScored) found.push(cache.probability(id));
      cache.add(id);
    });
  for (const each of before) read(each, false);
  for (const each of conversations) read(each, true);
  return Float64Array.from(found);
}

function ngramProbabilities(
  before: readonly Encoded[],
  conversations: readonly Encoded[],
  longest: number,
): CacheProbabilities {
  const cache = ngramCache(longest);
  const found: number[] = [];
  const read = ({ ids, kinds }: Encoded, isScored: boolean): void => {
    const history: number[] = [];
    ids.forEach((id, at) => {
      if (isScored && kinds[at] === lossKind.text) found.push(cache.probability(history, id));
      cache.add(history, id);
      history.push(id);
      if (history.length > maxContext) history.shift();
    });
  };
  for (const each of before) read(each, false);
  for (const each of conversations) read(each, true);
  return Float64Array.from(found);
}

/** Bits per byte of the text with this share of the cache. Where the cache knows nothing, the model speaks alone. */
function bitsPerByte(scored: readonly Scored[], cache: CacheProbabilities, weight: number): number {
  let bits = 0;
  let next = 0;
  for (const { kinds, probability } of scored) {
    probability.forEach((p, at) => {
      if (kinds[at] !== lossKind.text) return;
      bits -= Math.log2((1 - weight) * p + weight * cache[next++]!);
    });
  }
  check(next === cache.length, `${next} ids scored, ${cache.length} in the cache's list`);
  return bits / scored.reduce((sum, { bytes }) => sum + bytes, 0);
}

interface Choice {
  cache: string;
  weight: number;
  validation: number;
  test: number;
  change: number;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      chats: { type: 'string', default: 'xpersona,ubuntu,self,capcom' },
      turns: { type: 'string', default: '8000' },
      threads: { type: 'string' },
      way: { type: 'string' },
    },
    allowPositionals: true,
  });
  const [folder] = positionals;
  check(folder, 'which folder of prepared dialogues?');
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  const {
    config,
    weights: baseWeights,
    tokenizerJson,
  } = loadBase(join(projectRoot, 'models', 'base', size), withSpecialTokens);
  const backend = await pickBackend('auto', 'training');
  const file = join(projectRoot, 'bench', 'results', 'cache-lm.json');
  for (const name of values.chats.split(',')) {
    const chat = namedChat(folder, name, Number(values.turns));
    let result: object | undefined;
    const variant = { name, size, base: { config, weights: baseWeights, tokenizerJson } } as const;
    const way =
      values.way === undefined ? undefined : waysFor(size, { fromScratch: false }).find((w) => w.name === values.way);
    check(way !== undefined || values.way === undefined, `no way ${values.way}`);
    const measure = async (engine: Engine, tokenizer: Tokenizer): Promise<void> => {
      const encodedTrain = chat.train.map((c) => encodeConversation(c.messages, tokenizer, c));
      const validation = await score(engine, tokenizer, chat.validation);
      const test = await score(engine, tokenizer, chat.test);
      const { vocabSize } = tokenizer;
      check(chatIds(tokenizer).bos < vocabSize, 'ids within the vocabulary');
      const candidates = [
        ...halfLives.map((halfLife) => ({
          cache: `unigram, halved after ${halfLife}`,
          of: (before: Encoded[], conversations: Encoded[]) =>
            unigramProbabilities(before, conversations, vocabSize, halfLife),
        })),
        ...longestContexts.map((longest) => ({
          cache: `ngram, up to ${longest}`,
          of: (before: Encoded[], conversations: Encoded[]) => ngramProbabilities(before, conversations, longest),
        })),
      ];
      const without = bitsPerByte(test, new Float64Array(ngramProbabilities([], test, 1).length), 0);
      const choices = candidates.map(({ cache, of }): Choice => {
        const onValidation = of(encodedTrain, validation);
        const tried = weights.map((weight) => ({ weight, bits: bitsPerByte(validation, onValidation, weight) }));
        const best = tried.reduce((a, b) => (b.bits < a.bits ? b : a));
        const onTest = bitsPerByte(test, of([...encodedTrain, ...validation], test), best.weight);
        return {
          cache,
          weight: best.weight,
          validation: rounded(best.bits),
          test: rounded(onTest),
          change: rounded(onTest / without - 1),
        };
      });
      const chosen = choices.reduce((a, b) => (b.validation < a.validation ? b : a));
      result = { test: sizeOf(chat.test), withoutCache: rounded(without), chosen, choices };
      console.log(`${name}: ${without.toFixed(4)} bits per byte without a cache`);
      for (const { cache, weight, test: bits, change } of choices) {
        console.log(
          `  ${cache.padEnd(28)} weight ${String(weight).padEnd(6)} ${bits.toFixed(4)}  ${(change * 100).toFixed(2)} %${cache === chosen.cache ? '  chosen by validation' : ''}`,
        );
      }
    };
    const learned =
      way === undefined
        ? await learnBestWay(chat, variant, backend, threads, measure)
        : await learn(chat, { ...variant, way }, backend, threads, measure);
    const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { chats?: object }) : {};
    const { testBits, seconds } = learned;
    mkdirSync(dirname(file), { recursive: true });
    const all = {
      what: "bits per byte on a persona's held-out replies, of the trained model alone and mixed with a cache of the chat",
      chats: {
        ...known.chats,
        [name]: { date: new Date().toISOString(), machine, backend, way: learned.way, testBits, seconds, ...result },
      },
    };
    writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  }
}

await main();
