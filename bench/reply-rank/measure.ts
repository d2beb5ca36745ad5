/** What reply-rank.ts measures: finding the real reply, and what the chosen candidates are like. */
import { isScored, type Conversation } from '../../src/dataset/conversations.ts';
import type { Engine } from '../../src/model/engine.ts';
import { generateCandidates } from '../../src/model/generate.ts';
import { lexicalWords, type Lexicon } from '../../src/dataset/lexicon.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import {
  agreements,
  repeatsItself,
  standardised,
  textLogProbabilities,
  wordF1,
  wordsOf,
} from '../../src/reply/rank.ts';
import { unknownWordsIn } from '../../src/reply/unknown-words.ts';
import type { Tokenizer } from '../../src/tokenizer/bpe.ts';
import { chatIds, decodeReply, encodeConversation } from '../../src/tokenizer/chat-format.ts';
import { styleDistance, type Turn } from '../../src/train/style.ts';
import type { ConversationMessage, SamplingOptions } from '../../src/types.ts';
import { createRandom } from '../../src/util/random.ts';
import { contextsOf } from '../base/adapt.ts';
import { rounded } from '../learn.ts';

export interface Model {
  engine: Engine;
  tokenizer: Tokenizer;
}

export interface Case {
  before: ConversationMessage[];
  prompt: number[];
  /** ids of the real reply */
  ids: number[];
  texts: Turn;
}

const distractors = 19;
const candidates = 16;
/** more than any score of standardised parts */
const lastPlace = 100;
const maxNewTokens = 60;

/** What a score may go by. */
interface Features {
  /** log p(text | context), log p(text), and ids of the text */
  inContext: number;
  alone: number;
  tokens: number;
}

type Score = (features: Features) => number;

const scores: Record<string, Score> = {
  likelihood: ({ inContext }) => inContext,
  'likelihood a token': ({ inContext, tokens }) => inContext / tokens,
  'anti-LM, lambda 0.5': ({ inContext, alone }) => inContext - alone / 2,
  'anti-LM, lambda 0.8': ({ inContext, alone }) => inContext - 0.8 * alone,
  information: ({ inContext, alone }) => inContext - alone,
  'information by root of tokens': ({ inContext, alone, tokens }) => (inContext - alone) / Math.sqrt(tokens),
  'information a token': ({ inContext, alone, tokens }) => (inContext - alone) / tokens,
};

export function casesOf(conversations: readonly Conversation[], { engine, tokenizer }: Model, count: number): Case[] {
  const { contextLength } = engine.config;
  const { end } = chatIds(tokenizer);
  const contexts = createRandom('contexts').shuffle(contextsOf(conversations)).slice(0, count);
  return contexts.map(({ before, turn, real }) => {
    const { ids: prompt } = buildPrompt(before, tokenizer, { contextLength });
    const { ids, messageIndex } = encodeConversation([...before, ...turn], tokenizer);
    const reply = [...ids.subarray(messageIndex.indexOf(before.length) + 1)];
    return { before, prompt, ids: reply.slice(0, reply.indexOf(end) + 1), texts: real };
  });
}

/** How many real turns the shape rule takes for a network's babble. */
export function shapeOfReal(conversations: readonly Conversation[]): { turns: number; refused: number } {
  const turns = contextsOf(
    conversations.map((conversation) => ({
      ...conversation,
      messages: conversation.messages.filter((message) => !message.isPersona || isScored(message, conversation)),
    })),
  );
  return { turns: turns.length, refused: turns.filter(({ turn }) => repeatsItself(turn)).length };
}

export async function find({ engine, tokenizer }: Model, cases: readonly Case[]) {
  const { bos, persona, isMark } = chatIds(tokenizer);
  const all = cases.map(({ ids }) => ids);
  const alone = await textLogProbabilities(engine, tokenizer, [bos, persona], all);
  const tokens = all.map((ids) => ids.filter((id) => !isMark(id)).length);
  const ranks = new Map(
    Object.keys(scores).map((name) => [name, { ranks: [] as number[], pools: [[], []] as number[][] }]),
  );
  for (const [i, { prompt, texts }] of cases.entries()) {
    const others = [...cases.keys()].filter((j) => cases[j]!.texts.join('\n') !== texts.join('\n'));
    const chosen = [i, ...createRandom(`distractors ${i}`).shuffle(others).slice(0, distractors)];
    const inContext = await textLogProbabilities(
      engine,
      tokenizer,
      prompt,
      chosen.map((j) => all[j]!),
    );
    for (const [name, score] of Object.entries(scores)) {
      const values = chosen.map((j, k) => score({ inContext: inContext[k]!, alone: alone[j]!, tokens: tokens[j]! }));
      const [own, ...rest] = values as [number, ...number[]];
      const { ranks: list, pools } = ranks.get(name)!;
      list.push(1 + rest.filter((value) => value >= own).length);
      pools[0]!.push(own);
      pools[1]!.push(...rest);
    }
  }
  const rows = [...ranks].map(([name, { ranks: list, pools }]) => [
    name,
    {
      hitsAt1: rounded(mean(list.map((rank) => (rank === 1 ? 1 : 0)))),
      reciprocalRank: rounded(mean(list.map((rank) => 1 / rank))),
      auc: rounded(
        mean(pools[0]!.map((own) => mean(pools[1]!.map((other) => (own > other ? 1 : own === other ? 0.5 : 0))))),
      ),
    },
  ]);
  return Object.fromEntries(rows) as Record<string, { hitsAt1: number; reciprocalRank: number; auc: number }>;
}

