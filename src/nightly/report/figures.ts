/**
 * A judged night -> the figures of its report card: held-out cost of each model with intervals, how near the manner of the
 * samples is to the person's, and whether a classifier tells them apart. Numbers only, so they may stand in the store.
 * Pure and seeded by the id of the run. Not covered: words and layout (markdown.ts).
 */
import type { RedactSpans } from '../../tokenizer/chat-format.ts';
import { styleDistance, type StyleDistance, type Turn } from '../../train/style.ts';
import { twoSampleTest, type TwoSampleTest } from '../../train/two-sample.ts';
import { bootstrap, type Interval } from '../../util/intervals.ts';
import type { JudgedNight, Sample } from '../findings.ts';
import type { Feedback } from './feedback.ts';

export const comparedModels = ['run', 'champion', 'base', 'ngram'] as const;
export type ComparedModel = (typeof comparedModels)[number];

/** What one held-out conversation costs, in bits, under each model; null where there is no such model. */
export interface ConversationCost {
  /** UTF-8 bytes of the persona's messages, with a newline each */
  bytes: number;
  /** words of them, what stands between blanks */
  words: number;
  bits: Record<ComparedModel, number | null>;
}

export interface ModelFigures {
  bitsPerByte: number;
  bitsPerByteInterval: Interval | null;
  /** 2 to the power of bits a word, so that vocabularies do not matter */
  perplexity: number;
  perplexityInterval: Interval | null;
  /** bits of the run over bits of this model, less 1; null for the run itself */
  runAgainstIt: { mean: number; interval: Interval | null } | null;
}

export interface HeldOutFigures {
  conversations: number;
  bytes: number;
  words: number;
  models: Record<ComparedModel, ModelFigures | null>;
}

export interface MannerFigures {
  /** replies that were compared: those whose real one holds neither a placeholder nor nothing */
  pairs: number;
  leftOut: number;
  distance: StyleDistance;
  /** of one half of the real replies from the other, the floor; null for fewer than two */
  floor: StyleDistance | null;
  /** null where there are too few pairs */
  twoSample: TwoSampleTest | null;
}

export interface CardFigures {
  heldOut: HeldOutFigures | null;
  manner: MannerFigures | null;
  /** null: nobody looked */
  feedback: Feedback | null;
}

/** Fewer conversations make no interval. */
const fewestConversations = 5;

export function figuresOf(
  night: Pick<JudgedNight, 'run' | 'samples'>,
  { costs, redact, feedback }: { costs: readonly ConversationCost[]; redact: RedactSpans; feedback: Feedback | null },
): CardFigures {
  return { heldOut: heldOutOf(costs, night.run), manner: mannerOf(night.samples, redact, night.run), feedback };
}

export function heldOutOf(all: readonly ConversationCost[], seed: string): HeldOutFigures | null {
  const costs = all.filter(({ bytes }) => bytes > 0);
  const everything = [...costs.keys()];
  const total = (of: (cost: ConversationCost) => number, at: Iterable<number> = everything): number => {
    let sum = 0;
    for (const i of at) sum += of(costs[i]!);
    return sum;
  };
  const hasModel = (model: ComparedModel): boolean =>
    costs.length > 0 && costs.every(({ bits }) => bits[model] !== null);
  if (!hasModel('run')) return null;
  const intervalOf = (statistic: (at: Iterable<number>) => number): Interval | null =>
    costs.length < fewestConversations ? null : (bootstrap(costs.length, statistic, { seed }) ?? null);

  const figures = (model: ComparedModel): ModelFigures | null => {
    if (!hasModel(model)) return null;
    const bits = (at?: Iterable<number>): number => total((cost) => cost.bits[model]!, at);
    const perByte = (at?: Iterable<number>): number => bits(at) / total(({ bytes }) => bytes, at);
    const perplexity = (at?: Iterable<number>): number =>
      2 **
      (bits(at) /
        Math.max(
          1,
          total(({ words }) => words, at),
        ));
    const against = (at?: Iterable<number>): number => total((cost) => cost.bits.run!, at) / bits(at) - 1;
    return {
      bitsPerByte: perByte(),
      bitsPerByteInterval: intervalOf(perByte),
      perplexity: perplexity(),
      perplexityInterval: intervalOf(perplexity),
      runAgainstIt: model === 'run' ? null : { mean: against(), interval: intervalOf(against) },
    };
  };
  return {
    conversations: costs.length,
    bytes: total(({ bytes }) => bytes),
    words: total(({ words }) => words),
    models: {
      run: figures('run'),
      champion: figures('champion'),
      base: figures('base'),
      ngram: figures('ngram'),
    },
  };
}

/** Words as they count for perplexity. */
export function countWords(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length;
}

function mannerOf(samples: readonly Sample[], redact: RedactSpans, seed: string): MannerFigures | null {
  // a number in a real reply would give it away: in the samples there can be none
  const usable = samples.filter(({ real }) => real.length > 0 && real.every((text) => redact(text).length === 0));
  if (usable.length === 0) return null;
  const real: Turn[] = usable.map((sample) => sample.real);
  const sampled: Turn[] = usable.map((sample) => sample.sampled);
  const half = (rest: number): Turn[] => real.filter((_, i) => i % 2 === rest);
  return {
    pairs: usable.length,
    leftOut: samples.length - usable.length,
    distance: styleDistance(real, sampled),
    floor: real.length < 2 ? null : styleDistance(half(0), half(1)),
    twoSample: twoSampleTest(real, sampled, { seed }) ?? null,
  };
}