/** Words of all messages. */
export function vocabularyOf(conversations: readonly Conversation[]): ReadonlySet<string> {
  return new Set(conversations.flatMap(({ messages }) => messages.flatMap(({ text }) => wordsOf(text))));
}

/** What may be said, by the chat before and, where there is one, by a corpus. */
export interface Words {
  /** of the chat before */
  known: ReadonlySet<string>;
  /** as a run keeps them */
  lexicon: Lexicon;
  /** of the chat and the corpus; null: there is no corpus, and nothing is said of invented words */
  real: ReadonlySet<string> | null;
}

/** What replies are like beside the real ones. */
export function describe(cases: readonly Case[], turns: readonly Turn[], { known, real }: Words) {
  const words = turns.map((turn) => wordsOf(turn.join(' ')));
  const pairs = words.flatMap((list) => list.slice(1).map((word, at) => `${list[at]} ${word}`));
  return {
    wordF1: rounded(mean(words.map((own, i) => wordF1(own, wordsOf(cases[i]!.texts.join(' ')))))),
    style: rounded(
      styleDistance(
        cases.map(({ texts }) => texts),
        turns,
      ).distance,
    ),
    newWords: rounded(mean(words.flat().map((word) => (known.has(word) ? 0 : 1)))),
    distinctPairs: rounded(new Set(pairs).size / Math.max(1, pairs.length)),
    words: rounded(mean(words.map((list) => list.length))),
    ...(real && { withInventedWord: rounded(mean(turns.map((turn) => (isAllReal(turn, real) ? 0 : 1)))) }),
  };
}

const isAllReal = (turn: Turn, real: ReadonlySet<string>): boolean =>
  turn.every((text) => lexicalWords(text).every((word) => real.has(word)));

export async function choose(
  { engine, tokenizer }: Model,
  cases: readonly Case[],
  { sampling, words: said, judge }: { sampling: SamplingOptions; words: Words; judge?: Model | undefined },
) {
  const { bos, persona, end, isMark, bannedInReplies: banned } = chatIds(tokenizer);
  const chosen: Record<string, Turn[]> = {};
  const put = (name: string, turn: Turn): void => void (chosen[name] ??= []).push(turn);
  let refused = 0;
  for (const [i, { before, prompt, texts }] of cases.entries()) {
    const unknown = unknownWordsIn(said.lexicon, tokenizer, before);
    const seeds = Array.from({ length: candidates }, (_, k) => candidates * i + k);
    const drawn = await generateCandidates(engine, prompt, seeds, { sampling, banned, stop: [end], maxNewTokens });
    const drafts = drawn.map(({ ids, logProbabilities }) => ({
      ids,
      inContext: logProbabilities.reduce((sum, nats, at) => (isMark(ids[at]!) ? sum : sum + nats), 0),
      turn: decodeReply(ids, tokenizer).map(({ text }) => text.trim()),
    }));
    put('first sample', drafts[0]!.turn);
    const usable = drafts.filter(
      ({ ids, turn }) => ids.at(-1) === end && turn.length > 0 && !repeatsItself(turn.map((text) => ({ text }))),
    );
    refused += drafts.length - usable.length;
    const words = usable.map(({ turn }) => wordsOf(turn.join(' ')));
    const alone = await textLogProbabilities(
      engine,
      tokenizer,
      [bos, persona],
      usable.map(({ ids }) => ids),
    );
    const features = usable.map(({ ids, inContext }, k): Features => {
      return { inContext, alone: alone[k]!, tokens: ids.filter((id) => !isMark(id)).length };
    });
    const pick = (name: string, values: readonly number[]): void =>
      put(name, usable[values.indexOf(Math.max(...values))]?.turn ?? []);
    for (const [name, score] of Object.entries(scores)) pick(name, features.map(score));
    const agreement = agreements(words);
    const information = standardised(features.map(scores['information']!));
    pick('agreement', agreement);
    const both = standardised(agreement).map((value, k) => value + information[k]!);
    pick('information and agreement', both);
    const isKnown = usable.map(({ turn }) => unknown(turn.join('\n')).length === 0);
    pick(
      'the same, words that nobody wrote last',
      both.map((value, k) => value - (isKnown[k] === true ? 0 : lastPlace)),
    );
    const real = wordsOf(texts.join(' '));
    pick(
      '(nearest to the real one)',
      words.map((own) => wordF1(own, real)),
    );
  }
  const rows: Record<string, object> = {};
  for (const [name, turns] of Object.entries(chosen)) {
    rows[name] = { ...describe(cases, turns, said), ...(judge && (await judgeOf(judge, cases, turns))) };
  }
  return { refused: rounded(refused / (cases.length * candidates)), rows };
}

/** What another network thinks of replies: nats that the context adds to one, and how likely a token is after it. */
export async function judgeOf({ engine, tokenizer }: Model, cases: readonly Case[], turns: readonly Turn[]) {
  const { bos, persona, msg, end } = chatIds(tokenizer);
  let [added, inContext, tokens] = [0, 0, 0];
  for (const [i, turn] of turns.entries()) {
    if (turn.length === 0) continue;
    const ids = turn.flatMap((text, at) => [...tokenizer.encode(text), at === turn.length - 1 ? end : msg]);
    const { ids: prompt } = buildPrompt(cases[i]!.before, tokenizer, engine.config);
    const [after] = await textLogProbabilities(engine, tokenizer, prompt, [ids]);
    const [alone] = await textLogProbabilities(engine, tokenizer, [bos, persona], [ids]);
    added += after! - alone!;
    inContext += after!;
    tokens += ids.length;
  }
  return { judgedInformation: rounded(added / turns.length), judgedNatsAToken: rounded(inContext / tokens) };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
